"""Axes of fused groups that have been cut, found again for other groups and designs: plain integer code.

How an axis is cut follows from its reaches, and from what Winograd tiles it is cut for: little of a design.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.caches import kept, lent
from lw3dsim.base.kernels import kernel, kernels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lw3dsim.base.arrays import Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.map.group.axes import Cuts, Reaches

# Axes are told apart by hashes below a prime. Where they take more words than these, all are dropped.
PLACES, ROOM = 16381, 3 << 20

# Hashes are made of so many bits, with a factor.
BITS, FACTOR = (1 << 40) - 1, 1000003

# Of two figures in a word, the upper is so many times as high.
UPPER, LOWER = 1 << 32, (1 << 32) - 1


class Known(NamedTuple):
    """Axes in words behind each other, up to the ``end``: what they are, how many ways there are, and figures of these.

    By hash of what they are, the ``place`` of the last, 0 for none. Without any words none are known.
    """

    place: Words
    words: Words
    end: Words


@kernel
def find_axis(known: Known, reaches: Reaches, filled: Words, halos: int, is_one: int) -> tuple[int, int]:
    """Return the hash of an axis, -1 where none are known, and where its ways are; 0 where it is not known.

    What it is stands at the end then.
    """
    stages, words = len(filled), known.words
    size = 2 + 11 * stages
    if 1 + size >= len(words):
        return -1, 0
    if known.end[0] + size >= len(words):
        drop_axes(known)
    end, mixed = known.end[0], 0
    words[end], words[end + 1] = 2 * halos + is_one, stages
    for i in range(stages):
        at = end + 2 + 11 * i
        words[at], words[at + 1], words[at + 2] = reaches.kernel[i], reaches.stride[i], reaches.padding[i]
        words[at + 3], words[at + 4], words[at + 5] = reaches.out[i], reaches.inp[i], reaches.takes_all[i]
        words[at + 6], words[at + 7], words[at + 8] = reaches.adds[i], reaches.reads[i], reaches.stored[i]
        words[at + 9], words[at + 10] = reaches.segments[i], filled[i]
    for at in range(end, end + size):
        mixed = (mixed * FACTOR + words[at]) & BITS
    mixed = mixed % len(known.place)
    place = known.place[mixed]
    if place == 0:
        return mixed, 0
    for i in range(size):
        if words[place + i] != words[end + i]:
            return mixed, 0
    return mixed, place + size


@kernel
def drop_axes(known: Known) -> None:
    """Know none of the axes any more."""
    for place in range(len(known.place)):
        known.place[place] = 0
    known.end[0] = 1


@kernel
def keep_axis(known: Known, mixed: int, ways: int, cuts: Cuts, units: Words, most: Words) -> None:
    """Keep an axis that was not found, of a hash, cut in so many ways; where there is no room for it, drop all."""
    if mixed < 0:
        return
    words, room, stages = known.words, len(cuts.tile), known.words[known.end[0] + 1]
    at = known.end[0] + 2 + 11 * stages
    if at + 1 + ways * (3 + 3 * (stages + 1) + stages) > len(words):
        drop_axes(known)
        return
    words[at] = ways
    at = keep_figures(words, at + 1, cuts.tile, cuts.tiles, 1, room, ways)
    at = keep_figures(words, at, cuts.is_kept, cuts.warm, 1, room, ways)
    at = keep_figures(words, at, cuts.seen, cuts.begin, 1, room, ways)
    at = keep_figures(words, at, cuts.most_new, cuts.most_retained, stages + 1, room, ways)
    at = keep_figures(words, at, cuts.most_held, cuts.active, stages + 1, room, ways)
    at = keep_figures(words, at, cuts.all_new, cuts.stored, stages + 1, room, ways)
    at = keep_figures(words, at, units, most, stages, room, ways)
    # Found from now on, as all of it stands there.
    known.place[mixed], known.end[0] = known.end[0], at


@kernel
def keep_figures(words: Words, at: int, one: Words, other: Words, rows: int, room: int, ways: int) -> int:
    """Keep two columns by row and way, which have room for more ways, from a place on; return where they end."""
    for row in range(rows):
        for way in range(ways):
            words[at + way] = one[row * room + way] * UPPER + other[row * room + way]
        at += ways
    return at


@kernel
def take_axis(known: Known, at: int, stages: int, cuts: Cuts, units: Words, most: Words) -> int:
    """Fill in the figures of an axis of so many stages whose ways are at a place; return how many they are."""
    words, room, ways = known.words, len(cuts.tile), known.words[at]
    at = take_figures(words, at + 1, cuts.tile, cuts.tiles, 1, room, ways)
    at = take_figures(words, at, cuts.is_kept, cuts.warm, 1, room, ways)
    at = take_figures(words, at, cuts.seen, cuts.begin, 1, room, ways)
    at = take_figures(words, at, cuts.most_new, cuts.most_retained, stages + 1, room, ways)
    at = take_figures(words, at, cuts.most_held, cuts.active, stages + 1, room, ways)
    at = take_figures(words, at, cuts.all_new, cuts.stored, stages + 1, room, ways)
    take_figures(words, at, units, most, stages, room, ways)
    return ways


@kernel
def take_figures(words: Words, at: int, one: Words, other: Words, rows: int, room: int, ways: int) -> int:
    """Fill in two columns that are kept at a place; return where they end."""
    for row in range(rows):
        for way in range(ways):
            figures = words[at + way]
            one[row * room + way], other[row * room + way] = figures >> 32, figures & LOWER
        at += ways
    return at


def none_known(work: Kernels) -> Known:
    """Return what knows no axes."""
    return Known(work.empty(0), work.empty(0), work.empty(0))


@contextmanager
def lent_known() -> Iterator[Known]:
    """Lend the axes that this process has cut."""
    work = kernels()
    with lent(_free(work), lambda: _make_known(work)) as known:
        yield known


@kept(1)
def _free(work: Kernels) -> list[Known]:  # noqa: ARG001
    """Return what of such axes nobody uses now."""
    return []


def _make_known(work: Kernels) -> Known:
    place, words, end = work.carved([PLACES, ROOM, 1], is_empty=True)
    end[0] = 1
    return Known(place, words, end)
