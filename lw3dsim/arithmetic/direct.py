"""The reference: every layer computed directly on whole tensors, tap by tap."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.number import Number, Tensor, divided
from lw3dsim.describe.workload import Activation, Add, Concat, Conv3d, Linear, Pool3d, Trg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.workload import AnyLayer

LOWEST = -(2**62)


def compute(
    layer: AnyLayer, sources: Sequence[Tensor], weights: Tensor | None, bias: Tensor | None, number: Number
) -> Tensor:
    """Return the output (C, T, H, W) of ``layer`` before requantisation; floats are computed in float64."""
    work = "int64" if number.is_integer else "float64"
    tensors = [source.astype(work, copy=False) for source in sources]
    if isinstance(layer, Conv3d | Linear):
        assert weights is not None  # noqa: S101  # the caller makes weights for these layers
        result = _multiply(layer, tensors[0], weights.astype(work, copy=False), number)
        if bias is not None:
            result = result + bias.astype(work)[:, None, None, None]
    elif isinstance(layer, Pool3d):
        result = _pool(layer, tensors[0], number)
    elif isinstance(layer, Add):
        result = np.sum(tensors, axis=0)
    elif isinstance(layer, Concat):
        result = np.concatenate(tensors)
    elif isinstance(layer, Trg):
        result = temporal_residual_gradient(tensors[0], number)
    else:
        assert isinstance(layer, Activation)  # noqa: S101  # the last kind
        result = tensors[0]
    return np.maximum(result, 0) if getattr(layer, "activation", "none") == "relu" else result


def temporal_residual_gradient(values: Tensor, number: Number) -> Tensor:
    """Return T-1 differences of neighbouring frames, then the mean over time."""
    mean = divided(values.sum(axis=1, keepdims=True), values.shape[1], number)
    return np.concatenate([np.diff(values, axis=1), mean], axis=1)


def _multiply(layer: Conv3d | Linear, values: Tensor, weights: Tensor, number: Number) -> Tensor:
    if isinstance(layer, Linear):
        work = _work_type(number, weights.shape[1])
        result = weights[:, :, 0, 0, 0].astype(work, copy=False) @ values.reshape(-1, 1).astype(work, copy=False)
        return np.asarray(result.astype(values.dtype, copy=False)[:, :, None, None])
    padded = np.pad(values, [(0, 0), *((p, p) for p in layer.padding)])
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


def _positions(
    tap: Sequence[int], dilation: Sequence[int], stride: Sequence[int], size: Sequence[int]
) -> tuple[slice, ...]:
    return tuple(
        slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, s, n in zip(tap, dilation, stride, size, strict=True)
    )


def _work_type(number: Number, terms: int) -> str:
    """Return the type in which sums of so many products are exact, floats where they can be: they multiply faster."""
    return number.working_type(number.largest**2 * terms) if number.is_integer else "float64"


def _pool(layer: Pool3d, values: Tensor, number: Number) -> Tensor:
    from lw3dsim.describe.workload import Shape

    shape = Shape(*values.shape)
    window, stride = layer.window(shape), layer.step(shape)
    outside = (LOWEST if number.is_integer else -np.inf) if layer.mode == "max" else 0
    padded = np.pad(values, [(0, 0), *((p, p) for p in layer.padding)], constant_values=outside)
    size = [(n - k) // s + 1 for n, k, s in zip(padded.shape[1:], window, stride, strict=True)]
    result = np.full((values.shape[0], *size), outside, dtype=padded.dtype)
    for tap in itertools.product(*(range(k) for k in window)):
        part = padded[(slice(None), *_positions(tap, (1, 1, 1), stride, size))]
        result = np.maximum(result, part) if layer.mode == "max" else result + part
    return result if layer.mode == "max" else divided(result, int(np.prod(window)), number)
