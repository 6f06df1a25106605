"""Jump over what repeats: where the pipeline is in a steady state, the times of a period give those of all that follow.

Steady means: at the ends of two periods, everything that may still be looked at is equal, but for a shift in time
by whole core cycles, and the job goes on in the same way. ``docs/timing.md`` says why the jump is exact. Plain DRAM
only: a memory with banks remembers more, and its refresh keeps a time of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from math import gcd
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lw3dsim.base.arrays import with_words
from lw3dsim.base.integers import NEVER
from lw3dsim.base.values import Value
from lw3dsim.engine.fast_engine import initial_state, tile_of
from lw3dsim.engine.periods import Stretch, find_stretches
from lw3dsim.engine.repeats import repeats
from lw3dsim.engine.trace import streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.base.arrays import Ints, Table, Words
    from lw3dsim.engine.fast_engine import Granted, State
    from lw3dsim.engine.memory import Memory
    from lw3dsim.engine.trace import Job, Stream, Trace, Transfers

    # What goes on from a state until so many steps are placed; see :func:`lw3dsim.engine.fast_engine.advance`.
    Advance = Callable[[State, int], State]

    # What all that may still be looked at comes to, relative to the end of the last step.
    Outlook = tuple[tuple[int, ...], ...]

# At how many ends of periods a stretch is looked at: first after every period, then at less and less frequent ones.
CLOSE_LOOKS, LOOKS = 8, 32

# Elements that are shifted at a time, few enough to stay in the cache.
_BLOCK = 1 << 14


class Effort(Value, frozen=True, kw_only=True):
    """Steps from which on it pays to look for repetitions, to look in at a time, and to jump over at least."""

    steps: int
    window: int
    gain: int


class _Run(Value, frozen=True, kw_only=True):
    """A run: ``job`` and ``trace`` on arrays, the same as ``plan`` and ``times`` to look single items up."""

    advance: Advance
    job: Job
    plan: Job
    box_bursts: Words
    trace: Trace
    times: Trace


def _make_run(advance: Advance, job: Job, memory: Memory, trace: Trace) -> _Run:
    ordered = job._replace(ifmap=_ordered(job.ifmap), weight=_ordered(job.weight), ofmap=_ordered(job.ofmap))
    return _Run(
        advance=advance,
        job=ordered,
        plan=as_views(ordered),
        box_bursts=memory.box_bursts,
        trace=trace,
        times=as_views(trace),
    )


def run(advance: Advance, job: Job, memory: Memory, trace: Trace, effort: Effort) -> int:
    """Simulate ``job`` on arrays and fill in ``trace``; return the steps that were placed one by one."""
    state = initial_state(job)
    steps, jumped, pause = len(job.kind), 0, 1
    # Pauses of the array reach over the ends of periods.
    is_long = steps >= effort.steps and not len(trace.pauses.begin)
    on_way: _Run | None = None
    while is_long and state.steps < steps - effort.gain:
        first, gained = state.steps, 0
        end = min(first + effort.window, steps)
        stretches = find_stretches(job, memory.box_bursts, first, end, effort.gain)
        if stretches:
            on_way = on_way or _make_run(advance, job, memory, trace)
            for stretch in stretches:
                state, more = _cross(on_way, state, stretch, end, effort.gain)
                gained += more
        jumped += gained
        state = advance(state, end if gained else first + pause * effort.window)
        pause = 1 if gained else 4 * pause
    advance(state, NEVER)
    return steps - jumped


def as_views(table: Table) -> Table:
    """Return a job, memory or trace on views of its arrays: CPython is nearly as fast on them as on lists."""
    return with_words(table, _view)


def _view(words: Words) -> Words:
    """Return a view of an array that gives plain integers, to be used like a list of fixed length."""
    flat: Any = np.ascontiguousarray(words)
    return cast("list[int]", memoryview(flat))


def _ordered(stream: Stream) -> Stream:
    """Return ``stream`` with tiles that wait for what the tile before them waits for, or later: the same times.

    Steps end in order, stores leave the bus in order, and a tile is asked for after the one before it.
    """
    return stream._replace(after=_rising(stream.after), gate=_rising(stream.gate))


def _rising(awaits: Words) -> Ints:
    column = np.asarray(awaits)
    return np.maximum.accumulate(column) if (column[1:] < column[:-1]).any() else column


def _cross(run: _Run, state: State, stretch: Stretch, window_end: int, least: int) -> tuple[State, int]:
    """Go through a stretch, jump as far as it repeats, and again if there is more.

    Return the state then, and the steps jumped over.
    """
    end = len(run.job.kind) if stretch.end == window_end else stretch.end
    state, jumped = _cross_once(run, state, stretch, end)
    gained = jumped
    while jumped >= least:
        state, jumped = _cross_once(run, state, stretch, end)
        gained += jumped
    return state, gained


def _cross_once(run: _Run, state: State, stretch: Stretch, end: int) -> tuple[State, int]:
    """Go into a stretch that goes on to ``end``, and jump once if it repeats; return the same."""
    last = now = run.advance(state, max(stretch.first, 1))
    seen: dict[Outlook, State] = {}
    for look in range(LOOKS):
        if now.ofmap.tiles == len(run.job.ofmap.box):
            break
        outlook = _outlook(run.plan, run.times, now)
        before = seen.get(outlook)
        if before and (more := repeats(run.job, run.box_bursts, before, now)):
            shift = int(run.times.end[now.steps - 1] - run.times.end[before.steps - 1])
            if shift % run.job.cycle == 0:
                return _jump(run.trace, before, now, more, shift), more * (now.steps - before.steps)
        seen[outlook] = now
        stop = now.steps + stretch.period * _periods_to_next(look, now.free - last.free, run.job.cycle)
        if stop > end - stretch.period:
            break
        last, now = now, run.advance(now, stop)
    return now, 0


def _periods_to_next(look: int, moved: int, cycle: int) -> int:
    """Return after how many periods to look again, when the channel ``moved`` on in the last.

    After some looks one behind the other: as many as bring the channel back to the same phase of the core ``cycle``;
    then on to a place further and further away, where the pipeline has had time to settle; then one.
    """
    turn, kind = divmod(look - CLOSE_LOOKS, 3)
    if turn < 0 or kind == 2:
        return 1
    return CLOSE_LOOKS << turn if kind else cycle // gcd(moved, cycle)


def _outlook(job: Job, times: Trace, state: State) -> Outlook:
    """Return the times that may still be looked at, relative to the end of the last step.

    Where only later times can matter, as all that looks waits for something else too, it is that time that counts.
    """
    stores, step = state.ofmap.tiles, state.steps
    end = times.end[step - 1]
    fed, entry = end - job.tail[job.kind[step - 1]], max(job.entry)
    store = max(state.ofmap.free, _latest(job.ofmap.after, stores, step, times.drained))
    loads = zip((job.ifmap, job.weight), (times.ifmap, times.weight), (state.ifmap, state.weight), strict=True)
    parts = (
        [fed, max(times.drained[step - 1], end), state.free],
        *(part for load in loads for part in _loads(times, *load, step, stores, entry)),
        _awaited(job.ofmap.gate, state.opened, stores, times.ofmap.ready, end),
        [store, *_awaited(job.ofmap.after, stores, step, times.drained, store)],
    )
    return tuple(tuple(time - end for time in part) for part in parts)


def _loads(
    times: Trace, loads: Stream, transfers: Transfers, granted: Granted, step: int, stores: int, entry: int
) -> tuple[list[int], list[int], list[int]]:
    """Return when unused tiles of a stream arrive, when the next is asked for at the earliest, and what more await.

    A tile counts ``entry`` at most after it has arrived, and no step that awaits it starts before the last has ended.
    """
    tile, end = granted.tiles, times.end[step - 1]
    arrivals = [max(end - entry, transfers.ready[i]) for i in range(tile_of(loads.first, tile, step), tile)]
    if tile == len(loads.box):
        return arrivals, [], []
    made_room = _latest(loads.after, tile, step, times.end)
    asked = max(granted.free, made_room, _latest(loads.gate, tile, stores, times.ofmap.ready))
    room = _awaited(loads.after, tile, step, times.end, asked)
    return arrivals, [asked, *room], _awaited(loads.gate, tile, stores, times.ofmap.ready, asked)


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


def _jump(trace: Trace, before: State, now: State, more: int, shift: int) -> State:
    """Fill in ``more`` repetitions of what happened from ``before`` to ``now``, each ``shift`` later.

    Return the state then.
    """
    for transfers, start, end in zip(streams(trace), streams(before), streams(now), strict=True):
        for times in transfers:
            _repeat(np.asarray(times), start.tiles, end.tiles, more, shift)
    for times in (trace.start, trace.handover, trace.end, trace.drained):
        _repeat(np.asarray(times), before.steps, now.steps, more, shift)
    ifmap, weight, ofmap = (
        end._replace(
            tiles=end.tiles + more * (end.tiles - start.tiles),
            free=end.free + more * shift * (end.tiles > start.tiles),
        )
        for start, end in zip(streams(before), streams(now), strict=True)
    )
    return now._replace(
        ifmap=ifmap,
        weight=weight,
        ofmap=ofmap,
        opened=now.opened + more * (now.opened - before.opened),
        steps=now.steps + more * (now.steps - before.steps),
        free=now.free + more * shift,
    )


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
