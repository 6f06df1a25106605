"""What an engine is given and what it returns: integers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from lw3dsim.map.arrays import Ints, Words
    from lw3dsim.schedule.program import Schedule


class Job(NamedTuple):
    """A schedule in ticks.

    Step s takes ``head[kind[s]]``, ``body[kind[s]]`` and ``drain[kind[s]]``, whole core cycles. A load stream has, per
    tile, the first step that uses it and the box it moves; a tile stays until the step before the next
    tile's. The store stream has the steps that open and close a tile, and its box.
    """

    kind: Words
    head: Words
    body: Words
    drain: Words
    ifmap_first: Words
    ifmap_box: Words
    weight_first: Words
    weight_box: Words
    opens: Words
    closes: Words
    ofmap_box: Words
    ifmap_slots: int
    weight_slots: int
    ofmap_slots: int
    setup: int
    cycle: int


class Trace(NamedTuple):
    """When everything happened, in ticks.

    Per tile of each stream: ``*_grant`` (its transfer starts) and ``*_ready`` (a
    load's data is on chip; a store has left the bus). Per step: ``start``,
    ``handover`` (the drain unit takes over after the head), ``end`` (computed),
    ``drained``.
    """

    ifmap_grant: Words
    ifmap_ready: Words
    weight_grant: Words
    weight_ready: Words
    ofmap_grant: Words
    ofmap_ready: Words
    start: Words
    handover: Words
    end: Words
    drained: Words

    @property
    def finish(self) -> int:
        """The end of the last store."""
        return int(max(self.ofmap_ready))


def make_job(schedule: Schedule, cycle_ticks: int) -> Job:
    """Turn a schedule into arrays of ticks; boxes are numbered through ifmap, weight and ofmap."""
    kinds, ifmap, weight, ofmap = schedule.kinds, schedule.ifmap, schedule.weight, schedule.ofmap
    weights = len(ifmap.region.box_bursts)
    outputs = weights + len(weight.region.box_bursts)
    return Job(
        kind=schedule.kind,
        head=kinds.head * cycle_ticks,
        body=kinds.body * cycle_ticks,
        drain=kinds.drain * cycle_ticks,
        ifmap_first=ifmap.steps,
        ifmap_box=ifmap.box,
        weight_first=weight.steps,
        weight_box=weight.box + weights,
        opens=ofmap.opens,
        closes=ofmap.closes,
        ofmap_box=ofmap.box + outputs,
        ifmap_slots=ifmap.slots,
        weight_slots=weight.slots,
        ofmap_slots=ofmap.slots,
        setup=schedule.setup_cycles * cycle_ticks,
        cycle=cycle_ticks,
    )


def empty_trace(job: Job) -> Trace:
    """Return a trace for ``job`` on arrays, nothing placed in it yet."""
    steps, sizes = len(job.kind), (len(job.ifmap_first), len(job.weight_first), len(job.closes))

    def times(count: int) -> Ints:
        return np.zeros(count, dtype=np.int64)

    return Trace(*(times(size) for size in sizes for _ in range(2)), *(times(steps) for _ in range(4)))
