"""A time that no simulation of a tiling beats: plain integer code.

The array works through all steps one after another; the first needs its tiles, and after
the last its output tile drains and leaves. The DRAM moves every burst at its peak rate at best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.machine.records import VECTOR
from lw3dsim.machine.vector import vector_pace
from lw3dsim.machine.waves import LAST_SORT, cost_waves
from lw3dsim.map.layer.busy import last_part
from lw3dsim.map.layer.compute import layer_cycles, tile_frames
from lw3dsim.map.layer.ranking import INFINITE
from lw3dsim.map.layer.room import held_slots, strip_of
from lw3dsim.map.layer.sums import input_channels, last_along, read_positions
from lw3dsim.map.layer.tiling import Tiling
from lw3dsim.tensor.bursts import columns_of, row_bursts

if TYPE_CHECKING:
    from lw3dsim.machine.records import Layer
    from lw3dsim.machine.waves import Waves
    from lw3dsim.map.layer.compute import Costed
    from lw3dsim.map.layer.ranking import Kept
    from lw3dsim.map.layer.tiling import Choices, Task
    from lw3dsim.tensor.bursts import Rows


class Least(NamedTuple):
    """Ticks before the first step, of a burst at the peak rate, and that DRAM takes to answer the first load.

    ``inp`` and ``out`` are how input and output lie in DRAM.
    """

    setup: int
    burst: int
    answer: int
    inp: Rows
    out: Rows


@kernel
def bound_kept(task: Task, least: Least, costed: Costed, kept: Kept) -> None:
    """Fill in the bound and the slots of every kept tiling of this parallel mode; ``costed`` is scratch."""
    for row in range(len(kept.bursts)):
        if kept.bursts[row] != INFINITE and kept.mode[row] == task.mode:
            at = Tiling(kept.n[row], kept.c[row], kept.t[row], kept.h[row], kept.w[row])
            kept.bound[row] = bound_ticks(task, least, at, kept.bursts[row], costed)
            kept.ifmap[row], kept.weight[row], kept.ofmap[row] = held_slots(task, strip_of(task, at), at)


@kernel
def bound_ticks(task: Task, least: Least, at: Tiling, bursts: int, costed: Costed) -> int:
    """Return ticks that the layer takes at least, moving ``bursts`` in all."""
    layer, channels = task.layer, task.times.channels
    loaded = first_loads(layer, task.choices, least, at)
    alone = loaded + last_store(layer, task.choices, least, at)
    cycles = task.array.fill_cycles + layer_cycles(task, at, INFINITE, costed)
    cycles += last_drain(task, at, costed.waves)
    # A first tile of padding alone is not asked for.
    compute = cycles * task.times.cycle + alone * least.burst // channels + (least.answer if loaded else 0)
    return least.setup + max(compute, bursts * least.burst // channels)


@kernel
def last_drain(task: Task, at: Tiling, waves: Waves) -> int:
    """Return the cycles that the last step drains when all have computed."""
    layer, choices = task.layer, task.choices
    t, h = last_along(layer, 0, choices.t.size[at.t]), last_along(layer, 1, choices.h.size[at.h])
    w, n = last_along(layer, 2, choices.w.size[at.w]), last_part(layer.n, choices.n.size[at.n])
    is_first, c = (1 if choices.c.parts[at.c] == 1 else 0), last_part(layer.c, choices.c.size[at.c])
    if layer.structure == VECTOR:
        pace = vector_pace(layer, task.array, n, t, h, w, c, is_first, 1)
        return pace.drain
    cost_waves(layer, task.array, n, c, t, h, w, is_first, 1, waves)
    return waves.drain[LAST_SORT]


@kernel
def first_loads(layer: Layer, choices: Choices, least: Least, at: Tiling) -> int:
    """Return the bursts of the first input tile and the first weight tile."""
    frames, rows, columns = choices.t.size[at.t], choices.h.size[at.h], choices.w.size[at.w]
    in_t = tile_frames(layer, 0, frames, 0, choices.c.size[at.c])
    _, _, in_h = read_positions(layer, 1, 0, rows)
    first, span, _ = read_positions(layer, 2, 0, columns)
    channels = input_channels(layer, choices.n.size[at.n], choices.c.size[at.c])
    inputs = layer.sources * in_t * box_rows(least.inp, 0, channels, in_h, first, span)
    weights = choices.first_weight_bursts[at.n * len(choices.c.size) + at.c] if layer.kernel_bits else 0
    return inputs + weights


@kernel
def last_store(layer: Layer, choices: Choices, least: Least, at: Tiling) -> int:
    """Return the bursts of the last output tile."""
    frames, rows = last_along(layer, 0, choices.t.size[at.t]), last_along(layer, 1, choices.h.size[at.h])
    columns = last_along(layer, 2, choices.w.size[at.w])
    channels = last_part(layer.n, choices.n.size[at.n])
    first = layer.groups * layer.n - channels
    return frames * box_rows(least.out, first, channels, rows, layer.out[2] - columns, columns)


@kernel
def box_rows(rows: Rows, channel: int, channels: int, lines: int, first: int, span: int) -> int:
    """Return the bursts that hold ``channels`` of ``span`` pixels of so many ``lines``, or, if packed, no more."""
    start, end = columns_of(rows, channel, channels)
    if rows.row_pixels:
        return (end - start) * ceiling(lines * span * rows.pixel_bits, rows.burst_bits)
    return lines * row_bursts(rows, start, end, first, span)
