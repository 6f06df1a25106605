"""Fusion in the pipeline: which layers may be neighbours in a group, what groups cost, and the best cut."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.account.simulated import Unit
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import parallel_modes
from lw3dsim.map.group.least import least_of_groups
from lw3dsim.map.group.partition import Partition
from lw3dsim.map.group.search import CANDIDATES, ROUNDED
from lw3dsim.network.forest import Forest, forest_of
from lw3dsim.network.groups import GroupSearch, find_group, group_candidates, own_cost, run_group
from lw3dsim.network.layouts import free_blocks
from lw3dsim.network.objective import Figures, Weights, at_work, leakage_of
from lw3dsim.network.runs import bare
from lw3dsim.network.settling import Settler
from lw3dsim.network.units import units_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from lw3dsim.account.simulated import GroupRun, LayerRun, Run
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.group.partition import Path, Trees
    from lw3dsim.network.alone import Alone
    from lw3dsim.schedule.work import Work


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

    ``groups`` are all that there can be, and ``least`` is what no estimate of each is below. Those that are
    ``dismissed`` cost more than their layers by themselves, however much. Groups that are ``tried``
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
    dismissed: set[Path]
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
            dismissed=set(),
            tried=set(),
            simulated={},
            costs={(i,): cost for i, cost in enumerate(worth)},
        )
        judge._bound(free_blocks(network, arch, alone.layouts, network.read_together))
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
        self.groups = self.forest.groups_of(problems, free)
        arch, ordinary = bare(self.arch), sum(self.worth)
        prices = [at_work(self.weights.price, group.stages, arch) for group in self.groups.values()]
        alone = [self._alone(path) for path in self.groups]
        formed = np.array([self._least_formed(path) for path in self.groups])
        # What costs as much as its layers by themselves is not worth a closer look.
        enough = (np.array(alone) - formed) / ROUNDED**2
        least = least_of_groups(list(self.groups.values()), arch, make_clocks(arch), prices, ordinary, enough)
        self.least = dict(zip(self.groups, (least * ROUNDED + formed).tolist(), strict=True))
        # Of equal cuts the one of shorter groups wins.
        each = zip(self.least.items(), alone, strict=True)
        self.costs.update({path: cost if cost < own else None for (path, cost), own in each})
        self.bounded.update(self.groups)

    def cost(self, path: Path) -> float | None:
        """Return what a path costs, None where it can't be a group or can't be worth it."""
        return self.costs.get(path)

    def _alone(self, path: Path) -> float:
        """Return what the layers of a path cost by themselves."""
        return sum([self.worth[i] for i in path])

    def known_least(self, path: Path) -> float | None:
        """Return the same, of a path that is dismissed what it costs at least."""
        return self._alone(path) if path in self.dismissed else self.cost(path)

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

    def estimate(self, path: Path, enough: float | None = None) -> None:
        """Estimate a path that has a bound, or was dismissed; dismiss it where it costs more than ``enough``.

        That is what its layers cost by themselves, if it isn't given: what costs as much is in no best cut.
        """
        self.bounded.discard(path)
        self.dismissed.discard(path)
        self.costs[path] = self._estimate(path, self._alone(path) if enough is None else enough)

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

    def _estimate(self, path: Path, enough: float) -> float | None:
        """Return the price of the cheapest mapping, with all that it takes on chip.

        None where there is none, or where it surely is more than ``enough``.
        """
        group, arch, price = self.groups[path], bare(self.arch), self.weights.price
        try:
            found = find_group(group, arch, price, CANDIDATES, None, (enough - self._least_formed(path)) / ROUNDED**2)
        except MappingError:
            return None
        if not found:
            self.dismissed.add(path)
            return None
        best = found[0]
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
