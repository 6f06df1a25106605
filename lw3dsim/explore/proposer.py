"""What a sampler owes a study, and what samplers share."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from lw3dsim.explore.evaluate import Outcome
    from lw3dsim.explore.front import Costs
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Choice, Space


class Proposer(Protocol):
    """What a sampler does; told first what is known, then asked."""

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

    def verdict(self, choice: Choice, front: Sequence[Costs]) -> Outcome | None:
        """See Proposer."""


def derived_seed(seed: int, *parts: int) -> int:
    """Return a seed of 32 bits for a part of a study."""
    text = ":".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def random_choice(space: Space, generator: random.Random) -> Choice:
    """Return a choice drawn evenly."""
    return tuple(generator.randrange(size) for size in space.sizes)
