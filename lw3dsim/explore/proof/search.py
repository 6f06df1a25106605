"""Branch and bound: boxes of designs are cut until a front beats them, limits rule them out, or one design is left.

A box is cut along the parameter that tightens its bound most, which is tried out along each. In turns those are cut
that may beat the front by most and those that hold most choices. A box of one design is simulated. What is proved of
the space at any time is what is not in an open box; of these it is known by how much they may beat the front at most.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from lw3dsim._version import __version__
from lw3dsim.base.caches import forget
from lw3dsim.explore.evaluate import Evaluator, is_memory_full
from lw3dsim.explore.front import Front
from lw3dsim.explore.proof.boxes import check_values, choices_in, halves, numbers_of_values, the_choice, whole
from lw3dsim.explore.proof.pool import Pool, are_possible, factors, rule_out
from lw3dsim.explore.proof.relaxation import ALTERNATIVES, Relaxation
from lw3dsim.explore.proof.state import Found, Kept, packed
from lw3dsim.explore.screening import TINY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lw3dsim.explore.metrics import Metrics
    from lw3dsim.explore.proof.boxes import Masks
    from lw3dsim.explore.space import Choice, Space

    Places = NDArray[np.int64]
    Figures = NDArray[np.float64]
    Flags = NDArray[np.bool_]

Verdict = Literal["dominated", "over_limits", "simulated", "alike"]

# Boxes that are cut at once, and bounds that are worked out at once.
AT_ONCE = 64
BATCH = 256

# The share of the time that may go into simulating while there are boxes to be cut.
SIMULATING = 0.25

# What is left of any open box, however little it may beat the front by; by how much bounds must differ to do so.
SOME, LITTLE = 1e-3, 1e-9

# Open boxes, at most: then only those are cut that hold the fewest choices.
MOST_OPEN = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What is proved so far: choices by verdict, exactly, and of open boxes by how much they may beat the front.

    ``factor`` is the most: whatever design of the space one takes, some design of the front costs at most that times
    as much, in every objective. ``ideal`` is what no design of the space undercuts, by objective.
    """

    choices: int
    verdicts: Counter[Verdict]
    open_choices: int
    open_boxes: int
    looked_at: int
    front: int
    factor: float
    ideal: tuple[float, ...]
    seconds: float


