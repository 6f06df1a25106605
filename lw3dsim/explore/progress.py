"""What a run shows while it runs: a line drawn over itself on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from lw3dsim.explore.front import Front
from lw3dsim.explore.metrics import METRICS
from lw3dsim.explore.study import hypervolume_share
from lw3dsim.report.progress import Estimate, Line, bar_line, clock
from lw3dsim.report.terminal import four_digits

if TYPE_CHECKING:
    from lw3dsim.explore.front import Costs
    from lw3dsim.explore.metrics import Metrics
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Space

LINE_EVERY_S = 10.0
STARTING = "workers start ..."


class Display:
    """Shows points, the time left, the best design, points a second, the front and the hypervolume.

    Use as a context. The ``finished`` points of an earlier run come first, and tell nothing of how fast this one is.
    """

    def __init__(self, space: Space, trials: int, reference: Costs, finished: int) -> None:
        self._space, self._trials, self._reference = space, trials, reference
        self._front = Front()
        self._share, self._changed = 0.0, False
        self._best: Metrics | None = None
        self._shown, self._earlier, self._said = 0, finished, ""
        self._bounded, self._designs = 0, 0
        self._begin: float | None = None
        self._last = time.monotonic()
        self._line, self._estimate = Line(), Estimate(trials)

    def __enter__(self) -> Display:
        self._announce(STARTING)
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()
        self._say()

    def show(self, record: Record) -> None:
        """Take in a finished point."""
        self._shown += 1
        if self._shown > self._earlier:
            now = time.monotonic()
            self._estimate.finish(self._shown, now)
            if self._begin is None:
                # The first point ends the start-up: its worker has loaded what all load.
                self._begin = now
                self._estimate.begin(now)
        if record.is_candidate(self._space):
            metrics = record.outcome.metrics
            costs = self._space.costs(metrics)
            self._changed |= self._front.add(costs)
            if self._best is None or costs < self._space.costs(self._best):
                self._best = metrics

    def survey(self, bounded: int, of: int) -> None:
        """Take in how many designs have been bounded, before any is evaluated."""
        self._bounded, self._designs = bounded, of

    def tick(self) -> None:
        """Draw anew where it is time to."""
        now = time.monotonic()
        if self._line.is_shown:
            if self._line.is_due(now):
                self._draw(now)
        elif now - self._last >= LINE_EVERY_S:
            self._last = now
            self._say()

    def note(self, sentence: str) -> None:
        """Print a sentence on a line of its own."""
        self._line.clear()
        print(f"note: {self._space.name}: {sentence}", file=sys.stderr, flush=True)  # noqa: T201

    def _announce(self, text: str) -> None:
        if self._line.is_shown:
            self._line.draw(f"{self._space.name}: {text}")
        else:
            print(f"{self._space.name}: {text}", file=sys.stderr, flush=True)  # noqa: T201

    def _rate(self, now: float) -> str:
        """Return points a second since the first was finished; nothing before there are others."""
        count = self._shown - self._earlier - 1
        if self._begin is None or count < 1:
            return ""
        return f"{count / max(now - self._begin, 1e-9):.1f}/s"

    def _facts(self, now: float) -> list[str]:
        if self._changed:
            self._share, self._changed = hypervolume_share(self._front.vectors, self._reference), False
        facts = (
            self._best_design(),
            self._rate(now),
            f"front of {len(self._front.vectors)}",
            f"hypervolume {self._share:.4f}",
        )
        return [fact for fact in facts if fact]

    def _best_design(self) -> str:
        """Return all objectives of one design: the best in the first objective."""
        if self._best is None:
            return "no design yet"
        first, *others = self._space.objectives
        rest = ", ".join(f"{name} {four_digits(self._best[name])}" for name in others)
        word = "most" if METRICS[first].is_rate else "least"
        return f"{word} {first} {four_digits(self._best[first])}" + (f" (with {rest})" if rest else "")

    def _draw(self, now: float) -> None:
        if self._is_surveying:
            share, count = self._bounded / self._designs, f"{self._bounded}/{self._designs} bounded"
            self._line.draw(bar_line(self._space.name, share, count, None, (), self._line.width))
            return
        if self._begin is None and self._shown <= self._earlier:
            return
        count = f"{self._shown}/{self._trials}"
        left = self._estimate.left_s(now)
        share = self._shown / self._trials
        self._line.draw(bar_line(self._space.name, share, count, left, self._facts(now), self._line.width))

    @property
    def _is_surveying(self) -> bool:
        """Whether designs are being bounded, and none evaluated yet."""
        return 0 < self._bounded < self._designs

    @property
    def _where(self) -> str:
        """How far the run is."""
        if self._is_surveying:
            return f"{self._bounded}/{self._designs} designs bounded"
        return f"{self._shown}/{self._trials} points"

    def _say(self) -> None:
        """Print how far the run is, where that is further than what was printed last."""
        if self._where == self._said:
            return
        self._said, rest = self._where, []
        if not self._is_surveying:
            now = time.monotonic()
            left = self._estimate.left_s(now) if self._shown < self._trials else None
            rest = [*([] if left is None else [f"{clock(left)} left"]), *self._facts(now)]
        print(", ".join([self._said, *rest]), file=sys.stderr, flush=True)  # noqa: T201
