"""What a cut of a network is chosen by: its layers as they ran one by one, and what stands whatever is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.values import Value
from lw3dsim.network.units import units_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.account.simulated import LayerRun, Run, Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.partition import Path
    from lw3dsim.network.objective import Weights
    from lw3dsim.schedule.work import Work


class Alone(Value, frozen=True, kw_only=True):
    """A network whose layers ran by themselves as in ``runs``, and the ``weights`` by which cuts of it are judged.

    Units that are ``fixed``, by the numbers of their layers, and channel blocks of tensors in ``layouts`` stand.
    """

    network: Workload
    runs: Sequence[LayerRun]
    arch: Accelerator
    engine: str
    weights: Weights
    fixed: Mapping[Path, Run[Work]]
    layouts: Mapping[str, int]

    @property
    def units(self) -> list[Unit]:
        """The layers in no groups but those that are fixed."""
        return units_of(self.network, self.runs, self.fixed)

    @property
    def fixed_layers(self) -> set[int]:
        """The numbers of the layers that are in fixed units."""
        return {i for path in self.fixed for i in path}
