"""A network in integers as a chip runs it: one step per tensor of activations and per output channel of weights.

Steps of activations are those of the largest values on calibration clips. Batch norms are folded into weights. What
layers multiply they compute as their schedules do, tile by tile in the widths of the design; what is not multiplied is
computed on codes, brought to a common step first where tensors meet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.arithmetic.direct import computation_of, compute, function_of, sums
from lw3dsim.arithmetic.functions import RANGE, activated, is_table, unit_of_codes
from lw3dsim.arithmetic.moves import arranged
from lw3dsim.arithmetic.noise import Power, estimated_db
from lw3dsim.arithmetic.number import NUMBERS, Number, Tensor
from lw3dsim.arithmetic.operands import Shifts, make_operands, observed, whole_width, worst_case
from lw3dsim.arithmetic.scales import Rescale, channel_steps, clipped, codes, rescale, rescaled
from lw3dsim.arithmetic.whole import WholeLayer
from lw3dsim.describe.moves import Copy, Pad, Rearranged, Slice
from lw3dsim.describe.products import BatchNorm, Conv3d, Linear
from lw3dsim.describe.shape import Shape
from lw3dsim.describe.vectors import Activation, Add, Mul, Pool3d, Trg
from lw3dsim.errors import InputError
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.schedule.work import LayerWork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.weights import LayerWeights
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem

    Watch = Callable[["Stage", Sequence[Tensor], Tensor], None]
    Clip = Mapping[str, Tensor]

FLOAT = NUMBERS["float64"]

# By how many bits the step is finer at which tensors are added and means are taken.
HEADROOM_BITS = 8

# Layers that have a form in integers here; of those that rearrange, all but a copy of what is not known.
QUANTISED = (Activation, Add, BatchNorm, Conv3d, Linear, Mul, Pad, Pool3d, Rearranged, Slice, Trg)


class How(NamedTuple):
    """Shifts of Winograd coordinates: of the ``worst_case`` or ``calibrated``, one per ``tap`` or ``tensor``."""

    shifts: str
    per: str


class Observed:
    """What calibration saw of the transformed inputs of a layer, by coordinate, and of its sums."""

    def __init__(self) -> None:
        self.peaks: Tensor = np.zeros(())
        self._squares: Tensor = np.zeros(())
        self._values, self._sums, self._outputs = 0, 0.0, 0

    def see(self, values: Tensor) -> None:
        """Look at transformed inputs, their coordinates in the last three dimensions."""
        over = tuple(range(values.ndim - 3))
        self.peaks = np.maximum(self.peaks, np.abs(values).max(axis=over))
        self._squares = self._squares + np.square(values, dtype=np.float64).sum(axis=over)
        self._values += math.prod(values.shape[:-3])

    def see_sums(self, values: Tensor) -> None:
        """Look at what the layer made."""
        self._sums += float(np.square(values, dtype=np.float64).sum())
        self._outputs += values.size

    def power(self, weight: Tensor) -> Power:
        """Return the mean squares of what was seen, with those of transformed ``weight``."""
        return Power(data=self._squares / self._values, weight=weight, signal=self._sums / self._outputs)


@dataclass(kw_only=True)
class Stage:
    """A layer in integers: what it reads is brought to common steps by ``align``, what it makes by ``after``.

    ``whole`` computes what is multiplied. ``step`` is that of what it makes, ``own_step`` that of its sums, a number or
    one per channel. ``estimated_db`` is the SQNR of narrowed coordinates.
    """

    layer: AnyLayer
    align: tuple[Rescale | None, ...]
    whole: WholeLayer | None
    problem: Problem | None
    weights: Tensor | None
    bias: Tensor | None
    own_step: float | Tensor
    after: Rescale | None
    step: float
    shifts: Shifts | None = None
    estimated_db: float | None = None

    def sums(self, sources: Sequence[Tensor], number: Number) -> Tensor:
        """Return the sums of the layer on codes of its inputs, as the machine makes them."""
        if self.whole is not None:
            return self.whole(arranged(self.layer, sources))
        return sums(self.layer, self._aligned(sources), None, None, number)

    def exact(self, sources: Sequence[Tensor], number: Number) -> Tensor:
        """Return the same without loss: computed directly."""
        return sums(self.layer, sources, self.weights, self.bias, number)

    def finished(self, made: Tensor, number: Number) -> Tensor:
        """Return the codes that the next layer reads."""
        function = function_of(self.layer)
        if is_table(function, number):
            return activated(clipped(_by(self.after, made), number), function, number, 0)
        return clipped(_by(self.after, activated(made, function, number, 0)), number)

    def values(self, made: Tensor, number: Number) -> Tensor:
        """Return what the sums of a layer that none reads stand for, in real numbers."""
        if is_table(function_of(self.layer), number):
            return self.finished(made, number) * self.step
        real: Tensor = activated(made, function_of(self.layer), number, 0)
        return np.asarray(real * np.reshape(self.own_step, (-1, 1, 1, 1)))

    def _aligned(self, sources: Sequence[Tensor]) -> list[Tensor]:
        return [_by(by, source) for by, source in zip(self.align, sources, strict=True)]


def _by(by: Rescale | None, values: Tensor) -> Tensor:
    return values if by is None else rescaled(values, by)


class Quantised:
    """A network in integers, called with a clip: by input, real values (C, T, H, W)."""

    def __init__(self, stages: Sequence[Stage], input_steps: Mapping[str, float], number: Number) -> None:
        self.stages, self.input_steps, self.number = tuple(stages), input_steps, number
        read = {name for stage in stages for name in stage.layer.inputs}
        self.outputs = [stage.layer.name for stage in stages if stage.layer.name not in read]

    def twin(self) -> Quantised:
        """Return the same network with storage of its own, for another thread."""
        stages = [replace(one, whole=one.whole and one.whole.twin()) for one in self.stages]
        return Quantised(stages, self.input_steps, self.number)

    def __call__(self, clip: Clip, watch: Watch | None = None) -> dict[str, Tensor]:
        """Return what the network makes, in real numbers; ``watch(stage, sources, sums)`` sees every layer."""
        tensors = {name: codes(clip[name], step, self.number) for name, step in self.input_steps.items()}
        for stage in self.stages:
            sources = [tensors[name] for name in stage.layer.inputs]
            made = stage.sums(sources, self.number)
            if watch is not None:
                watch(stage, sources, made)
            is_read = stage.layer.name not in self.outputs
            finish = stage.finished if is_read else stage.values
            tensors[stage.layer.name] = finish(made, self.number)
        return {name: tensors[name] for name in self.outputs}


class Weighty(NamedTuple):
    """A network with its weights by layer, and the layers and views in an order in which each finds what it reads."""

    order: tuple[AnyLayer, ...]
    weights: Mapping[str, LayerWeights]

    def tensors(self, clip: Clip) -> dict[str, Tensor]:
        """Return every tensor of the network on a clip, in floating point."""
        tensors = dict(clip)
        for layer in self.order:
            weight, bias = self.weights.get(layer.name, (None, None))
            tensors[layer.name] = compute(layer, [tensors[name] for name in layer.inputs], weight, bias, FLOAT)
        return tensors


def weighty(network: Workload, weights: Mapping[str, LayerWeights]) -> Weighty:
    """Return ``network`` with its ``weights``. Raises InputError where a layer has none, or is none to quantise."""
    order: list[AnyLayer] = []
    there, waiting = {*network.inputs}, [*network.views]
    for layer in (*network.layers, None):
        while ready := [view for view in waiting if there.issuperset(view.inputs)]:
            order += ready
            there |= {view.name for view in ready}
            waiting = [view for view in waiting if view not in ready]
        if layer is not None:
            order.append(layer)
            there.add(layer.name)
    for layer in order:
        if not isinstance(layer, QUANTISED) or isinstance(layer, Copy):
            raise InputError(f"{layer.name} of {network.name}: a layer of kind {layer.kind} cannot be quantised yet")
        if layer.weights(network.input_shapes(layer)) and layer.name not in weights:
            raise InputError(f"weights: {layer.name}.weight is missing; give the weights of all layers")
    return Weighty(tuple(order), weights)


def quantised(
    float_network: Weighty, units: Sequence[Unit], design: Accelerator, number: Number, clips: Sequence[Clip], how: How
) -> Quantised:
    """Return a network in integers of ``number``, its steps and, if asked for, its shifts from calibration ``clips``.

    ``units`` are its layers as they were mapped on ``design``.
    """
    peaks: dict[str, float] = {}
    for clip in clips:
        for name, values in float_network.tensors(clip).items():
            peaks[name] = max(peaks.get(name, 0.0), float(np.abs(values).max(initial=0)))
    steps = {name: peak / number.largest or 1.0 for name, peak in peaks.items()}
    works = {unit.layers[0].name: unit.run.work for unit in units}
    stages: list[Stage] = []
    for layer in float_network.order:
        work = works.get(layer.name)
        stage = _stage(layer, float_network.weights.get(layer.name), steps, number)
        steps[layer.name] = stage.step
        if isinstance(work, LayerWork) and stage.weights is not None:
            _multiplied(stage, work, design, number)
        stages.append(stage)
    network = Quantised(stages, {name: steps[name] for name in clips[0]}, number)
    _narrow(network, units, design, clips, how)
    return network


def _stage(layer: AnyLayer, given: LayerWeights | None, steps: Mapping[str, float], number: Number) -> Stage:
    """Return a layer in integers, by the steps of what it reads, and the step that its output is calibrated to."""
    read, function = [steps[name] for name in layer.inputs], function_of(layer)
    table = unit_of_codes(function, number)
    out = steps[layer.name] if table is None else table
    # A table is looked up by codes of its own step.
    target = out if table is None else RANGE / 2 ** (number.bits - 1)
    own: float | Tensor = read[0]
    align: tuple[Rescale | None, ...] = (None,) * len(read)
    weights = bias = None
    if given is not None:
        by_channel = channel_steps(given.weight, number)
        own = read[0] * by_channel
        weights = codes(given.weight, by_channel, number)
        bias = None if given.bias is None else np.rint(given.bias / own).astype(np.int64)
    elif isinstance(layer, Mul):
        own = math.prod(read)
    elif len(read) > 1 or _is_mean(layer):
        own = target / 2**HEADROOM_BITS if _is_mean(layer) or isinstance(layer, Add) else target
        align = tuple(rescale(step / own) for step in read)
    elif table is None and not isinstance(layer, Trg):
        out = target = read[0]  # moves, rectifiers and the largest of a window make no value larger
    after = None if np.array_equal(own, target) else rescale(own / target)
    return Stage(
        layer=layer,
        align=align,
        whole=None,
        problem=None,
        weights=weights,
        bias=bias,
        own_step=own,
        after=after,
        step=out,
    )


def _is_mean(layer: AnyLayer) -> bool:
    """Return whether a layer averages: a mean is smaller than its values, and has a step of its own."""
    return isinstance(layer, Pool3d) and layer.mode == "avg"


def _multiplied(
    stage: Stage, work: LayerWork, design: Accelerator, number: Number, shifts: Shifts | None = None
) -> None:
    """Have ``stage`` computed as it is mapped; Winograd coordinates without loss, or with these ``shifts``."""
    problem, mapping = work.problem, work.mapping
    operands = None
    if problem.algorithm.is_winograd:
        operands = make_operands(problem, number, shifts or whole_width(problem, number))
    shape = Shape(problem.input_channels, *problem.inp)
    computation = replace(computation_of(stage.layer, shape, stage.weights, stage.bias), activation="none")
    machine = make_machine(problem, design, mapping.parallel)
    stage.problem, stage.shifts = problem, shifts
    stage.whole = WholeLayer(problem, mapping.c, machine, number, computation, operands)


def _narrow(network: Quantised, units: Sequence[Unit], design: Accelerator, clips: Sequence[Clip], how: How) -> None:
    """Give every layer in Winograd coordinates the shifts that its multipliers ask for, and what they cost."""
    works = {unit.layers[0].name: unit.run.work for unit in units}
    wide = {stage.layer.name: Observed() for stage in network.stages if stage.whole and stage.whole.is_winograd}
    for stage in network.stages:
        if stage.layer.name in wide and stage.whole is not None:
            stage.whole.watch(wide[stage.layer.name].see)

    def watch(stage: Stage, _: Sequence[Tensor], made: Tensor) -> None:
        if stage.layer.name in wide:
            wide[stage.layer.name].see_sums(made)

    for clip in clips:
        network(clip, watch)
    for stage in network.stages:
        seen, work = wide.get(stage.layer.name), works.get(stage.layer.name)
        if seen is None or stage.whole is None or not isinstance(work, LayerWork):
            continue
        weight_peaks, weight_power = stage.whole.transformed_weights()
        worst = worst_case(work.problem, network.number)
        found = worst if how.shifts == "worst_case" else observed(work.problem, seen.peaks, weight_peaks)
        kept = found if how.per == "tap" else found.as_one()
        if worst.data.any() or worst.weight.any():
            _multiplied(stage, work, design, network.number, kept)
            stage.estimated_db = estimated_db(work.problem, kept, seen.power(weight_power))
        else:
            stage.whole.watch(None)
