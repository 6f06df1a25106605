"""Fusion in the pipeline: which layers may be neighbours in a group, what groups cost, and the best cut."""

from __future__ import annotations

import itertools
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from lw3dsim.account.area import leakage_mw
from lw3dsim.account.dram import MOVED, plain_counts
from lw3dsim.account.energy import TIMED
from lw3dsim.account.events import count_events, group_compulsory_bytes
from lw3dsim.account.power import make_activity
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Concat, Linear
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.errors import MappingError, unknown
from lw3dsim.map.fused import Group, can_fuse
from lw3dsim.map.group_search import Price, search_group
from lw3dsim.map.mapping import input_layout, output_layout
from lw3dsim.map.partition import best_partition
from lw3dsim.report.assemble import unit_energy_pj
from lw3dsim.report.runs import GroupRun, Unit
from lw3dsim.schedule.fused import build_group_schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.engine.run import Timing
    from lw3dsim.map.fused import GroupMapping, Operand
    from lw3dsim.map.group_search import Found
    from lw3dsim.map.partition import Path
    from lw3dsim.report.runs import LayerRun
    from lw3dsim.schedule.fused import GroupSchedule

Objective = Literal["latency", "energy", "edp", "dram_bytes"]

OBJECTIVES: tuple[Objective, ...] = ("latency", "energy", "edp", "dram_bytes")
MODES = ("off", "auto")

# Layers of a group at most.
LONGEST = 5

# All DRAM bytes of a network are worth so small a part of its latency, and the other way round.
TIE = 1000


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
class _Figures:
    """What a layer, a group or a network costs; ``other_pj`` is the energy that neither time nor DRAM traffic takes."""

    cycles: float
    dram_bytes: float
    energy_pj: float
    other_pj: float

    @classmethod
    def of(cls, network: Workload, unit: Unit, arch: Accelerator, leakage: float) -> _Figures:
        events = unit.run.events
        energy = {name: sum(by.values()) for name, by in unit_energy_pj(network, unit, arch, leakage).items()}
        return cls(
            cycles=unit.run.latency_cycles,
            dram_bytes=events.dram_read_bytes + events.dram_write_bytes,
            energy_pj=sum(energy.values()),
            other_pj=sum(value for name, value in energy.items() if name not in (*TIMED, *MOVED)),
        )

    @classmethod
    def total(cls, parts: Sequence[_Figures]) -> _Figures:
        columns = zip(*(astuple(part) for part in parts), strict=True)
        cycles, dram_bytes, energy_pj, other_pj = (sum(column) for column in columns)
        return cls(cycles=cycles, dram_bytes=dram_bytes, energy_pj=energy_pj, other_pj=other_pj)


@dataclass(frozen=True, kw_only=True)
class _Weights:
    """What makes figures one cost, and the price of a mapping: what its cycles and DRAM bytes add to that cost."""

    cycle: float
    dram_byte: float
    pj: float
    price: Price

    @classmethod
    def of(cls, objective: Objective, alone: _Figures, timed_pj: float) -> _Weights:
        """Return the weights for a network that costs ``alone`` without fusion, ``timed_pj`` of it by time."""
        if objective in ("latency", "dram_bytes"):
            is_latency = objective == "latency"
            cycle = 1.0 if is_latency else alone.dram_bytes / alone.cycles / TIE
            dram_byte = alone.cycles / alone.dram_bytes / TIE if is_latency else 1.0
            return cls(cycle=cycle, dram_byte=dram_byte, pj=0.0, price=Price(cycle=cycle, dram_byte=dram_byte))
        # A product changes by each factor in proportion: that of energy and delay to first order, about no fusion.
        cycle = alone.energy_pj / alone.cycles if objective == "edp" else 0.0
        moved_pj = alone.energy_pj - alone.other_pj - timed_pj
        price = Price(cycle=cycle + timed_pj / alone.cycles, dram_byte=moved_pj / alone.dram_bytes)
        return cls(cycle=cycle, dram_byte=0.0, pj=1.0, price=price)

    def cost(self, figures: _Figures) -> float:
        return self.cycle * figures.cycles + self.dram_byte * figures.dram_bytes + self.pj * figures.energy_pj


