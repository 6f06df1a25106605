"""What an engine is given and what it returns: a job of plain integers, a trace of plain integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lw3dsim.schedule.program import LoadStream, Schedule, StoreStream


@dataclass(frozen=True, kw_only=True)
class LoadJob:
    """A load stream for an engine: first using step, last using step and bursts of every tile."""

    first: list[int]
    last: list[int]
    bursts: list[int]
    slots: int


@dataclass(frozen=True, kw_only=True)
class StoreJob:
    """The store stream for an engine: opening step, closing step and bursts of every tile."""

    opens: list[int]
    closes: list[int]
    bursts: list[int]
    slots: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """A schedule in ticks. ``head``, ``body`` and ``drain`` are whole core cycles, in ticks, per step."""

    head: list[int]
    body: list[int]
    drain: list[int]
    ifmap: LoadJob
    weight: LoadJob
    ofmap: StoreJob
    setup: int
    cycle: int

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.head)


@dataclass(frozen=True, kw_only=True)
class Trace:
    """When everything happened, in ticks.

    Per tile of each stream: ``*_grant`` (its transfer starts) and ``*_ready`` (a
    load's data is on chip; a store has left the bus). Per step: ``start``,
    ``handover`` (the drain unit takes over after the head), ``end`` (computed),
    ``drained``. ``finish`` is the end of the last store.
    """

    ifmap_grant: list[int]
    ifmap_ready: list[int]
    weight_grant: list[int]
    weight_ready: list[int]
    ofmap_grant: list[int]
    ofmap_ready: list[int]
    start: list[int]
    handover: list[int]
    end: list[int]
    drained: list[int]
    finish: int


def make_job(schedule: Schedule, cycle_ticks: int) -> Job:
    """Turn a schedule into the engine's lists."""
    kind, kinds = schedule.kind, schedule.kinds
    return Job(
        head=(kinds.head[kind] * cycle_ticks).tolist(),
        body=(kinds.body[kind] * cycle_ticks).tolist(),
        drain=(kinds.drain[kind] * cycle_ticks).tolist(),
        ifmap=_load_job(schedule.ifmap, schedule.steps),
        weight=_load_job(schedule.weight, schedule.steps),
        ofmap=_store_job(schedule.ofmap),
        setup=schedule.setup_cycles * cycle_ticks,
        cycle=cycle_ticks,
    )


def _load_job(stream: LoadStream, steps: int) -> LoadJob:
    last = np.append(stream.steps[1:], steps) - 1 if len(stream.steps) else stream.steps
    return LoadJob(first=stream.steps.tolist(), last=last.tolist(), bursts=stream.bursts.tolist(), slots=stream.slots)


def _store_job(stream: StoreStream) -> StoreJob:
    return StoreJob(
        opens=stream.opens.tolist(),
        closes=stream.closes.tolist(),
        bursts=stream.bursts.tolist(),
        slots=stream.slots,
    )
