"""Transposed convolutions: computed as they are defined, and the parts of their kernels that phases have."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.describe.windows import as_margins

if TYPE_CHECKING:
    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.describe.transposed import ConvTranspose3d, Phase


def transposed(layer: ConvTranspose3d, values: Tensor, weights: Tensor) -> Tensor:
    """Return what ``layer`` makes of ``values`` (C, T, H, W), weights C x N/groups x K x R x S, but for its bias."""
    axes = zip(values.shape[1:], layer.kernel, layer.stride, layer.output_padding, strict=True)
    sizes = [(n - 1) * s + k + more for n, k, s, more in axes]
    groups, positions = layer.groups, values.shape[1:]
    result = np.zeros((layer.out_channels, *sizes), dtype=values.dtype)
    columns = values.reshape(groups, len(values) // groups, -1)
    for tap in itertools.product(*map(range, layer.kernel)):
        kernel = weights[:, :, tap[0], tap[1], tap[2]].reshape(groups, len(values) // groups, -1)
        at = tuple(slice(k, k + (n - 1) * s + 1, s) for k, n, s in zip(tap, positions, layer.stride, strict=True))
        result[(slice(None), *at)] += (kernel.swapaxes(1, 2) @ columns).reshape(-1, *positions)
    cut = (
        slice(before, size - behind) for size, (before, behind) in zip(sizes, as_margins(layer.padding), strict=True)
    )
    return result[(slice(None), *cut)]


def kernel_of(phase: Phase, weights: Tensor) -> Tensor:
    """Return the kernel (N, C/groups, K, R, S) of a phase of the layer with ``weights`` (C, N/groups, K, R, S)."""
    taps = tuple(slice(first, None, apart) for first, apart in zip(phase.first, phase.apart, strict=True))
    turned = weights[(slice(None), slice(None), *taps)][..., ::-1, ::-1, ::-1]
    channels, made, *kernel = turned.shape
    by_group = turned.reshape(phase.groups, channels // phase.groups, made, *kernel).swapaxes(1, 2)
    return by_group.reshape(phase.groups * made, channels // phase.groups, *kernel)
