"""What a design costs at least under all workloads, as far as is known of it; known better layer by layer.

Where layers are mapped one by one for latency, that is what is known of each of them, beginning with the candidates of
the mapper. Of fused groups and other objectives, whose candidates are not known before, it is a bound on all mappings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.explore.bounds import least_of, metrics_at_best
from lw3dsim.explore.metrics import combined
from lw3dsim.network.outlook import Outlook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.explore.metrics import Metrics
    from lw3dsim.explore.point import Load
    from lw3dsim.explore.space import Space


class Prospect:
    """The prospect of a design of ``space``: ``arch`` on ``networks``, each as its load has it run.

    Raises InputError where a layer can't be mapped.
    """

    def __init__(self, space: Space, networks: Sequence[tuple[Load, Workload]], arch: Accelerator) -> None:
        self._space, self._networks, self._arch = space, networks, arch
        self._outlooks = [
            Outlook(network, arch, load.algorithm) if load.fusion == "off" and load.objective == "latency" else None
            for load, network in networks
        ]
        self._coarse = [
            least_of(network, load.algorithm, arch, is_fused=load.fusion != "off") if outlook is None else {}
            for (load, network), outlook in zip(networks, self._outlooks, strict=True)
        ]

    @property
    def simulated(self) -> int:
        """How many layers, of all workloads, have been simulated, or were known from other designs."""
        return sum(outlook.simulated for outlook in self._outlooks if outlook is not None)

    @property
    def least(self) -> Metrics:
        """Per metric, the best that the design can reach, as far as is known."""
        parts = [
            coarse if outlook is None else metrics_at_best(network, self._arch, outlook.least)
            for (_, network), outlook, coarse in zip(self._networks, self._outlooks, self._coarse, strict=True)
        ]
        best = combined(parts, [load.weight for load, _ in self._networks], self._space.combine)
        return {name: best[name] for name in self._space.metrics}

    def refine(self) -> bool:
        """Learn more of the first workload of which more can be learnt; return False where there is none."""
        return any(outlook.refine() for outlook in self._outlooks if outlook is not None)
