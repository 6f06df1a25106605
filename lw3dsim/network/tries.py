"""Try, bound, simulate: how the mapping of a layer or of a fused group is chosen among candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from lw3dsim.account.dram import plain_counts
from lw3dsim.account.events import count_events, count_stages
from lw3dsim.account.power import make_activity
from lw3dsim.account.simulated import Run
from lw3dsim.base.integers import NEVER
from lw3dsim.base.values import Value
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.engine.run import race, simulate_schedule
from lw3dsim.network.recalled import keep_run
from lw3dsim.schedule.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.engine.run import Raced, Timing
    from lw3dsim.schedule.build import Drafted
    from lw3dsim.schedule.program import Program

Mapped = TypeVar("Mapped", bound=Work)
Found = TypeVar("Found", bound=Work, covariant=True)
Candidate = TypeVar("Candidate")
Answer = TypeVar("Answer")


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


def best_of(search: Search[Mapped, Candidate, Answer], engine: str) -> tuple[Answer, Run[Mapped]]:
    """Return the best mapping of a search and its run, which is kept for whoever asks again."""
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


def simulated_run(work: Mapped, arch: Accelerator, engine: str) -> Run[Mapped]:
    """Return the run of a layer or group under its mapping, simulated, and keep it for whoever asks again."""
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
