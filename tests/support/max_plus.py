"""A second oracle for plain DRAM: the times as the least solution of max-plus equations, given the order of grants.

Nothing happens here in the order of time. Every time is the maximum of others plus
durations; all are raised, sweep by sweep, until none moves. Whether the order of
grants was right is a question of its own: :func:`wrong_grants`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from lw3dsim.engine.trace import streams

IFMAP, WEIGHT, OFMAP = 0, 1, 2


@dataclass
class Times:
    """Unknowns: per stream and tile request, grant, leave and there; per step start, handover, end, drained.

    ``taken`` are the cycles of the only port of a buffer that DMA takes from the array, in order.
    """

    request: list
    grant: list
    leave: list
    there: list
    start: list
    handover: list
    end: list
    drained: list
    taken: list


def grant_order(job, memory, trace):
    """Return (port, tile) in the order of the grants; at one instant, transfers of nothing stand before the other."""
    order = [
        (grant, int(memory.box_bursts[box]) > 0, port, tile)
        for port, (stream, transfers) in enumerate(zip(streams(job), streams(trace), strict=True))
        for tile, (grant, box) in enumerate(zip(transfers.grant, stream.box, strict=True))
    ]
    return [(port, tile) for _, _, port, tile in sorted(order)]


def solve(job, memory, order):
    """The least times for transfers in ``order``, a list of (port, tile)."""
    boxes = [stream.box for stream in streams(job)]
    steps = len(job.kind)
    x = Times(
        *([[0] * len(tiles) for tiles in boxes] for _ in range(4)),
        *([0] * steps for _ in range(4)),
        [],
    )
    before = None
    while before != repr(x):
        before = repr(x)
        channel, passed = 0, 0
        x.taken.clear()
        for port, tile in order:
            moving = -(-int(memory.box_bursts[boxes[port][tile]]) * memory.burst_ticks // memory.channels)
            x.request[port][tile] = _request(job, x, port, tile)
            x.grant[port][tile] = max(x.request[port][tile], channel)
            x.leave[port][tile] = x.grant[port][tile] + moving
            x.there[port][tile] = x.leave[port][tile] + (memory.latency_ticks if moving and port != OFMAP else 0)
            words = int(streams(job)[port].words[tile])
            if words and moving:
                passed = _pass(job, x, port, tile, words, passed)
            # What moves nothing keeps nobody: of two at one instant either may be first, and wait for the other.
            channel = x.leave[port][tile] if moving else channel
        for step in range(steps):
            _step(job, x, step)
    return x


def _pass(job, x, port, tile, words, passed):
    """Let DMA take so many cycles for a tile, evenly while it is on the bus; return when it has passed."""
    grant, leave, there = (times[port][tile] for times in (x.grant, x.leave, x.there))
    first, cycle = (grant if port == OFMAP else there - (leave - grant)), job.cycle
    begin, last = max(-(-first // cycle), passed // cycle), -(-(leave if port == OFMAP else there) // cycle)
    length = max(last - begin, words)
    # The last cycle of each of so many parts, as equal as can be.
    x.taken += [begin + ceil(Fraction(length * (word + 1), words)) - 1 for word in range(words)]
    x.leave[port][tile] = max(leave, grant + words * cycle)
    x.there[port][tile] = max(there, (begin + length) * cycle)
    return (begin + length) * cycle


def _worked(job, x, since, ticks):
    """When so many ticks are over of which DMA takes none."""
    at, left = -(-since // job.cycle), ticks // job.cycle
    for taken in x.taken[bisect_left(x.taken, at) :]:
        if at + left <= taken:
            break
        left -= taken - at
        at = taken + 1
    return (at + left) * job.cycle


def _request(job, x, port, tile):
    earliest = x.leave[port][tile - 1] if tile else 0
    after, gate = streams(job)[port].after, streams(job)[port].gate
    if port == OFMAP:
        return max(earliest, x.drained[after[tile]])
    return max(
        earliest,
        job.setup,
        x.end[after[tile]] if after[tile] >= 0 else 0,
        x.there[OFMAP][gate[tile]] if gate[tile] >= 0 else 0,
    )


def _step(job, x, step):
    kind = job.kind[step]
    ended, entry = x.end[step - 1] if step else job.setup, job.entry[kind]
    waits = [_worked(job, x, ended, max(job.lead[kind], 0) + entry)]
    if step and job.lead[kind] < 0:
        # The loader is free when the last round of the step before begins.
        waits = [ended, _worked(job, x, ended, max(job.load[kind] - job.tail[job.kind[step - 1]], 0))]
    for port, loads in ((IFMAP, job.ifmap), (WEIGHT, job.weight)):
        waits += [_worked(job, x, x.there[port][tile], entry) for tile, use in enumerate(loads.first) if use == step]
    for tile, opening in enumerate(job.ofmap.first):
        if opening == step and job.ofmap.gate[tile] >= 0:
            waits.append(x.there[OFMAP][job.ofmap.gate[tile]])
    x.start[step] = -(-max(waits) // job.cycle) * job.cycle
    x.handover[step] = max(_worked(job, x, x.start[step], job.head[kind]), x.drained[step - 1] if step else 0)
    x.end[step] = _worked(job, x, x.handover[step], job.body[kind])
    x.drained[step] = _worked(job, x, x.end[step], job.drain[kind])


def wrong_grants(x, order):
    """Grants at which another transfer, next of its stream, had asked by then and came first in (request, port)."""
    wrong = []
    for i, (port, tile) in enumerate(order):
        if x.leave[port][tile] == x.grant[port][tile]:
            continue
        granted, own = x.grant[port][tile], (x.request[port][tile], port)
        pending = {}
        for other, waiting in order[i + 1 :]:
            pending.setdefault(other, waiting)
        for other, waiting in pending.items():
            asked = x.request[other][waiting]
            if other != port and asked <= granted and (asked, other) < own:
                wrong.append((port, tile, other, waiting))
    return wrong
