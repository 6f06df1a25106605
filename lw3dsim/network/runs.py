"""Try, bound, simulate, remember: how the mapping of a layer or of a fused group is chosen among candidates."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import msgspec

from lw3dsim.account.dram import plain_counts
from lw3dsim.account.events import count_events, count_stages
from lw3dsim.account.power import make_activity
from lw3dsim.account.simulated import Run
from lw3dsim.base.caches import kept
from lw3dsim.base.integers import NEVER
from lw3dsim.base.remembered import is_remembering, recall, remember
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.engine.run import race, simulate_schedule
from lw3dsim.network.recalled import keep_run, recalled_run
from lw3dsim.schedule.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.describe.dataflow import Loop
    from lw3dsim.engine.run import Raced, Timing
    from lw3dsim.machine.problem import Problem
    from lw3dsim.schedule.build import Drafted
    from lw3dsim.schedule.program import Program

Mapped = TypeVar("Mapped", bound=Work)
Found = TypeVar("Found", bound=Work, covariant=True)
Candidate = TypeVar("Candidate")
Answer = TypeVar("Answer")
Asked = TypeVar("Asked", bound="Search[Any, Any, Any]")


class Tried(Value, Generic[Candidate], frozen=True, kw_only=True):
    """A candidate that has been simulated."""

    candidate: Candidate
    program: Drafted
    raced: Raced


class Search(Protocol[Found, Candidate, Answer]):
    """What is looked for: mappings of a layer or group, told from each other by a rule that every selection follows."""

    @property
    def arch(self) -> Accelerator:
        """The design, without what does not decide."""

    @property
    def question(self) -> object:
        """What decides the answer; its repr tells all of it."""

    @property
    def kind(self) -> type[Answer]:
        """The type of the mappings."""

    def is_possible(self, mapping: Answer) -> bool:
        """Return whether a mapping may be an answer."""

    def design(self, mapping: Answer) -> Accelerator:
        """Return the design as the layer or group sees it under a mapping: its memory divided."""

    def candidates(self) -> Iterable[Candidate]:
        """Return what is worth trying, in the order in which to try it. Raises MappingError where there is nothing."""

    def mapping(self, candidate: Candidate) -> Answer:
        """Return the mapping of a candidate."""

    def program(self, candidate: Candidate) -> Drafted:
        """Return the steps of a candidate, or as much of them as it takes to race it."""

    def work(self, mapping: Answer) -> Found:
        """Return the layer or group under a mapping."""

    def most_ticks(self, candidate: Candidate, tried: Sequence[Tried[Candidate]]) -> int | None:
        """Return ticks above which a candidate is not :meth:`best`, whatever else is, once others were ``tried``.

        None where a bound tells that it takes longer, or costs more: simulating it is no use.
        """

    def best(self, tried: Sequence[Tried[Candidate]]) -> Tried[Candidate]:
        """Return the best by simulation."""


def best_run(search: Search[Mapped, Candidate, Answer], engine: str) -> Run[Mapped]:
    """Return the run of the best mapping, remembered or found."""
    return remembered_run(search, engine, found_run)


def remembered_run(search: Asked, engine: str, found: Callable[[Asked, str], tuple[Any, Run[Mapped]]]) -> Run[Mapped]:
    """Return the run of the best mapping, remembered or as it is ``found``, with that mapping."""
    if not is_remembering():
        return found(search, engine)[1]
    question = search.question
    known = recall(question, search.kind, search.is_possible)
    if known is not None:
        return run_work(search.work(known), search.design(known), engine)
    mapping, run = found(search, engine)
    remember(question, mapping)
    return run


def found_run(search: Search[Mapped, Candidate, Answer], engine: str) -> tuple[Answer, Run[Mapped]]:
    """Return the best mapping and its run, looked for."""
    clocks = make_clocks(search.arch)
    # Candidates are compared in the order of the DMA: reordering is too slow for that.
    mapper_clocks = clocks.in_order
    tried: list[Tried[Candidate]] = []
    for candidate in search.candidates():
        most = search.most_ticks(candidate, tried) if tried else NEVER
        if most is None:
            continue
        drafted = search.program(candidate)
        raced = race(drafted, mapper_clocks, most)
        if raced is not None:
            tried.append(Tried(candidate=candidate, program=drafted, raced=raced))
    best = search.best(tried)
    mapping, program = search.mapping(best.candidate), best.program.schedule()
    timing = best.raced.timing(program) if _races(engine, clocks) else simulate_schedule(program, clocks, engine)
    return mapping, _kept(_run(search.work(mapping), program, timing, search.design(mapping), clocks), engine)


def _races(engine: str, clocks: Clocks) -> bool:
    """Return whether what an engine finds is what candidates are raced for."""
    return engine in {"auto", "fast"} and clocks == clocks.in_order


def run_work(work: Mapped, arch: Accelerator, engine: str = "auto") -> Run[Mapped]:
    """Simulate a layer or group under its mapping."""
    return cast("Run[Mapped]", _simulated(work, arch, engine))


@kept(8192)
def _simulated(work: Work, arch: Accelerator, engine: str) -> Run[Work]:
    paced = paced_by(work.stages, arch)
    if paced != arch:
        return replace(run_work(work, paced, engine), arch=arch)
    known = recalled_run(work, arch, engine)
    if known is not None:
        return known
    clocks = make_clocks(arch)
    drafted = work.draft(arch, clocks)
    raced, program = race(drafted, clocks) if _races(engine, clocks) else None, drafted.schedule()
    timing = raced.timing(program) if raced else simulate_schedule(program, clocks, engine)
    return _kept(_run(work, program, timing, arch, clocks), engine)


def _kept(run: Run[Mapped], engine: str) -> Run[Mapped]:
    keep_run(run, engine)
    return run


def _run(work: Mapped, program: Program, timing: Timing, arch: Accelerator, clocks: Clocks) -> Run[Mapped]:
    events = count_events(program, clocks.burst_bytes, arch.buffers)
    return Run(
        work=work,
        arch=arch,
        steps=program.steps,
        latency_cycles=timing.latency_cycles,
        cycles_by_cause=tuple(timing.cycles_by_cause.items()),
        busy=timing.busy,
        events=events,
        stage_events=count_stages(program) if len(work.stages) > 1 else (events,),
        dram=timing.dram or plain_counts(clocks.dram, events, clocks.dram_clocks(timing.latency_cycles)),
        dram_bound_cycles=-(-clocks.bound_ticks(program.total_bursts) // clocks.cycle_ticks),
        layouts=work.layouts(clocks.burst_bytes),
        activity=make_activity(program, timing.trace),
    )


# What the depth of adder trees follows from, and beside it the number of channels in a tile.
TREE_LOOPS: tuple[Loop, ...] = ("input_channels",)
CHANNEL_LOOPS: tuple[Loop, ...] = ("output_channels", *TREE_LOOPS)


@lru_cache(maxsize=4096)
def bare(arch: Accelerator) -> Accelerator:
    """Return a design without what no mapped layer depends on: designs that differ in that alone share their layers."""
    tiles = msgspec.structs.replace(arch.winograd, m1=1, m2=1)
    return msgspec.structs.replace(arch, name="", description="", winograd=tiles, power_window_us=1.0)


def seen_by(problem: Problem, arch: Accelerator) -> Accelerator:
    """Return a bare design as a layer sees it: the vector unit asks for no lanes of the array and no multipliers."""
    return arch if problem.has_weights else _without_array(arch, CHANNEL_LOOPS)


def paced_by(stages: Sequence[Problem], arch: Accelerator) -> Accelerator:
    """Return a bare design as the time of a layer, or a group of several, depends on it, once that has its mapping.

    A layer on the vector unit runs through the adder trees of the array, on whatever rows those stand.
    """
    return arch if len(stages) > 1 or stages[0].has_weights else _without_array(arch, TREE_LOOPS)


@lru_cache(maxsize=4096)
def _without_array(arch: Accelerator, loops: tuple[Loop, ...]) -> Accelerator:
    """Return a design without what of its array vector layers do not depend on, but for places of these ``loops``."""
    unrolled = {axis for loop in loops for axis in arch.dataflow.axes(loop)}
    pe = msgspec.structs.replace(
        arch.pe,
        rows=arch.pe.rows if "rows" in unrolled else 1,
        cols=arch.pe.cols if "columns" in unrolled else 1,
        mults_per_pe=1,
        acc_depth=1,
    )
    return msgspec.structs.replace(arch, pe=pe)


def settled(run: Run[Mapped], work: Mapped, engine: str) -> Run[Mapped]:
    """Return ``run``, timed anew where its tensors lie differently in ``work``."""
    return run if run.work is work or run.work == work else run_work(work, run.arch, engine)
