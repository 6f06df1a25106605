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
    """Return the factors by which alternatives that cost at least ``low`` may beat a front: in all objectives at once.

    Some design of the front costs no more than that times whatever such a design does, in every objective. ``low`` has
    a row a box, an alternative, and an objective behind each other.
    """
    least, best = np.maximum(low, TINY), np.full(low.shape[:2], np.inf)
    for vector in front:
        best = np.minimum(best, (np.array(vector) / least).max(axis=2))
    best[~np.isfinite(low).all(axis=2)] = 0
    return best


def rule_out(low: Figures, front: Sequence[Costs]) -> Figures:
    """Return ``low``, infinite for alternatives that a front beats: a design is nowhere worse and somewhere better."""
    left = low.copy()
    for vector in front:
        own = np.array(vector)
        left[(own <= low).all(axis=2) & (own < low).any(axis=2)] = np.inf
    return left


def are_possible(low: Figures) -> Flags:
    """Return in which boxes any alternative is left."""
    return np.asarray(np.asarray(np.isfinite(low).all(axis=2)).any(axis=1))


class Pool:
    """Open boxes, ``count`` of them.

    One that ``is_stuck`` is cut no more to tighten its bound: it holds one choice, or such as no bound tells apart.
    """

    def __init__(self, parameters: int, alternatives: int, objectives: int) -> None:
        self.count = 0
        self._masks = np.zeros((ROOM, parameters), dtype=np.uint64)
        self._low = np.zeros((ROOM, alternatives, objectives))
        self._factors = np.zeros((ROOM, alternatives))
        self._choices = np.zeros(ROOM)
        self._is_stuck = np.zeros(ROOM, dtype=bool)

    @property
    def masks(self) -> Masks:
        """The boxes."""
        return self._masks[: self.count]

    @property
    def low(self) -> Figures:
        """What the alternatives in each cost at least, by objective."""
        return self._low[: self.count]

    @property
    def factor(self) -> Figures:
        """By how much each may beat the front."""
        return np.asarray(self._factors[: self.count].max(axis=1))

    @property
    def choices(self) -> Figures:
        """How many choices each holds, rounded where they are very many."""
        return self._choices[: self.count]

    @property
    def is_stuck(self) -> Flags:
        """Which are cut no more."""
        return self._is_stuck[: self.count]

    def add(self, masks: Masks, low: Figures, factor: Figures, is_stuck: Flags) -> None:
        """Take boxes in; those of one choice are stuck."""
        end = self.count + len(masks)
        while end > len(self._choices):
            self._masks, self._low, self._factors, self._choices, self._is_stuck = (
                np.concatenate([column, np.zeros_like(column)])
                for column in (self._masks, self._low, self._factors, self._choices, self._is_stuck)
            )
        self._masks[self.count : end], self._low[self.count : end] = masks, low
        self._factors[self.count : end] = factor
        self._choices[self.count : end] = numbers_of_values(masks).astype(np.float64).prod(axis=1)
        self._is_stuck[self.count : end] = is_stuck | (self._choices[self.count : end] == 1)
        self.count = end

    def remove(self, places: Places) -> None:
        """Drop boxes by place; the last ones take theirs."""
        end = self.count - len(places)
        gone = np.zeros(self.count, dtype=bool)
        gone[places] = True
        holes, moved = np.flatnonzero(gone[:end]), end + np.flatnonzero(~gone[end:])
        for column in (self._masks, self._low, self._factors, self._choices, self._is_stuck):
            column[holes] = column[moved]
        self.count = end

    def face(self, vector: Costs) -> Places:
        """Hold the boxes against another design of the front; return the places of those that are beaten now."""
        self._low[: self.count] = rule_out(self.low, [vector])
        self._factors[: self.count] = np.minimum(self._factors[: self.count], factors(self.low, [vector]))
        return np.flatnonzero(~are_possible(self.low))

    def largest(self, figures: Figures, most: int) -> Places:
        """Return the places of up to ``most`` boxes with the largest figures, in no order; none of a figure below 0."""
        found = np.argpartition(-figures, most)[:most] if most < self.count else np.arange(self.count)
        return found[figures[found] >= 0]
