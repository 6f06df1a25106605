"""The bursts of a row that a box touches: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words


class Rows(NamedTuple):
    """A Layout in integers: ``columns`` bursts a pixel's block, ``pixel_bits`` from a pixel to the next.

    Where rows are packed, a row begins ``row_pixels`` pixels behind the one before it, else 0.
    """

    block: int
    columns: int
    element_bits: int
    pixel_bits: int
    row_bursts: int
    burst_bits: int
    row_pixels: int


@kernel
def in_blocks(rows: Rows, block: int) -> Rows:
    """Return the same in blocks of so many channels, not packed, without what lies from a row to the next."""
    bits = block * rows.element_bits
    columns = ceiling(bits, rows.burst_bits)
    pixel_bits = columns * rows.burst_bits if bits > rows.burst_bits else bits
    return Rows(block, columns, rows.element_bits, pixel_bits, 0, rows.burst_bits, 0)


@kernel
def bursts_of(rows: Rows, first: int, span: int) -> int:
    """Return the bursts of a row that hold ``span`` pixels from ``first`` on."""
    if span == 0:
        return 0
    return ceiling((first + span) * rows.pixel_bits, rows.burst_bits) - first * rows.pixel_bits // rows.burst_bits


@kernel
def columns_of(rows: Rows, channel: int, count: int) -> tuple[int, int]:
    """Return the first column that ``count`` channels from ``channel`` on touch, and the first behind them."""
    return column_of(rows, channel, 0), column_of(rows, channel + count - 1, rows.element_bits - 1) + 1


@kernel
def column_of(rows: Rows, channel: int, bit: int) -> int:
    """Return the column of bursts, numbered through all blocks, in which a bit of a channel lies."""
    within = (channel % rows.block * rows.element_bits + bit) // rows.burst_bits
    # Of a packed block all of a pixel is moved, however many bursts that are.
    return channel // rows.block * rows.columns + min(within, rows.columns - 1)


@kernel
def is_scattered(rows: Rows, start: int, end: int) -> bool:
    """Return whether columns are only some of a block's: the bursts of a tile are then apart at every pixel."""
    return start % rows.columns != 0 or end % rows.columns != 0


@kernel
def row_bursts(rows: Rows, start: int, end: int, left: int, span: int) -> int:
    """Return the bursts of a row of the columns from ``start`` to ``end``, ``span`` pixels from ``left`` on."""
    if is_scattered(rows, start, end):
        return (end - start) * span
    return (end - start) // rows.columns * bursts_of(rows, left, span)


@entry
def sum_spans(rows: Rows, begins: Words, tiles: Words, left: Words, span: Words, bursts: Words) -> None:
    """Fill in, per way to cut a row, the bursts that hold ``span`` pixels from ``left`` on, of all tiles together.

    The tiles of way i are ``tiles[i]`` from tile ``begins[i]`` on.
    """
    for i in range(len(begins)):
        bursts[i] = 0
        for tile in range(begins[i], begins[i] + tiles[i]):
            bursts[i] += bursts_of(rows, left[tile], span[tile])
