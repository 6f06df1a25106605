"""What each candidate tile size along one axis costs, summed over all tiles of the axis: plain integer code.

Everything that a tensor moves is a product of such sums, so that a tiling is
judged by looking up one row per axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling, common_divisor
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.machine.records import DENSE, GROUPED
from lw3dsim.tensor.axis import Reads, first_of, is_read, read_by
from lw3dsim.tensor.bursts import bursts_of, columns_of, is_scattered
from lw3dsim.tensor.planes import bursts_of_lines, piece

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Layer
    from lw3dsim.tensor.bursts import Rows


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


@kernel
def sum_extent(layer: Layer, inp: Rows, out: Rows, axis: int, extent: Extent) -> None:
    """Fill the sums of ``extent``, whose sizes are given."""
    for i in range(len(extent.size)):
        size = extent.size[i]
        tiles = tiles_along(layer, axis, size)
        needed = spans = largest = span_bursts = out_bursts = 0
        for number in range(tiles):
            first, outputs = tile_along(layer, axis, size, number)
            start, span, count = read_positions(layer, axis, first, outputs)
            needed += count
            spans += span
            largest = max(largest, span if axis == 2 else count)
            if axis == 2:
                span_bursts += bursts_of(inp, start, span)
                out_bursts += bursts_of(out, first, outputs)
        extent.tiles[i], extent.needed[i], extent.span[i], extent.largest[i] = tiles, needed, spans, largest
        extent.span_bursts[i], extent.out_bursts[i] = span_bursts, out_bursts


@kernel
def sum_planes(layer: Layer, rows: Rows, heights: Words, widths: Words, is_input: int, planes: Words) -> None:
    """Fill in, by the sizes of tiles along H and W, the bursts that all tiles move of a plane whose rows are packed."""
    for i in range(len(heights)):
        for j in range(len(widths)):
            planes[i * len(widths) + j] = planes_of_tiles(layer, rows, heights[i], widths[j], is_input)


@kernel
def planes_of_tiles(layer: Layer, rows: Rows, height: int, width: int, is_input: int) -> int:
    """Return the bursts that all tiles of ``height`` x ``width`` outputs move of a plane whose rows are packed."""
    bursts = 0
    for h in range(tiles_along(layer, 1, height)):
        top, lines = tile_along(layer, 1, height, h)
        for w in range(tiles_along(layer, 2, width)):
            left, span = tile_along(layer, 2, width, w)
            if is_input:
                left, span, _ = read_positions(layer, 2, left, span)
                bursts += read_of_plane(layer, rows, top, lines, left, span)
            else:
                bursts += bursts_of_lines(rows, top, lines, left, span)
    return bursts


@kernel
def rows_of_tiles(layer: Layer, rows: Rows, width: int, is_input: int) -> int:
    """Return the bursts that all tiles of ``width`` outputs touch of a row of a block."""
    bursts = 0
    for number in range(tiles_along(layer, 2, width)):
        left, span = tile_along(layer, 2, width, number)
        if is_input:
            left, span, _ = read_positions(layer, 2, left, span)
        bursts += bursts_of(rows, left, span)
    return bursts


@kernel
def read_of_plane(layer: Layer, rows: Rows, output: int, outputs: int, left: int, span: int) -> int:
    """Return the bursts of a plane of the input that hold, in ``span`` pixels, the rows that some ``outputs`` read."""
    top, reach, lines = read_positions(layer, 1, output, outputs)
    if lines == reach or span == 0:
        return bursts_of_lines(rows, top, lines, left, span)
    reads = Reads(layer.inp[1], layer.kernel[1], layer.stride[1], layer.padding[1], layer.dilation[1])
    bursts = reached = 0
    for row in range(top, top + reach):
        if is_read(reads, row - first_of(reads, output), outputs):
            begin, behind = piece(rows, row, left, span, reached)
            bursts, reached = bursts + behind - begin, behind
    return bursts


@kernel
def segments_of(layer: Layer, axis: int) -> int:
    """Return the segments of an axis; only T has several."""
    return layer.segments if axis == 0 else 1


@kernel
def tiles_along(layer: Layer, axis: int, size: int) -> int:
    """Return the tiles of ``size`` outputs along an axis: each of one segment, or of several whole ones."""
    segment = layer.out[axis] // segments_of(layer, axis)
    return layer.out[axis] // segment * ceiling(segment, size) if size < segment else ceiling(layer.out[axis], size)


@kernel
def tile_along(layer: Layer, axis: int, size: int, number: int) -> tuple[int, int]:
    """Return the first output of a tile along an axis, and how many there are in it."""
    segment = layer.out[axis] // segments_of(layer, axis)
    if size >= segment:
        return number * size, min(size, layer.out[axis] - number * size)
    tiles = ceiling(segment, size)
    first = number % tiles * size
    return number // tiles * segment + first, min(size, segment - first)


@kernel
def last_along(layer: Layer, axis: int, size: int) -> int:
    """Return the outputs of the last tile along an axis."""
    _, outputs = tile_along(layer, axis, size, tiles_along(layer, axis, size) - 1)
    return outputs


@kernel
def read_positions(layer: Layer, axis: int, first: int, outputs: int) -> tuple[int, int, int]:
    """Return the first input position that ``outputs`` from ``first`` on read, the span to the last, how many in it.

    They are of one segment, or of several whole ones.
    """
    segments = segments_of(layer, axis)
    segment, whole = layer.out[axis] // segments, layer.inp[axis] // segments
    kernel, stride, padding, dilation = (
        layer.kernel[axis],
        layer.stride[axis],
        layer.padding[axis],
        layer.dilation[axis],
    )
    reads = Reads(whole, kernel, stride, padding, dilation)
    start, span, count = read_by(reads, first % segment, min(outputs, segment))
    many = ceiling(outputs, segment)
    return first // segment * whole + start, (many - 1) * whole + span, many * count


@kernel
def input_channels(layer: Layer, n: int, c: int) -> int:
    """Return the input channels of a step of ``n`` output channels and ``c`` of what each reduces."""
    if layer.structure == DENSE:
        return c
    return n // layer.group_n * layer.c if layer.structure == GROUPED else n


@entry
def sum_channels(
    groups: int, total: int, each: int, of: int, rows: Rows, size: Words, parts: Words, blocks: Words, columns: Words
) -> None:
    """Fill, per tile ``size`` of ``total`` channels, the parts, and the blocks and scattered columns of all groups.

    The tensor has ``each`` channels for ``of`` of these.
    """
    for i in range(len(size)):
        parts[i] = ceiling(total, size[i])
        blocks[i], columns[i] = channels_of_tiles(groups, total, each, of, rows, size[i])


@kernel
def channels_of_tiles(groups: int, total: int, each: int, of: int, rows: Rows, size: int) -> tuple[int, int]:
    """Return the whole blocks and the scattered columns that tiles of ``size`` touch: see :func:`sum_channels`."""
    whole, scattered, tiles = 0, 0, ceiling(total, size)
    # After so many tiles, all channels of whole blocks, the next ones lie as the first.
    turn = rows.block // common_divisor(size, rows.block) if each == of else tiles
    turns = max(total // size // turn, 1)
    for group in range(groups):
        for number in range(tiles - (turns - 1) * turn):
            alike, tile = (turns, number) if number < turn else (1, number + (turns - 1) * turn)
            begin, count = group * total + tile * size, min(size, total - tile * size)
            start, end = columns_of(rows, begin // of * each, count // of * each)
            if is_scattered(rows, start, end):
                scattered += alike * (end - start)
            else:
                whole += alike * (end - start)
    return whole // rows.columns, scattered


@kernel
def weight_bits(layer: Layer, n: int, c: int, is_first: int) -> int:
    """Return the stored bits of the kernels of an n x c tile; biases come with its first reduction step."""
    return n * c * layer.kernel_bits + (n * layer.bias_bits if is_first else 0)


@kernel
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
