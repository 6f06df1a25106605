"""Cycles that the array takes for all steps of a tiling: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.machine.pace import array_cycles, first_wave, port_cycles
from lw3dsim.machine.records import VECTOR
from lw3dsim.machine.vector import vector_pace
from lw3dsim.machine.waves import LAST_SORT, Waves, channel_passes, empty_waves, pace_waves, sort_waves
from lw3dsim.map.layer.busy import (
    Spread,
    channel_passes_of,
    last_part,
    pass_cycles,
    sort_of,
    sort_of_frames,
    spread_over,
    tiles_of_frames,
)
from lw3dsim.map.layer.sums import read_positions
from lw3dsim.map.layer.tiling import total_steps

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.map.layer.tiling import Choices, Task, Tiling

# Tiles whose costs are known at once, at most, and what their sizes are told apart by.
KNOWN = 512
APART = 31


class Known(NamedTuple):
    """What tiles of these sizes cost in a ``mode``: see :func:`tile_cycles`. One of no channels is none."""

    mode: Words
    n: Words
    c: Words
    t: Words
    h: Words
    w: Words
    cycles: Words
    loads: Words
    waits: Words


class Costed(NamedTuple):
    """What costing tiles of a layer takes: scratch for the waves of a step, and what is known from before.

    Tilings, and the orders and lists that each is tried for, have most of their tiles in common.
    """

    waves: Waves
    known: Known
    spread: Spread


def nothing_costed(work: Kernels, cuts: int = 1, most: int = KNOWN) -> Costed:
    """Return room for the costs of tiles, none of them known, ``most`` at once, and ``cuts`` in all modes."""
    return Costed(empty_waves(work), work.sheet(Known, most), work.sheet(Spread, cuts))


@kernel
def layer_cycles(task: Task, at: Tiling, most: int, costed: Costed) -> int:
    """Return the cycles of all steps, and those in which a step waits for the drain of the one before it in its tile.

    Or those in which all rounds are loaded, where these are more. What fills pipelines, what loads ahead take longer
    between steps, and what DMA takes from the array at a buffer's only port are left out. Where they are more than
    ``most``, a lower bound may be returned instead, which is above ``most`` too.
    """
    layer, array, choices = task.layer, task.array, task.choices
    if layer.structure == VECTOR:
        return vector_layer_cycles(task, at)
    c = choices.c.size[at.c]
    waves, _ = spread_over(task, at, costed.spread)
    of_pass = pass_cycles(layer, array, c)
    cycles, rest, loads = 0, channel_passes_of(layer, array, choices.n.size[at.n]) * waves * of_pass, 0
    for sort in range(16):
        if layer.groups * max(cycles + rest, loads) > most:
            break
        count, n, t, h, w = sort_of_tiles(layer, choices, at, sort)
        if count:
            rest -= count * tile_passes(layer, array, n, t, h, w) * of_pass
            of_tile, of_loads, _ = known_cycles(task, n, c, t, h, w, costed)
            cycles, loads = cycles + count * of_tile, loads + count * of_loads
    return layer.groups * max(cycles + rest, loads)


@kernel
def sort_of_tiles(layer: Layer, choices: Choices, at: Tiling, sort: int) -> tuple[int, int, int, int, int]:
    """Return how many tiles of a sort there are, and their sizes (n, t, h, w).

    Along an axis all parts but the last are alike; bits of ``sort`` say which are the last.
    """
    count, n = sort_of(layer.n, choices.n.size[at.n], sort & 8, 1)
    if count == 0:
        return 0, n, 0, 0, 0
    count, t = sort_of_frames(layer, choices.t.size[at.t], sort & 4, count)
    if count == 0:
        return 0, n, t, 0, 0
    count, h = sort_of(layer.out[1], choices.h.size[at.h], sort & 2, count)
    count, w = sort_of(layer.out[2], choices.w.size[at.w], sort & 1, count)
    return count, n, t, h, w


@kernel
def tile_passes(layer: Layer, array: Array, n: int, t: int, h: int, w: int) -> int:
    """Return in how many passes a tile multiplies: rows take its channels in parts, lanes its tiles in waves."""
    tiles = tiles_of_frames(layer, t) * ceiling(h, layer.tile[1]) * ceiling(w, layer.tile[2])
    return channel_passes(layer, array, n) * ceiling(tiles, array.lanes)


@kernel
def known_cycles(task: Task, n: int, c: int, t: int, h: int, w: int, costed: Costed) -> tuple[int, int, int]:
    """Return the :func:`tile_cycles` of a tile, which is known from then on, until another takes its place."""
    known = costed.known
    at = (((((n * APART + c) * APART + t) * APART + h) * APART + w) * APART + task.mode) % len(known.n)
    is_tile = known.n[at] == n and known.c[at] == c and known.mode[at] == task.mode
    if not (is_tile and known.t[at] == t and known.h[at] == h and known.w[at] == w):
        known.mode[at], known.n[at], known.c[at], known.t[at] = task.mode, n, c, t
        known.h[at], known.w[at] = h, w
        cycles, loads, waits = tile_cycles(task.layer, task.array, n, c, t, h, w, costed.waves)
        known.cycles[at], known.loads[at], known.waits[at] = cycles, loads, waits
    return known.cycles[at], known.loads[at], known.waits[at]


@kernel
def tile_cycles(
    layer: Layer, array: Array, n: int, c: int, t: int, h: int, w: int, waves: Waves
) -> tuple[int, int, int]:
    """Return the cycles of the reduction steps of ``c`` channels of a tile, and those in which they are loaded.

    Waits for drains in between count among the former; last, those of a tile like it that comes behind it.
    """
    parts, last_c = ceiling(layer.c, c), last_part(layer.c, c)
    sort_waves(layer, array, n, t, h, w, waves)
    last = paced_cycles(layer, array, last_c, 1 if parts == 1 else 0, 1, waves)
    loads, last_head, last_drain = port_cycles(waves), step_head(waves), waves.drain[LAST_SORT]
    if parts == 1:
        return last, loads, max(last_drain - last_head, 0)
    cycles = paced_cycles(layer, array, c, 1, 0, waves)
    loads += (parts - 1) * port_cycles(waves)
    first_head, drain = step_head(waves), waves.drain[LAST_SORT]
    if parts > 2:
        cycles += (parts - 2) * paced_cycles(layer, array, c, 0, 0, waves)
        head, first_drain, drain = step_head(waves), drain, waves.drain[LAST_SORT]
        cycles += max(first_drain - head, 0) + (parts - 3) * max(drain - head, 0)
    return cycles + last + max(drain - last_head, 0), loads, max(last_drain - first_head, 0)


@kernel
def paced_cycles(layer: Layer, array: Array, c: int, is_first: int, is_last: int, waves: Waves) -> int:
    """Return the cycles of a step of waves that are sorted, reducing ``c`` channels: from its first product on."""
    pace_waves(layer, array, c, is_first, is_last, waves)
    return array_cycles(waves)


@kernel
def step_head(waves: Waves) -> int:
    """Return the cycles of a step, whose waves have been costed, in which the step before it may drain."""
    return waves.compute[first_wave(waves)]


@kernel
def waits_between_tiles(task: Task, at: Tiling, costed: Costed) -> int:
    """Return about the cycles in which a first step waits for the drain of the tile before: all tiles as full ones."""
    layer, choices = task.layer, task.choices
    n, c = choices.n.size[at.n], choices.c.size[at.c]
    _, _, waits = known_cycles(task, n, c, choices.t.size[at.t], choices.h.size[at.h], choices.w.size[at.w], costed)
    tiles = layer.groups * choices.n.parts[at.n] * choices.t.tiles[at.t] * choices.h.tiles[at.h]
    return (tiles * choices.w.tiles[at.w] - 1) * waits


@kernel
def vector_layer_cycles(task: Task, at: Tiling) -> int:
    """Return the cycles of all steps of a vector layer, with waits for drains in a tile."""
    layer, choices, cycles = task.layer, task.choices, 0
    parts, c_size = choices.c.parts[at.c], choices.c.size[at.c]
    for sort in range(16):
        count, n, t, h, w = sort_of_tiles(layer, choices, at, sort)
        if count:
            drain = 0
            for chunk in range(parts):
                c = min(c_size, layer.c - chunk * c_size)
                is_first, is_last = 1 if chunk == 0 else 0, 1 if chunk == parts - 1 else 0
                pace = vector_pace(layer, task.array, n, t, h, w, c, is_first, is_last)
                cycles += count * (pace.head + pace.body + max(drain - pace.head, 0))
                drain = pace.drain
    return cycles


@kernel
def tile_frames(layer: Layer, t: int, frames: int, c: int, chunk: int) -> int:
    """Return the input frames of a tile: those that outputs from ``t`` on read, or a ``chunk`` of a clip's window."""
    if not layer.reduces_frames:
        _, _, needed = read_positions(layer, 0, t, frames)
        return needed
    size = layer.inp[0] // layer.segments
    start = min(max(c - layer.padding[0], 0), size)
    return min(max(c + chunk - layer.padding[0], 0), size) - start


@kernel
def compute_ticks(task: Task, at: Tiling, most: int, costed: Costed) -> int:
    """Return about the ticks of all steps, or a bound of them above ``most``; those of a vector layer as full ones.

    As if every step filled the pipeline: of mappings that take as long but for that, those of fewer steps are offered.
    """
    layer, choices, cycle = task.layer, task.choices, task.times.cycle
    steps = total_steps(layer, choices, at)
    filling = steps * task.array.fill_cycles
    if layer.structure != VECTOR:
        cycles = filling + layer_cycles(task, at, max(most // cycle - filling, 0), costed)
        return (cycles + (waits_between_tiles(task, at, costed) if cycles * cycle <= most else 0)) * cycle
    c = choices.c.size[at.c]
    is_whole = 1 if c >= layer.c else 0
    n, t, h, w = choices.n.size[at.n], choices.t.size[at.t], choices.h.size[at.h], choices.w.size[at.w]
    pace = vector_pace(layer, task.array, n, t, h, w, c, is_whole, is_whole)
    cycles = max(pace.head, pace.drain) + pace.body
    # Compute is proportional to c: scaling by C removes the ragged last reduction step.
    return (filling + steps * cycles * layer.c // (choices.c.parts[at.c] * c)) * cycle
