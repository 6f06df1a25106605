"""Energy of a layer by component and cause: events times unit energies of ``technology`` and the DRAM standard.

A cause says why: DRAM by the tensor that moves; SRAM by who uses the port (``dma``,
``array``, ``partial_sums``, or intermediate tensors of a fused group); arithmetic
``compute``; what runs with time (leakage, DRAM background and refresh) by the causes of
the layer's cycles, in proportion.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Generic

from lw3dsim.account.area import array_flip_flops, side_mm
from lw3dsim.account.built import addresses, control_pj, output_pj
from lw3dsim.account.dram import DRAM_TIMED, dram_energy_pj, moved_shares
from lw3dsim.account.fusing import kept_word_pj
from lw3dsim.account.outputs import gathered_pj, scaled_pj
from lw3dsim.account.vector import made_pj, means_pj, operand_pj, operation_pj, vector_flip_flops
from lw3dsim.base.caches import kept
from lw3dsim.base.records import Amount, Breakdown, Part, figure
from lw3dsim.base.values import Value
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.machine.microarchitecture import accumulate_pj
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.sram import buffers
from lw3dsim.technology.structures import clock_pj, energy_range, structure_pj, wire_pj_per_bit_mm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.account.events import Events
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.dram.power import DramCounts
    from lw3dsim.machine.problem import Problem


class ByComponent(Breakdown[Part], Generic[Part], frozen=True, kw_only=True):
    """Something of every component that takes energy, in the order in which they are listed."""

    dram_activate: Annotated[Part, figure("rows of DRAM opened and closed")]
    dram_read: Annotated[Part, figure("bursts read in the devices")]
    dram_write: Annotated[Part, figure("bursts written in the devices")]
    dram_refresh: Annotated[Part, figure("refreshes")]
    dram_background: Annotated[Part, figure("DRAM by itself, for as long as the run takes")]
    dram_io: Annotated[Part, figure("the interface between chip and devices")]
    ifmap_sram: Annotated[Part, figure("the input buffer")]
    weight_sram: Annotated[Part, figure("the weight buffer")]
    ofmap_sram: Annotated[Part, figure("the output buffer")]
    multipliers: Annotated[Part, figure("multiplications")]
    accumulators: Annotated[Part, figure("accumulations and adder trees, with their files")]
    operand_registers: Annotated[Part, figure("registers in front of and behind the multipliers")]
    staging: Annotated[Part, figure("inputs and weights written to staging files, found and read there")]
    input_transform: Annotated[Part, figure("Winograd transforms of inputs")]
    weight_transform: Annotated[Part, figure("Winograd transforms of weights, where done on chip")]
    output_transform: Annotated[Part, figure("Winograd transforms of outputs")]
    collector: Annotated[Part, figure("outputs picked, added to partial sums, rounded and packed")]
    vector: Annotated[Part, figure("the vector unit")]
    wires: Annotated[Part, figure("from and to the buffers, and across the array")]
    clock: Annotated[Part, figure("clock of the array and the vector unit, while they work")]
    control: Annotated[Part, figure("the controller, for as long as the run takes")]
    leakage: Annotated[Part, figure("leakage of the whole chip, for as long as the run takes")]


COMPONENTS = ByComponent.__struct_fields__


class EnergyCauses(Breakdown[float], frozen=True, kw_only=True):
    """Energy of a component by what it was spent for; what is zero is not there."""

    ifmap: Annotated[Amount, figure("input tiles from DRAM, or on their way to a buffer")] = 0.0
    weight: Annotated[Amount, figure("weight tiles, likewise")] = 0.0
    ofmap: Annotated[Amount, figure("output tiles to DRAM, likewise")] = 0.0
    dma: Annotated[Amount, figure("a buffer's port to DRAM")] = 0.0
    array: Annotated[Amount, figure("a buffer's port to the array")] = 0.0
    partial_sums: Annotated[Amount, figure("sums that leave the array unfinished, and come back")] = 0.0
    intermediate_reads: Annotated[Amount, figure("tensors inside a fused group, read")] = 0.0
    intermediate_writes: Annotated[Amount, figure("tensors inside a fused group, written")] = 0.0
    compute: Annotated[Amount, figure("arithmetic")] = 0.0
    multiply: Amount = 0.0
    idle_rows: Amount = 0.0
    idle_lanes: Amount = 0.0
    idle_multipliers: Amount = 0.0
    sram_port: Amount = 0.0
    transform: Amount = 0.0
    vector: Amount = 0.0
    drain: Amount = 0.0
    dram_read: Amount = 0.0
    dram_write: Amount = 0.0
    fill: Amount = 0.0
    configuration: Amount = 0.0


# Paid by time.
TIMED = (*DRAM_TIMED, "control", "leakage")

# Cycles in which the array is clocked; else its clock is gated, but for the controller's.
ARRAY_CAUSES = ("multiply", "idle_rows", "idle_lanes", "idle_multipliers", "sram_port", "transform")

Causes = dict[str, float]

# Whose range a component shares.
_RANGED = {
    **{name: "dram" for name in COMPONENTS if name.startswith("dram_")},
    **{name: "sram" for name in COMPONENTS if name.endswith("_sram")},
    **{name: "transforms" for name in COMPONENTS if name.endswith("_transform")},
}


class Sparsity(Value, frozen=True, kw_only=True):
    """Densities (0..1) of a layer's input tensor and of its weights."""

    data: float = 1.0
    weight: float = 1.0


