"""What each candidate tile size along one axis costs, summed over all tiles of the axis: plain integer code.

Everything that a tensor moves is a product of such sums, so that a tiling is
judged by looking up one row per axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.map.plain import DENSE, GROUPED
from lw3dsim.map.step import ceiling

if TYPE_CHECKING:
    from lw3dsim.map.arrays import Words
    from lw3dsim.map.plain import Layer, Rows


class Extent(NamedTuple):
    """T, H or W cut into tiles of each ``size``, the largest size first.

    ``tiles`` is their number; ``needed`` counts input positions of all tiles together, ``span`` those from the
    first to the last of each; ``largest`` is the most that a tile holds of them. ``span_bursts`` and
    ``out_bursts`` are bursts of a row of input and output, along W only.
    """

    size: Words
    tiles: Words
    needed: Words
    span: Words
    largest: Words
    span_bursts: Words
    out_bursts: Words


class Channels(NamedTuple):
    """Channels cut into tiles of each ``size``, the largest first, ``parts`` of them in a group.

    Over all groups they touch so many whole channel ``blocks`` and scattered ``columns`` of the input and the output.
    """

    size: Words
    parts: Words
    in_blocks: Words
    in_columns: Words
    out_blocks: Words
    out_columns: Words


def sum_extent(layer: Layer, inp: Rows, out: Rows, axis: int, extent: Extent) -> None:
    """Fill the sums of ``extent``, whose sizes are given."""
    total = layer.out[axis]
    for i in range(len(extent.size)):
        size = extent.size[i]
        tiles = needed = spans = largest = span_bursts = out_bursts = 0
        for first in range(0, total, size):
            outputs = min(size, total - first)
            start, span, count = read_positions(layer, axis, first, outputs)
            tiles += 1
            needed += count
            spans += span
            largest = max(largest, span if axis == 2 else count)
            if axis == 2:
                span_bursts += bursts_of(inp, start, span)
                out_bursts += bursts_of(out, first, outputs)
        extent.tiles[i], extent.needed[i], extent.span[i], extent.largest[i] = tiles, needed, spans, largest
        extent.span_bursts[i], extent.out_bursts[i] = span_bursts, out_bursts


def read_positions(layer: Layer, axis: int, first: int, outputs: int) -> tuple[int, int, int]:
    """Return the first input position that ``outputs`` from ``first`` on read, the span to the last, how many in it."""
    kernel, stride, padding = layer.kernel[axis], layer.stride[axis], layer.padding[axis]
    dilation, size = layer.dilation[axis], layer.inp[axis]
    reach = (kernel - 1) * dilation + 1
    start = first * stride - padding
    end = start + (outputs - 1) * stride + reach
    if dilation == 1 and reach >= stride:
        start, end = min(max(start, 0), size), min(max(end, 0), size)
        return (start if end > start else 0), end - start, end - start
    low, high, count = size, -1, 0
    for position in range(max(start, 0), min(end, size)):
        if is_read(position - start, outputs, kernel, stride, dilation):
            low, high, count = min(low, position), position, count + 1
    return (low, high - low + 1, count) if count else (0, 0, 0)


def is_read(offset: int, outputs: int, kernel: int, stride: int, dilation: int) -> bool:
    """Return whether any of ``outputs`` reads the position ``offset`` from where the first begins."""
    for tap in range(kernel):
        rest = offset - tap * dilation
        if rest >= 0 and rest % stride == 0 and rest // stride < outputs:
            return True
    return False


def bursts_of(rows: Rows, first: int, span: int) -> int:
    """Return the bursts of a row that hold ``span`` pixels from ``first`` on."""
    if span == 0:
        return 0
    return ceiling((first + span) * rows.pixel_bits, rows.burst_bits) - first * rows.pixel_bits // rows.burst_bits


def input_channels(layer: Layer, n: int, c: int) -> int:
    """Return the input channels of a step of ``n`` output channels and ``c`` of what each reduces."""
    if layer.structure == DENSE:
        return c
    return n // layer.group_n * layer.c if layer.structure == GROUPED else n


def sum_channels(
    groups: int, total: int, each: int, of: int, rows: Rows, size: Words, parts: Words, blocks: Words, columns: Words
) -> None:
    """Fill, per tile ``size`` of ``total`` channels, the parts, and the blocks and scattered columns of all groups.

    The tensor has ``each`` channels for ``of`` of these.
    """
    for i in range(len(size)):
        parts[i] = ceiling(total, size[i])
        whole = scattered = 0
        for group in range(groups):
            for first in range(0, total, size[i]):
                begin, count = group * total + first, min(size[i], total - first)
                start, end = columns_of(rows, begin // of * each, count // of * each)
                if is_scattered(rows, start, end):
                    scattered += end - start
                else:
                    whole += end - start
        blocks[i], columns[i] = whole // rows.columns, scattered


def sum_spans(rows: Rows, begins: Words, tiles: Words, left: Words, span: Words, bursts: Words) -> None:
    """Fill in, per way to cut a row, the bursts that hold ``span`` pixels from ``left`` on, of all tiles together.

    The tiles of way i are ``tiles[i]`` from tile ``begins[i]`` on.
    """
    for i in range(len(begins)):
        bursts[i] = 0
        for tile in range(begins[i], begins[i] + tiles[i]):
            bursts[i] += bursts_of(rows, left[tile], span[tile])


def fill_row_bursts(rows: Rows, channel: Words, channels: Words, left: Words, span: Words, bursts: Words) -> None:
    """Fill in the bursts of one row of every box: ``channels`` from ``channel`` on, ``span`` pixels from ``left`` on.

    Boxes are in row-major order of (channel range, tile along W).
    """
    for i in range(len(channel)):
        start, end = columns_of(rows, channel[i], channels[i])
        for j in range(len(left)):
            bursts[i * len(left) + j] = row_bursts(rows, start, end, left[j], span[j])


def row_bursts(rows: Rows, start: int, end: int, left: int, span: int) -> int:
    """Return the bursts of a row of the columns from ``start`` to ``end``, ``span`` pixels from ``left`` on."""
    if is_scattered(rows, start, end):
        return (end - start) * span
    return (end - start) // rows.columns * bursts_of(rows, left, span)


def columns_of(rows: Rows, channel: int, count: int) -> tuple[int, int]:
    """Return the first column that ``count`` channels from ``channel`` on touch, and the first behind them."""
    return column_of(rows, channel, 0), column_of(rows, channel + count - 1, rows.element_bits - 1) + 1


def is_scattered(rows: Rows, start: int, end: int) -> bool:
    """Return whether columns are only some of a block's: the bursts of a tile are then apart at every pixel."""
    return start % rows.columns != 0 or end % rows.columns != 0


