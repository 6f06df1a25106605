"""Pools as modules: PyTorch's own where it has the form, else the same of an input that is padded first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from lw3dsim.describe.windows import count_windows

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
    padding, is_ceiled = tuple(before for before, _ in around), _rounding(layer, shape)
    if layer.mode == "max":
        if is_ceiled is None:
            return PaddedMax(layer, shape)
        return nn.MaxPool3d(window, step, padding, dilation=layer.dilation, ceil_mode=is_ceiled)
    if layer.dilation == (1, 1, 1):
        if is_ceiled is not None:
            counts = layer.count_include_pad
            return nn.AvgPool3d(window, step, padding, ceil_mode=is_ceiled, count_include_pad=counts)
        if layer.count_include_pad and not _is_beyond(layer, shape):
            return PaddedWhole(layer, shape)
    return PaddedMean(layer, shape)


def _rounding(layer: Pool3d, shape: Shape) -> bool | None:
    """Return whether a pool of PyTorch, padded behind as before, rounds up to have these windows; None for none.

    What is padded behind matters where it counts, else windows may as well reach beyond the input.
    """
    around, window = layer.margins(shape), layer.window(shape)
    # PyTorch wants the input itself, without padding, to be as large as a window.
    reaches = ((k - 1) * d + 1 for k, d in zip(window, layer.dilation, strict=True))
    if any(reach > size for reach, size in zip(reaches, shape.extent, strict=True)):
        return None
    if all(before == behind for before, behind in around):
        return layer.ceil_mode
    if layer.mode == "avg" and layer.count_include_pad:
        return None
    even = tuple((before, before) for before, _ in around)
    wanted = layer.output_shape((shape,)).extent
    for is_ceiled in (False, True):
        step = layer.step(shape)
        if count_windows(shape.extent, window, step, even, layer.dilation, is_ceiled=is_ceiled) == wanted:  # type: ignore[arg-type]  # as many as axes
            return is_ceiled
    return None


def _is_beyond(layer: Pool3d, shape: Shape) -> bool:
    """Whether windows reach beyond the padding, which does not count."""
    sides = zip(layer.reached(shape), layer.margins(shape), strict=True)
    return any(reached > behind for (_, reached), (_, behind) in sides)


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


class PaddedWhole(_Padded):
    """The mean of each window, zeros around the input among its values."""

    def forward(self, values: Tensor) -> Tensor:
        """Return the output of the layer."""
        return functional.avg_pool3d(functional.pad(values, self.around), self.window, self.step)


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
