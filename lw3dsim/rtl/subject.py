"""What a program is made from: a layer or group, mapped, simulated, and executed on tensors that are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.arithmetic.clips import FRAMES, joined, sources_by_clip
from lw3dsim.arithmetic.computation import Computation  # noqa: TC001  # read where a value is made
from lw3dsim.arithmetic.fused import GroupComputation, execute_group
from lw3dsim.arithmetic.machine import execute
from lw3dsim.arithmetic.moves import arranged
from lw3dsim.arithmetic.number import Number, Tensor, random_tensor, shift_of, shifted
from lw3dsim.arithmetic.number import integers as integers_of
from lw3dsim.base.caches import once
from lw3dsim.base.values import Value
from lw3dsim.describe.buffers import Buffers  # noqa: TC001
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.engine.trace import Trace  # noqa: TC001
from lw3dsim.machine.microarchitecture import Machine, Parallel, make_machine
from lw3dsim.machine.problem import Problem  # noqa: TC001
from lw3dsim.map.group.group import Group, GroupMapping  # noqa: TC001
from lw3dsim.map.layer.mapping import Mapping  # noqa: TC001
from lw3dsim.network.execution import Bench, make_computation, referenced
from lw3dsim.network.given import Given
from lw3dsim.rtl.pauses import Paused, paused
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.fused import GroupSchedule, build_group_schedule, stage_machines
from lw3dsim.schedule.group_work import GroupWork
from lw3dsim.schedule.program import Schedule  # noqa: TC001
from lw3dsim.schedule.work import LayerWork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.transform.algorithms import Algorithm


NOTHING = Given(source="random", readers={})


class Stage(Value, frozen=True, kw_only=True, eq=False):
    """A layer, by itself or in a group, on tensors: all that the waves of its steps are made from.

    ``output`` are the sums that it makes, activated, ``shift`` what brings them to the width of activations, those
    of ``number``; ``operands`` hold weights too. The pipeline has ``adders`` of input and of output transforms.
    """

    name: str
    problem: Problem
    parallel: Parallel
    machine: Machine
    adders: tuple[int, int]
    number: Number
    operands: Number
    computation: Computation
    sources: list[Tensor]
    output: Tensor
    shift: int


class Subject(Stage, frozen=True, kw_only=True, eq=False, dict=True, gc=True):
    """A layer that was mapped, simulated and executed: all that a program of it is made from.

    ``buffers`` are those of its accelerator, a shared memory as it was divided for it.
    """

    mapping: Mapping
    buffers: Buffers
    schedule: Schedule
    trace: Trace
    cycle_ticks: int

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The layer alone."""
        return (self,)

    def cycle(self, ticks: int) -> int:
        """Return the first core cycle that begins at a time or later."""
        return -(-int(ticks) // self.cycle_ticks)

    @property
    def ahead(self) -> int:
        """Cycles from where a step is fed to where the engines see its first product."""
        return self.machine.fill_cycles - 1

    @once
    def paused(self) -> Paused:
        """When DMA has the only port of a buffer."""
        return paused(self)


class GroupSubject(Value, frozen=True, kw_only=True, eq=False, dict=True, gc=True):
    """A fused group that was mapped, simulated and executed; ``operands`` are those of sums that come from DRAM.

    ``buffers`` are as of a Subject.
    """

    name: str
    group: Group
    mapping: GroupMapping
    buffers: Buffers
    schedule: GroupSchedule
    trace: Trace
    cycle_ticks: int
    stages: tuple[Stage, ...]
    operands: tuple[Tensor | None, ...]

    def cycle(self, ticks: int) -> int:
        """Return the first core cycle that begins at a time or later."""
        return -(-int(ticks) // self.cycle_ticks)

    @property
    def ahead(self) -> int:
        """Cycles from where a step is fed to where the engines see its first product: the same for all stages."""
        return self.stages[0].machine.fill_cycles - 1

    @once
    def paused(self) -> Paused:
        """When DMA has the only port of a buffer."""
        return paused(self)


def adders_of(algorithms: Sequence[Algorithm]) -> tuple[int, int]:
    """Return the adders of the deepest input transform and of the deepest output transform."""
    fast = [one for one in algorithms if one.is_winograd]
    return max((one.stages("BT") for one in fast), default=0), max((one.stages("AT") for one in fast), default=0)


def integers(arch: Accelerator) -> Number:
    """Return the integers that are the activations of ``arch``."""
    return integers_of(arch.precision.activation_bits)


def operands(arch: Accelerator) -> Number:
    """Return the integers that hold activations and weights of ``arch``, of which either may be the wider."""
    return integers_of(max(arch.precision.activation_bits, arch.precision.weight_bits))


def make_subject(
    name: str,
    problem: Problem,
    mapping: Mapping,
    arch: Accelerator,
    computation: Computation,
    sources: list[Tensor],
    engine: str = "auto",
) -> Subject:
    """Simulate and execute a mapped layer on ``sources``."""
    clocks, number, either = make_clocks(arch), integers(arch), operands(arch)
    machine = make_machine(problem, arch, mapping.parallel)
    schedule = build_schedule(problem, mapping, arch, clocks)
    timing = simulate_schedule(schedule, clocks, engine)
    output, _ = execute(problem, mapping, schedule, machine, number.of(problem), computation, sources)
    return Subject(
        name=name, problem=problem, mapping=mapping, parallel=mapping.parallel, machine=machine, buffers=arch.buffers,
        schedule=schedule, trace=timing.trace, cycle_ticks=clocks.cycle_ticks,
        adders=adders_of([problem.algorithm]), number=number, operands=either, computation=computation, sources=sources,
        output=output, shift=shift_of(output, number),
    )  # fmt: skip


def drawn(network: Workload, unit: Unit, arch: Accelerator, seed: int, engine: str) -> Subject | GroupSubject:
    """Return a layer or group of a network on tensors that are drawn; see drawn_layer, drawn_group."""
    if isinstance(unit.run.work, GroupWork):
        return drawn_group(network, unit, arch, seed, engine)
    return drawn_layer(network, unit, arch, seed, engine)


def drawn_layer(network: Workload, unit: Unit, arch: Accelerator, seed: int, engine: str) -> Subject:
    """Return a layer of a network on tensors that are drawn; what it gives is held against a direct computation."""
    layer: AnyLayer = unit.layers[0]
    work, number = unit.run.work, integers(arch)
    assert isinstance(work, LayerWork)  # noqa: S101  # groups are drawn by drawn_group
    bench = Bench(network=network, design=arch, number=number, random=np.random.default_rng(seed), given=NOTHING)
    sources = [random_tensor(tuple(shape), number, bench.random) for shape in network.input_shapes(layer)]
    named = dict(zip(layer.inputs, sources, strict=True))
    made = make_computation(bench, layer, named)
    before = clip_before(work.problem, sources, bench)
    one = seen_of_clip(layer, work.problem, before, sources, made, number.of(work.problem))
    subject = make_subject(
        unit.name, work.problem, work.mapping, unit.run.design(arch), one.computation, one.sources, engine
    )
    if not np.array_equal(subject.output, one.output):
        raise AssertionError(f"{unit.name}: executed and direct computation differ")
    return subject


class Seen(NamedTuple):
    """A layer on a clip: the ``output`` that it has for sure, what it computes, and the ``sources`` that it reads."""

    output: Tensor
    computation: Computation
    sources: list[Tensor]


def clip_before(problem: Problem, sources: Sequence[Tensor], bench: Bench) -> list[Tensor]:
    """Return the clip before, drawn, of a layer that finds frames of it in front of its own; else nothing."""
    number = integers(bench.design)
    return [random_tensor(one.shape, number, bench.random) for one in sources] if problem.state_frames else []


def seen_of_clip(
    layer: AnyLayer,
    problem: Problem,
    before: Sequence[Tensor],
    sources: Sequence[Tensor],
    computation: Computation,
    number: Number,
) -> Seen:
    """Return what a layer makes of a clip behind the one ``before``, if it looks back at frames of that."""
    if not before:
        output, own = referenced(layer, sources, computation, number)
        return Seen(output, own, arranged(layer, sources))
    stream = [joined(clips) for clips in zip(before, sources, strict=True)]
    output, own = referenced(layer, stream, computation, number)
    _, clip = np.split(output, 2, axis=FRAMES)
    return Seen(clip, own, sources_by_clip(layer, stream, 1, 2, problem.state_frames)[1])


def drawn_group(network: Workload, unit: Unit, arch: Accelerator, seed: int, engine: str) -> GroupSubject:
    """Return a fused group on tensors that are drawn."""
    work, number, layers = unit.run.work, integers(arch), unit.layers
    assert isinstance(work, GroupWork)  # noqa: S101  # layers are drawn by drawn_layer
    bench = Bench(network=network, design=arch, number=number, random=np.random.default_rng(seed), given=NOTHING)
    made, known = {layer.name for layer in layers}, dict[str, Tensor]()
    for layer in layers:
        for name, shape in zip(layer.inputs, network.input_shapes(layer), strict=True):
            if name not in made:
                known[name] = random_tensor(tuple(shape), number, bench.random)
    # Only how many frames a tensor has is looked at.
    shapes = {layer.name: np.zeros(tuple(network.shapes[layer.name])) for layer in layers}
    computations = [make_computation(bench, layer, known | shapes) for layer in layers]
    before = clip_before(work.group.stages[0], [known[name] for name in layers[0].inputs], bench)
    return make_group(unit.name, work, layers, unit.run.design(arch), computations, known, engine, before)


def make_group(
    name: str,
    work: GroupWork,
    layers: Sequence[AnyLayer],
    arch: Accelerator,
    computations: Sequence[Computation],
    known: dict[str, Tensor],
    engine: str = "auto",
    before: Sequence[Tensor] = (),
) -> GroupSubject:
    """Simulate and execute a mapped group on the tensors ``known``; its layers are computed one by one, too.

    The first may look back at frames of the clip ``before``.
    """
    number, clocks, tensors = integers(arch), make_clocks(arch), dict(known)
    machines, stages = stage_machines(work.group, work.mapping, arch), list[Stage]()
    adders = adders_of([stage.algorithm for stage in work.group.stages])
    each = zip(layers, computations, machines, work.group.stages, work.mapping.parallel, strict=True)
    for layer, computation, machine, problem, parallel in each:
        sources = [tensors[one] for one in layer.inputs]
        looked = before if not stages else ()
        one = seen_of_clip(layer, problem, looked, sources, computation, number.of(problem))
        shift = shift_of(one.output, number)
        tensors[layer.name] = shifted(one.output, shift, number)
        stages.append(
            Stage(
                name=layer.name, problem=problem, parallel=parallel, machine=machine, adders=adders, number=number,
                operands=operands(arch), computation=one.computation, sources=one.sources, output=one.output,
                shift=shift,
            )
        )  # fmt: skip
    schedule = build_group_schedule(work.group, work.mapping, arch, clocks)
    computed = GroupComputation(
        computations=tuple(one.computation for one in stages), shifts=tuple(one.shift for one in stages),
        inputs=tuple(stages[0].sources),
        operands=tuple(
            next(known[name] for name in layer.inputs if name in known) if operand == "dram" else None
            for layer, operand in zip(layers, work.group.operands, strict=True)
        ),
    )  # fmt: skip
    made = execute_group(work.group, work.mapping, schedule, machines, number, computed).output
    if not np.array_equal(made, stages[-1].output):
        raise AssertionError(f"{name}: executed and direct computation differ")
    return GroupSubject(
        name=name, group=work.group, mapping=work.mapping, buffers=arch.buffers, schedule=schedule,
        trace=simulate_schedule(schedule, clocks, engine).trace, cycle_ticks=clocks.cycle_ticks, stages=tuple(stages),
        operands=computed.operands,
    )  # fmt: skip