class Stage(Value, frozen=True, kw_only=True):
    """A layer by itself or in a fused group: its problem, what its own steps did, the mults of the paper's formula."""

    problem: Problem
    events: Events
    ideal_mults: int


def layer_energy_pj(
    stages: Sequence[Stage],
    events: Events,
    dram: DramCounts,
    cycles_by_cause: Mapping[str, int],
    arch: Accelerator,
    leakage_mw: float,
    sparsities: Sequence[Sparsity],
) -> dict[str, Causes]:
    """Return pJ by component and cause of a layer or group with these ``events``; ``leakage_mw`` is of the whole chip.

    There is a sparsity per stage.
    """
    spent = working_pj(stages, events, dram, cycles_by_cause, arch, sparsities)
    return spent | {"leakage": leaked_pj(cycles_by_cause, arch, leakage_mw)}


def working_pj(
    stages: Sequence[Stage],
    events: Events,
    dram: DramCounts,
    cycles_by_cause: Mapping[str, int],
    arch: Accelerator,
    sparsities: Sequence[Sparsity],
) -> dict[str, Causes]:
    """Return the same without leakage: what a layer or group takes whatever else is on the chip."""
    system = make_clocks(arch).dram
    energy = _onchip(stages, events, arch, sparsities)
    for component, value in dram_energy_pj(system, dram).items():
        by = cycles_by_cause if component in TIMED else moved_shares(system, component, events)
        energy[component] = _shared(value, by)
    energy["clock"] = _clock_pj(stages, cycles_by_cause, arch)
    energy["control"] = _shared(sum(cycles_by_cause.values()) * control_pj(arch), cycles_by_cause)
    return {component: energy[component] for component in COMPONENTS if component != "leakage"}


def leaked_pj(cycles_by_cause: Mapping[str, int], arch: Accelerator, leakage_mw: float) -> Causes:
    """Return pJ by cause that a chip of this leakage loses in these cycles."""
    time_ns = sum(cycles_by_cause.values()) * arch.cycle_ps / 1000
    # 1 mW for 1 ns is 1 pJ.
    return _shared(leakage_mw * time_ns, cycles_by_cause)


def energy_range_pj(energies_pj: Mapping[str, float]) -> tuple[float, float]:
    """Return the least and the most that the sources of unit values leave open, of energies by component."""
    known = energy_range()
    factors = [known[_RANGED.get(name, name)] for name in energies_pj]
    pairs = list(zip(factors, energies_pj.values(), strict=True))
    return math.fsum(low * value for (low, _), value in pairs), math.fsum(high * value for (_, high), value in pairs)


def onchip_pj(stages: Sequence[Stage], events: Events, arch: Accelerator, sparsities: Sequence[Sparsity]) -> float:
    """Return the pJ of SRAM and arithmetic in a layer or group with these ``events``: neither DRAM's nor time's."""
    energy = _onchip(stages, events, arch, sparsities)
    return math.fsum(value for causes in energy.values() for value in causes.values())


def own_pj(
    stages: Sequence[Stage],
    events: Events,
    cycles_by_cause: Mapping[str, int],
    arch: Accelerator,
    sparsities: Sequence[Sparsity],
) -> float:
    """Return the same with the clock of what works: all that neither traffic of DRAM nor time by itself takes."""
    return onchip_pj(stages, events, arch, sparsities) + math.fsum(_clock_pj(stages, cycles_by_cause, arch).values())


