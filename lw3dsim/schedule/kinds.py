"""Kinds of steps: steps of one size and one place in the reduction are costed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import arrays_of
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.step import Costs, Steps, cost_steps
from lw3dsim.machine.waves import empty_waves
from lw3dsim.schedule.program import Kinds

if TYPE_CHECKING:
    from collections.abc import Collection

    from lw3dsim.base.arrays import Flags, Ints, Words
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem
    from lw3dsim.schedule.program import Loads, Stores


class StolenCycles(Value, frozen=True, kw_only=True):
    """Per step: cycles for which DMA holds the only port of a buffer while the array wants it."""

    computing: Ints
    draining: Ints


def stolen_cycles(
    machine: Machine, meeting: Collection[str], steps: int, ifmap: Loads, weight: Loads, ofmap: Stores
) -> StolenCycles:
    """Return the cycles that DMA takes from the array at the only port of the buffers where they are ``meeting``.

    A tile's transfer is paid by the step that first uses it, or whose drain closes it. The
    first tile comes before the array runs, the last leaves after.
    """
    computing, draining = np.zeros(steps, dtype=np.int64), np.zeros(steps, dtype=np.int64)
    for name, stream, port in (("ifmap", ifmap, machine.ifmap_port), ("weight", weight, machine.weight_port)):
        if name in meeting:
            np.add.at(computing, stream.first[1:], port.cycles(stream.bits[1:]))
    if "ofmap" in meeting:
        np.add.at(draining, ofmap.closes[:-1], machine.ofmap_port.cycles(ofmap.bits[:-1]))
    return StolenCycles(computing=computing, draining=draining)


class Sizes(Value, frozen=True, kw_only=True):
    """Per kind: sizes of a step, input positions it needs, its place in the reduction, cycles lost to DMA."""

    n: Ints
    c: Ints
    outputs: tuple[Ints, Ints, Ints]
    needed: tuple[Ints, Ints, Ints]
    is_first: Flags
    is_last: Flags
    stolen: StolenCycles


def cost_kinds(problem: Problem, machine: Machine, sizes: Sizes) -> Kinds:
    """Return the table of kinds of these ``sizes``."""
    work = kernels()

    def words(values: Ints | Flags) -> Words:
        return work.words(values.astype(np.int64))

    (t, h, w), (t_in, h_in, w_in) = sizes.outputs, sizes.needed
    of_source = sizes.n * t_in * h_in * w_in
    steps = Steps(
        n=words(sizes.n),
        c=words(sizes.c),
        t=words(t),
        h=words(h),
        w=words(w),
        inputs=words((problem.sources - machine.reads_back) * of_source),
        read_back=words(machine.reads_back * of_source),
        is_first=words(sizes.is_first),
        is_last=words(sizes.is_last),
    )
    return _kinds(problem, machine, steps, sizes.stolen)


def _kinds(problem: Problem, machine: Machine, steps: Steps, stolen: StolenCycles) -> Kinds:
    """Return the table of kinds that ``steps`` are examples of."""
    work = kernels()
    costs = work.columns(Costs, len(steps.n))
    work(cost_steps)(plain_layer(problem), plain_array(machine), steps, empty_waves(work), costs)
    return Kinds(wait=np.zeros(len(steps.n), dtype=np.int64), **columns_of(costs, stolen))


def columns_of(costs: Costs, stolen: StolenCycles) -> dict[str, Ints]:
    """Return the columns of Kinds but ``wait``: cycles that DMA takes from the array are the port's."""
    columns = arrays_of(costs)
    columns["head"] = columns["head"] + stolen.computing
    columns["drain"] = columns["drain"] + stolen.draining
    columns["sram_port"] = columns["sram_port"] + stolen.computing
    return columns
