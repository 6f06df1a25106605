"""Run a schedule on an engine: latency, cycles by cause, and the trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lw3dsim.engine.attribution import attribute
from lw3dsim.engine.memory import PlainDram
from lw3dsim.engine.trace import Trace, make_job
from lw3dsim.errors import unknown

if TYPE_CHECKING:
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.schedule.program import Schedule

ENGINES = ("fast", "simpy")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The time of one layer."""

    latency_cycles: int
    cycles_by_cause: dict[str, int]
    trace: Trace


def check_engine(name: str) -> None:
    """Raise InputError for an unknown engine."""
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)


def simulate_schedule(schedule: Schedule, clocks: Clocks, engine: str = "fast") -> Timing:
    """Simulate ``schedule`` with the named engine; both give the same integers."""
    check_engine(engine)
    if engine == "simpy":
        from lw3dsim.engine.simpy_engine import run
    else:
        from lw3dsim.engine.fast_engine import run
    memory = PlainDram(burst_ticks=clocks.burst_ticks, latency_ticks=clocks.latency_ticks)
    trace = run(make_job(schedule, clocks.cycle_ticks), memory)
    return Timing(
        latency_cycles=-(-trace.finish // clocks.cycle_ticks),
        cycles_by_cause=attribute(schedule, trace, clocks.cycle_ticks),
        trace=trace,
    )
