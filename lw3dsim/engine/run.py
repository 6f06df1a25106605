"""Run a schedule on an engine: latency, cycles by cause, the trace, and what the DRAM did."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from lw3dsim.base.arrays import as_arrays, as_lists
from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import NATIVE, kernels
from lw3dsim.base.plugins import Family
from lw3dsim.base.values import Value
from lw3dsim.engine import fast_engine, steady
from lw3dsim.engine.attribution import attribute, count_busy
from lw3dsim.engine.checked import check_returned
from lw3dsim.engine.memory import PLAIN, REORDERING, draft_memory, dram_counts, make_memory
from lw3dsim.engine.names import AUTO, FAST, SIMPY
from lw3dsim.engine.steady import Effort
from lw3dsim.engine.trace import Trace, draft_job, empty_trace, make_job
from lw3dsim.errors import InputError, PluginError, short
from lw3dsim.schedule.program import Program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.dram.power import DramCounts
    from lw3dsim.engine.causes import Busy
    from lw3dsim.engine.memory import Memory
    from lw3dsim.engine.trace import Job
    from lw3dsim.schedule.build import Drafted
    from lw3dsim.schedule.program import Kinds

# When it pays to look for repetitions; a look takes as long as placing some steps, hundreds of them compiled.
INTERPRETED = Effort(steps=500, window=1 << 16, gain=64)
COMPILED = Effort(steps=100_000, window=1 << 12, gain=1 << 11)
NO_JUMPS = Effort(steps=NEVER, window=1, gain=1)


class Timing(Value, frozen=True, kw_only=True):
    """The time of one layer or of a stream, and what its DRAM did (None where the model knows no banks).

    ``placed_steps`` are those that the engine placed one by one; the others it jumped over.
    """

    latency_cycles: int
    cycles_by_cause: dict[str, int]
    busy: Busy
    trace: Trace
    dram: DramCounts | None
    placed_steps: int


class Ran(NamedTuple):
    """What an engine returns: the filled trace, the memory as it was left, and the steps placed one by one."""

    trace: Trace
    memory: Memory
    placed_steps: int


# An engine simulates a job on an idle memory, both on arrays, and may change the memory, but not the job. It may jump
# over what repeats only where the last argument is True.
Engine = Callable[["Job", "Memory", bool], Ran]


def run_fast(job: Job, memory: Memory, jump: bool) -> Ran:
    """Run in machine code, where there is some; of a memory that reorders, the controller alone."""
    return run_within(NEVER, as_arrays(job), as_arrays(memory), jump)


def run_within(most: int, job: Job, memory: Memory, jump: bool) -> Ran:
    """Run as :func:`run_fast`, all on contiguous arrays; give up once the job surely takes more than ``most`` ticks."""
    trace = empty_trace(job)
    if memory.model != REORDERING and kernels().is_native:
        return Ran(trace, memory, run_compiled(job, memory, trace, COMPILED if jump else NO_JUMPS, most))
    if memory.model == PLAIN and jump and len(job.kind) >= INTERPRETED.steps:
        return Ran(trace, memory, run_interpreted(job, memory, trace, INTERPRETED))
    ran = one_by_one(fast_engine.run, job, memory)
    return ran._replace(trace=as_arrays(ran.trace))


def run_simpy(job: Job, memory: Memory, jump: bool) -> Ran:  # noqa: ARG001  # the reference places every step
    """Run the reference, in SimPy."""
    from lw3dsim.engine import simpy_engine

    return one_by_one(simpy_engine.run, job, memory)


def _engine(name: str, found: object) -> Engine:
    """Return what the entry point of an engine names, if it can be called as one; what it returns is checked."""
    try:
        signature(found).bind(None, None, True)  # type: ignore[arg-type]  # asked, not known
    except (TypeError, ValueError):
        raise InputError("it is no function of a job, a memory and a truth value") from None

    @wraps(cast("Engine", found))
    def run(job: Job, memory: Memory, jump: bool) -> Ran:
        ran: object = cast("Engine", found)(job, memory, jump)
        if not isinstance(ran, Ran):
            raise PluginError(f"engine {name}", f"it returned {short(ran)}, not a lw3dsim.engine.run.Ran")
        check_returned(f"engine {name}", job, memory, *ran)
        return ran

    return run


ENGINES: Family[Engine] = Family(
    "lw3dsim.engines", "engine", {AUTO: run_fast, FAST: run_fast, SIMPY: run_simpy}, read=_engine
)


def simulate_schedule(program: Program, clocks: Clocks, engine: str = "auto", *, jump: bool = True) -> Timing:
    """Simulate ``program`` with the named engine; all give the same integers.

    ``auto`` is ``fast``, ``simpy`` is the reference. ``jump`` lets ``fast`` jump over what repeats, where there is
    enough of it; the integers stay the same. Raises InputError for an unknown engine.
    """
    job = make_job(program, clocks.cycle_ticks)
    return simulate_job(job, make_memory(program.regions, clocks), program.kinds, engine, jump=jump)


def simulate_job(job: Job, memory: Memory, kinds: Kinds, engine: str, *, jump: bool = True) -> Timing:
    """Simulate ``job`` on ``memory``, idle; ``kinds`` are those of its steps."""
    run, job = ENGINES.get(engine), as_arrays(job)
    counts = kinds.counts(np.asarray(job.kind))
    (totals,) = kinds.totals(counts[None])
    # Times that can't be show when cycles are attributed and commands are counted.
    with ENGINES.blamed(engine, run):
        ran = run(job, memory, jump)
        return timing_of(
            job, ran._replace(trace=as_arrays(ran.trace)), count_busy(kinds, counts, totals["multiply"]), totals
        )


class Raced(NamedTuple):
    """A job that the fast engine has run, and the cycles that it takes."""

    job: Job
    ran: Ran
    latency_cycles: int

    def timing(self, program: Program) -> Timing:
        """Return all that is known of it, with the ``program`` that it is of; to be asked once."""
        busy = count_busy(program.kinds, program.counts, program.totals["multiply"])
        return timing_of(self.job, self.ran, busy, program.totals)


def race(program: Program | Drafted, clocks: Clocks, most: int = NEVER) -> Raced | None:
    """Run ``program`` on the fast engine; None where that gave up, as it is sure to take more than ``most`` ticks."""
    if isinstance(program, Program):
        job, memory = make_job(program, clocks.cycle_ticks), make_memory(program.regions, clocks)
    else:
        job, memory = draft_job(program), draft_memory(program, clocks)
    ran = run_within(most, job, memory, jump=True)
    is_whole = not len(job.ofmap.box) or ran.trace.ofmap.ready[-1] > 0
    return Raced(job, ran, -(-ran.trace.finish // job.cycle)) if is_whole else None


def timing_of(job: Job, ran: Ran, busy: Busy, totals: Mapping[str, int]) -> Timing:
    """Return what is known of a job that has been ``ran``, with what its steps do in all, by the names of Kinds."""
    trace, memory, placed = ran
    finish = trace.finish
    return Timing(
        latency_cycles=-(-finish // job.cycle),
        cycles_by_cause=attribute(job, totals, busy, trace),
        busy=busy,
        trace=trace,
        dram=dram_counts(memory, finish),
        placed_steps=placed,
    )


def run_compiled(job: Job, memory: Memory, trace: Trace, effort: Effort, most: int = NEVER) -> int:
    """Run compiled on contiguous arrays, and jump in a plain memory if ``effort`` allows it; return the steps placed.

    Gives up in other memories, where that takes long, once the job is sure to take more than ``most`` ticks.
    """
    advance = NATIVE(fast_engine.advance)
    if memory.model != PLAIN:
        advance(job, memory, trace, fast_engine.initial_state(job), NEVER, most)
        return len(job.kind)
    return steady.run(lambda state, stop: advance(job, memory, trace, state, stop, NEVER), job, memory, trace, effort)


def run_interpreted(job: Job, memory: Memory, trace: Trace, effort: Effort) -> int:
    """Run interpreted on arrays, with jumps in a plain memory; return the steps placed one by one."""
    views = steady.as_views(job), steady.as_views(memory), steady.as_views(trace)
    return steady.run(lambda state, stop: fast_engine.advance(*views, state, stop, NEVER), job, memory, trace, effort)


def one_by_one(run: Callable[[Job, Memory, Trace], None], job: Job, memory: Memory) -> Ran:
    """Place every step, on lists, which CPython is fastest on."""
    job, memory, trace = as_lists(job), as_lists(memory), as_lists(empty_trace(job))
    run(job, memory, trace)
    return Ran(trace, memory, len(job.kind))
