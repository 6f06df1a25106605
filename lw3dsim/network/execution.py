"""Execute a network: the schedules that ``simulate`` times, run on real tensors, compared with a direct reference."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.algebra.winograd import signed_bits
from lw3dsim.arithmetic.clips import FRAMES, by_clip, carrying, joined, sources_by_clip, without_sums
from lw3dsim.arithmetic.computation import largest
from lw3dsim.arithmetic.direct import computation_of, compute, factors, shift_before, sums
from lw3dsim.arithmetic.functions import looked_up, unit_of_codes
from lw3dsim.arithmetic.fused import GroupComputation, execute_group
from lw3dsim.arithmetic.machine import execute as execute_schedule
from lw3dsim.arithmetic.number import Number, Tensor, coded, random_tensor, shift_of, shifted
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Gate, LayerNorm, Matmul, Mul, ScaledNorm, Softmax
from lw3dsim.errors import InputError
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.machine.problem import width_note
from lw3dsim.network.difference import compared, worse
from lw3dsim.network.given import given_inputs, given_weights, weight_size
from lw3dsim.network.pipeline import map_prepared
from lw3dsim.network.widths import in_numbers, name_of
from lw3dsim.result.executed import ExecutedLayer, ExecutionResult, Outputs
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.fused import build_group_schedule, stage_machines
from lw3dsim.schedule.group_work import GroupWork
from lw3dsim.schedule.work import LayerWork, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.arithmetic.computation import Computation, Peaks
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.network.given import Given
    from lw3dsim.network.pipeline import Prepared


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What an execution works with, and what it has got so far.

    Tensors by name, what a step of each stands for, and the layers whose weights were not drawn. Tensors hold
    ``number`` where they say no width of their own. ``clips`` run one after another, as a stream; of a batch there are
    as many streams.
    """

    network: Workload
    design: Accelerator
    number: Number
    random: np.random.Generator
    given: Given
    clips: int = 1
    tensors: dict[str, Tensor] = field(default_factory=dict)
    steps: dict[str, float] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)

    def streams(self, layer: AnyLayer) -> int:
        """Return how many clips stand for themselves to ``layer``: all, or where it keeps state those of a batch.

        Where every frame has a matrix of its own, it is as many as there are frames.
        """
        of_clip = self.network.input_shapes(layer)[0].frames if isinstance(layer, Matmul) and layer.by_frame else 1
        return of_clip * self.network.batch * (1 if layer.name in self.network.states else self.clips)

    def number_of(self, tensor: str) -> Number:
        """Return the numbers that a tensor holds: integers of its width, where it has one of its own."""
        return self.number.in_bits(self.network.tensor_bits.get(tensor, self.number.bits))

    def number_of_weights(self, layer: AnyLayer) -> Number:
        """Return the numbers that the weights of a layer are."""
        return self.number.in_bits(self.network.kernel_bits.get(layer.name, self.design.precision.weight_bits))

    def sources(self, layer: AnyLayer, problem: Problem) -> list[list[Tensor]]:
        """Return what ``layer`` works through, by clip that runs after another; sums begin as zeros."""
        batch, state = self.network.batch, problem.sum_frames or self.network.states.get(layer.name, 0)
        names = layer.inputs
        clips = sources_by_clip(layer, [self.tensors[name] for name in names], batch, self.clips, state)
        return [[joined(of_batch) for of_batch in zip(*clips[i :: self.clips], strict=True)] for i in range(self.clips)]

    def origin(self, layers: Sequence[AnyLayer]) -> str:
        """Return where the weights of layers are from; nothing where they have none, or all are drawn."""
        weighty = [x.name for x in layers if x.weights(self.network.input_shapes(x))] if self.given.readers else []
        return " + ".join(sorted({self.given.source if name in self.found else "random" for name in weighty}))


