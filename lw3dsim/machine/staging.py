"""How a layer is staged between ports and multipliers, as written down in ``docs/microarchitecture.md``.

A round takes a group of taps of a kernel. Files in front of the multipliers hold what it needs of inputs and weights,
twice. So the files bound how many taps a round takes, how many tiles deep a wave is, and how many rows have inputs of
their own.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

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


class Way(Value, frozen=True, kw_only=True):
    """A way to stage a layer: the taps of a group along T, H and W, tiles of a lane in a wave, and rows that work."""

    taps: Triple
    groups: int
    depth: int
    rows: int


def unstaged(problem: Problem, arch: Accelerator) -> Way:
    """Return the way of a layer that does not multiply."""
    return Way(taps=problem.kernel, groups=1, depth=arch.pe.acc_depth, rows=arch.places("output_channels"))


def staging_ways(problem: Problem, arch: Accelerator, chunk: int) -> list[Way]:
    """Return the ways to stage a layer, ``chunk`` input channels of a PE at once, that fit; the most taps first.

    Raises MappingError where none does.
    """
    ways = [way for taps in _groups(problem) if (way := _way(problem, arch, chunk, taps)) is not None]
    if not ways:
        algorithm, need = problem.algorithm, _weights_held(problem, arch, chunk, 1)
        raise (
            MappingError(
                "pe.staging_weights",
                f"a round of {algorithm.label} needs {need} weights a multiplier, there are {arch.staging_weights}; "
                "raise pe.staging_weights or lower m1, m2",
            )
            if need > arch.staging_weights
            else MappingError(
                "pe.staging_elements",
                f"a tile of {algorithm.label} needs {_elements(problem, arch, 1)} inputs a multiplier, staging holds "
                f"{arch.staging_room}; raise pe.staging_elements or lower m1, m2",
            )
        )
    return ways


def _groups(problem: Problem) -> list[Triple]:
    """Return the groups in which a kernel can be taken: of a direct one all taps, or those along H and W, W, or one."""
    K, R, S = problem.kernel
    if problem.algorithm.is_winograd:
        return [(K, R, S)]
    return list(dict.fromkeys([(K, R, S), (1, R, S), (1, 1, S), (1, 1, 1)]))


def _way(problem: Problem, arch: Accelerator, chunk: int, taps: Triple) -> Way | None:
    groups, rows = math.prod(problem.kernel) // math.prod(taps), arch.places("output_channels")
    groups = 1 if problem.algorithm.is_winograd else groups
    if _weights_held(problem, arch, chunk, groups) > arch.staging_weights:
        return None
    full = arch.pe.acc_depth // _cycles_per_tile(problem, arch)
    if arch.dataflow.inputs != "once_a_round":
        return Way(taps=taps, groups=groups, depth=full, rows=rows)
    # As many inputs as rows read, of a tile of every lane.
    inputs = rows // problem.abreast if problem.structure == "grouped" else 1
    inputs = min(inputs, arch.staging_room // _elements(problem, arch, groups))
    if inputs == 0:
        return None
    depth = min(full, arch.staging_room // (inputs * _elements(problem, arch, groups)))
    fed = inputs * problem.abreast if problem.structure == "grouped" else rows
    return Way(taps=taps, groups=groups, depth=depth, rows=fed)


def _cycles_per_tile(problem: Problem, arch: Accelerator) -> int:
    return -(-problem.algorithm.coordinates // arch.pe.mults_per_pe)


def _elements(problem: Problem, arch: Accelerator, groups: int) -> int:
    """Return the inputs of a tile that a multiplier holds for a round."""
    return problem.algorithm.taps // groups * _cycles_per_tile(problem, arch)


def _weights_held(problem: Problem, arch: Accelerator, chunk: int, groups: int) -> int:
    """Return the weights that a multiplier holds for a round."""
    return -(-problem.algorithm.taps // groups * problem.algorithm.coordinates * chunk // arch.pe.mults_per_pe)


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
