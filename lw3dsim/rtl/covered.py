"""What a core does, and what it does not yet: one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.describe.dataflow import DEFAULT_DATAFLOW
from lw3dsim.describe.moves import Pad, Slice, Upsample
from lw3dsim.describe.vectors import Activation, Add, LayerNorm, Mul, Pool3d, Softmax, Trg
from lw3dsim.errors import InputError
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.map.group.orders import leader, users
from lw3dsim.rtl.design import bank_words
from lw3dsim.schedule.fused import stage_machines
from lw3dsim.schedule.group_work import GroupWork
from lw3dsim.schedule.work import LayerWork
from lw3dsim.technology.tables import CODE_BITS

if TYPE_CHECKING:
    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem

# Layers of the vector unit that keep channels as they are, in a fused group.
IN_PLACE = (Activation, Add, Mul, Pad, Pool3d, Slice, Trg)
# What the drain does without a table.
FUNCTIONS = ("none", "relu")


def check_design(arch: Accelerator) -> None:
    """Refuse an accelerator that there is no core of. Raises InputError."""
    if arch.pe.dataflow != DEFAULT_DATAFLOW:
        raise InputError(
            f"{arch.name}: pe.dataflow = {arch.pe.dataflow}: a core has the dataflow {DEFAULT_DATAFLOW}; others need "
            "adder trees across its columns, which are not built"
        )
    _check_words(arch)
    if arch.buffers.shared_kib is not None and (bank_words(arch.buffers) == 0 or bank_words(arch.buffers) % 2):
        raise InputError(
            f"{arch.name}: buffers.shared_port_bytes = {arch.buffers.shared_port_bytes}: a bank of "
            f"{arch.buffers.bank_kib} KiB does not hold an even number of words, half of which lie in each of its "
            "halves; halve it, or take fewer buffers.shared_banks"
        )


def _check_words(arch: Accelerator) -> None:
    """Refuse activations that do not fill words: where one begins is bits of an address of them."""
    bits = arch.precision.activation_bits
    for name in ("ifmap", "ofmap"):
        port = int(getattr(arch.buffers, f"{name}_port_bytes"))
        each, rest = divmod(8 * port, bits)
        if rest or (name == "ifmap" and each & (each - 1)):
            many = "a power of two" if name == "ifmap" else "a whole number"
            raise InputError(
                f"{arch.name}: precision.activation_bits = {bits}: a word of buffers.{name}_port_bytes = {port} does "
                f"not hold {many} of them, as that of a core has to"
            )


def refusal(unit: Unit, design: Accelerator) -> str:
    """Return what a core would need for a unit of a network that it does not do; nothing where it does it."""
    work = unit.run.work
    if isinstance(work, GroupWork):
        return group_refusal(unit, work, design)
    assert isinstance(work, LayerWork)  # noqa: S101  # there are no others
    machine = make_machine(work.problem, unit.run.design(design), work.mapping.parallel)
    return layer_refusal(unit.layers[0], work.problem, machine, design)


def group_refusal(unit: Unit, work: GroupWork, design: Accelerator) -> str:
    """Return what a core would need for a fused group that it does not do; nothing where it does it."""
    group, machines = work.group, stage_machines(work.group, work.mapping, unit.run.design(design))
    for tensor in range(len(group.stages)):
        lead = leader(group, tensor)
        if len(users(group, tensor)) > 1 and lead is not None and group.stages[lead].structure != "dense":
            return "is a fused group that adds what a layer reads that is not dense: the core has it in one order"
    for layer, stage in zip(unit.layers, group.stages, strict=True):
        moves = not isinstance(layer, IN_PLACE) or (isinstance(layer, Slice) and layer.dim == "channels")
        if moves and not stage.has_weights:
            return f"is a fused group with {layer.name}, a layer of kind {layer.kind}: a core does it by itself only"
    if any(machine.cycles_per_tile > 1 for machine in machines):
        return "is a fused group with tiles of more coordinates than pe.mults_per_pe: raise it, or lower m1 and m2"
    for layer, problem, machine in zip(unit.layers, group.stages, machines, strict=True):
        if reason := layer_refusal(layer, problem, machine, design):
            return f"is a fused group, in which {layer.name} {reason}"
    return ""


def layer_refusal(layer: AnyLayer, problem: Problem, machine: Machine, design: Accelerator) -> str:
    """Return what a core would need for a layer that it does not do; nothing where it does it."""
    kind, function = layer.kind, getattr(layer, "activation", "none")
    algorithm, operands = problem.algorithm, (problem.data_bits, problem.weight_bits)
    full = algorithm.data_bits(problem.activation_bits), algorithm.weight_bits(problem.factor_bits)
    ports = machine.ifmap_port, machine.weight_port, machine.ofmap_port
    needs = {
        f"is of kind {kind}: a core has no powers and no roots": isinstance(layer, Softmax | LayerNorm),
        "hands its sums on to the next clip: a core begins them anew, set stream_state to off": problem.sum_frames > 0,
        "is a linear upsample: a core has only nearest ones": isinstance(layer, Upsample) and problem.reads > 1,
        "has groups of several channels each: a core does dense and depthwise convolutions": (
            problem.structure == "grouped" and not problem.is_depthwise
        ),
        "multiplies matrices that are computed: a core has factors of channels, and weights": (
            problem.own_weights and not problem.is_depthwise
        ),
        "has Winograd operands that are narrowed by precision.transformed_data_bits or _weight_bits: those of a core "
        "are as wide as their transforms make them": algorithm.is_winograd and operands != full,
        "is a strided Winograd layer with weights transformed on chip: set winograd.weight_transform=offline": (
            machine.transforms_weights and algorithm.split != (1, 1, 1)
        ),
        f"ends with {function}, of {problem.output_bits} bits: a core looks up codes of {CODE_BITS} bits at most": (
            function not in FUNCTIONS and problem.output_bits > CODE_BITS
        ),
        **_widths(problem, design),
        "has several clips: a core computes one": problem.batch > 1,
        f"may overflow its sums, and precision.overflow = {problem.overflow}: a core has room, set it to widen": (
            problem.overflow != "widen" and problem.needed_bits > min(problem.register_bits, problem.accumulator_bits)
        ),
        "has buffers that take several cycles for a word: lower clock_mhz, or take more banks": (
            max(port.per_cycles for port in ports) > 1
        ),
    }
    return next((text for text, applies in needs.items() if applies), "")


def _widths(problem: Problem, design: Accelerator) -> dict[str, bool]:
    """Return what to say of widths of a problem that are not those of ``design``, and whether it has any."""
    activations, weights = design.precision.activation_bits, design.precision.weight_bits
    own = [
        ("reads activations", problem.activation_bits, activations),
        ("makes activations", problem.output_bits, activations),
    ]
    own += [("has weights", problem.factor_bits, weights)] if problem.has_weights else []
    return {
        f"{what} of {bits} bits: those of a core have the {given} of its accelerator": bits != given
        for what, bits, given in own
    }
