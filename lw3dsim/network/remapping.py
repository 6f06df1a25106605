"""Units mapped anew for where their tensors lie, once a compromise of all that use a tensor has been found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.values import replace
from lw3dsim.network.fusion import fuse, run_group
from lw3dsim.network.layers import run_problem
from lw3dsim.network.layouts import settle_layouts
from lw3dsim.network.objective import Figures, leakage_of, network_cost
from lw3dsim.network.runs import bare, seen_by
from lw3dsim.schedule.work import GroupWork, LayerWork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lw3dsim.account.simulated import LayerRun, Run, Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.partition import Path
    from lw3dsim.network.objective import Weights
    from lw3dsim.schedule.work import Work


# What a unit pays for the layout of a neighbour is looked at where it is more than this part of all.
WORTH = 2000


def fused_units(
    network: Workload,
    runs: Sequence[LayerRun],
    arch: Accelerator,
    engine: str,
    weights: Weights,
    fixed: Mapping[Path, Run[Work]],
    given: Mapping[str, int],
    progress: Callable[[int], None] | None = None,
) -> list[Unit]:
    """Return ``network`` cut into fused groups and layers, all tensors in their layouts; see :func:`fuse`."""
    units = fuse(network, runs, arch, engine, weights, fixed, given, progress)
    return laid_units(network, units, arch, engine, weights, fixed, given)


def laid_units(
    network: Workload,
    units: list[Unit],
    arch: Accelerator,
    engine: str,
    weights: Weights,
    fixed: Mapping[Path, Run[Work]],
    given: Mapping[str, int],
) -> list[Unit]:
    """Return mapped ``units`` with all tensors in their layouts.

    Units that pay much for the layout of a neighbour are mapped anew for it, where that costs less in all.
    """
    units = settle_layouts(network, units, arch, engine, given)
    leakage = leakage_of(units, arch) if weights.pj else None
    apart = {network.layers[path[0]] for path in fixed}

    def cost(unit: Unit) -> float:
        return weights.cost(Figures.of(network, unit, leakage))

    least = sum(map(cost, units)) / WORTH
    paying = [weights.price.of(0, unit.layout_extra_bytes) > least for unit in units]
    cheaper = [
        min(unit, _anew(unit, arch, engine, weights), key=cost) if pays and unit.layers[0] not in apart else unit
        for unit, pays in zip(units, paying, strict=True)
    ]
    if all(one is unit for one, unit in zip(cheaper, units, strict=True)):
        return units
    again = settle_layouts(network, cheaper, arch, engine, given)
    return min(units, again, key=lambda chosen: network_cost(network, chosen, arch, weights))


def _anew(unit: Unit, arch: Accelerator, engine: str, weights: Weights) -> Unit:
    """Return a unit mapped for the layouts that its tensors have."""
    work, design = unit.run.work, bare(arch)
    if isinstance(work, GroupWork):
        return replace(unit, run=run_group(work.group, design, weights.price, engine))
    if isinstance(work, LayerWork):
        return replace(unit, run=run_problem(work.problem, seen_by(work.problem, design), engine, weights.price))
    raise TypeError(f"{unit.name} is neither a layer nor a group")
