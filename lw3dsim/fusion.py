"""Fusion in the pipeline: which layers may be neighbours in a group, what groups cost, and the best cut."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lw3dsim.account.dram import plain_counts
from lw3dsim.account.events import count_events, group_compulsory_bytes
from lw3dsim.account.power import make_activity
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Concat, Linear
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.errors import MappingError, unknown
from lw3dsim.map.fused import Group, can_fuse
from lw3dsim.map.group_search import OBJECTIVES, search_group
from lw3dsim.map.mapping import input_layout, output_layout
from lw3dsim.map.partition import best_partition
from lw3dsim.map.shortlist import TOLERANCE
from lw3dsim.report.runs import GroupRun, Unit
from lw3dsim.schedule.fused import build_group_schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.engine.run import Timing
    from lw3dsim.map.fused import GroupMapping, Operand
    from lw3dsim.map.group_search import Found, Objective
    from lw3dsim.map.partition import Path
    from lw3dsim.report.runs import LayerRun
    from lw3dsim.schedule.fused import GroupSchedule

MODES = ("off", "auto")

# Layers of a group at most.
LONGEST = 5


def check_fusion(mode: str, objective: str) -> None:
    """Raise InputError for an unknown mode or objective."""
    if mode not in MODES:
        raise unknown("fusion", mode, MODES)
    if objective not in OBJECTIVES:
        raise unknown("objective", objective, OBJECTIVES)


def fuse(
    network: Workload, runs: Sequence[LayerRun], arch: Accelerator, engine: str, objective: Objective
) -> list[Unit]:
    """Return ``network``, whose layers ran as in ``runs``, cut into fused groups and layers, at the least cost.

    Groups are judged by an estimate until they are part of the best cut, then by simulation.
    """
    judge = _Judge.of(network, runs, arch, engine, objective)
    while True:
        chosen = best_partition(len(runs), judge.feeds, judge.cost, LONGEST)
        untried = [path for path in chosen if len(path) > 1 and path not in judge.simulated]
        if not untried:
            break
        for path in untried:
            judge.simulate(path)
    return [
        Unit(
            layers=tuple(network.layers[i] for i in path),
            run=runs[path[0]] if len(path) == 1 else judge.simulated[path],
        )
        for path in chosen
    ]


@dataclass(frozen=True, kw_only=True)
class _Weights:
    """What a cycle and a DRAM byte cost: all of what is not the objective is worth a thousandth of it."""

    cycle: float
    dram_byte: float

    @classmethod
    def of(cls, runs: Sequence[LayerRun], objective: Objective) -> _Weights:
        cycles = sum(run.latency_cycles for run in runs)
        moved = sum(_moved(run) for run in runs)
        if objective == "dram_bytes":
            return cls(cycle=moved / cycles / TOLERANCE, dram_byte=1.0)
        return cls(cycle=1.0, dram_byte=cycles / moved / TOLERANCE)


def _moved(run: LayerRun | GroupRun) -> int:
    return run.events.dram_read_bytes + run.events.dram_write_bytes


@dataclass(kw_only=True)
class _Judge:
    """What groups of a network cost: estimated, or simulated where they have been."""

    network: Workload
    runs: Sequence[LayerRun]
    arch: Accelerator
    engine: str
    objective: Objective
    weights: _Weights
    feeds: dict[int, list[int]]
    simulated: dict[Path, GroupRun]
    estimated: dict[Path, float | None]

    @classmethod
    def of(
        cls, network: Workload, runs: Sequence[LayerRun], arch: Accelerator, engine: str, objective: Objective
    ) -> _Judge:
        return cls(
            network=network,
            runs=runs,
            arch=arch,
            engine=engine,
            objective=objective,
            weights=_Weights.of(runs, objective),
            feeds=links(network, runs) if arch.buffers.intermediate_bits else {},
            simulated={},
            estimated={},
        )

    def cost(self, path: Path) -> float | None:
        """Return what a path costs, None where it can't be a group or can't be worth it."""
        if len(path) == 1:
            return self._weighted(self.runs[path[0]].latency_cycles, _moved(self.runs[path[0]]))
        if path in self.simulated:
            run = self.simulated[path]
            return self._weighted(run.latency_cycles, _moved(run))
        if path not in self.estimated:
            self.estimated[path] = self._estimate(path)
        return self.estimated[path]

    def simulate(self, path: Path) -> None:
        """Simulate a path that has an estimate."""
        self.simulated[path] = run_group(self._group(path), self.arch, self.engine, self.objective)

    def _weighted(self, cycles: float, moved: float) -> float:
        return self.weights.cycle * cycles + self.weights.dram_byte * moved

    def _group(self, path: Path) -> Group:
        layers = [self.network.layers[i] for i in path]
        return Group(tuple(self.runs[i].problem for i in path), operands(layers))

    def _estimate(self, path: Path) -> float | None:
        group, clocks = self._group(path), make_clocks(self.arch)
        if self._least(group, clocks) >= sum(self.cost((i,)) or 0.0 for i in path):
            return None
        try:
            best = find_group(group, self.arch, self.objective)[0]
        except MappingError:
            return None
        cycles = best.latency_ticks / clocks.cycle_ticks + self.arch.layer_setup_cycles
        return self._weighted(cycles, best.bursts * clocks.burst_bytes)

    def _least(self, group: Group, clocks: Clocks) -> float:
        """Return a bound of the cost: ideal multiplications, and compulsory bytes once."""
        least = group_compulsory_bytes(group)
        mults = sum(group.ideal_mults)
        moving = clocks.bound_ticks(-(-least // clocks.burst_bytes)) / clocks.cycle_ticks
        return self._weighted(max(mults / self.arch.multipliers, moving), least)


def links(network: Workload, runs: Sequence[LayerRun]) -> dict[int, list[int]]:
    """Return, per layer, the layers before it whose output it alone reads and could take over on chip."""
    number = {layer.name: i for i, layer in enumerate(network.layers)}
    feeds: dict[int, list[int]] = {}
    for v, layer in enumerate(network.layers):
        if not _can_follow(layer, runs[v]):
            continue
        sources = [number[name] for name in dict.fromkeys(layer.inputs) if name in number]
        alone = [u for u in sources if len(network.consumers(network.layers[u].name)) == 1]
        if len(set(layer.inputs)) == len(layer.inputs):
            feeds[v] = [u for u in alone if _can_lead(network.layers[u], runs[u])]
    return feeds


def _can_lead(layer: AnyLayer, run: LayerRun) -> bool:
    return not isinstance(layer, Linear | Concat) and can_fuse(run.problem)


def _can_follow(layer: AnyLayer, run: LayerRun) -> bool:
    return _can_lead(layer, run) and (not isinstance(layer, Add) or len(layer.inputs) == 2)


def operands(layers: Sequence[AnyLayer]) -> tuple[Operand, ...]:
    """Return where each layer of a group finds its second operand."""
    found: list[Operand] = ["none"]
    for before, layer in itertools.pairwise(layers):
        others = [name for name in layer.inputs if name != before.name]
        found.append("none" if not others else "input" if others == list(layers[0].inputs) else "dram")
    return tuple(found)


@lru_cache(maxsize=4096)
def find_group(group: Group, arch: Accelerator, objective: Objective) -> tuple[Found, ...]:
    """Return the most promising mappings of ``group``, best first; raise MappingError when none fits."""
    return tuple(search_group(group, arch, make_clocks(arch), objective=objective))


@lru_cache(maxsize=4096)
def run_group(group: Group, arch: Accelerator, engine: str = "auto", objective: Objective = "latency") -> GroupRun:
    """Simulate the most promising mappings of ``group`` and keep the best by simulation.

    Values of the objective within 1/1000 count as equal; then the other figure, then fewer steps, then the mapper's
    order decide.
    """
    clocks = make_clocks(arch)
    # Candidates are compared in the order of the DMA: reordering is too slow for that.
    mapper_clocks, mapper_engine = clocks.in_order, "fast" if engine == "fast" else "auto"
    tried: list[tuple[GroupMapping, GroupSchedule, Timing]] = []
    for found in find_group(group, arch, objective):
        schedule = build_group_schedule(group, found.mapping, arch, clocks)
        tried.append((found.mapping, schedule, simulate_schedule(schedule, mapper_clocks, mapper_engine)))
    figures = [(timing.latency_cycles, schedule.total_bursts) for _, schedule, timing in tried]
    ranked = [(bursts, cycles) if objective == "dram_bytes" else (cycles, bursts) for cycles, bursts in figures]
    least = min(wanted for wanted, _ in ranked)
    near = [i for i, (wanted, _) in enumerate(ranked) if wanted * TOLERANCE <= least * (TOLERANCE + 1)]
    mapping, schedule, timing = tried[min(near, key=lambda i: (ranked[i][1], tried[i][1].steps, i))]
    if engine != mapper_engine or clocks != mapper_clocks:
        timing = simulate_schedule(schedule, clocks, engine)
    return _group_run(group, mapping, schedule, timing, clocks)


@lru_cache(maxsize=4096)
def run_group_mapping(group: Group, mapping: GroupMapping, arch: Accelerator, engine: str = "auto") -> GroupRun:
    """Simulate ``group`` under a given mapping."""
    clocks = make_clocks(arch)
    schedule = build_group_schedule(group, mapping, arch, clocks)
    return _group_run(group, mapping, schedule, simulate_schedule(schedule, clocks, engine), clocks)


def _group_run(
    group: Group, mapping: GroupMapping, schedule: GroupSchedule, timing: Timing, clocks: Clocks
) -> GroupRun:
    events = count_events(schedule, clocks.burst_bytes)
    return GroupRun(
        group=group,
        mapping=mapping,
        stage_events=tuple(count_events(schedule.of_stage(i), clocks.burst_bytes) for i in range(len(group.stages))),
        steps=schedule.steps,
        latency_cycles=timing.latency_cycles,
        cycles_by_cause=tuple(timing.cycles_by_cause.items()),
        events=events,
        dram=timing.dram or plain_counts(clocks.dram, events, timing.latency_cycles * clocks.cycle_ticks),
        dram_bound_cycles=-(-clocks.bound_ticks(schedule.total_bursts) // clocks.cycle_ticks),
        layouts=(
            input_layout(group.stages[0], clocks.burst_bytes).describe(),
            output_layout(group.stages[-1], clocks.burst_bytes).describe(),
        ),
        activity=make_activity(schedule, timing.trace),
    )
