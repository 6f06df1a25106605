"""What a long run shows while it runs: how far it is, and for how long yet, once that can be known."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What must be done, as a share of all and in how many answers, and for how long, before time left is told.
LEAST_SHARE = 0.05
LEAST_ANSWERS = 4
LEAST_S = 1.0

# Seconds between two drawings, and between two lines where there is no terminal.
EVERY_S = 0.1

BAR = 24
LEAST_BAR = 8


class Estimate:
    """The time left of ``total`` units of work, from those done since the start-up was over."""

    def __init__(self, total: float) -> None:
        self._total, self._done = total, 0.0
        self._begin: tuple[float, float] | None = None
        self._last, self._answers = 0.0, 0

    def begin(self, now: float) -> None:
        """Count from ``now`` on: what went before was start-up, or another kind of work."""
        self._begin, self._last, self._answers = (now, self._done), now, 0

    def finish(self, done: float, now: float) -> None:
        """Take in that ``done`` units are done in all."""
        self._answers += done > self._done
        self._done, self._last = done, now

    def left_s(self, now: float) -> float | None:
        """Return the seconds left; None where that can't be known yet."""
        if self._begin is None or not self._done:
            return None
        since, before = self._begin
        share = (self._done - before) / max(self._total - before, 1e-9)
        if self._answers < LEAST_ANSWERS or share < LEAST_SHARE or self._last - since < LEAST_S:
            return None
        # Work under way counts from the last answer on, and is never late by more than what is left.
        rest = (self._total - self._done) * (self._last - since) / (self._done - before)
        return max(rest - (now - self._last), rest / 2)


def clock(seconds: float) -> str:
    """Return seconds as ``1:05`` or ``2:01:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def bar_line(label: str, share: float, count: str, left_s: float | None, facts: Sequence[str], width: int) -> str:
    """Return a line of at most ``width`` characters: how far, a bar, the time left, then facts as they fit.

    Where room is short, facts that do not fit are left out, then the label, then the bar.
    """
    rest = "" if left_s is None else f"{clock(left_s)} left"
    must = [part for part in (count, rest) if part]
    room = width - sum(len(part) + 2 for part in must)
    length = min(BAR, room - 2)
    parts = list(must)
    if length >= LEAST_BAR:
        full = int(share * length)
        parts.insert(1, f"[{'#' * full}{'-' * (length - full)}]")
    if len("  ".join([label, *parts])) <= width:
        parts.insert(0, label)
    for fact in facts:
        if len("  ".join([*parts, fact])) <= width:
            parts.append(fact)
    return "  ".join(parts)[:width]


class Line:
    """One line on standard error, where that is a terminal, drawn over itself; nothing where it is none."""

    def __init__(self) -> None:
        self.is_shown = sys.stderr is not None and sys.stderr.isatty()
        self._drawn = 0.0

    @property
    def width(self) -> int:
        """Characters that a line may have: the last column stays free, or some terminals break the line."""
        return max(shutil.get_terminal_size().columns - 1, 1)

    def is_due(self, now: float) -> bool:
        """Return whether enough time has gone since the last drawing."""
        return self.is_shown and now - self._drawn >= EVERY_S

    def draw(self, text: str) -> None:
        """Show ``text`` in place of what is there."""
        if self.is_shown:
            self._drawn = time.monotonic()
            print(f"\r{text[: self.width]}\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201

    def clear(self) -> None:
        """Leave nothing of the line."""
        if self.is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201


class Bar:
    """Shows a run of ``total`` units of work: its start-up in words, then a bar, a share and the time left."""

    def __init__(self, label: str, total: int, now: Callable[[], float] = time.monotonic) -> None:
        self._label, self._total, self._now = label, total, now
        self._line, self._estimate = Line(), Estimate(total)
        self._is_starting = True
        self._line.draw(f"{label}: starting")

    def show(self, done: int) -> None:
        """Show that ``done`` units are done."""
        now = self._now()
        self._estimate.finish(done, now)
        if self._is_starting:
            # What was prepared has been used by now.
            self._is_starting = False
            self._estimate.begin(now)
        if self._line.is_due(now):
            share = done / self._total
            left = self._estimate.left_s(now)
            self._line.draw(bar_line(self._label, share, f"{share:4.0%}", left, (), self._line.width))

    def close(self) -> None:
        """Leave nothing of the bar."""
        self._line.clear()
