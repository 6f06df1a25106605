"""What a mapped network costs: each figure is worked out when it is first asked for, for records and designs alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from lw3dsim.account.area import area_mm2, leakage_mw
from lw3dsim.account.energy import COMPONENTS
from lw3dsim.account.power import joined, layer_profile
from lw3dsim.account.simulated import component_energy_pj, sparsities_of, unit_accesses, unit_energy_pj
from lw3dsim.arithmetic.noise import combined_db, sqnr_db
from lw3dsim.base.caches import once
from lw3dsim.result.derived import derived

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.account.accesses import Access
    from lw3dsim.account.area import AreaBreakdown
    from lw3dsim.account.energy import Causes, Sparsity
    from lw3dsim.account.power import Profile
    from lw3dsim.account.simulated import Run, Unit
    from lw3dsim.arithmetic.seen import Calibrated
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.result.derived import Derived
    from lw3dsim.schedule.work import Work

Value = TypeVar("Value")


class Costs:
    """The figures of ``units``, the layers and fused groups of ``network`` in order, simulated on ``arch``.

    The SQNR is that of operands like those of ``calibrated``, where they are; else operands are taken as uniform.
    """

    def __init__(
        self, network: Workload, arch: Accelerator, units: Sequence[Unit], calibrated: Calibrated | None = None
    ) -> None:
        self.network, self.arch, self.units, self.calibrated = network, arch, units, calibrated

    @once
    def problems(self) -> tuple[Problem, ...]:
        """The layers as they are mapped, each different one once: what the chip must be able to do."""
        runs = {id(unit.run): unit.run for unit in self.units}
        return tuple(problem for run in runs.values() for problem in run.work.stages)

    @once
    def leakage_mw(self) -> float:
        """Leakage of the whole chip."""
        return leakage_mw(self.arch, self.problems)

    @once
    def area_mm2(self) -> AreaBreakdown:
        """Area by component."""
        return area_mm2(self.arch, self.problems)

    @property
    def frames(self) -> int:
        """Frames of a clip: of its longest input."""
        return max(shape.frames for shape in self.network.inputs.values())

    @once
    def latency_cycles(self) -> int:
        """Cycles of the core clock, one layer or group after the other."""
        return sum(unit.run.latency_cycles for unit in self.units)

    @once
    def dram_bytes(self) -> int:
        """Bytes from and to DRAM."""
        return sum(unit.run.dram_bytes for unit in self.units)

    @once
    def _firsts(self) -> list[int]:
        """Per unit, the number of the first that is the same run on tensors as sparse, and so takes the same energy."""
        known: dict[tuple[Run[Work], tuple[Sparsity, ...]], int] = {}
        keys = [(unit.run, sparsities_of(self.network, unit.layers)) for unit in self.units]
        return [known.setdefault(key, i) for i, key in enumerate(keys)]

    def _of_units(self, value: Callable[[int], Value]) -> list[Value]:
        """Return a value for every unit by its number, worked out once for those that are alike."""
        known = {first: value(first) for first in dict.fromkeys(self._firsts)}
        return [known[first] for first in self._firsts]

    @once
    def unit_causes_pj(self) -> list[dict[str, Causes]]:
        """Energy of every unit by component and cause."""
        return self._of_units(lambda i: unit_energy_pj(self.network, self.units[i], self.leakage_mw))

    @once
    def unit_energy_pj(self) -> list[dict[str, float]]:
        """Energy of every unit by component."""
        return self._of_units(lambda i: component_energy_pj(self.network, self.units[i], self.leakage_mw))

    @once
    def unit_accesses(self) -> list[tuple[Access, ...]]:
        """Accesses of every unit at every level."""
        return self._of_units(lambda i: unit_accesses(self.network, self.units[i], self.unit_causes_pj[i]))

    @once
    def energy_pj(self) -> dict[str, float]:
        """Energy by component."""
        return {name: math.fsum(energy[name] for energy in self.unit_energy_pj) for name in COMPONENTS}

    @once
    def derived(self) -> Derived:
        """What follows from counts and energies."""
        batch = self.network.batch
        macs = batch * sum(self.network.layer_macs(layer) for layer in self.network.layers)
        mults = sum(unit.run.events.mults for unit in self.units)
        return derived(self.latency_cycles, macs, mults, self.energy_pj, self.arch, batch)

    @once
    def profiles(self) -> list[Profile]:
        """When every unit spends its energy."""
        return self._of_units(self._profile)

    def _profile(self, i: int) -> Profile:
        run = self.units[i].run
        return layer_profile(run.activity, self.unit_causes_pj[i], run.latency_cycles * self.arch.cycle_ps)

    @once
    def unit_peak_mw(self) -> list[float]:
        """Power of every unit over its busiest window."""
        return self._of_units(lambda i: peak_mw(self.profiles[i], self.arch))

    @once
    def peak_power_mw(self) -> float:
        """Power over the busiest window."""
        return peak_mw(joined(self.profiles), self.arch)

    @once
    def unit_sqnr_db(self) -> list[float | None]:
        """Signal to quantisation noise of every unit, None where it is exact."""
        return [self._sqnr_db(unit) for unit in self.units]

    @once
    def sqnr_db(self) -> float | None:
        """Signal to quantisation noise of the network, None where it is exact."""
        return combined_db(self.unit_sqnr_db)

    def _sqnr_db(self, unit: Unit) -> float | None:
        problems = unit.run.work.stages
        values = [self._layer_db(layer.name, one) for layer, one in zip(unit.layers, problems, strict=True)]
        return values[0] if len(values) == 1 else combined_db(values)

    def _layer_db(self, layer: str, problem: Problem) -> float | None:
        if self.calibrated is None:
            return sqnr_db(problem)
        return self.calibrated.estimated_db(layer, problem, self.arch.precision)


def peak_mw(profile: Profile, arch: Accelerator) -> float:
    """Return the power over the busiest window of a design."""
    return profile.peak_mw(arch.power_window_us * 1e6)
