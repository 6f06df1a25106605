"""What a layer asks of the machine: products on the array, or operations of the vector unit; over which windows."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import TYPE_CHECKING

from lw3dsim.base.values import Value, replace
from lw3dsim.describe.moves import Rearranged
from lw3dsim.describe.windows import as_margins
from lw3dsim.describe.workload import (
    Activation,
    Add,
    BatchNorm,
    Conv3d,
    Gate,
    LayerNorm,
    Linear,
    Matmul,
    Mul,
    Pad,
    Pool3d,
    RunningMean,
    ScaledNorm,
    Shape,
    Slice,
    Softmax,
    Trg,
    Upsample,
)
from lw3dsim.machine.widths import product_widths, sum_bits, vector_widths

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Precision
    from lw3dsim.describe.shape import Widths
    from lw3dsim.describe.windows import Margins
    from lw3dsim.describe.workload import Layer
    from lw3dsim.machine.records import Beside, Structure, Triple
    from lw3dsim.machine.widths import SumWidths
    from lw3dsim.transform.algorithms import Algorithm

ONE: Triple = (1, 1, 1)
NONE: Triple = (0, 0, 0)

# What the drain does on its way: saturation makes a relu and a relu6. All else is looked up in a table.
IN_PASSING = ("none", "relu", "relu6")


class Mix(Value, frozen=True, kw_only=True):
    """What the operations of the vector unit for an output are, if not additions: ``lookups`` and ``products``.

    ``inverses`` of sums, or of roots, come besides, a share of one for every output. ``divides_sums``: outputs are sums
    that are divided, and products, where that takes more than a shift, are of sums by constants.
    """

    lookups: int = 0
    products: int = 0
    inverses: float = 0.0
    divides_sums: bool = False


class Form(Value, frozen=True, kw_only=True):
    """A layer in the terms of :class:`lw3dsim.machine.problem.Problem`, widths left out.

    The input lies in DRAM as a tensor of ``shape``. ``padding`` is what stands before it; what stands behind it follows
    from the size of the output. ``ops_per_output`` are those of the vector unit: of a vector layer to compute an
    output, of others to finish one, of the kinds that ``mix`` says; ``means`` are the means over frames that it makes
    at a position. An output of a vector layer looks at each source ``reads`` times, and outputs that lie ``beside``
    each other, all, of a frame, or of a position, find what they need so. It sums up ``terms`` values, or products of
    two if it ``multiplies_inputs``; another layer that ``multiplies_inputs`` has activations where others have weights,
    in so many ``matrices``, each of which is that of an equal part of the frames. A vector layer has so many
    ``factors`` for a channel, read with a tile.
    """

    structure: Structure
    shape: Shape
    n: int
    c: int = 1
    groups: int = 1
    kernel: Triple = ONE
    stride: Triple = ONE
    padding: Triple = NONE
    dilation: Triple = ONE
    sources: int = 1
    reads: int = 1
    beside: Beside = "all"
    ops_per_output: int = 1
    whole_frames: bool = False
    means: int = 0
    terms: int = 1
    multiplies_inputs: bool = False
    matrices: int = 1
    mix: Mix = Mix()
    factors: int = 0

    def sum_bits(self, bits: int) -> int:
        """Return the width of the widest value that a vector layer makes of operands of so many ``bits``."""
        return sum_bits(2 * bits if self.multiplies_inputs else bits, self.terms)

    def sum_widths(self, algorithm: Algorithm, precision: Precision, data_bits: int, weight_bits: int) -> SumWidths:
        """Return how wide the sums of the layer are, with multipliers of ``data_bits`` by ``weight_bits``."""
        if self.structure == "vector":
            return vector_widths(self.sum_bits(precision.activation_bits), precision)
        return product_widths(algorithm, precision, data_bits, weight_bits, self.c, math.prod(self.kernel))

    def precision(self, widths: Widths, of: Precision) -> Precision:
        """Return ``of`` for a layer of these ``widths``: activations that stand for weights are as wide as others."""
        weights = of.activation_bits if self.multiplies_inputs and not self.factors else of.weight_bits
        own = {"activation_bits": widths.inputs or of.activation_bits, "weight_bits": widths.weights or weights}
        return replace(of, **own)


@singledispatch
def form_of(layer: Layer, inputs: tuple[Shape, ...], output: Shape) -> Form:
    """Return the form of ``layer``, which reads ``inputs``."""
    raise NotImplementedError(f"no machine does a layer of kind {layer.kind}")


def finishing_ops(function: str) -> int:
    """Return the operations of the vector unit that finish an output: one, and one to look up a ``function``."""
    return 1 if function in IN_PASSING else 2


def finishing_mix(function: str, products: int = 0) -> Mix:
    """Return what these operations are, beside so many ``products``."""
    return Mix(lookups=0 if function in IN_PASSING else 1, products=products)


def _before(margins: Margins) -> Triple:
    t, h, w = (before for before, _ in margins)
    return t, h, w


@form_of.register(Conv3d)
def _conv3d(layer: Conv3d, inputs: tuple[Shape, ...], output: Shape) -> Form:  # noqa: ARG001  # its own channels
    channels = inputs[0].channels
    is_depthwise = layer.groups == channels == layer.out_channels and layer.groups > 1
    return Form(
        structure="grouped" if is_depthwise else "dense",
        shape=inputs[0],
        groups=1 if is_depthwise else layer.groups,
        n=layer.out_channels if is_depthwise else layer.out_channels // layer.groups,
        c=channels // layer.groups,
        kernel=layer.kernel,
        stride=layer.stride,
        padding=_before(layer.margins(inputs[0])),
        dilation=layer.dilation,
        ops_per_output=finishing_ops(layer.activation),
        mix=finishing_mix(layer.activation),
    )


@form_of.register(Linear)
def _linear(layer: Linear, inputs: tuple[Shape, ...], output: Shape) -> Form:
    ops = finishing_ops(layer.activation)
    return Form(
        structure="dense",
        shape=Shape(inputs[0].elements, 1, 1, 1),
        n=output.channels,
        c=inputs[0].elements,
        ops_per_output=ops,
        mix=finishing_mix(layer.activation),
    )


@form_of.register(Gate)
def _gate(layer: Gate, inputs: tuple[Shape, ...], output: Shape) -> Form:  # as large as the output
    return Form(
        structure="grouped", shape=inputs[0], n=output.channels, ops_per_output=finishing_ops(layer.activation),
        multiplies_inputs=True, mix=finishing_mix(layer.activation),
    )  # fmt: skip


@form_of.register(BatchNorm)
def _batch_norm(layer: BatchNorm, inputs: tuple[Shape, ...], output: Shape) -> Form:  # as the output
    return Form(
        structure="grouped", shape=inputs[0], n=output.channels, ops_per_output=finishing_ops(layer.activation),
        mix=finishing_mix(layer.activation),
    )  # fmt: skip


@form_of.register(Pool3d)
def _pool3d(layer: Pool3d, inputs: tuple[Shape, ...], output: Shape) -> Form:
    """Return a pool as vector operations; one that leaves one frame can be taken window frame by window frame."""
    window, margins = layer.window(inputs[0]), layer.margins(inputs[0])
    # All windows are divided by one number, and by a shift where it is a power of two.
    is_shift = layer.count_include_pad and math.prod(window) & (math.prod(window) - 1) == 0
    is_split = output.frames == 1 and layer.dilation[0] == 1
    return Form(
        structure="vector",
        shape=inputs[0],
        n=output.channels,
        c=window[0] if is_split else 1,
        kernel=window,
        stride=layer.step(inputs[0]),
        padding=_before(margins),
        dilation=layer.dilation,
        reads=math.prod(window),
        beside="position",
        ops_per_output=math.prod(window),
        terms=math.prod(window) if layer.mode == "avg" else 1,
        mix=Mix(products=0 if is_shift else 1, divides_sums=True) if layer.mode == "avg" else Mix(),
    )


@form_of.register(Add)
def _add(layer: Add, inputs: tuple[Shape, ...], output: Shape) -> Form:
    many = len(inputs)
    ops = many + finishing_ops(layer.activation) - 1
    return Form(
        structure="vector", shape=output, n=output.channels, sources=many, ops_per_output=ops, terms=many,
        mix=finishing_mix(layer.activation),
    )  # fmt: skip


@form_of.register(Mul)
def _mul(layer: Mul, inputs: tuple[Shape, ...], output: Shape) -> Form:
    many = len(inputs)
    ops = many + finishing_ops(layer.activation) - 1
    return Form(
        structure="vector", shape=output, n=output.channels, sources=many, ops_per_output=ops, multiplies_inputs=True,
        mix=finishing_mix(layer.activation, products=1),
    )  # fmt: skip


@form_of.register(Matmul)
def _matmul(layer: Matmul, inputs: tuple[Shape, ...], output: Shape) -> Form:
    return Form(
        structure="dense",
        shape=inputs[0],
        groups=layer.heads,
        n=output.channels // layer.heads,
        c=inputs[0].channels // layer.heads,
        multiplies_inputs=True,
        matrices=inputs[0].frames if layer.by_frame else 1,
    )


@form_of.register(Softmax)
def _softmax(layer: Softmax, inputs: tuple[Shape, ...], output: Shape) -> Form:
    """Return three passes: a comparison; a difference, a look-up, a sum; a difference, a look-up, a product.

    The product is with the inverse of the sum.
    """
    mix = Mix(lookups=2, products=1, inverses=layer.groups / output.channels)
    return Form(structure="vector", shape=inputs[0], n=output.channels, sources=3, ops_per_output=7, mix=mix)


@form_of.register(LayerNorm)
def _layer_norm(layer: LayerNorm, inputs: tuple[Shape, ...], output: Shape) -> Form:
    """Return three passes: a sum; a difference, its square and a sum; a difference and a product."""
    terms = output.channels // layer.groups
    return Form(
        structure="vector", shape=inputs[0], n=output.channels, sources=3, ops_per_output=6, terms=terms,
        multiplies_inputs=True, mix=Mix(products=2, inverses=1 / terms),
    )  # fmt: skip


@form_of.register(ScaledNorm)
def _scaled_norm(layer: ScaledNorm, inputs: tuple[Shape, ...], output: Shape) -> Form:
    """Return a layer norm with a product and a sum more."""
    form = _layer_norm(layer, inputs, output)
    mix = replace(form.mix, products=form.mix.products + 1)
    return replace(form, ops_per_output=form.ops_per_output + 2, mix=mix, factors=1)


@form_of.register(Activation)
def _activation(layer: Activation, inputs: tuple[Shape, ...], output: Shape) -> Form:
    return replace(_copy(layer, inputs, output), mix=finishing_mix(layer.activation))


@form_of.register(Rearranged)
def _copy(layer: Activation | Rearranged, inputs: tuple[Shape, ...], output: Shape) -> Form:  # noqa: ARG001  # what it reads is in order
    """Return a copy of the input as it is laid out after the move, in the blocks that it has."""
    return Form(structure="vector", shape=Shape(inputs[0].channels, *output.extent), n=output.channels)


@form_of.register(Upsample)
def _upsample(layer: Upsample, inputs: tuple[Shape, ...], output: Shape) -> Form:
    """Return a copy of what is read again and again, or a product and a sum for each input around an output."""
    many = layer.neighbours(inputs[0], output)
    mix = Mix(products=many if layer.mode == "linear" else 0)
    return Form(
        structure="vector", shape=output, n=output.channels, reads=many, beside="position", ops_per_output=many, mix=mix
    )


@form_of.register(Slice)
def _slice(layer: Slice, inputs: tuple[Shape, ...], output: Shape) -> Form:
    """Return a copy that begins within the input; channels that are left out are not read."""
    start, step = ({layer.dim: value} for value in (layer.start, layer.step))
    stride = step.get("frames", 1), step.get("height", 1), step.get("width", 1)
    return Form(
        structure="vector",
        shape=inputs[0],
        n=output.channels,
        stride=stride,
        beside="position" if stride != ONE else "all",
        padding=(-start.get("frames", 0), -start.get("height", 0), -start.get("width", 0)),
    )


@form_of.register(Pad)
def _pad(layer: Pad, inputs: tuple[Shape, ...], output: Shape) -> Form:
    return Form(structure="vector", shape=inputs[0], n=output.channels, padding=_before(as_margins(layer.padding)))


@form_of.register(Trg)
def _trg(layer: Trg, inputs: tuple[Shape, ...], output: Shape) -> Form:  # noqa: ARG001  # it has no arguments
    # It sums up all frames; its differences are of two.
    terms = max(inputs[0].frames, 2)
    return Form(
        structure="vector", shape=inputs[0], n=output.channels, ops_per_output=2, whole_frames=True, means=1, reads=2,
        beside="frame", terms=terms,
    )  # fmt: skip


@form_of.register(RunningMean)
def _running_mean(layer: RunningMean, inputs: tuple[Shape, ...], output: Shape) -> Form:  # noqa: ARG001  # as its input
    """Return a sum and a product with the inverse of the number of frames, for every frame."""
    shape = inputs[0]
    return Form(
        structure="vector", shape=shape, n=output.channels, ops_per_output=2, whole_frames=True, means=shape.frames,
        beside="frame", terms=shape.frames,
    )  # fmt: skip
