"""Where values go: inputs in the order in which a layer that only moves, or a linear one, reads them."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.describe.moves import (
    DIMENSIONS,
    ChannelShuffle,
    Concat,
    Interleave,
    Permute,
    Rearrange,
    Reshape,
    Slice,
    TemporalShift,
    Upsample,
)
from lw3dsim.describe.products import Linear
from lw3dsim.describe.shape import Shape
from lw3dsim.describe.vectors import Elementwise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.describe.workload import Layer


@singledispatch
def arranged(layer: Layer, sources: Sequence[Tensor]) -> list[Tensor]:
    """Return the tensors (C, T, H, W) that ``layer`` works through, in its order: by default its inputs."""
    return list(sources[: len(layer.streams)])


@arranged.register(Linear)
def _flattened(layer: Linear, sources: Sequence[Tensor]) -> list[Tensor]:  # noqa: ARG001  # whatever its features
    return [sources[0].reshape(-1, 1, 1, 1)]


@arranged.register(Concat)
def _joined(layer: Concat, sources: Sequence[Tensor]) -> list[Tensor]:
    return [np.concatenate(sources, axis=DIMENSIONS.index(layer.dim))]


@arranged.register(Slice)
def _chosen(layer: Slice, sources: Sequence[Tensor]) -> list[Tensor]:
    """Return the channels that are read; positions are taken where they lie."""
    is_whole = layer.dim != "channels"
    return [sources[0] if is_whole else sources[0][layer.start : layer.stop : layer.step]]


@arranged.register(ChannelShuffle)
def _shuffled(layer: ChannelShuffle, sources: Sequence[Tensor]) -> list[Tensor]:
    channels, *extent = sources[0].shape
    groups = sources[0].reshape(layer.groups, channels // layer.groups, *extent)
    return [groups.swapaxes(0, 1).reshape(channels, *extent)]


@arranged.register(TemporalShift)
def _shifted(layer: TemporalShift, sources: Sequence[Tensor]) -> list[Tensor]:
    values, part = sources[0], sources[0].shape[0] // layer.parts
    result = values.copy()
    forward = 0 if layer.direction == "past" else part
    result[: forward + part] = 0
    result[:forward, :-1] = values[:forward, 1:]
    result[forward : forward + part, 1:] = values[forward : forward + part, :-1]
    return [result]


@arranged.register(Elementwise)
def _spread(layer: Elementwise, sources: Sequence[Tensor]) -> list[Tensor]:  # noqa: ARG001  # whatever it computes
    """Return tensors of one shape: single positions are read for every other one again."""
    return list(np.broadcast_arrays(*sources))


@arranged.register(Interleave)
def _interleaved(layer: Interleave, sources: Sequence[Tensor]) -> list[Tensor]:
    output = layer.output_shape(tuple(Shape(*source.shape) for source in sources))
    result = np.empty(output, dtype=sources[0].dtype)
    for number, source in enumerate(sources):
        t, h, w = (slice(first, None, apart) for first, apart in zip(layer.place(number), layer.apart, strict=True))
        result[:, t, h, w] = source
    return [result]


@arranged.register(Upsample)
def _upsampled(layer: Upsample, sources: Sequence[Tensor]) -> list[Tensor]:
    """Return more positions; between integers shares are exact, and their sum is rounded half up."""
    values, whole = sources[0], 1
    sizes = layer.output_shape((Shape(*values.shape),)).extent
    is_integer = np.issubdtype(values.dtype, np.integer)
    for axis, (size, made) in enumerate(zip(sources[0].shape[1:], sizes, strict=True), start=1):
        if layer.mode == "nearest":
            values = values.take(np.arange(made) * size // made, axis)
        elif made > size:
            low, share = np.divmod(np.maximum((2 * np.arange(made) + 1) * size - made, 0), 2 * made)
            share = share.reshape([-1 if i == axis else 1 for i in range(4)])
            high = np.minimum(low + 1, size - 1)
            values = values.take(low, axis) * (2 * made - share) + values.take(high, axis) * share
            whole *= 2 * made
    if whole > 1:
        values = (2 * values + whole) // (2 * whole) if is_integer else values / whole
    return [values.astype(sources[0].dtype, copy=False)]


@arranged.register(Permute)
def _permuted(layer: Permute, sources: Sequence[Tensor]) -> list[Tensor]:
    return [sources[0].transpose([DIMENSIONS.index(name) for name in layer.order])]


@arranged.register(Reshape)
def _reshaped(layer: Reshape, sources: Sequence[Tensor]) -> list[Tensor]:
    return [sources[0].reshape(layer.shape)]


@arranged.register(Rearrange)
def _rearranged(layer: Rearrange, sources: Sequence[Tensor]) -> list[Tensor]:
    return [sources[0].reshape(layer.sizes).transpose(layer.order).reshape(layer.shape)]
