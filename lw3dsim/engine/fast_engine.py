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

Plain integer code over sequences: CPython runs it on lists, :mod:`lw3dsim.engine.compiled` compiles it for arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.kernels import ENGINE, kernel
from lw3dsim.engine.memory import transfer

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.engine.memory import Memory
    from lw3dsim.engine.trace import Job, Trace

NEVER = 1 << 62

# How far a run has come: tiles granted, steps placed, output tiles opened, and the *next* of DMA and of each stream.
IFMAPS, WEIGHTS, STORES, STEP, OPENED, FREE, IFMAP_FREE, WEIGHT_FREE, OFMAP_FREE, STATE_WORDS = range(10)


def run(job: Job, memory: Memory, trace: Trace) -> None:
    """Simulate ``job`` and fill in ``trace``; see ``docs/timing.md`` for the rules."""
    advance(job, memory, trace, initial_state(job), NEVER)


def initial_state(job: Job) -> list[int]:
    """Return the state in which nothing has happened yet."""
    return [0, 0, 0, 0, 0, 0, job.setup, job.setup, 0]


@kernel(entry=ENGINE)
def advance(job: Job, memory: Memory, trace: Trace, state: Words, stop: int) -> None:
    """Go on from ``state``, until ``stop`` steps are placed or everything is stored; leave in ``state`` how far."""
    ifmaps, weights, stores, step, opened = state[IFMAPS], state[WEIGHTS], state[STORES], state[STEP], state[OPENED]
    free, ifmap_free, weight_free, ofmap_free = state[FREE], state[IFMAP_FREE], state[WEIGHT_FREE], state[OFMAP_FREE]
    while stores < len(job.closes) and step < stop:
        step, opened = place_steps(job, trace, ifmaps, weights, stores, step, opened)
        ifmap = weight = ofmap = NEVER
        if ifmaps < len(job.ifmap_first):
            ifmap = known(job.ifmap_after[ifmaps], trace.end, step, ifmap_free)
            ifmap = max(ifmap, known(job.ifmap_gate[ifmaps], trace.ofmap_ready, stores, ifmap_free))
        if weights < len(job.weight_first):
            weight = known(job.weight_after[weights], trace.end, step, weight_free)
            weight = max(weight, known(job.weight_gate[weights], trace.ofmap_ready, stores, weight_free))
        if job.closes[stores] < step:
            ofmap = max(ofmap_free, trace.drained[job.closes[stores]])
        if ifmap <= weight and ifmap <= ofmap:
            begin = max(free, ifmap)
            free, ready = transfer(memory, job.ifmap_box[ifmaps], begin, 0)
            ifmap_free = free
            trace.ifmap_grant[ifmaps], trace.ifmap_ready[ifmaps] = begin, ready
            ifmaps += 1
        elif weight <= ofmap:
            begin = max(free, weight)
            free, ready = transfer(memory, job.weight_box[weights], begin, 0)
            weight_free = free
            trace.weight_grant[weights], trace.weight_ready[weights] = begin, ready
            weights += 1
        else:
            begin = max(free, ofmap)
            free, ready = transfer(memory, job.ofmap_box[stores], begin, 1)
            ofmap_free = free
            trace.ofmap_grant[stores], trace.ofmap_ready[stores] = begin, ready
            stores += 1
    state[IFMAPS], state[WEIGHTS], state[STORES], state[STEP], state[OPENED] = ifmaps, weights, stores, step, opened
    state[FREE], state[IFMAP_FREE], state[WEIGHT_FREE], state[OFMAP_FREE] = free, ifmap_free, weight_free, ofmap_free


@kernel
def known(awaited: int, times: Words, placed: int, earliest: int) -> int:
    """Return when ``awaited``, -1 for nothing, is over, not before ``earliest``; NEVER while it is not placed."""
    if awaited < 0:
        return earliest
    return max(earliest, times[awaited]) if awaited < placed else NEVER


@kernel
def place_steps(
    job: Job, trace: Trace, ifmaps: int, weights: int, stores: int, step: int, opened: int
) -> tuple[int, int]:
    """Place every step whose tiles and slot are known; return the steps placed and output tiles opened so far."""
    ifmap = tile_of(job.ifmap_first, ifmaps, step)
    weight = tile_of(job.weight_first, weights, step)
    end, drained = (trace.end[step - 1], trace.drained[step - 1]) if step else (job.setup, 0)
    while step < len(job.kind):
        kind = job.kind[step]
        begin = end + job.lead[kind]
        if ifmap < len(job.ifmap_first) and job.ifmap_first[ifmap] == step:
            if ifmap == ifmaps:
                break
            begin = max(begin, trace.ifmap_ready[ifmap])
            ifmap += 1
        if weight < len(job.weight_first) and job.weight_first[weight] == step:
            if weight == weights:
                break
            begin = max(begin, trace.weight_ready[weight])
            weight += 1
        if opened < len(job.opens) and job.opens[opened] == step:
            begin = known(job.ofmap_after[opened], trace.ofmap_ready, stores, begin)
            if begin == NEVER:
                break
            opened += 1
        begin = -(-begin // job.cycle) * job.cycle
        handover = max(begin + job.head[kind], drained)
        end = handover + job.body[kind]
        drained = end + job.drain[kind]
        trace.start[step], trace.handover[step], trace.end[step], trace.drained[step] = begin, handover, end, drained
        step += 1
    return step, opened


@kernel
def tile_of(first: Words, loaded: int, step: int) -> int:
    """Return the first tile of a stream that ``step`` or a later step newly uses; ``loaded`` tiles are granted."""
    tile = loaded
    while tile > 0 and first[tile - 1] >= step:
        tile -= 1
    return tile
