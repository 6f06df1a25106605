"""How a layer is staged between ports and multipliers, as written down in ``docs/microarchitecture.md``.

A round takes a group of taps of a kernel. Files in front of the multipliers hold what it needs of inputs and weights,
twice. So the files bound how many taps a round takes, how many tiles deep a wave is, and how many rows have inputs of
their own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry
from lw3dsim.base.values import Value
from lw3dsim.errors import MappingError
from lw3dsim.machine.waves import (
    multiply_cycles,
    own_inputs,
    patch,
    patch_cycles,
    patch_runs,
    rows_used,
    transform_cycles,
    wave_shape,
    weight_cycles,
    weight_uses,
)

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.machine.records import Array, Layer, Triple
    from lw3dsim.transform.algorithms import Algorithm


class Way(Value, frozen=True, kw_only=True):
    """A way to stage a layer: the taps of a group along T, H and W, tiles of a lane in a wave, and rows that work."""

    taps: Triple
    groups: int
    depth: int
    rows: int


@kept(4096)
def unstaged(kernel: Triple, arch: Accelerator) -> Way:
    """Return the way of a layer that does not multiply, with such windows."""
    return Way(taps=kernel, groups=1, depth=arch.pe.acc_depth, rows=arch.places("output_channels"))


def staging_ways(problem: Problem, arch: Accelerator, chunk: int) -> tuple[Way, ...]:
    """Return the ways to stage a layer, ``chunk`` input channels of a PE at once, that fit; the most taps first.

    Raises MappingError where none does.
    """
    algorithm, abreast = problem.algorithm, problem.abreast if problem.structure == "grouped" else 0
    ways = _ways(algorithm, problem.kernel, abreast, arch, chunk)
    if not ways:
        need = _weights_held(algorithm, arch, chunk, 1)
        raise (
            MappingError(
                "pe.staging_weights",
                f"a round of {algorithm.label} needs {need} weights a multiplier, there are {arch.staging_weights}; "
                "raise pe.staging_weights or lower m1, m2",
            )
            if need > arch.staging_weights
            else MappingError(
                "pe.staging_elements",
                f"a tile of {algorithm.label} needs {_elements(algorithm, arch, 1)} inputs a multiplier, staging holds "
                f"{arch.staging_room}; raise pe.staging_elements or lower m1, m2",
            )
        )
    return ways


@kept(4096)
def _ways(algorithm: Algorithm, kernel: Triple, abreast: int, arch: Accelerator, chunk: int) -> tuple[Way, ...]:
    """Return the same of layers with this kernel, groups of so many channels ``abreast`` or, for 0, a dense one."""
    ways = (_way(algorithm, taps, math.prod(kernel), abreast, arch, chunk) for taps in _groups(algorithm, kernel))
    return tuple(way for way in ways if way is not None)


def _groups(algorithm: Algorithm, kernel: Triple) -> list[Triple]:
    """Return the groups in which a kernel can be taken: of a direct one all taps, or those along H and W, W, or one."""
    _, R, S = kernel
    return [kernel] if algorithm.is_winograd else list(dict.fromkeys([kernel, (1, R, S), (1, 1, S), (1, 1, 1)]))


def _way(algorithm: Algorithm, taps: Triple, positions: int, abreast: int, arch: Accelerator, chunk: int) -> Way | None:
    groups, rows = positions // math.prod(taps), arch.places("output_channels")
    if _weights_held(algorithm, arch, chunk, groups) > arch.staging_weights:
        return None
    full = arch.pe.acc_depth // _cycles_per_tile(algorithm, arch)
    if arch.dataflow.inputs != "once_a_round":
        return Way(taps=taps, groups=groups, depth=full, rows=rows)
    # As many inputs as rows read, of a tile of every lane.
    room, elements = arch.staging_room, _elements(algorithm, arch, groups)
    inputs = min(rows // abreast if abreast else 1, room // elements)
    if inputs == 0:
        return None
    depth = min(full, room // (inputs * elements))
    return Way(taps=taps, groups=groups, depth=depth, rows=inputs * abreast if abreast else rows)


def _cycles_per_tile(algorithm: Algorithm, arch: Accelerator) -> int:
    return -(-algorithm.coordinates // arch.pe.mults_per_pe)


def _elements(algorithm: Algorithm, arch: Accelerator, groups: int) -> int:
    """Return the inputs of a tile that a multiplier holds for a round."""
    return algorithm.taps // groups * _cycles_per_tile(algorithm, arch)


def _weights_held(algorithm: Algorithm, arch: Accelerator, chunk: int, groups: int) -> int:
    """Return the weights that a multiplier holds for a round."""
    return -(-algorithm.taps // groups * algorithm.coordinates * chunk // arch.pe.mults_per_pe)


@entry
def wave_cost(layer: Layer, array: Array) -> tuple[int, int, int]:
    """Return what the first wave of a layer that is not cut takes: cycles, bits read, and for how many tiles of n."""
    t, h, w = wave_shape(layer, array, layer.out[0] // layer.segments, layer.out[1], layer.out[2])
    tiles, channels, wide = t * h * w, min(rows_used(layer, array), layer.n), min(layer.c, array.chunk)
    inputs = own_inputs(layer, channels) * wide
    is_long = 1 if t == ceiling(layer.out[0], layer.tile[0]) else 0
    is_high = 1 if h == ceiling(layer.out[1], layer.tile[1]) else 0
    is_wide = 1 if w == ceiling(layer.out[2], layer.tile[2]) else 0
    reach = patch(layer, array, t, 0), patch(layer, array, h, 1)
    runs, run = patch_runs(layer, array, reach, (t, h, w), (is_long, is_high, is_wide))
    load = max(patch_cycles(layer, array, inputs, runs, run), weight_cycles(layer, array, channels, tiles, wide))
    feed = max(multiply_cycles(layer, array, tiles), transform_cycles(layer, array, channels, tiles, wide))
    bits = runs * run * inputs * layer.activation_bits * array.tap_groups
    bits += weight_uses(array, tiles) * channels * wide * layer.kernel_bits
    return array.tap_groups * max(load, feed), bits, channels * tiles
