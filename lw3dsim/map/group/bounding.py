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
    from lw3dsim.machine.records import Triple
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
def chunked_cycles(parts: Parts, floor: Floor, i: int, j: int, k: int, stage: int, size: int, tiles: int) -> int:
    """Return the cycles that a stage takes at least in chunks of up to ``size`` channels, for so many ``tiles``."""
    t, h, w, n = parts.t, parts.h, parts.w, parts.stages.n[stage]
    steps = tiles * ceiling(n, size)
    if floor.is_vector[stage]:
        return vector_stage_cycles(t, h, w, floor, i, j, k, stage, steps)
    work, most = units_of(t, h, w, parts.units, i, j, k, stage), most_units(t, h, w, parts.units, i, j, k, stage)
    return least_cycles_of(floor, stage, work, most, ceiling(n, min(floor.rows, size)), steps)


@kernel
def unchunked_cycles(parts: Parts, floor: Floor, i: int, j: int, k: int, stage: int, tiles: int) -> int:
    """Return the same in chunks as large as its largest, and as if units came to fill all lanes: as fast as any."""
    t, h, w, steps = parts.t, parts.h, parts.w, tiles * floor.chunks[stage]
    if floor.is_vector[stage]:
        return vector_stage_cycles(t, h, w, floor, i, j, k, stage, steps)
    return unit_cycles(floor, stage, units_of(t, h, w, parts.units, i, j, k, stage)) + steps * floor.fill[stage]


@kernel
def unit_cycles(floor: Floor, stage: int, units: int) -> int:
    """Return the cycles that so many units of a stage take at least in all passes, but to fill."""
    cycles = units * floor.passes[stage] * floor.least_work[stage] // floor.least_lanes[stage]
    if floor.work[stage]:
        cycles = max(cycles, units * floor.work[stage] // floor.lanes[stage])
    return cycles


@kernel
def vector_stage_cycles(t: Cuts, h: Cuts, w: Cuts, floor: Floor, i: int, j: int, k: int, stage: int, steps: int) -> int:
    """Return the cycles of a vector stage in so many ``steps``: as if all its tiles were one, and to fill each."""
    made = made_in_all(t, h, w, i, j, k, stage)
    # Tiles that do not overlap make as much, however many they are.
    if floor.made_t[stage] != made[0] or floor.made_h[stage] != made[1] or floor.made_w[stage] != made[2]:
        layer = read(Layer, floor.layers, floor.layer[stage])
        array = read(Array, floor.arrays, 2 * floor.kind[stage])
        floor.made_t[stage], floor.made_h[stage], floor.made_w[stage] = made
        floor.cycles[stage] = whole_cycles(layer, array, made)
    return floor.cycles[stage] + steps * floor.fill[stage]


@kernel
def made_in_all(t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, stage: int) -> Triple:
    """Return what a stage makes in all tiles along T, H and W, of these ways to cut them."""
    made_t, made_h = t.all_new[(stage + 1) * len(t.tile) + i], h.all_new[(stage + 1) * len(h.tile) + j]
    return made_t, made_h, w.all_new[(stage + 1) * len(w.tile) + k]


@kernel
def whole_cycles(layer: Layer, array: Array, made: Triple) -> int:
    """Return the cycles of a vector stage as if all its tiles, which have made so much together, were one."""
    return vector_cycles(layer, array, layer.n, made[0], made[1], made[2], layer.c, 1, 1)


@kernel
def least_cycles_of(floor: Floor, stage: int, units: int, most: int, passes: int, steps: int) -> int:
    """Return the cycles that so many units of a stage take at least, in so many passes of channels each.

    Steps have up to so many, of which the last to be multiplied may leave lanes idle.
    """
    times, of_passes = units * passes, 0
    if most:
        of_pixels = ceiling(most, floor.pixel_lanes[stage]) * floor.pixel_work[stage]
        of_channels = ceiling(most, floor.channel_lanes[stage]) * floor.channel_work[stage]
        of_passes = in_proportion(times, most, min(of_pixels, of_channels))
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
