"""Run a study: plan, give out, keep what comes back, until the wanted points are finished."""

from __future__ import annotations

import signal
import threading
from collections import defaultdict, deque
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from lw3dsim.errors import InputError, short
from lw3dsim.explore.journal import KEEP
from lw3dsim.explore.plan import Plan, Proposal
from lw3dsim.explore.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.explore.crew import Crew
    from lw3dsim.explore.evaluate import Outcome
    from lw3dsim.explore.point import Value
    from lw3dsim.explore.space import Space
    from lw3dsim.explore.store import Store

# Seconds between looks at what others have done, and at the clock.
TICK_S = 0.25

# Designs of a survey at hand per worker that has room, so that one finds such as are of machines that it knows.
AHEAD = 8


class Watcher(Protocol):
    """Someone who is shown every finished point, as it comes."""

    def show(self, record: Record) -> None:
        """Take in a finished point."""

    def survey(self, bounded: int, of: int) -> None:
        """Take in how many designs have been bounded, before any is evaluated."""

    def tick(self) -> None:
        """Look at the clock."""

    def note(self, sentence: str) -> None:
        """Take in something that whoever runs the study should know."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended: points that are finished, points wanted, and whether it was interrupted."""

    finished: int
    wanted: int
    was_interrupted: bool


class Interrupt:
    """Turns the first Ctrl-C into a wish to stop; the second is one as ever."""

    def __init__(self) -> None:
        self.is_wished = False

    def __call__(self, *_: object) -> None:
        """Take in an interrupt."""
        if self.is_wished:
            raise KeyboardInterrupt
        self.is_wished = True