def column_of(rows: Rows, channel: int, bit: int) -> int:
    """Return the column of bursts, numbered through all blocks, in which a bit of a channel lies."""
    within = (channel % rows.block * rows.element_bits + bit) // rows.burst_bits
    return channel // rows.block * rows.columns + within


def weight_bits(layer: Layer, n: int, c: int, is_first: int) -> int:
    """Return the stored bits of the kernels of an n x c tile; biases come with its first reduction step."""
    return n * c * layer.kernel_bits + (n * layer.bias_bits if is_first else 0)


def weight_bursts(layer: Layer, n: int, c: int, burst_bits: int) -> int:
    """Return the bursts of all weight tiles of n x c, once."""
    bursts = 0
    rest_n, rest_c = layer.n % n, layer.c % c
    for is_rest in range(2):
        count, size = (1 if rest_n else 0, rest_n) if is_rest else (layer.n // n, n)
        if count == 0:
            continue
        # Biases come with the first of the tiles along c, a full one.
        first = ceiling(weight_bits(layer, size, c, 1), burst_bits)
        full = ceiling(weight_bits(layer, size, c, 0), burst_bits)
        last = ceiling(weight_bits(layer, size, rest_c, 0), burst_bits) if rest_c else 0
        bursts += count * (first + (layer.c // c - 1) * full + last)
    return layer.groups * bursts
