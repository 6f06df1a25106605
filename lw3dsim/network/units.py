"""A mapped network as units: layers by themselves, and groups that are fused or fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.account.simulated import Unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.account.simulated import LayerRun, Run
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.partition import Path
    from lw3dsim.schedule.work import Work

# Whether layers are fused: not at all, or where it is worth it.
MODES = ("off", "auto")


def units_of(network: Workload, runs: Sequence[LayerRun], fixed: Mapping[Path, Run[Work]]) -> list[Unit]:
    """Return ``network`` cut into the ``fixed`` units and the layers that ``runs`` holds, ordered by their last layers.

    Where all layers are in fixed units, ``runs`` may be empty.
    """
    inside = {i for path in fixed for i in path}
    units: dict[Path, Run[Work]] = {(i,): run for i, run in enumerate(runs) if i not in inside}
    units.update(fixed)
    return [
        Unit(layers=tuple(network.layers[i] for i in path), run=units[path])
        for path in sorted(units, key=lambda path: path[-1])
    ]
