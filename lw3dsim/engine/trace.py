"""What an engine is given and what it returns: integers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np

from lw3dsim.base.arrays import as_arrays
from lw3dsim.base.kernels import NATIVE, kernels

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.schedule.build import Drafted
    from lw3dsim.schedule.program import Loads, Program, Stores

Each = TypeVar("Each", covariant=True)


class Stream(NamedTuple):
    """Tiles that DMA moves through one buffer, in order; -1: nothing to wait for.

    A tile is moved as ``box``. ``first`` is the first step that uses it, or, of a tile to be stored, that writes it.
    ``after`` is the step that its transfer waits for: a load for one to end and make room, a store for one to have
    drained, always. ``gate`` is the store that must have left the bus: before a load, which reads it back, is asked
    for; before step ``first`` of a tile to be stored, for which it makes room. ``words`` are the cycles in which DMA
    has the only port of the buffer for the tile, and the array pauses; 0 where they do not meet.
    """

    first: Words
    box: Words
    after: Words
    gate: Words
    words: Words


class Job(NamedTuple):
    """One layer, or several behind each other, in ticks.

    Step s takes ``head[kind[s]]``, ``body[kind[s]]`` and ``drain[kind[s]]``, whole core cycles, from its start on. It
    is entered ``lead[kind[s]]`` after the end of step s-1 at the earliest, and starts ``entry[kind[s]]`` later; where
    its lead is negative it is loaded ahead, in ``load[kind[s]]``, while step s-1 is fed for the last
    ``tail[kind[s-1]]``. The first is entered, as the first loads are asked for, after ``setup``. ``ifmap`` and
    ``weight`` are loaded, ``ofmap`` is stored. What a tile waits for lies before it: steps before its first use, stores
    closed before that; for an output tile, stores before its own.
    """

    kind: Words
    entry: Words
    load: Words
    tail: Words
    head: Words
    body: Words
    drain: Words
    lead: Words
    ifmap: Stream
    weight: Stream
    ofmap: Stream
    setup: int
    cycle: int


class Transfers(NamedTuple):
    """Per tile of a stream: when its transfer starts, and when a load is on chip, or a store has left the bus."""

    grant: Words
    ready: Words


class Pauses(NamedTuple):
    """Per tile that meets the array, in the order of grants: when its ``words`` pass, of a port word a cycle each.

    From ``begin`` to ``end``, whole core cycles, in which the array pauses for as many cycles, spread evenly. None
    begins before the one before has ended.
    """

    begin: Words
    end: Words
    words: Words


class Trace(NamedTuple):
    """When everything happened, in ticks.

    Per tile of each stream its transfer. Per step: ``start`` (its first product), ``handover`` (the drain unit takes
    over after the head), ``end`` (computed), ``drained``. The array pauses for what DMA passes.
    """

    ifmap: Transfers
    weight: Transfers
    ofmap: Transfers
    start: Words
    handover: Words
    end: Words
    drained: Words
    pauses: Pauses

    @property
    def finish(self) -> int:
        """The end of the last store."""
        return int(np.asarray(self.ofmap.ready).max())


class PerStream(Protocol[Each]):
    """What has something of each of the three streams: a job, its trace, the state of a run."""

    @property
    def ifmap(self) -> Each:
        """Of the inputs."""

    @property
    def weight(self) -> Each:
        """Of the weights."""

    @property
    def ofmap(self) -> Each:
        """Of the outputs."""


def streams(of: PerStream[Each]) -> tuple[Each, Each, Each]:
    """Return what ``of`` has of the streams, in the order of their ports: inputs, weights, outputs."""
    return of.ifmap, of.weight, of.ofmap


def draft_job(draft: Drafted) -> Job:
    """Return the job of what is drafted: what :func:`make_job` makes of its program."""
    ifmap, weight, ofmap, cycle = draft.ifmap, draft.weight, draft.ofmap, draft.clocks.cycle_ticks
    job = Job(
        draft.kind,
        *draft.ticks,
        Stream(ifmap.first, ifmap.box, ifmap.after, ifmap.gate, ifmap.words),
        Stream(weight.first, weight.box, weight.after, weight.gate, weight.words),
        Stream(ofmap.opens, ofmap.box, ofmap.closes, ofmap.after, ofmap.words),
        draft.arch.layer_setup_cycles * cycle,
        cycle,
    )
    # CPython drafts on lists; a job is on arrays.
    return job if kernels().is_native else as_arrays(job)


def make_job(program: Program, cycle_ticks: int) -> Job:
    """Turn a program into arrays of ticks."""
    kinds = program.kinds
    return Job(
        kind=program.kind,
        entry=kinds.entry * cycle_ticks,
        load=kinds.load * cycle_ticks,
        tail=kinds.tail * cycle_ticks,
        head=kinds.head * cycle_ticks,
        body=kinds.body * cycle_ticks,
        drain=kinds.drain * cycle_ticks,
        lead=program.lead * cycle_ticks,
        ifmap=_loaded(program.ifmap),
        weight=_loaded(program.weight),
        ofmap=_stored(program.ofmap),
        setup=program.setup_cycles * cycle_ticks,
        cycle=cycle_ticks,
    )


def _loaded(loads: Loads) -> Stream:
    return Stream(first=loads.first, box=loads.box, after=loads.after, gate=loads.gate, words=loads.words)


def _stored(stores: Stores) -> Stream:
    return Stream(first=stores.opens, box=stores.box, after=stores.closes, gate=stores.after, words=stores.words)


def empty_trace(job: Job) -> Trace:
    """Return a trace for ``job`` on arrays, nothing placed in it yet."""
    ifmap, weight, ofmap = streams(job)
    loads, weights, stores, steps = len(ifmap.box), len(weight.box), len(ofmap.box), len(job.kind)
    pauses = int(np.count_nonzero(ifmap.words) + np.count_nonzero(weight.words) + np.count_nonzero(ofmap.words))
    sizes = (loads, loads, weights, weights, stores, stores, steps, steps, steps, steps, pauses, pauses, pauses)
    columns = NATIVE.carved(sizes, is_empty=True)
    loaded, fetched, stored = Transfers(*columns[:2]), Transfers(*columns[2:4]), Transfers(*columns[4:6])
    start, handover, end, drained = columns[6:10]
    return Trace(loaded, fetched, stored, start, handover, end, drained, Pauses(*columns[10:]))
