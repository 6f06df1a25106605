"""The cheapest way to run a network: fused, or mapped for energy or traffic, against its layers mapped for latency."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lw3dsim.network.alone import Alone
from lw3dsim.network.apart import map_layers
from lw3dsim.network.kinds import worthy_kinds
from lw3dsim.network.layout_costs import least_as_mapped, may_cost, paid_for_layouts, pays_much
from lw3dsim.network.layouts import settle_layouts
from lw3dsim.network.objective import make_weights, network_cost
from lw3dsim.network.told import FUSING
from lw3dsim.network.units import units_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.account.simulated import LayerRun, Run, Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.partition import Path
    from lw3dsim.network.objective import Objective, Weights
    from lw3dsim.network.told import Told
    from lw3dsim.schedule.work import Work


def cheapest_units(
    network: Workload,
    runs: list[LayerRun],
    design: Accelerator,
    *,
    algorithm: str,
    engine: str,
    fusion: str,
    objective: Objective,
    fixed: Mapping[Path, Run[Work]],
    layouts: Mapping[str, int],
    told: Told,
) -> list[Unit]:
    """Return what costs the least for ``objective``, in groups where ``fusion`` is not off, all tensors in layouts.

    By themselves, mapped for latency, the layers ran as in ``runs``; units that are ``fixed`` and ``layouts`` stand.
    """
    fastest = units_of(network, runs, fixed)
    weights = make_weights(network, runs, design, objective)
    if objective != "latency":
        runs = _map_layers_for(network, design, algorithm, engine, weights, fixed, told)
        # What time and traffic are worth where layers are fused is told by layers as they are then.
        weights = make_weights(network, runs, design, objective)
    alone = Alone(network=network, runs=runs, arch=design, engine=engine, weights=weights, fixed=fixed, layouts=layouts)
    found: list[list[Unit]] = []
    cost = partial(network_cost, network, arch=design, weights=weights)
    if fusion != "off":
        from lw3dsim.network.laying import fused_units

        found.append(fused_units(alone, partial(told.layer, times=FUSING)))
    if not found or least_as_mapped(fastest, weights) < cost(found[0]):
        found.insert(0, settle_layouts(network, fastest, design, engine, layouts))
    if fusion == "off" or may_cost(network, alone.units, design, weights) < min(map(cost, found)):
        found.append(_one_by_one(alone))
    return min(reversed(found), key=cost)


def _map_layers_for(
    network: Workload,
    design: Accelerator,
    algorithm: str,
    engine: str,
    weights: Weights,
    fixed: Mapping[Path, Run[Work]],
    told: Told,
) -> list[LayerRun]:
    """Map and simulate every layer by itself for what time and traffic are worth."""
    priced = partial(map_layers, network, design, algorithm=algorithm, engine=engine, price=weights.price, fixed=fixed)
    runs = priced(progress=told.layer)
    if algorithm == "auto" and weights.pj:
        return worthy_kinds(network, runs, design, weights, lambda without: priced(without=without))
    return runs


def _one_by_one(alone: Alone) -> list[Unit]:
    """Return the layers of a network in no groups but those that are fixed, all tensors in layouts."""
    network, arch, weights = alone.network, alone.arch, alone.weights
    units = settle_layouts(network, alone.units, arch, alone.engine, alone.layouts)
    paid = paid_for_layouts(network, units, arch, weights, {})
    if not (paid.is_worth_it or any(pays_much(unit, paid, weights.price) for unit in units)):
        return units
    from lw3dsim.network.laying import laid_layers

    return laid_layers(alone, units)
