"""The layers of a network one by one: mapped by themselves, and laid out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from lw3dsim.errors import MappingError
from lw3dsim.network.kinds import worthy_kinds
from lw3dsim.network.layers import run_layer
from lw3dsim.network.layout_costs import paid_for_layouts, pays_much
from lw3dsim.network.layouts import settle_layouts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lw3dsim.account.simulated import LayerRun, Run, Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.partition import Path
    from lw3dsim.map.layer.price import Price
    from lw3dsim.network.alone import Alone
    from lw3dsim.network.objective import Weights
    from lw3dsim.network.told import Told
    from lw3dsim.schedule.work import Work
    from lw3dsim.transform.algorithms import Kind


def map_layers(
    network: Workload,
    design: Accelerator,
    *,
    algorithm: str = "direct",
    engine: str = "auto",
    progress: Callable[[int], None] | None = None,
    price: Price | None = None,
    fixed: Mapping[Path, Run[Work]] | None = None,
    without: frozenset[Kind] = frozenset(),
) -> list[LayerRun]:
    """Map and simulate every layer by itself, but for the ``fixed`` ones, which are taken over.

    Of the algorithms that are allowed, kinds are done ``without``. ``progress`` is called with the number of each, once
    it is done. Raises MappingError, which names the layer.
    """
    runs = []
    for number, layer in enumerate(network.layers):
        given = (fixed or {}).get((number,))
        try:
            # A unit of one layer is that layer by itself.
            if given is None:
                given = run_layer(network, layer, design, algorithm, engine, price, without)
            runs.append(cast("LayerRun", given))
        except MappingError as error:
            raise MappingError(error.key, f"layer {layer.name} of {network.name}: {error}") from None
        if progress is not None:
            progress(number)
    return runs


def map_layers_for(
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


def one_by_one(alone: Alone) -> list[Unit]:
    """Return the layers of a network in no groups but those that are fixed, all tensors in layouts."""
    network, arch, weights = alone.network, alone.arch, alone.weights
    units = settle_layouts(network, alone.units, arch, alone.engine, alone.layouts)
    paid = paid_for_layouts(network, units, arch, weights, {})
    if not (paid.is_worth_it or any(pays_much(unit, paid, weights.price) for unit in units)):
        return units
    from lw3dsim.network.laying import laid_layers

    return laid_layers(alone, units)
