"""Activation functions, as a drain applies them: by a comparison, or looked up in a table of all operands.

An integer operand of b bits stands for code x 2^(4 - b), from -8 to 8; of sigmoids and of tanh, which end at 1, the
result is the code of largest magnitude at 1.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.arithmetic.number import Number, Tensor, shifted

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.arithmetic.computation import Computation

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
    """Return what a step of what a ``function`` makes stands for; None where it is that before it.

    Functions are ``softmax`` and ``layer_norm`` as well.
    """
    if function == "layer_norm":
        return float(RANGE / 2 ** (number.bits - 1))
    if function == "softmax" or (is_table(function, number) and function in BOUNDED):
        return 1 / number.largest
    return RANGE / 2 ** (number.bits - 1) if is_table(function, number) else None


def activated(values: Tensor, function: str, number: Number, shift: int) -> Tensor:
    """Return a ``function`` of ``values``; where it is a table, of integers shifted right by ``shift`` bits first."""
    if not is_table(function, number):
        return FUNCTIONS[function](values).astype(values.dtype, copy=False)
    codes = shifted(values, shift, number).astype(np.int64)
    return np.asarray(table_of(function, number)[codes + number.largest].astype(values.dtype))


def looked_up(values: Tensor, computation: Computation, number: Number) -> Tensor:
    """Return the activation of a computation of ``values``, with its shift, in the width of what is made."""
    return activated(values, computation.activation, number.made, computation.shift)


@cache
def table_of(function: str, number: Number) -> Tensor:
    """Return the function of every operand from the least to the largest, in codes."""
    codes = np.arange(-number.largest, number.largest + 1)
    step = RANGE / 2 ** (number.bits - 1)
    unit = 1 / number.largest if function in BOUNDED else step
    return np.clip(np.rint(FUNCTIONS[function](codes * step) / unit), -number.largest, number.largest).astype(np.int64)


# Powers are looked up with as many bits behind the point.
POWER_BITS = 15


class Channels(NamedTuple):
    """Which channels of a tensor (channels first) are looked at: ``first`` and those behind it, of so many ``groups``.

    ``whole`` has all channels at the same positions.
    """

    whole: Tensor
    first: int = 0
    groups: int = 1

    def by_group(self) -> Tensor:
        """Return all channels (groups, channels of each, ...)."""
        return self.whole.reshape(self.groups, -1, *self.whole.shape[1:])

    def own(self, of_groups: Tensor, count: int) -> Tensor:
        """Return for so many channels what there is for each of the groups."""
        return np.asarray(of_groups[np.arange(self.first, self.first + count) // (len(self.whole) // self.groups)])


def softmax(values: Tensor, among: Channels, number: Number) -> Tensor:
    """Return the softmax of ``values`` among the channels of their groups, at the same positions.

    Integer operands are codes, as above, and so is the result, of as many bits as what is made; powers are looked up,
    their sum is exact.
    """
    whole = among.by_group()
    largest = whole.max(axis=1)
    own = among.own(largest, len(values))
    if not number.is_integer:
        total = np.exp(whole - largest[:, None]).sum(axis=1)
        return np.asarray(np.exp(values - own) / among.own(total, len(values)))
    total = among.own(_power(largest[:, None] - whole, number).sum(axis=1), len(values))
    return np.asarray((2 * _power(own - values, number) * number.made.largest + total) // (2 * total))


def layer_norm(values: Tensor, among: Channels, number: Number, epsilon: float) -> Tensor:
    """Return ``values`` less the mean of the channels of their groups, over the deviation of these.

    Sums of integers are exact; results are the codes next to the quotients, without an epsilon: they have no scale.
    """
    whole = among.by_group()
    count = whole.shape[1]
    exact = whole.astype(np.int64) if number.is_integer else whole.astype(np.float64)
    sums, squares = exact.sum(axis=1), (exact * exact).sum(axis=1)
    mean = among.own(sums, len(values)) / count
    variance = among.own(count * squares - sums * sums, len(values)) / count**2
    if not number.is_integer:
        return np.asarray((values - mean) / np.sqrt(variance + epsilon)).astype(values.dtype, copy=False)
    quotients = (values - mean) / np.sqrt(np.where(variance > 0, variance, 1))
    made = number.made
    codes = np.rint(quotients / (RANGE / 2 ** (made.bits - 1)))
    return np.asarray(np.clip(codes, -made.largest, made.largest).astype(np.int64))


def among_channels(computation: Computation, values: Tensor, among: Channels, number: Number) -> Tensor:
    """Return what a computation makes of ``values`` and of the channels of their groups: a softmax, or a norm."""
    if computation.reduction == "softmax":
        return softmax(values, among, number)
    return layer_norm(values, among, number, computation.epsilon)


def _power(distance: Tensor, number: Number) -> Tensor:
    """Return e to the power of what codes are below the largest, of at least 0."""
    powers = np.exp(-distance * (RANGE / 2 ** (number.bits - 1)))
    return np.asarray(np.rint(powers * 2**POWER_BITS).astype(np.int64))
