"""The mapper of fused groups: all mappings that fit, ranked by what they move and take.

DRAM bursts are counted exactly as the schedule moves them, capacities as it fills them;
latency is estimated. The caller simulates the best few and takes the best by simulation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import Value
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import parallel_modes
from lw3dsim.map.group.candidates import Candidates, fit_tiles
from lw3dsim.map.group.cost import GroupCost, group_costs
from lw3dsim.map.group.group import GroupMapping  # noqa: TC001  # decoded when remembered

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Floats, Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.group.candidates import Fits
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.layer.price import Price


# Mappings that are simulated, at most, unless the caller wants more.
CANDIDATES = 5

# Tiles that are looked at first: those that may cost the least.
FEW_TILES = 64

# A bound in floats, against what sums of floats are rounded by.
ROUNDED = 1 - 1e-9

# As many times what is wanted is looked at first: several may take the same time in the same steps.
FEW = 8


class Found(Value, frozen=True, kw_only=True):
    """A mapping of a group: the DRAM bytes that it moves, and its cycles as estimated."""

    mapping: GroupMapping
    dram_bytes: int
    cycles: float


def search_group(
    group: Group, arch: Accelerator, clocks: Clocks, price: Price, *, keep: int = CANDIDATES
) -> list[Found]:
    """Return the ``keep`` cheapest mappings of ``group``, or all, best first.

    Raises MappingError when none fits, or where a stage has nothing to compute: such a layer runs by itself.
    """
    if group.idle_stages:
        raise MappingError("group", "a stage of the fused group has nothing to compute")
    fits = fit_tiles(group, arch)
    least = bound_tiles(fits, arch, clocks, price)
    order = np.argsort(least, kind="stable")
    # With adder trees a mapping may cost less than one of the same time and steps that moves less, and stands for it.
    count = fits.count if _may_have_trees(group, arch, price) else min(FEW_TILES, fits.count)
    while True:
        priced = price_candidates(group, fits.candidates(np.sort(order[:count])), arch, clocks, price)
        best = _cheapest(priced, keep)
        worst = priced.cost[best[-1]] if len(best) >= keep else math.inf
        needed = int(np.searchsorted(least[order], worst, "right"))
        if needed <= count:
            break
        count = needed
    if not best:
        raise MappingError("buffers", "no tile of the fused group fits the buffers")
    return [priced.found(i) for i in best]


def bound_tiles(fits: Fits, arch: Accelerator, clocks: Clocks, price: Price) -> Floats:
    """Return what no mapping of a tile costs less than, by tile."""
    cycles, bits = (np.asarray(column[: fits.count]) for column in (fits.tiles.cycles, fits.tiles.bits))
    moved = bits / 8
    moving = moved / clocks.burst_bytes * (clocks.burst_ticks / clocks.dram.channels / clocks.cycle_ticks)
    least = price.cycle * (np.maximum(cycles, moving) + arch.layer_setup_cycles) + price.dram_byte * moved
    return np.asarray(least * ROUNDED, dtype=np.float64)


def _may_have_trees(group: Group, arch: Accelerator, price: Price) -> bool:
    """Return whether some mode of a stage costs anything beside time and traffic."""
    return any(price.of_trees(stage, arch) != 0 for stage in group.stages if len(parallel_modes(stage, arch)) > 1)


class Priced(Value, frozen=True, kw_only=True):
    """Candidates with their figures: cycles, bytes moved, and the cost of these and of adder trees."""

    candidates: Candidates
    costs: GroupCost
    cycles: Floats
    moved: Ints
    cost: Floats
    has_trees: bool

    def found(self, i: int) -> Found:
        """Return candidate ``i``."""
        mapping = self.candidates.mapping(i, self.costs.parallel(i))
        return Found(mapping=mapping, dram_bytes=int(self.moved[i]), cycles=float(self.cycles[i]))


def price_candidates(group: Group, candidates: Candidates, arch: Accelerator, clocks: Clocks, price: Price) -> Priced:
    """Return the candidates with what they cost."""
    costs = group_costs(group, candidates, arch, clocks, price)
    cycles = costs.latency / clocks.cycle_ticks + arch.layer_setup_cycles
    moved = costs.bursts * clocks.burst_bytes
    trees = np.zeros(len(candidates))
    for stage, flags in zip(group.stages, costs.in_channels, strict=True):
        trees += flags * price.of_trees(stage, arch)
    return Priced(
        candidates=candidates,
        costs=costs,
        cycles=cycles,
        moved=moved,
        cost=price.cycle * cycles + price.dram_byte * moved + trees,
        has_trees=bool(trees.any()),
    )


def _cheapest(priced: Priced, keep: int) -> list[int]:
    """Return the positions of the cheapest.

    Of candidates that take the same time in the same steps, only the one that moves least is offered, unless all are.
    """
    cost, costs = priced.cost, priced.costs
    everything = np.arange(len(cost))
    if keep >= len(cost):
        return [int(i) for i in np.lexsort((everything, costs.steps, cost))]
    # With adder trees what moves least need not cost least.
    few = len(cost) if priced.has_trees else FEW * keep
    while few < len(cost):
        # Of the same time and steps, what moves least costs least: among the cheapest are the best of each.
        cheap = np.flatnonzero(cost <= np.partition(cost, few)[few])
        found = _distinct(cheap, cost, costs)[:keep]
        if len(found) == keep:
            return found
        few *= FEW
    return _distinct(everything, cost, costs)[:keep]


def _distinct(among: Ints, cost: Floats, costs: GroupCost) -> list[int]:
    """Return the positions of those that move least in their time and steps, the cheapest first."""
    order = among[np.lexsort((among, costs.bursts[among], costs.steps[among], costs.latency[among]))]
    is_new = np.diff(costs.latency[order], prepend=-1) != 0
    is_new |= np.diff(costs.steps[order], prepend=-1) != 0
    distinct = order[is_new]
    best = np.lexsort((distinct, costs.steps[distinct], cost[distinct]))
    return [int(i) for i in distinct[best]]