def _onchip(
    stages: Sequence[Stage], events: Events, arch: Accelerator, sparsities: Sequence[Sparsity]
) -> dict[str, Causes]:
    logic = [_logic_pj(s.problem, s.events, arch, sparsity) for s, sparsity in zip(stages, sparsities, strict=True)]
    spent = {name: {"compute": math.fsum(part[name] for part in logic)} for name in logic[0]}
    partial = math.fsum(_partial_sums(s.problem, s.events) * output_pj(arch, s.problem) for s in stages)
    spent["collector"] |= {"partial_sums": partial} if partial else {}
    return _sram_pj(events, arch) | spent | {"wires": wires_pj(stages, events, arch)}


def _shared(value: float, weights: Mapping[str, float]) -> Causes:
    """Split ``value`` in proportion to ``weights``."""
    total = sum(weights.values())
    if not total:
        return dict.fromkeys(weights, 0.0)
    return {name: value * weight / total for name, weight in weights.items()}


def _clock_pj(stages: Sequence[Stage], cycles_by_cause: Mapping[str, int], arch: Accelerator) -> Causes:
    """Return the pJ of the clock of the array or of the vector unit, while they work."""
    of_array, of_vector = clocked_pj([stage.problem for stage in stages], arch)
    clocked = dict.fromkeys(ARRAY_CAUSES, of_array) | {"vector": of_vector}
    return {name: cycles * clocked[name] for name, cycles in cycles_by_cause.items() if clocked.get(name)}


def clocked_pj(problems: Sequence[Problem], arch: Accelerator) -> tuple[float, float]:
    """Return the pJ of a cycle's clock of flip-flops around all multipliers, and of those of the vector unit.

    They are as many as the one of ``problems`` that run together has that has the most.
    """
    of_array = (
        array_flip_flops(arch, one.data_bits, one.weight_bits, own_inputs=one.structure == "grouped")
        for one in problems
        if one.has_weights
    )
    of_vector = vector_flip_flops(problems, arch)
    return max(of_array, default=0) * clock_pj(arch.tech), of_vector * clock_pj(arch.tech)


def wires_pj(stages: Sequence[Stage], events: Events, arch: Accelerator) -> Causes:
    """Return the pJ of wires: half a side of the chip from DMA to a buffer and from there on, and one across the array.

    Inputs that are staged go down a column, past all rows; of results the way is that of their words alone.
    """
    each = side_mm(arch) / 2 * wire_pj_per_bit_mm(arch.tech)
    moved = {"ifmap": events.ifmap_write_bytes, "weight": events.weight_write_bytes, "ofmap": events.ofmap_dma_bytes}
    ported = events.sram_read_bytes + events.sram_write_bytes - sum(moved.values())
    across = sum(s.events.staged_inputs * s.problem.activation_bits for s in stages)
    spent = {name: 8 * count * each for name, count in (moved | {"array": ported}).items()}
    return spent | {"compute": across * each}


def staging_parts_pj(problem: Problem, events: Events, arch: Accelerator) -> tuple[float, float]:
    """Return the pJ of capturing inputs that are staged, of writing, finding and reading them; that of weights."""
    each = _staged_pj(arch, problem.activation_bits, own_inputs=problem.structure == "grouped")
    held = 8 * events.weight_read_bytes * arch.staging_weights
    return events.staged_inputs * each, held * structure_pj(arch.tech, "flip_flop_file")


