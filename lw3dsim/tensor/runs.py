"""The DMA descriptors of boxes: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.tensor.bursts import bursts_of, columns_of, in_blocks, is_scattered, row_bursts
from lw3dsim.tensor.planes import bursts_of_lines, is_stretch, piece

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


class Runs(NamedTuple):
    """DMA descriptors: box i moves runs ``offsets[i]`` to ``offsets[i + 1]``, ``bursts`` from ``first`` on.

    Where pages have been asked for, the bursts of a run within one need not touch.
    """

    offsets: Words
    first: Words
    bursts: Words


class Strides(NamedTuple):
    """Bursts from a channel block, a frame and a row to the next."""

    block: int
    frame: int
    row: int


@entry
def row_sums(rows: Rows, cuts: Cuts, blocks: Words, bursts: Words) -> None:
    """Fill in, by the channels of a block, the bursts of one row of all boxes: one per channel range and tile of W."""
    for block in range(len(blocks)):
        blocked, total = in_blocks(rows, blocks[block]), 0
        for i in range(len(cuts.channel)):
            start, end = columns_of(blocked, cuts.channel[i], cuts.channels[i])
            for w in range(len(cuts.left)):
                total += row_bursts(blocked, start, end, cuts.left[w], cuts.span[w])
        bursts[block] = total


@entry
def count_boxes(rows: Rows, cuts: Cuts, tensors: int, bursts: Words, box: int) -> int:
    """Fill in the bursts of every box of so many alike ``tensors``, as in :func:`list_runs`, from a ``box`` on.

    Return the runs of all of them, of one tensor, unjoined.
    """
    runs, width = 0, len(cuts.left)
    for i in range(len(cuts.channel)):
        start, end = columns_of(rows, cuts.channel[i], cuts.channels[i])
        blocks, is_apart = ceiling(end, rows.columns) - start // rows.columns, is_scattered(rows, start, end)
        for t in range(len(cuts.frames) - 1):
            for h in range(len(cuts.rows) - 1):
                frames, lines = cuts.frames[t + 1] - cuts.frames[t], cuts.rows[h + 1] - cuts.rows[h]
                for w in range(width):
                    if rows.row_pixels:
                        of_plane, pieces = plane_bursts(rows, cuts, h, w)
                        bursts[box] = tensors * frames * blocks * of_plane
                        runs += frames * blocks * pieces
                    else:
                        of_row = row_bursts(rows, start, end, cuts.left[w], cuts.span[w])
                        bursts[box] = tensors * frames * lines * of_row
                        runs += frames * lines * blocks * (cuts.span[w] if is_apart else min(cuts.span[w], 1))
                    box += 1
    return runs


@kernel
def plane_bursts(rows: Rows, cuts: Cuts, h: int, w: int) -> tuple[int, int]:
    """Return the bursts that a box moves of a plane of packed rows, and the most runs of them."""
    total = reached = pieces = 0
    row = cuts.rows[h]
    while row < cuts.rows[h + 1] and cuts.span[w] > 0:
        begin, reached, row = next_piece(rows, cuts, h, w, row, reached)
        total, pieces = total + reached - begin, pieces + 1
    return total, pieces


@kernel
def next_piece(rows: Rows, cuts: Cuts, h: int, w: int, row: int, reached: int) -> tuple[int, int, int]:
    """Return what a box takes of a plane of packed rows from a ``row`` of its own on, behind burst ``reached``.

    It is the first burst, the first behind, and the row behind: all rows are one piece where they touch.
    """
    left, span, top, last = cuts.left[w], cuts.span[w], cuts.rows[h], cuts.rows[h + 1]
    begin, behind = piece(rows, cuts.row[row], left, span, reached)
    if row > top or alike(cuts.row, top, last) < last - top or not is_stretch(rows, span):
        return begin, behind, row + 1
    return begin, begin + bursts_of_lines(rows, cuts.row[top], last - top, left, span), last


@entry
def list_runs(
    rows: Rows, strides: Strides, cuts: Cuts, bases: Words, page: int, into: Runs, box: int, runs: int
) -> tuple[int, int]:
    """Append the runs of every box, of the tensors at each of ``bases`` in turn, to so many others.

    Boxes follow each other in row-major order of (channel range, t, h, w); a box is a nest of blocks, frames and
    rows. What touches the run before is joined to it, and what lies in one ``page`` with it, where that is not 0.
    Return how many boxes and runs there are then.
    """
    for i in range(len(cuts.channel)):
        for t in range(len(cuts.frames) - 1):
            for h in range(len(cuts.rows) - 1):
                for w in range(len(cuts.left)):
                    for tensor in range(len(bases)):
                        base = bases[tensor]
                        runs = box_runs(rows, strides, cuts, base, page, i, t, h, w, into.first, into.bursts, runs)
                    box += 1
                    into.offsets[box] = runs
    return box, runs


@entry
def list_tiles(bursts: Words, base: int, into: Runs, box: int, runs: int) -> tuple[int, int]:
    """Append boxes that lie behind each other from burst ``base`` on, a run each; return the same."""
    for i in range(len(bursts)):
        into.first[runs], into.bursts[runs] = base, bursts[i]
        base += bursts[i]
        box += 1
        runs += 1
        into.offsets[box] = runs
    return box, runs


@kernel
def box_runs(
    rows: Rows, strides: Strides, cuts: Cuts, base: int, page: int, i: int, t: int, h: int, w: int,
    first: Words, count: Words, runs: int,
) -> int:  # fmt: skip
    """Append the runs of one box to ``runs`` others; return how many there are then."""
    left, span, columns = cuts.left[w], cuts.span[w], rows.columns
    if rows.row_pixels:
        return packed_runs(rows, strides, cuts, base, page, i, t, h, w, first, count, runs)
    start, end = columns_of(rows, cuts.channel[i], cuts.channels[i])
    of_row, is_apart = bursts_of(rows, left, span), is_scattered(rows, start, end)
    if of_row == 0:
        return runs
    in_row = left * columns if is_apart else left * rows.pixel_bits // rows.burst_bits
    own, edge, last = runs, 0, cuts.rows[h + 1]
    together = 1 if is_apart else alike(cuts.row, cuts.rows[h], last)
    for block in range(start // columns, ceiling(end, columns)):
        low, high = max(start - block * columns, 0), min(end - block * columns, columns)
        for f in range(cuts.frames[t], cuts.frames[t + 1]):
            for r in range(cuts.rows[h], last, together):
                at = base + block * strides.block + cuts.frame[f] * strides.frame + cuts.row[r] * strides.row + in_row
                if is_apart:
                    runs, edge = append(first, count, own, runs, edge, at + low, high - low, columns, span, page)
                else:
                    runs, edge = append(first, count, own, runs, edge, at, of_row, strides.row, together, page)
    return runs


@kernel
def packed_runs(
    rows: Rows, strides: Strides, cuts: Cuts, base: int, page: int, i: int, t: int, h: int, w: int,
    first: Words, count: Words, runs: int,
) -> int:  # fmt: skip
    """Append the runs of one box of packed rows to ``runs`` others; return how many there are then."""
    start, end = columns_of(rows, cuts.channel[i], cuts.channels[i])
    own, edge = runs, 0
    if cuts.span[w] == 0:
        return runs
    for block in range(start, end):
        for f in range(cuts.frames[t], cuts.frames[t + 1]):
            plane, reached, row = base + block * strides.block + cuts.frame[f] * strides.frame, 0, cuts.rows[h]
            while row < cuts.rows[h + 1]:
                begin, reached, row = next_piece(rows, cuts, h, w, row, reached)
                bursts = reached - begin
                if bursts:
                    runs, edge = append(first, count, own, runs, edge, plane + begin, bursts, bursts, 1, page)
    return runs


@kernel
def alike(positions: Words, first: int, end: int) -> int:
    """Return how many positions, of those from ``first`` on, are dealt with at once: all, if they follow each other."""
    count = end - first
    return count if count > 0 and positions[end - 1] - positions[first] == count - 1 else 1


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
        # Pieces that touch are joined wherever they lie.
        taken = pieces if bursts == stride else 1
        if runs > own and first[runs - 1] <= at and at + bursts <= edge:
            taken = min(pieces, (edge - at - bursts) // stride + 1)
            count[runs - 1] += taken * bursts
        elif runs > own and first[runs - 1] + count[runs - 1] == at:
            count[runs - 1] += taken * bursts
            edge = 0
        else:
            first[runs], count[runs] = at, taken * bursts
            edge = at - at % page + page if page > 0 else 0
            edge = edge if at + taken * bursts <= edge else 0
            runs += 1
        at += taken * stride
        pieces -= taken
    return runs, edge