class Prover:
    """A proof of a space under way."""

    def __init__(self, space: Space, kept: tuple[Kept, Masks] | None = None) -> None:
        """Begin a proof, or go on with what was ``kept``. Raises InputError for a space that can't be cut in boxes."""
        check_values(space)
        self.space = space
        self._relaxation, self._evaluator = Relaxation(space), Evaluator(space)
        self._pool = Pool(len(space.sizes), len(ALTERNATIVES), len(space.objectives))
        self._front = Front()
        self._found: dict[Choice, Metrics] = {}
        self._verdicts: Counter[Verdict] = Counter()
        self._looked_at, self._before_s, self._simulating_s = 0, 0.0, 0.0
        self._begin = time.monotonic()
        if kept is None:
            self._take(whole(space.sizes))
        else:
            self._go_on(*kept)

    @property
    def is_done(self) -> bool:
        """Whether every choice has its verdict."""
        return self._pool.count == 0

    @property
    def front(self) -> dict[Choice, Metrics]:
        """The designs that no other beats that was simulated, with their metrics."""
        best = set(self._front.vectors)
        return {choice: metrics for choice, metrics in self._found.items() if self.space.costs(metrics) in best}

    def certificate(self) -> Certificate:
        """Return what is proved by now."""
        pool, best = self._pool, self._front.vectors
        decided = sum(self._verdicts.values())
        bounds = [*best, *([tuple(pool.low.min(axis=(0, 1)).tolist())] if pool.count else [])]
        return Certificate(
            choices=self.space.size,
            verdicts=Counter(self._verdicts),
            open_choices=self.space.size - decided,
            open_boxes=pool.count,
            looked_at=self._looked_at,
            front=len(self.front),
            factor=max(float(pool.factor.max(initial=1.0)), 1.0),
            ideal=tuple(min(column) for column in zip(*bounds, strict=True)) if bounds else (),
            seconds=self._before_s + time.monotonic() - self._begin,
        )

    def shares_within(self, limits: Sequence[float]) -> list[float]:
        """Return, per factor, the share of all choices of which it is proved that they beat the front by no more."""
        pool = self._pool
        return [1 - float(pool.choices[pool.factor > limit].sum()) / self.space.size for limit in limits]

    def kept(self) -> Kept:
        """Return what the proof is gone on with."""
        verdicts = self._verdicts
        return Kept(
            proof=self.space.name,
            version=__version__,
            digest=self.space.digest,
            front=tuple(Found(choice=choice, metrics=metrics) for choice, metrics in self.front.items()),
            dominated=str(verdicts["dominated"]),
            over_limits=str(verdicts["over_limits"]),
            simulated=str(verdicts["simulated"]),
            alike=str(verdicts["alike"]),
            seconds=self._before_s + time.monotonic() - self._begin,
            looked_at=self._looked_at,
            boxes=packed(self._pool.masks),
            open=self._pool.count,
        )

    def learn(self, choice: Choice, metrics: Metrics) -> None:
        """Hold the space against a design that was simulated, if it keeps all limits."""
        costs = self.space.costs(metrics)
        if not self.space.allows(metrics):
            return
        if self._front.add(costs):
            self._drop(self._pool.face(costs), "dominated")
        if costs in self._front.vectors:
            self._found[choice] = metrics

    def step(self) -> None:
        """Cut some boxes; where one is stuck and there is time for it, simulate a design of that."""
        stuck, busy = self._pool.is_stuck, time.monotonic() - self._begin
        if stuck.any() and (stuck.all() or self._simulating_s < SIMULATING * busy):
            self._simulate(int(np.where(stuck, self._pool.factor, -1).argmax()))
        elif self._pool.count:
            self._cut(self._chosen())

    def _chosen(self) -> Places:
        """Return the places of the boxes to be cut next."""
        pool = self._pool
        if pool.count > MOST_OPEN:
            return pool.largest(np.where(pool.is_stuck, -1.0, 1 / pool.choices), AT_ONCE)
        most = pool.largest(np.where(pool.is_stuck, -1.0, pool.factor), AT_ONCE // 2)
        widest = pool.largest(np.where(pool.is_stuck, -1.0, pool.choices), AT_ONCE // 2)
        return np.union1d(most, widest)

    def _cut(self, places: Places) -> None:
        """Put in the place of boxes their halves, cut along the parameter of which that is worth most.

        A box of which no half is bounded any tighter is stuck.
        """
        masks, low, size = self._pool.masks[places].copy(), self._pool.low[places].copy(), self._pool.choices[places]
        must, ways = self._ways(masks)
        rows, columns = np.nonzero(ways)
        halved = [_cut_row(masks[row], int(column)) for row, column in zip(rows, columns, strict=True)]
        left, is_tighter = np.zeros(len(rows)), must[rows]
        trying = np.flatnonzero(~must[rows])
        if len(trying):
            tried = np.concatenate([halved[place] for place in trying])
            bounds = self._bounds(tried)
            share = numbers_of_values(tried).astype(np.float64).prod(axis=1) / np.repeat(size[rows[trying]], 2)
            left[trying] = (self._left(bounds) * share).reshape(-1, 2).sum(axis=1)
            rises = bounds > np.repeat(low[rows[trying]], 2, axis=0) * (1 + LITTLE)
            is_tighter[trying] = rises.any(axis=(1, 2)).reshape(-1, 2).any(axis=1)
        best, is_worth = [], np.zeros(len(places), dtype=bool)
        for row in range(len(places)):
            ways_of = np.flatnonzero(rows == row)
            best.append(int(ways_of[left[ways_of].argmin()]))
            is_worth[row] = is_tighter[ways_of].any()
        self._pool.remove(places)
        stuck = np.flatnonzero(~is_worth)
        self._pool.add(masks[stuck], low[stuck], factors(low[stuck], self._front.vectors), np.ones(len(stuck), bool))
        made = [halved[place] for place, worth in zip(best, is_worth.tolist(), strict=True) if worth]
        if made:
            self._take(np.concatenate(made))

    def _ways(self, masks: Masks) -> tuple[Flags, Flags]:
        """Return which boxes mix what must be told apart, and along which parameters each may be cut."""
        several = numbers_of_values(masks) > 1
        fixed = np.zeros_like(several)
        fixed[:, self._relaxation.fixed] = True
        must = np.asarray((several & fixed).any(axis=1))
        return must, several & np.where(must[:, None], fixed, True)

    def _left(self, low: Figures) -> Figures:
        """Return what is left to prove of boxes: nothing of those ruled out, else the logarithm of their factor."""
        kept = rule_out(low, self._front.vectors)
        factor = factors(kept, self._front.vectors).max(axis=1)
        # Without a front all are the same.
        left = np.where(np.isfinite(factor), np.log(np.maximum(factor, 1)), 1.0) + SOME
        # Of equals, what costs more is less.
        costs = np.log(np.clip(low, TINY, 1 / TINY)).mean(axis=(1, 2))
        return np.where(are_possible(kept), left - LITTLE * costs, 0.0)

    def _bounds(self, masks: Masks) -> Figures:
        self._looked_at += len(masks)
        return np.concatenate([self._relaxation.costs(masks[at : at + BATCH]) for at in range(0, len(masks), BATCH)])

    def _take(self, masks: Masks) -> None:
        """Give boxes their verdict, or keep them open; those that mix what must be told apart are cut first."""
        mixed, _ = self._ways(masks)
        self._keep(masks[mixed], np.zeros((mixed.sum(), *self._pool.low.shape[1:])))
        masks = masks[~mixed]
        if not len(masks):
            return
        low = self._bounds(masks)
        can = are_possible(low)
        left = rule_out(low, self._front.vectors)
        open_ = are_possible(left)
        self._verdicts["over_limits"] += sum(choices_in(masks[~can]))
        self._verdicts["dominated"] += sum(choices_in(masks[can & ~open_]))
        self._keep(masks[open_], left[open_])

    def _keep(self, masks: Masks, low: Figures) -> None:
        self._pool.add(masks, low, factors(low, self._front.vectors), np.zeros(len(masks), dtype=bool))

    def _drop(self, places: Places, verdict: Verdict) -> None:
        self._verdicts[verdict] += sum(choices_in(self._pool.masks[places]))
        self._pool.remove(places)

    def _simulate(self, place: int) -> None:
        """Simulate a design of a stuck box, unless its choice is another's; what is left of the box stays stuck."""
        begin = time.monotonic()
        pool = self._pool
        mask, low = pool.masks[place].copy(), pool.low[place].copy()
        pool.remove(np.array([place]))
        while (several := np.flatnonzero(numbers_of_values(mask[None])[0] > 1)).size:
            mask, other = halves(mask[None], int(several[0]))
            pool.add(other, low[None], factors(low[None], self._front.vectors), np.ones(1, dtype=bool))
            mask = mask[0]
        choice = the_choice(mask.tolist())
        if self.space.canonical(choice) != choice:
            self._verdicts["alike"] += 1
            return
        self._verdicts["simulated"] += 1
        outcome = self._evaluator.evaluate(self.space.point(choice))
        if outcome.state == "done":
            self.learn(choice, outcome.metrics)
        if is_memory_full():
            forget()
        self._simulating_s += time.monotonic() - begin

    def _go_on(self, kept: Kept, masks: Masks) -> None:
        for found in kept.front:
            self.learn(found.choice, found.metrics)
        self._verdicts["dominated"], self._verdicts["over_limits"] = int(kept.dominated), int(kept.over_limits)
        self._verdicts["simulated"], self._verdicts["alike"] = int(kept.simulated), int(kept.alike)
        self._looked_at, self._before_s = kept.looked_at, kept.seconds
        self._take(masks)


def _cut_row(mask: NDArray[np.uint64], column: int) -> Masks:
    return np.concatenate(halves(mask[None], column))
