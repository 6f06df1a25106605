"""What a worker of a cluster does: it has the points of a study evaluated by processes of its own.

A point that kills its process, or takes too long, is so dealt with where it is, by the pool that does it locally; the
cluster's own worker lives on, and answers its scheduler meanwhile. What is not private here is called by
:mod:`lw3dsim.explore.cluster` in the worker's process, :func:`evaluate` by as many threads at once as it has.
"""

from __future__ import annotations

import multiprocessing
import threading
from typing import TYPE_CHECKING

from lw3dsim.errors import InputError, one_line
from lw3dsim.explore.plan import Proposal
from lw3dsim.explore.space_file import parse_space
from lw3dsim.explore.workers import Pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.explore.evaluate import Outcome, Question
    from lw3dsim.explore.space import Space

# Seconds without a point after which a study's processes end: whoever runs it may have been killed.
IDLE_S = 300.0

TICK_S = 1.0


class UnknownStudyError(LookupError):
    """The study is not known in this process, or no more."""


class _Bench:
    """The processes for the points of a study: as many as have been at work at once; those that wait lie on top."""

    def __init__(self, study: str, space: Space, limit_s: float | None) -> None:
        self._study, self._space, self._limit_s = study, space, limit_s
        self._waiting: list[Pool] = []
        self._lock = threading.Lock()
        self._at_work, self._is_closed = 0, False
        self._wind()

    def evaluate(self, questions: Sequence[Question], *, with_bounds: bool) -> list[Outcome]:
        """Return the outcome of every point, each with the front that its bounds are held against."""
        pool = self._take(with_bounds=with_bounds)
        try:
            return _answers(pool, questions)
        finally:
            self._put(pool)

    def close(self) -> None:
        """End the processes that wait, and have the others end with their points."""
        with self._lock:
            self._is_closed = True
            self._clock.cancel()
            waiting, self._waiting = self._waiting, []
        for pool in waiting:
            pool.close()

    def _take(self, *, with_bounds: bool) -> Pool:
        with self._lock:
            self._clock.cancel()
            self._at_work += 1
            if self._waiting:
                return self._waiting.pop()
        pool = Pool(self._space, 1, limit_s=self._limit_s)
        pool.begin(with_bounds=with_bounds)
        return pool

    def _put(self, pool: Pool) -> None:
        with self._lock:
            self._at_work -= 1
            # One that could not be brought to an end is not used again.
            is_kept = not self._is_closed and not pool.pending
            if is_kept:
                self._waiting.append(pool)
            if not self._at_work and not self._is_closed:
                self._wind()
        if not is_kept:
            pool.close()

    def _wind(self) -> None:
        self._clock = threading.Timer(IDLE_S, end, (self._study,))
        self._clock.daemon = True
        self._clock.start()


# The studies that this process was told of.
_BENCHES: dict[str, _Bench] = {}


def begin(study: str, text: str, path: str, digest: str, limit_s: float | None) -> str:
    """Make ready for the study of the space in ``text``, which was read from ``path`` where it is run.

    Return why that can't be, where what the space names is not here, or is not what it is there (``digest``).
    """
    try:
        space = parse_space(text, path)
    except InputError as error:
        return str(error)
    if space.digest != digest:
        return f"{one_line(path, 200)}: what it names has other contents there; give both the same files"
    # A worker that Dask's nanny has started is a daemon, which may have no processes; ours end when it does.
    multiprocessing.current_process()._config.pop("daemon", None)  # type: ignore[attr-defined]  # noqa: SLF001
    end(study)
    _BENCHES[study] = _Bench(study, space, limit_s)
    return ""


def evaluate(study: str, questions: Sequence[Question], *, with_bounds: bool) -> list[Outcome]:
    """Return the outcome of every point of a study. Raises UnknownStudyError, and OutputError where nothing starts."""
    bench = _BENCHES.get(study)
    if bench is None:
        raise UnknownStudyError(study)
    return bench.evaluate(questions, with_bounds=with_bounds)


def end(study: str) -> None:
    """Forget a study, and end its processes."""
    bench = _BENCHES.pop(study, None)
    if bench is not None:
        bench.close()


def _answers(pool: Pool, questions: Sequence[Question]) -> list[Outcome]:
    given = [Proposal(index=i, notes={}, **vars(question)) for i, question in enumerate(questions)]
    pool.give(given, 0)
    outcomes: dict[int, Outcome] = {}
    while pool.pending:
        outcomes |= {proposal.index: outcome for proposal, outcome in pool.collect(TICK_S)}
    return [outcomes[proposal.index] for proposal in given]
