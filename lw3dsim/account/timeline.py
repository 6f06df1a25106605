"""What every unit of the machine does when: the run of a layer or fused group as disjoint slices on tracks.

A step is read by the loader, multiplied by the array (or worked on by the vector unit) and drained; between two steps
the array stands still for a cause. DMA serves one transfer after another. All of it follows from the times of a trace,
and the cycles of slices by cause add up to those of the layer (:func:`lw3dsim.engine.attribution.attribute`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.account.events import STREAMS
from lw3dsim.base.values import Value, replace
from lw3dsim.engine.causes import BOUND
from lw3dsim.engine.pauses import when_worked
from lw3dsim.engine.trace import streams
from lw3dsim.schedule.fused import GroupSchedule
from lw3dsim.schedule.program import Schedule

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Flags, Ints
    from lw3dsim.engine.trace import Job, Trace
    from lw3dsim.schedule.program import Program

# The tracks of a layer, in the order in which they are shown.
TRACKS = ("DMA", "loader", "array", "vector unit", "drain", "waits")

# What the array waits for between steps, or in one for the drain unit, as CyclesBreakdown has it.
WAITS = ("configuration", "fill", "dram_read", "dram_write", "drain")

# What a step is bound by; the first of the largest.
BINDS = ("multiply", *BOUND, "drain_stall")

TRANSFERS = ("load ifmap", "load weight", "store ofmap")

# What slices of a bank count.
OF_ROWS = ("bursts", "activates", "row_hits", "row_misses", "row_conflicts")

Columns = tuple[tuple[str, "Ints"], ...]


class Track(Value, frozen=True, kw_only=True):
    """Disjoint slices of one unit, in order: their ``begin`` and ``end`` in ticks; ``labels`` by number; figures."""

    name: str
    begin: Ints
    end: Ints
    label: Ints
    labels: tuple[str, ...]
    figures: Columns = ()

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.begin)

    def chosen(self, which: Flags | Ints) -> Track:
        """Return some of its slices."""
        return replace(
            self,
            begin=self.begin[which],
            end=self.end[which],
            label=self.label[which],
            figures=tuple((name, column[which]) for name, column in self.figures),
        )

    def folded(self, by: int) -> Track:
        """Return it with every ``by`` slices in one of the first one's label; figures in cycles and bytes add up."""
        if by == 1 or not len(self):
            return self
        first = np.arange(0, len(self), by)
        last = np.minimum(first + by, len(self)) - 1
        folded = [
            (name, np.add.reduceat(column, first) if is_sum(name) else column[first]) for name, column in self.figures
        ]
        return replace(
            self,
            begin=self.begin[first],
            end=self.end[last],
            label=self.label[first],
            figures=(
                *folded,
                ("slices", last - first + 1),
                ("busy_ticks", np.add.reduceat(self.end - self.begin, first)),
            ),
        )


class Level(Value, frozen=True, kw_only=True):
    """A quantity over time: its value from each of some ``times``, in ticks, on."""

    name: str
    unit: str
    times: Ints
    values: Ints


class Arrows(Value, frozen=True, kw_only=True):
    """From transfers to what waits for them: the slice of the DMA, and the step, of each."""

    transfer: Ints
    step: Ints


class Timeline(Value, frozen=True, kw_only=True):
    """The tracks of a layer or group, what fills its buffers, and arrows from loads to the steps that use them first.

    Times count from its begin, ``cycle`` ticks a cycle, and end at ``latency_cycles``.
    """

    cycle: int
    latency_cycles: int
    tracks: tuple[Track, ...]
    levels: tuple[Level, ...]
    arrows: Arrows
    banks: tuple[Track, ...] = ()

    def track(self, name: str) -> Track:
        """Return the track called ``name``."""
        return next(track for track in self.tracks if track.name == name)


def is_sum(name: str) -> bool:
    """Return whether figures of this name add up over slices; others are numbers of what a slice is."""
    return name.endswith(("_cycles", "bytes")) or name in OF_ROWS


