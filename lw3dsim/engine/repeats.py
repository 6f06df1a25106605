"""How often a job goes on as it did between two states of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.integers import NEVER
from lw3dsim.engine.fast_engine import tile_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lw3dsim.base.arrays import Flags, Ints, Words
    from lw3dsim.engine.fast_engine import State
    from lw3dsim.engine.trace import Job

    # Whether items of a column, and those at the same places in its other slice, mean the same.
    Alike = Callable[[Ints, slice, slice], Flags]

# Items compared at first; four times as many each time that all of them agree.
_CHUNK, _LARGEST_CHUNK = 1 << 10, 1 << 15


class _Column(NamedTuple):
    """Items of a job that a run looks at, from ``first`` on: it came from item ``before`` to item ``now``.

    In a period they change by ``shift``, or are ``alike``.
    """

    items: Words
    first: int
    before: int
    now: int
    shift: int
    alike: Alike | None


def repeats(job: Job, box_bursts: Words, before: State, now: State) -> int:
    """Return how many times ``job`` goes on from ``now`` as it went on from ``before`` to ``now``.

    What a run looks at on that way are the tiles and steps from the first not done with at ``before`` to the first
    not done with at ``now``, and no others. The waits of ``job`` are in order.
    """
    stop = NEVER
    for column in _columns(job, np.asarray(box_bursts), before, now):
        size = column.now - column.before
        if size:
            need = min(column.now + (stop - 1) * size, len(column.items) - 1 - size) + 1 - column.first
            agreeing = _agreeing(column, size, need)
            stop = min(stop, (column.first + agreeing - 1 - column.now) // size + 1)
    return max(min(stop, *_standing(job, before, now)), 0)


def _columns(job: Job, bursts: Ints, before: State, now: State) -> Iterator[_Column]:
    """Return all that a run looks at."""

    def as_many(boxes: Ints, here: slice, there: slice) -> Flags:
        return np.asarray(bursts[boxes[here]] == bursts[boxes[there]])

    def column(items: Words, start: int, end: int, shift: int, alike: Alike | None = None) -> _Column:
        return _Column(items, start, start, end, shift, alike)

    steps, stores = now.steps - before.steps, now.ofmap.tiles - before.ofmap.tiles
    yield column(job.kind, before.steps, now.steps, 0)
    for loads, (start, _), (end, _) in ((job.ifmap, before.ifmap, now.ifmap), (job.weight, before.weight, now.weight)):
        yield column(loads.first, start, end, steps)._replace(first=tile_of(loads.first, start, before.steps))
        yield column(loads.box, start, end, 0, as_many)
        yield column(loads.after, start, end, steps, _no_waits)
        yield column(loads.gate, start, end, stores, _no_waits)
    yield column(job.ofmap.first, before.opened, now.opened, steps)
    yield column(job.ofmap.gate, before.opened, now.opened, stores, _no_waits)
    yield column(job.ofmap.after, before.ofmap.tiles, now.ofmap.tiles, steps)
    yield column(job.ofmap.box, before.ofmap.tiles, now.ofmap.tiles, 0, as_many)


def _no_waits(awaits: Ints, here: slice, there: slice) -> Flags:
    """Return where both await nothing that the tile before them did not await."""
    return _is_idle(awaits, here) & _is_idle(awaits, there)


def _is_idle(awaits: Ints, here: slice) -> Flags:
    first = max(here.start, 1)
    idle = np.asarray(awaits[here] < 0)
    idle[first - here.start :] |= awaits[first : here.stop] == awaits[first - 1 : here.stop - 1]
    return idle


def _agreeing(column: _Column, size: int, need: int) -> int:
    """Return how many of ``need`` items differ by the shift from, or are like, the one ``size`` further on."""
    items = np.asarray(column.items)
    done, chunk = 0, _CHUNK
    while done < need:
        start = column.first + done
        count = min(chunk, need - done)
        here, there = slice(start, start + count), slice(start + size, start + size + count)
        agrees = items[there] - items[here] == column.shift
        if column.alike is not None and not agrees.all():
            agrees |= column.alike(items, here, there)
        if not agrees.all():
            return done + int(agrees.argmin())
        done += count
        chunk = min(4 * chunk, _LARGEST_CHUNK)
    return done


def _standing(job: Job, before: State, now: State) -> Iterator[int]:
    """Return how many times what did not move, and is not at its end, stays out of the way."""
    steps, stores = now.steps - before.steps, now.ofmap.tiles - before.ofmap.tiles
    yield (len(job.kind) - 1 - now.steps) // steps
    for loads, (start, _), (tile, _) in ((job.ifmap, before.ifmap, now.ifmap), (job.weight, before.weight, now.weight)):
        unused = tile_of(loads.first, tile, before.steps)
        if start == tile and unused < len(loads.box):
            yield (int(loads.first[unused]) - 1 - now.steps) // steps
        if start == tile and tile < len(loads.box):
            by_step, by_store = int(loads.after[tile]) - now.steps, int(loads.gate[tile]) - now.ofmap.tiles
            by_gate = NEVER if by_store >= 0 and not stores else by_store // max(stores, 1)
            yield max(by_step // steps, by_gate)
    if before.opened == now.opened and now.opened < len(job.ofmap.box):
        yield (int(job.ofmap.first[now.opened]) - 1 - now.steps) // steps
    if not stores and now.ofmap.tiles < len(job.ofmap.box):
        yield (int(job.ofmap.after[now.ofmap.tiles]) - now.steps) // steps
