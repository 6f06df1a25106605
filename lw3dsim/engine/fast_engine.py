"""The fast engine: one pass over DMA grants, with the pipeline recurrences in between.

At any instant DMA is granted to the pending request with the smallest (request
time, port). A request that is not known yet depends on a transfer that has not
been granted, so it can't be earlier than the one granted now: granting the
smallest known request is the same rule as in the reference engine.

Plain integer code over sequences: CPython runs it on lists, :mod:`lw3dsim.engine.compiled` compiles it for arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.engine.memory import transfer

if TYPE_CHECKING:
    from lw3dsim.engine.memory import Memory
    from lw3dsim.engine.trace import Job, Trace
    from lw3dsim.map.arrays import Words

NEVER = 1 << 62


def run(job: Job, memory: Memory, trace: Trace) -> None:
    """Simulate ``job`` and fill in ``trace``; see ``docs/timing.md`` for the rules."""
    ifmaps = weights = stores = step = opened = 0
    ifmap_free = weight_free = ofmap_free = free = 0
    while stores < len(job.closes):
        step, opened = place_steps(job, trace, ifmaps, weights, stores, step, opened)
        ifmap = weight = ofmap = NEVER
        if ifmaps < len(job.ifmap_first):
            ifmap = request(job.ifmap_first, job.ifmap_slots, ifmaps, trace.end, step, max(ifmap_free, job.setup))
        if weights < len(job.weight_first):
            weight = request(job.weight_first, job.weight_slots, weights, trace.end, step, max(weight_free, job.setup))
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


def request(first: Words, slots: int, tile: int, end: Words, placed: int, earliest: int) -> int:
    """Return when ``tile`` of a load stream is requested, NEVER while that depends on a step not placed yet."""
    if tile < slots:
        return earliest
    release = first[tile - slots + 1] - 1
    return max(earliest, end[release]) if release < placed else NEVER


def place_steps(
    job: Job, trace: Trace, ifmaps: int, weights: int, stores: int, step: int, opened: int
) -> tuple[int, int]:
    """Place every step whose tiles and slot are known; return the steps placed and output tiles opened so far."""
    ifmap = tile_of(job.ifmap_first, ifmaps, step)
    weight = tile_of(job.weight_first, weights, step)
    end, drained = (trace.end[step - 1], trace.drained[step - 1]) if step else (job.setup, 0)
    while step < len(job.kind):
        begin = end
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
            if opened - job.ofmap_slots >= stores:
                break
            if opened >= job.ofmap_slots:
                begin = max(begin, trace.ofmap_ready[opened - job.ofmap_slots])
            opened += 1
        begin = -(-begin // job.cycle) * job.cycle
        kind = job.kind[step]
        handover = max(begin + job.head[kind], drained)
        end = handover + job.body[kind]
        drained = end + job.drain[kind]
        trace.start[step], trace.handover[step], trace.end[step], trace.drained[step] = begin, handover, end, drained
        step += 1
    return step, opened


def tile_of(first: Words, loaded: int, step: int) -> int:
    """Return the first tile of a stream that ``step`` or a later step newly uses; ``loaded`` tiles are granted."""
    tile = loaded
    while tile > 0 and first[tile - 1] >= step:
        tile -= 1
    return tile
