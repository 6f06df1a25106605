"""The candidates among which the mapping of a layer is chosen: where energy counts, judged by that on chip as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.account.energy import Sparsity, Stage, onchip_pj
from lw3dsim.account.tally import tallies
from lw3dsim.base.values import replace
from lw3dsim.map.layer.ranking import BUSY_PARTS
from lw3dsim.map.layer.search import search
from lw3dsim.network.objective import at_work

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Quanta
    from lw3dsim.map.layer.price import Price
    from lw3dsim.map.layer.search import Candidate

# How many mappings are looked at closely, where energy counts, for each that is simulated.
NEAR = 4


def candidates_of(
    problem: Problem,
    arch: Accelerator,
    clocks: Clocks,
    price: Price | None,
    keep: int,
    burst_ticks: int,
    quanta: Quanta | None,
) -> list[Candidate]:
    """Return the ``keep`` most promising mappings of a layer for ``price``, a burst counted as ``burst_ticks``.

    Where energy counts, those near in time and traffic are judged by all that they take on chip as well. Of ``quanta``
    see :func:`candidate_sizes`. Raises MappingError when none fits.
    """
    if price is None or not price.pj:
        return search(problem, arch, clocks, keep=keep, burst_ticks=burst_ticks, quanta=quanta)
    price = at_work(price.counted(clocks), [problem], arch)
    near = search(
        problem,
        arch,
        clocks,
        keep=NEAR * keep,
        burst_ticks=burst_ticks,
        tree_ticks=price.in_ticks(price.of_trees(problem, arch), clocks),
        busy_parts=round(price.busy / price.cycle * BUSY_PARTS),
        row_ticks=price.in_ticks(price.row, clocks),
    )
    spent = []
    for one, tally in zip(near, tallies(problem, [one.mapping for one in near], arch, clocks.burst_bytes), strict=True):
        stage = Stage(problem=problem, events=tally.events, ideal_mults=problem.ideal_mults)
        own = price.pj * onchip_pj([stage], tally.events, arch, [Sparsity()]) + price.busy * tally.array_cycles
        own += price.row * one.rows
        spent.append(replace(one, own_ticks=price.in_ticks(own, clocks)))
    return sorted(spent, key=lambda one: one.ticks + burst_ticks * one.bursts + one.own_ticks)[:keep]
