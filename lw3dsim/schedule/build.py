"""Unroll a mapping into a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from lw3dsim.base.arrays import arrays_of, padded
from lw3dsim.base.kernels import kernels
from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.step import Costs
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.layer.mapping import input_boxes, make_axes, output_boxes
from lw3dsim.schedule.dma import Activations, Weights
from lw3dsim.schedule.drawn import Regions, Tensor, Ticks, draw, list_layer, settle
from lw3dsim.schedule.program import AHEAD, Kinds, Loads, Loops, Program, Schedule, Stores
from lw3dsim.schedule.unroll import (
    MARKS,
    Cut,
    Loaded,
    Meeting,
    Nest,
    Places,
    Slots,
    Sorts,
    Stored,
    Unrolled,
)
from lw3dsim.tensor.layout import few_runs, plain_rows, strides_of
from lw3dsim.tensor.runs import Runs

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Axes, Mapping
    from lw3dsim.tensor.axis import Axis
    from lw3dsim.tensor.layout import Boxes


def build_schedule(problem: Problem, mapping: Mapping, arch: Accelerator, clocks: Clocks) -> Schedule:
    """Return the schedule of ``problem`` under ``mapping``.

    Its tensors lie behind each other in DRAM: inputs, weights, outputs, each from
    a whole stripe of all banks on, so that no two share a row.
    """
    return draft_layer(problem, mapping, arch, clocks).schedule()


class Drafted(Protocol):
    """What is unrolled under a mapping as far as an engine needs it: what does not win is never made a program of."""

    @property
    def arch(self) -> Accelerator:
        """The design as the layer or group sees it."""

    @property
    def clocks(self) -> Clocks:
        """Its clocks."""

    @property
    def kind(self) -> Words:
        """The kind of every step."""

    @property
    def ticks(self) -> Ticks:
        """What an engine has of the kinds."""

    @property
    def ifmap(self) -> Loaded:
        """The tiles of inputs."""

    @property
    def weight(self) -> Loaded:
        """The tiles of weights."""

    @property
    def ofmap(self) -> Stored:
        """The tiles of outputs."""

    @property
    def bursts(self) -> Words:
        """The bursts of every box."""

    @property
    def steps(self) -> int:
        """Number of steps."""

    def list_runs(self, page: int) -> Runs:
        """Return the DMA descriptors of every box; what lies in one page, of so many bursts, may be joined.

        Raises MappingError for more than can be listed.
        """

    def schedule(self) -> Program:
        """Return the whole program."""


class Draft(NamedTuple):
    """A layer that is drafted; see :class:`Drafted`.

    ``bursts`` are those of every box of its ``regions``; ``most_runs`` are those of inputs and output, unjoined.
    """

    problem: Problem
    mapping: Mapping
    arch: Accelerator
    clocks: Clocks
    inputs: Boxes
    outputs: Boxes
    parts: int
    made: Unrolled
    costs: Costs
    ticks: Ticks
    regions: Regions
    bursts: Words
    most_runs: tuple[int, int]

    @property
    def steps(self) -> int:
        """See Drafted."""
        return len(self.made.sorts.kind)

    @property
    def kind(self) -> Words:
        """See Drafted."""
        return self.made.sorts.kind

    @property
    def ifmap(self) -> Loaded:
        """See Drafted."""
        return Loaded._make(self.made.ifmap)

    @property
    def weight(self) -> Loaded:
        """See Drafted."""
        return Loaded._make(self.made.weight)

    @property
    def ofmap(self) -> Stored:
        """See Drafted."""
        return Stored._make(self.made.ofmap)

    def list_runs(self, page: int) -> Runs:
        """See Drafted."""
        reads, writes = self.most_runs
        few_runs(self.inputs.layout, reads // self.regions.sources), few_runs(self.outputs.layout, writes)
        work, tiles = kernels(), self.made.weight_bursts
        most = reads + len(tiles) + writes
        into = Runs(work.empty(len(self.bursts) + 1), work.room(most), work.room(most))
        work(list_layer)(self.regions, tiles, page, work.room(self.regions.sources), work.room(1), into)
        return into

    def schedule(self) -> Schedule:
        """See Drafted."""
        made, each, stripe = self.made, self.regions.apart, self.regions.stripe
        inputs = Activations(boxes=self.inputs, bases=tuple(i * each for i in range(self.problem.sources)))
        weights = Weights(box_bursts=np.asarray(made.weight_bursts, dtype=np.int64), base=self.problem.sources * each)
        base = weights.base + padded(weights.bursts, stripe)
        kinds = len(self.ticks[0])
        return Schedule(
            loops=_loops(Places._make(made.places), self.parts),
            kind=np.asarray(made.sorts.kind, dtype=np.int64),
            kinds=Kinds.of(self.costs, wait=np.zeros(kinds, dtype=np.int64)),
            lead=np.full(kinds, AHEAD, dtype=np.int64),
            ifmap=Loads(**arrays_of(self.ifmap)),
            weight=Loads(**arrays_of(self.weight)),
            ofmap=Stores(**arrays_of(self.ofmap)),
            setup_cycles=self.arch.layer_setup_cycles,
            regions=(inputs, weights, Activations(boxes=self.outputs, bases=(base,))),
            counted=np.asarray(self.bursts, dtype=np.int64),
        )


def draft_layer(problem: Problem, mapping: Mapping, arch: Accelerator, clocks: Clocks) -> Draft:
    """Return what an engine needs of ``problem`` under ``mapping``; see :func:`build_schedule`."""
    axes, work, burst_bytes = make_axes(problem, mapping), kernels(), clocks.burst_bytes
    machine, nest = make_machine(problem, arch, mapping.parallel), _nest(problem, mapping, axes)
    layer, array = plain_layer(problem), plain_array(machine)
    made, slots = _room(problem, nest), Slots(mapping.ifmap_slots, mapping.weight_slots, mapping.ofmap_slots)
    boxes = input_boxes(problem, mapping, axes, burst_bytes), output_boxes(problem, mapping, burst_bytes)
    regions = Regions(
        inputs=_tensor(boxes[0]),
        outputs=_tensor(boxes[1]),
        sources=problem.sources,
        apart=padded(boxes[0].layout.bursts, clocks.stripe_bursts),
        stripe=clocks.stripe_bursts,
    )
    bursts = work.room(boxes[0].number + len(made.weight_bursts) + boxes[1].number)
    kinds, *runs = work(draw)(
        layer, array, nest, slots, _meeting(machine, slots), 8 * burst_bytes, regions, made, bursts
    )
    costs, ticks = work.sheet(Costs, kinds), work.sheet(Ticks, kinds)
    work(settle)(layer, array, nest, made, empty_waves(work), clocks.cycle_ticks, costs, ticks)
    return Draft(
        problem, mapping, arch, clocks, *boxes, len(axes.c), made, costs, ticks, regions, bursts, (runs[0], runs[1])
    )


def _tensor(boxes: Boxes) -> Tensor:
    return Tensor(plain_rows(boxes.layout), strides_of(boxes.layout), boxes.cuts)


def _meeting(machine: Machine, slots: Slots) -> Meeting:
    # With one slot they take turns.
    shared = machine.shared_ports
    return Meeting(*[int(name in shared and of > 1) for name, of in zip(Slots._fields, slots, strict=True)])


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
    return kernels().of_arrays(nest)


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
        places=work.sheet(Places, steps),
        ifmap=work.sheet(Loaded, steps // len(nest.n) if inputs_stay else steps),
        weight=work.sheet(Loaded, min(kernel_tiles, 1) * (sets * (steps // spatial) if weights_stay else steps)),
        ofmap=work.sheet(Stored, steps // parts),
        weight_bursts=work.empty(kernel_tiles),
        sorts=Sorts._make(work.carved((MARKS * steps, steps, steps, steps, steps), is_empty=True)),
    )


def _loops(places: Places, parts: int) -> Loops:
    index = arrays_of(places)
    return Loops(**index, is_first=index["c"] == 0, is_last=index["c"] == parts - 1)
