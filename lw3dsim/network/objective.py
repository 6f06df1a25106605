"""What a network is mapped for: latency, energy, their product or DRAM bytes, as a cost and as a price of mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import structs

from lw3dsim.account.area import leakage_mw
from lw3dsim.account.dram import MOVED
from lw3dsim.account.energy import TIMED, clocked_pj
from lw3dsim.account.simulated import Unit, component_energy_pj
from lw3dsim.base.values import Value, names_of, replace
from lw3dsim.map.layer.price import BYTES_ONLY, Price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.simulated import LayerRun
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.machine.problem import Problem

Objective = Literal["latency", "energy", "edp", "dram_bytes", "dram_bytes_only"]

OBJECTIVES: tuple[Objective, ...] = ("latency", "energy", "edp", "dram_bytes", "dram_bytes_only")

# For `latency`, all DRAM bytes of a network are worth this part of its cycles.
TIE = 200

# For `dram_bytes`, all cycles of a network are worth this part of its bytes: at a 1000th, the last 0.2% of the bytes of
# C3D in FSB form, direct, cost 41% more time.
TIME = 50

# What products and their sums take, however they are mapped, but for trees that add them up.
FORMED = ("multipliers", "operand_registers", "accumulators", "vector")


class Figures(Value, frozen=True, kw_only=True):
    """What a layer, a group or a network costs; of its energy, what time takes, traffic, and products as such.

    Of that of traffic ``opened_pj`` opens rows of DRAM, of which there are ``rows``.
    """

    cycles: float
    dram_bytes: float
    energy_pj: float
    timed_pj: float
    moved_pj: float
    opened_pj: float
    rows: float
    formed_pj: float

    @classmethod
    def of(cls, network: Workload, unit: Unit, leakage: float | None) -> Figures:
        """Return what ``unit`` costs on a chip of ``leakage`` mW; None: energy, which takes long, counts as none."""
        run = unit.run
        if leakage is None:
            return cls(
                cycles=run.latency_cycles,
                dram_bytes=run.dram_bytes,
                energy_pj=0.0,
                timed_pj=0.0,
                moved_pj=0.0,
                opened_pj=0.0,
                rows=run.dram.activates,
                formed_pj=0.0,
            )
        energy = component_energy_pj(network, unit, leakage)
        return cls(
            cycles=run.latency_cycles,
            dram_bytes=run.dram_bytes,
            energy_pj=sum(energy.values()),
            timed_pj=sum(value for name, value in energy.items() if name in TIMED),
            moved_pj=sum(energy[name] for name in MOVED),
            opened_pj=energy["dram_activate"],
            rows=run.dram.activates,
            formed_pj=sum(energy[name] for name in FORMED),
        )

    @classmethod
    def total(cls, parts: Sequence[Figures]) -> Figures:
        """Return the sums of ``parts``."""
        columns = zip(*map(structs.astuple, parts), strict=True)
        return cls(**dict(zip(names_of(cls), map(sum, columns), strict=True)))


class Weights(Value, frozen=True, kw_only=True):
    """What makes figures one cost, and the price of a mapping: what its cycles and DRAM bytes add to that cost."""

    cycle: float
    dram_byte: float
    pj: float
    price: Price

    @classmethod
    def of(cls, objective: Objective, alone: Figures) -> Weights:
        """Return the weights for a network that costs ``alone`` without fusion."""
        if objective == "dram_bytes_only":
            return cls(cycle=BYTES_ONLY.cycle, dram_byte=BYTES_ONLY.dram_byte, pj=0.0, price=BYTES_ONLY)
        if objective in ("latency", "dram_bytes"):
            is_latency = objective == "latency"
            cycle = 1.0 if is_latency else alone.dram_bytes / alone.cycles / TIME
            dram_byte = alone.cycles / alone.dram_bytes / TIE if is_latency else 1.0
            return cls(cycle=cycle, dram_byte=dram_byte, pj=0.0, price=Price(cycle=cycle, dram_byte=dram_byte))
        # A product changes by each factor in proportion: that of energy and delay to first order, about no fusion.
        cycle = alone.energy_pj / alone.cycles if objective == "edp" else 0.0
        price = Price(
            cycle=cycle + alone.timed_pj / alone.cycles,
            dram_byte=alone.moved_pj / alone.dram_bytes,
            pj=1.0,
            row=alone.opened_pj / alone.rows,
            opening=alone.opened_pj / alone.dram_bytes,
        )
        return cls(cycle=cycle, dram_byte=0.0, pj=1.0, price=price)

    def cost(self, figures: Figures) -> float:
        """Return the cost of ``figures``."""
        return self.cycle * figures.cycles + self.dram_byte * figures.dram_bytes + self.pj * figures.energy_pj


def at_work(price: Price, problems: Sequence[Problem], arch: Accelerator) -> Price:
    """Return ``price`` with what the clock of the array costs as it works on ``problems``, or of the vector unit."""
    if not price.pj:
        return price
    of_array, of_vector = clocked_pj(problems, arch)
    return replace(price, busy=price.pj * (of_array or of_vector))


def leakage_of(units: Sequence[Unit], arch: Accelerator) -> float:
    """Return what a chip leaks that is built for all ``units``, in mW."""
    return leakage_mw(arch, [stage.problem for unit in units for stage in unit.run.stages])


def network_cost(network: Workload, units: Sequence[Unit], arch: Accelerator, weights: Weights) -> float:
    """Return the cost of a mapped network."""
    leakage = leakage_of(units, arch) if weights.pj else None
    return weights.cost(Figures.total([Figures.of(network, unit, leakage) for unit in units]))


def make_weights(network: Workload, runs: Sequence[LayerRun], arch: Accelerator, objective: Objective) -> Weights:
    """Return the weights for ``network``, whose layers by themselves ran as in ``runs``."""
    units = [Unit(layers=(layer,), run=run) for layer, run in zip(network.layers, runs, strict=True)]
    leakage = leakage_of(units, arch) if objective in ("energy", "edp") else None
    return Weights.of(objective, Figures.total([Figures.of(network, unit, leakage) for unit in units]))
