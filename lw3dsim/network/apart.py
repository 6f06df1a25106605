"""The layers of a network one by one, mapped by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lw3dsim.errors import MappingError
from lw3dsim.network.layers import run_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lw3dsim.account.simulated import LayerRun, Run
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.partition import Path
    from lw3dsim.map.layer.price import Price
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
