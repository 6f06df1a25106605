"""The order of a study: batches of distinct points, numbered through, each asked for when it may be."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lw3dsim.explore.evaluate import Question
from lw3dsim.explore.front import Costs, Front
from lw3dsim.explore.proposer import derived_seed, random_choice
from lw3dsim.explore.samplers import DRAWS, SAMPLERS, TRIES, make_proposer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lw3dsim.explore.evaluate import Outcome
    from lw3dsim.explore.point import Point
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Space

# What draws of a batch's replacements are seeded with, besides the batch.
REPLACEMENTS = 1


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A point to evaluate, its place in the study, and the front that its bounds are held against.

    ``outcome`` is what came of it where the sampler could tell. Those of a survey have no place, and are bounded alone.
    """

    index: int
    point: Point
    notes: Mapping[str, Any]
    front: tuple[Costs, ...]
    outcome: Outcome | None = None
    is_survey: bool = False

    @property
    def question(self) -> Question:
        """What is asked of whoever evaluates it."""
        return Question(point=self.point, front=self.front, is_survey=self.is_survey)


class Plan:
    """Proposes the points of a study in order.

    The same space, sampler and seed give the same points, as long as :meth:`finish` is told
    the same results: a batch sees only results of batches that lie ``lag`` behind it.
    """

    def __init__(
        self, space: Space, sampler: str, seed: int, batch: int = 0, known: Mapping[int, Record] | None = None
    ) -> None:
        """Begin a plan in batches of ``batch`` (0: the sampler's own); ``known`` are earlier results, by index."""
        self.kind = SAMPLERS[sampler]
        self._batch = batch or self.kind.batch
        self._space, self._seed, self._known = space, seed, known or {}
        self._proposer = make_proposer(sampler, space, seed, self._batch)
        self._seen: set[str] = set()
        self._asked = 0
        self._told = 0
        self._proposals: list[list[Proposal]] = []
        self._results: dict[int, Record] = {}
        self._front = Front()
        self.is_exhausted = False

    @property
    def size(self) -> int:
        """Points proposed so far."""
        return len(self._seen)

    def survey(self) -> Iterator[Proposal]:
        """Yield the points whose bounds the sampler wants to know before it is asked for any."""
        for choice in self._proposer.survey():
            yield Proposal(index=-1, point=self._space.point(choice), notes={}, front=(), is_survey=True)

    def learn_bounds(self, point: Point, outcome: Outcome) -> None:
        """Take in what a survey found of a point."""
        self._proposer.learn_bounds(self._space.choice_of(dict(point.values)), outcome)

    def can_ask(self) -> bool:
        """Return whether the next batch may be asked for: all results that it may know are there."""
        if self.is_exhausted:
            return False
        due = self._asked - 1 - self.kind.lag
        return due < 0 or all(
            proposal.index in self._results for batch in self._proposals[self._told : due + 1] for proposal in batch
        )

    def ask(self) -> list[Proposal]:
        """Return the next batch; shorter, or empty, where no other designs are left."""
        due = self._asked - 1 - self.kind.lag
        while self._told <= due:
            records = [self._results[proposal.index] for proposal in self._proposals[self._told]]
            self._learn(records)
            self._told += 1
        proposals = self._remembered() or self._proposed()
        self._proposals.append(proposals)
        self._asked += 1
        return proposals

    def finish(self, record: Record) -> None:
        """Take in what came of a point that was asked for."""
        self._results[record.index] = record

    def _remembered(self) -> list[Proposal]:
        """Return the next batch from earlier results, if all are there and the sampler need not be asked again."""
        first = len(self._seen)
        records = [self._known.get(index) for index in range(first, first + self._batch)]
        if not self.kind.forgets or not all(records):
            return []
        proposals = [Proposal(index=r.index, point=r.point, notes=r.notes, front=()) for r in records if r is not None]
        self._seen.update(proposal.point.id for proposal in proposals)
        return proposals

    def _proposed(self) -> list[Proposal]:
        """Return the next batch by asking the sampler."""
        self._proposer.start(self._asked)
        spare = random.Random(derived_seed(self._seed, self._asked, REPLACEMENTS))
        front = tuple(self._front.vectors)
        proposals: list[Proposal] = []
        while len(proposals) < self._batch:
            found = self._new(spare)
            if found is None:
                self.is_exhausted = True
                break
            point, notes = found
            self._seen.add(point.id)
            outcome = self._proposer.verdict(self._space.choice_of(dict(point.values)), front)
            proposals.append(
                Proposal(index=len(self._seen) - 1, point=point, notes=notes, front=front, outcome=outcome)
            )
        return proposals

    def _learn(self, records: list[Record]) -> None:
        for record in records:
            if record.is_candidate(self._space):
                self._front.add(self._space.costs(record.outcome.metrics))
        self._proposer.tell(records)

    def _new(self, spare: random.Random) -> tuple[Point, Mapping[str, Any]] | None:
        """Return a point that was not proposed yet: the sampler's, else a random one, else the next; None if none."""
        space = self._space
        notes: Mapping[str, Any] = {}
        if self.kind.learns and len(self._seen) >= space.designs:
            return None
        for _ in range(TRIES if self.kind.learns else DRAWS):
            asked = self._proposer.ask()
            if asked is None:
                return None
            choice, notes = asked
            point = space.point(choice)
            if point.id not in self._seen:
                return point, notes
        for _ in range(DRAWS):
            point = space.point(random_choice(space, spare))
            if point.id not in self._seen:
                return point, notes
        points = (space.point(choice) for choice in space.all_choices())
        return next(((point, notes) for point in points if point.id not in self._seen), None)
