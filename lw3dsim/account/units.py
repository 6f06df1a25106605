"""The unit costs of a design: what the accounts multiply by, what is multiplied by it, and its source.

Of a design by itself, algorithms are direct and its Winograd tiles of 3-tap kernels, and sums have the declared width.
Of a design and a workload, both are those of the workload's layers: what they are charged for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lw3dsim.account.area import side_mm
from lw3dsim.account.built import addresses, control_flip_flops
from lw3dsim.account.events import constant_mults
from lw3dsim.account.fusing import kept_word_pj
from lw3dsim.account.vector import dividing, made_pj, operand_pj, product_bits
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.dram.power import DramCounts, dram_energy
from lw3dsim.machine.problem import operand_bits
from lw3dsim.technology.arithmetic import STRUCTURES, arithmetic, arithmetic_source
from lw3dsim.technology.sram import buffers
from lw3dsim.technology.structures import (
    CLOCK_TREE,
    SMALL_SOURCE,
    WIRE_SOURCE,
    accumulator_file,
    clock_pj,
    structure_pj,
    structure_source,
    structure_um2,
    wire_pj_per_bit_mm,
)
from lw3dsim.technology.tables import SOURCE as TABLE_SOURCE
from lw3dsim.technology.tables import table
from lw3dsim.transform.algorithms import Algorithm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Operation, Quantity
    from lw3dsim.technology.structures import Structure

# The kernel size (K, and R = S) for which Winograd operands are shown, and the frames of a mean.
TAPS = 3
FRAMES = 16


class UnitCost(Value, frozen=True, kw_only=True):
    """``value`` in ``unit`` of one ``component``, paid ``per`` event, unit or time."""

    component: str
    value: float
    unit: str
    per: str
    source: str


def unit_costs(arch: Accelerator, problems: Sequence[Problem] = ()) -> list[UnitCost]:
    """Return the unit costs of ``arch``: DRAM, SRAM, arithmetic of ``problems``, or of direct and 3-tap kernels."""
    logic = _layer_rows(arch, problems) if problems else _declared_rows(arch)
    return list(dict.fromkeys([*dram_rows(arch), *_sram_rows(arch), *logic, *_structure_rows(arch)]))


def shown_widths(arch: Accelerator, workload: str | None) -> str:
    """Return which algorithms and widths the unit costs are of, in one sentence."""
    if workload is not None:
        return f"Algorithms and widths are those of the layers of {workload}."
    precision = arch.precision
    wider = ", and wider where a layer's worst case needs more" if precision.overflow == "widen" else ""
    return (
        f"Algorithms are direct and Winograd of {TAPS}-tap kernels; sums have {precision.accumulator_bits} bits as "
        f"declared{wider} (precision.overflow: {precision.overflow}); give a workload for what its layers take."
    )


def dram_rows(arch: Accelerator) -> list[UnitCost]:
    """Return the unit costs of the memory outside the chip."""
    dram = make_clocks(arch).dram
    standard = dram.standard
    one = DramCounts(
        reads=1, writes=1, activates=1, precharges=1, refreshes=1, active_clocks=dram.channels, idle_clocks=0
    )
    energy = dram_energy(standard, one)
    closed = dram_energy(standard, replace(one, active_clocks=0, idle_clocks=dram.channels))
    burst = f"burst of {standard.burst_bytes} bytes"
    ns = standard.clock_ns
    values = (
        ("dram_activate", energy.activate, "pJ", "activate and precharge", standard.source),
        ("dram_read", energy.read, "pJ", f"{burst} read", standard.source),
        ("dram_write", energy.write, "pJ", f"{burst} written", standard.source),
        ("dram_refresh", energy.refresh, "pJ", "refresh of all banks of a channel", standard.source),
        ("dram_background", energy.background / ns, "mW", "time with a bank open, all channels", standard.source),
        ("dram_background", closed.background / ns, "mW", "time with no bank open, all channels", standard.source),
        ("dram_io", standard.io_read_pj_per_bit, "pJ", "bit read", standard.io_source),
        ("dram_io", standard.io_write_pj_per_bit, "pJ", "bit written", standard.io_source),
    )
    return [
        UnitCost(component=component, value=value, unit=unit, per=per, source=source)
        for component, value, unit, per, source in values
    ]


def _sram_rows(arch: Accelerator) -> list[UnitCost]:
    rows = []
    for name, cost in buffers(arch).items():
        every = f"access of a macro: every {cost.cycles_per_access} cycle(s)"
        values = (
            (cost.read_pj_per_byte, "pJ", "byte of a word read, wanted or not"),
            (cost.write_pj_per_byte, "pJ", "byte of a word written, filled or not"),
            (cost.leakage_mw, "mW", "time"),
            (cost.area_mm2, "mm2", "buffer"),
            (cost.random_cycle_ns, "ns", every),
            (cost.access_ns, "ns", f"answer of a macro: in {cost.access_cycles} cycle(s)"),
        )
        rows += [
            UnitCost(component=f"{name}_sram", value=value, unit=unit, per=per, source=cost.source)
            for value, unit, per in values
        ]
    return rows


def _declared_rows(arch: Accelerator) -> list[UnitCost]:
    wide = arch.precision.accumulator_bits
    rows = []
    for algorithm in _algorithms(arch):
        rows += _operand_rows(arch, algorithm, *operand_bits(algorithm, arch.precision))
    rows += _operation(arch, "accumulators", "add", (wide,))
    rows += _bank_rows(arch, "accumulators", wide)
    rows += _operation(arch, "output_transform", "add", (wide,))
    rows += _operation(arch, "vector", "add", (wide,))
    rows += _table_rows(arch, arch.precision.activation_bits)
    bits = arch.precision.activation_bits
    return rows + _mean_rows(arch, f"up to {FRAMES} frames", bits + (FRAMES - 1).bit_length(), bits)


def _layer_rows(arch: Accelerator, problems: Sequence[Problem]) -> list[UnitCost]:
    rows = []
    for problem in sorted(problems, key=lambda one: (one.algorithm.label, one.register_bits)):
        where = f"({problem.algorithm.label})"
        if problem.has_weights:
            rows += _operand_rows(arch, problem.algorithm, problem.data_bits, problem.weight_bits)
            rows += _operation(arch, f"accumulators {where}", "add", (problem.register_bits,))
            rows += _bank_rows(arch, f"accumulators {where}", problem.register_bits)
        if problem.algorithm.is_winograd:
            rows += _operation(arch, f"output_transform {where}", "add", (problem.transform_bits,))
        rows += _operation(arch, "vector", "add", (problem.accumulator_bits,))
        rows += _vector_rows(arch, problem)
        if constant_mults(problem):
            frames = f"{problem.clip_frames} frames"
            rows += _mean_rows(arch, frames, problem.divider_bits, problem.activation_bits)
    return rows


def _vector_rows(arch: Accelerator, problem: Problem) -> list[UnitCost]:
    """Return what the vector unit does in a layer besides additions."""
    rows, mix, bits = list[UnitCost](), problem.mix, product_bits(problem)
    if not problem.has_weights:
        rows += _lane_rows(arch, problem)
    if mix.products and mix.divides_sums:
        rows += _mean_rows(arch, "a window", bits, problem.output_bits)
    elif mix.products:
        rows += _operation(arch, "vector (product)", "mult", (bits, bits))
    if mix.inverses:
        rows += _operation(arch, "vector (inverse)", "mult", (2 * bits, 2 * bits))
    if mix.lookups or mix.inverses:
        rows += _table_rows(arch, problem.output_bits)
    return rows


def _lane_rows(arch: Accelerator, problem: Problem) -> list[UnitCost]:
    """Return what a lane takes besides operations."""
    bits, wide = problem.activation_bits, problem.accumulator_bits
    held = f"operand of {bits} bit held, chosen, and kept with a sum of {wide}"
    made = f"sum or result of {wide} bit packed, merged and finished"
    values: tuple[tuple[float, str, Structure], ...] = (
        (operand_pj(problem, arch), held, "flip_flop"), (made_pj(problem, arch), made, "multiplexer"),
    )  # fmt: skip
    return [
        UnitCost(component="vector (lane)", value=value, unit="pJ", per=per, source=structure_source(source))
        for value, per, source in values
    ]


def _mean_rows(arch: Accelerator, of: str, bits: int, quotient_bits: int) -> list[UnitCost]:
    """Return what divides sums of so many bits: a product with a constant, an addition that rounds, a shift."""
    units: tuple[tuple[Quantity, str, str], ...] = (
        ("energy_pj", "pJ", f"mean of a sum of {bits} bit"),
        ("leakage_uw", "uW", f"divider of sums of {bits} bit, time"),
        ("area_um2", "um2", f"divider of sums of {bits} bit"),
    )
    return [
        UnitCost(
            component=f"vector (mean of {of})",
            value=dividing(arch.tech, quantity, bits, quotient_bits),
            unit=unit,
            per=per,
            source=structure_source("multiplier") if unit == "um2" else arithmetic_source(arch.tech, "mult"),
        )
        for quantity, unit, per in units
    ]


def _table_rows(arch: Accelerator, bits: int) -> list[UnitCost]:
    one = table(arch.tech, bits)
    values = ((one.energy_pj, "pJ", f"{bits} bit look-up"), (one.leakage_uw, "uW", "table, time"))
    return [
        UnitCost(component="vector (look-up)", value=value, unit=unit, per=per, source=f"{TABLE_SOURCE}, {one.form}")
        for value, unit, per in (*values, (one.area_um2, "um2", "table"))
    ]


def _bank_rows(arch: Accelerator, component: str, bits: int) -> list[UnitCost]:
    """Return what a bank of accumulators takes, of what the design builds it of."""
    bank, words = accumulator_file(arch, bits), arch.pe.acc_depth
    size = f"{words} words of {bits} bit"
    structure: Structure = "latch_file" if bank.storage == "latch" else "flip_flop_file"
    source = SMALL_SOURCE if bank.storage == "sram" else structure_source(structure)
    values = (
        (bank.access_pj, "pJ", f"read and write, {bank.storage}, {size}"),
        (bank.leakage_uw, "uW", f"bank of {bank.storage}, {size}, time"),
        (bank.area_um2, "um2", f"bank of {bank.storage}, {size}"),
    )
    return [
        UnitCost(component=component, value=value, unit=unit, per=per, source=source) for value, unit, per in values
    ]


def _structure_rows(arch: Accelerator) -> list[UnitCost]:
    """Return what staging, clock, wires and control take."""
    tech, data = arch.tech, arch.precision.activation_bits
    held = -(-arch.staging_room // arch.places("output_channels"))
    word = arch.buffers.ifmap_port_bytes
    file_bit, choice = structure_pj(tech, "flip_flop_file"), structure_pj(tech, "selector")
    weight = arch.precision.weight_bits
    values: tuple[tuple[str, float, str, str, Structure | str], ...] = (
        ("staging", word * choice, "pJ", f"input captured, of a word of {word} bytes for all rows", "selector"),
        ("staging", data * held * file_bit, "pJ", f"input written and read, {held} of {data} bit", "flip_flop_file"),
        (
            "staging",
            weight * arch.staging_weights * file_bit,
            "pJ",
            f"weight written and read, {arch.staging_weights} of {weight} bit",
            "flip_flop_file",
        ),
        ("staging", structure_um2(tech, "flip_flop_file"), "um2", "bit of a file", "flip_flop_file"),
        ("staging", structure_um2(tech, "selector"), "um2", "byte of a word to choose from", "selector"),
        ("wires", wire_pj_per_bit_mm(tech), "pJ", f"bit and mm; side of the chip {side_mm(arch):.3g} mm", WIRE_SOURCE),
        ("clock", clock_pj(tech), "pJ", f"flip-flop and cycle, with {CLOCK_TREE} x for the tree", "clock_pin"),
        (
            "control",
            control_flip_flops(arch) * clock_pj(tech),
            "pJ",
            f"cycle: {control_flip_flops(arch)} flip-flops",
            "clock_pin",
        ),
        ("staging", addresses(tech, "energy_pj"), "pJ", "input found: counters and steps of 16 bits", "multiplexer"),
        ("collector", structure_pj(tech, "selector"), "pJ", "byte of all sums to choose an output from", "selector"),
        ("collector", structure_um2(tech, "selector"), "um2", "the same", "selector"),
        ("vector", structure_um2(tech, "multiplexer"), "um2", "bit of two to choose from", "multiplexer"),
    )
    if arch.buffers.can_fuse:
        kept = zip(kept_word_pj(arch), ("read: found, turned, chosen", "written: placed, turned"), strict=True)
        values += tuple(
            ("ofmap_sram (intermediate tensors)", each, "pJ", f"word {what}", "multiplexer") for each, what in kept
        )
    return [
        UnitCost(
            component=component,
            value=value,
            unit=unit,
            per=per,
            source=source if source == WIRE_SOURCE else structure_source(cast("Structure", source)),
        )
        for component, value, unit, per, source in values
    ]


def _operand_rows(arch: Accelerator, algorithm: Algorithm, data: int, weight: int) -> list[UnitCost]:
    """Return what handles the operands of a multiplier: ``data`` x ``weight`` bits."""
    where = f"({algorithm.label})"
    rows = _operation(arch, f"multipliers {where}", "mult", (data, weight))
    rows += _operation(arch, f"operand_registers {where}", "register", (data,))
    rows += _operation(arch, f"operand_registers {where}", "register", (weight,))
    if not algorithm.is_winograd:
        return rows + _operation(arch, "accumulators (adder tree)", "add", (data + weight,))
    if arch.places("input_channels") > 1:
        rows += _operation(arch, f"accumulators (adder tree, {algorithm.label})", "add", (data + weight,))
    rows += _operation(arch, f"input_transform {where}", "add", (data,))
    return rows + _operation(arch, f"weight_transform {where}", "add", (weight,))


def _algorithms(arch: Accelerator) -> list[Algorithm]:
    """Return direct and the design's two Winograd tiles of 3-tap kernels."""
    m1, m2 = arch.winograd.m1, arch.winograd.m2
    found = [Algorithm(kind="direct")]
    if m1 > 1:
        found.append(Algorithm(kind="winograd1d", tile=(m1, 1, 1), filter=(TAPS, 1, 1)))
    if m2 > 1:
        found.append(Algorithm(kind="winograd2d", tile=(1, m2, m2), filter=(1, TAPS, TAPS)))
    return found


def _operation(arch: Accelerator, component: str, operation: Operation, bits: tuple[int, ...]) -> list[UnitCost]:
    names = {"add": "addition", "mult": "multiplication", "register": "register access"}
    units = {"add": "adder", "mult": "multiplier", "register": "register"}
    width = "x".join(map(str, bits))
    source = arithmetic_source(arch.tech, operation)
    drawn = structure_source(STRUCTURES[operation])
    values = (
        (arithmetic(arch.tech, operation, "energy_pj", *bits), "pJ", f"{width} bit {names[operation]}", source),
        (arithmetic(arch.tech, operation, "leakage_uw", *bits), "uW", f"{width} bit {units[operation]}, time", source),
        (arithmetic(arch.tech, operation, "area_um2", *bits), "um2", f"{width} bit {units[operation]}", drawn),
    )
    return [
        UnitCost(component=component, value=value, unit=unit, per=per, source=source)
        for value, unit, per, source in values
    ]
