"""The reference: every layer computed directly on whole tensors, tap by tap."""

from __future__ import annotations

import functools
import itertools
from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.computation import Computation
from lw3dsim.arithmetic.functions import Channels, activated, among_channels, is_table
from lw3dsim.arithmetic.moves import arranged
from lw3dsim.arithmetic.number import Number, Tensor, divided, shift_of
from lw3dsim.arithmetic.running import running_mean
from lw3dsim.arithmetic.transposed import transposed
from lw3dsim.describe.moves import DIMENSIONS, Rearranged
from lw3dsim.describe.windows import as_margins
from lw3dsim.describe.workload import (
    Activation,
    Add,
    BatchNorm,
    Conv3d,
    ConvTranspose3d,
    Gate,
    LayerNorm,
    Linear,
    Matmul,
    Mul,
    Pad,
    Pool3d,
    RunningMean,
    Shape,
    Slice,
    Softmax,
    Trg,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.computation import Reduction
    from lw3dsim.describe.windows import Margins
    from lw3dsim.describe.workload import AnyLayer, Layer

LOWEST = -(2**62)


def compute(
    layer: AnyLayer, sources: Sequence[Tensor], weights: Tensor | None, bias: Tensor | None, number: Number
) -> Tensor:
    """Return the output (C, T, H, W) of ``layer`` before requantisation; floats are computed in float64."""
    before, function = sums(layer, sources, weights, bias, number), function_of(layer)
    return activated(before, function, number.made, shift_before(before, function, number.made))


def computation_of(layer: AnyLayer, shape: Shape, weights: Tensor | None, bias: Tensor | None) -> Computation:
    """Return what ``layer``, which reads a tensor of ``shape``, computes with these weights."""
    reduction: Reduction = "sum"
    if isinstance(layer, Pool3d):
        reduction = layer.mode
    elif isinstance(layer, Mul | Trg | Softmax | LayerNorm | RunningMean):
        named: dict[type, Reduction] = {
            Mul: "product", Trg: "trg", Softmax: "softmax", LayerNorm: "layer_norm", RunningMean: "running_mean",
        }  # fmt: skip
        reduction = next(made for kind, made in named.items() if isinstance(layer, kind))
    return Computation(
        reduction=reduction,
        weights=weights,
        bias=bias,
        activation=function_of(layer),
        divisors=divisors(layer, shape) if isinstance(layer, Pool3d) and layer.mode == "avg" else None,
        groups=layer.groups if isinstance(layer, Softmax | LayerNorm) else 1,
        epsilon=layer.epsilon if isinstance(layer, LayerNorm) else 0,
    )


def factors(layer: Gate | Matmul, values: Tensor) -> Tensor:
    """Return the weights that ``values``, the second input of ``layer``, are to it: of one clip."""
    if isinstance(layer, Gate):
        return values[..., None]
    matrix = values.reshape(layer.heads, len(values) // layer.heads, -1)
    matrix = matrix.swapaxes(1, 2) if layer.transpose else matrix
    return matrix.reshape(-1, matrix.shape[2], 1, 1, 1)


def function_of(layer: AnyLayer) -> str:
    """Return the activation of a layer, ``none`` where it has none."""
    return str(getattr(layer, "activation", "none"))


def shift_before(values: Tensor, function: str, number: Number) -> int:
    """Return by how many bits integers are shifted to fit the operand width before a ``function`` is looked up."""
    return shift_of(values, number) if is_table(function, number) else 0


def sums(
    layer: AnyLayer, sources: Sequence[Tensor], weights: Tensor | None, bias: Tensor | None, number: Number
) -> Tensor:
    """Return what ``layer`` makes before its activation."""
    work = "int64" if number.is_integer else "float64"
    result = _made(layer, [source.astype(work, copy=False) for source in sources], weights, number)
    return result if bias is None else np.asarray(result + bias.astype(work)[:, None, None, None])


@singledispatch
def _made(layer: Layer, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:
    """Return the sums of ``layer`` but for its bias."""
    raise NotImplementedError(f"no reference for a layer of kind {layer.kind}")


@_made.register(Conv3d)
@_made.register(Linear)
def _products(layer: Conv3d | Linear, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:
    assert weights is not None  # noqa: S101  # the caller makes weights for these layers
    return _multiply(layer, sources[0], weights.astype(sources[0].dtype, copy=False), number)


@_made.register(ConvTranspose3d)
def _transposed(layer: ConvTranspose3d, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:
    assert weights is not None  # noqa: S101  # the caller makes weights for these layers
    work = _work_type(number, weights.shape[0] * layer.taps)
    return transposed(layer, sources[0].astype(work), weights.astype(work)).astype(sources[0].dtype, copy=False)


@_made.register(Matmul)
def _matrix(layer: Matmul, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:
    assert weights is not None  # noqa: S101  # the caller gives the matrix
    values, work, heads = sources[0], _work_type(number, weights.shape[1]), layer.heads
    matrices = weights.reshape(heads, -1, weights.shape[1]).astype(work)
    result = matrices @ values.reshape(heads, weights.shape[1], -1).astype(work)
    return np.asarray(result.astype(values.dtype, copy=False).reshape(-1, *values.shape[1:]))


@_made.register(Gate)
@_made.register(BatchNorm)
def _scaled(layer: Gate | BatchNorm, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:  # noqa: ARG001
    assert weights is not None  # noqa: S101  # the caller gives the factors
    return np.asarray(sources[0] * weights[:, 0, 0, 0, 0, None, None, None].astype(sources[0].dtype, copy=False))


@_made.register(Pool3d)
def _pooled(layer: Pool3d, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:  # noqa: ARG001
    return _pool(layer, sources[0], number)


@_made.register(Add)
def _added(layer: Add, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:  # noqa: ARG001
    return np.asarray(np.sum(arranged(layer, sources), axis=0))


@_made.register(Mul)
def _multiplied(layer: Mul, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:  # noqa: ARG001
    return np.asarray(np.prod(arranged(layer, sources), axis=0))


@_made.register(Activation)
@_made.register(Rearranged)
def _moved(layer: Activation | Rearranged, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:  # noqa: ARG001
    return arranged(layer, sources)[0]


@_made.register(Slice)
def _sliced(layer: Slice, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:  # noqa: ARG001
    at = [slice(None)] * len(DIMENSIONS)
    at[DIMENSIONS.index(layer.dim)] = slice(layer.start, layer.stop, layer.step)
    return sources[0][tuple(at)]


@_made.register(Pad)
def _padded(layer: Pad, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:  # noqa: ARG001
    return np.pad(sources[0], [(0, 0), *as_margins(layer.padding)])


@_made.register(Softmax)
@_made.register(LayerNorm)
def _normalised(
    layer: Softmax | LayerNorm,
    sources: Sequence[Tensor],
    weights: Tensor | None,
    number: Number,
) -> Tensor:
    shape, among = Shape(*sources[0].shape), Channels(sources[0], groups=layer.groups)
    made = among_channels(computation_of(layer, shape, None, None), sources[0], among, number)
    return made if weights is None else np.asarray(made * weights[:, 0])


@_made.register(Trg)
def _differences(layer: Trg, sources: Sequence[Tensor], weights: Tensor | None, number: Number) -> Tensor:  # noqa: ARG001
    return temporal_residual_gradient(sources[0], number)


@_made.register(RunningMean)
def _running_mean(
    layer: RunningMean, sources: Sequence[Tensor], weights: Tensor | None, number: Number  # noqa: ARG001
) -> Tensor:  # fmt: skip
    return running_mean(sources[0], number)


def temporal_residual_gradient(values: Tensor, number: Number) -> Tensor:
    """Return T-1 differences of neighbouring frames, then the mean over time."""
    mean = divided(values.sum(axis=1, keepdims=True), values.shape[1], number)
    return np.concatenate([np.diff(values, axis=1), mean], axis=1)


def _multiply(layer: Conv3d | Linear, values: Tensor, weights: Tensor, number: Number) -> Tensor:
    if isinstance(layer, Linear):
        work = _work_type(number, weights.shape[1])
        result = weights[:, :, 0, 0, 0].astype(work, copy=False) @ values.reshape(-1, 1).astype(work, copy=False)
        return np.asarray(result.astype(values.dtype, copy=False)[:, :, None, None])
    padded = _within(values, layer.margins(Shape(*values.shape)))
    size = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(padded.shape[1:], layer.kernel, layer.stride, layer.dilation, strict=True)
    ]
    groups, per_group = layer.groups, layer.out_channels // layer.groups
    result = np.zeros((groups, per_group, *size), dtype=padded.dtype)
    work = _work_type(number, weights.shape[1])
    # Converted once, the taps outermost: their kernels lie together.
    padded, kernels = padded.astype(work), weights.transpose(2, 3, 4, 0, 1).astype(work, order="C")
    for tap in itertools.product(*(range(k) for k in layer.kernel)):
        window = padded[(slice(None), *_positions(tap, layer.dilation, layer.stride, size))]
        window = window.reshape(groups, -1, int(np.prod(size)))
        kernel = kernels[tap].reshape(groups, per_group, -1)
        result += (kernel @ window).astype(result.dtype, copy=False).reshape(result.shape)
    return result.reshape(layer.out_channels, *size)


def _within(values: Tensor, margins: Margins) -> Tensor:
    """Return ``values`` with zeros around T, H and W; where there are fewer than none, without the values there."""
    sides = [(max(before, 0), max(behind, 0)) for before, behind in margins]
    inside = (
        slice(max(-before, 0), size + min(behind, 0))
        for size, (before, behind) in zip(values.shape[1:], margins, strict=True)
    )
    return np.pad(values[(slice(None), *inside)], [(0, 0), *sides])


def _positions(
    tap: Sequence[int], dilation: Sequence[int], stride: Sequence[int], size: Sequence[int]
) -> tuple[slice, ...]:
    return tuple(
        slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, s, n in zip(tap, dilation, stride, size, strict=True)
    )


def _work_type(number: Number, terms: int) -> str:
    """Return the type in which sums of so many products are exact, floats where they can be: they multiply faster."""
    return number.working_type(number.largest_product * terms) if number.is_integer else "float64"


def _pool(layer: Pool3d, values: Tensor, number: Number) -> Tensor:
    shape = Shape(*values.shape)
    window, stride, size = layer.window(shape), layer.step(shape), layer.output_shape((shape,)).extent
    outside = (LOWEST if number.is_integer else -np.inf) if layer.mode == "max" else 0
    padded = np.pad(values, [(0, 0), *layer.reached(shape)], constant_values=outside)
    result = np.full((values.shape[0], *size), outside, dtype=padded.dtype)
    for tap in itertools.product(*(range(k) for k in window)):
        part = padded[(slice(None), *_positions(tap, layer.dilation, stride, size))]
        result = np.maximum(result, part) if layer.mode == "max" else result + part
    return result if layer.mode == "max" else divided(result, divisors(layer, shape), number)


def divisors(layer: Pool3d, shape: Shape) -> Tensor:
    """Return of how many values each output (T, H, W) of an average over an input of ``shape`` is the mean."""
    counts = []
    windows = zip(
        layer.output_shape((shape,)).extent,
        shape.extent,
        layer.window(shape),
        layer.step(shape),
        layer.margins(shape),
        layer.dilation,
        strict=True,
    )
    for outputs, size, kernel, stride, (before, behind), dilation in windows:
        taps = np.arange(outputs)[:, None] * stride - before + np.arange(kernel) * dilation
        low, high = (-before, size + behind) if layer.count_include_pad else (0, size)
        counts.append(((taps >= low) & (taps < high)).sum(axis=1))
    return np.asarray(functools.reduce(np.multiply.outer, counts))
