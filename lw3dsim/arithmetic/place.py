"""Where a step works: which channels and outputs, in which clips, and which inputs these look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lw3dsim.machine.problem import Problem
    from lw3dsim.machine.records import Triple
    from lw3dsim.map.layer.mapping import Mapping


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a step works: channel ranges within the group, output origin and size, reduction range.

    ``segment`` is that of T in which the outputs begin; the origin counts from the first of all.
    """

    group: int
    n: slice
    c: slice
    origin: Triple
    size: Triple
    segment: int = 0

    @classmethod
    def of(
        cls,
        problem: Problem,
        mapping: Mapping,
        g: int,
        n: int,
        frames: tuple[int, int],
        at: tuple[int, int],
        c: int,
    ) -> Place:
        """Return the place of the step at these indices of the loops; ``frames`` are the first and how many."""
        tile, first = (mapping.h, mapping.w), frames[0]
        origin = [first, *(i * size for i, size in zip(at, tile, strict=True))]
        sizes = zip(tile, problem.out[1:], origin[1:], strict=True)
        size = [frames[1], *(min(s, out - o) for s, out, o in sizes)]
        return cls(
            group=g,
            n=slice(n * mapping.n, min((n + 1) * mapping.n, problem.n)),
            c=slice(c * mapping.c, min((c + 1) * mapping.c, problem.c)),
            origin=(origin[0], origin[1], origin[2]),
            size=(size[0], size[1], size[2]),
            segment=first // problem.segment[0],
        )

    def by_segment(self, problem: Problem) -> list[Place]:
        """Return its parts, each in one segment of T."""
        (first, row, column), (frames, h, w), whole = self.origin, self.size, problem.segment[0]
        if frames <= whole:
            return [self]
        return [
            replace(self, origin=(at, row, column), size=(whole, h, w), segment=at // whole)
            for at in range(first, first + frames, whole)
        ]

    def outputs(self, problem: Problem) -> tuple[slice, ...]:
        """Return the output tile as slices of (N, T, H, W)."""
        first = self.group * problem.n
        space = (slice(o, o + s) for o, s in zip(self.origin, self.size, strict=True))
        return (slice(first + self.n.start, first + self.n.stop), *space)


def looked_at(problem: Problem, place: Place) -> list[tuple[int, int]]:
    """Return the input range (first, length) that the step's tiles look at, padding and ragged overhang included.

    It counts from the first input of the segment.
    """
    ranges, origin = [], (place.origin[0] - place.segment * problem.segment[0], *place.origin[1:])
    for d in range(3):
        m = problem.algorithm.tile[d]
        outputs = -(-place.size[d] // m) * m
        reach = (problem.kernel[d] - 1) * problem.dilation[d] + 1
        if problem.algorithm.is_winograd:
            reach = problem.algorithm.filter[d] * problem.algorithm.split[d]
        ranges.append((origin[d] * problem.stride[d] - problem.padding[d], (outputs - 1) * problem.stride[d] + reach))
    if problem.reduces_frames:
        ranges[0] = (place.c.start - problem.padding[0], place.c.stop - place.c.start)
    return ranges
