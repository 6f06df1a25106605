"""What mappings of a fused group take at least: the constants by which tiles are bounded, whatever their chunks.

A mapping is estimated by the array's cycles for the largest tile, in proportion, and by the bits that it moves. The
array works on a unit of outputs, a Winograd tile or a position, in passes of as many channels as rows and chunks have;
in a pass it multiplies on all lanes at best, and reads and transforms every input that the outputs look at.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.caches import kept
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.waves import rows_used, turns
from lw3dsim.map.group.mode import array_words

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem

Fraction = tuple[int, int]


class StageFloor(Value, frozen=True, kw_only=True):
    """What a stage takes at least for a unit of outputs: cycles, as fractions, in each pass of channels and in all.

    And what it takes to ``multiply`` in a pass, by mode: cycles for as many as there are lanes, and these. A step takes
    so many cycles to ``fill``: all that is said here of one on the vector unit, whose cycles are known exactly.
    """

    of_pass: Fraction
    of_all: Fraction
    fill: int
    multiply: tuple[Fraction, ...]


@kept(4096)
def stage_floor(stage: Problem, arch: Accelerator, reads_back: bool) -> StageFloor:
    """Return the floor of a stage in the best of its modes, which may read from the output buffer."""
    modes = parallel_modes(stage, arch)
    machines = [make_machine(stage, arch, mode, reads_back=int(reads_back)) for mode in modes]
    return StageFloor(
        of_pass=min((_pass_cycles(stage, machine) for machine in machines), key=_value),
        of_all=min((_unit_cycles(stage, machine) for machine in machines), key=_value),
        fill=min(machine.fill_cycles for machine in machines),
        multiply=tuple(_multiplying(stage, machine) for machine in machines),
    )


@kept(65536)
def kind_words(stage: Problem, reads_back: int, keeps: bool, arch: Accelerator) -> tuple[Ints, Ints]:
    """Return what a stage takes at least as a Pace, and the array in its first and its last mode as Arrays."""
    one, modes = stage_floor(stage, arch, reads_back > 0), parallel_modes(stage, arch)
    machines = [make_machine(stage, arch, mode, reads_back=reads_back, keeps=keeps) for mode in (modes[0], modes[-1])]
    arrays, layer = list(map(plain_array, machines)), plain_layer(stage)
    is_even = stage.has_weights and turns(layer) == 1 and all(rows_used(layer, array) == array.rows for array in arrays)
    pace = (*one.of_all, *one.of_pass, one.fill, *one.multiply[0], *one.multiply[-1], len(modes), int(is_even))
    return np.array(pace), np.concatenate(list(map(array_words, machines)))


def stage_weight_bits(stage: Problem) -> int:
    """Return the bits of all weights and biases of a stage."""
    return stage.n * (stage.c * stage.kernel_bits + stage.bias_bits) if stage.has_weights else 0


def _value(fraction: Fraction) -> float:
    return fraction[0] / fraction[1]


def _multiplying(stage: Problem, machine: Machine) -> Fraction:
    """Return the cycles in which all lanes multiply a unit of outputs each in a pass of channels, and the lanes."""
    if stage.structure == "vector":
        return 0, 1
    return stage.algorithm.taps * -(-stage.c // machine.chunk) * machine.cycles_per_tile, machine.lanes


def _pass_cycles(stage: Problem, machine: Machine) -> Fraction:
    """Return the cycles that a unit of outputs takes at least in a pass of channels over the rows, but to multiply."""
    # Rows of a dense layer share what they read.
    if stage.structure == "vector" or stage.is_depthwise:
        return 0, 1
    return max(_reading(stage, machine, stage.c), key=_value)


def _unit_cycles(stage: Problem, machine: Machine) -> Fraction:
    """Return the cycles that a unit of outputs takes at least in all channels, however these come."""
    return max(_reading(stage, machine, stage.n), key=_value) if stage.is_depthwise else (0, 1)


def _reading(stage: Problem, machine: Machine, channels: int) -> list[Fraction]:
    """Return the cycles in which as many channels of a unit are read at least, and those in which they are transformed.

    A unit reads the inputs that it has to itself.
    """
    algorithm, port = stage.algorithm, machine.ofmap_port if machine.reads_back else machine.ifmap_port
    inputs = math.prod(a * min(s, k) for a, s, k in zip(algorithm.tile, stage.stride, stage.kernel, strict=True))
    fractions = [(channels * inputs * stage.activation_bits * port.per_cycles, port.bits)]
    if algorithm.is_winograd:
        # The unit does whole tiles in a cycle, or a tile in whole cycles.
        at_once, each = (
            max(machine.input_rate // algorithm.coordinates, 1),
            -(-algorithm.coordinates // machine.input_rate),
        )
        fractions.append((channels * algorithm.taps * each, at_once))
    return fractions
