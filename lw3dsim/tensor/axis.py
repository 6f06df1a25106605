"""One dimension cut into tiles, and what each tile reads of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.arrays import arrays_of
from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import entry, kernel, kernels
from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints, Words


class Axis(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """One dimension cut into tiles: per tile its outputs and what it reads of the input.

    ``needed`` counts the distinct input positions, ``first`` is the first of them
    (0 where there are none) and ``span`` the positions from the first to the last.
    ``positions`` lists those of all tiles behind each other, ``needed`` per tile; ``begins`` is, per tile, where its
    own begin, and at last where those of all tiles end.
    """

    outputs: Ints
    needed: Ints
    first: Ints
    span: Ints
    positions: Ints
    begins: Ints

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return len(self.outputs)

    @classmethod
    def of(cls, outputs: Ints, needed: Ints, first: Ints, span: Ints, positions: Ints) -> Axis:
        """Return the axis of these columns."""
        begins = np.zeros(len(needed) + 1, dtype=np.int64)
        np.cumsum(needed, out=begins[1:])
        return cls(outputs=outputs, needed=needed, first=first, span=span, positions=positions, begins=begins)


class Reads(NamedTuple):
    """What the outputs of a dimension read: of ``size`` input positions, those under the taps of a kernel."""

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int


class Tiles(NamedTuple):
    """The columns of an :class:`Axis`, in words."""

    outputs: Words
    needed: Words
    first: Words
    span: Words
    begins: Words
    positions: Words


@kept(65536)
def cut(size_out: int, size_in: int, tile: int, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    """Cut ``size_out`` outputs into tiles of ``tile`` (the last one ragged) and see what each reads."""
    work, count = kernels(), -(-size_out // tile)
    tiles = Tiles(*work.carved((count, count, count, count, count + 1, size_out * kernel)))
    listed = work(cut_tiles)(Reads(size_in, kernel, stride, padding, dilation), size_out, tile, tiles)
    return Axis(**arrays_of(tiles._replace(positions=tiles.positions[:listed])))


@kept(65536)
def cut_segments(segments: int, size_out: int, size_in: int, tile: int, reads: Reads) -> Axis:
    """Cut ``segments`` equal parts of ``size_out`` outputs and ``size_in`` inputs, none of which reads of another.

    A tile is a part of a segment, or, where it is as large, so many whole ones. ``reads`` is said of the axis as one.
    """
    within, whole = size_out // segments, size_in // segments
    one = cut(within, whole, min(tile, within), reads.kernel, reads.stride, reads.padding, reads.dilation)
    if tile <= within:
        return repeated(one, segments, whole)
    together, rest = divmod(segments, tile // within)
    counts = np.array([tile // within] * together + [rest] * (rest > 0), dtype=np.int64)
    each, begins = int(one.needed[0]), np.cumsum(counts) - counts
    return Axis.of(
        outputs=counts * within,
        needed=counts * each,
        first=begins * whole + one.first[0],
        span=(counts - 1) * whole + one.span[0],
        positions=repeated(one, segments, whole).positions,
    )


def repeated(axis: Axis, times: int, apart: int) -> Axis:
    """Return the tiles of ``axis`` so many ``times``, each time ``apart`` positions of the input further on."""
    shift = np.arange(times, dtype=np.int64)[:, None] * apart
    return Axis.of(
        outputs=np.tile(axis.outputs, times),
        needed=np.tile(axis.needed, times),
        first=(axis.first + shift * (axis.needed > 0)).ravel(),
        span=np.tile(axis.span, times),
        positions=(axis.positions + shift).ravel(),
    )


def contiguous(outputs: Words, first: Words, needed: Words, total: int) -> Axis:
    """Return the axis whose tiles read ``needed`` positions from ``first`` on, ``total`` in all."""
    work, tiles = kernels(), len(needed)
    starts, begins, positions = work.carved((tiles, tiles + 1, total))
    work(list_positions)(first, needed, starts, begins, positions)
    outputs, needed, starts, begins, positions = (
        np.asarray(column, dtype=np.int64) for column in (outputs, needed, starts, begins, positions)
    )
    return Axis(outputs=outputs, needed=needed, first=starts, span=needed, positions=positions, begins=begins)


@entry
def list_positions(first: Words, needed: Words, starts: Words, begins: Words, positions: Words) -> None:
    """Fill in the first position that each tile reads, 0 where it reads none, and the ``positions`` of all tiles.

    Those of a tile are from its ``begins`` up to the next.
    """
    listed = 0
    for tile in range(len(needed)):
        starts[tile] = first[tile] if needed[tile] else 0
        begins[tile] = listed
        for i in range(needed[tile]):
            positions[listed] = first[tile] + i
            listed += 1
    begins[len(needed)] = listed


@entry
def cut_tiles(reads: Reads, total: int, size: int, tiles: Tiles) -> int:
    """Fill in the ``tiles`` of ``size`` of ``total`` outputs; return the positions of all of them."""
    listed = 0
    for i in range(len(tiles.outputs)):
        outputs = min(size, total - i * size)
        first, span, needed = read_by(reads, i * size, outputs)
        tiles.outputs[i], tiles.needed[i], tiles.first[i], tiles.span[i] = outputs, needed, first, span
        tiles.begins[i] = listed
        for position in range(first, first + span):
            if needed == span or is_read(reads, position - first_of(reads, i * size), outputs):
                tiles.positions[listed] = position
                listed += 1
    tiles.begins[len(tiles.outputs)] = listed
    return listed


@kernel
def first_of(reads: Reads, output: int) -> int:
    """Return the position under the first tap of an output, which may be one of padding."""
    return output * reads.stride - reads.padding


@kernel
def read_by(reads: Reads, first: int, outputs: int) -> tuple[int, int, int]:
    """Return the first input position that ``outputs`` from ``first`` on read, the span to the last, how many in it."""
    reach = (reads.kernel - 1) * reads.dilation + 1
    start = first_of(reads, first)
    end = start + (outputs - 1) * reads.stride + reach
    if reads.dilation == 1 and reach >= reads.stride:
        start, end = min(max(start, 0), reads.size), min(max(end, 0), reads.size)
        return (start if end > start else 0), end - start, end - start
    low, high, count = reads.size, -1, 0
    for position in range(max(start, 0), min(end, reads.size)):
        if is_read(reads, position - start, outputs):
            low, high, count = min(low, position), position, count + 1
    return (low, high - low + 1, count) if count else (0, 0, 0)


@kernel
def is_read(reads: Reads, offset: int, outputs: int) -> bool:
    """Return whether any of ``outputs`` reads the position ``offset`` from where the first begins."""
    for tap in range(reads.kernel):
        rest = offset - tap * reads.dilation
        if rest >= 0 and rest % reads.stride == 0 and rest // reads.stride < outputs:
            return True
    return False
