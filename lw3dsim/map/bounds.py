"""What a tiling takes at least: exact compute cycles, and a time that no simulation beats. Plain integer code.

The array works through all steps one after another; the first needs its tiles, and after
the last its output tile drains and leaves. The DRAM moves every burst at its peak rate at best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.map.plain import DENSE, VECTOR
from lw3dsim.map.ranking import AT_N, BOUND, BURSTS, FIELDS, MODE, NEVER, Place
from lw3dsim.map.step import DRAIN, LAST_GROUP, ceiling, cost_groups, step_cycles
from lw3dsim.map.sums import bursts_of, column_of, read_positions

if TYPE_CHECKING:
    from lw3dsim.map.arrays import Words
    from lw3dsim.map.plain import Layer, Rows
    from lw3dsim.map.ranking import Choices, Task


class Least(NamedTuple):
    """Ticks before the first step, of a burst at the peak rate, and that DRAM takes to answer the first load.

    ``inp`` and ``out`` are how input and output lie in DRAM.
    """

    setup: int
    burst: int
    answer: int
    inp: Rows
    out: Rows


def bound_kept(task: Task, least: Least, groups: Words, kept: Words) -> None:
    """Fill in the bound of every kept tiling of this parallel mode; ``groups`` is scratch."""
    for row in range(0, len(kept), FIELDS):
        if kept[row + BURSTS] != NEVER and kept[row + MODE] == task.mode:
            i = row + AT_N
            at = Place(kept[i], kept[i + 1], kept[i + 2], kept[i + 3], kept[i + 4])
            kept[row + BOUND] = bound_ticks(task, least, at, kept[row + BURSTS], groups)


def bound_ticks(task: Task, least: Least, at: Place, bursts: int, groups: Words) -> int:
    """Return ticks that the layer takes at least, moving ``bursts`` in all."""
    layer, channels = task.layer, task.times.channels
    loaded = first_loads(layer, task.choices, least, at)
    alone = loaded + last_store(layer, task.choices, least, at)
    cycles = layer_cycles(task, at, groups) + last_drain(task, at, groups)
    # A first tile of padding alone is not asked for.
    compute = cycles * task.times.cycle + alone * least.burst // channels + (least.answer if loaded else 0)
    return least.setup + max(compute, bursts * least.burst // channels)


def last_drain(task: Task, at: Place, groups: Words) -> int:
    """Return the cycles that the last step drains when all have computed."""
    layer, choices = task.layer, task.choices
    if layer.structure == VECTOR:
        return 0
    t, h = last_part(layer.out[0], choices.t.size[at.t]), last_part(layer.out[1], choices.h.size[at.h])
    w, n = last_part(layer.out[2], choices.w.size[at.w]), last_part(layer.n, choices.n.size[at.n])
    is_first = 1 if choices.c.parts[at.c] == 1 else 0
    cost_groups(layer, task.array, n, last_part(layer.c, choices.c.size[at.c]), t, h, w, is_first, 1, groups)
    return groups[LAST_GROUP + DRAIN]


def first_loads(layer: Layer, choices: Choices, least: Least, at: Place) -> int:
    """Return the bursts of the first input tile and the first weight tile."""
    frames, rows, columns = choices.t.size[at.t], choices.h.size[at.h], choices.w.size[at.w]
    in_t = tile_frames(layer, 0, frames, 0, choices.c.size[at.c])
    _, _, in_h = read_positions(layer, 1, 0, rows)
    first, span, _ = read_positions(layer, 2, 0, columns)
    channels = choices.c.size[at.c] if layer.structure == DENSE else choices.n.size[at.n]
    inputs = layer.sources * in_t * in_h * box_row(least.inp, 0, channels, first, span)
    weights = choices.first_weight_bursts[at.n * len(choices.c.size) + at.c] if layer.structure != VECTOR else 0
    return inputs + weights


def last_store(layer: Layer, choices: Choices, least: Least, at: Place) -> int:
    """Return the bursts of the last output tile."""
    frames, rows = last_part(layer.out[0], choices.t.size[at.t]), last_part(layer.out[1], choices.h.size[at.h])
    columns = last_part(layer.out[2], choices.w.size[at.w])
    channels = last_part(layer.n, choices.n.size[at.n])
    first = layer.groups * layer.n - channels
    return frames * rows * box_row(least.out, first, channels, layer.out[2] - columns, columns)


def box_row(rows: Rows, channel: int, channels: int, first: int, span: int) -> int:
    """Return the bursts that hold ``channels`` of ``span`` pixels of a row."""
    start = column_of(rows, channel, 0)
    end = column_of(rows, channel + channels - 1, rows.element_bits - 1) + 1
    if start % rows.columns == 0 and end % rows.columns == 0:
        return (end - start) // rows.columns * bursts_of(rows, first, span)
    return (end - start) * span


def last_part(total: int, part: int) -> int:
    """Return the size of the last of the parts of ``total``."""
    return total - (ceiling(total, part) - 1) * part


def layer_cycles(task: Task, at: Place, groups: Words) -> int:
    """Return the cycles of all steps, without those that DMA takes from the array at a buffer's only port."""
    layer, choices = task.layer, task.choices
    if layer.structure == VECTOR:
        return vector_layer_cycles(task, at, groups)
    n_size, c_size = choices.n.size[at.n], choices.c.size[at.c]
    t_size, h_size, w_size = choices.t.size[at.t], choices.h.size[at.h], choices.w.size[at.w]
    c_parts = choices.c.parts[at.c]
    cycles = 0
    # Along an axis all parts but the last are alike; bits of ``sort`` say which are the last.
    for sort in range(16):
        count, n = sort_of(layer.n, n_size, sort & 8, 1)
        count, t = sort_of(layer.out[0], t_size, sort & 4, count)
        count, h = sort_of(layer.out[1], h_size, sort & 2, count)
        count, w = sort_of(layer.out[2], w_size, sort & 1, count)
        if count == 0:
            continue
        last_c = last_part(layer.c, c_size)
        each = step_cycles(layer, task.array, n, last_c, t, h, w, 0, 1 if c_parts == 1 else 0, 1, groups)
        if c_parts > 1:
            each += step_cycles(layer, task.array, n, c_size, t, h, w, 0, 1, 0, groups)
        if c_parts > 2:
            each += (c_parts - 2) * step_cycles(layer, task.array, n, c_size, t, h, w, 0, 0, 0, groups)
        cycles += count * each
    return layer.groups * cycles


