"""The kinds of numbers that a schedule can be executed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lw3dsim.base.values import Value, replace
from lw3dsim.errors import unknown

if TYPE_CHECKING:
    from lw3dsim.algebra.winograd import PointSet

Tensor = NDArray[Any]

# float64 holds integers below 2^53 exactly, and multiplies matrices of them fast.
EXACT_IN_FLOAT = 2**53
EXACT_IN_INT = 2**63


class Number(Value, frozen=True, kw_only=True):
    """``bits`` of a signed integer operand, or 0 for floating point of type ``dtype``."""

    name: str
    bits: int
    dtype: str

    @property
    def is_integer(self) -> bool:
        """Whether arithmetic is exact."""
        return self.bits > 0

    @property
    def largest(self) -> int:
        """Largest magnitude of an integer operand; the range is symmetric."""
        return int(2 ** (self.bits - 1) - 1)

    def in_bits(self, bits: int) -> Number:
        """Return integers of so many ``bits``, or of as many as these have where that is less; of floats themselves."""
        return replace(self, bits=min(self.bits, bits)) if self.is_integer else self

    @property
    def points(self) -> PointSet:
        """The point set whose transforms suit these numbers."""
        return "integer" if self.is_integer else "float"

    def working_type(self, bound: int) -> str:
        """Return the NumPy type in which values of magnitude up to ``bound`` are computed."""
        if not self.is_integer:
            return self.dtype
        return "float64" if bound < EXACT_IN_FLOAT else "int64" if bound < EXACT_IN_INT else "object"


NUMBERS = {
    number.name: number
    for number in (
        Number(name="int8", bits=8, dtype="int64"),
        Number(name="int16", bits=16, dtype="int64"),
        Number(name="float32", bits=0, dtype="float32"),
        Number(name="float64", bits=0, dtype="float64"),
    )
}


def number_named(name: str) -> Number:
    """Return the kind of number called ``name``; raise InputError for an unknown one."""
    if name not in NUMBERS:
        raise unknown("dtype", name, NUMBERS)
    return NUMBERS[name]


def random_tensor(shape: tuple[int, ...], number: Number, random: np.random.Generator, scale: float = 1.0) -> Tensor:
    """Return uniform integers over the operand range, or uniform floats in [-scale, scale]."""
    if number.is_integer:
        return random.integers(-number.largest, number.largest, shape, endpoint=True, dtype=np.int64)
    return random.uniform(-scale, scale, shape).astype(number.dtype)


def coded(values: Tensor, number: Number) -> tuple[Tensor, float]:
    """Return real ``values`` as operands, and what a step of these stands for: the largest has the largest code.

    Integers that are codes already, and numbers in floating point, stay as they are.
    """
    if not number.is_integer:
        return values.astype(number.dtype), 1.0
    if values.dtype.kind in "iub" and np.abs(values.astype(np.int64)).max(initial=0) <= number.largest:
        return values.astype(np.int64), 1.0
    step = float(np.abs(values).max(initial=0)) / number.largest or 1.0
    return np.rint(values / step).astype(np.int64), step


def divided(values: Tensor, divisor: int | Tensor, number: Number) -> Tensor:
    """Divide; integers round half up, as a shift with a rounding carry does."""
    if number.is_integer:
        return np.asarray((2 * values + divisor) // (2 * divisor))
    return np.asarray(values / np.asarray(divisor, dtype=values.dtype))


def shifted(values: Tensor, shift: int, number: Number) -> Tensor:
    """Return integers shifted right by ``shift`` bits, rounded, and cut off at the operand width."""
    rounded = (values + (1 << shift >> 1)) >> shift
    return np.asarray(np.clip(rounded, -number.largest, number.largest))


def shift_of(values: Tensor, number: Number) -> int:
    """Return by how many bits integers are shifted to fit the operand width; 0 for floats."""
    return max(int(np.abs(values).max(initial=0)).bit_length() - (number.bits - 1), 0) if number.is_integer else 0
