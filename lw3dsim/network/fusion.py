"""Fusion in the pipeline: which layers may be neighbours in a group, what groups cost, and the best cut."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.account.energy import Sparsity, onchip_pj
from lw3dsim.account.simulated import Unit
from lw3dsim.account.tally import tally_group
from lw3dsim.base.caches import kept
from lw3dsim.base.integers import NEVER
from lw3dsim.base.remembered import recall, remember
from lw3dsim.base.values import Value
from lw3dsim.describe.accelerator_file import named_by
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import parallel_modes
from lw3dsim.map.division import group_design
from lw3dsim.map.floor import group_compulsory_bytes
from lw3dsim.map.group.dividing import search_divided
from lw3dsim.map.group.least import least_of_groups
from lw3dsim.map.group.partition import Partition
from lw3dsim.map.group.search import CANDIDATES, ROUNDED, Found, Plan
from lw3dsim.network.forest import Forest, forest_of
from lw3dsim.network.layouts import free_blocks
from lw3dsim.network.objective import Figures, Weights, at_work, leakage_of
from lw3dsim.network.runs import bare, best_run
from lw3dsim.network.settling import Settler
from lw3dsim.network.units import units_of
from lw3dsim.possible import group_steps, is_possible_group
from lw3dsim.schedule.fused import busy_under
from lw3dsim.schedule.work import GroupWork

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from lw3dsim.account.simulated import GroupRun, LayerRun, Run
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.group.partition import Path, Trees
    from lw3dsim.map.layer.price import Price
    from lw3dsim.network.alone import Alone
    from lw3dsim.network.runs import Tried
    from lw3dsim.schedule.build import Drafted
    from lw3dsim.schedule.fused import Busy
    from lw3dsim.schedule.work import Work


# Of groups of fewer steps so many times as many mappings are bounded and simulated: where beginnings and ends weigh,
# estimates are less sure of the best, and simulating takes no time.
SHORT, MORE = 64, 2


def fuse(judge: Judge, fixed: Mapping[Path, Run[Work]], progress: Callable[[int], None] | None = None) -> list[Unit]:
    """Return a network cut into fused groups and layers at the least cost, as the ``judge`` of it tells.

    Units that are ``fixed`` stay as they are. Groups are judged by a bound until they are part of the best cut, then
    by an estimate, and where they still are, by simulation: as if all had been estimated, and each
    that is in the best cut then were simulated, since what a bound leaves out of the best cut costs more. ``progress``
    is called with the number of each layer, once its group is simulated.
    """
    partition = Partition(judge.trees, judge.cost)
    left = set(range(len(judge.runs)))
    while True:
        chosen = partition.best()
        groups = [path for path in chosen if len(path) > 1 and path not in judge.simulated]
        done = left - {i for path in groups for i in path}
        if progress is not None:
            for i in sorted(done):
                progress(i)
        left -= done
        if not groups:
            break
        partition.renew(judge.look_closer(groups))
    simulated = {path: judge.simulated[path] for path in chosen if len(path) > 1}
    return units_of(judge.network, judge.runs, simulated | dict(fixed))


@dataclass(kw_only=True)
class Judge:
    """What groups of a network cost: at least, where they are ``bounded``; estimated; or ``simulated``.

    ``groups`` are all that there can be, and ``least`` is what no estimate of each is below. Groups that are ``tried``
    have been in the best cut by their estimates; what simulation would tell of them is bounded.
    ``worth`` is what layers cost by themselves, ``formed`` what forming and adding up their products does at least.
    """

    network: Workload
    runs: Sequence[LayerRun]
    arch: Accelerator
    engine: str
    leakage: float | None
    worth: list[float]
    formed: list[float]
    weights: Weights
    forest: Forest
    groups: dict[Path, Group]
    least: dict[Path, float]
    bounded: set[Path]
    tried: set[Path]
    simulated: dict[Path, GroupRun]
    costs: dict[Path, float | None]

    @classmethod
    def of(cls, alone: Alone, apart: Collection[int]) -> Judge:
        """Return the judge of a network whose layers ``apart`` are in no group that it may choose."""
        network, runs, arch, weights = alone.network, alone.runs, alone.arch, alone.weights
        units = [Unit(layers=(layer,), run=run) for layer, run in zip(network.layers, runs, strict=True)]
        leakage = leakage_of(units, arch) if weights.pj else None
        each = [Figures.of(network, unit, leakage) for unit in units]
        problems, worth = [run.work.problem for run in runs], list(map(weights.cost, each))
        judge = cls(
            network=network,
            runs=runs,
            arch=arch,
            engine=alone.engine,
            leakage=leakage,
            worth=worth,
            formed=[_least_formed(run, figures, arch, weights) for run, figures in zip(runs, each, strict=True)],
            weights=weights,
            forest=forest_of(network, problems, arch, apart),
            groups={},
            least={},
            bounded=set(),
            tried=set(),
            simulated={},
            costs={(i,): cost for i, cost in enumerate(worth)},
        )
        judge._bound(free_blocks(network, arch, alone.layouts))
        return judge

    @property
    def trees(self) -> Trees:
        """What may be fused."""
        return self.forest.trees

    @property
    def settler(self) -> Settler:
        """What settles the layouts of cuts."""
        return Settler(
            network=self.network, arch=self.arch, engine=self.engine, weights=self.weights, leakage=self.leakage
        )

    def _bound(self, free: Mapping[str, Blocks]) -> None:
        """List the groups that there can be, whose inputs and outputs may lie in ``free`` blocks, and bound them."""
        problems = [run.work.problem for run in self.runs]
        self.groups = self.forest.groups_of(self.network, problems, free)
        arch, ordinary = bare(self.arch), sum(self.worth)
        prices = [at_work(self.weights.price, group.stages, arch) for group in self.groups.values()]
        formed = np.array([self._least_formed(path) for path in self.groups])
        # What costs as much as its layers by themselves is not worth a closer look.
        enough = (np.array([self._alone(path) for path in self.groups]) - formed) / ROUNDED**2
        least = least_of_groups(list(self.groups.values()), arch, make_clocks(arch), prices, ordinary, enough)
        self.least = dict(zip(self.groups, (least * ROUNDED + formed).tolist(), strict=True))

    def cost(self, path: Path) -> float | None:
        """Return what a path costs, None where it can't be a group or can't be worth it."""
        if path not in self.costs:
            self.costs[path] = self._if_worth(path, self.least[path]) if path in self.groups else None
            self.bounded.add(path)
        return self.costs[path]

    def _if_worth(self, path: Path, least: float) -> float | None:
        # Of equal cuts the one of shorter groups wins.
        return None if least >= self._alone(path) else least

    def _alone(self, path: Path) -> float:
        """Return what the layers of a path cost by themselves."""
        return sum([self.worth[i] for i in path])

    def look_closer(self, groups: Sequence[Path]) -> Sequence[Path]:
        """Look closer at those ``groups`` of the best cut that are known the least; return which."""
        levels: list[tuple[Collection[Path], Callable[[Path], None]]] = [
            (self.bounded, self.estimate),
            (self.tried, self.simulate),
            (groups, self.try_group),
        ]
        for level, look in levels:
            those = [path for path in groups if path in level]
            if those:
                for path in those:
                    look(path)
                return those
        return ()

    def estimate(self, path: Path) -> None:
        """Estimate a path that has a bound."""
        self.bounded.remove(path)
        self.costs[path] = self._estimate(path)

    def try_group(self, path: Path) -> None:
        """Try a path that has an estimate, and bound what it costs by simulation.

        It is simulated when it would be in the best cut by this bound: else it would not be in it by its cost either.
        """
        self.tried.add(path)
        search = GroupSearch(group=self.groups[path], arch=bare(self.arch), price=self.weights.price, most=CANDIDATES)
        weights = self.weights
        self.costs[path] = ROUNDED * min(
            weights.cycle * one.cycles + weights.dram_byte * one.dram_bytes for one in group_candidates(search)
        )

    def simulate(self, path: Path) -> None:
        """Simulate a path that is tried; what it costs is known then."""
        self.tried.remove(path)
        run = run_group(self.groups[path], bare(self.arch), self.weights.price, self.engine)
        self.simulated[path] = run
        unit = Unit(layers=tuple(self.network.layers[i] for i in path), run=run)
        self.costs[path] = self.weights.cost(Figures.of(self.network, unit, self.leakage))

    def _estimate(self, path: Path) -> float | None:
        """Return the price of the cheapest mapping, with all that it takes on chip."""
        group, arch, price = self.groups[path], bare(self.arch), self.weights.price
        try:
            best = find_group(group, arch, price, CANDIDATES, None)[0]
        except MappingError:
            return None
        own = own_cost(group, best, arch, price, best.busy)
        return own + price.of(best.cycles, best.dram_bytes)

    def _least_formed(self, path: Path) -> float:
        """Return what the products of a path cost at least: those of outputs that are needed, in trees or not."""
        if not self.weights.pj:
            return 0.0
        stages = zip(self.groups[path].stages, self.groups[path].needed[1:], strict=True)
        shares = [needed / math.prod(stage.out) for stage, needed in stages]
        return math.fsum(self.formed[i] * share for i, share in zip(path, shares, strict=True))


def _least_formed(run: LayerRun, figures: Figures, arch: Accelerator, weights: Weights) -> float:
    """Return what the products of a layer cost at least: modes that save by adder trees are chosen freely."""
    stage, price = run.work.problem, weights.price
    trees = min(price.of_mode(stage, arch, mode) for mode in parallel_modes(stage, arch))
    return weights.pj * figures.formed_pj - price.of_mode(stage, arch, run.work.mapping.parallel) + trees


def is_possible_plan(group: Group, plan: Plan, arch: Accelerator, lies: tuple[Blocks, ...] | None = None) -> bool:
    """Return whether a fused group can be mapped so, and lie so."""
    known = lies or group.all_blocks
    lies_so = len(plan.blocks) == len(known) and all(map(operator.contains, known, plan.blocks))
    return lies_so and is_possible_group(group, plan.mapping, arch)


@kept(4096)
def find_group(
    group: Group, arch: Accelerator, price: Price, most: int, lies: tuple[Blocks, ...] | None
) -> tuple[Found, ...]:
    """Return the cheapest mappings of ``group``, best first; raise MappingError when none fits.

    Its input and output are in the best of their blocks, or of those that say how it ``lies``.
    """

    def is_sound(one: Found) -> bool:
        moves_enough = one.dram_bytes >= group_compulsory_bytes(group) and one.cycles > 0 and one.busy >= 0
        return moves_enough and is_possible_plan(group, one.plan, arch, lies)

    question = ("group", group, arch, named_by(arch), price, most, lies)
    known = recall(question, tuple[Found, ...], lambda found: 0 < len(found) <= most and all(map(is_sound, found)))
    if known is not None:
        return known
    found = tuple(
        search_divided(group, arch, make_clocks(arch), at_work(price, group.stages, arch), keep=most, lies=lies)
    )
    remember(question, found)
    return found


@kept(4096)
def run_group(
    group: Group,
    arch: Accelerator,
    price: Price,
    engine: str = "auto",
    most: int = CANDIDATES,
    lies: tuple[Blocks, ...] | None = None,
) -> GroupRun:
    """Simulate the ``most`` promising mappings of ``group`` and keep the cheapest by simulation.

    Of equal ones that with fewer steps, then the mapper's order decide.
    """
    return best_run(GroupSearch(group=group, arch=arch, price=price, most=most, lies=lies), engine)


class Bounded(Value, frozen=True, kw_only=True):
    """A candidate: its place in the mapper's order, the price of its energy on chip, its cycles, the whole at least."""

    number: int
    plan: Plan
    dram_bytes: int
    own: float
    cycles: int
    least: float


