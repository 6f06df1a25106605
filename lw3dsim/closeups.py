"""Look at the layers of a run from close by: their loop nests, and what their units do when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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

# Slices of a track that a drawing shows apart.
SLICES = 240

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
    whole = _stretch("the whole layer", timeline, steps, 0, count - 1, max(-(-count // SLICES), 1))
    if count <= 2 * STEADY:
        return (whole,)
    first = (count - STEADY) // 2
    return (_stretch("steady state", timeline, steps, first, first + STEADY - 1, 1), whole)


def _steps(timeline: Timeline) -> Ints:
    """Return begin and end of every step, in ticks, in order."""
    tracks = [timeline.track(name) for name in ("array", "vector unit")]
    both = np.stack([np.concatenate([getattr(t, side) for t in tracks]) for side in ("begin", "end")], axis=1)
    return both[np.argsort(both[:, 0], kind="stable")]


def _stretch(name: str, timeline: Timeline, steps: Ints, first: int, last: int, fold: int) -> Stretch:
    is_whole = last - first + 1 == len(steps)
    begin, end = int(steps[first, 0]), int(steps[last, 1])
    if is_whole:
        begin, end = 0, timeline.latency_cycles * timeline.cycle
    return Stretch(
        name=name,
        begin=_cycles(begin, timeline),
        end=_cycles(end, timeline),
        first_step=first,
        last_step=last,
        fold=fold,
        strips=tuple(
            _strip(track.folded(fold), timeline, begin, end) for track in timeline.tracks if _is_in(track, begin, end)
        ),
        fills=tuple(_fill(level, timeline, begin, end) for level in timeline.levels if fold == 1),
        arrows=() if is_whole else _arrows(timeline, begin, end),
    )


def _is_in(track: Track, begin: int, end: int) -> bool:
    """Return whether a track has something within some time; waits have a row where there are none, too."""
    return track.name == "waits" or bool(((track.end > begin) & (track.begin < end)).any())


def _strip(track: Track, timeline: Timeline, begin: int, end: int) -> Strip:
    part = track.chosen((track.end > begin) & (track.begin < end))
    used, label = np.unique(part.label, return_inverse=True)
    return Strip(
        name=track.name,
        begin=tuple(_cycles(max(int(at), begin), timeline) for at in part.begin),
        end=tuple(_cycles(min(int(at), end), timeline) for at in part.end),
        label=tuple(int(one) for one in label),
        labels=tuple(track.labels[one] for one in used),
    )


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
