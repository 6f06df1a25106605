"""Layers one by one: the best algorithm and mapping of each, by simulation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from lw3dsim.account.dram import plain_counts
from lw3dsim.account.energy import Sparsity, onchip_pj
from lw3dsim.account.events import count_events
from lw3dsim.account.power import make_activity
from lw3dsim.account.simulated import LayerRun
from lw3dsim.base.caches import kept
from lw3dsim.base.remembered import recall, remember
from lw3dsim.describe.accelerator_file import named_by
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.errors import MappingError
from lw3dsim.machine.problem import make_problem, on_rows
from lw3dsim.map.floor import floor_bytes
from lw3dsim.map.layer.mapping import Mapping, input_layout, output_layout
from lw3dsim.map.layer.price import Price
from lw3dsim.map.layer.search import CANDIDATES, search
from lw3dsim.map.layer.shortlist import TOLERANCE
from lw3dsim.possible import is_possible
from lw3dsim.schedule.build import build_schedule
from lw3dsim.transform.algorithms import candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.engine.run import Timing
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.search import Candidate
    from lw3dsim.schedule.program import Schedule


@lru_cache(maxsize=4096)
def bare(arch: Accelerator) -> Accelerator:
    """Return a design without what no mapped layer depends on: designs that differ in that alone share their layers."""
    tiles = msgspec.structs.replace(arch.winograd, m1=1, m2=1)
    return msgspec.structs.replace(arch, name="", description="", winograd=tiles, power_window_us=1.0)


def problems_of(network: Workload, arch: Accelerator, policy: str) -> list[Problem]:
    """Return the layers of ``network`` in every algorithm that ``policy`` allows them, each different one once."""
    problems = [
        make_problem(layer, network.input_shapes(layer), network.shapes[layer.name], algorithm, arch)
        for layer in network.layers
        for algorithm in candidates(layer, policy, arch.winograd.m1, arch.winograd.m2)
    ]
    return list(dict.fromkeys(problems))


def run_layer(
    network: Workload, layer: AnyLayer, arch: Accelerator, policy: str, engine: str, price: Price | None
) -> LayerRun:
    """Map and simulate a layer with the best of the algorithms that ``policy`` allows.

    Raises MappingError where no tiling fits the buffers.
    """
    inputs, output = network.input_shapes(layer), network.shapes[layer.name]
    allowed = candidates(layer, policy, arch.winograd.m1, arch.winograd.m2)
    runs, reason = [], ""
    for algorithm in allowed:
        try:
            runs += _run_ways(make_problem(layer, inputs, output, algorithm, arch), arch, engine, price)
        except MappingError as error:
            if not algorithm.is_winograd:
                raise
            reason = str(error)
    if not runs:
        direct = replace(candidates(layer, "direct", 1, 1)[0], reason=reason)
        runs = _run_ways(make_problem(layer, inputs, output, direct, arch), arch, engine, price)
    wanted = price or Price(cycle=1.0, dram_byte=0.0)
    return min(runs, key=lambda run: _cost(run, arch, wanted))


def _run_ways(problem: Problem, arch: Accelerator, engine: str, price: Price | None) -> list[LayerRun]:
    """Return a run for every way to lay ``problem`` on the rows that fits; raise MappingError where none does."""
    runs: list[LayerRun] = []
    for way in on_rows(problem, arch.places("output_channels")):
        try:
            runs.append(run_problem(way, bare(arch), engine, price))
        except MappingError as error:
            reason = error
    if not runs:
        raise reason
    return runs


def _cost(run: LayerRun, arch: Accelerator, price: Price) -> float:
    own = onchip_pj(run.stages, run.events, arch, [Sparsity()]) if price.pj else 0.0
    return price.of(run.latency_cycles, run.dram_bytes) + price.pj * own


@kept(65536)
def run_problem(
    problem: Problem,
    arch: Accelerator,
    engine: str = "auto",
    price: Price | None = None,
    most: int = CANDIDATES,
) -> LayerRun:
    """Search mappings of ``problem``, simulate the ``most`` promising, keep the best by simulation.

    The best is the cheapest by ``price``, without one the fastest: latencies within 1/1000
    count as equal; then fewer DRAM bytes, then the mapper's order decide.
    """
    question = ("layer", problem, arch, named_by(arch), price, most)
    known = recall(question, Mapping, lambda mapping: is_possible(problem, mapping, arch))
    if known is not None:
        return run_mapping(problem, known, arch, engine)
    clocks = make_clocks(arch)
    burst_ticks, tree_ticks = 0, 0
    if price is not None:
        burst_ticks, tree_ticks = price.burst_ticks(clocks), price.in_ticks(price.of_trees(problem, arch), clocks)
    # Candidates are compared in the order of the DMA: reordering is too slow for that.
    mapper_clocks = clocks.in_order
    mapper_engine = "fast" if engine == "fast" else "auto"
    tried: list[_Tried] = []
    for candidate in search(problem, arch, clocks, keep=most, burst_ticks=burst_ticks, tree_ticks=tree_ticks):
        if tried and _cannot_win(candidate, _best(tried, burst_ticks), burst_ticks):
            continue
        schedule = build_schedule(problem, candidate.mapping, arch, clocks)
        timing = simulate_schedule(schedule, mapper_clocks, mapper_engine)
        ticks = timing.latency_cycles * clocks.cycle_ticks
        tried.append(_Tried(candidate=candidate, schedule=schedule, timing=timing, ticks=ticks))
    best = _best(tried, burst_ticks)
    remember(question, best.candidate.mapping)
    timing = best.timing
    if engine != mapper_engine or clocks != mapper_clocks:
        timing = simulate_schedule(best.schedule, clocks, engine)
    return _layer_run(problem, best.candidate.mapping, best.schedule, timing, arch)


@dataclass(frozen=True, kw_only=True)
class _Tried:
    """A candidate that has been simulated, and the ticks that it took."""

    candidate: Candidate
    schedule: Schedule
    timing: Timing
    ticks: int

    def cost(self, burst_ticks: int) -> int:
        return self.ticks + burst_ticks * self.candidate.bursts + self.candidate.own_ticks


def _best(tried: Sequence[_Tried], burst_ticks: int) -> _Tried:
    """Return the cheapest; where bursts cost nothing, the one that moves the fewest among the nearly fastest."""
    if burst_ticks:
        return min(tried, key=lambda run: run.cost(burst_ticks))
    fastest = min(run.ticks for run in tried)
    near = [run for run in tried if run.ticks * TOLERANCE <= fastest * (TOLERANCE + 1)]
    return min(near, key=lambda run: run.candidate.bursts)


def _cannot_win(candidate: Candidate, best: _Tried, burst_ticks: int) -> bool:
    """Return whether a bound tells that simulating ``candidate`` is no use, with ``best`` at hand.

    It costs as much for sure; or it is slower for sure, or not faster by more than counts and moves no less.
    """
    if burst_ticks:
        least = candidate.bound_ticks + burst_ticks * candidate.bursts + candidate.own_ticks
        return least >= best.cost(burst_ticks)
    is_slower = candidate.bound_ticks * TOLERANCE > best.ticks * (TOLERANCE + 1)
    is_equal = candidate.bound_ticks * (TOLERANCE + 1) >= best.ticks * TOLERANCE
    return is_slower or (is_equal and candidate.bursts >= best.candidate.bursts)


@kept(4096)
def run_mapping(problem: Problem, mapping: Mapping, arch: Accelerator, engine: str = "auto") -> LayerRun:
    """Simulate ``problem`` under a given mapping."""
    clocks = make_clocks(arch)
    schedule = build_schedule(problem, mapping, arch, clocks)
    return _layer_run(problem, mapping, schedule, simulate_schedule(schedule, clocks, engine), arch)


def _layer_run(problem: Problem, mapping: Mapping, schedule: Schedule, timing: Timing, arch: Accelerator) -> LayerRun:
    clocks = make_clocks(arch)
    events = count_events(schedule, clocks.burst_bytes)
    return LayerRun(
        problem=problem,
        mapping=mapping,
        steps=schedule.steps,
        latency_cycles=timing.latency_cycles,
        cycles_by_cause=tuple(timing.cycles_by_cause.items()),
        busy=timing.busy,
        events=events,
        dram=timing.dram or plain_counts(clocks.dram, events, clocks.dram_clocks(timing.latency_cycles)),
        dram_bound_cycles=-(-clocks.bound_ticks(schedule.total_bursts) // clocks.cycle_ticks),
        dram_floor_bytes=floor_bytes(problem, arch.buffers.capacity_bits),
        layouts=tuple(layout(problem, clocks.burst_bytes).describe() for layout in (input_layout, output_layout)),
        activity=make_activity(schedule, timing.trace),
    )
