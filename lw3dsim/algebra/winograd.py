"""F(m, r) by Cook-Toom: exact transform matrices and their bit growth.

``Y = AT [(G g) * (BT d)]`` gives m outputs of an r-tap filter with n = m + r - 1
multiplications (Winograd 1980; Lavin & Gray 2016; paper 3.4). The matrices
interpolate on n - 1 finite points and infinity, in exact rationals. A coordinate
may be scaled in G and BT if AT divides by as much: on the integer points G and BT
are small integers, and what they were scaled by stands in AT, behind the
multipliers. :func:`integers` scales a matrix to integers by the common denominator
of its entries, which is the form that hardware adders work on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from typing import Literal

MAX_COORDINATES = 10

PointSet = Literal["integer", "float"]

_HALF, _THIRD, _QUARTER = Fraction(1, 2), Fraction(1, 3), Fraction(1, 4)

# No rational points, and no scales of the coordinates, make narrower data or narrower weights at any m and r
# (`experiments/winograd_points.py` proves it). Of equals, such as the twos and the halves of F(4,3), the usual ones.
_INTEGER = tuple(Fraction(p) for p in (0, 1, -1, 2, -2, _HALF, -_HALF, _THIRD, -_THIRD))

# Barabasz et al., "Error analysis and improving the accuracy of Winograd convolution", 2020: best points found by n.
_FLOAT = {
    4: (0, -1, 1),
    5: (0, -1, 1, _HALF),
    6: (0, -1, 1, _HALF, -3),
    7: (0, -1, 1, _HALF, -_HALF, -3),
    8: (0, -1, 1, _HALF, -_HALF, 2, -2),
    9: (0, -1, 1, _HALF, -_HALF, 2, -2, -_QUARTER),
    10: (0, -1, 1, _HALF, -_HALF, 2, -2, -_QUARTER, 4),
}

Matrix = tuple[tuple[Fraction, ...], ...]
IntMatrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Transform:
    """The three matrices of F(m, r): AT (m x n), G (n x r), BT (n x n)."""

    m: int
    r: int
    AT: Matrix
    G: Matrix
    BT: Matrix

    @property
    def n(self) -> int:
        """Coordinates, and multiplications, of one tile."""
        return self.m + self.r - 1

    @cached_property
    def scale(self) -> int:
        """What outputs of the integer forms of all three are to be divided by."""
        return math.prod(map(common_denominator, (self.AT, self.G, self.BT)))

    def verify(self) -> None:
        """Check that the bilinear form is the correlation, term by term; raise ArithmeticError if not."""
        AT, G, BT = map(integers, (self.AT, self.G, self.BT))
        for i in range(self.m):
            for k in range(self.r):
                for j in range(self.n):
                    term = sum(AT[i][q] * G[q][k] * BT[q][j] for q in range(self.n))
                    if term != (self.scale if j == i + k else 0):
                        raise ArithmeticError(f"F({self.m},{self.r}) is not a correlation at {(i, k, j)}")


def points_of(n: int, points: PointSet) -> tuple[Fraction, ...]:
    """Return the n - 1 finite points of a set for n coordinates."""
    if points == "float" and n in _FLOAT:
        return tuple(Fraction(p) for p in _FLOAT[n])
    return _INTEGER[: n - 1]


@cache
def transform(m: int, r: int, points: PointSet = "integer") -> Transform:
    """Return F(m, r) on a point set; verified. Needs 1 <= m, r and m + r - 1 <= 10."""
    n = m + r - 1
    if m < 1 or r < 1 or n > MAX_COORDINATES:
        raise ValueError(f"F({m},{r}) needs m, r >= 1 and m + r - 1 <= {MAX_COORDINATES}")
    finite = points_of(n, points)
    scale = [math.prod((a - b for b in finite if b != a), start=Fraction(1)) for a in finite]
    AT = tuple((*(a**i for a in finite), Fraction(int(i == m - 1))) for i in range(m))
    G = (
        *(tuple(a**k / f for k in range(r)) for a, f in zip(finite, scale, strict=True)),
        tuple(Fraction(int(k == r - 1)) for k in range(r)),
    )
    BT = (
        *(_monic([b for b in finite if b != a], n) for a in finite),
        _monic(list(finite), n),
    )
    if points == "integer":
        (G, weight_scales), (BT, data_scales) = _narrowest(G), _narrowest(BT)
        scales = [a * b for a, b in zip(weight_scales, data_scales, strict=True)]
        AT = tuple(tuple(entry * scale for entry, scale in zip(row, scales, strict=True)) for row in AT)
    result = Transform(m=m, r=r, AT=AT, G=G, BT=BT)
    result.verify()
    return result


def _narrowest(matrix: Matrix) -> tuple[Matrix, list[Fraction]]:
    """Return ``matrix`` with each row scaled to integers no larger than need be, and the factors that undo it.

    A row of integers without a common factor is the smallest that there is, and the largest of these decides the
    width of the multipliers. Powers of two that are left out are a shift behind them. An odd factor costs additions
    there, so a row keeps as much as it has room for of the factor that it has on the rows' common denominator.
    """
    smallest, factors = zip(*map(_primitive, matrix), strict=True)
    room = max(map(_magnitude, smallest))
    shared = math.lcm(*(_odd(factor.denominator) for factor in factors))
    kept = [
        _largest_divisor(_odd((factor * shared).numerator), room // _magnitude(row))
        for row, factor in zip(smallest, factors, strict=True)
    ]
    rows = tuple(tuple(Fraction(entry * scale) for entry in row) for row, scale in zip(smallest, kept, strict=True))
    return rows, [factor / scale for factor, scale in zip(factors, kept, strict=True)]


def _primitive(row: tuple[Fraction, ...]) -> tuple[tuple[int, ...], Fraction]:
    """Return ``row`` as integers without a common factor, and the factor that makes it of them."""
    common = math.lcm(*(entry.denominator for entry in row))
    whole = [entry.numerator * (common // entry.denominator) for entry in row]
    divisor = math.gcd(*whole)
    return tuple(entry // divisor for entry in whole), Fraction(divisor, common)


def _magnitude(row: tuple[int, ...]) -> int:
    return sum(map(abs, row))


def _odd(number: int) -> int:
    """Return ``number`` without its factors of two."""
    return number // (number & -number)


def _largest_divisor(number: int, most: int) -> int:
    return max(divisor for divisor in range(1, most + 1) if number % divisor == 0)


def _monic(roots: list[Fraction], length: int) -> tuple[Fraction, ...]:
    """Return the coefficients, lowest first, of the monic polynomial with ``roots``, padded to ``length``."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [s - root * c for s, c in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
    return (*coefficients, *[Fraction(0)] * (length - len(coefficients)))


@cache
def common_denominator(matrix: Matrix) -> int:
    """Return the least common denominator of the entries."""
    return math.lcm(*(entry.denominator for row in matrix for entry in row))


@cache
def integers(matrix: Matrix) -> IntMatrix:
    """Scale a rational matrix to integers by the common denominator of its entries."""
    scale = common_denominator(matrix)
    return tuple(tuple(entry.numerator * (scale // entry.denominator) for entry in row) for row in matrix)


@cache
def gain(matrix: Matrix) -> int:
    """Return the worst-case growth of a value through the integer form: its largest row sum of magnitudes."""
    return max(sum(abs(entry) for entry in row) for row in integers(matrix))


def signed_bits(magnitude: int) -> int:
    """Return the bits of a signed integer that holds -magnitude..magnitude."""
    return magnitude.bit_length() + 1
