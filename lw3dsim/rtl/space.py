"""Where tiles of a fused group lie in a buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.rtl.memories import Memory


class Lying(NamedTuple):
    """Words of a buffer that a tile takes, until the end of step ``last``."""

    begin: int
    end: int
    last: int


class Space:
    """The words of a buffer, in which tiles come and go."""

    def __init__(self, memory: Memory) -> None:
        self.begin, self.end = memory.begin, memory.begin + memory.words
        self.taken: list[Lying] = []

    def place(self, words: int, after: int, last: int, *, at_top: bool) -> int:
        """Return where a tile of so many ``words`` lies that comes behind step ``after`` and stays for step ``last``.

        Raises LookupError where there is no room for it in one piece.
        """
        self.taken = [one for one in self.taken if one.last > after]
        free, begin = list[tuple[int, int]](), self.begin
        for one in sorted(self.taken):
            free.append((begin, one.begin))
            begin = one.end
        free.append((begin, self.end))
        fits = [(low, high) for low, high in free if high - low >= words]
        if not fits:
            raise LookupError
        low, high = fits[-1] if at_top else fits[0]
        found = high - words if at_top else low
        self.taken.append(Lying(found, found + words, last))
        return found


def words_of(places: Ints, most: int) -> list[Ints]:
    """Return the indices of ``places``, which rise, of one word after another: neighbours, so many at most."""
    if not len(places):
        return []
    begins = np.flatnonzero(np.diff(places, prepend=-2) != 1)
    inside = np.arange(len(places)) - np.repeat(begins, np.diff(begins, append=len(places)))
    return np.split(np.arange(len(places)), np.flatnonzero(inside % most == 0)[1:])