@kept(1024)
def _staged_pj(arch: Accelerator, bits: int, *, own_inputs: bool) -> float:
    """Return the pJ of an input of so many bits that is captured, written, found and read in its staging file."""
    if arch.dataflow.inputs != "once_a_round":
        return 0.0
    rows = arch.places("output_channels")
    # A lane chooses from the whole word; where rows read inputs of their own, from what it has of a row's.
    wide = arch.buffers.ifmap_port_bytes / (rows if own_inputs else 1)
    chosen = max(wide, bits / 8) * structure_pj(arch.tech, "selector")
    held = bits * -(-arch.staging_room // rows) * structure_pj(arch.tech, "flip_flop_file")
    return chosen + held + addresses(arch.tech, "energy_pj")


def operand_parts_pj(
    problem: Problem, events: Events, arch: Accelerator, sparsity: Sparsity
) -> tuple[float, float, float]:
    """Return the pJ of registers in front of multipliers, for inputs and for weights, and of those behind them.

    Behind are those of a product, as wide as both operands, stage after stage.
    """
    active = problem.algorithm.active_share(sparsity.data, sparsity.weight)
    of_data, of_weight = (
        arithmetic(arch.tech, "register", "energy_pj", bits) for bits in (problem.data_bits, problem.weight_bits)
    )
    data, weight = active * events.mults * of_data, active * events.mults * of_weight
    return data, weight, arch.product_stages * (data + weight)


def _sram_pj(events: Events, arch: Accelerator) -> dict[str, Causes]:
    """Return the pJ of accesses by buffer and cause: a part of a word takes what the whole does.

    A word of an intermediate tensor is found, or placed, besides.
    """
    (read, write), (found, placed) = _word_pj(arch), kept_word_pj(arch)
    return {
        "ifmap_sram": {
            "dma": events.ifmap_write_words * write["ifmap"],
            "array": events.ifmap_read_words * read["ifmap"],
        },
        "weight_sram": {
            "dma": events.weight_write_words * write["weight"],
            "array": events.weight_read_words * read["weight"],
        },
        "ofmap_sram": {
            "dma": events.ofmap_dma_words * read["ofmap"],
            "array": events.result_words * write["ofmap"],
            "partial_sums": events.partial_words * (read["ofmap"] + write["ofmap"]),
            "intermediate_reads": events.intermediate_read_words * (read["ofmap"] + found),
            "intermediate_writes": events.intermediate_write_words * (write["ofmap"] + placed),
        },
    }


@kept(1024)
def _word_pj(arch: Accelerator) -> tuple[dict[str, float], dict[str, float]]:
    """Return the pJ of a word that is read, and of one that is written, by buffer."""
    memory = buffers(arch)
    wide = {name: getattr(arch.buffers, f"{name}_port_bytes") for name in memory}
    read = {name: one.read_pj_per_byte * wide[name] for name, one in memory.items()}
    return read, {name: one.write_pj_per_byte * wide[name] for name, one in memory.items()}


def _logic_pj(problem: Problem, events: Events, arch: Accelerator, sparsity: Sparsity) -> dict[str, float]:
    algorithm, tech = problem.algorithm, arch.tech
    data, weight, register = problem.data_bits, problem.weight_bits, problem.register_bits

    def add(bits: int) -> float:
        return arithmetic(tech, "add", "energy_pj", bits)

    # A multiplication by zero is gated with its registers; an adder tree sums up even so.
    active = algorithm.active_share(sparsity.data, sparsity.weight)
    accumulating = 1.0 if events.tree_adds else active
    each = accumulate_pj(arch, register)
    return {
        "multipliers": active * events.mults * arithmetic(tech, "mult", "energy_pj", data, weight),
        "accumulators": accumulating * events.accumulations * each + events.tree_adds * add(data + weight),
        "operand_registers": math.fsum(operand_parts_pj(problem, events, arch, sparsity)),
        "staging": sum(staging_parts_pj(problem, events, arch)),
        "input_transform": events.input_tiles * algorithm.input_adds * add(data),
        "weight_transform": events.weight_kernels * algorithm.weight_adds * add(weight),
        "output_transform": events.output_tiles
        * (algorithm.output_adds * add(problem.transform_bits) + gathered_pj(arch, problem))
        + (_results(problem, events) + _partial_sums(problem, events)) * scaled_pj(arch, problem),
        "collector": _results(problem, events) * output_pj(arch, problem),
        "vector": events.vector_ops * operation_pj(problem, tech) + _lanes_pj(problem, events, arch),
    }


def _lanes_pj(problem: Problem, events: Events, arch: Accelerator) -> float:
    """Return the pJ of layers of the vector unit but for their operations: operands, sums that leave lanes, means."""
    if problem.has_weights:
        return 0.0
    made = events.vector_ops / problem.ops_per_output
    left = made + _returning(problem, events)
    handled = events.vector_ops * operand_pj(problem, arch) + left * made_pj(problem, arch)
    return handled + means_pj(problem, made, arch.tech)


def _results(problem: Problem, events: Events) -> float:
    """Return the results that leave accumulators."""
    return events.vector_ops / problem.ops_per_output if problem.has_weights else 0.0


def _partial_sums(problem: Problem, events: Events) -> float:
    """Return the partial sums that leave accumulators: as often as they come back."""
    return _returning(problem, events) if problem.has_weights else 0.0


def _returning(problem: Problem, events: Events) -> float:
    """Return the partial sums that come back from the output buffer."""
    return max(events.ofmap_read_bytes - events.ofmap_dma_bytes, 0) * 8 / problem.accumulator_bits
