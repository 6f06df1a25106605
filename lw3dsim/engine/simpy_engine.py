"""The reference engine: one SimPy process per unit, written to be read beside ``docs/timing.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import simpy

from lw3dsim.engine.memory import transfer
from lw3dsim.engine.pauses import pass_words

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from lw3dsim.engine.memory import Memory
    from lw3dsim.engine.trace import Job, Pauses, Stream, Trace, Transfers

    Process = Generator[simpy.Event, Any, None]

# Lower than every event of the units: the arbiter looks only when an instant has settled.
_AFTER_SETTLING = cast("Any", 2)

# Ports of the DRAM channel: of two that ask at one instant, the first is granted.
IFMAP, WEIGHT, OFMAP = 0, 1, 2


class _Clock:
    """The clock of the array, which pauses while DMA passes the only port of a buffer."""

    def __init__(self, env: simpy.Environment, cycle: int, pauses: Pauses) -> None:
        self.env = env
        self.cycle = cycle
        self.pauses = pauses
        self.known = 0
        self.moved = env.event()

    def pass_words(self, words: int, grant: int, free: int, ready: int, is_store: int) -> tuple[int, int]:
        """Pause for the words of a tile; see :func:`lw3dsim.engine.pauses.pass_words`."""
        free, ready = pass_words(self.pauses, self.known, self.cycle, words, grant, free, ready, is_store)
        self.known += 1
        self.moved.succeed()
        self.moved = self.env.event()
        return free, ready

    def work(self, *starts: tuple[int, int]) -> Process:
        """Go on when the array has worked for so many ticks from such a time on, for each of ``starts``."""
        while True:
            left = max(self._worked(*start) for start in starts) - int(self.env.now)
            if left <= 0:
                return
            # More may be granted meanwhile, and what has been worked by then stays.
            yield self.env.timeout(left) | self.moved

    def _worked(self, since: int, ticks: int) -> int:
        """Go from one of DMA's cycles to the next, and count those between."""
        at, left, first = -(-since // self.cycle) * self.cycle, ticks // self.cycle, self.known
        while first and self.pauses.end[first - 1] > at:
            first -= 1
        for number in range(first, self.known):
            for taken in self._taken(*(column[number] for column in self.pauses)):
                if taken >= at:
                    free = (taken - at) // self.cycle
                    if left <= free:
                        return at + left * self.cycle
                    at, left = taken + self.cycle, left - free
        return at + left * self.cycle

    def _taken(self, begin: int, end: int, words: int) -> Iterator[int]:
        """Yield the cycles of a pause that are DMA's: the last of each of as many parts, as equal as can be."""
        length = (end - begin) // self.cycle
        return (begin - (-length * (word + 1) // words + 1) * self.cycle for word in range(words))


class _Channel:
    """The DRAM channel: grants the pending request with the smallest (request time, port)."""

    def __init__(self, env: simpy.Environment, memory: Memory, clock: _Clock) -> None:
        self.env = env
        self.memory = memory
        self.clock = clock
        self.pending: list[tuple[int, int, int, int, simpy.Event]] = []
        self.wake = env.event()
        env.process(self._arbitrate())

    def request(self, port: int, box: int, words: int) -> simpy.Event:
        """Ask for a transfer; the event carries (grant, data ready) when the next one may be granted.

        The array pauses for its ``words``.
        """
        done = self.env.event()
        self.pending.append((int(self.env.now), port, box, words, done))
        if not self.wake.triggered:
            self.wake.succeed()
        return done

    def _arbitrate(self) -> Process:
        while True:
            if not self.pending:
                self.wake = self.env.event()
                yield self.wake
            yield self._settled()
            chosen = min(self.pending, key=lambda request: request[:2])
            self.pending.remove(chosen)
            _, port, box, words, done = chosen
            grant = int(self.env.now)
            free, ready = transfer(self.memory, box, grant, int(port == OFMAP))
            if words:
                words = words if self.memory.box_bursts[box] else 0
                free, ready = self.clock.pass_words(words, grant, free, ready, int(port == OFMAP))
            yield self.env.timeout(free - grant)
            done.succeed((grant, ready))

    def _settled(self) -> simpy.Event:
        event = simpy.Event(self.env)
        event._ok, event._value = True, None  # noqa: SLF001  # what Timeout does, at a priority SimPy leaves open
        self.env.schedule(event, priority=_AFTER_SETTLING)
        return event


class _Machine:
    """All units of the accelerator and the trace that they leave."""

    def __init__(self, job: Job, memory: Memory, trace: Trace) -> None:
        self.job = job
        self.trace = trace
        self.env = env = simpy.Environment()
        self.clock = _Clock(env, job.cycle, trace.pauses)
        self.channel = _Channel(env, memory, self.clock)
        self.tile_ready = [[env.event() for _ in loads.box] for loads in (job.ifmap, job.weight)]
        self.step_end = [env.event() for _ in job.kind]
        self.step_drained = [env.event() for _ in job.kind]
        self.stored = [env.event() for _ in job.ofmap.box]
        self.drain_queue = simpy.Store(env)
        self.drain_idle = simpy.Container(env, capacity=1, init=1)

    def run(self) -> None:
        """Run all units until the last store has left the bus."""
        env, job, trace = self.env, self.job, self.trace
        env.process(self._load(IFMAP, job.ifmap, trace.ifmap))
        env.process(self._load(WEIGHT, job.weight, trace.weight))
        env.process(self._compute())
        env.process(self._drain())
        env.process(self._store())
        env.run(until=env.all_of(self.stored))

    def _load(self, port: int, loads: Stream, transfers: Transfers) -> Process:
        """DMA of one load stream: a tile at a time, as room becomes free and what it reads back has been stored."""
        yield self.env.timeout(self.job.setup)
        for tile, box in enumerate(loads.box):
            if loads.after[tile] >= 0:
                yield self.step_end[loads.after[tile]]
            if loads.gate[tile] >= 0:
                yield self.stored[loads.gate[tile]]
            transfers.grant[tile], transfers.ready[tile] = yield self.channel.request(port, box, loads.words[tile])
            self.env.process(self._arrive(self.tile_ready[port][tile], transfers.ready[tile]))

    def _arrive(self, event: simpy.Event, time: int) -> Process:
        yield self.env.timeout(time - self.env.now)
        event.succeed()

    def _compute(self) -> Process:
        """Multiply the steps in order; hand the last group of each to the drain."""
        job, env, trace, clock = self.job, self.env, self.trace, self.clock
        yield env.timeout(job.setup)
        first_use = [{step: tile for tile, step in enumerate(loads.first)} for loads in (job.ifmap, job.weight)]
        opening = {step: tile for tile, step in enumerate(job.ofmap.first)}
        for step, kind in enumerate(job.kind):
            starts = [(int(env.now), self._entry(step))]
            for port, transfers in ((IFMAP, trace.ifmap), (WEIGHT, trace.weight)):
                if step in first_use[port]:
                    tile = first_use[port][step]
                    yield self.tile_ready[port][tile]
                    starts.append((int(transfers.ready[tile]), job.entry[kind]))
            if step in opening and job.ofmap.gate[opening[step]] >= 0:
                yield self.stored[job.ofmap.gate[opening[step]]]
            yield from clock.work(*starts)
            yield env.timeout(-env.now % job.cycle)
            trace.start[step] = int(env.now)
            yield from clock.work((int(env.now), job.head[kind]))
            yield self.drain_idle.get(1)
            trace.handover[step] = int(env.now)
            yield from clock.work((int(env.now), job.body[kind]))
            trace.end[step] = int(env.now)
            self.step_end[step].succeed()
            yield self.drain_queue.put(step)

    def _entry(self, step: int) -> int:
        """Return how long after the end of the step before the first product of one comes, if nothing keeps it."""
        job, kind = self.job, self.job.kind[step]
        if step and job.lead[kind] < 0:
            # It has been loaded since the last round of the step before began.
            return max(job.load[kind] - job.tail[job.kind[step - 1]], 0)
        return max(job.lead[kind], 0) + job.entry[kind]

    def _drain(self) -> Process:
        """Drain what is left of each step; idle again, the next step may hand over."""
        for _ in self.job.kind:
            step = yield self.drain_queue.get()
            yield from self.clock.work((int(self.env.now), int(self.job.drain[self.job.kind[step]])))
            self.trace.drained[step] = int(self.env.now)
            self.step_drained[step].succeed()
            yield self.drain_idle.put(1)

    def _store(self) -> Process:
        """DMA of the output tiles, in order."""
        stores, transfers = self.job.ofmap, self.trace.ofmap
        for tile, box in enumerate(stores.box):
            yield self.step_drained[stores.after[tile]]
            transfers.grant[tile], transfers.ready[tile] = yield self.channel.request(OFMAP, box, stores.words[tile])
            self.env.process(self._arrive(self.stored[tile], transfers.ready[tile]))


def run(job: Job, memory: Memory, trace: Trace) -> None:
    """Simulate ``job`` and fill in ``trace``; see ``docs/timing.md`` for the rules."""
    _Machine(job, memory, trace).run()
