"""Activation functions, as a drain applies them: by a comparison, or looked up in a table of all operands.

An integer operand of b bits stands for code x 2^(4 - b), from -8 to 8; of sigmoids and of tanh, which end at 1, the
result is the code of largest magnitude at 1.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.number import Number, Tensor, shifted

if TYPE_CHECKING:
    from collections.abc import Callable

BOUNDED = ("sigmoid", "hard_sigmoid", "tanh")
# What the largest code stands for, but for one step.
RANGE = 8


def _sigmoid(x: Tensor) -> Tensor:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def _hard_sigmoid(x: Tensor) -> Tensor:
    return np.asarray(np.clip(x + 3, 0, 6) / 6)


def _gelu(x: Tensor) -> Tensor:
    return np.asarray(0.5 * x * (1 + np.vectorize(math.erf, otypes=[np.float64])(x / math.sqrt(2))))


def _gelu_tanh(x: Tensor) -> Tensor:
    return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": lambda x: np.asarray(np.maximum(x, 0)),
    "relu6": lambda x: np.asarray(np.clip(x, 0, 6)),
    "sigmoid": _sigmoid,
    "hard_sigmoid": _hard_sigmoid,
    "tanh": lambda x: np.asarray(np.tanh(x)),
    "swish": lambda x: np.asarray(x * _sigmoid(x)),
    "hard_swish": lambda x: np.asarray(x * _hard_sigmoid(x)),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
}


def is_table(function: str, number: Number) -> bool:
    """Return whether numbers must have the width of operands before the ``function`` is applied."""
    return number.is_integer and function not in ("none", "relu")


def unit_of_codes(function: str, number: Number) -> float | None:
    """Return what a step of what a ``function`` (or ``softmax``) makes stands for; None where it is that before it."""
    if function == "softmax" or (is_table(function, number) and function in BOUNDED):
        return 1 / number.largest
    return RANGE / 2 ** (number.bits - 1) if is_table(function, number) else None


def activated(values: Tensor, function: str, number: Number, shift: int) -> Tensor:
    """Return a ``function`` of ``values``; where it is a table, of integers shifted right by ``shift`` bits first."""
    if not is_table(function, number):
        return FUNCTIONS[function](values).astype(values.dtype, copy=False)
    codes = shifted(values, shift, number).astype(np.int64)
    return np.asarray(_table(function, number)[codes + number.largest].astype(values.dtype))


@cache
def _table(function: str, number: Number) -> Tensor:
    """Return the function of every operand from the least to the largest, in codes."""
    codes = np.arange(-number.largest, number.largest + 1)
    step = RANGE / 2 ** (number.bits - 1)
    unit = 1 / number.largest if function in BOUNDED else step
    return np.clip(np.rint(FUNCTIONS[function](codes * step) / unit), -number.largest, number.largest).astype(np.int64)


# Powers are looked up with as many bits behind the point.
POWER_BITS = 15


def softmax(values: Tensor, whole: Tensor, number: Number) -> Tensor:
    """Return the softmax of ``values`` among all channels (axis 0) of ``whole``, at the same positions.

    Integer operands are codes, as above, and so is the result; powers are looked up, their sum is exact.
    """
    largest = whole.max(axis=0)
    if not number.is_integer:
        return np.asarray(np.exp(values - largest) / np.exp(whole - largest).sum(axis=0))
    power, total = _power(largest - values, number), _power(largest - whole, number).sum(axis=0)
    return np.asarray((2 * power * number.largest + total) // (2 * total))


def _power(distance: Tensor, number: Number) -> Tensor:
    """Return e to the power of what codes are below the largest, of at least 0."""
    powers = np.exp(-distance * (RANGE / 2 ** (number.bits - 1)))
    return np.asarray(np.rint(powers * 2**POWER_BITS).astype(np.int64))
