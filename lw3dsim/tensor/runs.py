"""The DMA descriptors of boxes: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.tensor.bursts import bursts_of, columns_of, is_scattered

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.tensor.bursts import Rows


class Cuts(NamedTuple):
    """The boxes of a tensor: channel ranges, by first and count, times the tiles of T, H and W.

    Tile i of T needs the positions ``frame[frames[i]]`` to ``frame[frames[i + 1] - 1]``, of H likewise in ``row``;
    of W it takes ``span`` pixels from ``left`` on.
    """

    channel: Words
    channels: Words
    frames: Words
    frame: Words
    rows: Words
    row: Words
    left: Words
    span: Words


class Strides(NamedTuple):
    """Bursts from a channel block, a frame and a row to the next."""

    block: int
    frame: int
    row: int


@entry
def row_runs(rows: Rows, channel: Words, channels: Words, left: Words, span: Words) -> int:
    """Return the runs of one row of all boxes, before any are joined: boxes as in :class:`Cuts`."""
    runs = 0
    for i in range(len(channel)):
        start, end = columns_of(rows, channel[i], channels[i])
        blocks = ceiling(end, rows.columns) - start // rows.columns
        for j in range(len(left)):
            runs += blocks * (span[j] if is_scattered(rows, start, end) else min(span[j], 1))
    return runs


@entry
def list_runs(
    rows: Rows, strides: Strides, cuts: Cuts, base: int, page: int, offsets: Words, first: Words, count: Words
) -> int:
    """Fill in the runs of every box of the tensor at burst ``base``; return how many there are.

    Boxes follow each other in row-major order of (channel range, t, h, w); a box is a nest of blocks, frames and
    rows. What touches the run before is joined to it, and what lies in one ``page`` with it, where that is not 0.
    """
    box = runs = 0
    for i in range(len(cuts.channel)):
        for t in range(len(cuts.frames) - 1):
            for h in range(len(cuts.rows) - 1):
                for w in range(len(cuts.left)):
                    runs = box_runs(rows, strides, cuts, base, page, i, t, h, w, first, count, runs)
                    box += 1
                    offsets[box] = runs
    return runs


@kernel
def box_runs(
    rows: Rows, strides: Strides, cuts: Cuts, base: int, page: int, i: int, t: int, h: int, w: int,
    first: Words, count: Words, runs: int,
) -> int:  # fmt: skip
    """Append the runs of one box to ``runs`` others; return how many there are then."""
    left, span, columns = cuts.left[w], cuts.span[w], rows.columns
    start, end = columns_of(rows, cuts.channel[i], cuts.channels[i])
    of_row = bursts_of(rows, left, span)
    if of_row == 0:
        return runs
    own, edge = runs, 0
    for block in range(start // columns, ceiling(end, columns)):
        low, high = max(start - block * columns, 0), min(end - block * columns, columns)
        for f in range(cuts.frames[t], cuts.frames[t + 1]):
            for r in range(cuts.rows[h], cuts.rows[h + 1]):
                at = base + block * strides.block + cuts.frame[f] * strides.frame + cuts.row[r] * strides.row
                if is_scattered(rows, start, end):
                    at += left * columns + low
                    runs, edge = append(first, count, own, runs, edge, at, high - low, columns, span, page)
                else:
                    at += left * rows.pixel_bits // rows.burst_bits
                    runs, edge = append(first, count, own, runs, edge, at, of_row, 1, 1, page)
    return runs


@kernel
def append(
    first: Words, count: Words, own: int, runs: int, edge: int, at: int, bursts: int, stride: int, pieces: int,
    page: int,
) -> tuple[int, int]:  # fmt: skip
    """Append ``pieces`` of ``bursts``, a ``stride`` apart from ``at`` on, or join them to the last run of the box.

    The first run of the box is ``own``. Return how many runs there are then, and the ``edge`` of the page in which all
    of the last one lies, 0 where it lies in more or there are no pages.
    """
    while pieces > 0:
        fits = 1
        if runs > own and first[runs - 1] <= at and at + bursts <= edge:
            fits = min(pieces, (edge - at - bursts) // stride + 1)
            count[runs - 1] += fits * bursts
        elif runs > own and first[runs - 1] + count[runs - 1] == at:
            count[runs - 1] += bursts
            edge = 0
        else:
            first[runs], count[runs] = at, bursts
            edge = at - at % page + page if page > 0 else 0
            edge = edge if at + bursts <= edge else 0
            runs += 1
        at += fits * stride
        pieces -= fits
    return runs, edge
