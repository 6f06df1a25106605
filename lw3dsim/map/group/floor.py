"""What mappings of a fused group take at least: the constants by which tiles are bounded, whatever their chunks.

A mapping is estimated by the array's cycles for the largest tile, in proportion, and by the bits that it moves. The
array works on a unit of outputs, a Winograd tile or a position, in passes of as many channels as rows and chunks have;
in a pass it multiplies on all lanes at best, and reads and transforms every input that the outputs look at.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes
from lw3dsim.map.group.fitting import Floor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Group

Fraction = tuple[int, int]


class StageFloor(Value, frozen=True, kw_only=True):
    """What a stage takes at least for a unit of outputs: cycles, as fractions, in each pass of channels and in all.

    A step takes so many cycles to ``fill``.
    """

    of_pass: Fraction
    of_all: Fraction
    fill: int


@kept(4096)
def stage_floor(stage: Problem, arch: Accelerator, reads_back: int, keeps: bool) -> StageFloor:
    """Return the floor of a stage in the best of its modes."""
    modes = parallel_modes(stage, arch)
    machines = [make_machine(stage, arch, mode, reads_back=reads_back, keeps=keeps) for mode in modes]
    return StageFloor(
        of_pass=min((_pass_cycles(stage, machine) for machine in machines), key=_value),
        of_all=min((_unit_cycles(stage, machine) for machine in machines), key=_value),
        fill=min(machine.fill_cycles for machine in machines),
    )


def make_floor(group: Group, arch: Accelerator, sizes: Sequence[Sequence[int]]) -> Floor:
    """Return the floor of a group whose chunks have ``sizes``, by run.

    Of chunks the largest take the fewest passes.
    """
    work, bits = kernels(), list(map(stage_weight_bits, group.stages))
    rows, largest = arch.places("output_channels"), _largest_chunks(group, arch, bits, sizes)
    chunk = [size for size, run in zip(largest, group.runs, strict=True) for _ in run]
    last = len(group.stages) - 1
    of = [stage_floor(stage, arch, group.reads_back(i), i < last) for i, stage in enumerate(group.stages)]
    columns = work.several(
        [
            [one.of_all[0] for one in of],
            [one.of_all[1] for one in of],
            [one.of_pass[0] for one in of],
            [one.of_pass[1] for one in of],
            [one.fill for one in of],
            [-(-stage.n // min(rows, size)) for stage, size in zip(group.stages, chunk, strict=True)],
            [-(-stage.n // size) for stage, size in zip(group.stages, chunk, strict=True)],
            bits,
        ]
    )
    return Floor._make((*columns, rows))


def stage_weight_bits(stage: Problem) -> int:
    """Return the bits of all weights and biases of a stage."""
    return stage.n * (stage.c * stage.kernel_bits + stage.bias_bits) if stage.has_weights else 0


def _largest_chunks(group: Group, arch: Accelerator, bits: Sequence[int], sizes: Sequence[Sequence[int]]) -> list[int]:
    """Return, by run, the largest chunk whose weights may fit, beside what stays of any stages; 1 where none does.

    ``bits`` are the weights of stages; ``sizes`` of chunks ascend. Where the weights of a run don't all fit, chunks are
    largest with none of them resident: what stays takes more of the room, which is smaller, than it does of a chunk.
    """
    capacity, slots = arch.buffers.capacity_bits["weight"], arch.buffers.slots
    largest = []
    for run, own in zip(group.runs, sizes, strict=True):
        streamed = sum(bits[i] // group.stages[i].n for i in run)
        most = own[-1] if sum(bits[i] for i in run) <= capacity else capacity // slots // streamed
        largest.append(own[bisect_right(own, most) - 1] if most >= own[0] else 1)
    return largest


def _value(fraction: Fraction) -> float:
    return fraction[0] / fraction[1]


def _pass_cycles(stage: Problem, machine: Machine) -> Fraction:
    """Return the cycles that a unit of outputs takes at least in a pass of channels over the rows."""
    if stage.structure == "vector":
        return 0, 1
    algorithm, rounds = stage.algorithm, -(-stage.c // machine.chunk)
    multiply = algorithm.taps * rounds * machine.cycles_per_tile, machine.lanes
    # Rows of a dense layer share what they read.
    return max([multiply, *([] if stage.is_depthwise else _reading(stage, machine, stage.c))], key=_value)


def _unit_cycles(stage: Problem, machine: Machine) -> Fraction:
    """Return the cycles that a unit of outputs takes at least in all channels, however these come."""
    if stage.structure == "vector":
        return stage.n * stage.ops_per_output, machine.vector_lanes
    return max(_reading(stage, machine, stage.n), key=_value) if stage.is_depthwise else (0, 1)


def _reading(stage: Problem, machine: Machine, channels: int) -> list[Fraction]:
    """Return the cycles in which as many channels of a unit are read at least, and those in which they are transformed.

    A unit reads the inputs that it has to itself.
    """
    algorithm, port = stage.algorithm, machine.ofmap_port if machine.reads_back else machine.ifmap_port
    inputs = math.prod(a * min(s, k) for a, s, k in zip(algorithm.tile, stage.stride, stage.kernel, strict=True))
    fractions = [(channels * inputs * stage.activation_bits * port.per_cycles, port.bits)]
    if algorithm.is_winograd:
        fractions.append((channels * algorithm.coordinates * algorithm.taps, machine.input_rate))
    return fractions
