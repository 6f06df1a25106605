"""The workers of a Dask cluster as a crew: any of them may come, go or die while a study runs.

Points go to a worker of the cluster in batches that take it about half a second, as tasks that run there and nowhere
else: what a dead worker had is given out again from here, as by the local pool. A worker is greeted before it is given
points: it has this version of lw3dsim and reads the same files, or is passed over, and whoever runs the study told so.
:mod:`lw3dsim.explore.remote` is the other end.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pkgutil import resolve_name
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from distributed import CancelledError, Client, KilledWorker
from distributed.client import ClosedClientError
from distributed.comm.core import CommClosedError

from lw3dsim._version import __version__
from lw3dsim.errors import InputError, one_line
from lw3dsim.explore import remote
from lw3dsim.explore.crew import DEATHS, cannot_go_on
from lw3dsim.explore.evaluate import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from distributed import Future

    from lw3dsim.explore.plan import Proposal
    from lw3dsim.explore.space import Space

# How long a batch should take, and the most points in it.
BATCH_S = 0.5
MOST = 16

# Batches that each thread of a worker has at hand: one to work on and one to go on with.
AT_HAND = 2

# Seconds between two looks at who is there; until the scheduler must have answered; until an answer must be here.
LOOK_S = 0.5
REACH_S = 10.0
ANSWER_S = 5.0

# Answers that are fetched at once.
FETCHERS = 8

# What is raised in place of an answer where its worker is gone, or can't be heard.
LOST = (KilledWorker, TimeoutError, CommClosedError)

# What is asked of a worker that need not have lw3dsim: anybody's Python answers it.
VERSION = "lw3dsim._version:__version__"

# The weight of the last batch in the mean time of a point.
NEWS = 0.2


@dataclass
class _Batch:
    """Proposals that a worker was given as one task."""

    future: Future[Any]
    proposals: Sequence[Proposal]


@dataclass
class _Mate:
    """A worker of the cluster that evaluates: its number here, its address, its threads, its batches, oldest first."""

    number: int
    address: str
    threads: int
    batches: list[_Batch] = field(default_factory=list)

    @property
    def load(self) -> int:
        """The proposals that it has."""
        return sum(len(batch.proposals) for batch in self.batches)


class Cluster:
    """The workers of the Dask cluster whose scheduler is at ``address``, for the points of ``space``: a Crew."""

    def __init__(self, space: Space, address: str, *, limit_s: float | None = None) -> None:
        """Connect. Raises InputError where the scheduler can't be reached, or no worker there can evaluate."""
        self._space, self._limit_s, self._with_bounds = space, limit_s, True
        self._name, self._study = one_line(address, 200), uuid4().hex[:12]
        self._mates: dict[str, _Mate] = {}
        self._unfit: dict[str, str] = {}
        self._tasks = 0
        self._seconds, self._looked = BATCH_S, -float("inf")
        self._answers: SimpleQueue[tuple[object, Any]] = SimpleQueue()
        self._fetchers = ThreadPoolExecutor(FETCHERS, thread_name_prefix="lw3dsim")
        self._again: deque[Proposal] = deque()
        self._deaths: dict[str, int] = {}
        self._failed: list[tuple[Proposal, Outcome]] = []
        self._news: list[str] = []
        # Whether it is said that nobody is there, and whether one that is gone may come again.
        self._waits = self._hopes = False
        self._open = ExitStack()
        with ExitStack() as undo:
            undo.enter_context(_quiet())
            undo.callback(self._fetchers.shutdown, wait=False, cancel_futures=True)
            self._client = undo.enter_context(_connected(address, self._name))
            self._look()
            if why := self._nobody():
                raise InputError(why)
            self._open = undo.pop_all()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        with self._open, suppress(Exception):
            # A cluster that listens no more needs no farewell.
            if self._client.status == "running":
                self._client.cancel([batch.future for mate in self._mates.values() for batch in mate.batches])
                self._client.run(remote.end, self._study, workers=list(self._mates), on_error="ignore")

    def begin(self, *, with_bounds: bool) -> None:
        """See Crew."""
        self._with_bounds = with_bounds

    @property
    def takers(self) -> list[int]:
        """See Crew: a worker can take as many as its threads do in the time of two batches."""
        most = AT_HAND * min(max(round(BATCH_S / self._seconds), 1), MOST)
        free = {mate.number: most * mate.threads - mate.load for mate in self._mates.values()}
        return [
            number for room in range(max(free.values(), default=0), 0, -1) for number in free if free[number] >= room
        ]

    @property
    def pending(self) -> int:
        """See Crew."""
        return sum(mate.load for mate in self._mates.values()) + len(self._again) + len(self._failed)

    def give(self, proposals: Sequence[Proposal], number: int) -> None:
        """See Crew; a worker with several threads is given several batches."""
        (mate,) = (mate for mate in self._mates.values() if mate.number == number)
        size = -(-len(proposals) // mate.threads)
        for first in range(0, len(proposals), size):
            self._send(mate, proposals[first : first + size])

    def collect(self, timeout: float) -> list[tuple[Proposal, Outcome]]:
        """See Crew."""
        done, self._failed = self._failed, []
        if time.monotonic() - self._looked >= LOOK_S:
            self._look()
            if why := self._nobody():
                raise cannot_go_on(why)
        for key, answer in self._arrived(0 if done else timeout):
            done += self._taken(key, answer)
        for _ in range(len(self._again) if self._mates else 0):
            self._send(min(self._mates.values(), key=lambda mate: mate.load / mate.threads), [self._again.popleft()])
        return done

    def news(self) -> list[str]:
        """See Crew: workers that can't evaluate, that are gone, that there are none."""
        news, self._news = self._news, []
        return news

    def _send(self, mate: _Mate, proposals: Sequence[Proposal]) -> None:
        self._tasks += 1
        try:
            future = self._client.submit(
                remote.evaluate,
                self._study,
                [proposal.question for proposal in proposals],
                with_bounds=self._with_bounds,
                key=f"lw3dsim-{self._study}-{self._tasks}",
                workers=[mate.address],
                pure=False,
            )
        except ClosedClientError:
            # The next look says so.
            self._again.extend(proposals)
            return
        mate.batches.append(_Batch(future=future, proposals=proposals))
        future.add_done_callback(lambda ended: self._fetchers.submit(self._fetch, ended))

    def _fetch(self, future: Future[Any]) -> None:
        """Bring the answer of a task here, or what is raised instead; in a thread, as it may never come."""
        try:
            answer = future.result(timeout=ANSWER_S)
        except BaseException as error:  # whatever it is, it is the answer
            answer = error
        self._answers.put((future.key, answer))

    def _arrived(self, timeout: float) -> list[tuple[object, Any]]:
        """Return the answers that are here, by their tasks' keys, after waiting for one ``timeout`` seconds at most."""
        answers = []
        with suppress(Empty):
            answers.append(self._answers.get(timeout=timeout) if timeout > 0 else self._answers.get_nowait())
            while True:
                answers.append(self._answers.get_nowait())
        return answers

    def _taken(self, key: object, answer: Any) -> list[tuple[Proposal, Outcome]]:
        """Return what a task has answered; where it has not, its proposals are given out again."""
        found = [(mate, batch) for mate in self._mates.values() for batch in mate.batches if batch.future.key == key]
        for mate, batch in found:
            if isinstance(answer, remote.UnknownStudyError | CancelledError):
                # Another process has its address, it has forgotten, or the connection was lost: it is greeted anew.
                self._dismiss(mate, deaths=0)
            elif isinstance(answer, LOST):
                self._lose(mate)
            elif isinstance(answer, BaseException):
                self._pass_over(mate.address, f"fails ({_said(answer)})")
                self._dismiss(mate, deaths=0)
            else:
                mate.batches.remove(batch)
                seconds = sum(outcome.seconds for outcome in answer) / len(answer)
                self._seconds += NEWS * (max(seconds, BATCH_S / MOST) - self._seconds)
                return list(zip(batch.proposals, answer, strict=True))
        # Of a task that was taken back, nothing is wanted.
        return []

    def _look(self) -> None:
        """See which workers are there; greet those that have come, and take back what those had that are gone."""
        self._looked = time.monotonic()
        threads = self._heard()
        if threads is None:
            # With the connection, all tasks are gone; who is there is seen when it stands again.
            for mate in list(self._mates.values()):
                self._dismiss(mate, deaths=0)
            self._hopes = True
            return
        for mate in [mate for mate in self._mates.values() if mate.address not in threads]:
            self._lose(mate)
        self._unfit = {address: why for address, why in self._unfit.items() if address in threads}
        known = self._mates.keys() | self._unfit.keys()
        with suppress(OSError, TimeoutError):
            self._greet({address: own for address, own in threads.items() if own and address not in known})
        if not self._mates and not self._waits and not self._nobody():
            self._news.append(f"no worker is there that can evaluate; waits until {self._name} has one")
        self._waits = not self._mates

    def _heard(self) -> Mapping[str, int] | None:
        """Return each worker's threads; None while the scheduler can't be heard. Raises OutputError once it is gone."""
        # The client looks for a scheduler that is gone by itself, and is closed when it has found none.
        if self._client.status == "closed":
            raise cannot_go_on(f"--dask {self._name}: the scheduler is gone, and did not answer for {REACH_S:g} s")
        if self._client.status == "running":
            with suppress(OSError, TimeoutError):
                threads: Mapping[str, int] = self._client.nthreads()
                return threads
        return None

    def _nobody(self) -> str:
        """Return why nobody can evaluate, where workers are there and none can, or may come again; else nothing."""
        if self._mates or self._hopes or not self._unfit:
            return ""
        address, why = next(iter(self._unfit.items()))
        return f"--dask {self._name}: no worker of this cluster can evaluate points: {address} {why}"

    def _greet(self, threads: Mapping[str, int]) -> None:
        """Make ready for the study with the workers at these addresses, or pass over them."""
        if not threads:
            return
        # A pure function of the standard library: it says nothing of how another version would read ours.
        versions = self._asked(list(threads), resolve_name, VERSION)
        for address, version in versions.items():
            if isinstance(version, ModuleNotFoundError):
                self._pass_over(address, f"has no lw3dsim; install {__version__} there")
            elif isinstance(version, str) and version != __version__:
                self._pass_over(address, f"has lw3dsim {one_line(version, 40)}, and {__version__} runs the study")
        fit = [address for address in versions if address not in self._unfit]
        space = self._space
        given = (self._study, space.text, space.path, space.digest, self._limit_s)
        for address, why in self._asked(fit, remote.begin, *given).items():
            if why:
                self._pass_over(address, f"can't read the space: {why}")
            else:
                self._hopes = False
                # One that stands in for another has its number, and so is given what it was given.
                taken = {mate.number for mate in self._mates.values()}
                number = next(number for number in count() if number not in taken)
                self._mates[address] = _Mate(number=number, address=address, threads=threads[address])

    def _asked(self, addresses: list[str], question: Callable[..., Any], *given: object) -> dict[str, Any]:
        """Return what workers answer to a call of ``question``; those that go meanwhile are left out."""
        answers = self._client.run(question, *given, workers=addresses, on_error="return") if addresses else {}
        for address in [address for address in answers if isinstance(answers[address], CommClosedError | TimeoutError)]:
            del answers[address]
        for address, answer in list(answers.items()):
            if isinstance(answer, Exception) and not isinstance(answer, ModuleNotFoundError):
                self._pass_over(address, f"fails ({_said(answer)})")
                del answers[address]
        return dict(answers)

    def _pass_over(self, address: str, why: str) -> None:
        self._unfit[address] = why
        self._news.append(f"worker {address} is given no points: it {why}")

    def _lose(self, mate: _Mate) -> None:
        self._news.append(f"worker {mate.address} is gone; what it had goes to others")
        self._hopes = True
        self._dismiss(mate, deaths=mate.threads)

    def _dismiss(self, mate: _Mate, deaths: int) -> None:
        """Take back what a worker has; the first ``deaths`` of its batches may be what it died of."""
        del self._mates[mate.address]
        with suppress(OSError, TimeoutError, ClosedClientError):
            self._client.cancel([batch.future for batch in mate.batches])
        for number, batch in enumerate(mate.batches):
            for proposal in batch.proposals:
                identity = proposal.point.id
                self._deaths[identity] = self._deaths.get(identity, 0) + (number < deaths)
                if self._deaths[identity] >= DEATHS:
                    reason = f"{DEATHS} workers of the cluster died of it, the last {mate.address}"
                    self._failed.append((proposal, Outcome(state="failed", metrics={}, reason=reason)))
                else:
                    self._again.append(proposal)


@contextmanager
def _quiet() -> Iterator[None]:
    """Have Dask log nothing: what goes wrong is said here, in a sentence."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    levels = [(log, log.level) for log in map(logging.getLogger, names)]
    for log, _ in levels:
        log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for log, level in levels:
            log.setLevel(level)


@contextmanager
def _connected(address: str, name: str) -> Iterator[Client]:
    """Connect to a scheduler, and disconnect at the end."""
    try:
        with warnings.catch_warnings():
            # Of versions of Dask that differ: what matters of it shows when workers are greeted.
            warnings.simplefilter("ignore")
            client = Client(address, timeout=REACH_S, set_as_default=False)
    except Exception as error:  # what is no address raises anything
        raise InputError(
            f"--dask {name}: the scheduler can't be reached ({_said(error)}); give the address that `dask scheduler` "
            "prints, as tcp://host:8786"
        ) from None
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=1)


def _said(error: BaseException) -> str:
    """Return what an error says, in a line."""
    return one_line(" ".join(str(error).split()) or type(error).__name__, 160)
