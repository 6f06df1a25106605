"""Jump over what repeats: where the pipeline is in a steady state, the times of a period give those of all that follow.

Steady means: at the ends of two periods, everything that may still be looked at is equal, but for a shift in time
by whole core cycles, and the job goes on in the same way. ``docs/timing.md`` says why the jump is exact. Plain DRAM
only: a memory with banks remembers more, and its refresh keeps a time of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from lw3dsim.engine.fast_engine import (
    FREE,
    IFMAP_FREE,
    IFMAPS,
    NEVER,
    OFMAP_FREE,
    OPENED,
    STEP,
    STORES,
    WEIGHT_FREE,
    WEIGHTS,
    initial_state,
    tile_of,
)
from lw3dsim.engine.memory import Memory
from lw3dsim.engine.periods import Stretch, find_stretches
from lw3dsim.engine.repeats import repeats
from lw3dsim.engine.trace import Job, Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.base.arrays import Ints, Words

    # What all that may still be looked at comes to, relative to the end of the last step.
    Outlook = tuple[tuple[int, ...], ...]

Table = TypeVar("Table", Job, Memory, Trace)

# At how many ends of periods a stretch is looked at: first after every period, then at less and less frequent ones.
CLOSE_LOOKS, LOOKS = 8, 32

# Elements that are shifted at a time, few enough to stay in the cache.
_BLOCK = 1 << 14


@dataclass(frozen=True, kw_only=True)
class Effort:
    """Steps from which on it pays to look for repetitions, to look in at a time, and to jump over at least."""

    steps: int
    window: int
    gain: int


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A run on its way: ``job`` and ``trace`` on arrays, the same as ``plan`` and ``times`` to look single items up."""

    advance: Callable[[Ints, int], None]
    job: Job
    plan: Job
    box_bursts: Words
    trace: Trace
    times: Trace
    state: Ints

    def advance_to(self, step: int) -> None:
        """Place steps until ``step`` are placed."""
        self.advance(self.state, step)


def _make_run(advance: Callable[[Ints, int], None], job: Job, memory: Memory, trace: Trace, state: Ints) -> _Run:
    ordered = _ordered(job)
    return _Run(
        advance=advance,
        job=ordered,
        plan=as_views(ordered),
        box_bursts=memory.box_bursts,
        trace=trace,
        times=as_views(trace),
        state=state,
    )


def run(advance: Callable[[Ints, int], None], job: Job, memory: Memory, trace: Trace, effort: Effort) -> int:
    """Simulate ``job`` on arrays and fill in ``trace``; return the steps that were placed one by one.

    ``advance`` goes on from a state to a number of steps, see :func:`lw3dsim.engine.fast_engine.advance`.
    """
    state = np.array(initial_state(job), dtype=np.int64)
    steps, jumped, pause = len(job.kind), 0, 1
    is_long = steps >= effort.steps
    on_way: _Run | None = None
    while is_long and (first := int(state[STEP])) < steps - effort.gain:
        end = min(first + effort.window, steps)
        stretches = find_stretches(job, memory.box_bursts, first, end, effort.gain)
        if stretches and not on_way:
            on_way = _make_run(advance, job, memory, trace, state)
        gained = sum(_cross(on_way, stretch, end, effort.gain) for stretch in stretches) if on_way else 0
        jumped += gained
        advance(state, end if gained else first + pause * effort.window)
        pause = 1 if gained else 4 * pause
    advance(state, NEVER)
    return steps - jumped


def as_views(table: Table) -> Table:
    """Return a job, memory or trace on views of its arrays: CPython is nearly as fast on them as on lists."""
    views: dict[str, Any] = {name: view(item) for name, item in table._asdict().items() if isinstance(item, np.ndarray)}
    return table._replace(**views)


def view(items: Ints) -> Words:
    """Return a view of an array that gives plain integers, to be used like a list of fixed length."""
    flat: Any = np.ascontiguousarray(items)
    return cast("list[int]", memoryview(flat))


def _ordered(job: Job) -> Job:
    """Return ``job`` with tiles that wait for what the tile before them waits for, or later: the same times.

    Steps end in order, stores leave the bus in order, and a tile is asked for after the one before it.
    """
    ordered: dict[str, Any] = {}
    for name in ("ifmap_after", "ifmap_gate", "weight_after", "weight_gate", "ofmap_after"):
        awaits = np.asarray(getattr(job, name))
        if (awaits[1:] < awaits[:-1]).any():
            ordered[name] = np.maximum.accumulate(awaits)
    return job._replace(**ordered)


def _cross(run: _Run, stretch: Stretch, window_end: int, least: int) -> int:
    """Go through a stretch, jump as far as it repeats, and again if there is more; return the steps jumped over."""
    end = len(run.job.kind) if stretch.end == window_end else stretch.end
    gained = jumped = _cross_once(run, stretch, end)
    while jumped >= least:
        jumped = _cross_once(run, stretch, end)
        gained += jumped
    return gained


