"""Steps of quantised tensors, and how a chip brings integers from one step to another.

A tensor of integers stands for codes times a step: one for all activations of a tensor, one for each output channel of
weights. Between two steps lies a multiplication by an integer of 16 bits and a rounding shift (Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, 2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from lw3dsim.arithmetic.number import Number, Tensor

# Without its sign.
MULTIPLIER_BITS = 15
MOST_SHIFT = 62


class Rescale(NamedTuple):
    """Integers to multiply by and shifts to the right, one for all or one per channel: (N, 1, 1, 1)."""

    multiplier: Tensor
    shift: Tensor


def rescale(factors: float | Tensor) -> Rescale:
    """Return the rescaling by ``factors``, a number or one per channel, to 15 bits of each."""
    mantissa, exponent = np.frexp(np.reshape(np.asarray(factors, dtype=np.float64), (-1, 1, 1, 1)))
    shift = MULTIPLIER_BITS - exponent.astype(np.int64)
    # What is so small that it is shifted away whole is none; what is so large takes no shift.
    multiplier = np.rint(np.ldexp(mantissa, np.where(shift < 0, MULTIPLIER_BITS - shift, MULTIPLIER_BITS)))
    multiplier[shift > MOST_SHIFT] = 0
    return Rescale(multiplier.astype(np.int64), np.clip(shift, 0, MOST_SHIFT))


def rescaled(values: Tensor, by: Rescale) -> Tensor:
    """Return integers at their new step, rounded half up."""
    products = values.astype(np.int64, copy=False) * by.multiplier
    return np.asarray((products + (np.int64(1) << by.shift >> 1)) >> by.shift)


def clipped(values: Tensor, number: Number) -> Tensor:
    """Return integers cut off at the operand width."""
    return np.clip(values, -number.largest, number.largest)


def step_of(values: Tensor, number: Number) -> float:
    """Return the step at which the largest of ``values`` has the largest code."""
    return float(np.abs(values).max(initial=0)) / number.largest or 1.0


def channel_steps(weights: Tensor, number: Number) -> Tensor:
    """Return the step of each output channel (N,) of weights (N, ...)."""
    peaks = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    return np.asarray(np.where(peaks > 0, peaks, number.largest) / number.largest)


def codes(values: Tensor, steps: float | Tensor, number: Number) -> Tensor:
    """Return the codes of real ``values`` at a step, or at one per channel: (N,)."""
    by = np.reshape(steps, (-1, *[1] * (values.ndim - 1)))
    return clipped(np.rint(values / by), number).astype(np.int64)
