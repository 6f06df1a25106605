"""The sampler that looks at every design and simulates few: the most promising, until no other may join the front.

At the start the workers bound every design of the space. Designs are proposed by their bounds, those first whose
product of all objectives is least. Where the bound of a design breaks a limit, or is dominated by a design that was
simulated by then, that is its outcome; others are evaluated, layer by layer, until they are dominated too or simulated.
So the front in the end is that of the space, ties included, and every design has its verdict.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lw3dsim.explore.bounds import why_not
from lw3dsim.explore.evaluate import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lw3dsim.explore.front import Costs
    from lw3dsim.explore.metrics import Metrics
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Choice, Space

# Of objectives that are 0 at best, such as the noise of exact arithmetic, orders of magnitude end here.
TINY = 1e-12


class Screening:
    """Every design of ``space``, by what it costs at least."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._least: dict[Choice, Metrics | None] = {}
        self._asked = 0

    def survey(self) -> Iterable[Choice]:
        """Ask for the bounds of every design."""
        return self._space.all_choices()

    def learn_bounds(self, choice: Choice, outcome: Outcome) -> None:
        """Learn the bounds of a design; where there are none, whoever evaluates it says what is wrong with it."""
        self._least[choice] = outcome.metrics if outcome.state == "discarded" else None

    def tell(self, records: Sequence[Record]) -> None:
        """Learn nothing: the front is told with every verdict."""

    def start(self, batch: int) -> None:
        """Go on."""

    def ask(self) -> tuple[Choice, dict[str, Any]] | None:
        """Return the next choice."""
        if self._asked == len(self._order):
            return None
        self._asked += 1
        return self._order[self._asked - 1], {}

    def verdict(self, choice: Choice, front: Sequence[Costs]) -> Outcome | None:
        """Discard a design whose bounds break a limit or are dominated."""
        least = self._least[choice]
        if least is None or not (reason := why_not(self._space, least, front)):
            return None
        return Outcome(state="discarded", metrics=least, reason=reason)

    @cached_property
    def _order(self) -> list[Choice]:
        """The choices, the most promising first; before all others those that could not be bounded."""
        return sorted(self._least, key=lambda choice: (self._promise(self._least[choice]), choice))

    def _promise(self, least: Metrics | None) -> float:
        if least is None:
            return -math.inf
        return math.fsum(math.log(max(cost, TINY)) for cost in self._space.costs(least))