def _cross_once(run: _Run, stretch: Stretch, end: int) -> int:
    """Go into a stretch that goes on to ``end``, and jump once if it repeats; return the steps jumped over."""
    run.advance_to(max(stretch.first, 1))
    seen: dict[Outlook, list[int]] = {}
    now: list[int] = run.state.tolist()
    last = now
    for look in range(LOOKS):
        if now[STORES] == len(run.job.closes):
            break
        outlook = _outlook(run.plan, run.times, now)
        before = seen.get(outlook)
        if before and (more := repeats(run.job, run.box_bursts, before, now)):
            shift = int(run.times.end[now[STEP] - 1] - run.times.end[before[STEP] - 1])
            if shift % run.job.cycle == 0:
                _jump(run, before, now, more, shift)
                return more * (now[STEP] - before[STEP])
        seen[outlook] = now
        stop = now[STEP] + stretch.period * _periods_to_next(look, now[FREE] - last[FREE], run.job.cycle)
        if stop > end - stretch.period:
            break
        run.advance_to(stop)
        last, now = now, run.state.tolist()
    return 0


def _periods_to_next(look: int, moved: int, cycle: int) -> int:
    """Return after how many periods to look again, when the channel ``moved`` on in the last.

    After some looks one behind the other: as many as bring the channel back to the same phase of the core ``cycle``;
    then on to a place further and further away, where the pipeline has had time to settle; then one.
    """
    turn, kind = divmod(look - CLOSE_LOOKS, 3)
    if turn < 0 or kind == 2:
        return 1
    return CLOSE_LOOKS << turn if kind else cycle // gcd(moved, cycle)


def _outlook(job: Job, times: Trace, state: list[int]) -> Outlook:
    """Return the times that may still be looked at, relative to the end of the last step.

    Where only later times can matter, as all that looks waits for something else too, it is that time that counts.
    """
    stores, step, opened = state[STORES], state[STEP], state[OPENED]
    end = times.end[step - 1]
    ifmap = job.ifmap_first, job.ifmap_after, job.ifmap_gate, times.ifmap_ready, state[IFMAPS], state[IFMAP_FREE]
    weight = job.weight_first, job.weight_after, job.weight_gate, times.weight_ready, state[WEIGHTS], state[WEIGHT_FREE]
    store = max(state[OFMAP_FREE], _latest(job.closes, stores, step, times.drained))
    parts = (
        [max(times.drained[step - 1], end), state[FREE]],
        *(part for stream in (ifmap, weight) for part in _loads(times, *stream, step, stores)),
        _awaited(job.ofmap_after, opened, stores, times.ofmap_ready, end),
        [store, *_awaited(job.closes, stores, step, times.drained, store)],
    )
    return tuple(tuple(time - end for time in part) for part in parts)


def _loads(
    times: Trace, first: Words, after: Words, gate: Words, ready: Words, tile: int, free: int, step: int, stores: int
) -> tuple[list[int], list[int], list[int]]:
    """Return when unused tiles of a stream arrive, when the next is asked for at the earliest, and what more await."""
    end = times.end[step - 1]
    arrivals = [max(end, ready[i]) for i in range(tile_of(first, tile, step), tile)]
    if tile == len(first):
        return arrivals, [], []
    asked = max(free, _latest(after, tile, step, times.end), _latest(gate, tile, stores, times.ofmap_ready))
    room = _awaited(after, tile, step, times.end, asked)
    return arrivals, [asked, *room], _awaited(gate, tile, stores, times.ofmap_ready, asked)


def _latest(awaits: Words, tile: int, placed: int, times: Words) -> int:
    """Return when what ``tile`` awaits is over, or, while it is not placed, the last that was; 0 for nothing."""
    event = min(awaits[tile], placed - 1)
    return times[event] if event >= 0 else 0


def _awaited(awaits: Words, tile: int, placed: int, times: Words, earliest: int) -> list[int]:
    """Return the times, not before ``earliest``, of all events placed that ``tile`` or a later one awaits."""
    found = []
    while tile < len(awaits) and awaits[tile] < placed:
        event = awaits[tile]
        found.append(max(earliest, times[event]) if event >= 0 else earliest)
        tile = bisect_right(awaits, event, tile)
    return found


def _jump(run: _Run, before: list[int], now: list[int], more: int, shift: int) -> None:
    """Fill in ``more`` repetitions of what happened from ``before`` to ``now``, each ``shift`` later."""
    trace, state = run.trace, run.state
    for counter, names in (
        (IFMAPS, ("ifmap_grant", "ifmap_ready")),
        (WEIGHTS, ("weight_grant", "weight_ready")),
        (STORES, ("ofmap_grant", "ofmap_ready")),
        (STEP, ("start", "handover", "end", "drained")),
    ):
        for name in names:
            _repeat(getattr(trace, name), before[counter], now[counter], more, shift)
    for counter in (IFMAPS, WEIGHTS, STORES, STEP, OPENED):
        state[counter] += more * (now[counter] - before[counter])
    state[FREE] += more * shift
    for free, counter in ((IFMAP_FREE, IFMAPS), (WEIGHT_FREE, WEIGHTS), (OFMAP_FREE, STORES)):
        state[free] += more * shift * (now[counter] > before[counter])


def _repeat(row: Ints, first: int, end: int, more: int, shift: int) -> None:
    """Let ``more`` copies of ``row[first:end]`` follow it, each ``shift`` more than the one before."""
    copies, stop = 1, end + more * (end - first)
    while end < stop:
        count = min(end - first, stop - end)
        np.add(row[first : first + count], copies * shift, out=row[end : end + count])
        end += count
        if end - first < _BLOCK:
            copies *= 2
        else:
            first += count
