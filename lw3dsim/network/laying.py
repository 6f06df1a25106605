"""Cuts, mappings and layouts as one choice, where layouts that are settled once all is mapped may cost much.

What was settled is the most that the best can cost, and what units pay for how their tensors lie the most that can be
saved: where that is little, what was settled stands. Otherwise a unit costs at first what it would at best by the
layouts of its ends; units of the best cut by that are mapped anew for theirs, until all of the best cut are.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.account.simulated import Unit
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.map.group.laid import LaidPartition
from lw3dsim.map.group.partition import Trees, costs_with
from lw3dsim.map.group.search import CANDIDATES, ROUNDED
from lw3dsim.map.layer.mapping import all_blocks
from lw3dsim.network.fusion import Judge, fuse
from lw3dsim.network.groups import GroupSearch, group_candidates, run_group
from lw3dsim.network.layers import laid, run_problem
from lw3dsim.network.layout_costs import (
    PAYS,
    SAVES,
    WORTH,
    cycles_of_byte,
    layout_of,
    padding,
    paid_for_layouts,
    pays_much,
    saved_at_most,
)
from lw3dsim.network.layouts import blocks_of, moved_by, moved_more
from lw3dsim.network.objective import Figures, network_cost
from lw3dsim.network.offers import NOTHING, Offer, ends_of, users_of
from lw3dsim.network.other_blocks import with_tiles
from lw3dsim.network.runs import bare, seen_by, settled
from lw3dsim.network.units import units_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lw3dsim.account.simulated import Run
    from lw3dsim.base.arrays import Floats, Ints
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.group.laid import Layouts
    from lw3dsim.map.group.partition import Path
    from lw3dsim.network.alone import Alone
    from lw3dsim.network.layers import Lies
    from lw3dsim.network.layout_costs import LeastOf, Paid
    from lw3dsim.network.offers import End
    from lw3dsim.schedule.work import Side, Work

# Where much is wasted, all layouts are looked for of units that waste more than this part of all.
WASTE = 500

# Of what a unit costs more in other layouts as it is mapped, this part may be left once it is mapped anew.
HOPE = 0.25

# Units are mapped anew for layouts so often, at most.
MOST = 80


def fused_units(alone: Alone, progress: Callable[[int], None] | None = None) -> list[Unit]:
    """Return a network cut into fused groups and layers at the least cost, all tensors in layouts; see :func:`fuse`."""
    judge = Judge.of(alone, alone.fixed_layers)
    units = fuse(judge, alone.fixed, progress)
    return relaid(judge, alone, judge.settler.settle(units, alone.layouts))


def laid_layers(alone: Alone, units: list[Unit]) -> list[Unit]:
    """Return the same of layers that are in no groups but those that are fixed, settled as ``units``."""
    return relaid(Judge.of(alone, range(len(alone.runs))), alone, units)


def relaid(judge: Judge, alone: Alone, units: list[Unit]) -> list[Unit]:
    """Return settled ``units``, or a cut in layouts that costs less: the same mapped for its layouts, or any."""
    network, arch, weights = judge.network, judge.arch, judge.weights

    def cost(chosen: Sequence[Unit]) -> float:
        return network_cost(network, chosen, arch, weights)

    def settle(runs: Mapping[Path, Run[Work]], blocks: Mapping[str, int]) -> list[Unit]:
        return judge.settler.settle(units_of(network, judge.runs, runs), {**alone.layouts, **blocks})

    least = {tuple(network.layers[i] for i in path): cost for path, cost in judge.least.items()}
    paid = paid_for_layouts(network, units, arch, weights, least)
    runs = _for_their_layouts(judge, units, alone.fixed, paid)
    if any(run is not unit.run for run, unit in zip(runs.values(), units, strict=True)):
        units = min(units, settle(runs, {}), key=cost)
        paid = paid_for_layouts(network, units, arch, weights, least)
    if not paid.is_worth_it:
        return units
    found = Laying.of(judge, alone, units, paid, least).best()
    return units if found is None else min(units, settle(*found), key=cost)


def _for_their_layouts(
    judge: Judge, units: Sequence[Unit], fixed: Mapping[Path, Run[Work]], paid: Paid
) -> dict[Path, Run[Work]]:
    """Return the runs of units, those that pay much for their layouts mapped for these where that costs less."""
    number = {layer.name: i for i, layer in enumerate(judge.network.layers)}
    runs: dict[Path, Run[Work]] = {}
    for unit in units:
        path = tuple(number[layer.name] for layer in unit.layers)
        runs[path] = unit.run
        if pays_much(unit, paid, judge.weights.price) and path not in fixed:
            lies = tuple(map(unit.run.work.block, unit.run.work.sides))
            with contextlib.suppress(MappingError):
                anew = run_anew(judge, path, lies)
                runs[path] = min(unit.run, anew, key=lambda run: cost_of(judge, path, run))
    return runs


def unit_of(judge: Judge, path: Path, run: Run[Work]) -> Unit:
    """Return the layers of a path with their run."""
    return Unit(layers=tuple(judge.network.layers[i] for i in path), run=run)


def cost_of(judge: Judge, path: Path, run: Run[Work]) -> float:
    """Return what a path costs that has run so."""
    return judge.weights.cost(Figures.of(judge.network, unit_of(judge, path, run), judge.leakage))


def run_anew(judge: Judge, path: Path, lies: Lies) -> Run[Work]:
    """Return the run of a path that is mapped for where its ends lie. Raises MappingError where nothing fits."""
    design, engine, price = bare(judge.arch), judge.engine, judge.weights.price
    if len(path) > 1:
        group = judge.groups[path]
        return run_group(group, design, price, engine, lies=_lies_of(group, ((block,) for block in lies)))
    problem = laid(judge.runs[path[0]].work.problem, lies)
    seen = seen_by(problem, design)
    return run_problem(problem, seen, engine, price, quanta=all_blocks(problem, seen))


def _lies_of(group: Group, ends: Iterable[Sequence[int | None]]) -> tuple[Blocks, ...]:
    """Return the blocks that what a group moves may lie in, its own in place of None."""
    each = zip(ends, group.own_blocks, strict=True)
    return tuple(tuple(one if block is None else block for block in blocks) for blocks, one in each)


@dataclass(kw_only=True)
class Laying:
    """The choice of cut, mappings and layouts: what units cost where, as far as it is known.

    ``paid`` is what was paid once all was settled; ``blocks`` are those that tensors may have. ``anew`` are the runs of
    units that were mapped anew for their layouts.
    """

    judge: Judge
    fixed: Mapping[Path, Run[Work]]
    paid: Paid
    least: LeastOf
    blocks: Mapping[str, Blocks]
    anew: dict[tuple[Path, Lies], Run[Work]] = field(default_factory=dict)

    @classmethod
    def of(cls, judge: Judge, alone: Alone, units: Sequence[Unit], paid: Paid, least: LeastOf) -> Laying:
        """Return what is known once ``units`` are settled."""
        network, arch = judge.network, judge.arch
        layers = units_of(network, judge.runs, {})
        blocks = blocks_of(network, [*layers, *units], arch, alone.layouts)
        if paid.is_wasteful:
            blocks = with_tiles(layers, arch, blocks)
        return cls(judge=judge, fixed=alone.fixed, paid=paid, least=least, blocks=blocks)

    def best(self) -> tuple[dict[Path, Run[Work]], dict[str, int]] | None:
        """Return the runs of the best cut and the blocks of its tensors, None where none can be worth it."""
        most = self.paid.whole * (1 - 1 / WORTH)
        offers = self._layer_offers() | {path: self._group_offer(path) for path in self.judge.simulated}
        costs = self._costs(offers, most)
        if min(costs.values()) >= most:
            return None
        trees = self._worth_trees(costs, most)
        offers |= {path: self._group_offer(path) for path in trees.paths if path not in offers}
        paths, layouts = self._best_paths(trees, offers)
        chosen = {path: offers[path].lies(layouts) for path in paths}
        return self._runs(chosen), {name: self.blocks[name][number] for name, number in layouts.items()}

    def _costs(self, offers: Mapping[Path, Offer], most: float) -> dict[Path, float]:
        """Return what the best cut costs that has a path, of all paths; not exactly where that is ``most`` or more."""
        while True:
            costs = costs_with(self.judge.trees, lambda path: self._least(path, offers))
            unknown = [path for path in self.judge.dismissed if costs.get(path, most) < most]
            if self.paid.is_wasteful or not unknown:
                return costs
            for path in unknown:
                self.judge.estimate(path, math.inf)

    def _best_paths(self, trees: Trees, offers: Mapping[Path, Offer]) -> tuple[list[Path], Layouts]:
        """Return the best cut and its layouts; once enough was mapped anew, by what is known then."""
        partition = LaidPartition(trees, lambda path: offers[path].table, users_of(self.judge.network, self.blocks))
        while True:
            _, paths, layouts = partition.best()
            unknown = [path for path in paths if offers[path].look(layouts)]
            if len(self.anew) >= MOST:
                unknown += self._take_known(offers)
            if not unknown:
                return paths, layouts
            partition.renew(unknown)

    def _take_known(self, offers: Mapping[Path, Offer]) -> list[Path]:
        """Let units cost where they were not mapped what their own mapping does; return those that were not known."""
        unknown = [path for path, offer in offers.items() if not offer.known.all()]
        for path in unknown:
            offer, own = offers[path], self._own_run(path)
            table = math.inf if own is None else self._as_mapped(unit_of(self.judge, path, own), offer.ends)
            offer.least = np.where(offer.known, offer.least, table)
            offer.known[:], offer.bounds = True, []
        return unknown

    def _worth_trees(self, costs: Mapping[Path, float], most: float) -> Trees:
        """Return the trees without groups that are in no cut of less than ``most``."""
        endings = tuple(
            tuple(ending for ending in endings if len(ending.path) == 1 or costs.get(ending.path, most) < most)
            for endings in self.judge.trees.endings
        )
        return Trees(endings, self.judge.trees.roots)

    def _least(self, path: Path, offers: Mapping[Path, Offer]) -> float | None:
        """Return what a path costs at least, in any layouts; None where it can't be."""
        if path in offers:
            return float(offers[path].least.min())
        return self.judge.least.get(path) if self.paid.is_wasteful else self.judge.known_least(path)

    def _layer_offers(self) -> dict[Path, Offer]:
        """Return what layers by themselves cost, and what is fixed, which takes the place of its last layer."""
        apart = {i for path in self.fixed for i in path}
        layers = [i for i in range(len(self.judge.runs)) if i not in apart]
        offers: dict[Path, Offer] = {(i,): self._offer((i,), self.judge.runs[i]) for i in layers}
        for path, run in self.fixed.items():
            ends, unit = self._ends(path, run), unit_of(self.judge, path, run)
            offers |= {(i,): Offer.all_known(NOTHING, np.zeros((1, 1))) for i in path[:-1]}
            offers[path[-1:]] = Offer.all_known(ends, self._as_mapped(unit, ends))
        return offers

    def _ends(self, path: Path, run: Run[Work]) -> tuple[End, ...]:
        """Return what a unit that has run reads and writes."""
        return ends_of(self.judge.network, path, self.blocks, run.work.fused)

    def _offer(self, path: Path, run: Run[Work]) -> Offer:
        """Return what a unit that has run costs by the layouts of its ends."""
        ends = self._ends(path, run)
        offer = Offer.of(ends, 0, partial(self._exact, path))
        offer.least = self._table(unit_of(self.judge, path, run), ends)
        return offer

    def _group_offer(self, path: Path) -> Offer:
        """Return what a group costs by the layouts of its ends: at least, where it has not run."""
        judge = self.judge
        if path in judge.simulated:
            return self._offer(path, judge.simulated[path])
        ends, least = ends_of(judge.network, path, self.blocks, judge.groups[path]), self._least(path, {})
        assert least is not None  # noqa: S101  # else it is not among what may be worth it
        return Offer.of(ends, least, partial(self._exact, path), partial(self._closer, path, ends))

    def _closer(self, path: Path, ends: tuple[End, ...]) -> float:
        """Return what a group costs at least, by its candidates in any layouts."""
        judge = self.judge
        group, design, price = judge.groups[path], bare(judge.arch), judge.weights.price
        lies = _lies_of(group, (end.blocks for end in ends))
        search = GroupSearch(group=group, arch=design, price=price, most=CANDIDATES, lies=lies)
        try:
            return min(one.least for one in group_candidates(search)) * ROUNDED
        except MappingError:
            return math.inf

    def _own_run(self, path: Path) -> Run[Work] | None:
        """Return the run of a path as it was mapped by itself; None for a group that was not."""
        return self.judge.runs[path[0]] if len(path) == 1 else self.judge.simulated.get(path)

    def _saving(self, unit: Unit) -> float:
        """Return what a unit could save in layouts that it was not mapped for, 0 where that is not looked for."""
        judge = self.judge
        saved = saved_at_most(judge.network, unit, self.blocks, judge.weights, self.least, SAVES)
        return saved if self.paid.is_wasteful and saved * WASTE > SAVES * self.paid.whole else 0.0

    def _table(self, unit: Unit, ends: tuple[End, ...]) -> Floats:
        """Return what a unit costs by the layouts of its ends: as it is mapped, or at least, where it may save much."""
        saving = self._saving(unit)
        as_mapped = self._as_mapped(unit, ends)
        if not saving:
            least = float(as_mapped.min())
            return np.asarray(least + (as_mapped - least) * HOPE)
        each = zip(unit.run.work.sides, ends, strict=True)
        padded = self.judge.weights.price.dram_byte * _all_sums([self._padding(unit, side, end) for side, end in each])
        return np.asarray(self._with_more(unit, np.zeros(())) - saving + padded)

    def _padding(self, unit: Unit, side: Side, end: End) -> Ints:
        """Return the bytes that a side of a unit takes more in each of its blocks than in the best."""
        layout = layout_of(unit, side)
        beside = [0 if block is None else padding(layout, block) for block in end.blocks]
        return np.asarray(beside) - min(beside)

    def _as_mapped(self, unit: Unit, ends: tuple[End, ...]) -> Floats:
        """Return what a unit costs by the layouts of its ends, mapped as it is, about."""
        burst_bytes = make_clocks(self.judge.arch).burst_bytes
        each = zip(unit.run.work.sides, ends, strict=True)
        more = [np.asarray(moved_more(unit, burst_bytes, side, end.blocks)) for side, end in each]
        return self._with_more(unit, _all_sums(more))

    def _with_more(self, unit: Unit, more: Floats) -> Floats:
        """Return what a unit costs that moves so many bytes more: time for these where it waits for DRAM."""
        judge, run = self.judge, unit.run
        each = cycles_of_byte(judge.arch)
        spare = max(run.latency_cycles - run.dram_bytes * each, 0.0)
        cycles = np.where(more > 0, np.maximum(more * each - spare, 0.0), more * each)
        cost = judge.weights.cost(Figures.of(judge.network, unit, judge.leakage))
        return np.asarray(cost + judge.weights.price.cycle * cycles + judge.weights.price.dram_byte * more)

    def _exact(self, path: Path, lies: Lies) -> float:
        """Return what a unit costs where its ends lie so: as it is mapped, or anew where that may save much."""
        own = self._own_run(path)
        if own is None:
            return self._mapped(path, lies, [])
        unit = unit_of(self.judge, path, own)
        more = np.asarray(moved_by(unit, make_clocks(self.judge.arch).burst_bytes, lies) - own.dram_bytes)
        as_it_is, at_best = float(self._with_more(unit, more)), float(self._with_more(unit, np.zeros(())))
        saves = as_it_is - at_best + self._saving(unit)
        if saves * PAYS <= self.paid.whole or len(self.anew) >= MOST:
            return as_it_is
        return self._mapped(path, lies, [self._as_it_is(own, lies)])

    def _mapped(self, path: Path, lies: Lies, runs: list[Run[Work]]) -> float:
        """Return what a unit costs that is mapped anew for where its ends lie, or as one of ``runs``."""
        if len(self.anew) < MOST:
            with contextlib.suppress(MappingError):
                runs = [*runs, run_anew(self.judge, path, lies)]
        if not runs:
            return math.inf
        best = min(runs, key=partial(cost_of, self.judge, path))
        self.anew[path, lies] = best
        return cost_of(self.judge, path, best)

    def _as_it_is(self, run: Run[Work], lies: Lies) -> Run[Work]:
        """Return the run of a unit as it is mapped where its ends lie so."""
        work = run.work
        for side, block in zip(work.sides, lies, strict=True):
            work = work if block is None else work.in_block(side, block)
        return settled(run, work, self.judge.engine)

    def _runs(self, chosen: Mapping[Path, Lies]) -> dict[Path, Run[Work]]:
        """Return the runs of the units that were chosen, where their ends lie so."""
        apart, runs = {i for path in self.fixed for i in path}, dict(self.fixed)
        for path, lies in chosen.items():
            if apart.isdisjoint(path):
                own, anew = self._own_run(path), self.anew.get((path, lies))
                runs[path] = self._as_it_is(own, lies) if own is not None and anew is None else self.anew[path, lies]
        return runs


def _all_sums(parts: Sequence[Ints]) -> Floats:
    """Return the sums of one value of each of ``parts``, an axis for each."""
    return np.asarray(sum(np.ix_(*parts)), dtype=np.float64)
