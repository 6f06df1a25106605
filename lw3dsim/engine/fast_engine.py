"""The fast engine: one pass over DMA grants, with the pipeline recurrences in between.

At any instant DMA is granted to the pending request with the smallest (request
time, port). A request that is not known yet waits for a transfer that has not been
granted: directly, where a store is its gate; or through a step not placed, which
waits for a tile not loaded, or for a store that makes room. Follow that chain to a
transfer whose request is known: it exists, as everything waits for what lies before
it. The unknown request comes when that transfer is over or later, so not before it
was requested, so not before the smallest known request, which is granted now. Where
the times are equal (transfers of no bursts), the reference engine does not see the
unknown request either before the one it waits for has been granted. Hence granting
the smallest known request is the same rule as in the reference engine.

Where DMA passes the only port of a buffer the array pauses (:mod:`lw3dsim.engine.pauses`), so that a grant moves what
steps do behind it. These are placed anew. No request is chosen for a time that may still move: what is granted later
begins to pass no earlier than the request that is chosen.

Plain integer code over sequences: CPython runs it on lists, :mod:`lw3dsim.engine.run` has it translated for arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.engine.memory import least_ticks, transfer
from lw3dsim.engine.pauses import pass_words, worked

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.engine.memory import Memory
    from lw3dsim.engine.trace import Job, Stream, Trace, Transfers


class Granted(NamedTuple):
    """How far a stream has come: the ``tiles`` granted, and when it may ask for the next at the earliest."""

    tiles: int
    free: int


class State(NamedTuple):
    """How far a run has come: in each stream, in output tiles opened, in steps placed, in pauses of the array.

    DMA is ``free`` from then on.
    """

    ifmap: Granted
    weight: Granted
    ofmap: Granted
    opened: int
    steps: int
    free: int
    pauses: int


def run(job: Job, memory: Memory, trace: Trace) -> None:
    """Simulate ``job`` and fill in ``trace``; see ``docs/timing.md`` for the rules."""
    advance(job, memory, trace, initial_state(job), NEVER, NEVER)


def initial_state(job: Job) -> State:
    """Return the state in which nothing has happened yet."""
    loads = Granted(tiles=0, free=job.setup)
    return State(ifmap=loads, weight=loads, ofmap=Granted(tiles=0, free=0), opened=0, steps=0, free=0, pauses=0)


@entry
def advance(job: Job, memory: Memory, trace: Trace, state: State, stop: int, most: int) -> State:
    """Go on from ``state``, until ``stop`` steps are placed or everything is stored; return how far that is.

    Give up once the steps that are left, one right after the other and the last store behind them, or the bursts that
    are, at the peak rate, end after ``most`` ticks.
    """
    ifmap, weight, ofmap = job.ifmap, job.weight, job.ofmap
    ifmaps, ifmap_free = state.ifmap
    weights, weight_free = state.weight
    stores, ofmap_free = state.ofmap
    opened, step, free, pauses = state.opened, state.steps, state.free, state.pauses
    left, counted = 0 if most == NEVER else computing_ticks(job, step, len(job.kind)) + ending_ticks(job, memory), step
    bursts = 0 if most == NEVER else bursts_left(job, memory, state)
    while stores < len(ofmap.box) and step < stop:
        opened, step = place_steps(job, trace, ifmaps, weights, stores, opened, step, pauses)
        if most != NEVER and step > counted:
            left -= computing_ticks(job, counted, step)
            counted = step
            if trace.end[step - 1] + left > most:
                break
        ifmap_asked = asked(ifmap, ifmaps, ifmap_free, trace, step, stores)
        weight_asked = asked(weight, weights, weight_free, trace, step, stores)
        ofmap_asked = NEVER
        if ofmap.after[stores] < step:
            ofmap_asked = max(ofmap_free, trace.drained[ofmap.after[stores]])
        if most != NEVER and free + least_ticks(memory, bursts) > most:
            break
        if ifmap_asked <= weight_asked and ifmap_asked <= ofmap_asked:
            bursts -= memory.box_bursts[ifmap.box[ifmaps]]
            begin, words = max(free, ifmap_asked), ifmap.words[ifmaps]
            free = ifmap_free = grant(job, memory, trace, ifmap, trace.ifmap, ifmaps, begin, 0, pauses)
            ifmaps += 1
        elif weight_asked <= ofmap_asked:
            bursts -= memory.box_bursts[weight.box[weights]]
            begin, words = max(free, weight_asked), weight.words[weights]
            free = weight_free = grant(job, memory, trace, weight, trace.weight, weights, begin, 0, pauses)
            weights += 1
        else:
            bursts -= memory.box_bursts[ofmap.box[stores]]
            begin, words = max(free, ofmap_asked), ofmap.words[stores]
            free = ofmap_free = grant(job, memory, trace, ofmap, trace.ofmap, stores, begin, 1, pauses)
            stores += 1
        opened, step, pauses = take_back(job, trace, words, opened, step, pauses)
    return State(
        Granted(ifmaps, ifmap_free), Granted(weights, weight_free), Granted(stores, ofmap_free), opened, step, free,
        pauses,
    )  # fmt: skip


@kernel
def bursts_left(job: Job, memory: Memory, state: State) -> int:
    """Return the bursts of all tiles that are not granted in ``state``."""
    bursts, box_bursts = 0, memory.box_bursts
    for tile in range(state.ifmap.tiles, len(job.ifmap.box)):
        bursts += box_bursts[job.ifmap.box[tile]]
    for tile in range(state.weight.tiles, len(job.weight.box)):
        bursts += box_bursts[job.weight.box[tile]]
    for tile in range(state.ofmap.tiles, len(job.ofmap.box)):
        bursts += box_bursts[job.ofmap.box[tile]]
    return bursts


@kernel
def computing_ticks(job: Job, first: int, end: int) -> int:
    """Return what the steps from ``first`` until ``end`` take at least."""
    ticks = 0
    for step in range(first, end):
        kind = job.kind[step]
        ticks += job.head[kind] + job.body[kind]
        if job.lead[kind] >= 0:
            ticks += job.lead[kind] + job.entry[kind]
    return ticks


@kernel
def ending_ticks(job: Job, memory: Memory) -> int:
    """Return what comes behind the last step at least: its drain, and the store of a tile that waits for that."""
    last, tile = len(job.kind) - 1, len(job.ofmap.box) - 1
    if tile < 0 or job.ofmap.after[tile] < last:
        return 0
    return job.drain[job.kind[last]] + least_ticks(memory, memory.box_bursts[job.ofmap.box[tile]])


@kernel
def entry_ticks(job: Job, step: int) -> int:
    """Return what a step takes from the end of the one before to its start, if no tile and no room keeps it waiting."""
    kind = job.kind[step]
    if job.lead[kind] >= 0:
        return job.lead[kind] + job.entry[kind]
    if step == 0:
        return job.entry[kind]
    return max(job.load[kind] - job.tail[job.kind[step - 1]], 0)


@kernel
def asked(loads: Stream, tile: int, earliest: int, trace: Trace, steps: int, stores: int) -> int:
    """Return when ``tile`` is asked for, at ``earliest`` or later; NEVER where there is none, or that is not known.

    Known are the times of so many ``steps`` and ``stores``.
    """
    if tile == len(loads.box):
        return NEVER
    step, store = loads.after[tile], loads.gate[tile]
    if step >= steps or store >= stores:
        return NEVER
    if step >= 0:
        earliest = max(earliest, trace.end[step])
    if store >= 0:
        earliest = max(earliest, trace.ofmap.ready[store])
    return earliest


@kernel
def grant(
    job: Job, memory: Memory, trace: Trace, stream: Stream, transfers: Transfers, tile: int, begin: int, is_store: int,
    pauses: int,
) -> int:  # fmt: skip
    """Move ``tile`` from ``begin`` on, behind so many ``pauses``; return when DMA, and the stream, may go on."""
    box = stream.box[tile]
    free, ready = transfer(memory, box, begin, is_store)
    if stream.words[tile]:
        words = stream.words[tile] if memory.box_bursts[box] else 0
        free, ready = pass_words(trace.pauses, pauses, job.cycle, words, begin, free, ready, is_store)
    transfers.grant[tile], transfers.ready[tile] = begin, ready
    return free


@kernel
def take_back(job: Job, trace: Trace, words: int, opened: int, step: int, pauses: int) -> tuple[int, int, int]:
    """Count one more of the ``pauses`` if any ``words`` pass; return output tiles opened, steps placed, and pauses.

    Steps that it reaches are to be placed anew.
    """
    if words == 0:
        return opened, step, pauses
    opens, begin = job.ofmap.first, trace.pauses.begin[pauses]
    while step > 0 and trace.drained[step - 1] > begin:
        step -= 1
        if opened > 0 and opens[opened - 1] == step:
            opened -= 1
    return opened, step, pauses + 1


@kernel
def place_steps(
    job: Job, trace: Trace, ifmaps: int, weights: int, stores: int, opened: int, step: int, pauses: int
) -> tuple[int, int]:
    """Place every step whose tiles and slot are known; return the output tiles opened and steps placed so far.

    The array pauses for the first ``pauses``.
    """
    cycle = job.cycle
    ifmap_first, weight_first, opens = job.ifmap.first, job.weight.first, job.ofmap.first
    ifmap = tile_of(ifmap_first, ifmaps, step)
    weight = tile_of(weight_first, weights, step)
    end, drained = (trace.end[step - 1], trace.drained[step - 1]) if step else (job.setup, 0)
    while step < len(job.kind):
        kind = job.kind[step]
        begin, there = worked(trace.pauses, pauses, cycle, end, entry_ticks(job, step)), -1
        if ifmap < len(ifmap_first) and ifmap_first[ifmap] == step:
            if ifmap == ifmaps:
                break
            there = trace.ifmap.ready[ifmap]
            ifmap += 1
        if weight < len(weight_first) and weight_first[weight] == step:
            if weight == weights:
                break
            there = max(there, trace.weight.ready[weight])
            weight += 1
        if opened < len(opens) and opens[opened] == step:
            store = job.ofmap.gate[opened]
            if store >= stores:
                break
            if store >= 0:
                begin = max(begin, trace.ofmap.ready[store])
            opened += 1
        if there >= 0:
            begin = max(begin, worked(trace.pauses, pauses, cycle, there, job.entry[kind]))
        begin = -(-begin // cycle) * cycle
        handover = max(worked(trace.pauses, pauses, cycle, begin, job.head[kind]), drained)
        end = worked(trace.pauses, pauses, cycle, handover, job.body[kind])
        drained = worked(trace.pauses, pauses, cycle, end, job.drain[kind])
        trace.start[step], trace.handover[step], trace.end[step], trace.drained[step] = begin, handover, end, drained
        step += 1
    return opened, step


@kernel
def tile_of(first: Words, loaded: int, step: int) -> int:
    """Return the first tile of a stream that ``step`` or a later step newly uses; ``loaded`` tiles are granted."""
    tile = loaded
    while tile > 0 and first[tile - 1] >= step:
        tile -= 1
    return tile
