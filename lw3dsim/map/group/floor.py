"""What mappings of a fused group take at least: the constants by which tiles are bounded, whatever their chunks.

A mapping is estimated by the array's cycles for the largest tile, in proportion, and by the bits that it moves. The
array works on a unit of outputs, a Winograd tile or a position, in passes of as many channels as rows and chunks have;
in a pass it multiplies on all lanes at best, and reads every input that the outputs look at.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from lw3dsim.base.kernels import kernels
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes
from lw3dsim.map.group.fitting import Floor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Group

Resident = tuple[bool, ...]


def make_floor(group: Group, arch: Accelerator, sets: Sequence[Resident], sizes: Sequence[Sequence[int]]) -> Floor:
    """Return the floor of a group whose weights may stay in these ``sets``, and chunks have ``sizes``, by run.

    Of the sets, which grow, the last leaves the least to stream; of chunks the largest take the fewest passes.
    """
    work, bits = kernels(), [stage_weight_bits(group, i) for i in range(len(group.stages))]
    most = _largest_chunks(group, arch, sets, bits, sizes)
    fractions, step_cycles = [], []
    for i, stage in enumerate(group.stages):
        chunk = most[group.run_of(i)]
        machines = [
            make_machine(stage, arch, mode, reads_back=i > 0, keeps=i < len(group.stages) - 1)
            for mode in parallel_modes(stage, arch)
        ]
        of_modes = (_unit_cycles(stage, machine, -(-stage.n // min(machine.rows, chunk))) for machine in machines)
        fractions.append(min(of_modes, key=lambda fraction: fraction[0] / fraction[1]))
        step_cycles.append(-(-stage.n // chunk) * min(machine.fill_cycles for machine in machines))
    stays = sets[-1]
    return Floor(
        work=work.words([cycles for cycles, _ in fractions]),
        lanes=work.words([lanes for _, lanes in fractions]),
        step_cycles=work.words(step_cycles),
        streamed_bits=work.words([0 if flag else size for flag, size in zip(stays, bits, strict=True)]),
        resident_bits=sum(size for flag, size in zip(stays, bits, strict=True) if flag),
    )


def stage_weight_bits(group: Group, i: int) -> int:
    """Return the bits of all weights and biases of a stage."""
    stage = group.stages[i]
    return stage.n * (stage.c * stage.kernel_bits + stage.bias_bits) if stage.has_weights else 0


def least_cycles(group: Group, floor: Floor) -> float:
    """Return what the array takes at least for all stages, whatever the tiles: for what is needed of their outputs."""
    cycles = 0.0
    for i, stage in enumerate(group.stages):
        units = group.needed[i + 1] / math.prod(stage.algorithm.tile)
        cycles += units * int(floor.work[i]) / int(floor.lanes[i]) + int(floor.step_cycles[i])
    return cycles


def _largest_chunks(
    group: Group, arch: Accelerator, sets: Sequence[Resident], bits: Sequence[int], sizes: Sequence[Sequence[int]]
) -> list[int]:
    """Return, by run, the largest chunk whose weights fit beside those that stay of any set; 1 where none fits.

    ``bits`` are the weights of stages; ``sizes`` of chunks ascend.
    """
    capacity, slots = arch.buffers.capacity_bits["weight"], arch.buffers.slots
    of_channel = [size // stage.n for size, stage in zip(bits, group.stages, strict=True)]
    most = [0] * len(group.runs)
    for stays in sets:
        room = (capacity - sum(size for size, flag in zip(bits, stays, strict=True) if flag)) // slots
        for number, run in enumerate(group.runs):
            streamed = sum(of_channel[i] for i in run if not stays[i])
            most[number] = max(most[number], room // streamed if streamed else sizes[number][-1])
    return [of[bisect_right(of, size) - 1] if size >= of[0] else 1 for of, size in zip(sizes, most, strict=True)]


def _unit_cycles(stage: Problem, machine: Machine, passes: int) -> tuple[int, int]:
    """Return the cycles, as a fraction, that all channels of a unit of outputs take at least in so many passes."""
    if stage.structure == "vector":
        return stage.n * stage.ops_per_output, machine.vector_lanes
    algorithm = stage.algorithm
    rounds = -(-stage.c // machine.chunk)
    multiply = passes * algorithm.taps * rounds * machine.cycles_per_tile, machine.lanes
    if stage.structure != "dense":
        return multiply
    port = machine.ofmap_port if machine.reads_back else machine.ifmap_port
    inputs = math.prod(a * b for a, b in zip(algorithm.tile, stage.stride, strict=True))
    read = passes * inputs * stage.c * stage.activation_bits * port.per_cycles, port.bits
    return max(multiply, read, key=lambda fraction: fraction[0] / fraction[1])
