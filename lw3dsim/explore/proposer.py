"""What a sampler owes a study, and what samplers share."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from lw3dsim.explore.evaluate import Outcome
    from lw3dsim.explore.front import Costs
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Choice, Space


class Proposer(Protocol):
    """What a sampler does: bounds that it surveys come first; then it is told what is known, and asked."""

    def survey(self) -> Iterable[Choice]:
        """Return the choices whose bounds it wants to know before all else."""

    def learn_bounds(self, choice: Choice, outcome: Outcome) -> None:
        """Learn what a survey found of a choice: its bounds, or why there are none."""

    def verdict(self, choice: Choice, front: Sequence[Costs]) -> Outcome | None:
        """Return what comes of a choice where that is clear, given the front; None where it is to be evaluated."""

    def tell(self, records: Sequence[Record]) -> None:
        """Learn what came of points."""

    def start(self, batch: int) -> None:
        """Begin batch number ``batch``."""

    def ask(self) -> tuple[Choice, dict[str, Any]] | None:
        """Return a choice, and what to remember with it; None when there is no other."""


class OpenProposer:
    """What samplers share that leave every design to be evaluated."""

    def survey(self) -> Iterable[Choice]:
        """See Proposer: none."""
        return ()

    def learn_bounds(self, choice: Choice, outcome: Outcome) -> None:
        """See Proposer: nothing."""

    def verdict(self, choice: Choice, front: Sequence[Costs]) -> Outcome | None:
        """See Proposer."""


def derived_seed(seed: int, *parts: int) -> int:
    """Return a seed of 32 bits for a part of a study."""
    text = ":".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def random_choice(space: Space, generator: random.Random) -> Choice:
    """Return a choice drawn evenly."""
    return tuple(generator.randrange(size) for size in space.sizes)
