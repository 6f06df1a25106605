"""A network in integers as a chip runs it: one step per tensor of activations and per output channel of weights.

Batch norms are folded into weights. What layers multiply they compute as their schedules do, tile by tile in the widths
of the design, where that is not exact; all else is computed on codes, brought to a common step first where tensors
meet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.arithmetic.direct import compute, factors, function_of, sums
from lw3dsim.arithmetic.functions import RANGE, activated, is_table, unit_of_codes
from lw3dsim.arithmetic.moves import arranged
from lw3dsim.arithmetic.number import NUMBERS, Number, Tensor, integers
from lw3dsim.arithmetic.scales import Rescale, channel_steps, clipped, codes, rescale, rescaled
from lw3dsim.describe.moves import Copy, Pad, Rearranged, Slice
from lw3dsim.describe.products import BatchNorm, Conv3d, Gate, Linear, Matmul
from lw3dsim.describe.vectors import Activation, Add, LayerNorm, Mul, Pool3d, ScaledNorm, Softmax, Trg
from lw3dsim.errors import InputError
from lw3dsim.network.widths import says_widths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lw3dsim.arithmetic.operands import Shifts
    from lw3dsim.arithmetic.whole import WholeLayer
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.weights import LayerWeights
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem

    Watch = Callable[["Stage", Sequence[Tensor], Tensor], Tensor | None]
    Clip = Mapping[str, Tensor]

FLOAT = NUMBERS["float64"]

# By how many bits the step is finer at which tensors are added and means are taken.
HEADROOM_BITS = 8

# Layers that have a form in integers here; of those that rearrange, all but a copy of what is not known.
QUANTISED = (
    *(Activation, Add, BatchNorm, Conv3d, Gate, LayerNorm, Linear, Matmul),
    *(Mul, Pad, Pool3d, Rearranged, Slice, Softmax, Trg),
)


@dataclass(kw_only=True)
class Stage:
    """A layer in integers: what it reads is brought to common steps by ``align``, what it makes by ``after``.

    ``whole`` computes it where its sums are not exact; else they are formed directly. ``step`` is that of what it
    makes, ``own_step`` that of its sums, a number or one per channel. ``problem`` is that of what is multiplied, with
    its ``shifts``, where these are any, and the ``estimated_db`` of what they cost.
    """

    layer: AnyLayer
    align: tuple[Rescale | None, ...]
    weights: Tensor | None
    bias: Tensor | None
    own_step: float | Tensor
    after: Rescale | None
    step: float
    whole: WholeLayer | None = None
    problem: Problem | None = None
    shifts: Shifts | None = None
    estimated_db: float | None = None

    def sums(self, sources: Sequence[Tensor], number: Number) -> Tensor:
        """Return the sums of the layer on codes of its inputs, as the machine makes them."""
        if self.whole is not None:
            return self.whole(arranged(self.layer, sources))
        layer, aligned = self.layer, self._aligned(sources)
        weights = factors(layer, aligned[1]) if isinstance(layer, Gate | Matmul) else self.weights
        return sums(layer, aligned, weights, self.bias, number)

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
        """Return what the network makes, in real numbers.

        ``watch(stage, sources, sums)`` sees every layer; sums that it returns take the place of those of the layer.
        """
        tensors = {name: codes(clip[name], step, self.number) for name, step in self.input_steps.items()}
        for stage in self.stages:
            sources = [tensors[name] for name in stage.layer.inputs]
            made = stage.sums(sources, self.number)
            if watch is not None and (changed := watch(stage, sources, made)) is not None:
                made = changed
            is_read = stage.layer.name not in self.outputs
            finish = stage.finished if is_read else stage.values
            tensors[stage.layer.name] = finish(made, self.number)
        return {name: tensors[name] for name in self.outputs}


class Weighty(NamedTuple):
    """A network with its weights by layer, and the layers and views in an order in which each finds what it reads."""

    order: tuple[AnyLayer, ...]
    weights: Mapping[str, LayerWeights]

    @property
    def outputs(self) -> list[str]:
        """The layers that none reads."""
        read = {name for layer in self.order for name in layer.inputs}
        return [layer.name for layer in self.order if layer.name not in read]

    def tensors(self, clip: Clip) -> dict[str, Tensor]:
        """Return every tensor of the network on a clip, in floating point."""
        tensors = dict(clip)
        for layer in self.order:
            weight, bias = self.weights.get(layer.name, (None, None))
            if isinstance(layer, Gate | Matmul):
                weight = factors(layer, tensors[layer.inputs[1]]) * (layer.scale if isinstance(layer, Matmul) else 1)
            tensors[layer.name] = compute(layer, [tensors[name] for name in layer.inputs], weight, bias, FLOAT)
        return tensors


def number_of(design: Accelerator) -> Number:
    """Return the integers of a network on ``design``. Raises InputError where activations and weights differ."""
    precision = design.precision
    if precision.weight_bits != precision.activation_bits:
        raise InputError(
            f"precision.weight_bits = {precision.weight_bits}: a network is scored in integers of one width, "
            f"activations have {precision.activation_bits} bits"
        )
    return integers(precision.activation_bits)


def weighty(network: Workload, weights: Mapping[str, LayerWeights]) -> Weighty:
    """Return ``network`` with its ``weights``. Raises InputError where a layer has none, or is none to quantise."""
    if says_widths(network):
        raise InputError(f"{network.name}: has layers of widths of their own; integers of one width are scored alone")
    if network.states:
        raise InputError(f"{network.name}: keeps state from clip to clip; clips are scored one by one: leave it out")
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
        by_frame = isinstance(layer, Matmul) and layer.by_frame
        if not isinstance(layer, QUANTISED) or isinstance(layer, Copy) or by_frame:
            raise InputError(f"{layer.name} of {network.name}: a layer of kind {layer.kind} cannot be quantised yet")
        if layer.weights(network.input_shapes(layer)) and layer.name not in weights:
            raise InputError(f"weights: {layer.name}.weight is missing; give the weights of all layers")
    return Weighty(tuple(order), weights)


def stage_of(layer: AnyLayer, given: LayerWeights | None, steps: Mapping[str, float], number: Number) -> Stage:
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
        # The factors of a norm are multiplied by its codes.
        data = unit_of_codes("layer_norm", number) if isinstance(layer, ScaledNorm) else None
        own = (read[0] if data is None else data) * by_channel
        weights = codes(given.weight, by_channel, number)
        bias = None if given.bias is None else np.rint(given.bias / own).astype(np.int64)
    elif isinstance(layer, Gate | Matmul | Mul):
        own = math.prod(read) * (layer.scale if isinstance(layer, Matmul) else 1)
    elif isinstance(layer, LayerNorm | Softmax):
        out = target = own = unit_of_codes(layer.kind, number) or 1.0
        # Powers are looked up by codes; a norm does not ask what a step is.
        align = (rescale(read[0] * 2 ** (number.bits - 1) / RANGE) if isinstance(layer, Softmax) else None,)
    elif len(read) > 1 or _is_mean(layer):
        own = target / 2**HEADROOM_BITS if _is_mean(layer) or isinstance(layer, Add) else target
        align = tuple(rescale(step / own) for step in read)
    elif table is None and not isinstance(layer, Trg):
        out = target = read[0]  # moves, rectifiers and the largest of a window make no value larger
    after = None if np.array_equal(own, target) else rescale(own / target)
    return Stage(
        layer=layer,
        align=align,
        weights=weights,
        bias=bias,
        own_step=own,
        after=after,
        step=out,
    )


def _is_mean(layer: AnyLayer) -> bool:
    """Return whether a layer averages: a mean is smaller than its values, and has a step of its own."""
    return isinstance(layer, Pool3d) and layer.mode == "avg"