@contextmanager
def interrupts() -> Iterator[Interrupt]:
    """Turn interrupts into wishes while the context lasts."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread is interrupted.
        yield interrupt
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Run:
    """One process's part in a study."""

    def __init__(
        self, space: Space, store: Store, trials: int, watcher: Watcher, finished: Sequence[Record] = ()
    ) -> None:
        """Take part in the study in ``store`` until it has ``trials`` points; ``finished`` are there already."""
        self._space, self._store, self._trials, self._watcher = space, store, trials, watcher
        self._known = {record.point.id: record for record in finished}
        settings = store.settings
        by_index = {record.index: record for record in self._known.values()}
        self._plan = Plan(space, settings.sampler, settings.seed, batch=settings.batch, known=by_index)
        self._due: deque[Proposal] = deque()
        self._elsewhere: dict[str, Proposal] = {}
        self._homes: dict[tuple[tuple[str, Value], ...], int] = {}
        self._finished = 0

    def run(self, crew: Crew) -> Ended:
        """Have ``crew`` evaluate until the study has its points, or an interrupt comes."""
        with interrupts() as interrupt:
            crew.begin(with_bounds=self._store.settings.with_bounds)
            self._survey(crew, interrupt)
            while not self._is_done(crew) and not interrupt.is_wished:
                self._plan_ahead(crew)
                # What was kept of this batch is what the sampler proposes: the study may be written to.
                self._store.want(self._trials)
                self._give_out(crew)
                self._collect(crew, TICK_S)
                self._look_elsewhere()
            # What is under way is finished first; its claims hold until then.
            while crew.pending:
                self._collect(crew, TICK_S)
                self._store.beat()
        wanted = min(self._trials, self._plan.size) if self._plan.is_exhausted else self._trials
        return Ended(finished=self._finished, wanted=wanted, was_interrupted=self._finished < wanted)

    def _survey(self, crew: Crew, interrupt: Interrupt) -> None:
        """Have ``crew`` bound the designs whose bounds the sampler wants to know; an interrupt drops what is left."""
        wanted, bounded = self._plan.survey(), 0
        while not interrupt.is_wished:
            self._due.extend(islice(wanted, max(AHEAD * len(crew.takers) - len(self._due), 0)))
            if not self._due and not crew.pending:
                return
            for number in crew.takers[: len(self._due)]:
                crew.give([self._next(number)], number)
            for proposal, outcome in crew.collect(TICK_S):
                self._plan.learn_bounds(proposal.point, outcome)
                bounded += 1
            self._watcher.survey(bounded, self._space.designs)
            self._look_around(crew)
            self._store.beat()
        self._due.clear()
        while crew.pending:
            crew.collect(TICK_S)

    def _look_around(self, crew: Crew) -> None:
        """Pass on what the crew has to say, and look at the clock."""
        for sentence in crew.news():
            self._watcher.note(sentence)
        self._watcher.tick()

    def _is_done(self, crew: Crew) -> bool:
        if self._finished >= self._trials:
            return True
        return self._plan.is_exhausted and not (self._due or self._elsewhere or crew.pending)

    def _plan_ahead(self, crew: Crew) -> None:
        """Ask for batches while workers have room and the plan allows it."""
        while self._is_short(crew.takers) and self._plan.size < self._trials and self._plan.can_ask():
            for proposal in self._store.own_order(self._plan.ask()):
                if proposal.index < self._trials and not self._take_known(proposal):
                    self._take_on(proposal)

    def _take_on(self, proposal: Proposal) -> None:
        """Have a proposal evaluated, or keep what the sampler says of it."""
        if proposal.outcome is None:
            self._due.append(proposal)
        elif self._store.claim([proposal]) == [True]:
            self._keep(proposal, proposal.outcome)
        else:
            self._elsewhere[proposal.point.id] = proposal

    def _is_short(self, takers: Sequence[int]) -> bool:
        """Return whether a worker that has room finds no proposal of a machine that it knows, or that nobody knows."""
        homes = {self._homes.get(proposal.point.machine) for proposal in self._due}
        return len(self._due) < len(takers) or (None not in homes and not homes.issuperset(takers))

    def _give_out(self, crew: Crew) -> None:
        takers = crew.takers[: len(self._due)]
        proposals = [self._next(number) for number in takers]
        ours: defaultdict[int, list[Proposal]] = defaultdict(list)
        for number, proposal, is_ours in zip(takers, proposals, self._store.claim(proposals), strict=True):
            if is_ours:
                ours[number].append(proposal)
            else:
                self._elsewhere[proposal.point.id] = proposal
        for number, given in ours.items():
            crew.give(given, number)

    def _next(self, number: int) -> Proposal:
        """Take the first proposal that is due for worker ``number``, which remembers the layers of machines it has met.

        That is the first of a machine of its own, or of nobody's; where there is none, the first of all.
        """
        homes = [self._homes.get(proposal.point.machine, number) for proposal in self._due]
        place = homes.index(number) if number in homes else 0
        proposal = self._due[place]
        del self._due[place]
        self._homes.setdefault(proposal.point.machine, number)
        return proposal

    def _collect(self, crew: Crew, timeout: float) -> None:
        for proposal, outcome in crew.collect(timeout):
            self._keep(proposal, outcome)
        self._look_around(crew)

    def _keep(self, proposal: Proposal, outcome: Outcome) -> None:
        record = Record(index=proposal.index, point=proposal.point, outcome=outcome, notes=proposal.notes)
        if self._store.finish(record):
            self._known[proposal.point.id] = record
            self._take(record)
        else:
            # Someone thought us dead and has taken the point over.
            self._elsewhere[proposal.point.id] = proposal

    def _take(self, record: Record) -> None:
        self._finished += 1
        self._plan.finish(record)
        self._watcher.show(record)

    def _look_elsewhere(self) -> None:
        """Take in what other processes have finished, and take over what dead ones have left."""
        self._store.beat()
        if not self._store.is_shared:
            return
        for record in self._store.poll():
            self._known[record.point.id] = record
            if (proposal := self._elsewhere.pop(record.point.id, None)) is not None:
                self._take_known(proposal)
        self._due = deque(proposal for proposal in self._due if not self._take_known(proposal))
        for identity in [identity for identity in self._elsewhere if self._store.is_free(identity)]:
            self._take_on(self._elsewhere.pop(identity))

    def _take_known(self, proposal: Proposal) -> bool:
        """Take in what is finished already. Raises InputError where the sampler can't have proposed it so."""
        record = self._known.get(proposal.point.id)
        if record is None:
            return False
        if (record.index, dict(record.notes)) != (proposal.index, dict(proposal.notes)):
            raise InputError(
                f"{self._store.place(record.point.id)} is no point of this study: point {record.point.id} has index "
                f"{record.index} and notes {short(dict(record.notes))}, but the sampler gives it index "
                f"{proposal.index} and notes {short(dict(proposal.notes))}; {KEEP}"
            )
        self._take(record)
        return True
