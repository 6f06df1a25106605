"""A tiling of a layer: how many tiles there are, and what they move.

Traffic is that of the schedule, burst for burst. Plain integer code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.machine.records import DENSE
from lw3dsim.map.layer.sums import (
    input_channels,
    sum_channels,
    sum_extent,
    sum_planes,
    weight_bits,
    weight_bursts,
)

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.map.layer.sums import Channels, Extent
    from lw3dsim.tensor.bursts import Rows

WEIGHTS_OUTER, TILES_OUTER = 0, 1


class Choices(NamedTuple):
    """The candidate sizes along all axes; by n and c the bursts of all weight tiles once, and of the first.

    By h and w the bursts that all tiles of a plane move of the input and of the output, where rows of it are packed.
    """

    n: Channels
    c: Channels
    t: Extent
    h: Extent
    w: Extent
    weight_bursts: Words
    first_weight_bursts: Words
    in_planes: Words
    out_planes: Words


class Limits(NamedTuple):
    """Bits of each buffer, the slots of each, and the most steps of a schedule.

    Of a shared memory those are the most that each can have: together they have so many ``banks`` of ``bank_bits``,
    each ``least_banks`` or more. Separate buffers have no banks to share: none.
    """

    ifmap_bits: int
    weight_bits: int
    ofmap_bits: int
    slots: int
    max_steps: int
    banks: int = 0
    bank_bits: int = 1
    least_banks: int = 0


class Times(NamedTuple):
    """Ticks of a cycle, and what DRAM takes: ticks of a burst, to open a row, to begin with another tile, to answer.

    ``channels`` share bursts and rows; a DRAM row is ``page_bursts``, a row of the input and of the output of the
    layer ``input_row_bursts`` and ``output_row_bursts``.
    """

    cycle: int
    burst: int
    visit: int
    opening: int
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


class Tiling(NamedTuple):
    """A tiling: which of the candidate sizes along every axis."""

    n: int
    c: int
    t: int
    h: int
    w: int


class Line(NamedTuple):
    """What tilings that are cut alike along N, C, T and H move in common, however W is cut.

    Bursts of the input that are ``read`` for each that a row spans, and those ``scattered``, for each pixel; bursts of
    the output ``stored`` for each of a row, and those ``beside`` whatever these are. Packed rows come in whole planes.
    """

    read: int
    scattered: int
    stored: int
    beside: int


@entry
def fill_choices(layer: Layer, inp: Rows, out: Rows, choices: Choices) -> None:
    """Fill in what the sizes of ``choices`` cost, with input and output laid out in ``inp`` and ``out``."""
    sum_extent(layer, inp, out, 0, choices.t)
    sum_extent(layer, inp, out, 1, choices.h)
    sum_extent(layer, inp, out, 2, choices.w)
    n, c = choices.n, choices.c
    if len(choices.in_planes):
        sum_planes(layer, inp, choices.h.size, choices.w.size, 1, choices.in_planes)
    if len(choices.out_planes):
        sum_planes(layer, out, choices.h.size, choices.w.size, 0, choices.out_planes)
    if layer.structure == DENSE:
        sum_channels(layer.groups, layer.c, 1, 1, inp, c.size, c.parts, c.in_blocks, c.in_columns)
    else:
        each = input_channels(layer, layer.group_n, layer.c)
        sum_channels(1, layer.n, each, layer.group_n, inp, n.size, n.parts, n.in_blocks, n.in_columns)
        for j in range(len(c.size)):
            c.parts[j] = ceiling(layer.c, c.size[j])
    sum_channels(layer.groups, layer.n, 1, 1, out, n.size, n.parts, n.out_blocks, n.out_columns)
    for i in range(len(n.size)):
        for j in range(len(c.size)):
            at = i * len(c.size) + j
            choices.weight_bursts[at] = weight_bursts(layer, n.size[i], c.size[j], inp.burst_bits)
            bits = weight_bits(layer, n.size[i], c.size[j], 1)
            choices.first_weight_bursts[at] = ceiling(bits, inp.burst_bits)


@kernel
def spatial_tiles(choices: Choices, at: Tiling) -> int:
    """Return the tiles in T, H and W."""
    return choices.t.tiles[at.t] * choices.h.tiles[at.h] * choices.w.tiles[at.w]


@kernel
def total_steps(layer: Layer, choices: Choices, at: Tiling) -> int:
    """Return the steps of the layer."""
    return layer.groups * choices.n.parts[at.n] * choices.c.parts[at.c] * spatial_tiles(choices, at)


@kernel
def input_tiles(layer: Layer, choices: Choices, at: Tiling) -> int:
    """Return the input tiles, each once."""
    steps = total_steps(layer, choices, at)
    return steps // choices.n.parts[at.n] if layer.structure == DENSE else steps


@kernel
def weight_sets(layer: Layer) -> int:
    """Return how many sets of weights there are: one for all segments, or one for each."""
    return layer.segments if layer.own_weights else 1


@kernel
def weight_tiles(layer: Layer, choices: Choices, at: Tiling) -> int:
    """Return the weight tiles, each once."""
    return weight_sets(layer) * layer.groups * choices.n.parts[at.n] * choices.c.parts[at.c]


@kernel
def input_repeats(layer: Layer, choices: Choices, at: Tiling, order: int) -> int:
    """Return how often all input tiles are loaded. Where the reduction is cut, its tiles take turns: none stays."""
    if layer.structure != DENSE:
        return 1
    is_again = choices.c.parts[at.c] > 1 or (order == WEIGHTS_OUTER and spatial_tiles(choices, at) > 1)
    return choices.n.parts[at.n] if is_again else 1


@kernel
def weight_repeats(layer: Layer, choices: Choices, at: Tiling, order: int) -> int:
    """Return how often the weight tiles of a set are loaded."""
    is_again = choices.c.parts[at.c] > 1 or (order == TILES_OUTER and choices.n.parts[at.n] > 1)
    return spatial_tiles(choices, at) if is_again else weight_sets(layer)


@kernel
def weight_tiles_loaded(layer: Layer, choices: Choices, at: Tiling, order: int) -> int:
    """Return the weight tiles of all sets, as often as they are loaded."""
    return layer.groups * choices.n.parts[at.n] * choices.c.parts[at.c] * weight_repeats(layer, choices, at, order)


@kernel
def weight_loads(layer: Layer, choices: Choices, at: Tiling, order: int) -> int:
    """Return the bursts of all weight tiles, as often as they are loaded."""
    return choices.weight_bursts[at.n * len(choices.c.size) + at.c] * weight_repeats(layer, choices, at, order)


@kernel
def line_of(layer: Layer, choices: Choices, at: Tiling) -> Line:
    """Return what tilings cut as ``at`` along N, C, T and H move, however W is cut."""
    blocks, columns = input_columns(layer, choices, at)
    frames, rows = layer.sources * choices.t.needed[at.t], choices.h.needed[at.h]
    if len(choices.in_planes):
        rows, columns = 1, 0
    out_blocks, out_columns, out_rows = choices.n.out_blocks[at.n], choices.n.out_columns[at.n], layer.out[1]
    if len(choices.out_planes):
        out_rows, out_columns = 1, 0
    needed, made = frames * rows, layer.out[0] * out_rows
    return Line(needed * blocks, needed * columns, made * out_blocks, made * out_columns * layer.out[2])


@kernel
def input_bursts(choices: Choices, line: Line, at: Tiling) -> int:
    """Return the bursts of moving all input tiles once."""
    if len(choices.in_planes):
        return line.read * choices.in_planes[at.h * len(choices.w.size) + at.w]
    return line.read * choices.w.span_bursts[at.w] + line.scattered * choices.w.span[at.w]


@kernel
def least_input_bursts(choices: Choices, line: Line, at: Tiling, row: tuple[int, int]) -> int:
    """Return the least bursts of all input tiles in any way to cut rows, which have the bursts, or pixels, of ``row``.

    Packed ones have what is the least of their planes.
    """
    if not len(choices.in_planes):
        return line.read * row[0] + line.scattered * row[1]
    first = at.h * len(choices.w.size)
    least = choices.in_planes[first]
    for w in range(1, len(choices.w.size)):
        least = min(least, choices.in_planes[first + w])
    return line.read * least


@kernel
def input_columns(layer: Layer, choices: Choices, at: Tiling) -> tuple[int, int]:
    """Return the whole blocks and the scattered columns of the input that all channel tiles touch."""
    if layer.structure == DENSE:
        return choices.c.in_blocks[at.c], choices.c.in_columns[at.c]
    return choices.n.in_blocks[at.n], choices.n.in_columns[at.n]


@kernel
def output_bursts(choices: Choices, line: Line, at: Tiling) -> int:
    """Return the bursts of moving all output tiles."""
    if len(choices.out_planes):
        return line.stored * choices.out_planes[at.h * len(choices.w.size) + at.w]
    return line.stored * choices.w.out_bursts[at.w] + line.beside


@kernel
def row_visits(task: Task, at: Tiling, repeats: int, weights: int) -> int:
    """Return about how often a DRAM row is opened: every page of every part of a frame that a tile touches."""
    layer, times, choices = task.layer, task.times, task.choices
    cuts, pages = choices.w.tiles[at.w], times.page_bursts
    frames, rows = choices.t.needed[at.t], choices.h.needed[at.h]
    blocks, columns = input_columns(layer, choices, at)
    read = frames * choices.h.tiles[at.h] * cuts + frames * rows * cuts * times.input_row_bursts // pages
    frames, rows = layer.out[0], layer.out[1]
    written = frames * choices.h.tiles[at.h] * cuts + frames * rows * cuts * times.output_row_bursts // pages
    return (
        repeats * layer.sources * read * (blocks + min(columns, 1))
        + weights // pages
        + written * (choices.n.out_blocks[at.n] + min(choices.n.out_columns[at.n], 1))
    )


@kernel
def least_row(extent: Extent) -> tuple[int, int]:
    """Return the least bursts, and the least pixels, that any way to cut a row of the input spans."""
    bursts, pixels = extent.span_bursts[0], extent.span[0]
    for i in range(1, len(extent.size)):
        bursts, pixels = min(bursts, extent.span_bursts[i]), min(pixels, extent.span[i])
    return bursts, pixels
