"""Pools as modules: PyTorch's own where it has the form, else the same of an input that is padded first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from lw3dsim.describe.windows import Margins
    from lw3dsim.describe.workload import Pool3d, Shape


def around_of(margins: Margins) -> tuple[int, ...]:
    """Return what stands around T, H and W as ``torch.nn.functional.pad`` takes it: of the last dimension first."""
    return tuple(side for pair in reversed(margins) for side in pair)


def pool(layer: Pool3d, shape: Shape) -> nn.Module:
    """Return the module of a pool that reads a tensor of ``shape``."""
    around, window, step = layer.margins(shape), layer.window(shape), layer.step(shape)
    if window == shape.extent and not any(map(any, around)):
        return nn.AdaptiveMaxPool3d(1) if layer.mode == "max" else nn.AdaptiveAvgPool3d(1)
    is_uneven = any(before != behind for before, behind in around)
    # PyTorch wants the input itself, without padding, to be as large as a window.
    reaches = ((k - 1) * d + 1 for k, d in zip(window, layer.dilation, strict=True))
    is_large = any(reach > size for reach, size in zip(reaches, shape.extent, strict=True))
    if is_uneven or is_large or (layer.mode == "avg" and layer.dilation != (1, 1, 1)):
        return PaddedMax(layer, shape) if layer.mode == "max" else PaddedMean(layer, shape)
    padding = tuple(before for before, _ in around)
    if layer.mode == "max":
        return nn.MaxPool3d(window, step, padding, dilation=layer.dilation, ceil_mode=layer.ceil_mode)
    return nn.AvgPool3d(window, step, padding, ceil_mode=layer.ceil_mode, count_include_pad=layer.count_include_pad)


class _Padded(nn.Module):
    """A pool whose padding is unequal, or whose windows no pool of PyTorch has."""

    def __init__(self, layer: Pool3d, shape: Shape) -> None:
        super().__init__()
        self.window, self.step, self.dilation = layer.window(shape), layer.step(shape), layer.dilation
        self.around = around_of(layer.reached(shape))


class PaddedMax(_Padded):
    """The largest value of each window."""

    def forward(self, values: Tensor) -> Tensor:
        """Return the output of the layer."""
        padded = functional.pad(values, self.around, value=float("-inf"))
        return functional.max_pool3d(padded, self.window, self.step, dilation=self.dilation)


class PaddedMean(_Padded):
    """The mean of each window: its sum, over how many of its values count."""

    counts: Tensor

    def __init__(self, layer: Pool3d, shape: Shape) -> None:
        super().__init__(layer, shape)
        inner = around_of(layer.margins(shape)) if layer.count_include_pad else (0,) * len(self.around)
        counted = functional.pad(torch.ones(1, 1, *shape.extent), inner, value=1.0)
        outside = [max(wide - narrow, 0) for wide, narrow in zip(self.around, inner, strict=True)]
        self.register_buffer("counts", self._summed(functional.pad(counted, outside)), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return the output of the layer."""
        return self._summed(functional.pad(values, self.around)) / self.counts

    def _summed(self, values: Tensor) -> Tensor:
        channels = values.shape[1]
        ones = torch.ones((channels, 1, *self.window), dtype=values.dtype, device=values.device)
        return functional.conv3d(values, ones, stride=self.step, dilation=self.dilation, groups=channels)