def execute_prepared(prepared: Prepared, progress: Callable[[int, int], None] | None = None) -> ExecutionResult:
    """Execute what was asked for; see :func:`execute`."""
    request = prepared.request
    design, network, number = in_numbers(prepared.design, prepared.network, request.dtype, request.overrides)
    bench = Bench(
        network=network,
        design=design,
        number=number,
        random=np.random.default_rng(request.seed),
        given=given_weights(prepared),
        clips=request.clips or 1,
    )
    _take_inputs(bench, given_inputs(network, request.inputs, bench.clips))
    units = map_prepared(replace(prepared, design=design, network=network))
    # As many operations as a layer has, and no less than one.
    work = {layer.name: 1 + network.layer_macs(layer) for layer in network.layers}
    records, done = [], set[str]()
    _look_through(bench, done)
    for unit in units:
        output, record = _executed(unit.run.work, unit, bench)
        bench.tensors[unit.layers[-1].name] = _requantised(output, bench.number_of(unit.layers[-1].name))
        done |= {layer.name for layer in unit.layers}
        _look_through(bench, done)
        _forget(bench.tensors, network, done)
        records.append(record)
        if progress is not None:
            progress(sum(work.get(name, 0) for name in done), sum(work.values()))
    return ExecutionResult(
        workload=network.name,
        arch=design.name,
        dtype=name_of(number, design.precision),
        seed=request.seed,
        transforms=tuple(network.transforms),
        algorithm=request.algorithm,
        accumulator_bits=design.precision.accumulator_bits,
        overflow=design.precision.overflow,
        exact=all(record.exact for record in records),
        layers=tuple(records),
        outputs=Outputs(bench.tensors),
    )


def _look_through(bench: Bench, done: set[str]) -> None:
    """Give the tensors of views their values, as far as what they are views of is there."""
    for view in bench.network.views:
        if view.name not in done and all(name in bench.tensors for name in view.inputs):
            sources = [bench.tensors[name] for name in view.inputs]
            clips = by_clip(sources, bench.streams(view))
            bench.tensors[view.name] = joined([compute(view, clip, None, None, bench.number) for clip in clips])
            if bench.number.is_integer:
                bench.steps[view.name] = max(bench.steps[name] for name in view.inputs)
            done.add(view.name)


def _take_inputs(bench: Bench, clips: Mapping[str, Tensor]) -> None:
    """Put the clips where layers find them: those that were given, and others that are drawn."""
    for name, shape in bench.network.inputs.items():
        number = bench.number_of(name)
        step = 1 / number.largest if number.is_integer else 1.0  # drawn from -1 to 1
        known = bench.given.readers[name]() if name in bench.network.learned and name in bench.given.readers else None
        if name in clips:
            values, step = coded(clips[name], number)
        elif known is not None:
            values, step = coded(known.weight.reshape(shape), number)
            values = np.tile(values, (1, bench.network.batch * bench.clips, 1, 1))
        else:
            size = tuple(shape._replace(frames=bench.clips * shape.frames))
            values = joined([random_tensor(size, number, bench.random) for _ in range(bench.network.batch)])
        bench.tensors[name], bench.steps[name] = values, step


@singledispatch
def _executed(work: Work, unit: Unit, bench: Bench) -> tuple[Tensor, ExecutedLayer]:
    """Execute a layer or group on the tensors of ``bench``; return its output, and how it compares."""
    raise NotImplementedError


@_executed.register(LayerWork)
def _executed_layer(work: LayerWork, unit: Unit, bench: Bench) -> tuple[Tensor, ExecutedLayer]:
    layer, problem, number = unit.layers[0], work.problem, bench.number.of(work.problem)
    sources = [bench.tensors[name] for name in layer.inputs]
    computation = _computation(bench, layer, bench.tensors)
    reference, computation = referenced(layer, sources, computation, number, bench.streams(layer))
    _note_step(bench, layer, computation, reference)
    output, peaks = _ran_clip_by_clip(work, layer, bench, unit.run.design(bench.design), computation)
    algorithm, widths = problem.algorithm, dict[str, int]()
    if number.is_integer and algorithm.is_winograd:
        widths = {
            "data_bits": algorithm.data_bits(problem.activation_bits),
            "weight_bits": algorithm.weight_bits(problem.factor_bits),
            "sum_bits": problem.register_bits,
            "observed_data_bits": signed_bits(int(peaks.data)),
            "observed_weight_bits": signed_bits(int(peaks.weight)),
            "observed_sum_bits": signed_bits(int(peaks.total)),
        }
    return output, ExecutedLayer(
        name=layer.name,
        kind=layer.kind,
        algorithm=algorithm.label,
        note=_note([problem], bench.design, number),
        weights=bench.origin([layer]),
        **compared(output, reference),
        **widths,
    )


def _ran_clip_by_clip(
    work: LayerWork, layer: AnyLayer, bench: Bench, design: Accelerator, computation: Computation
) -> tuple[Tensor, Peaks]:  # fmt: skip
    """Return what the machine makes of all clips of a layer, each behind what the last one has left, and its peaks."""
    problem, mapping, streams = work.problem, work.mapping, bench.network.batch
    schedule = build_schedule(problem, mapping, design, make_clocks(design))
    machine, sums = make_machine(problem, design, mapping.parallel), problem.sum_frames
    ran: list[tuple[Tensor, Peaks]] = []
    for read, own in zip(bench.sources(layer, problem), of_clips(layer, computation, bench.clips), strict=True):
        given, before = read, len(ran) * (problem.clip_frames - sums)
        if sums and ran:
            given = [carrying(read[0], ran[-1][0], streams, sums)]
        own = replace(own, frames_before=before if sums else 0)
        ran.append(execute_schedule(problem, mapping, schedule, machine, bench.number.of(problem), own, given))
    return joined([without_sums(made, streams, sums) for made, _ in ran]), largest([one for _, one in ran])


