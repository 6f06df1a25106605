"""Run a schedule on an engine: latency, cycles by cause, the trace, and what the DRAM did."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import as_arrays, as_lists
from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import ENGINE, translated
from lw3dsim.engine import fast_engine, steady
from lw3dsim.engine.attribution import attribute, count_busy
from lw3dsim.engine.memory import PLAIN, REORDERING, dram_counts, make_memory
from lw3dsim.engine.steady import Effort
from lw3dsim.engine.trace import empty_trace, make_job, streams
from lw3dsim.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.dram.power import DramCounts
    from lw3dsim.engine.attribution import Busy
    from lw3dsim.engine.memory import Memory
    from lw3dsim.engine.trace import Job, Trace
    from lw3dsim.schedule.program import Kinds, Program

ENGINES = ("auto", "fast", "simpy")

# When it pays to look for repetitions; a look takes as long as placing some steps, hundreds of them compiled.
INTERPRETED = Effort(steps=500, window=1 << 16, gain=64)
COMPILED = Effort(steps=100_000, window=1 << 12, gain=1 << 11)
NO_JUMPS = Effort(steps=NEVER, window=1, gain=1)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The time of one layer or of a stream, and what its DRAM did (None where the model knows no banks).

    ``placed_steps`` are those that the engine placed one by one; the others it jumped over.
    """

    latency_cycles: int
    cycles_by_cause: dict[str, int]
    busy: Busy
    trace: Trace
    dram: DramCounts | None
    placed_steps: int


def check_engine(name: str) -> None:
    """Raise InputError for an unknown engine."""
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)


def simulate_schedule(program: Program, clocks: Clocks, engine: str = "auto", *, jump: bool = True) -> Timing:
    """Simulate ``program`` with the named engine; all give the same integers.

    ``fast`` is compiled, ``auto`` only when there is enough to do; of a reordering
    memory, the controller alone. ``simpy`` is the reference. ``jump`` lets the others
    jump over what repeats, where there is enough of it; the integers stay the same.
    """
    check_engine(engine)
    job = make_job(program, clocks.cycle_ticks)
    return simulate_job(job, make_memory(program.regions, clocks), program.kinds, engine, jump=jump)


def simulate_job(job: Job, memory: Memory, kinds: Kinds, engine: str, *, jump: bool = True) -> Timing:
    """Simulate ``job`` on ``memory``, idle; ``kinds`` are those of its steps."""
    placed = len(job.kind)
    if engine == "simpy":
        from lw3dsim.engine import simpy_engine

        trace, memory = _interpreted(simpy_engine.run, job, memory)
    elif memory.model != REORDERING and (
        engine == "fast" or ENGINE.is_loaded or ENGINE.is_worthwhile(_work(job, memory))
    ):
        trace = empty_trace(job)
        placed = run_compiled(job, memory, trace, COMPILED if jump else NO_JUMPS)
    elif memory.model == PLAIN and jump and placed >= INTERPRETED.steps:
        trace = empty_trace(job)
        placed = run_interpreted(job, memory, trace, INTERPRETED)
    else:
        trace, memory = _interpreted(fast_engine.run, job, memory)
    counts = kinds.counts(np.asarray(job.kind))
    busy = count_busy(kinds, counts)
    return Timing(
        latency_cycles=-(-trace.finish // job.cycle),
        cycles_by_cause=attribute(job, kinds, counts, busy, trace),
        busy=busy,
        trace=trace,
        dram=dram_counts(memory, trace.finish),
        placed_steps=placed,
    )


def run_compiled(job: Job, memory: Memory, trace: Trace, effort: Effort) -> int:
    """Run translated, and jump in a plain memory if ``effort`` allows it; return the steps placed one by one."""
    job, memory = as_arrays(job), as_arrays(memory)
    advance = partial(translated(fast_engine.advance), job, memory, trace)
    return steady.run(advance, job, memory, trace, effort if memory.model == PLAIN else NO_JUMPS)


def run_interpreted(job: Job, memory: Memory, trace: Trace, effort: Effort) -> int:
    """Run interpreted on arrays, with jumps in a plain memory; return the steps placed one by one."""
    advance = partial(fast_engine.advance, steady.as_views(job), steady.as_views(memory), steady.as_views(trace))
    return steady.run(advance, job, memory, trace, effort)


def _work(job: Job, memory: Memory) -> int:
    """Return the steps and the row visits of a job, what an engine's time goes into."""
    if memory.model == PLAIN:
        return len(job.kind)
    runs = np.diff(memory.offsets)
    per_box = runs + np.asarray(memory.box_bursts) // memory.device.rules.span
    return len(job.kind) + sum(int(per_box[box].sum()) for box in (stream.box for stream in streams(job)))


def _interpreted(run: Callable[[Job, Memory, Trace], None], job: Job, memory: Memory) -> tuple[Trace, Memory]:
    """Run on lists, which CPython is fastest on; return the trace and the memory as it was left."""
    job, memory, trace = as_lists(job), as_lists(memory), as_lists(empty_trace(job))
    run(job, memory, trace)
    return trace, memory
