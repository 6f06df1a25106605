"""A stage of a fused group on the array, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import flat
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import Parallel, make_machine, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.records import VECTOR

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.orders import Order


class Mode(Value, frozen=True, kw_only=True):
    """A layer on the array in a parallel mode, in words; ``often`` are the last columns of Modes."""

    layer: Ints
    array: Ints
    often: tuple[int, ...]
    fill_cycles: int
    reads_back: int
    parallel: Parallel


@kept(65536)
def layer_words(problem: Problem) -> Ints:
    """Return a layer as kernels read it of words."""
    return np.array(flat(plain_layer(problem)))


@kept(65536)
def make_modes(
    stage: Problem,
    arch: Accelerator,
    modes: tuple[Parallel, ...],
    reads_back: int,
    keeps: bool,
    adders: int,
    order: Order,
) -> tuple[Mode, ...]:
    """Return a stage of a group in all of these modes; see :func:`make_mode`."""
    return tuple([make_mode(stage, arch, mode, reads_back, keeps, adders, order) for mode in modes])


@kept(65536)
def array_words(machine: Machine) -> Ints:
    """Return an array as kernels read it of words."""
    return np.array(flat(plain_array(machine)))


@kept(65536)
def make_mode(
    stage: Problem, arch: Accelerator, parallel: Parallel, reads_back: int, keeps: bool, adders: int, order: Order
) -> Mode:
    """Return a stage of a group, whose pipeline has so many ``adders``, in a mode.

    What it ``reads_back`` and ``keeps`` lies in the output buffer, what it reads in an ``order``.
    """
    apart, block = order
    machine = make_machine(
        stage, arch, parallel, reads_back=reads_back, keeps=keeps, adders=adders, apart=apart, block=block
    )
    array = plain_array(machine)
    layer, reads_any = plain_layer(stage), int(array.reads_back > 0)
    return Mode(
        layer=layer_words(stage),
        array=array_words(machine),
        often=(int(layer.structure == VECTOR), array.rows, array.fill_cycles, reads_any),
        fill_cycles=array.fill_cycles,
        reads_back=array.reads_back,
        parallel=parallel,
    )
