"""What an engine is given and what it returns: integers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints, Words
    from lw3dsim.schedule.program import Program


class Job(NamedTuple):
    """One layer, or several behind each other, in ticks.

    Step s takes ``head[kind[s]]``, ``body[kind[s]]`` and ``drain[kind[s]]``, whole core cycles, ``lead[kind[s]]`` after
    the end of step s-1 at the earliest. A load stream has, per tile, the first step that uses it, the box it moves,
    the step ``*_after`` whose end makes room for it, and the store ``*_gate`` that must have left the bus before it
    is asked for: an input tile reads that back. The store stream has the steps that open and close a tile, its box, and
    the store ``ofmap_after`` that makes room for it. -1: nothing to wait for. What a tile waits for lies before it:
    steps before its first use, stores closed before that; for an output tile, stores before its own.
    """

    kind: Words
    head: Words
    body: Words
    drain: Words
    lead: Words
    ifmap_first: Words
    ifmap_box: Words
    ifmap_after: Words
    ifmap_gate: Words
    weight_first: Words
    weight_box: Words
    weight_after: Words
    weight_gate: Words
    opens: Words
    closes: Words
    ofmap_box: Words
    ofmap_after: Words
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


def make_job(program: Program, cycle_ticks: int) -> Job:
    """Turn a program into arrays of ticks."""
    kinds, ifmap, weight, ofmap = program.kinds, program.ifmap, program.weight, program.ofmap
    return Job(
        kind=program.kind,
        head=kinds.head * cycle_ticks,
        body=kinds.body * cycle_ticks,
        drain=kinds.drain * cycle_ticks,
        lead=program.lead * cycle_ticks,
        ifmap_first=ifmap.first,
        ifmap_box=ifmap.box,
        ifmap_after=ifmap.after,
        ifmap_gate=ifmap.gate,
        weight_first=weight.first,
        weight_box=weight.box,
        weight_after=weight.after,
        weight_gate=weight.gate,
        opens=ofmap.opens,
        closes=ofmap.closes,
        ofmap_box=ofmap.box,
        ofmap_after=ofmap.after,
        setup=program.setup_cycles * cycle_ticks,
        cycle=cycle_ticks,
    )


def empty_trace(job: Job) -> Trace:
    """Return a trace for ``job`` on arrays, nothing placed in it yet."""
    steps, sizes = len(job.kind), (len(job.ifmap_first), len(job.weight_first), len(job.closes))

    def times(count: int) -> Ints:
        return np.zeros(count, dtype=np.int64)

    return Trace(*(times(size) for size in sizes for _ in range(2)), *(times(steps) for _ in range(4)))
