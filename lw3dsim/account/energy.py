"""Energy of a layer by component: events times the unit energies of ``tables`` and the DRAM preset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.account.tables import Sram, arithmetic, sram
from lw3dsim.describe.dram_presets import DRAM_PRESETS

if TYPE_CHECKING:
    from lw3dsim.account.events import Events
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.map.problem import Problem

COMPONENTS = (
    "dram_activate",
    "dram_read",
    "dram_write",
    "dram_refresh",
    "dram_background",
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
    problem: Problem, events: Events, latency_cycles: int, arch: Accelerator, leakage_mw: float
) -> dict[str, float]:
    """Return pJ by component of one layer; ``leakage_mw`` is that of the whole chip."""
    dram = DRAM_PRESETS[arch.dram.preset]
    channels = arch.dram.channels
    time_ns = latency_cycles * arch.cycle_ps / 1000
    read_bits, write_bits = 8 * events.dram_read_bytes, 8 * events.dram_write_bytes
    memory = buffers(arch)
    energy = {
        "dram_activate": (read_bits + write_bits) * dram.activate_pj_per_bit,
        "dram_read": read_bits * dram.read_pj_per_bit,
        "dram_write": write_bits * dram.write_pj_per_bit,
        # 1 mW for 1 ns is 1 pJ.
        "dram_refresh": dram.refresh_mw * channels * time_ns,
        "dram_background": dram.background_mw * channels * time_ns,
    }
    for name, cost in memory.items():
        read, written = getattr(events, f"{name}_read_bytes"), getattr(events, f"{name}_write_bytes")
        energy[f"{name}_sram"] = read * cost.read_pj_per_byte + written * cost.write_pj_per_byte
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
