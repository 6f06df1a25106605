"""Unroll a mapping into a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import arrays_of, padded
from lw3dsim.base.kernels import kernels
from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.step import Costs
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.layer.mapping import input_boxes, make_axes, output_boxes
from lw3dsim.schedule.dma import Activations, Weights
from lw3dsim.schedule.program import AHEAD, Kinds, Loads, Loops, Schedule, Stores
from lw3dsim.schedule.unroll import (
    MARKS,
    Cut,
    Loaded,
    Meeting,
    Nest,
    Places,
    Slots,
    Sorts,
    Stolen,
    Stored,
    Unrolled,
    cost_layer,
    unroll,
)

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Axes, Mapping
    from lw3dsim.tensor.axis import Axis


def build_schedule(problem: Problem, mapping: Mapping, arch: Accelerator, clocks: Clocks) -> Schedule:
    """Return the schedule of ``problem`` under ``mapping``.

    Its tensors lie behind each other in DRAM: inputs, weights, outputs, each from
    a whole stripe of all banks on, so that no two share a row.
    """
    axes, burst_bytes = make_axes(problem, mapping), clocks.burst_bytes
    machine = make_machine(problem, arch, mapping.parallel)
    made, kinds = _unrolled(problem, mapping, _nest(problem, mapping, axes), machine, burst_bytes)
    boxes = input_boxes(problem, mapping, axes, burst_bytes)
    each = padded(boxes.layout.bursts, clocks.stripe_bursts)
    inputs = Activations(boxes=boxes, bases=tuple(i * each for i in range(problem.sources)))
    weights = Weights(box_bursts=np.asarray(made.weight_bursts, dtype=np.int64), base=problem.sources * each)
    base = weights.base + padded(weights.bursts, clocks.stripe_bursts)
    outputs = Activations(boxes=output_boxes(problem, mapping, burst_bytes), bases=(base,))
    return Schedule(
        loops=_loops(made.places, len(axes.c)),
        kind=np.asarray(made.sorts.kind, dtype=np.int64),
        kinds=kinds,
        lead=np.full(len(kinds.head), AHEAD, dtype=np.int64),
        ifmap=Loads(**arrays_of(made.ifmap)),
        weight=Loads(**arrays_of(made.weight)),
        ofmap=Stores(**arrays_of(made.ofmap)),
        setup_cycles=arch.layer_setup_cycles,
        regions=(inputs, weights, outputs),
    )


def _nest(problem: Problem, mapping: Mapping, axes: Axes) -> Nest:
    def cut(axis: Axis) -> Cut:
        return Cut(outputs=axis.outputs, needed=axis.needed, span=axis.span)

    nest = Nest(
        groups=problem.groups,
        n=axes.n,
        c=axes.c,
        t=cut(axes.t),
        h=cut(axes.h),
        w=cut(axes.w),
        tiles_outer=int(mapping.order == "tiles_outer"),
    )
    return kernels().own(nest)


def _unrolled(
    problem: Problem, mapping: Mapping, nest: Nest, machine: Machine, burst_bytes: int
) -> tuple[Unrolled, Kinds]:
    """Return the steps and tiles of a layer, and the kinds of steps."""
    work, layer, array = kernels(), plain_layer(problem), plain_array(machine)
    made, slots = _room(problem, nest), Slots(mapping.ifmap_slots, mapping.weight_slots, mapping.ofmap_slots)
    # With one slot they take turns.
    shared = ("ifmap" in machine.shared_ports, "weight" in machine.shared_ports, "ofmap" in machine.shared_ports)
    meeting = Meeting(*(int(is_shared and of > 1) for is_shared, of in zip(shared, slots, strict=True)))
    kinds = work(unroll)(layer, array, nest, slots, meeting, 8 * burst_bytes, made)
    costs = work.columns(Costs, kinds)
    work(cost_layer)(layer, array, nest, made, empty_waves(work), costs)
    return made, Kinds(wait=np.zeros(kinds, dtype=np.int64), **arrays_of(costs))


def _room(problem: Problem, nest: Nest) -> Unrolled:
    """Return room for the steps and tiles that there are."""
    work = kernels()
    frames, sets = problem.segments if problem.reduces_frames else len(nest.t.outputs), problem.weight_sets
    spatial, parts = frames * len(nest.h.outputs) * len(nest.w.outputs), len(nest.c)
    kernel_tiles = sets * problem.groups * len(nest.n) * parts if problem.kernel_bits else 0
    steps = problem.groups * len(nest.n) * spatial * parts
    # A tile stays while others pass only where no reduction comes between.
    inputs_stay = problem.structure == "dense" and parts == 1 and (nest.tiles_outer or spatial == 1)
    weights_stay = parts == 1 and (not nest.tiles_outer or len(nest.n) == 1)
    return Unrolled(
        places=work.columns(Places, steps),
        ifmap=work.columns(Loaded, steps // len(nest.n) if inputs_stay else steps),
        weight=work.columns(Loaded, min(kernel_tiles, 1) * (sets * (steps // spatial) if weights_stay else steps)),
        ofmap=work.columns(Stored, steps // parts),
        weight_bursts=work.empty(kernel_tiles),
        stolen=work.columns(Stolen, steps),
        sorts=work.columns(Sorts, steps)._replace(marks=work.room(MARKS * steps)),
    )


def _loops(places: Places, parts: int) -> Loops:
    index = arrays_of(places)
    return Loops(**index, is_first=index["c"] == 0, is_last=index["c"] == parts - 1)
