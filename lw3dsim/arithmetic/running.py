"""Running means: sums of all frames so far, and how they lie in frames of activations between two clips of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.number import divided

if TYPE_CHECKING:
    from lw3dsim.arithmetic.number import Number, Tensor


def running_mean(values: Tensor, number: Number) -> Tensor:
    """Return the mean of all frames (C, T, H, W) up to each."""
    return means(np.cumsum(values, axis=1), 0, number)


def means(sums: Tensor, before: int, number: Number) -> Tensor:
    """Return the means that ``sums`` of all frames are, where so many frames were ``before``."""
    counts = np.arange(before + 1, before + 1 + sums.shape[1])
    return divided(sums, counts[None, :, None, None], number)


def as_frames(sums: Tensor, frames: int, number: Number) -> Tensor:
    """Return ``sums`` (C, 1, H, W) in so many frames: digits of the operand width, the lowest first, the last signed.

    In floating point the first frame has the sum as it is.
    """
    if frames == 0:
        return sums[:, :0]
    if not number.is_integer:
        return np.concatenate([sums, *[np.zeros_like(sums)] * (frames - 1)], axis=1)
    digits = [(sums >> (number.bits * i)) & ((1 << number.bits) - 1) for i in range(frames - 1)]
    return np.concatenate([*digits, sums >> (number.bits * (frames - 1))], axis=1)


def of_frames(frames: Tensor, number: Number) -> Tensor:
    """Return the sums that lie in ``frames``; none lie in no frames."""
    none = np.zeros((len(frames), 1, *frames.shape[2:]), dtype=frames.dtype)
    return np.asarray(sum((frames[:, i : i + 1] * (1 << (number.bits * i)) for i in range(frames.shape[1])), none))