@_executed.register(GroupWork)
def _executed_group(work: GroupWork, unit: Unit, bench: Bench) -> tuple[Tensor, ExecutedLayer]:
    """Execute a fused group; the reference is computed layer by layer, and says how values are shifted in between."""
    tensors, number, design = bench.tensors, bench.number, unit.run.design(bench.design)
    computations, shifts, known = [], [], dict(tensors)
    first = unit.layers[0]
    reference = known[first.inputs[0]]
    for layer, problem in zip(unit.layers, work.group.stages, strict=True):
        computation = _computation(bench, layer, known)
        sources = [known[name] for name in layer.inputs]
        reference, computation = referenced(layer, sources, computation, number.of(problem), bench.streams(layer))
        _note_step(bench, layer, computation, reference)
        made = bench.number_of(layer.name)
        known[layer.name] = _requantised(reference, made)
        computations.append(computation)
        shifts.append(shift_of(reference, made))
    inside = {layer.name for layer in unit.layers}
    second = [
        next((tensors[name] for name in layer.streams if name not in inside), None) if operand == "dram" else None
        for layer, operand in zip(unit.layers, work.group.operands, strict=True)
    ]
    parts = [[None] * bench.clips if one is None else np.split(one, bench.clips, axis=FRAMES) for one in second]
    by_layer = [of_clips(*one, bench.clips) for one in zip(unit.layers, computations, strict=True)]
    schedule = build_group_schedule(work.group, work.mapping, design, make_clocks(design))
    given = [
        GroupComputation(
            computations=tuple(own[i] for own in by_layer),
            shifts=tuple(shifts),
            inputs=tuple(sources),
            operands=tuple(part[i] for part in parts),
        )
        for i, sources in enumerate(bench.sources(first, work.group.stages[0]))
    ]
    machines = stage_machines(work.group, work.mapping, design)
    ran = [execute_group(work.group, work.mapping, schedule, machines, number, own) for own in given]
    output = joined([one.output for one in ran])
    difference = compared(output, reference)
    for tensor in work.group.stored:
        name = unit.layers[tensor - 1].name
        tensors[name] = joined([one.stored[tensor] for one in ran])
        difference = worse(difference, compared(tensors[name], known[name]))
    labels = dict.fromkeys(stage.algorithm.label for stage in work.group.stages if stage.has_weights)
    return output, ExecutedLayer(
        name=unit.name,
        kind=unit.kind,
        algorithm=" + ".join(labels) or "none",
        note=_note(work.group.stages, design, number),
        weights=bench.origin(unit.layers),
        **difference,
    )


def _computation(bench: Bench, layer: AnyLayer, tensors: Mapping[str, Tensor]) -> Computation:
    """Return what ``layer`` computes; as operands, biases are in units of its products."""
    read = bench.given.readers.get(layer.name)
    given = None if read is None else read()
    if given is None:
        return make_computation(bench, layer, tensors)
    for values in given:
        if values is not None and not np.isfinite(values.astype(np.float64)).all():
            raise InputError(f"{bench.network.name}: weights of {layer.name} are not all finite; train or draw others")
    bench.found.add(layer.name)
    size, bias = weight_size(bench.network, layer), None
    weights, step = coded(given.weight.reshape(size), bench.number_of_weights(layer))
    bench.steps[f"{layer.name} weights"] = step
    if layer.biases(bench.network.input_shapes(layer)):
        bias = np.zeros(size[0]) if given.bias is None else given.bias
        if bench.number.is_integer and bias.dtype.kind == "f":
            most = 2 ** (bench.design.precision.accumulator_bits - 1) - 1
            data = unit_of_codes("layer_norm", bench.number_of(layer.name)) if isinstance(layer, ScaledNorm) else None
            data = bench.steps[layer.inputs[0]] if data is None else data
            bias = np.clip(np.rint(bias / (step * data)), -most, most).astype(np.int64)
        bias = bias.astype(weights.dtype)
    return computation_of(layer, bench.network.input_shapes(layer)[0], weights, bias)


