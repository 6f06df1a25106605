"""Energy of a layer by component: events times the unit energies of ``tables`` and the DRAM preset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.account.dram import DRAM_COMPONENTS, dram_energy_pj
from lw3dsim.account.tables import Sram, arithmetic, sram
from lw3dsim.describe.clocks import make_clocks

if TYPE_CHECKING:
    from lw3dsim.account.events import Events
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.dram.power import DramCounts
    from lw3dsim.map.problem import Problem

COMPONENTS = (
    *DRAM_COMPONENTS,
    "ifmap_sram",
    "weight_sram",
    "ofmap_sram",
    "multipliers",
    "accumulators",
    "operand_registers",
    "input_transform",
    "weight_transform",
    "output_transform",
    "vector",
    "leakage",
)


def buffers(arch: Accelerator) -> dict[str, Sram]:
    """Return the costs of the three buffers."""
    b, tech = arch.buffers, arch.tech
    return {
        "ifmap": sram(b.ifmap_kib, b.ifmap_port_bytes, tech.node_nm, tech.sram_cell),
        "weight": sram(b.weight_kib, b.weight_port_bytes, tech.node_nm, tech.sram_cell),
        "ofmap": sram(b.ofmap_kib, b.ofmap_port_bytes, tech.node_nm, tech.sram_cell),
    }


def layer_energy_pj(
    problem: Problem, events: Events, dram: DramCounts, latency_cycles: int, arch: Accelerator, leakage_mw: float
) -> dict[str, float]:
    """Return pJ by component of one layer; ``leakage_mw`` is that of the whole chip."""
    time_ns = latency_cycles * arch.cycle_ps / 1000
    memory = buffers(arch)
    energy = dram_energy_pj(make_clocks(arch).dram, dram)
    for name, cost in memory.items():
        read, written = getattr(events, f"{name}_read_bytes"), getattr(events, f"{name}_write_bytes")
        energy[f"{name}_sram"] = read * cost.read_pj_per_byte + written * cost.write_pj_per_byte
    # 1 mW for 1 ns is 1 pJ.
    return energy | _logic_pj(problem, events) | {"leakage": leakage_mw * time_ns}


def _logic_pj(problem: Problem, events: Events) -> dict[str, float]:
    algorithm, wide = problem.algorithm, problem.accumulator_bits
    data, weight = problem.data_bits, problem.weight_bits
    register = problem.register_bits
    accumulate = arithmetic("add", "energy_pj", register) + 2 * arithmetic("register", "energy_pj", register)
    operands = arithmetic("register", "energy_pj", data) + arithmetic("register", "energy_pj", weight)
    return {
        "multipliers": events.mults * arithmetic("mult", "energy_pj", data, weight),
        "accumulators": events.accumulations * accumulate
        + events.tree_adds * arithmetic("add", "energy_pj", data + weight),
        "operand_registers": events.mults * operands,
        "input_transform": events.input_tiles * algorithm.input_adds * arithmetic("add", "energy_pj", data),
        "weight_transform": events.weight_kernels * algorithm.weight_adds * arithmetic("add", "energy_pj", weight),
        "output_transform": events.output_tiles * algorithm.output_adds * arithmetic("add", "energy_pj", register),
        "vector": events.vector_ops * arithmetic("add", "energy_pj", wide),
    }
