"""One axis of the stages of a fused group, and its cut into tiles; what tiles have of it follows in axes."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.caches import kept, once
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.map.group.axes import WARMED, Cuts, Reaches, cut_ways, empty_cuts
from lw3dsim.tensor.axis import contiguous

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lw3dsim.base.arrays import Ints, Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.tensor.axis import Axis


class Reach(Value, frozen=True, kw_only=True):
    """One axis of one stage: its window, sizes, whether it always needs all of its input, and the tensor that it adds.

    It reads the tensor ``reads``; what it makes may be ``stored`` beside being read by others. ``out`` and ``inp`` are
    positions of its output and its input, in each of so many ``segments``.
    """

    kernel: int
    stride: int
    padding: int
    out: int
    inp: int
    takes_all: bool
    reads: int
    adds: int = -1
    stored: bool = False
    segments: int = 1


_REACH = operator.attrgetter(*Reaches._fields)


class GroupAxis(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """One axis of a group cut into tiles; ``cuts`` hold it in words, as the first of the ways to cut the axis."""

    cuts: Cuts

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return int(self.cuts.tiles[0])

    @once
    def first(self) -> tuple[Ints, ...]:
        """The first new position, by tensor and tile."""
        return self._rows(self.cuts.first)

    @once
    def new(self) -> tuple[Ints, ...]:
        """The new positions, loaded or computed for the tile, by tensor and tile."""
        return self._rows(self.cuts.new)

    @once
    def retained(self) -> tuple[Ints, ...]:
        """The positions in front of the new ones that stay from tiles before, by tensor and tile."""
        return self._rows(self.cuts.retained)

    @once
    def stays(self) -> tuple[bool, ...]:
        """By tensor, whether any of it stays for a later tile."""
        return tuple(map(bool, self.cuts.most_retained))

    @once
    def needed(self) -> tuple[Ints, ...]:
        """The input positions that new outputs look at, by stage and tile."""
        return self._rows(self.cuts.needed)

    def _row(self, column: Words, number: int) -> Words:
        begin = number * len(self.cuts.last)
        return column[begin : begin + self.tiles]

    def _rows(self, column: Words) -> tuple[Ints, ...]:
        return tuple(np.asarray(column).reshape(-1, len(self.cuts.last))[:, : self.tiles])

    @once
    def _moved(self) -> dict[int, Axis]:
        return {}

    @once
    def sorts(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """By tensor, of every number of new positions but 0: the first tile that has it, and how many have it."""
        return tuple(
            tuple((row.index(size), row.count(size)) for size in dict.fromkeys(row) if size)
            for row in map(np.ndarray.tolist, self.new)
        )

    def moved(self, tensor: int) -> Axis:
        """Return what DMA moves of a tensor: its new positions, tile by tile."""
        if tensor not in self._moved:
            first, new = (self._row(column, tensor) for column in (self.cuts.first, self.cuts.new))
            self._moved[tensor] = contiguous(new, first, new, int(self.cuts.all_new[tensor]))
        return self._moved[tensor]

    def stored(self, tensor: int) -> Axis:
        """Return what DMA stores of a tensor inside the group: in every tile the positions that none before had."""
        ends = np.where(self.new[tensor] > 0, self.first[tensor] + self.new[tensor], 0)
        reached = np.maximum.accumulate(np.append(0, ends))
        work = kernels()
        first, own = work.words(reached[:-1]), work.words(np.diff(reached))
        return contiguous(own, first, own, int(reached[-1]))


def is_seen(axes: Iterable[GroupAxis]) -> bool:
    """Return whether one of the stages that look at the input does in every tile in which any of it comes.

    Input of a tile that no step looks at would come with none.
    """
    return functools.reduce(operator.and_, (int(axis.cuts.seen[0]) for axis in axes)) != 0


@kept(65536)
def cut_group(reaches: tuple[Reach, ...], tile: int, halo: int) -> GroupAxis:
    """Cut the last output into tiles of ``tile`` and see what every stage computes for each.

    With a ``halo`` that STAYS tiles follow each other, and only what no tile before had is new; where it is WARMED,
    tiles in front of the first come before.
    """
    return GroupAxis(cuts=cut_one(reaches, tile, halo))


def cut_one(reaches: tuple[Reach, ...], tile: int, halo: int) -> Cuts:
    """Return the same in columns, as the first of the ways."""
    work, last = kernels(), reaches[-1]
    tiles = -(-last.out // tile)
    # As many tiles warm up at most as the output has.
    cuts = empty_cuts(work, len(reaches), 1, last.segments * (1 + (halo == WARMED)) * tiles)
    size, low, high, ends = work.carved((1, 2 * tiles, 2 * tiles, len(reaches) + 1))
    size[0] = tile
    work(cut_ways)(plain_reaches(reaches, work), size, 1, halo, halo, cuts, low, high, ends)
    return cuts


@kept(4096)
def plain_reaches(reaches: tuple[Reach, ...], work: Kernels) -> Reaches:
    """Return one axis of all stages in columns."""
    return Reaches._make(map(work.words, zip(*map(_REACH, reaches), strict=True)))
