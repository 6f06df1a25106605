"""Where a job seems to repeat itself: stretches of steps that look like those a period before.

A guess, made from what the steps of a window compute and move. Nothing depends on its being right:
:mod:`lw3dsim.engine.steady` proves what it jumps over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lw3dsim.base.arrays import Words
    from lw3dsim.engine.trace import Job

    Looks = NDArray[np.uint16]

# How many periods are tried in a window, the most frequent distances between equal steps.
PERIODS = 12

# Odd multipliers that mix what a step computes and moves into its looks.
_KIND, _IFMAP, _WEIGHT, _OPENS, _CLOSES = (
    0x1E3779B97F4A7C15, 0x42B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5, 0x5851F42D4C957F2D,
)  # fmt: skip


class Stretch(Value, frozen=True, kw_only=True):
    """Steps from ``first`` to before ``end``; from the second period on they look like those a ``period`` before."""

    first: int
    end: int
    period: int

    @property
    def gain(self) -> int:
        """Steps that need not be placed when the times repeat from the second period on."""
        return self.end - self.first - 3 * self.period


def find_stretches(job: Job, box_bursts: Words, first: int, end: int, least: int) -> list[Stretch]:
    """Return disjoint stretches of steps from ``first`` to before ``end``, in order, each with a gain of ``least``."""
    looks = _looks(job, np.asarray(box_bursts), first, end)
    found = [stretch for period in _periods(looks) for stretch in _repeating(looks, period, least)]
    is_free = np.ones(len(looks), dtype=bool)
    chosen = []
    for stretch in sorted(found, key=lambda stretch: (-stretch.gain, stretch.period, stretch.first)):
        here = slice(stretch.first, stretch.end)
        if is_free[here].all():
            is_free[here] = False
            chosen.append(Stretch(first=stretch.first + first, end=stretch.end + first, period=stretch.period))
    return sorted(chosen, key=lambda stretch: stretch.first)


def _looks(job: Job, box_bursts: NDArray[np.int64], first: int, end: int) -> Looks:
    """Return a digest per step of its kind, the tiles that it newly uses, opens and closes, and their bursts."""
    looks = np.asarray(job.kind[first:end]) * _KIND
    for steps, box, factor in (
        (job.ifmap.first, job.ifmap.box, _IFMAP),
        (job.weight.first, job.weight.box, _WEIGHT),
        (job.ofmap.first, None, _OPENS),
        (job.ofmap.after, job.ofmap.box, _CLOSES),
    ):
        here = slice(*np.searchsorted(steps, (first, end)))
        bursts = 0 if box is None else box_bursts[box[here]]
        looks[np.asarray(steps[here]) - first] += (bursts + 1) * factor
    return np.asarray(looks >> 47).astype(np.uint16)


def _periods(looks: Looks) -> list[int]:
    """Return the most frequent distances between steps and the next that look like them."""
    order = np.argsort(looks, kind="stable")
    distances = np.diff(order)[looks[order[1:]] == looks[order[:-1]]]
    counts = np.bincount(distances, minlength=1)
    frequent = np.argsort(-counts, kind="stable")[:PERIODS]
    return [int(period) for period in frequent if counts[period]]


def _repeating(looks: Looks, period: int, least: int) -> Iterator[Stretch]:
    same = looks[period:] == looks[:-period]
    enough = least + 2 * period
    if np.count_nonzero(same) < enough:
        return
    edges = np.flatnonzero(np.diff(same, prepend=False, append=False)).reshape(-1, 2)
    for first, last in edges[edges[:, 1] - edges[:, 0] >= enough].tolist():
        yield Stretch(first=first, end=last + period, period=period)
