"""The unit costs of a design: what the accounts multiply by, what is multiplied by it, and its source.

Of a design by itself, algorithms are direct and its Winograd tiles of 3-tap kernels, and sums have the declared width.
Of a design and a workload, both are those of the workload's layers: what they are charged for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.account.events import constant_mults
from lw3dsim.account.vector import product_bits
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.dram.power import DramCounts, dram_energy
from lw3dsim.machine.problem import operand_bits
from lw3dsim.technology.arithmetic import arithmetic, arithmetic_source
from lw3dsim.technology.sram import buffers
from lw3dsim.technology.tables import SOURCE as TABLE_SOURCE
from lw3dsim.technology.tables import table
from lw3dsim.transform.algorithms import Algorithm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Operation

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
    return list(dict.fromkeys([*dram_rows(arch), *_sram_rows(arch), *logic]))


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
            (cost.read_pj_per_byte, "pJ", "byte read"),
            (cost.write_pj_per_byte, "pJ", "byte written"),
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
    rows += _operation(arch, "accumulators", "register", (wide,))
    rows += _operation(arch, "output_transform", "add", (wide,))
    rows += _operation(arch, "vector", "add", (wide,))
    rows += _table_rows(arch, arch.precision.activation_bits)
    mean = arch.precision.activation_bits + (FRAMES - 1).bit_length()
    return rows + _operation(arch, f"vector (mean of up to {FRAMES} frames)", "mult", (mean, mean))


def _layer_rows(arch: Accelerator, problems: Sequence[Problem]) -> list[UnitCost]:
    rows = []
    for problem in sorted(problems, key=lambda one: (one.algorithm.label, one.register_bits)):
        where = f"({problem.algorithm.label})"
        if problem.has_weights:
            rows += _operand_rows(arch, problem.algorithm, problem.data_bits, problem.weight_bits)
            rows += _operation(arch, f"accumulators {where}", "add", (problem.register_bits,))
            rows += _operation(arch, f"accumulators {where}", "register", (problem.register_bits,))
        if problem.algorithm.is_winograd:
            rows += _operation(arch, f"output_transform {where}", "add", (problem.transform_bits,))
        rows += _operation(arch, "vector", "add", (problem.accumulator_bits,))
        rows += _vector_rows(arch, problem)
        if constant_mults(problem):
            mean = problem.divider_bits
            rows += _operation(arch, f"vector (mean of {problem.clip_frames} frames)", "mult", (mean, mean))
    return rows


def _vector_rows(arch: Accelerator, problem: Problem) -> list[UnitCost]:
    """Return what the vector unit does in a layer besides additions."""
    rows, mix, bits = list[UnitCost](), problem.mix, product_bits(problem)
    if mix.products:
        rows += _operation(arch, "vector (product)", "mult", (bits, bits))
    if mix.inverses:
        rows += _operation(arch, "vector (inverse)", "mult", (2 * bits, 2 * bits))
    if mix.lookups or mix.inverses:
        rows += _table_rows(arch, problem.output_bits)
    return rows


def _table_rows(arch: Accelerator, bits: int) -> list[UnitCost]:
    one = table(arch.tech, bits)
    values = ((one.energy_pj, "pJ", f"{bits} bit look-up"), (one.leakage_uw, "uW", "table, time"))
    return [
        UnitCost(component="vector (look-up)", value=value, unit=unit, per=per, source=f"{TABLE_SOURCE}, {one.form}")
        for value, unit, per in (*values, (one.area_um2, "um2", "table"))
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
    values = (
        (arithmetic(arch.tech, operation, "energy_pj", *bits), "pJ", f"{width} bit {names[operation]}"),
        (arithmetic(arch.tech, operation, "leakage_uw", *bits), "uW", f"{width} bit {units[operation]}, time"),
        (arithmetic(arch.tech, operation, "area_um2", *bits), "um2", f"{width} bit {units[operation]}"),
    )
    return [
        UnitCost(component=component, value=value, unit=unit, per=per, source=source) for value, unit, per in values
    ]
