"""Worker processes that evaluate points, and survive the death of any of them.

Workers are forked from a server that has loaded the package and the compiled
engine and has no threads ('forkserver': nothing of the parent is inherited), so that
one more starts at once. Each answers proposals through a pipe of its own. A dead
worker is replaced and its proposals given out again; one that takes several workers with it counts as failed. So does
one that takes longer than a point may: its worker is killed and replaced.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING

from lw3dsim.explore.crew import DEATHS, cannot_go_on
from lw3dsim.explore.evaluate import Evaluator, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from lw3dsim.explore.plan import Proposal
    from lw3dsim.explore.space import Space

# Proposals that a worker has at hand: one to work on and one to go on with.
AT_HAND = 2


@dataclass
class _Worker:
    """A process, our end of its pipe, what it was given, oldest first, and whether it has said that it is ready.

    It works on the first of its proposals since ``begun``, by the monotonic clock, or later.
    """

    process: ForkServerProcess
    pipe: Connection
    proposals: list[Proposal]
    is_ready: bool = False
    begun: float = 0.0

    def left_s(self, limit_s: float) -> float:
        """Return for how many seconds more it may work on its proposal; infinity where it works on none."""
        return self.begun + limit_s - time.monotonic() if self.is_ready and self.proposals else float("inf")


class Pool:
    """``count`` workers for the points of ``space``, each of which may take ``limit_s`` seconds: a Crew."""

    def __init__(self, space: Space, count: int, *, limit_s: float | None = None) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["lw3dsim.explore.warm"])
        self._space, self._count, self._with_bounds = space, count, True
        self._limit_s = float("inf") if limit_s is None else limit_s
        self._deaths: dict[str, int] = {}
        self._failed: list[tuple[Proposal, Outcome]] = []
        self._stillborn = 0
        self._workers: list[_Worker] = []

    def __enter__(self) -> Pool:
        return self

    def begin(self, *, with_bounds: bool) -> None:
        """See Crew: start the workers."""
        self._with_bounds = with_bounds
        self._workers = [self._hire() for _ in range(self._count)]

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; those that are at a point are killed."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(timeout=0.2 if not worker.proposals else 0)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    @property
    def takers(self) -> list[int]:
        """See Crew."""
        free = [AT_HAND - len(worker.proposals) for worker in self._workers]
        return [number for room in range(AT_HAND, 0, -1) for number, most in enumerate(free) if most >= room]

    @property
    def pending(self) -> int:
        """See Crew."""
        return sum(len(worker.proposals) for worker in self._workers) + len(self._failed)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.process.pid or 0 for worker in self._workers]

    @property
    def ready(self) -> int:
        """Workers that have loaded what they need."""
        return sum(worker.is_ready for worker in self._workers)

    def give(self, proposals: Sequence[Proposal], number: int) -> None:
        """See Crew; any number may wait behind the one that a worker is at."""
        worker = self._workers[number]
        if not worker.proposals:
            worker.begun = time.monotonic()
        for proposal in proposals:
            worker.proposals.append(proposal)
            self._send(worker, proposal)

    def news(self) -> list[str]:
        """See Crew: nothing."""
        return []

    def collect(self, timeout: float) -> list[tuple[Proposal, Outcome]]:
        """See Crew."""
        done, self._failed = self._failed, []
        least_s = min(timeout, *(worker.left_s(self._limit_s) for worker in self._workers))
        pipes = [worker.pipe for worker in self._workers]
        waiting: Iterable[object] = connection.wait(pipes, 0 if done else max(least_s, 0))
        for worker in list(self._workers):
            if worker.pipe not in waiting:
                if worker.left_s(self._limit_s) <= 0:
                    self._stop(worker)
                continue
            try:
                outcome: Outcome | None = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker)
                continue
            worker.begun = time.monotonic()
            if outcome is None:
                worker.is_ready, self._stillborn = True, 0
            else:
                done.append((worker.proposals.pop(0), outcome))
        return done

    def _hire(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._space, self._with_bounds), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process=process, pipe=ours, proposals=[])

    def _send(self, worker: _Worker, proposal: Proposal) -> None:
        try:
            worker.pipe.send(proposal.question)
        except OSError:
            # The death is noticed, and the proposal given out again, when the pipe is read.
            return

    def _stop(self, worker: _Worker) -> None:
        """Kill a worker whose proposal takes too long, and replace it; the proposal counts as failed."""
        self._fail(
            worker.proposals.pop(0), f"took longer than {self._limit_s:g} s, the limit of a point, and was stopped"
        )
        worker.process.kill()
        self._replace(worker)

    def _bury(self, dead: _Worker) -> None:
        """Replace a worker that has died; its proposal counts as failed if it has taken others with it."""
        dead.process.join()
        self._stillborn += not dead.is_ready
        if self._stillborn >= DEATHS * len(self._workers):
            raise cannot_go_on(
                f"worker processes can't be started (the last ended with exit code {dead.process.exitcode})"
            )
        if dead.proposals and dead.is_ready:
            identity = dead.proposals[0].point.id
            self._deaths[identity] = self._deaths.get(identity, 0) + 1
            if self._deaths[identity] >= DEATHS:
                reason = f"{DEATHS} workers died of it, the last with exit code {dead.process.exitcode}"
                self._fail(dead.proposals.pop(0), reason)
        self._replace(dead)

    def _fail(self, proposal: Proposal, reason: str) -> None:
        self._failed.append((proposal, Outcome(state="failed", metrics={}, reason=reason)))

    def _replace(self, gone: _Worker) -> None:
        """Put a new worker in the place of one that has ended, or soon will, and give it what that had at hand."""
        gone.pipe.close()
        gone.process.join()
        worker = self._hire()
        number = self._workers.index(gone)
        self._workers[number] = worker
        self.give(gone.proposals, number)


def _work(pipe: Connection, space: Space, with_bounds: bool) -> None:  # the entry of a process
    """Answer proposals until the other end of ``pipe`` closes."""
    # The parent decides what an interrupt means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What the server has loaded, unless it could not.
    from lw3dsim.explore import warm  # noqa: F401

    evaluator = Evaluator(space)
    try:
        pipe.send(None)
        while True:
            pipe.send(evaluator.answer(pipe.recv(), with_bounds=with_bounds))
    except (EOFError, OSError):
        return
