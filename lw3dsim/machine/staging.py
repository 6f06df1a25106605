"""How a layer is staged between ports and multipliers, as written down in ``docs/microarchitecture.md``.

A round takes a group of taps of a kernel. Files in front of the multipliers hold what it needs of inputs and weights,
twice. So the files bound how many taps a round takes, how many tiles deep a wave is, and how many rows have inputs of
their own.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
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


def unstaged(problem: Problem, arch: Accelerator) -> Way:
    """Return the way of a layer that does not multiply."""
    return Way(taps=problem.kernel, groups=1, depth=arch.pe.acc_depth, rows=arch.places("output_channels"))


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


def wave_cost(layer: Layer, array: Array) -> tuple[Fraction, Fraction]:
    """Return what a way takes for a tile of a channel, of the first wave of the whole layer: cycles, and bits read."""
    whole = [-(-outputs // size) for outputs, size in zip(layer.out, layer.tile, strict=True)]
    t, h, w = layer.out
    part = wave_shape(layer, array, t // layer.segments, h, w)
    tiles, channels, wide = math.prod(part), min(rows_used(layer, array), layer.n), min(layer.c, array.chunk)
    inputs = own_inputs(layer, channels) * wide
    reach = [patch(layer, array, of, axis) for axis, of in enumerate(part)]
    uncut = int(part[0] == whole[0]), int(part[1] == whole[1]), int(part[2] == whole[2])
    runs, run = patch_runs(layer, array, (reach[0], reach[1]), part, uncut)
    load = max(patch_cycles(layer, array, inputs, runs, run), weight_cycles(layer, array, channels, tiles, wide))
    feed = max(multiply_cycles(layer, array, tiles), transform_cycles(layer, array, channels, tiles, wide))
    bits = runs * run * inputs * layer.activation_bits * array.tap_groups
    bits += weight_uses(array, tiles) * channels * wide * layer.kernel_bits
    return Fraction(array.tap_groups * max(load, feed), channels * tiles), Fraction(bits, channels * tiles)
