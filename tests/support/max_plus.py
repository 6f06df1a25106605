"""A second oracle for plain DRAM: the times as the least solution of max-plus equations, given the order of grants.

Nothing happens here in the order of time. Every time is the maximum of others plus
durations; all are raised, sweep by sweep, until none moves. Whether the order of
grants was right is a question of its own: :func:`wrong_grants`.
"""

from __future__ import annotations

from dataclasses import dataclass

from lw3dsim.engine.trace import streams

IFMAP, WEIGHT, OFMAP = 0, 1, 2


@dataclass
class Times:
    """Unknowns: per stream and tile request, grant, leave and there; per step start, handover, end, drained."""

    request: list
    grant: list
    leave: list
    there: list
    start: list
    handover: list
    end: list
    drained: list


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
    )
    before = None
    while before != repr(x):
        before = repr(x)
        channel = 0
        for port, tile in order:
            moving = -(-int(memory.box_bursts[boxes[port][tile]]) * memory.burst_ticks // memory.channels)
            x.request[port][tile] = _request(job, x, port, tile)
            x.grant[port][tile] = max(x.request[port][tile], channel)
            channel = x.leave[port][tile] = x.grant[port][tile] + moving
            x.there[port][tile] = channel + (memory.latency_ticks if moving and port != OFMAP else 0)
        for step in range(steps):
            _step(job, x, step)
    return x


def _request(job, x, port, tile):
    earliest = x.leave[port][tile - 1] if tile else 0
    _, _, after, gate = streams(job)[port]
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
    waits = [ended + max(job.lead[kind], 0) + entry]
    if step and job.lead[kind] < 0:
        # The loader is free when the last round of the step before begins.
        waits = [ended, ended - job.tail[job.kind[step - 1]] + job.load[kind]]
    for port, loads in ((IFMAP, job.ifmap), (WEIGHT, job.weight)):
        waits += [x.there[port][tile] + entry for tile, use in enumerate(loads.first) if use == step]
    for tile, opening in enumerate(job.ofmap.first):
        if opening == step and job.ofmap.gate[tile] >= 0:
            waits.append(x.there[OFMAP][job.ofmap.gate[tile]])
    x.start[step] = -(-max(waits) // job.cycle) * job.cycle
    x.handover[step] = max(x.start[step] + job.head[kind], x.drained[step - 1] if step else 0)
    x.end[step] = x.handover[step] + job.body[kind]
    x.drained[step] = x.end[step] + job.drain[kind]


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
