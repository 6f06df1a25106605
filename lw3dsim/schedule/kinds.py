"""Kinds of steps: steps of one size and one place in the reduction are costed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import distinct
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.step import Steps, cost_steps, empty_costs
from lw3dsim.machine.waves import empty_waves
from lw3dsim.schedule.program import Kinds, Loops

if TYPE_CHECKING:
    from collections.abc import Collection

    from lw3dsim.base.arrays import Flags, Ints, Words
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Axes
    from lw3dsim.schedule.program import Loads, Stores
    from lw3dsim.tensor.axis import Axis


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


def make_kinds(
    problem: Problem, axes: Axes, loops: Loops, machine: Machine, stolen: StolenCycles
) -> tuple[Ints, Kinds]:
    """Return the kind of every step and the table of kinds."""
    t = loops.c if problem.reduces_frames else loops.t
    space = [(axes.t, t), (axes.h, loops.h), (axes.w, loops.w)]
    # Only vector steps depend on what a tile needs of the input; the array reads whole patches.
    key: list[Ints | Flags] = [axes.n[loops.n], axes.c[loops.c], loops.is_first, loops.is_last]
    if machine.shared_ports:
        key += [stolen.computing, stolen.draining]
    for axis, index in space:
        key.append(axis.outputs[index])
        if problem.structure == "vector":
            key.append(axis.needed[index])
    example, kind = distinct(key)
    sizes = Sizes(
        n=axes.n[loops.n[example]],
        c=axes.c[loops.c[example]],
        outputs=_at(space, "outputs", example),
        needed=_at(space, "needed", example),
        is_first=loops.is_first[example],
        is_last=loops.is_last[example],
        stolen=StolenCycles(computing=stolen.computing[example], draining=stolen.draining[example]),
    )
    return kind, cost_kinds(problem, machine, sizes)


def _at(space: list[tuple[Axis, Ints]], field: str, steps: Ints) -> tuple[Ints, Ints, Ints]:
    t, h, w = (getattr(axis, field)[index[steps]] for axis, index in space)
    return t, h, w


def cost_kinds(problem: Problem, machine: Machine, sizes: Sizes) -> Kinds:
    """Return the table of kinds of these ``sizes``."""
    work = kernels()
    array = plain_array(machine)

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
    costs = empty_costs(work, len(sizes.n))
    work(cost_steps)(plain_layer(problem), array, steps, empty_waves(work), costs)
    columns = {name: np.asarray(column) for name, column in costs._asdict().items()}
    columns["head"] = columns["head"] + sizes.stolen.computing
    columns["drain"] = columns["drain"] + sizes.stolen.draining
    # Cycles that DMA takes from the array are the port's.
    columns["sram_port"] = columns["sram_port"] + sizes.stolen.computing
    of_machine = {"fill": array.fill_cycles, "rows": array.rows, "lanes": array.lanes, "multipliers": array.multipliers}
    columns |= {name: np.full_like(sizes.n, value) for name, value in of_machine.items()}
    return Kinds(wait=np.zeros_like(sizes.n), **columns)
