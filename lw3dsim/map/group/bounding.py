"""What mappings of a fused group take at least, stage by stage, and what of weights moves: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel, read
from lw3dsim.machine.records import Array, Layer
from lw3dsim.machine.vector import vector_cycles
from lw3dsim.map.group.fitting import chunk_of, most_units, some_tiles, units_of

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.fitting import Floor, Found, Parts, Tiles


@kernel
def bound_cycles(parts: Parts, floor: Floor, found: Found, at: int, of_stages: Words) -> int:
    """Return the cycles that mapping ``at`` takes at least: as its tile, with the chunks that it has.

    Those of each stage are filled in.
    """
    stages, t, h, w = parts.stages, parts.t, parts.h, parts.w
    i, j, k, cycles = found.t[at], found.h[at], found.w[at], 0
    for stage in range(len(stages.n)):
        chunk = chunk_of(parts, found, at, stage)
        whole, rest = stages.n[stage] // chunk, stages.n[stage] % chunk
        passes = whole * ceiling(chunk, floor.rows) + ceiling(rest, floor.rows)
        work = units_of(t, h, w, parts.units, i, j, k, stage)
        steps = some_tiles(t, h, w, i, j, k, stage + 1) * (whole + min(rest, 1))
        most = most_units(t, h, w, parts.units, i, j, k, stage)
        if floor.is_vector[stage]:
            of_stages[stage] = vector_stage_cycles(t, h, w, floor, i, j, k, stage, steps)
        else:
            of_stages[stage] = least_cycles_of(floor, stage, work, most, passes, steps)
        cycles += of_stages[stage]
    return cycles


@kernel
def chunked_cycles(
    parts: Parts, floor: Floor, i: int, j: int, k: int, stage: int, size: int, tiles: int, is_held: int
) -> int:
    """Return the cycles that a stage takes at least in chunks of up to ``size`` channels, for so many ``tiles``.

    Where these are not ``is_held`` on chip, of any size.
    """
    t, h, w, n = parts.t, parts.h, parts.w, parts.stages.n[stage]
    steps = tiles * ceiling(n, size)
    if floor.is_vector[stage]:
        return vector_stage_cycles(t, h, w, floor, i, j, k, stage, steps)
    work, most = units_of(t, h, w, parts.units, i, j, k, stage), 0
    if is_held:
        most = most_units(t, h, w, parts.units, i, j, k, stage)
    return least_cycles_of(floor, stage, work, most, ceiling(n, min(floor.rows, size)), steps)


@kernel
def vector_stage_cycles(t: Cuts, h: Cuts, w: Cuts, floor: Floor, i: int, j: int, k: int, stage: int, steps: int) -> int:
    """Return the cycles of a vector stage in so many ``steps``: as if all its tiles were one, and to fill each."""
    layer = read(Layer, floor.layers, floor.layer[stage])
    array = read(Array, floor.arrays, 2 * floor.kind[stage])
    return whole_cycles(layer, array, t, h, w, i, j, k, stage) + steps * floor.fill[stage]


@kernel
def whole_cycles(layer: Layer, array: Array, t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, stage: int) -> int:
    """Return the cycles of a vector stage as if all its tiles were one."""
    made_t, made_h = t.all_new[(stage + 1) * len(t.tile) + i], h.all_new[(stage + 1) * len(h.tile) + j]
    made_w = w.all_new[(stage + 1) * len(w.tile) + k]
    return vector_cycles(layer, array, layer.n, made_t, made_h, made_w, layer.c, 1, 1)


@kernel
def least_cycles_of(floor: Floor, stage: int, units: int, most: int, passes: int, steps: int) -> int:
    """Return the cycles that so many units of a stage take at least, in so many passes of channels each.

    Steps have up to so many, of which the last to be multiplied may leave lanes idle; for 0, none do.
    """
    times, pixel, channel = units * passes, floor.pixel_work[stage], floor.channel_work[stage]
    if most:
        in_rounds = ceiling(most, floor.pixel_lanes[stage]) * pixel
        of_passes = in_proportion(times, most, min(in_rounds, ceiling(most, floor.channel_lanes[stage]) * channel))
    else:
        of_passes = min(times * pixel // floor.pixel_lanes[stage], times * channel // floor.channel_lanes[stage])
    if floor.pass_work[stage]:
        of_passes = max(of_passes, times * floor.pass_work[stage] // floor.pass_lanes[stage])
    if floor.work[stage]:
        of_passes = max(of_passes, units * floor.work[stage] // floor.lanes[stage])
    return of_passes + steps * floor.fill[stage]


@kernel
def in_proportion(units: int, most: int, cycles: int) -> int:
    """Return the cycles of so many units where ``most`` of them take so many ``cycles``, rounded down."""
    return units * (cycles // most) + units * (cycles % most) // most


@kernel
def moved_weights(parts: Parts, floor: Floor, fit: Tiles, at: int, resident: int) -> int:
    """Return the bits of weights that move of tile ``at`` where a set is resident."""
    i, j, k, stages, bits = fit.t[at], fit.h[at], fit.w[at], len(parts.stages.n), 0
    for stage in range(stages):
        if floor.weights[stage]:
            stays = parts.sets[resident * stages + stage]
            bits += floor.weights[stage] * (1 if stays else some_tiles(parts.t, parts.h, parts.w, i, j, k, stage + 1))
    return bits
