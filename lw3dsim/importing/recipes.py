"""How the weights of a layer follow from the constants of a file; nothing is read before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lw3dsim.base.values import replace
from lw3dsim.describe.weights import LayerWeights
from lw3dsim.importing.graph import MASKED, Constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]


def derived(function: Callable[..., Array], *constants: Constant) -> Constant:
    """Return what a ``function`` makes of the values of constants, as a constant that is worked out when it is read.

    It has no values where one of them has none.
    """

    def read() -> Array | None:
        arrays = [array for constant in constants if (array := constant.array()) is not None]
        return function(*arrays) if len(arrays) == len(constants) else None

    return Constant(shape=constants[0].shape, read=read)


def wide(values: Array) -> Array:
    """Return values as float64, in which they are folded."""
    return values.astype("float64")


def finite(constant: Constant) -> Constant:
    """Return a constant whose elements of minus infinity are a number that a softmax makes the same of.

    Integers have no step for infinity, and its differences are no numbers.
    """

    def read(values: Array) -> Array:
        import numpy as np

        return (
            np.where(np.isneginf(values), MASKED, values).astype(values.dtype) if values.dtype.kind == "f" else values
        )

    return derived(read, constant)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The weights of a layer, (N, C / groups, K, R, S) or what has as many elements in that order, and its bias (N).

    ``channels`` is N, ``taps`` are C / groups, K, R and S. ``turned``: the groups of a transposed convolution, whose
    weights are given and asked for as (C, N / groups, K, R, S).
    """

    channels: int
    taps: tuple[int, int, int, int]
    weight: Constant
    bias: Constant | None = None
    turned: int = 0

    def scaled(self, factor: Constant) -> Recipe:
        """Return the recipe of the same outputs times a factor, one or one per channel."""
        weight = derived(lambda w, f: wide(w.reshape(self.channels, -1)) * f.reshape(-1, 1), self.weight, factor)
        bias = None if self.bias is None else derived(lambda b, f: wide(b.ravel()) * f.ravel(), self.bias, factor)
        return replace(self, weight=weight, bias=bias)

    def shifted(self, summand: Constant) -> Recipe:
        """Return the recipe of the same outputs plus a summand, one or one per channel."""
        if self.bias is None:
            return replace(self, bias=derived(wide, summand))
        return replace(self, bias=derived(lambda b, s: wide(b.ravel()) + s.ravel(), self.bias, summand))

    def __call__(self) -> LayerWeights | None:
        """Return the weights; None where the file does not have all of them."""
        weight, bias = self.weight.array(), None if self.bias is None else self.bias.array()
        if weight is None or (bias is None) is not (self.bias is None):
            return None
        if bias is not None:
            bias = (bias.ravel() + [0] * self.channels).astype(bias.dtype)  # one number is that of every channel
        weight = weight.reshape(self.channels, *self.taps)
        return LayerWeights(swapped(weight, self.turned) if self.turned else weight, bias)


def swapped(weight: Array, groups: int) -> Array:
    """Return weights (A, B / groups, ...) as (B, A / groups, ...)."""
    by_group = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
    return by_group.reshape(-1, *by_group.shape[2:])


def dequantised(constant: Constant, scale: Constant | None, zero: Constant | None, axis: int = 0) -> Constant:
    """Return what integers stand for that have one ``scale`` and ``zero``, or one each along an ``axis``."""

    def along(values: Array, rank: int) -> Array:
        return wide(values).reshape([-1 if place == axis % rank else 1 for place in range(rank)])

    if zero is not None:
        constant = derived(lambda w, z: wide(w) - along(z, w.ndim), constant, zero)
    return constant if scale is None else derived(lambda w, s: w * along(s, w.ndim), constant, scale)


def unit(channels: int) -> Recipe:
    """Return the recipe of a layer of factors and summands that changes nothing yet."""
    import numpy as np

    ones = Constant(shape=(channels,), read=lambda: np.ones(channels))
    return Recipe(channels=channels, taps=(1, 1, 1, 1), weight=ones)