def sort_of(total: int, part: int, is_last: int, count: int) -> tuple[int, int]:
    """Return ``count`` times the parts of a sort, the last or the others, and their size."""
    if is_last:
        return count, last_part(total, part)
    return count * (ceiling(total, part) - 1), part


def vector_layer_cycles(task: Task, at: Place, groups: Words) -> int:
    """Return the cycles of all steps of a vector layer; what a tile reads differs at the borders."""
    layer, choices = task.layer, task.choices
    n_size, c_size = choices.n.size[at.n], choices.c.size[at.c]
    t_size, h_size, w_size = choices.t.size[at.t], choices.h.size[at.h], choices.w.size[at.w]
    cycles = 0
    for chunk in range(choices.c.parts[at.c]):
        c = min(c_size, layer.c - chunk * c_size)
        is_first, is_last = 1 if chunk == 0 else 0, 1 if chunk == choices.c.parts[at.c] - 1 else 0
        for t in range(0, layer.out[0], t_size):
            frames = min(t_size, layer.out[0] - t)
            in_t = tile_frames(layer, t, frames, chunk * c_size, c)
            for h in range(0, layer.out[1], h_size):
                rows = min(h_size, layer.out[1] - h)
                _, _, in_h = read_positions(layer, 1, h, rows)
                for w in range(0, layer.out[2], w_size):
                    columns = min(w_size, layer.out[2] - w)
                    _, _, in_w = read_positions(layer, 2, w, columns)
                    pixels = in_t * in_h * in_w
                    for sort in range(2):
                        count, n = sort_of(layer.n, n_size, sort, 1)
                        if count:
                            cycles += count * step_cycles(
                                layer, task.array, n, c, frames, rows, columns, pixels, is_first, is_last, groups
                            )
    return cycles


def tile_frames(layer: Layer, t: int, frames: int, c: int, chunk: int) -> int:
    """Return the input frames of a tile: those that outputs from ``t`` on read, or a ``chunk`` of the only window."""
    if not layer.reduces_frames:
        _, _, needed = read_positions(layer, 0, t, frames)
        return needed
    start = min(max(c - layer.padding[0], 0), layer.inp[0])
    return min(max(c + chunk - layer.padding[0], 0), layer.inp[0]) - start
