"""Pareto fronts and their hypervolume, exactly; every objective is minimised."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Costs = tuple[float, ...]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether ``one`` is nowhere worse than ``other`` and somewhere better."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


class Front:
    """The vectors that no vector seen so far dominates, without repetitions, in lexicographic order."""

    def __init__(self, vectors: Iterable[Costs] = ()) -> None:
        self.vectors: list[Costs] = []
        for vector in vectors:
            self.add(vector)

    def add(self, vector: Costs) -> bool:
        """Take ``vector`` in unless it is dominated or there; return whether the front has changed."""
        if any(all(a <= b for a, b in zip(other, vector, strict=True)) for other in self.vectors):
            return False
        self.vectors = sorted([other for other in self.vectors if not dominates(vector, other)] + [vector])
        return True


def non_dominated(vectors: Sequence[Costs]) -> list[int]:
    """Return the places of the vectors that none dominates, in order; equal ones all stay."""
    front = set(Front(sorted(set(vectors))).vectors)
    return [place for place, vector in enumerate(vectors) if vector in front]


def hypervolume(vectors: Iterable[Costs], reference: Costs) -> float:
    """Return the volume between ``vectors`` and ``reference`` that they dominate."""
    inside = [v for v in vectors if all(a < b for a, b in zip(v, reference, strict=True))]
    return _volume(Front(inside).vectors, reference) if inside else 0.0


def _volume(front: list[Costs], reference: Costs) -> float:
    """Slice along the last objective: between two of its values, the volume is that of the vectors below, flattened."""
    if len(reference) == 1:
        return reference[0] - min(vector[0] for vector in front)
    if len(reference) == 2:
        return _area(front, reference)
    by_last = sorted(front, key=lambda vector: vector[-1])
    ends = [vector[-1] for vector in by_last[1:]] + [reference[-1]]
    below, parts = Front(), []
    for vector, end in zip(by_last, ends, strict=True):
        below.add(vector[:-1])
        if end > vector[-1]:
            parts.append((end - vector[-1]) * _volume(below.vectors, reference[:-1]))
    return math.fsum(parts)


def _area(front: list[Costs], reference: Costs) -> float:
    """Return the area under a front of two objectives, which falls in the second while it rises in the first."""
    parts, height = [], reference[1]
    for first, second in front:
        parts.append((reference[0] - first) * (height - second))
        height = second
    return math.fsum(parts)
