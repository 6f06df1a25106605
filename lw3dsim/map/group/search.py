"""The mapper of fused groups: all mappings that fit, ranked by what they move and take.

DRAM bursts are counted exactly as the schedule moves them, capacities as it fills them;
latency is estimated. The caller simulates the best few and takes the best by simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import Value
from lw3dsim.errors import MappingError
from lw3dsim.map.group.candidates import enumerate_group
from lw3dsim.map.group.cost import group_costs
from lw3dsim.map.group.group import GroupMapping  # noqa: TC001  # decoded when remembered

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Floats, Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.group.cost import GroupCost
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.layer.price import Price


# Mappings that are simulated, at most, unless the caller wants more.
CANDIDATES = 5

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
    candidates = enumerate_group(group, arch)
    if len(candidates) == 0:
        raise MappingError("buffers", "no tile of the fused group fits the buffers")
    costs = group_costs(group, candidates, arch, clocks, price)
    cycles = costs.latency / clocks.cycle_ticks + arch.layer_setup_cycles
    moved = costs.bursts * clocks.burst_bytes
    trees = np.zeros(len(candidates))
    for stage, flags in zip(group.stages, costs.in_channels, strict=True):
        trees += flags * price.of_trees(stage, arch)
    return [
        Found(
            mapping=candidates.mapping(i, costs.parallel(i)),
            dram_bytes=int(moved[i]),
            cycles=float(cycles[i]),
        )
        for i in _cheapest(
            price.cycle * cycles + price.dram_byte * moved + trees, costs, keep, has_trees=bool(trees.any())
        )
    ]


def _cheapest(cost: Floats, costs: GroupCost, keep: int, *, has_trees: bool) -> list[int]:
    """Return the positions of the cheapest.

    Of candidates that take the same time in the same steps, only the one that moves least is offered, unless all are.
    """
    everything = np.arange(len(cost))
    if keep >= len(cost):
        return [int(i) for i in np.lexsort((everything, costs.steps, cost))]
    # With adder trees what moves least need not cost least.
    few = len(cost) if has_trees else FEW * keep
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
