"""The fast engine: one pass over channel grants, with the pipeline recurrences in between.

At any instant the channel goes to the pending request with the smallest
(request time, port). A request that is not known yet depends on a transfer that
has not been granted, so it can't be earlier than the one granted now: granting
the smallest known request is the same rule as in the reference engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.engine.trace import Job, LoadJob, Trace

if TYPE_CHECKING:
    from lw3dsim.engine.memory import Memory

NEVER = 1 << 62


class _Load:
    """A load stream in progress."""

    def __init__(self, job: LoadJob) -> None:
        self.job = job
        self.count = len(job.first)
        self.grant: list[int] = []
        self.ready: list[int] = []
        self.using = -1  # the tile that the latest computed step uses

    def request(self, free_at: int, ends: list[int], setup: int) -> int:
        """Return when the next tile is requested, NEVER if that is not known yet."""
        tile = len(self.grant)
        if tile == self.count:
            return NEVER
        if tile < self.job.slots:
            return max(free_at, setup)
        release = self.job.last[tile - self.job.slots]
        return max(free_at, ends[release]) if release < len(ends) else NEVER

    def ready_for(self, step: int) -> int:
        """Return when the tile of ``step`` is on chip, NEVER if its transfer is not granted yet."""
        if self.using + 1 < self.count and self.job.first[self.using + 1] == step:
            if self.using + 1 == len(self.ready):
                return NEVER
            return self.ready[self.using + 1]
        return self.ready[self.using] if self.using >= 0 else 0

    def advance(self, step: int) -> None:
        """Note that ``step`` has been placed in time."""
        if self.using + 1 < self.count and self.job.first[self.using + 1] == step:
            self.using += 1


def run(job: Job, memory: Memory) -> Trace:
    """Simulate ``job``; see ``docs/timing.md`` for the rules."""
    loads = (_Load(job.ifmap), _Load(job.weight))
    store = job.ofmap
    start: list[int] = []
    handover: list[int] = []
    end: list[int] = []
    drained: list[int] = []
    store_grant: list[int] = []
    store_ready: list[int] = []
    opened = 0
    stream_free = [0, 0, 0]
    channel_free = 0
    while len(store_grant) < len(store.closes):
        opened = _advance(job, loads, opened, store_ready, start, handover, end, drained)
        tile = len(store_grant)
        closing = store.closes[tile]
        times = (
            loads[0].request(stream_free[0], end, job.setup),
            loads[1].request(stream_free[1], end, job.setup),
            max(stream_free[2], drained[closing]) if closing < len(drained) else NEVER,
        )
        port = times.index(min(times))
        begin = max(channel_free, times[port])
        bursts = store.bursts[tile] if port == 2 else loads[port].job.bursts[len(loads[port].grant)]
        channel_free, ready = memory.transfer(begin, bursts)
        stream_free[port] = channel_free
        if port == 2:
            store_grant.append(begin)
            store_ready.append(channel_free)
        else:
            loads[port].grant.append(begin)
            loads[port].ready.append(ready)
    return Trace(
        ifmap_grant=loads[0].grant,
        ifmap_ready=loads[0].ready,
        weight_grant=loads[1].grant,
        weight_ready=loads[1].ready,
        ofmap_grant=store_grant,
        ofmap_ready=store_ready,
        start=start,
        handover=handover,
        end=end,
        drained=drained,
        finish=store_ready[-1],
    )


def _advance(
    job: Job,
    loads: tuple[_Load, _Load],
    opened: int,
    store_ready: list[int],
    start: list[int],
    handover: list[int],
    end: list[int],
    drained: list[int],
) -> int:
    """Place every step whose tiles and slot are known; return the output tiles opened so far."""
    opens, slots, cycle = job.ofmap.opens, job.ofmap.slots, job.cycle
    while len(end) < job.steps:
        step = len(end)
        begin = max(loads[0].ready_for(step), loads[1].ready_for(step), end[-1] if end else job.setup)
        is_opening = opened < len(opens) and opens[opened] == step
        if is_opening and opened >= slots:
            if opened - slots >= len(store_ready):
                break
            begin = max(begin, store_ready[opened - slots])
        if begin >= NEVER:
            break
        begin = -(-begin // cycle) * cycle
        opened += is_opening
        for load in loads:
            load.advance(step)
        swap = max(begin + job.head[step], drained[-1] if drained else 0)
        start.append(begin)
        handover.append(swap)
        end.append(swap + job.body[step])
        drained.append(end[-1] + job.drain[step])
    return opened
