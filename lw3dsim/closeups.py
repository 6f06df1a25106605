"""Look at the layers of a run from close by: their loop nests, and what their units do when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.network.pipeline import map_prepared
from lw3dsim.report.text.mapping_tables import unit_text
from lw3dsim.result.closeups import Closeup, Closeups, Fill, Stretch, Strip
from lw3dsim.traced import timeline_of

if TYPE_CHECKING:
    from lw3dsim.account.simulated import Unit
    from lw3dsim.account.timeline import Level, Timeline, Track
    from lw3dsim.base.arrays import Ints
from lw3dsim.network.pipeline import Prepared

# Layers whose timelines are kept, those that take longest: the rest is a small part of most networks.
TIMELINES = 12

# Slices of a track up to which a drawing has each; of more, those nearer to each other than such a part of its length
# are one, which is about what a screen can show.
SLICES = 600
PLACES = 1500

# Steps of the steady state that are shown one by one.
STEADY = 8

# Characters of a line of a loop nest.
WIDTH = 100

KIB = 1 / 8192


def closeups_of(prepared: Prepared) -> Closeups:
    """Return what a page shows of the layers of a run that was asked for; those mapped before are not mapped again."""
    units = map_prepared(prepared)
    order = sorted(range(len(units)), key=lambda i: -units[i].run.latency_cycles)
    shown = set(order[:TIMELINES])
    return Closeups(
        workload=prepared.network.name,
        closeups=tuple(
            Closeup(
                name=unit.name,
                latency_cycles=unit.run.latency_cycles,
                nest=unit_text(prepared.network, unit, prepared.design, WIDTH),
                steps=unit.run.steps,
                stretches=_stretches(unit, prepared.request.engine) if i in shown else (),
            )
            for i, unit in enumerate(units)
        ),
    )


def _stretches(unit: Unit, engine: str) -> tuple[Stretch, ...]:
    """Return the whole run of a layer, and before it some steps from its middle where it has more than those."""
    timeline = timeline_of(unit, engine)
    steps = _steps(timeline)
    count = len(steps)
    whole = _stretch("the whole layer", timeline, steps, 0, count - 1)
    if count <= 2 * STEADY:
        return (whole,)
    first = (count - STEADY) // 2
    return (_stretch("steady state", timeline, steps, first, first + STEADY - 1), whole)


def _steps(timeline: Timeline) -> Ints:
    """Return begin and end of every step, in ticks, in order."""
    tracks = [timeline.track(name) for name in ("array", "vector unit")]
    both = np.stack([np.concatenate([getattr(t, side) for t in tracks]) for side in ("begin", "end")], axis=1)
    return both[np.argsort(both[:, 0], kind="stable")]


def _stretch(name: str, timeline: Timeline, steps: Ints, first: int, last: int) -> Stretch:
    is_whole = last - first + 1 == len(steps)
    begin, end = int(steps[first, 0]), int(steps[last, 1])
    if is_whole:
        begin, end = 0, timeline.latency_cycles * timeline.cycle
    tracks = [_within(track, begin, end) for track in timeline.tracks]
    near = (end - begin) / PLACES if max(map(len, tracks)) > SLICES else 0.0
    return Stretch(
        name=name,
        begin=_cycles(begin, timeline),
        end=_cycles(end, timeline),
        first_step=first,
        last_step=last,
        merged_cycles=round(near / timeline.cycle, 1),
        # Waits have a row where there are none, too.
        strips=tuple(_strip(track, timeline, near) for track in tracks if len(track) or track.name == "waits"),
        fills=() if near else tuple(_fill(level, timeline, begin, end) for level in timeline.levels),
        arrows=() if is_whole else _arrows(timeline, begin, end),
    )


def _within(track: Track, begin: int, end: int) -> Track:
    """Return the slices of a track within some time, cut to it."""
    part = track.chosen((track.end > begin) & (track.begin < end))
    return replace(part, begin=np.maximum(part.begin, begin), end=np.minimum(part.end, end))


def _strip(track: Track, timeline: Timeline, near: float) -> Strip:
    """Return the slices of a track; of each label, those with gaps of less than ``near`` ticks are one."""
    used, label = np.unique(track.label, return_inverse=True)
    busy = np.bincount(label, weights=track.end - track.begin, minlength=len(used))
    begin, end = track.begin, track.end
    if near:
        parts = [_merged(begin[label == one], end[label == one], near) for one in range(len(used))]
        label = np.repeat(np.arange(len(used)), [len(part[0]) for part in parts])
        begin, end = (np.concatenate([part[side] for part in parts]) for side in (0, 1)) if parts else (begin, end)
        order = np.argsort(begin, kind="stable")
        begin, end, label = begin[order], end[order], label[order]
    return Strip(
        name=track.name,
        begin=tuple(_cycles(int(at), timeline) for at in begin),
        end=tuple(_cycles(int(at), timeline) for at in end),
        label=tuple(int(one) for one in label),
        labels=tuple(track.labels[one] for one in used),
        busy_cycles=tuple(_cycles(int(ticks), timeline) for ticks in busy),
    )


def _merged(begin: Ints, end: Ints, near: float) -> tuple[Ints, Ints]:
    opens = np.concatenate(([True], begin[1:] - end[:-1] >= near))
    return begin[opens], end[np.append(opens[1:], True)]


def _fill(level: Level, timeline: Timeline, begin: int, end: int) -> Fill:
    """Return the values of a level within some time; it begins with the one that it has by then."""
    first = max(int(np.searchsorted(level.times, begin, side="right")) - 1, 0)
    last = int(np.searchsorted(level.times, end, side="left"))
    times = [_cycles(max(int(at), begin), timeline) for at in level.times[first:last]]
    return Fill(
        name=level.name,
        times=tuple(times),
        kib=tuple(round(float(value) * KIB, 3) for value in level.values[first:last]),
    )


def _arrows(timeline: Timeline, begin: int, end: int) -> tuple[tuple[float, float], ...]:
    """Return from when to when loads within some time lead to the steps that use them first."""
    dma, arrows = timeline.track("DMA"), timeline.arrows
    steps = _steps(timeline)
    granted, used = dma.begin[arrows.transfer], steps[arrows.step, 0]
    chosen = (granted >= begin) & (used < end)
    return tuple(
        (_cycles(int(a), timeline), _cycles(int(b), timeline))
        for a, b in zip(granted[chosen], used[chosen], strict=True)
    )


def _cycles(ticks: int, timeline: Timeline) -> float:
    return round(ticks / timeline.cycle, 1)
