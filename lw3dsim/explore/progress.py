"""What a run shows while it runs: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lw3dsim.explore.front import Front
from lw3dsim.explore.study import hypervolume_share

if TYPE_CHECKING:
    from lw3dsim.explore.front import Costs
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Space

LINE_EVERY_S = 10.0
BAR_EVERY_S = 0.5


class Display:
    """Shows points a second, the best of every objective, the hypervolume and the time left; use as a context."""

    def __init__(self, space: Space, trials: int, reference: Costs, finished: int) -> None:
        self._space, self._trials, self._reference = space, trials, reference
        self._front = Front()
        self._share, self._changed = 0.0, False
        self._best: dict[str, float] = {}
        self._shown, self._earlier = 0, finished
        self._begin = self._last = time.monotonic()
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn(space.name),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(space.name, total=trials, facts="")

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._refresh()
        self._bar.stop()
        if not self._console.is_terminal:
            self._line()

    def show(self, record: Record) -> None:
        """Take in a finished point."""
        self._shown += 1
        if record.is_candidate(self._space):
            metrics = record.outcome.metrics
            self._changed |= self._front.add(self._space.costs(metrics))
            for place, name in enumerate(self._space.objectives):
                if self._front.vectors and self._space.costs(metrics)[place] <= min(
                    v[place] for v in self._front.vectors
                ):
                    self._best[name] = metrics[name]

    def tick(self) -> None:
        """Draw anew where it is time to."""
        now = time.monotonic()
        if now - self._last < (BAR_EVERY_S if self._console.is_terminal else LINE_EVERY_S):
            return
        self._last = now
        if self._console.is_terminal:
            self._refresh()
        else:
            self._line()

    @property
    def rate(self) -> float:
        """Points a second of this run."""
        return max(self._shown - self._earlier, 0) / max(time.monotonic() - self._begin, 1e-9)

    def _facts(self) -> str:
        if self._changed:
            self._share, self._changed = hypervolume_share(self._front.vectors, self._reference), False
        best = ", ".join(f"{name} {self._best[name]:.4g}" for name in self._space.objectives if name in self._best)
        front = f"front of {len(self._front.vectors)}"
        return f"{self.rate:.1f}/s, best {best or 'none yet'}, {front}, hypervolume {self._share:.4f}"

    def _refresh(self) -> None:
        self._bar.update(self._task, completed=self._shown, facts=self._facts())

    def _line(self) -> None:
        left = (self._trials - self._shown) / self.rate if self.rate else float("inf")
        rest = f", {left:,.0f} s left" if 0 < left < float("inf") else ""
        print(f"{self._shown}/{self._trials} points, {self._facts()}{rest}", file=sys.stderr, flush=True)  # noqa: T201
