"""The windows of convolutions and pools: where they look at their input, and how many there are along T, H and W."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lw3dsim.describe.shape import by
from lw3dsim.errors import ShapeError

Margin = Annotated[int, msgspec.Meta(ge=0, le=8192)]
# As many as two, said by limits: of a number or a pair msgspec reads the limits of one as those of the other.
Side = Margin | Annotated[tuple[Margin, ...], msgspec.Meta(min_length=2, max_length=2)]
Sides = tuple[Side, Side, Side]
Padding = Sides | Literal["same"]

# What stands before and behind the input along T, H and W.
Margins = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
Sizes = tuple[int, ...]


def margins(padding: Padding, extent: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Margins:
    """Return the padding before and behind an input of ``extent``.

    ``same`` makes as many outputs as strides fit into the input; where the zeros are odd in number, one more stands
    behind it than before it, as in TensorFlow, in PyTorch and in ONNX's ``SAME_UPPER``.
    """
    if padding != "same":
        return as_margins(padding)
    sizes = zip(extent, kernel, stride, dilation, strict=True)
    t, h, w = (_same(size, (k - 1) * d + 1, s) for size, k, s, d in sizes)
    return t, h, w


def as_margins(sides: Sides) -> Margins:
    """Return a padding in numbers, before and behind every axis."""
    t, h, w = ((side, side) if isinstance(side, int) else (side[0], side[1]) for side in sides)
    return t, h, w


def _same(size: int, reach: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def along(padding: Padding, *axes: int) -> Padding:
    """Return the padding along some axes (0, 1, 2 for T, H, W) alone; of others whose kernel is 1, ``same`` is none."""
    if padding == "same":
        return padding
    t, h, w = (side if axis in axes else 0 for axis, side in enumerate(padding))
    return t, h, w


def as_padding(margins: Margins) -> Padding:
    """Return the same as it is written: one number where there is as much before as behind."""
    t, h, w = (before if before == behind else (before, behind) for before, behind in margins)
    return t, h, w


def count_windows(
    extent: Sizes, kernel: Sizes, stride: Sizes, around: Margins, dilation: Sizes, *, is_ceiled: bool = False
) -> tuple[int, int, int]:
    """Return how many windows there are along T, H and W; raise ShapeError where not even one fits.

    Rounded up (``is_ceiled``), a window may reach beyond the padding, as long as it begins within the input or the
    padding before it.
    """
    counts = []
    for size, k, s, (before, behind), d in zip(extent, kernel, stride, around, dilation, strict=True):
        room = size + before + behind - ((k - 1) * d + 1)
        if room < 0:
            padded = by(tuple(n + sum(margin) for n, margin in zip(extent, around, strict=True)))
            taps = by(kernel) if set(dilation) == {1} else f"{by(kernel)} with dilation {by(dilation)}"
            raise ShapeError(f"kernel {taps} is larger than its padded input {padded} (TxHxW)")
        count = (-(-room // s) if is_ceiled else room // s) + 1
        counts.append(count - (is_ceiled and (count - 1) * s >= size + before))
    return counts[0], counts[1], counts[2]
