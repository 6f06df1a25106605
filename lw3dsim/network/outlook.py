"""What a network costs at least, by what is known of its layers, which can be made more, layer by layer.

At first a layer is known by the floors of all mappings that it may get. Once it is simulated, its mapping is known;
once all are, so are the layouts of their tensors, and layers that were simulated in these are known exactly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.account.area import area_mm2, leakage_mw
from lw3dsim.account.energy import leaked_pj
from lw3dsim.account.simulated import Unit, sparsities_of
from lw3dsim.base.values import Value
from lw3dsim.errors import MappingError
from lw3dsim.network.floor import Floor, exact_floor, floors_under, layer_floors
from lw3dsim.network.layers import run_layer
from lw3dsim.network.layouts import laid_out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lw3dsim.account.simulated import LayerRun
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.network.floor import Floors

# A layer about whose mapping there is no doubt may still be slower than its floor: by about such a share.
SLACK = 0.02


class Least(Value, frozen=True, kw_only=True):
    """What a network costs at least."""

    cycles: int
    dram_bytes: int
    energy_pj: float
    area_mm2: float


class Outlook:
    """The outlook of a network on ``arch``, its layers mapped one by one for latency, as ``policy`` allows."""

    def __init__(self, network: Workload, arch: Accelerator, policy: str) -> None:
        """Find the floors of all layers. Raises MappingError, which names the layer, where one can't be mapped."""
        self._network, self._arch, self._policy = network, arch, policy
        self._floors = [self._found(layer) for layer in network.layers]
        self._least = [_cheapest(floors) for floors in self._floors]
        self._runs: dict[int, LayerRun] = {}
        self._is_laid_out = False
        certain = _certain(self._floors)
        self._leakage_mw = leakage_mw(arch, certain)
        self._area_mm2 = math.fsum(area_mm2(arch, certain).values())

    @property
    def simulated(self) -> int:
        """How many of its layers have been simulated, or were known from other designs."""
        return len(self._runs)

    @property
    def least(self) -> Least:
        """What the network costs at least, as far as it is known."""
        cycles = sum(least.cycles for least in self._least)
        leaked = leaked_pj({"all": cycles}, self._arch, self._leakage_mw)["all"]
        return Least(
            cycles=cycles,
            dram_bytes=sum(least.dram_bytes for least in self._least),
            energy_pj=math.fsum([leaked, *(least.working_pj for least in self._least)]),
            area_mm2=self._area_mm2,
        )

    def refine(self) -> bool:
        """Simulate the layer that is most in doubt, then choose layouts; return False where only timing is left."""
        unknown = [i for i in range(len(self._floors)) if i not in self._runs]
        if unknown:
            whole = self.least
            self._simulate(max(unknown, key=lambda i: self._doubt(i, whole)))
        elif not self._is_laid_out:
            self._lay_out()
        else:
            return False
        return True

    def _found(self, layer: AnyLayer) -> Floors:
        try:
            (sparsity,) = sparsities_of(self._network, (layer,))
            return layer_floors(self._network, layer, self._arch, self._policy, sparsity)
        except MappingError as error:
            raise MappingError(error.key, f"layer {layer.name} of {self._network.name}: {error}") from None

    def _doubt(self, i: int, whole: Least) -> float:
        """Return how much layer ``i`` may add to what is known: shares of time and energy of the ``whole`` network."""
        floors, least = self._floors[i], self._least[i]
        cycles = max(one.cycles for one in floors) - least.cycles + SLACK * least.cycles
        energy = max(one.working_pj for one in floors) - least.working_pj + SLACK * least.working_pj
        return cycles / whole.cycles + energy / whole.energy_pj

    def _simulate(self, i: int) -> None:
        run = run_layer(self._network, self._network.layers[i], self._arch, self._policy, "auto", None)
        self._runs[i] = run
        self._floors[i] = floors_under(self._floors[i], run)
        self._least[i] = _cheapest(self._floors[i])

    def _lay_out(self) -> None:
        layers = self._network.layers
        units = [Unit(layers=(layer,), run=self._runs[i]) for i, layer in enumerate(layers)]
        works, _ = laid_out(self._network, units, self._arch, {})
        for i, (unit, work) in enumerate(zip(units, works, strict=True)):
            if unit.run.work == work:
                self._least[i] = exact_floor(self._network, unit)
        self._is_laid_out = True


def _cheapest(floors: Floors) -> Floor:
    """Return the least of each figure; of the mappings, the first."""
    return Floor(
        work=floors[0].work,
        cycles=min(one.cycles for one in floors),
        dram_bytes=min(one.dram_bytes for one in floors),
        working_pj=min(one.working_pj for one in floors),
    )


def _certain(layers: Iterable[Floors]) -> list[Problem]:
    """Return the problems of layers whose mappings all ask the same of the chip: it is no smaller with them alone."""
    found = {}
    for floors in layers:
        first, *others = {_asked(one.work.problem) for one in floors}
        if not others:
            found[first] = floors[0].work.problem
    return list(found.values())


def _asked(of: Problem) -> tuple[object, ...]:
    """Return all that area and leakage depend on."""
    bits = (of.data_bits, of.weight_bits, of.accumulator_bits, of.register_bits, of.transform_bits)
    vector = (of.mix, of.activation_bits, of.output_bits, of.needed_bits)
    return of.structure == "vector", of.algorithm, *bits, *vector
