"""The kinds of numbers that a schedule can be executed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.base.arrays import Array
from lw3dsim.base.values import Value, replace

if TYPE_CHECKING:
    from lw3dsim.algebra.winograd import PointSet
    from lw3dsim.machine.problem import Problem

Tensor = Array[Any]

# float64 holds integers below 2^53 exactly, and multiplies matrices of them fast.
EXACT_IN_FLOAT = 2**53
EXACT_IN_INT = 2**63


class Number(Value, frozen=True, kw_only=True):
    """``bits`` of a signed integer operand, or 0 for floating point of type ``dtype``.

    What a layer makes has ``made_bits`` and its weights have ``factor_bits``; 0: as many as what it reads.
    """

    name: str
    bits: int
    dtype: str
    made_bits: int = 0
    factor_bits: int = 0

    @property
    def is_integer(self) -> bool:
        """Whether arithmetic is exact."""
        return self.bits > 0

    @property
    def largest(self) -> int:
        """Largest magnitude of an integer operand; the range is symmetric."""
        return int(2 ** (self.bits - 1) - 1)

    @property
    def largest_product(self) -> int:
        """Largest magnitude of a product of an integer operand and a weight."""
        return self.largest * int(2 ** ((self.factor_bits or self.bits) - 1) - 1)

    @property
    def made(self) -> Number:
        """The numbers that a layer makes."""
        return self.in_bits(self.made_bits or self.bits)

    def in_bits(self, bits: int) -> Number:
        """Return integers of so many ``bits``; of floats themselves."""
        return integers(bits) if self.is_integer else self

    def of(self, problem: Problem) -> Number:
        """Return integers as wide as what a layer reads, makes and multiplies by; of floats themselves."""
        made, factors = problem.output_bits, problem.factor_bits
        return replace(self.in_bits(problem.activation_bits), made_bits=made, factor_bits=factors)

    @property
    def points(self) -> PointSet:
        """The point set whose transforms suit these numbers."""
        return "integer" if self.is_integer else "float"

    def working_type(self, bound: int) -> str:
        """Return the NumPy type in which values of magnitude up to ``bound`` are computed."""
        if not self.is_integer:
            return self.dtype
        return "float64" if bound < EXACT_IN_FLOAT else "int64" if bound < EXACT_IN_INT else "object"


def integers(bits: int) -> Number:
    """Return integers of so many ``bits``."""
    return Number(name=f"int{bits}", bits=bits, dtype="int64")


NUMBERS = {
    number.name: number
    for number in (
        integers(8),
        integers(16),
        Number(name="float32", bits=0, dtype="float32"),
        Number(name="float64", bits=0, dtype="float64"),
    )
}
# In place of a name of these: integers in the widths of the accelerator and of the network.
OWN_WIDTHS = "int"
DTYPES = (OWN_WIDTHS, *NUMBERS)


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
