"""Begin, resume and read the study of a space."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lw3dsim._version import __version__
from lw3dsim.base.caches import forget
from lw3dsim.base.calls import strict_methods
from lw3dsim.base.values import replace
from lw3dsim.errors import InputError
from lw3dsim.explore.databases import is_url, shown
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.front import Costs, Front, hypervolume, non_dominated
from lw3dsim.explore.metrics import METRICS, cost, measured
from lw3dsim.explore.point import Point
from lw3dsim.explore.samplers import SAMPLERS, check_needs, check_screening
from lw3dsim.explore.storages import opened, readable
from lw3dsim.explore.store import Settings, Store, create, find_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Space
    from lw3dsim.explore.storages import Opened
    from lw3dsim.explore.wanted import Wanted

# Choices up to which a space is searched completely by default, and the points of another search.
ENUMERABLE = 20_000
DEFAULT_TRIALS = 1000

# How far the corner of the hypervolume lies from the unchanged design.
REFERENCE = 2.0


def default_sampler(space: Space, trials: int | None) -> str:
    """Return ``exhaustive`` where that covers the space, else the sampler that costs little and learns."""
    covers = space.size <= ENUMERABLE if trials is None else trials >= space.designs
    return "exhaustive" if covers else "nsga2"


def default_trials(space: Space, sampler: str) -> int:
    """Return the number of points that a run without one is for."""
    return space.designs if SAMPLERS[sampler].covers else min(DEFAULT_TRIALS, space.designs)


def remembering(space: Space, where: str) -> Space:
    """Return ``space``, what is measured of it kept beside the study in ``where``, where that is a file."""
    if not measured(space.metrics) or is_url(where):
        return space
    return replace(space, answers=str(Path(where).with_suffix(".answers")))


@contextmanager
def begun(space: Space, where: str, wanted: Wanted) -> Iterator[Store]:
    """Open or create the study of ``space`` in ``where`` for a run. Raises InputError and OutputError."""
    with opened(where, for_writing=True) as place:
        settings = find_settings(place, space)
        if settings is None:
            settings = _new_settings(space, wanted)
            with readable(lambda: shown(where)):
                create(place.storage, space, settings)
        elif not wanted.resume:
            raise InputError(
                f"{shown(where)}: a study {space.name} is there already; add --resume to go on with it, or take "
                "another --storage"
            )
        _check_same(settings, wanted, where)
        check_needs(settings.sampler)
        store = Store(place, space, settings, is_shared=is_url(where), patience=wanted.patience_s)
        try:
            yield store
        finally:
            store.release()


def _new_settings(space: Space, wanted: Wanted) -> Settings:
    sampler = wanted.sampler or default_sampler(space, wanted.trials)
    check_needs(sampler)
    with_bounds = wanted.bounds is not False
    check_screening(sampler, space, with_bounds=with_bounds)
    return Settings(
        version=__version__,
        digest=space.digest,
        sampler=sampler,
        seed=wanted.seed or 0,
        batch=wanted.batch or SAMPLERS[sampler].batch,
        with_bounds=with_bounds,
        reference=reference_of(space),
    )


def _check_same(settings: Settings, wanted: Wanted, where: str) -> None:
    """Refuse to go on with a study under other settings: its points would not follow from any."""
    bounds = {True: "--bounds", False: "--no-bounds"}
    for kept, asked, begun, now in (
        (settings.sampler, wanted.sampler, settings.sampler, f"--sampler {wanted.sampler}"),
        (settings.seed, wanted.seed, str(settings.seed), f"--seed {wanted.seed}"),
        (settings.batch, wanted.batch, str(settings.batch), f"--batch {wanted.batch}"),
        (settings.with_bounds, wanted.bounds, bounds[settings.with_bounds], bounds[bool(wanted.bounds)]),
    ):
        if asked is not None and asked != kept:
            raise InputError(
                f"{now}: the study in {shown(where)} was begun with {begun}; drop the option, or take another --storage"
            )


def reference_of(space: Space) -> Costs:
    """Return the corner of the hypervolume: the space's own, or twice what the accelerator costs as it is.

    What has a best counts from 0: SQNR from 0 dB. Raises InputError where that accelerator can't run the workloads.
    """
    if space.reference:
        return tuple(cost(name, value) for name, value in space.reference)
    outcome = Evaluator(space).evaluate(Point(values=()))
    # The designs are for the workers; this process need not remember.
    forget()
    if outcome.state != "done":
        raise InputError(
            f"{space.name}: {space.arch} as it is can't be the reference of the hypervolume ({outcome.reason}); give "
            "`reference` in the space, a value per objective"
        )
    return tuple(METRICS[name].best or REFERENCE * cost(name, outcome.metrics[name]) for name in space.objectives)


@strict_methods
@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as it stands: its space, its settings, its finished points by index.

    ``last_wanted`` are the points that its last run was for; 0 where that is not known.
    """

    space: Space
    where: str
    settings: Settings
    records: tuple[Record, ...]
    last_wanted: int = 0

    @cached_property
    def wanted(self) -> int:
        """The points that make it complete: every design where all are looked at, else those of its last run."""
        return (
            self.space.designs if SAMPLERS[self.settings.sampler].covers else min(self.last_wanted, self.space.designs)
        )

    @property
    def is_finished(self) -> bool:
        """Whether it has all the points it is to have."""
        return len(self.records) >= self.wanted

    @property
    def candidates(self) -> list[Record]:
        """The points that were simulated and keep all limits."""
        return [record for record in self.records if record.is_candidate(self.space)]

    @property
    def front(self) -> list[Record]:
        """The points that no other beats, by their costs and id."""
        chosen = self.candidates
        vectors = [self.space.costs(record.outcome.metrics) for record in chosen]
        best = sorted(non_dominated(vectors), key=lambda place: (vectors[place], chosen[place].point.id))
        return [chosen[place] for place in best]

    @property
    def distinct_front(self) -> list[Record]:
        """The front with one point, the first, for each of its costs."""
        first = {self.space.costs(record.outcome.metrics): record for record in reversed(self.front)}
        return list(reversed(first.values()))

    @property
    def hypervolume(self) -> float:
        """The share of the box up to the reference that the front dominates."""
        vectors = [self.space.costs(record.outcome.metrics) for record in self.front]
        return hypervolume_share(vectors, self.settings.reference)

    def count(self, state: str) -> int:
        """Return how many points ended in ``state``."""
        return sum(record.outcome.state == state for record in self.records)

    def history(self, checkpoints: int = 200) -> list[tuple[int, float]]:
        """Return the hypervolume after some numbers of points, in the sampler's order."""
        front, shares, changed = Front(), [(0, 0.0)], False
        step = max(len(self.records) // checkpoints, 1)
        for number, record in enumerate(self.records, start=1):
            if record.is_candidate(self.space):
                changed |= front.add(self.space.costs(record.outcome.metrics))
            if number % step == 0 or number == len(self.records):
                share = hypervolume_share(front.vectors, self.settings.reference) if changed else shares[-1][1]
                shares.append((number, share))
                changed = False
        return shares


def hypervolume_share(vectors: Sequence[Costs], reference: Costs) -> float:
    """Return the hypervolume as a share of the box between no cost at all and ``reference``."""
    box = 1.0
    for side in reference:
        box *= side
    return hypervolume(vectors, reference) / box


def read_study(space: Space, where: str) -> Study:
    """Read the study of ``space`` in ``where``. Raises InputError where there is none."""
    with opened(where, for_writing=False) as place:
        return _read(space, where, place)


def _read(space: Space, where: str, place: Opened) -> Study:
    settings = find_settings(place, space)
    if settings is None:
        raise InputError(f"{shown(where)}: no study {space.name} is there; begin one with `lw3dsim dse run`")
    store = Store(place, space, settings, is_shared=is_url(where))
    ordered = sorted(store.poll(), key=lambda record: record.index)
    return Study(space=space, where=where, settings=settings, records=tuple(ordered), last_wanted=store.wanted)