def _note_step(bench: Bench, layer: AnyLayer, computation: Computation, reference: Tensor) -> None:
    """Note what a step of the output of ``layer`` stands for, as far as its inputs say.

    The machine adds codes as they are: where inputs differ, the widest step is taken.
    """
    if not bench.number.is_integer:
        return
    steps = [bench.steps[name] for name in layer.inputs]
    own = math.prod(steps) if isinstance(layer, Gate | Matmul | Mul) else max(steps)
    own *= bench.steps.get(f"{layer.name} weights", 1.0)
    own *= layer.scale if isinstance(layer, Matmul) else 1.0
    unit = unit_of_codes(_looked_up(layer, computation.activation), bench.number_of(layer.name))
    if isinstance(layer, ScaledNorm) and unit is not None:
        unit *= bench.steps.get(f"{layer.name} weights", 1.0)
    bench.steps[layer.name] = (own if unit is None else unit) * 2.0 ** shift_of(reference, bench.number_of(layer.name))


def _looked_up(layer: AnyLayer, function: str) -> str:
    """Return what decides the step of what a layer makes: what it is itself, or its ``function``."""
    if isinstance(layer, LayerNorm):
        return "layer_norm"
    return layer.kind if isinstance(layer, Softmax) else function


def make_computation(bench: Bench, layer: AnyLayer, tensors: Mapping[str, Tensor]) -> Computation:
    """Return what ``layer`` computes, with random weights and biases, or the factors that ``tensors`` hold."""
    network, number, random, streams = bench.network, bench.number, bench.random, bench.streams(layer)
    inputs, weights, bias = network.input_shapes(layer), None, None
    if isinstance(layer, Gate | Matmul):
        clips = by_clip([tensors[layer.inputs[1]]], streams)
        weights = np.concatenate([factors(layer, clip[0]) for clip in clips])
        if isinstance(layer, Matmul) and layer.scale != 1 and not number.is_integer:
            weights = (weights * layer.scale).astype(weights.dtype)
    elif layer.weights(inputs):
        size = weight_size(network, layer)
        scale = 1 / math.sqrt(math.prod(size[1:]))
        weights = random_tensor(size, bench.number_of_weights(layer), random, scale)
        bias = random_tensor(size[:1], number, random, scale) if layer.biases(inputs) else None
    frames = tensors[layer.inputs[0]].shape[FRAMES] // streams
    made = computation_of(layer, inputs[0]._replace(frames=frames), weights, bias)
    return made if made.divisors is None else replace(made, divisors=np.tile(made.divisors, (streams, 1, 1)))


def of_clips(layer: AnyLayer, computation: Computation, clips: int) -> list[Computation]:
    """Return what ``layer`` computes for each of ``clips`` that run one after another, of all of which this is said."""
    weights, divisors = [computation.weights] * clips, [computation.divisors] * clips
    if isinstance(layer, Gate | Matmul) and computation.weights is not None:
        weights = list(np.split(computation.weights, clips))
    if computation.divisors is not None:
        divisors = list(np.split(computation.divisors, clips))
    return [replace(computation, weights=w, divisors=d) for w, d in zip(weights, divisors, strict=True)]


def referenced(
    layer: AnyLayer, sources: Sequence[Tensor], computation: Computation, number: Number, streams: int = 1
) -> tuple[Tensor, Computation]:
    """Return the output that ``layer`` has for sure, and what it computes with the shift before its activation.

    Each of so many ``streams`` is computed by itself.
    """
    each = zip(by_clip(sources, streams), of_clips(layer, computation, streams), strict=True)
    before = joined([sums(layer, stream, own.weights, own.bias, number) for stream, own in each])
    found = replace(computation, shift=shift_before(before, computation.activation, number.made))
    return looked_up(before, found, number), found


def _note(problems: Sequence[Problem], design: Accelerator, number: Number) -> str:
    """Return what becomes of integer sums that need more bits than are declared."""
    notes = [width_note(problem, design.precision.accumulator_bits) for problem in problems if number.is_integer]
    return "; ".join(dict.fromkeys(filter(None, notes)))


def _requantised(values: Tensor, number: Number) -> Tensor:
    """Shift integers right, rounding, until the largest fits the operand width; leave floats alone."""
    return shifted(values, shift_of(values, number), number) if number.is_integer else values


def _forget(tensors: dict[str, Tensor], network: Workload, done: set[str]) -> None:
    """Drop the tensors that are read, but by no layer that is not ``done``."""
    layers = (*network.layers, *network.views)
    read = {name for layer in layers for name in layer.inputs}
    needed = {name for layer in layers if layer.name not in done for name in layer.inputs}
    for name in (set(tensors) & read) - needed:
        del tensors[name]
