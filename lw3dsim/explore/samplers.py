"""Samplers: which designs to look at next.

A sampler proposes points in batches of fixed size. Batch b is seeded by the
seed and b, and knows what came of the batches up to b - 1 - ``lag``, no more and
no less: so the points of a study follow from its space, sampler and seed, however
many workers there are, and however often it was stopped and resumed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lw3dsim.errors import InputError, unknown
from lw3dsim.explore.proposer import OpenProposer, derived_seed, random_choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.explore.proposer import Proposer
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Choice, Space

# Choices that a sampler is asked for in vain before one is drawn at random, and before all are looked through.
TRIES = 20
DRAWS = 1000

# Choices that are screened, at most: each is bounded before the first is simulated.
MOST_SCREENED = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A sampler by name: what it is, points in a batch, and batches that it looks behind.

    ``learns`` says whether its proposals depend on results; one that does
    with a ``lag`` thinks while the workers evaluate. One that ``forgets`` looks at results alone, not at
    its earlier proposals: a resumed study need not ask it for them again. One that ``covers`` proposes every design in
    the end, one that ``screens`` leaves those out whose bounds are beaten. ``needs`` are packages beyond those of
    lw3dsim.
    """

    about: str
    batch: int
    lag: int = 0
    learns: bool = False
    forgets: bool = False
    covers: bool = False
    screens: bool = False
    needs: tuple[str, ...] = ()


SAMPLERS = {
    "exhaustive": Kind(about="every design, spread evenly", batch=64, lag=1, covers=True),
    "screening": Kind(
        about="every design, the most promising first, until none that is left may join the front",
        batch=16,
        covers=True,
        screens=True,
    ),
    "random": Kind(about="designs at random, none twice", batch=64, lag=1, forgets=True),
    "qmc": Kind(about="scrambled Sobol sequence", batch=64, lag=1, needs=("scipy",)),
    "tpe": Kind(
        about="tree-structured Parzen estimator, for several objectives too", batch=8, lag=1, learns=True, forgets=True
    ),
    "nsga2": Kind(about="genetic algorithm NSGA-II", batch=40, learns=True),
    "nsga3": Kind(about="genetic algorithm NSGA-III", batch=40, learns=True),
    "gp": Kind(about="Gaussian processes", batch=4, lag=1, learns=True, forgets=True, needs=("torch", "scipy")),
}


def make_proposer(name: str, space: Space, seed: int, batch: int) -> Proposer:
    """Return the sampler called ``name`` for batches of ``batch``.

    Raises InputError for an unknown one, or one that lacks packages.
    """
    if name not in SAMPLERS:
        raise unknown("sampler", name, SAMPLERS)
    check_needs(name)
    if name == "exhaustive":
        return _Exhaustive(space)
    if name == "random":
        return _Random(space, seed)
    if name == "qmc":
        return _Sobol(space, seed)
    if name == "screening":
        from lw3dsim.explore.screening import Screening

        return Screening(space)
    from lw3dsim.explore.learning import Learning

    return Learning(name, space, seed, batch)


def check_needs(name: str) -> None:
    """Raise InputError where a package that the sampler needs is not installed."""
    for package in SAMPLERS[name].needs:
        try:
            import_module(package)
        except ImportError:
            raise InputError(
                f"--sampler {name} needs the package {package}, which is not installed; "
                f"run `pip install {package}` or take another sampler"
            ) from None


def check_screening(name: str, space: Space, *, with_bounds: bool) -> None:
    """Raise InputError where the sampler screens, and can't: without bounds, or a space that is too large."""
    if not SAMPLERS[name].screens:
        return
    if not with_bounds:
        raise InputError(f"--no-bounds: --sampler {name} leaves designs out by their bounds; drop one of the options")
    if space.size > MOST_SCREENED:
        raise InputError(
            f"--sampler {name}: {space.name} has {space.size:,} choices, and each would be bounded; it takes spaces of "
            f"up to {MOST_SCREENED:,}: fix some parameters, or take another sampler"
        )


class _Exhaustive(OpenProposer):
    """All designs in the space's even order."""

    def __init__(self, space: Space) -> None:
        from lw3dsim.explore.order import even_order

        self._choices = even_order(space)

    def tell(self, records: Sequence[Record]) -> None:
        """Learn nothing."""

    def start(self, batch: int) -> None:
        """Go on."""

    def ask(self) -> tuple[Choice, dict[str, Any]] | None:
        """Return the next choice."""
        choice = next(self._choices, None)
        return None if choice is None else (choice, {})


class _Random(OpenProposer):
    """Designs drawn evenly over the choices."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space, self._seed = space, seed
        self._random = random.Random(seed)

    def tell(self, records: Sequence[Record]) -> None:
        """Learn nothing."""

    def start(self, batch: int) -> None:
        """Begin a sequence of the batch's own."""
        self._random = random.Random(derived_seed(self._seed, batch))

    def ask(self) -> tuple[Choice, dict[str, Any]] | None:
        """Return a random choice."""
        return random_choice(self._space, self._random), {}


class _Sobol(OpenProposer):
    """A scrambled Sobol sequence over the places of the values."""

    def __init__(self, space: Space, seed: int) -> None:
        from scipy.stats import qmc

        self._space = space
        self._sequence = qmc.Sobol(len(space.sizes), scramble=True, seed=seed)

    def tell(self, records: Sequence[Record]) -> None:
        """Learn nothing."""

    def start(self, batch: int) -> None:
        """Go on in the sequence."""

    def ask(self) -> tuple[Choice, dict[str, Any]] | None:
        """Return the next choice of the sequence."""
        (shares,) = self._sequence.random(1)
        places = (min(int(share * size), size - 1) for share, size in zip(shares, self._space.sizes, strict=True))
        return tuple(places), {}
