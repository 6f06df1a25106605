"""The mapper of fused groups: all mappings that fit, ranked by what they move and take.

DRAM bursts are counted exactly as the schedule moves them, capacities as it fills them;
latency is estimated. The caller simulates the best few and takes the best by simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from lw3dsim.errors import MappingError
from lw3dsim.map.group_candidates import enumerate_group
from lw3dsim.map.group_cost import group_costs

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.fused import Group, GroupMapping
    from lw3dsim.map.group_cost import GroupCost

Objective = Literal["latency", "dram_bytes"]

OBJECTIVES: tuple[Objective, ...] = ("latency", "dram_bytes")

# Latencies (or DRAM bytes) within 1/1000 count as equal; fewer DRAM bytes (or the latency) then decide.
TOLERANCE = 1000


@dataclass(frozen=True, kw_only=True)
class Found:
    """A mapping of a group: the DRAM bursts that it moves, and its latency in ticks as estimated."""

    mapping: GroupMapping
    bursts: int
    latency_ticks: float


def search_group(
    group: Group, arch: Accelerator, clocks: Clocks, *, keep: int = 5, objective: Objective = "latency"
) -> list[Found]:
    """Return the ``keep`` most promising mappings of ``group``, best first; raise MappingError when none fits."""
    candidates = enumerate_group(group, arch)
    if len(candidates) == 0:
        raise MappingError("buffers", "no tile of the fused group fits the buffers")
    costs = group_costs(group, candidates, arch, clocks)
    return [
        Found(
            mapping=candidates.mapping(i, costs.parallel(i)),
            bursts=int(costs.bursts[i]),
            latency_ticks=float(costs.latency[i]),
        )
        for i in _best(costs, keep, objective)
    ]


def _best(costs: GroupCost, keep: int, objective: Objective) -> list[int]:
    """Return the positions of the best: half by the other figure among the nearly best, then by the objective.

    Of candidates that take the same time in the same steps, only the one that moves least is offered.
    """
    latency, bursts, steps = costs.latency, costs.bursts, costs.steps
    order = np.lexsort((np.arange(len(bursts)), bursts, steps, latency))
    is_new = (np.diff(latency[order], prepend=-1) != 0) | (np.diff(steps[order], prepend=-1) != 0)
    distinct = order[is_new]
    wanted, other = (bursts, latency) if objective == "dram_bytes" else (latency, bursts)
    wanted, other, steps = wanted[distinct], other[distinct], steps[distinct]
    near = np.flatnonzero(wanted * TOLERANCE <= wanted.min() * (TOLERANCE + 1))
    thrifty = near[np.lexsort((distinct[near], steps[near], wanted[near], other[near]))][: (keep + 1) // 2]
    best = np.lexsort((distinct, steps, other, wanted))[:keep]
    return [int(distinct[i]) for i in list(dict.fromkeys([*thrifty.tolist(), *best.tolist()]))[:keep]]
