"""The bursts of a plane, a frame of a channel block, whose rows are packed: plain integer code.

A box moves every burst that holds any of its pixels once. Bits of a plane are numbered through all of its rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import ceiling, common_divisor
from lw3dsim.base.kernels import kernel
from lw3dsim.tensor.bursts import bursts_of

if TYPE_CHECKING:
    from lw3dsim.tensor.bursts import Rows


@kernel
def is_stretch(rows: Rows, span: int) -> bool:
    """Return whether no whole burst lies between ``span`` pixels of a row and those of the next: they are one run."""
    return (rows.row_pixels - span) * rows.pixel_bits < rows.burst_bits


@kernel
def bursts_of_lines(rows: Rows, top: int, lines: int, left: int, span: int) -> int:
    """Return the bursts of a plane that hold ``span`` pixels from ``left`` on of ``lines`` rows from ``top`` on."""
    if lines == 0 or span == 0:
        return 0
    width = rows.row_pixels
    if is_stretch(rows, span):
        return bursts_of(rows, top * width + left, (lines - 1) * width + span)
    # So many rows further on a row begins at the same bit of a burst.
    period = rows.burst_bits // common_divisor(width * rows.pixel_bits, rows.burst_bits)
    rest, of_period, of_rest = lines % period, 0, 0
    for line in range(min(lines, period)):
        bursts = bursts_of(rows, (top + line) * width + left, span)
        of_period += bursts
        of_rest += bursts if line < rest else 0
    return lines // period * of_period + of_rest


@kernel
def piece(rows: Rows, row: int, left: int, span: int, reached: int) -> tuple[int, int]:
    """Return the first burst, and the first behind, of what ``span`` pixels of a row have behind burst ``reached``."""
    begin = (row * rows.row_pixels + left) * rows.pixel_bits
    behind = max(ceiling(begin + span * rows.pixel_bits, rows.burst_bits), reached)
    return max(begin // rows.burst_bits, reached), behind
