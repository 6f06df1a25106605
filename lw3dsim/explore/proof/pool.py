"""The boxes that are still open, in arrays: what they cost at least, and by how much they may beat a front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.explore.proof.boxes import numbers_of_values
from lw3dsim.explore.screening import TINY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lw3dsim.explore.front import Costs
    from lw3dsim.explore.proof.boxes import Masks

    Figures = NDArray[np.float64]
    Places = NDArray[np.int64]
    Flags = NDArray[np.bool_]

# Rows that there is room for at first.
ROOM = 1024


def factors(low: Figures, front: Sequence[Costs]) -> Figures:
    """Return the factor by which boxes that cost at least ``low`` may beat a front: in all objectives at once.

    Some design of the front costs no more than that times whatever a design of the box does, in every objective.
    """
    if not front:
        return np.full(len(low), np.inf)
    least = np.maximum(low, TINY)
    best = np.full(len(low), np.inf)
    for vector in front:
        best = np.minimum(best, (np.array(vector) / least).max(axis=1))
    return best


def are_dominated(low: Figures, front: Sequence[Costs]) -> Flags:
    """Return which boxes a design of the front beats: nowhere worse than their least costs, somewhere better."""
    beaten = np.zeros(len(low), dtype=bool)
    for vector in front:
        own = np.array(vector)
        beaten |= (own <= low).all(axis=1) & (own < low).any(axis=1)
    return beaten


class Pool:
    """Open boxes, ``count`` of them: their ``masks``, ``low`` costs, ``factor`` and number of choices."""

    def __init__(self, parameters: int, objectives: int) -> None:
        self.count = 0
        self._masks = np.zeros((ROOM, parameters), dtype=np.uint64)
        self._low = np.zeros((ROOM, objectives))
        self._factor = np.zeros(ROOM)
        self._choices = np.zeros(ROOM)

    @property
    def masks(self) -> Masks:
        """The boxes."""
        return self._masks[: self.count]

    @property
    def low(self) -> Figures:
        """What each costs at least, a column an objective."""
        return self._low[: self.count]

    @property
    def factor(self) -> Figures:
        """By how much each may beat the front."""
        return self._factor[: self.count]

    @property
    def choices(self) -> Figures:
        """How many choices each holds, rounded where they are very many."""
        return self._choices[: self.count]

    def add(self, masks: Masks, low: Figures, factor: Figures) -> None:
        """Take boxes in."""
        end = self.count + len(masks)
        while end > len(self._factor):
            self._masks, self._low, self._factor, self._choices = (
                np.concatenate([column, np.zeros_like(column)])
                for column in (self._masks, self._low, self._factor, self._choices)
            )
        self._masks[self.count : end], self._low[self.count : end] = masks, low
        self._factor[self.count : end] = factor
        self._choices[self.count : end] = numbers_of_values(masks).astype(np.float64).prod(axis=1)
        self.count = end

    def remove(self, places: Places) -> None:
        """Drop boxes by place; the last ones take theirs."""
        end = self.count - len(places)
        gone = np.zeros(self.count, dtype=bool)
        gone[places] = True
        holes, moved = np.flatnonzero(gone[:end]), end + np.flatnonzero(~gone[end:])
        for column in (self._masks, self._low, self._factor, self._choices):
            column[holes] = column[moved]
        self.count = end

    def face(self, vector: Costs) -> Places:
        """Hold the boxes against another design of the front; return the places of those that it beats."""
        np.minimum(self.factor, factors(self.low, [vector]), out=self._factor[: self.count])
        return np.flatnonzero(are_dominated(self.low, [vector]))

    def largest(self, figures: Figures, most: int) -> Places:
        """Return the places of up to ``most`` boxes with the largest figures, in no order; none of a figure below 0."""
        found = np.argpartition(-figures, most)[:most] if most < self.count else np.arange(self.count)
        return found[figures[found] >= 0]