def own_cost(group: Group, found: Found, arch: Accelerator, price: Price, busy: float) -> float:
    """Return what a group costs beside its time and the bytes that it moves, with the array ``busy`` so many cycles."""
    if not price.pj:
        return 0.0
    stages, events = tally_group(group, found.plan.mapping, arch, found.dram_bytes)
    spent = price.pj * onchip_pj(stages, events, arch, [Sparsity()] * len(stages))
    return spent + at_work(price, group.stages, arch).busy * busy


@kept(4096)
def group_candidates(asked: GroupSearch) -> list[Bounded]:
    """Return the candidates of a search by what they cost at least: they are bounded before they are simulated."""
    found = find_group(asked.group, asked.arch, asked.price, asked.most, asked.lies)
    if group_steps(asked.group, found[0].plan.mapping) < SHORT:
        found = find_group(asked.group, asked.arch, asked.price, MORE * asked.most, asked.lies)
    busy = busy_under(asked.group, [one.plan.mapping for one in found], asked.arch)
    bounded = [asked.bounded(number, *one) for number, one in enumerate(zip(found, busy, strict=True))]
    return sorted(bounded, key=lambda one: (one.least, one.number))


class GroupSearch(Value, frozen=True, kw_only=True):
    """The search for a mapping of a fused group; see :class:`lw3dsim.network.runs.Search`."""

    group: Group
    arch: Accelerator
    price: Price
    most: int
    lies: tuple[Blocks, ...] | None = None
    kind = Plan

    @property
    def question(self) -> object:
        """See Search."""
        return "best of group", self.group, self.arch, named_by(self.arch), self.price, self.most, self.lies

    def is_possible(self, mapping: Plan) -> bool:
        """See Search."""
        return is_possible_plan(self.group, mapping, self.arch, self.lies)

    def design(self, mapping: Plan) -> Accelerator:
        """See Search."""
        return group_design(self.group, mapping.mapping, self.arch)

    def candidates(self) -> list[Bounded]:
        """See Search: by what they cost at least, as what array and DRAM are busy is close to it."""
        return group_candidates(self)

    def mapping(self, candidate: Bounded) -> Plan:
        """See Search."""
        return candidate.plan

    def program(self, candidate: Bounded) -> Drafted:
        """See Search."""
        return self.work(candidate.plan).draft(self.design(candidate.plan), make_clocks(self.arch))

    def work(self, mapping: Plan) -> GroupWork:
        """See Search."""
        return GroupWork(mapping.laid_out(self.group), mapping.mapping)

    def cannot_win(self, candidate: Bounded, tried: Sequence[Tried[Bounded]]) -> bool:
        """See Search."""
        return candidate.least > min(map(self._cost, tried))

    def most_ticks(self, candidate: Bounded, tried: Sequence[Tried[Bounded]]) -> int:
        """See Search; a cycle more, as costs are no integers."""
        if not self.price.cycle:
            return NEVER
        own = candidate.own + self.price.of(0, candidate.dram_bytes)
        cycles = int((min(map(self._cost, tried)) - own) / self.price.cycle) + 1
        return cycles * make_clocks(self.arch).cycle_ticks

    def best(self, tried: Sequence[Tried[Bounded]]) -> Tried[Bounded]:
        """See Search."""
        return min(tried, key=lambda one: (self._cost(one), one.program.steps, one.candidate.number))

    def _cost(self, one: Tried[Bounded]) -> float:
        return one.candidate.own + self.price.of(one.raced.latency_cycles, one.candidate.dram_bytes)

    def bounded(self, number: int, found: Found, busy: Busy) -> Bounded:
        """Return a candidate with its bounds: the array's, and those of what it moves, refreshes included."""
        # Candidates are raced in the order of the DMA.
        clocks = make_clocks(self.arch).in_order
        bursts = found.dram_bytes // clocks.burst_bytes
        moving = self.arch.layer_setup_cycles * clocks.cycle_ticks + clocks.bound_ticks(bursts)
        ticks = max(busy.least_ticks(clocks), moving, clocks.refreshed_ticks(bursts))
        cycles = -(-ticks // clocks.cycle_ticks)
        own = own_cost(self.group, found, self.arch, self.price, busy.cycles)
        least = own + self.price.of(cycles, found.dram_bytes)
        return Bounded(number=number, plan=found.plan, dram_bytes=found.dram_bytes, own=own, cycles=cycles, least=least)
