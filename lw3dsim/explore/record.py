"""One finished point of a study, as it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.explore.evaluate import Outcome
    from lw3dsim.explore.point import Point
    from lw3dsim.explore.space import Space


@dataclass(frozen=True, kw_only=True)
class Record:
    """A point, its place in the order of the sampler, and what came of it.

    ``notes`` are what the sampler wants to remember with the point.
    """

    index: int
    point: Point
    outcome: Outcome
    notes: Mapping[str, Any]

    def is_candidate(self, space: Space) -> bool:
        """Return whether the design was simulated and keeps all limits."""
        return self.outcome.state == "done" and space.allows(self.outcome.metrics)
