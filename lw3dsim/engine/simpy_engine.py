"""The reference engine: one SimPy process per unit, written to be read beside ``docs/timing.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import simpy

from lw3dsim.engine.trace import Job, LoadJob, Trace

if TYPE_CHECKING:
    from collections.abc import Generator

    from lw3dsim.engine.memory import Memory

    Process = Generator[simpy.Event, Any, None]

# Lower than every event of the units: the arbiter looks only when an instant has settled.
_AFTER_SETTLING = cast("Any", 2)

IFMAP, WEIGHT, OFMAP = range(3)


class _Channel:
    """The DRAM channel: grants the pending request with the smallest (request time, port)."""

    def __init__(self, env: simpy.Environment, memory: Memory) -> None:
        self.env = env
        self.memory = memory
        self.pending: list[tuple[int, int, int, simpy.Event]] = []
        self.wake = env.event()
        env.process(self._arbitrate())

    def request(self, port: int, bursts: int) -> simpy.Event:
        """Ask for a transfer; the event carries (grant, channel free, data ready) when the channel is free again."""
        done = self.env.event()
        self.pending.append((int(self.env.now), port, bursts, done))
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
            _, _, bursts, done = chosen
            grant = int(self.env.now)
            free, ready = self.memory.transfer(grant, bursts)
            yield self.env.timeout(free - grant)
            done.succeed((grant, free, ready))

    def _settled(self) -> simpy.Event:
        event = simpy.Event(self.env)
        event._ok, event._value = True, None  # noqa: SLF001  # what Timeout does, at a priority SimPy leaves open
        self.env.schedule(event, priority=_AFTER_SETTLING)
        return event


class _Machine:
    """All units of the accelerator and the trace that they leave."""

    def __init__(self, job: Job, memory: Memory) -> None:
        self.job = job
        self.env = env = simpy.Environment()
        self.channel = _Channel(env, memory)
        self.grant: list[list[int]] = [[], [], []]
        self.ready: list[list[int]] = [[], [], []]
        self.start: list[int] = []
        self.handover: list[int] = []
        self.end: list[int] = []
        self.drained: list[int] = []
        self.tile_ready = [[env.event() for _ in load.first] for load in (job.ifmap, job.weight)]
        self.step_end = [env.event() for _ in range(job.steps)]
        self.step_drained = [env.event() for _ in range(job.steps)]
        self.stored = [env.event() for _ in job.ofmap.closes]
        self.drain_queue = simpy.Store(env)
        self.drain_idle = simpy.Container(env, capacity=1, init=1)

    def run(self) -> Trace:
        """Run all units to the end of the last store."""
        env, job = self.env, self.job
        env.process(self._load(IFMAP, job.ifmap))
        env.process(self._load(WEIGHT, job.weight))
        env.process(self._compute())
        env.process(self._drain())
        finished = env.process(self._store())
        env.run(until=finished)
        return Trace(
            ifmap_grant=self.grant[IFMAP],
            ifmap_ready=self.ready[IFMAP],
            weight_grant=self.grant[WEIGHT],
            weight_ready=self.ready[WEIGHT],
            ofmap_grant=self.grant[OFMAP],
            ofmap_ready=self.ready[OFMAP],
            start=self.start,
            handover=self.handover,
            end=self.end,
            drained=self.drained,
            finish=int(env.now),
        )

    def _load(self, port: int, load: LoadJob) -> Process:
        """DMA of one load stream: a tile at a time, as slots become free."""
        yield self.env.timeout(self.job.setup)
        for tile, bursts in enumerate(load.bursts):
            if tile >= load.slots:
                yield self.step_end[load.last[tile - load.slots]]
            grant, _, ready = yield self.channel.request(port, bursts)
            self.grant[port].append(grant)
            self.ready[port].append(ready)
            self.env.process(self._arrive(self.tile_ready[port][tile], ready))

    def _arrive(self, event: simpy.Event, time: int) -> Process:
        yield self.env.timeout(time - self.env.now)
        event.succeed()

    def _compute(self) -> Process:
        """Multiply the steps in order; hand the last group of each to the drain."""
        job, env = self.job, self.env
        yield env.timeout(job.setup)
        first_use = [{step: tile for tile, step in enumerate(load.first)} for load in (job.ifmap, job.weight)]
        opening = {step: tile for tile, step in enumerate(job.ofmap.opens)}
        for step in range(job.steps):
            for port in (IFMAP, WEIGHT):
                if step in first_use[port]:
                    yield self.tile_ready[port][first_use[port][step]]
            tile = opening.get(step, 0)
            if tile >= job.ofmap.slots:
                yield self.stored[tile - job.ofmap.slots]
            yield env.timeout(-env.now % job.cycle)
            self.start.append(int(env.now))
            yield env.timeout(job.head[step])
            yield self.drain_idle.get(1)
            self.handover.append(int(env.now))
            yield env.timeout(job.body[step])
            self.end.append(int(env.now))
            self.step_end[step].succeed()
            yield self.drain_queue.put(step)

    def _drain(self) -> Process:
        """Drain what is left of each step; idle again, the next step may hand over."""
        for _ in range(self.job.steps):
            step = yield self.drain_queue.get()
            yield self.env.timeout(self.job.drain[step])
            self.drained.append(int(self.env.now))
            self.step_drained[step].succeed()
            yield self.drain_idle.put(1)

    def _store(self) -> Process:
        """DMA of the output tiles, in order."""
        store = self.job.ofmap
        for tile, step in enumerate(store.closes):
            yield self.step_drained[step]
            grant, free, _ = yield self.channel.request(OFMAP, store.bursts[tile])
            self.grant[OFMAP].append(grant)
            self.ready[OFMAP].append(free)
            self.stored[tile].succeed()


def run(job: Job, memory: Memory) -> Trace:
    """Simulate ``job``; see ``docs/timing.md`` for the rules."""
    return _Machine(job, memory).run()
