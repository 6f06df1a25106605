"""How wide the sums of a layer are, against what the accelerator declares.

Sums stand in two places: in the accumulators of the PEs, of products (in the Winograd domain where operands are
transformed), and in the vector unit and the output buffer, of outputs. Both are ``precision.accumulator_bits`` wide.
Where the worst case needs more, ``precision.overflow`` says what happens.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.algebra.winograd import Matrix, integers, signed_bits
from lw3dsim.base.caches import kept, once
from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.accelerator import Precision
    from lw3dsim.transform.algorithms import Algorithm


class SumWidths(Value, frozen=True, kw_only=True):
    """Bits that the widest sum needs; of accumulators, of sums of outputs, and of the output transform's adders."""

    needed: int
    register: int
    output: int
    transform: int


def vector_widths(bits: int, precision: Precision) -> SumWidths:
    """Return the widths of a layer without multiplications whose sums need ``bits``."""
    wide = _granted(bits, precision)
    return SumWidths(needed=bits, register=wide, output=wide, transform=wide)


@kept(4096)
def product_widths(
    algorithm: Algorithm, precision: Precision, data_bits: int, weight_bits: int, channels: int, taps: int
) -> SumWidths:
    """Return the widths of a layer that sums up ``channels`` x ``taps`` products of the direct algorithm per output.

    ``data_bits`` and ``weight_bits`` are those of the multiplier's operands.
    """
    terms = channels * algorithm.taps
    products = sum_bits(data_bits + weight_bits - 1, terms)
    outputs = sum_bits(precision.activation_bits + precision.weight_bits - 1, channels * taps)
    if not algorithm.is_winograd:
        register = _granted(products, precision)
        return SumWidths(needed=products, register=register, output=register, transform=register)
    growth = _growth(algorithm, precision, data_bits, weight_bits)
    largest = channels * taps * growth.largest_data * growth.largest_weight
    if growth.is_narrowed:
        # Dropped bits are noise that adds to the largest output.
        largest += -(-terms * growth.noise // growth.scale) + 1
        outputs = signed_bits(largest)
    register = _granted(products, precision)
    # The transform adds modulo its width: what comes out must fit. Sums that did overflow can make it anything.
    magnitude = growth.scale * largest if register >= products else growth.through_transform(register, terms)
    transform = max(register, signed_bits(magnitude))
    return SumWidths(
        needed=max(products, outputs), register=register, output=_granted(outputs, precision), transform=transform
    )


class _Growth(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """How large the coordinates of an algorithm's operands get, what narrowing drops of them, and the transform back.

    Arrays of Python integers, per coordinate (T, H, W), are made where they are asked for: multipliers of
    ``data_bits`` and ``weight_bits`` are rarely too narrow.
    """

    algorithm: Algorithm
    precision: Precision
    data_bits: int
    weight_bits: int

    @property
    def largest_data(self) -> int:
        """The largest input."""
        return _largest(self.precision.activation_bits)

    @property
    def largest_weight(self) -> int:
        """The largest weight."""
        return _largest(self.precision.weight_bits)

    @property
    def scale(self) -> int:
        """What the transform back multiplies by."""
        return math.prod(form.scale for form in self.algorithm.transforms)

    @property
    def is_narrowed(self) -> bool:
        """Whether operands lose bits."""
        data, weight = self.precision.activation_bits, self.precision.weight_bits
        return self.algorithm.data_bits(data) > self.data_bits or self.algorithm.weight_bits(weight) > self.weight_bits

    def _matrices(self, name: str) -> list[Matrix]:
        return [getattr(form, name) for form in self.algorithm.transforms]

    @once
    def data(self) -> NDArray[Any]:
        """The largest of each transformed input."""
        return np.asarray(self.largest_data * _gains(self._matrices("BT")))

    @once
    def weight(self) -> NDArray[Any]:
        """The largest of each transformed weight."""
        return np.asarray(self.largest_weight * _gains(self._matrices("G")))

    @once
    def data_shift(self) -> Ints:
        """The bits that each transformed input loses."""
        return narrowing_shifts(self._matrices("BT"), self.largest_data, self.data_bits)

    @once
    def weight_shift(self) -> Ints:
        """The bits that each transformed weight loses."""
        return narrowing_shifts(self._matrices("G"), self.largest_weight, self.weight_bits)

    @property
    def noise(self) -> int:
        """The largest error of a transformed product, not yet divided by the scale, of dropping bits."""
        lost, missed = (np.where(shift > 0, _powers(shift), 0) for shift in (self.data_shift, self.weight_shift))
        return _transformed(self._matrices("AT"), self.data * missed + lost * self.weight + lost * missed)

    def through_transform(self, register_bits: int, terms: int) -> int:
        """Return the largest magnitude that the output transform makes of sums in registers that do not hold all."""
        shift = _powers(self.data_shift + self.weight_shift)
        lost, missed = _powers(self.data_shift), _powers(self.weight_shift)
        held = np.minimum(shift * 2 ** (register_bits - 1), terms * (self.data + lost) * (self.weight + missed))
        return _transformed(self._matrices("AT"), held)


@kept(1024)
def _growth(algorithm: Algorithm, precision: Precision, data_bits: int, weight_bits: int) -> _Growth:
    """Return the growth of an algorithm whose multipliers have operands of these widths."""
    return _Growth(algorithm=algorithm, precision=precision, data_bits=data_bits, weight_bits=weight_bits)


def _largest(bits: int) -> int:
    return (1 << bits - 1) - 1


def sum_bits(bits: int, terms: int) -> int:
    """Return the width of a sum of so many terms of ``bits`` that can't overflow."""
    return bits + (terms - 1).bit_length()


def narrowing_shifts(matrices: Sequence[Matrix], largest: int, bits: int) -> Ints:
    """Return, per coordinate, the bits to drop so that the worst case of operands up to ``largest`` fits ``bits``."""
    widths = np.vectorize(lambda gain: signed_bits(largest * int(gain)), otypes=[np.int64])(_gains(matrices))
    return np.asarray(np.maximum(widths - bits, 0), dtype=np.int64)


def worst_growth(data: Sequence[Matrix], weight: Sequence[Matrix], output: Sequence[Matrix]) -> int:
    """Return how large the transforms make products of operands up to 1, before the division by their scale."""
    return _transformed(output, _gains(data) * _gains(weight))


def _granted(needed: int, precision: Precision) -> int:
    """Return the width that a sum which needs so many bits has."""
    declared = precision.accumulator_bits
    return max(declared, needed) if precision.overflow == "widen" else declared


def _gains(matrices: Sequence[Matrix]) -> NDArray[Any]:
    """Return, per coordinate, the worst-case growth through the integer forms of ``matrices``: Python integers."""
    gains = [np.array([sum(map(abs, row)) for row in integers(matrix)], dtype=object) for matrix in matrices]
    return np.asarray(reduce(np.multiply.outer, gains))


def _powers(shift: Ints) -> NDArray[Any]:
    return np.asarray(2 ** shift.astype(object))


def _transformed(matrices: Sequence[Matrix], magnitudes: NDArray[Any]) -> int:
    """Return the largest magnitude that the output transform makes of ``magnitudes`` of the coordinates."""
    for d, matrix in enumerate(matrices):
        absolute = np.array([[abs(entry) for entry in row] for row in integers(matrix)], dtype=object)
        magnitudes = np.moveaxis(np.tensordot(magnitudes, absolute, axes=([d], [1])), -1, d)
    return int(magnitudes.max())
