"""Area and leakage of the chip, sized for the algorithms that a run uses.

Multipliers, accumulators and vector unit are as wide as the widest operands and sums of any layer; a transform
unit has the adders of its largest tile at its throughput. Where the array sums up input channels in trees, there
is an accumulating adder with its registers per tree, and an adder at the width of a product for every other multiplier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from lw3dsim.account.vector import lane
from lw3dsim.base.records import Amount, Breakdown, figure
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.sram import buffers

if TYPE_CHECKING:
    from collections.abc import Collection

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Quantity

UM2_PER_MM2 = 1e6
UW_PER_MW = 1e3


class AreaBreakdown(Breakdown[float], frozen=True, kw_only=True):
    """Area by component."""

    multipliers: Annotated[Amount, figure("multipliers")]
    accumulators: Annotated[Amount, figure("adders and both banks of accumulators")]
    operand_registers: Annotated[Amount, figure("registers in front of the multipliers")]
    input_transform: Annotated[Amount, figure("Winograd transform of inputs")]
    weight_transform: Annotated[Amount, figure("Winograd transform of weights, where done on chip")]
    output_transform: Annotated[Amount, figure("Winograd transform of outputs")]
    vector: Annotated[Amount, figure("the vector unit")]
    ifmap_sram: Annotated[Amount, figure("the input buffer")]
    weight_sram: Annotated[Amount, figure("the weight buffer")]
    ofmap_sram: Annotated[Amount, figure("the output buffer")]


def area_mm2(arch: Accelerator, problems: Collection[Problem]) -> AreaBreakdown:
    """Return mm2 by component."""
    logic = {name: value / UM2_PER_MM2 for name, value in _logic(arch, problems, "area_um2").items()}
    return AreaBreakdown(**logic, **{f"{name}_sram": cost.area_mm2 for name, cost in buffers(arch).items()})


def leakage_mw(arch: Accelerator, problems: Collection[Problem]) -> float:
    """Return the leakage of logic and SRAM."""
    logic = sum(_logic(arch, problems, "leakage_uw").values()) / UW_PER_MW
    return logic + sum(cost.leakage_mw for cost in buffers(arch).values())


def _logic(arch: Accelerator, problems: Collection[Problem], quantity: Quantity) -> dict[str, float]:
    multiplying = [p for p in problems if p.structure != "vector"]
    data = max((p.data_bits for p in multiplying), default=arch.precision.activation_bits)
    weight = max((p.weight_bits for p in multiplying), default=arch.precision.weight_bits)
    declared = arch.precision.accumulator_bits
    register = max((p.register_bits for p in multiplying), default=declared)
    winograd = [p for p in multiplying if p.algorithm.is_winograd]
    transform = max((p.transform_bits for p in winograd), default=register)
    onchip = arch.winograd.weight_transform == "onchip"

    def adders(adds: str, rate: int, bits: int) -> float:
        per_coordinate = max((getattr(p.algorithm, adds) / p.algorithm.coordinates for p in winograd), default=0.0)
        return per_coordinate * rate * arithmetic(arch.tech, "add", quantity, bits)

    banks, trees = 2, arch.multipliers // arch.places("input_channels")
    return {
        "multipliers": arch.multipliers * arithmetic(arch.tech, "mult", quantity, data, weight),
        "accumulators": trees
        * (
            arithmetic(arch.tech, "add", quantity, register)
            + banks * arch.pe.acc_depth * arithmetic(arch.tech, "register", quantity, register)
        )
        + (arch.multipliers - trees) * arithmetic(arch.tech, "add", quantity, data + weight),
        "operand_registers": arch.multipliers
        * (arithmetic(arch.tech, "register", quantity, data) + arithmetic(arch.tech, "register", quantity, weight)),
        "input_transform": adders("input_adds", arch.input_coords_per_cycle, data),
        "weight_transform": adders("weight_adds", arch.weight_coords_per_cycle, weight) if onchip else 0.0,
        "output_transform": adders("output_adds", arch.output_coords_per_cycle, transform),
        "vector": arch.vector_lanes * lane(arch, problems, quantity),
    }
