"""Run a schedule on an engine: latency, cycles by cause, the trace, and what the DRAM did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lw3dsim.dram.in_order import LOW_SPAN
from lw3dsim.engine import compiled, fast_engine
from lw3dsim.engine.attribution import attribute
from lw3dsim.engine.memory import PLAIN, REORDERING, dram_counts, make_memory
from lw3dsim.engine.trace import Trace, empty_trace, make_job
from lw3dsim.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.dram.power import DramCounts
    from lw3dsim.engine.memory import Memory
    from lw3dsim.engine.trace import Job
    from lw3dsim.schedule.program import Kinds, Program

ENGINES = ("auto", "fast", "simpy")

Table = TypeVar("Table", "Job", "Memory", Trace)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The time of one layer or of a stream, and what its DRAM did (None where the model knows no banks)."""

    latency_cycles: int
    cycles_by_cause: dict[str, int]
    trace: Trace
    dram: DramCounts | None


def check_engine(name: str) -> None:
    """Raise InputError for an unknown engine."""
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)


def simulate_schedule(program: Program, clocks: Clocks, engine: str = "auto") -> Timing:
    """Simulate ``program`` with the named engine; all give the same integers.

    ``fast`` is compiled, ``auto`` only when there is enough to do; a reordering
    memory is interpreted. ``simpy`` is the reference.
    """
    check_engine(engine)
    job = make_job(program, clocks.cycle_ticks)
    return simulate_job(job, make_memory(program.regions, clocks), program.kinds, engine)


def simulate_job(job: Job, memory: Memory, kinds: Kinds, engine: str) -> Timing:
    """Simulate ``job`` on ``memory``, idle; ``kinds`` are those of its steps."""
    if engine == "simpy":
        from lw3dsim.engine import simpy_engine

        trace, memory = _interpreted(simpy_engine.run, job, memory)
    elif memory.model != REORDERING and (
        engine == "fast" or compiled.TRANSLATION.is_loaded or compiled.TRANSLATION.is_worthwhile(_work(job, memory))
    ):
        trace = empty_trace(job)
        compiled.run(job, memory, trace)
    else:
        trace, memory = _interpreted(fast_engine.run, job, memory)
    return Timing(
        latency_cycles=-(-trace.finish // job.cycle),
        cycles_by_cause=attribute(job, kinds, trace),
        trace=trace,
        dram=dram_counts(memory, trace.finish),
    )


def _work(job: Job, memory: Memory) -> int:
    """Return the steps and the row visits of a job, what an engine's time goes into."""
    if memory.model == PLAIN:
        return len(job.kind)
    runs = np.diff(memory.offsets)
    per_box = runs + np.asarray(memory.box_bursts) // int(memory.constants[LOW_SPAN])
    return len(job.kind) + sum(int(per_box[box].sum()) for box in (job.ifmap_box, job.weight_box, job.ofmap_box))


def _interpreted(run: Callable[[Job, Memory, Trace], None], job: Job, memory: Memory) -> tuple[Trace, Memory]:
    """Run on lists, which CPython is fastest on; return the trace and the memory as it was left."""
    job, memory, trace = as_lists(job), as_lists(memory), as_lists(empty_trace(job))
    run(job, memory, trace)
    return trace, memory


def as_lists(table: Table) -> Table:
    """Return a copy of a job, memory or trace on lists."""
    arrays = {name: item.tolist() for name, item in table._asdict().items() if isinstance(item, np.ndarray)}
    return table._replace(**arrays)