@dataclass(kw_only=True)
class _Judge:
    """What groups of a network cost: estimated, or simulated where they have been."""

    network: Workload
    runs: Sequence[LayerRun]
    arch: Accelerator
    engine: str
    leakage: float
    alone: list[_Figures]
    weights: _Weights
    feeds: dict[int, list[int]]
    simulated: dict[Path, GroupRun]
    costs: dict[Path, float | None]

    @classmethod
    def of(
        cls, network: Workload, runs: Sequence[LayerRun], arch: Accelerator, engine: str, objective: Objective
    ) -> _Judge:
        leakage = leakage_mw(arch, [run.problem for run in runs])
        units = [Unit(layers=(layer,), run=run) for layer, run in zip(network.layers, runs, strict=True)]
        alone = [_Figures.of(network, unit, arch, leakage) for unit in units]
        timed = sum(
            sum(by.values())
            for unit in units
            for name, by in unit_energy_pj(network, unit, arch, leakage).items()
            if name in TIMED
        )
        weights = _Weights.of(objective, _Figures.total(alone), timed)
        return cls(
            network=network,
            runs=runs,
            arch=arch,
            engine=engine,
            leakage=leakage,
            alone=alone,
            weights=weights,
            feeds=links(network, runs) if arch.buffers.intermediate_bits else {},
            simulated={},
            costs={(i,): weights.cost(figures) for i, figures in enumerate(alone)},
        )

    def cost(self, path: Path) -> float | None:
        """Return what a path costs, None where it can't be a group or can't be worth it."""
        if path not in self.costs:
            self.costs[path] = self._estimate(path)
        return self.costs[path]

    def simulate(self, path: Path) -> None:
        """Simulate a path that has an estimate; what it costs is known then."""
        run = run_group(self._group(path), self.arch, self.weights.price, self.engine)
        self.simulated[path] = run
        unit = Unit(layers=tuple(self.network.layers[i] for i in path), run=run)
        self.costs[path] = self.weights.cost(_Figures.of(self.network, unit, self.arch, self.leakage))

    def _group(self, path: Path) -> Group:
        layers = [self.network.layers[i] for i in path]
        return Group(tuple(self.runs[i].problem for i in path), operands(layers))

    def _estimate(self, path: Path) -> float | None:
        """Return the price of the cheapest mapping, and what energy neither time nor traffic takes, as without it."""
        group, clocks = self._group(path), make_clocks(self.arch)
        fixed = self.weights.pj * sum(self.alone[i].other_pj for i in path)
        if self._least(group, clocks) + fixed >= sum(self.weights.cost(self.alone[i]) for i in path):
            return None
        try:
            best = find_group(group, self.arch, self.weights.price)[0]
        except MappingError:
            return None
        return fixed + self.weights.price.of(best.cycles, best.dram_bytes)

    def _least(self, group: Group, clocks: Clocks) -> float:
        """Return a bound of the price: ideal multiplications, and compulsory bytes once."""
        least = group_compulsory_bytes(group)
        moving = clocks.bound_ticks(-(-least // clocks.burst_bytes)) / clocks.cycle_ticks
        return self.weights.price.of(max(sum(group.ideal_mults) / self.arch.multipliers, moving), least)


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
def find_group(group: Group, arch: Accelerator, price: Price) -> tuple[Found, ...]:
    """Return the cheapest mappings of ``group``, best first; raise MappingError when none fits."""
    return tuple(search_group(group, arch, make_clocks(arch), price))


@lru_cache(maxsize=4096)
def run_group(group: Group, arch: Accelerator, price: Price, engine: str = "auto") -> GroupRun:
    """Simulate the most promising mappings of ``group`` and keep the cheapest by simulation.

    Of equal ones that with fewer steps, then the mapper's order decide.
    """
    clocks = make_clocks(arch)
    # Candidates are compared in the order of the DMA: reordering is too slow for that.
    mapper_clocks, mapper_engine = clocks.in_order, "fast" if engine == "fast" else "auto"
    tried: list[tuple[float, int, int, GroupMapping, GroupSchedule, Timing]] = []
    for number, found in enumerate(find_group(group, arch, price)):
        schedule = build_group_schedule(group, found.mapping, arch, clocks)
        timing = simulate_schedule(schedule, mapper_clocks, mapper_engine)
        cost = price.of(timing.latency_cycles, found.dram_bytes)
        tried.append((cost, schedule.steps, number, found.mapping, schedule, timing))
    *_, mapping, schedule, timing = min(tried, key=lambda one: one[:3])
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
