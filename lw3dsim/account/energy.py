"""Energy of a layer by component and cause: events times unit energies of ``technology`` and the DRAM preset.

A cause says why: DRAM by the tensor that moves; SRAM by who uses the port (``dma``,
``array``, ``partial_sums``); arithmetic ``compute``; what runs with time (leakage, DRAM
background and refresh) by the causes of the layer's cycles, in proportion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lw3dsim.account.events import constant_mults
from lw3dsim.describe.dram_presets import DRAM_PRESETS
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.sram import Sram, buffers

if TYPE_CHECKING:
    from collections.abc import Mapping

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

# By time, and by the tensors that move.
TIMED = ("dram_refresh", "dram_background", "leakage")
MOVED = {"dram_activate": ("ifmap", "weight", "ofmap"), "dram_read": ("ifmap", "weight"), "dram_write": ("ofmap",)}

Causes = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Sparsity:
    """Densities (0..1) of a layer's input tensor and of its weights."""

    data: float = 1.0
    weight: float = 1.0


def layer_energy_pj(
    problem: Problem,
    events: Events,
    cycles_by_cause: Mapping[str, int],
    arch: Accelerator,
    leakage_mw: float,
    sparsity: Sparsity,
) -> dict[str, Causes]:
    """Return pJ by component and cause of one layer; ``leakage_mw`` is that of the whole chip."""
    timed = {"leakage": leakage_mw} | _dram_mw(arch)
    energy: dict[str, Causes] = {}
    for component, value in _dram_pj(events, arch).items():
        bytes_of = {name: int(getattr(events, f"dram_{name}_bytes")) for name in MOVED[component]}
        energy[component] = _shared(value, bytes_of)
    for component, power in timed.items():
        # 1 mW for 1 ns is 1 pJ.
        energy[component] = {cause: power * cycles * arch.cycle_ps / 1000 for cause, cycles in cycles_by_cause.items()}
    energy |= _sram_pj(events, buffers(arch))
    energy |= {name: {"compute": value} for name, value in _logic_pj(problem, events, arch, sparsity).items()}
    return {component: energy[component] for component in COMPONENTS}


def _dram_pj(events: Events, arch: Accelerator) -> dict[str, float]:
    dram = DRAM_PRESETS[arch.dram.preset]
    read_bits, write_bits = 8 * events.dram_read_bytes, 8 * events.dram_write_bytes
    return {
        "dram_activate": (read_bits + write_bits) * dram.activate_pj_per_bit,
        "dram_read": read_bits * dram.read_pj_per_bit,
        "dram_write": write_bits * dram.write_pj_per_bit,
    }


def _dram_mw(arch: Accelerator) -> dict[str, float]:
    dram, channels = DRAM_PRESETS[arch.dram.preset], arch.dram.channels
    return {"dram_refresh": dram.refresh_mw * channels, "dram_background": dram.background_mw * channels}


def _shared(value: float, weights: Mapping[str, int]) -> Causes:
    """Split ``value`` in proportion to ``weights``."""
    total = sum(weights.values())
    return {name: value * weight / total if total else 0.0 for name, weight in weights.items()}


def _sram_pj(events: Events, memory: Mapping[str, Sram]) -> dict[str, Causes]:
    ifmap, weight, ofmap = memory["ifmap"], memory["weight"], memory["ofmap"]
    # What leaves by DMA was written once as results; all else at the output buffer is partial sums.
    results = events.ofmap_dma_bytes
    return {
        "ifmap_sram": {
            "dma": events.ifmap_write_bytes * ifmap.write_pj_per_byte,
            "array": events.ifmap_read_bytes * ifmap.read_pj_per_byte,
        },
        "weight_sram": {
            "dma": events.weight_write_bytes * weight.write_pj_per_byte,
            "array": events.weight_read_bytes * weight.read_pj_per_byte,
        },
        "ofmap_sram": {
            "dma": results * ofmap.read_pj_per_byte,
            "array": results * ofmap.write_pj_per_byte,
            "partial_sums": (events.ofmap_read_bytes - results) * ofmap.read_pj_per_byte
            + (events.ofmap_write_bytes - results) * ofmap.write_pj_per_byte,
        },
    }


def _logic_pj(problem: Problem, events: Events, arch: Accelerator, sparsity: Sparsity) -> dict[str, float]:
    algorithm, wide, tech = problem.algorithm, problem.accumulator_bits, arch.tech
    data, weight, register = problem.data_bits, problem.weight_bits, problem.register_bits

    def add(bits: int) -> float:
        return arithmetic(tech, "add", "energy_pj", bits)

    def access(bits: int) -> float:
        return arithmetic(tech, "register", "energy_pj", bits)

    # A multiplication by zero is gated with its registers; an adder tree sums up even so.
    active = algorithm.active_share(sparsity.data, sparsity.weight)
    accumulating = 1.0 if events.tree_adds else active
    divide = problem.divider_bits
    return {
        "multipliers": active * events.mults * arithmetic(tech, "mult", "energy_pj", data, weight),
        "accumulators": accumulating * events.accumulations * (add(register) + 2 * access(register))
        + events.tree_adds * add(data + weight),
        "operand_registers": active * events.mults * (access(data) + access(weight)),
        "input_transform": events.input_tiles * algorithm.input_adds * add(data),
        "weight_transform": events.weight_kernels * algorithm.weight_adds * add(weight),
        "output_transform": events.output_tiles * algorithm.output_adds * add(register),
        "vector": events.vector_ops * add(wide)
        + constant_mults(problem) * arithmetic(tech, "mult", "energy_pj", divide, divide),
    }