def make_timeline(program: Program, job: Job, trace: Trace, burst_bytes: int, names: tuple[str, ...]) -> Timeline:
    """Return the timeline of a simulated program; ``names`` are those of its layers."""
    times = _Times.of(job, trace)
    finish = -(-trace.finish // job.cycle)
    steps = _steps(program, job, times, names)
    is_vector = np.asarray(program.kinds.vector)[program.kind] > 0
    dma, order = _dma(program, trace, burst_bytes)
    return Timeline(
        cycle=job.cycle,
        latency_cycles=finish,
        tracks=(
            dma,
            _loader(job, times, steps),
            steps.chosen(~is_vector),
            replace(steps.chosen(is_vector), name="vector unit"),
            _drains(times, steps),
            _waits(program, job, trace, times, finish),
        ),
        levels=_levels(program, trace),
        arrows=_arrows(program, dma, order),
    )


class _Times(Value, frozen=True, kw_only=True):
    """When the steps of a run take place, and the step before each: its end, and when it was fed for the last time.

    ``headed`` is when the head of each is done.
    """

    start: Ints
    headed: Ints
    handover: Ints
    end: Ints
    drained: Ints
    before: Ints
    fed: Ints

    @classmethod
    def of(cls, job: Job, trace: Trace) -> _Times:
        start, handover, end, drained = (
            np.asarray(column, dtype=np.int64) for column in (trace.start, trace.handover, trace.end, trace.drained)
        )
        fed = end - np.asarray(job.tail)[job.kind]
        return cls(
            start=start,
            headed=when_worked(trace, job.cycle, start, np.asarray(job.head)[job.kind]),
            handover=handover,
            end=end,
            drained=drained,
            before=np.concatenate(([job.setup], end[:-1])),
            fed=np.concatenate(([job.setup], fed)),
        )


def _steps(program: Program, job: Job, times: _Times, names: tuple[str, ...]) -> Track:
    """Return a slice per step from its first product to its end, called after its layer and what binds it."""
    kinds, kind = program.kinds, np.asarray(program.kind)
    cycles = np.stack([np.asarray(getattr(kinds, name)) for name in BINDS])
    bind = cycles.argmax(axis=0)[kind]
    stage = program.places.stage if isinstance(program, GroupSchedule) else np.zeros_like(kind)
    held = (times.handover - times.headed) // job.cycle
    figures = [("step", np.arange(len(kind))), *_indices(program)]
    bound = dict(zip(BINDS, cycles[:, kind], strict=True))
    paused = times.headed - times.start - np.asarray(job.head)[kind]
    paused += times.end - times.handover - np.asarray(job.body)[kind]
    bound["sram_port"] = bound["sram_port"] + paused // job.cycle
    figures += [(f"{name}_cycles", column) for name, column in bound.items() if column.any()]
    return Track(
        name="array",
        begin=times.start,
        end=times.end,
        label=np.asarray(stage) * len(BINDS) + bind,
        labels=tuple(f"{name}: {bound}" for name in names for bound in BINDS),
        figures=(*figures, ("waits_for_drain_cycles", held)),
    )


def _indices(program: Program) -> Columns:
    """Return the indices of the loops of every step that ever change."""
    if isinstance(program, Schedule):
        loops = [(name, getattr(program.loops, name)) for name in "gnthwc"]
    elif isinstance(program, GroupSchedule):
        loops = [*zip("thw", program.places.at, strict=True), ("n", program.places.chunk)]
    else:
        loops = []
    return tuple((name, column) for name, column in loops if column.any())


def _loader(job: Job, times: _Times, steps: Track) -> Track:
    """Return when the patches and weights of each step are read: from its entry until it is fed for the last time."""
    entry = np.asarray(job.entry)[job.kind]
    begin, end = np.maximum(times.start - entry, times.fed[:-1]), times.fed[1:]
    return Track(name="loader", begin=begin, end=np.maximum(end, begin), label=steps.label, labels=steps.labels)


def _drains(times: _Times, steps: Track) -> Track:
    return Track(name="drain", begin=times.handover, end=times.drained, label=steps.label, labels=steps.labels).chosen(
        times.drained > times.handover
    )


def _waits(program: Program, job: Job, trace: Trace, times: _Times, finish: int) -> Track:
    """Return what the array waits for: before steps, in them for the drain unit, and after the last one."""
    kind = np.asarray(program.kind)
    lead = np.maximum(np.asarray(job.lead)[kind], 0)
    drained = lead - np.asarray(program.kinds.wait)[kind] * job.cycle
    entered = times.before + lead
    ahead = np.where(np.asarray(job.lead)[kind] < 0, np.asarray(job.load)[kind] - (times.before - times.fed[:-1]), 0)
    ahead[0] = 0
    filled = np.where(np.asarray(job.lead)[kind] < 0, np.maximum(ahead, 0), np.asarray(job.entry)[kind])
    filled[0] = np.asarray(job.entry)[kind[0]]
    earliest = when_worked(trace, job.cycle, times.before, lead + filled)
    late = np.where(_waits_for_tiles(job, trace, times), WAITS.index("dram_read"), WAITS.index("dram_write"))
    parts = [
        (times.before, times.before + drained, "configuration"),
        (times.before + drained, entered, "drain"),
        (entered, earliest, "fill"),
        (earliest, times.start, late),
        (times.headed, times.handover, "drain"),
        (np.zeros(1, dtype=np.int64), np.full(1, job.setup), "configuration"),
        (times.end[-1:], times.drained[-1:], "drain"),
        (times.drained[-1:], np.full(1, finish * job.cycle), "dram_write"),
    ]
    begin = np.concatenate([one for one, _, _ in parts])
    end = np.concatenate([one for _, one, _ in parts])
    cause = np.concatenate(
        [np.full(len(one), WAITS.index(name)) if isinstance(name, str) else name for one, _, name in parts]
    )
    order = np.argsort(begin, kind="stable")
    order = order[(end > begin)[order]]
    return Track(name="waits", begin=begin[order], end=end[order], label=cause[order], labels=WAITS)


def _waits_for_tiles(job: Job, trace: Trace, times: _Times) -> Flags:
    """Return which steps, where they wait at all, wait for a tile rather than for room."""
    steps, entry = len(times.start), np.asarray(job.entry)[job.kind]
    entered, room = np.zeros(steps, dtype=np.int64), np.zeros(steps, dtype=np.int64)
    for stream, moved in ((job.ifmap, trace.ifmap), (job.weight, trace.weight)):
        first = np.asarray(stream.first)
        entered[first] = np.maximum(
            entered[first], when_worked(trace, job.cycle, np.asarray(moved.ready), entry[first])
        )
    gate = np.asarray(job.ofmap.gate)
    opens = np.asarray(job.ofmap.first)[gate >= 0]
    room[opens] = np.asarray(trace.ofmap.ready)[gate[gate >= 0]]
    return np.asarray(entered >= room)


def _dma(program: Program, trace: Trace, burst_bytes: int) -> tuple[Track, Ints]:
    """Return the transfers in the order of their grants, and their places among those of all streams in a row.

    One is served until the next is granted, or until its last byte is there: banks let the next begin before that.
    """
    moved = streams(trace)
    grant = np.concatenate([np.asarray(one.grant, dtype=np.int64) for one in moved])
    ready = np.concatenate([np.asarray(one.ready, dtype=np.int64) for one in moved])
    bursts = np.concatenate(program.stream_bursts)
    label = np.repeat(np.arange(len(STREAMS)), [len(one.grant) for one in moved])
    tile = np.concatenate([np.arange(len(one.grant)) for one in moved])
    order = np.lexsort((label, grant))
    order = order[bursts[order] > 0]
    begin = grant[order]
    end = np.minimum(ready[order], np.append(begin[1:], ready.max(initial=0)))
    figures = (("tile", tile[order]), ("bytes", bursts[order] * burst_bytes), ("there_ticks", ready[order] - begin))
    track = Track(
        name="DMA", begin=begin, end=np.maximum(end, begin), label=label[order], labels=TRANSFERS, figures=figures
    )
    return track, order


def _arrows(program: Program, dma: Track, order: Ints) -> Arrows:
    """Return arrows from loads to the steps that use them first."""
    loads = np.flatnonzero(dma.label < TRANSFERS.index("store ofmap"))
    first = np.concatenate([program.ifmap.first, program.weight.first])
    return Arrows(transfer=loads, step=np.asarray(first[order[loads]], dtype=np.int64))


def _levels(program: Program, trace: Trace) -> tuple[Level, ...]:
    """Return the bits in each buffer: of a load until its last step ends, of an output until it has been stored."""
    end = np.asarray(trace.end, dtype=np.int64)
    loaded = [
        _level(name, np.asarray(moved.grant), end[loads.last], loads.bits)
        for name, loads, moved in (
            ("ifmap", program.ifmap, trace.ifmap),
            ("weight", program.weight, trace.weight),
        )
    ]
    opened = np.asarray(trace.start, dtype=np.int64)[program.ofmap.opens]
    return (*loaded, _level("ofmap", opened, np.asarray(trace.ofmap.ready), program.ofmap.bits))


def _level(name: str, taken: Ints, left: Ints, bits: Ints) -> Level:
    times, place = np.unique(np.concatenate((taken, left)), return_inverse=True)
    change = np.bincount(place, weights=np.concatenate((bits, -bits)).astype(np.float64), minlength=len(times))
    return Level(name=f"{name} buffer", unit="bits", times=times, values=np.cumsum(change).astype(np.int64))
