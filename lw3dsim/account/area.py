"""Area and leakage of the chip, sized for the algorithms that a run uses.

Multipliers, accumulators, collector and vector unit are as wide as the widest operands and sums of any layer; a
transform unit has the adders of its largest tile at its throughput. Staging files hold plain inputs and weights as wide
as the widest. Where the array sums up input channels in trees, there is an accumulating adder per tree.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from lw3dsim.account.built import addresses, collector, control, tile_places, tree_adders
from lw3dsim.account.fusing import chosen, fusing
from lw3dsim.account.outputs import Widths, output_transform
from lw3dsim.account.transforming import column_coordinates, columns, depths_of, input_stages, tile_choices
from lw3dsim.account.vector import vector_unit
from lw3dsim.base.caches import kept
from lw3dsim.base.records import Amount, Breakdown, figure
from lw3dsim.machine.near import groups_of, kernel_words, patch_words, word_bits
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.sram import buffers
from lw3dsim.technology.structures import accumulator_file, structure

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Quantity

UM2_PER_MM2 = 1e6
UW_PER_MW = 1e3

# Banks of accumulators, and sets of staging files.
BANKS = SETS = 2


class AreaBreakdown(Breakdown[float], frozen=True, kw_only=True):
    """Area by component."""

    multipliers: Annotated[Amount, figure("multipliers")]
    adder_trees: Annotated[Amount, figure("trees that sum up input channels, in and across PEs; idle operands cut off")]
    accumulators: Annotated[Amount, figure("adders and both banks of accumulators")]
    operand_registers: Annotated[Amount, figure("registers in front of and behind the multipliers")]
    staging: Annotated[Amount, figure("staging files, what fills and addresses them, and the corner turn of the DMA")]
    input_transform: Annotated[Amount, figure("Winograd transform of inputs")]
    weight_transform: Annotated[Amount, figure("Winograd transform of weights, where done on chip")]
    output_transform: Annotated[Amount, figure("Winograd transform of outputs")]
    collector: Annotated[Amount, figure("what picks outputs, adds biases and partial sums, rounds, and packs words")]
    vector: Annotated[Amount, figure("the vector unit")]
    control: Annotated[Amount, figure("descriptors, counters and states of the controller, also of fused groups")]
    ifmap_sram: Annotated[Amount, figure("the input buffer")]
    weight_sram: Annotated[Amount, figure("the weight buffer")]
    ofmap_sram: Annotated[Amount, figure("the output buffer")]


def area_mm2(arch: Accelerator, problems: Collection[Problem]) -> AreaBreakdown:
    """Return mm2 by component."""
    logic = {name: value / UM2_PER_MM2 for name, value in _logic(arch, problems, "area_um2").items()}
    return AreaBreakdown(**logic, **{f"{name}_sram": cost.area_mm2 for name, cost in buffers(arch).items()})


def leakage_mw(arch: Accelerator, problems: Collection[Problem]) -> float:
    """Return the leakage of logic and SRAM."""
    return logic_leakage_mw(arch, problems) + sum(cost.leakage_mw for cost in buffers(arch).values())


def logic_leakage_mw(arch: Accelerator, problems: Collection[Problem], *, without: tuple[str, ...] = ()) -> float:
    """Return the leakage of logic, but for components that it is asked ``without``."""
    by = _logic(arch, problems, "leakage_uw")
    return sum(value for name, value in by.items() if name not in without) / UW_PER_MW


def _logic(arch: Accelerator, problems: Collection[Problem], quantity: Quantity) -> dict[str, float]:
    multiplying = [p for p in problems if p.structure != "vector"]
    data = max((p.data_bits for p in multiplying), default=arch.precision.activation_bits)
    weight = max((p.weight_bits for p in multiplying), default=arch.precision.weight_bits)
    register = max((p.register_bits for p in multiplying), default=arch.precision.accumulator_bits)

    winograd = [p for p in multiplying if p.algorithm.is_winograd]
    transform = max((p.transform_bits for p in multiplying), default=register)
    widths = Widths(register, _output_bits(arch, multiplying), transform)
    onchip = arch.winograd.weight_transform == "onchip"

    def add(bits: int) -> float:
        return arithmetic(arch.tech, "add", quantity, bits)

    def adders(adds: str, rate: int, bits: int) -> float:
        per_coordinate = max((getattr(p.algorithm, adds) / p.algorithm.coordinates for p in winograd), default=0.0)
        return per_coordinate * rate * add(bits)

    accumulators, trees = accumulator_file(arch, register), arch.multipliers // arch.places("input_channels")
    own = any(p.structure == "grouped" for p in multiplying)
    # Every column has transforms for its tiles, for those of all rows where these take fast algorithms of their own.
    many = columns(arch, own_inputs=any(p.structure == "grouped" for p in winograd))
    tiles = max((many * column_coordinates(arch, p.algorithm) for p in winograd), default=0)
    depths = depths_of(problems)
    return {
        "multipliers": arch.multipliers * arithmetic(arch.tech, "mult", quantity, data, weight),
        "adder_trees": sum(many * add(bits) for bits, many in tree_adders(arch, data + weight).items())
        + arch.multipliers * data * structure(arch.tech, "multiplexer", quantity),
        "accumulators": trees
        * (add(register) + BANKS * (accumulators.area_um2 if quantity == "area_um2" else accumulators.leakage_uw)),
        "operand_registers": array_flip_flops(arch, data, weight, own_inputs=own)
        * arithmetic(arch.tech, "register", quantity, 1)
        + input_stages(arch, depths, data, quantity, own_inputs=own),
        "staging": _staging(arch, weight, winograd, quantity, own_inputs=own),
        "input_transform": adders("input_adds", max(arch.input_coords_per_cycle, tiles), data),
        "weight_transform": adders("weight_adds", arch.weight_coords_per_cycle, weight) if onchip else 0.0,
        "output_transform": output_transform(
            arch, winograd, widths, quantity, also_direct=len(winograd) < len(problems)
        ),
        "collector": _collector(arch, multiplying, quantity),
        "vector": vector_unit(arch, problems, quantity),
        "control": control(arch, quantity, depths) + fusing(arch, quantity, depths),
    }


def _collector(arch: Accelerator, problems: Collection[Problem], quantity: Quantity) -> float:
    sums = _output_bits(arch, problems)
    places = max((tile_places(arch, p) for p in problems), default=arch.pe.mults_per_pe)
    return collector(arch, places, sums, quantity)


def _output_bits(arch: Accelerator, problems: Collection[Problem]) -> int:
    return max((p.accumulator_bits for p in problems), default=arch.precision.accumulator_bits)


@kept(4096)
def array_flip_flops(arch: Accelerator, data_bits: int, weight_bits: int, *, own_inputs: bool) -> int:
    """Return the flip-flops around the multipliers: of operands, one for all that share it, and of products."""
    inputs = arch.multipliers if own_inputs else arch.input_lanes
    operands = inputs * data_bits + arch.multipliers // arch.places("tiles") * weight_bits + arch.multipliers
    return operands + arch.product_stages * arch.multipliers * (data_bits + weight_bits)


@kept(1024)
def side_mm(arch: Accelerator) -> float:
    """Return the side of a square as large as the chip, for direct convolutions at the declared widths."""
    return math.sqrt(math.fsum(area_mm2(arch, ()).values()))


def corner_turn_bits(arch: Accelerator) -> int:
    """Return the bits of both tiles of the corner turn of the DMA: words of the input port, a block of channels."""
    return SETS * arch.dram.channel_block * word_bits(arch)


def _staging(
    arch: Accelerator, weight_bits: int, fast: Sequence[Problem], quantity: Quantity, *, own_inputs: bool
) -> float:
    """Return both sets of files, what finds inputs in them, and both tiles of the corner turn.

    Of the words of a patch those near all lanes are chosen, or those near each group of elements, of these every
    element's own.
    """
    bits, lanes = arch.precision.activation_bits, arch.input_lanes
    rows_of_weights = arch.multipliers // arch.places("tiles") // arch.pe.mults_per_pe
    of_weights = rows_of_weights * kernel_words(arch, weight_bits) * 8 * arch.buffers.weight_port_bytes
    held = SETS * (lanes * arch.staging_room * bits + of_weights)
    groups, word = groups_of(arch, (p.algorithm for p in fast), own_inputs=own_inputs), word_bits(arch)
    near = groups.reach
    chooses = (
        tile_choices(arch, fast, weight_bits, quantity, own_inputs=own_inputs)
        if fast
        else max(patch_words(arch) - near, 0) * word * structure(arch.tech, "multiplexer", quantity)
    )
    # Elements of all rows side by side take one more in each of the halving steps.
    beside = (arch.places("output_channels") - 1) * bits * (near * word // bits - 1).bit_length() if own_inputs else 0
    return (
        held * structure(arch.tech, "flip_flop_file", quantity)
        + groups.many * groups.size * (near * word + beside) / 8 * structure(arch.tech, "selector", quantity)
        + chooses
        + chosen(arch, quantity)
        + 2 * lanes * addresses(arch.tech, quantity)
        + corner_turn_bits(arch) * arithmetic(arch.tech, "register", quantity, 1)
    )
