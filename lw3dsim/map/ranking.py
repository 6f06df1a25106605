"""Rank all tilings of a layer by an estimate of what they cost: plain integer code.

Traffic is that of the schedule, burst for burst. Compute cycles are those of a full
step, times the steps. The latency is the larger of compute, DRAM and the turnaround
of the buffer slots, plus what nothing can hide. It only ranks: simulation decides.

Nothing is left out by guess: a tiling's steps are not costed only where it would lose
to those already kept even if all multipliers were always busy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.map.compute import full_tiles, layer_cycles, waits_between_tiles
from lw3dsim.map.plain import DENSE, VECTOR
from lw3dsim.map.step import ceiling, step_cycles
from lw3dsim.map.sums import sum_channels, sum_extent, weight_bits, weight_bursts

if TYPE_CHECKING:
    from lw3dsim.map.arrays import Words
    from lw3dsim.map.plain import Array, Layer, Rows
    from lw3dsim.map.sums import Channels, Extent

WEIGHTS_OUTER, TILES_OUTER = range(2)

# A row of kept tilings: what it is ranked by, then what it is.
FIRST, SECOND, THIRD, NUMBER, LATENCY, BURSTS, BOUND, ORDER, MODE, AT_N, AT_C, AT_T, AT_H, AT_W, FIELDS = range(15)

# More than any time or any number of bursts.
NEVER = 1 << 62

# More than the candidate sizes along any axis.
SIZES = 64


class Choices(NamedTuple):
    """The candidate sizes along all axes; by n and c the bursts of all weight tiles once, and of the first."""

    n: Channels
    c: Channels
    t: Extent
    h: Extent
    w: Extent
    weight_bursts: Words
    first_weight_bursts: Words


class Limits(NamedTuple):
    """Bits of each buffer, the slots of each, and the most steps of a schedule."""

    ifmap_bits: int
    weight_bits: int
    ofmap_bits: int
    slots: int
    max_steps: int


class Times(NamedTuple):
    """Ticks of a cycle, and what DRAM takes: ticks of a burst, to open a row, to turn round for a store, to answer.

    ``channels`` share bursts and rows; a DRAM row is ``page_bursts``, a row of the input and of the output of the
    layer ``input_row_bursts`` and ``output_row_bursts``.
    """

    cycle: int
    burst: int
    visit: int
    turnaround: int
    latency: int
    channels: int
    page_bursts: int
    input_row_bursts: int
    output_row_bursts: int


class Task(NamedTuple):
    """What is to be ranked: a layer on an array in a parallel mode (a number), its limits, times and choices."""

    layer: Layer
    array: Array
    mode: int
    limits: Limits
    times: Times
    choices: Choices


class Aim(NamedTuple):
    """What tilings are kept for: the least ticks, a burst counted as ``burst_ticks``.

    Or, where ``most`` is given (not NEVER), the fewest bursts among all of at most ``most`` ticks.
    """

    burst_ticks: int
    most: int


class Place(NamedTuple):
    """A tiling: which of the candidate sizes along every axis."""

    n: int
    c: int
    t: int
    h: int
    w: int


def fill_choices(layer: Layer, inp: Rows, out: Rows, choices: Choices) -> None:
    """Fill in what the sizes of ``choices`` cost, with input and output laid out in ``inp`` and ``out``."""
    sum_extent(layer, inp, out, 0, choices.t)
    sum_extent(layer, inp, out, 1, choices.h)
    sum_extent(layer, inp, out, 2, choices.w)
    n, c = choices.n, choices.c
    if layer.structure == DENSE:
        sum_channels(layer.groups, layer.c, inp, c.size, c.parts, c.in_blocks, c.in_columns)
    else:
        sum_channels(layer.groups, layer.n, inp, n.size, n.parts, n.in_blocks, n.in_columns)
        for j in range(len(c.size)):
            c.parts[j] = ceiling(layer.c, c.size[j])
    sum_channels(layer.groups, layer.n, out, n.size, n.parts, n.out_blocks, n.out_columns)
    for i in range(len(n.size)):
        for j in range(len(c.size)):
            at = i * len(c.size) + j
            choices.weight_bursts[at] = weight_bursts(layer, n.size[i], c.size[j], inp.burst_bits)
            bits = weight_bits(layer, n.size[i], c.size[j], 1)
            choices.first_weight_bursts[at] = ceiling(bits, inp.burst_bits)


def rank(task: Task, aim: Aim, groups: Words, kept: Words) -> None:
    """Offer every tiling that fits the buffers, in both loop orders, to ``kept``: rows of FIELDS, the best first.

    ``groups`` is scratch. The whole of an axis comes first among its sizes and moves least: where even that would
    lose, the axis is not cut. Only along W a part may move less, where strides leave gaps.
    """
    choices = task.choices
    row = least_row(choices.w)
    for n in range(len(choices.n.size)):
        least = least_compute(task.layer, task.array, choices.n.size[n])
        least *= task.times.cycle * task.times.channels
        for c in range(len(choices.c.size)):
            if not may_win(task, Place(n, c, 0, 0, 0), row, least, aim, kept):
                continue
            for t in range(len(choices.t.size)):
                if not may_win(task, Place(n, c, t, 0, 0), row, least, aim, kept):
                    continue
                for h in range(len(choices.h.size)):
                    if not may_win(task, Place(n, c, t, h, 0), row, least, aim, kept):
                        continue
                    for w in range(len(choices.w.size)):
                        at = Place(n, c, t, h, w)
                        if fits(task, at):
                            offer(task, at, least, aim, groups, kept)


def least_row(extent: Extent) -> tuple[int, int]:
    """Return the least bursts, and the least pixels, that any way to cut a row of the input spans."""
    bursts, pixels = extent.span_bursts[0], extent.span[0]
    for i in range(1, len(extent.size)):
        bursts, pixels = min(bursts, extent.span_bursts[i]), min(pixels, extent.span[i])
    return bursts, pixels


def may_win(task: Task, at: Place, row: tuple[int, int], least: int, aim: Aim, kept: Words) -> bool:
    """Return whether a tiling that takes at least ``least`` and moves what ``at`` does may be among the best.

    Of a row of the input it moves at least the bursts, or pixels, of ``row``.
    """
    layer, choices = task.layer, task.choices
    inputs = bursts_of_rows(layer, choices, at, row[0], row[1])
    bursts = min(
        input_repeats(layer, choices, at, WEIGHTS_OUTER) * inputs + weight_loads(choices, at, WEIGHTS_OUTER),
        input_repeats(layer, choices, at, TILES_OUTER) * inputs + weight_loads(choices, at, TILES_OUTER),
    )
    bursts += output_bursts(layer, choices, at)
    return is_worth(kept, aim, max(least, bursts * task.times.burst), bursts, task.times.channels)


def offer(task: Task, at: Place, least: int, aim: Aim, groups: Words, kept: Words) -> None:
    """Estimate one tiling in both orders and keep it where it is among the best."""
    layer, times, choices = task.layer, task.times, task.choices
    n_parts, tiles = choices.n.parts[at.n], spatial_tiles(choices, at)
    stores = layer.groups * tiles * n_parts
    loads = input_tiles(layer, choices, at)
    inputs, outputs = input_bursts(layer, choices, at), output_bursts(layer, choices, at)
    first_weights = choices.first_weight_bursts[at.n * len(choices.c.size) + at.c]
    compute = least // times.channels + total_steps(layer, choices, at) * task.array.fill_cycles * times.cycle
    costed = 0
    for order in range(2):
        # Loops that one tile leaves nothing of come in one order only.
        if order == TILES_OUTER and (n_parts == 1 or tiles == 1):
            continue
        repeats = input_repeats(layer, choices, at, order)
        weights = weight_loads(choices, at, order)
        bursts = repeats * inputs + weights + outputs
        # Most are out by now, before anything is divided.
        if not is_worth(kept, aim, max(compute * times.channels, bursts * times.burst), bursts, times.channels):
            continue
        visits = row_visits(task, at, repeats, weights)
        transfer = max(bursts * times.burst, visits * times.visit) // times.channels
        transfer += stores * times.turnaround
        exposed = ceiling(inputs, loads) + first_weights + ceiling(outputs, stores)
        exposed = exposed * times.burst // times.channels
        asked = repeats * loads * times.latency
        ticks = estimate(compute, transfer, asked, task.limits.slots) + exposed
        # Full tiles are most of the work: what they take to multiply rules out most of what is left.
        while costed < 2 and is_worth(kept, aim, ticks, bursts, 1):
            if costed == 0:
                compute, costed = max(compute, full_tiles(task, at, least // times.channels)), 1
            else:
                most = most_compute(kept, aim, transfer, asked, exposed, bursts, task.limits.slots)
                compute = compute_ticks(task, at, most, groups)
                # Above ``most`` it is a bound, which may be too low for the other order.
                costed = 2 if compute <= most else 1
            ticks = estimate(compute, transfer, asked, task.limits.slots) + exposed
        if is_worth(kept, aim, ticks, bursts, 1):
            insert(kept, aim, ticks, bursts, visits, order, task.mode, at)


def estimate(compute: int, transfer: int, asked: int, slots: int) -> int:
    """Return ticks. A slot is refilled only after its step: what loads, answers and computes shares the slots."""
    return max(compute, transfer, (transfer + compute + asked) // slots)


def spatial_tiles(choices: Choices, at: Place) -> int:
    """Return the tiles in T, H and W."""
    return choices.t.tiles[at.t] * choices.h.tiles[at.h] * choices.w.tiles[at.w]


def total_steps(layer: Layer, choices: Choices, at: Place) -> int:
    """Return the steps of the layer."""
    return layer.groups * choices.n.parts[at.n] * choices.c.parts[at.c] * spatial_tiles(choices, at)


def input_tiles(layer: Layer, choices: Choices, at: Place) -> int:
    """Return the input tiles, each once."""
    steps = total_steps(layer, choices, at)
    return steps // choices.n.parts[at.n] if layer.structure == DENSE else steps


def fits(task: Task, at: Place) -> bool:
    """Return whether the largest tiles of a tiling fit all buffers, in a bounded number of steps."""
    layer, limits, choices = task.layer, task.limits, task.choices
    steps = total_steps(layer, choices, at)
    if steps > limits.max_steps:
        return False
    kernels = layer.groups * choices.n.parts[at.n] * choices.c.parts[at.c]
    outputs = layer.groups * choices.n.parts[at.n] * spatial_tiles(choices, at)
    weights = weight_bits(layer, choices.n.size[at.n], choices.c.size[at.c], 1)
    return (
        ofmap_bits(layer, choices, at) * slots_of(limits, outputs) <= limits.ofmap_bits
        and ifmap_bits(layer, choices, at) * slots_of(limits, input_tiles(layer, choices, at)) <= limits.ifmap_bits
        and weights * slots_of(limits, kernels) <= limits.weight_bits
    )


def slots_of(limits: Limits, tiles: int) -> int:
    """Return the slots of a buffer: all of it is one slot where a single tile is all there is."""
    return 1 if tiles == 1 else limits.slots


def ifmap_bits(layer: Layer, choices: Choices, at: Place) -> int:
    """Return the bits of the largest input tile."""
    frames = choices.t.largest[at.t]
    if layer.reduces_frames:
        frames = min(choices.c.size[at.c], frames)
    channels = choices.c.size[at.c] if layer.structure == DENSE else choices.n.size[at.n]
    pixels = frames * choices.h.largest[at.h] * choices.w.largest[at.w]
    return channels * pixels * layer.sources * layer.activation_bits


def ofmap_bits(layer: Layer, choices: Choices, at: Place) -> int:
    """Return the bits of the largest output tile; partial sums are wide."""
    outputs = choices.n.size[at.n] * choices.t.size[at.t] * choices.h.size[at.h] * choices.w.size[at.w]
    return outputs * (layer.accumulator_bits if choices.c.size[at.c] < layer.c else layer.activation_bits)


def input_repeats(layer: Layer, choices: Choices, at: Place, order: int) -> int:
    """Return how often all input tiles are loaded. Where the reduction is cut, its tiles take turns: none stays."""
    if layer.structure != DENSE:
        return 1
    is_again = choices.c.parts[at.c] > 1 or (order == WEIGHTS_OUTER and spatial_tiles(choices, at) > 1)
    return choices.n.parts[at.n] if is_again else 1


def weight_loads(choices: Choices, at: Place, order: int) -> int:
    """Return the bursts of all weight tiles, as often as they are loaded."""
    is_again = choices.c.parts[at.c] > 1 or (order == TILES_OUTER and choices.n.parts[at.n] > 1)
    once = choices.weight_bursts[at.n * len(choices.c.size) + at.c]
    return once * spatial_tiles(choices, at) if is_again else once


def input_bursts(layer: Layer, choices: Choices, at: Place) -> int:
    """Return the bursts of moving all input tiles once."""
    return bursts_of_rows(layer, choices, at, choices.w.span_bursts[at.w], choices.w.span[at.w])


def bursts_of_rows(layer: Layer, choices: Choices, at: Place, span_bursts: int, span: int) -> int:
    """Return the bursts of all input tiles whose rows span these bursts and pixels together."""
    blocks, columns = input_channels(layer, choices, at)
    rows = choices.t.needed[at.t] * choices.h.needed[at.h]
    return layer.sources * rows * (blocks * span_bursts + columns * span)


def input_channels(layer: Layer, choices: Choices, at: Place) -> tuple[int, int]:
    """Return the whole blocks and the scattered columns of the input that all channel tiles touch."""
    if layer.structure == DENSE:
        return choices.c.in_blocks[at.c], choices.c.in_columns[at.c]
    return choices.n.in_blocks[at.n], choices.n.in_columns[at.n]


def output_bursts(layer: Layer, choices: Choices, at: Place) -> int:
    """Return the bursts of moving all output tiles."""
    row = choices.n.out_blocks[at.n] * choices.w.out_bursts[at.w] + choices.n.out_columns[at.n] * layer.out[2]
    return layer.out[0] * layer.out[1] * row


def row_visits(task: Task, at: Place, repeats: int, weights: int) -> int:
    """Return about how often a DRAM row is opened: every page of every part of a frame that a tile touches."""
    layer, times, choices = task.layer, task.times, task.choices
    cuts, pages = choices.w.tiles[at.w], times.page_bursts
    frames, rows = choices.t.needed[at.t], choices.h.needed[at.h]
    blocks, columns = input_channels(layer, choices, at)
    read = frames * choices.h.tiles[at.h] * cuts + frames * rows * cuts * times.input_row_bursts // pages
    frames, rows = layer.out[0], layer.out[1]
    written = frames * choices.h.tiles[at.h] * cuts + frames * rows * cuts * times.output_row_bursts // pages
    return (
        repeats * layer.sources * read * (blocks + min(columns, 1))
        + weights // pages
        + written * (choices.n.out_blocks[at.n] + min(choices.n.out_columns[at.n], 1))
    )


def least_compute(layer: Layer, array: Array, n_size: int) -> int:
    """Return the cycles that the layer takes at least with ``n_size`` channels in a step, all columns always busy."""
    pixels = layer.groups * layer.out[0] * layer.out[1] * layer.out[2]
    if layer.structure == VECTOR:
        return pixels * layer.n * layer.ops_per_output // array.vector_lanes
    rounds = layer.n // n_size * ceiling(n_size, array.rows) + ceiling(layer.n % n_size, array.rows)
    products = rounds * layer.c * pixels * layer.taps * array.cycles_per_tile
    return products // (array.lanes * array.chunk * layer.tile[0] * layer.tile[1] * layer.tile[2])


def most_compute(kept: Words, aim: Aim, transfer: int, asked: int, exposed: int, bursts: int, slots: int) -> int:
    """Return the ticks of computing with which a tiling may still come before the last of ``kept``."""
    worst = kept[len(kept) - FIELDS + FIRST]
    most = aim.most - exposed
    if aim.most == NEVER:
        if worst == NEVER:
            return NEVER
        most = worst - aim.burst_ticks * bursts - exposed
    return min(most, (most + 1) * slots - 1 - transfer - asked)


def compute_ticks(task: Task, at: Place, most: int, groups: Words) -> int:
    """Return about the ticks of all steps, or a bound of them above ``most``; those of a vector layer as full ones."""
    layer, choices, cycle = task.layer, task.choices, task.times.cycle
    if layer.structure != VECTOR:
        cycles = layer_cycles(task, at, most // cycle, groups)
        return (cycles + (waits_between_tiles(task, at, groups) if cycles * cycle <= most else 0)) * cycle
    c, steps = choices.c.size[at.c], total_steps(layer, choices, at)
    is_whole = 1 if c >= layer.c else 0
    pixels = choices.t.largest[at.t] * choices.h.largest[at.h] * choices.w.largest[at.w]
    n, t, h, w = choices.n.size[at.n], choices.t.size[at.t], choices.h.size[at.h], choices.w.size[at.w]
    cycles = step_cycles(layer, task.array, n, c, t, h, w, pixels, is_whole, is_whole, groups)
    # Compute is proportional to c: scaling by C removes the ragged last reduction step.
    filling = steps * task.array.fill_cycles
    return (filling + (steps * cycles - filling) * layer.c // (choices.c.parts[at.c] * c)) * cycle


def is_worth(kept: Words, aim: Aim, ticks: int, bursts: int, channels: int) -> bool:
    """Return whether a tiling that takes at least ``ticks`` / ``channels`` may come before the last of ``kept``."""
    worst = kept[len(kept) - FIELDS + FIRST]
    if aim.most == NEVER:
        return worst == NEVER or ticks <= (worst - aim.burst_ticks * bursts) * channels
    return bursts <= worst and ticks <= aim.most * channels


def insert(kept: Words, aim: Aim, ticks: int, bursts: int, visits: int, order: int, mode: int, at: Place) -> None:
    """Insert a tiling into ``kept``, in the order of the first four columns, and drop the last."""
    first, second, third = bursts, visits, ticks
    if aim.most == NEVER:
        first, second, third = ticks + aim.burst_ticks * bursts, bursts, visits
    number = mode * 2 + order
    for i in at:
        number = number * SIZES + i
    row = len(kept)
    while row > 0 and comes_before(first, second, third, number, kept, row - FIELDS):
        row -= FIELDS
    if row == len(kept):
        return
    for i in range(len(kept) - 1, row + FIELDS - 1, -1):
        kept[i] = kept[i - FIELDS]
    kept[row + FIRST], kept[row + SECOND], kept[row + THIRD], kept[row + NUMBER] = first, second, third, number
    kept[row + LATENCY], kept[row + BURSTS], kept[row + ORDER], kept[row + MODE] = ticks, bursts, order, mode
    kept[row + AT_N], kept[row + AT_C], kept[row + AT_T], kept[row + AT_H], kept[row + AT_W] = at


def comes_before(first: int, second: int, third: int, number: int, kept: Words, row: int) -> bool:
    """Return whether a tiling comes before the one in ``row`` of ``kept``."""
    if first != kept[row + FIRST]:
        return first < kept[row + FIRST]
    if second != kept[row + SECOND]:
        return second < kept[row + SECOND]
    if third != kept[row + THIRD]:
        return third < kept[row + THIRD]
    return number < kept[row + NUMBER]
