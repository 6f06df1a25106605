"""F(m, r) by Cook-Toom: exact transform matrices, addition counts and bit growth.

``Y = AT [(G g) * (BT d)]`` gives m outputs of an r-tap filter with n = m + r - 1
multiplications (Winograd 1980; Lavin & Gray 2016; paper 3.4). The matrices
interpolate on n - 1 finite points and infinity. Everything is an exact rational
until :meth:`Transform.integers` scales a matrix to integers by the common
denominator of its entries, which is the form that hardware adders work on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

MAX_COORDINATES = 10

POINTS = tuple(Fraction(p) for p in (0, 1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 2), 4, -4))

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

    def verify(self) -> None:
        """Check that the bilinear form is the correlation, term by term; raise ArithmeticError if not."""
        for i in range(self.m):
            for k in range(self.r):
                for j in range(self.n):
                    term = sum(self.AT[i][q] * self.G[q][k] * self.BT[q][j] for q in range(self.n))
                    if term != (1 if j == i + k else 0):
                        raise ArithmeticError(f"F({self.m},{self.r}) is not a correlation at {(i, k, j)}")


@cache
def transform(m: int, r: int) -> Transform:
    """Return F(m, r) on the default points; verified. Needs 1 <= m, r and m + r - 1 <= 10."""
    n = m + r - 1
    if m < 1 or r < 1 or n > MAX_COORDINATES:
        raise ValueError(f"F({m},{r}) needs m, r >= 1 and m + r - 1 <= {MAX_COORDINATES}")
    points = POINTS[: n - 1]
    scale = [math.prod((a - b for b in points if b != a), start=Fraction(1)) for a in points]
    infinity = n - 1
    AT = tuple((*(a**i for a in points), Fraction(int(i == m - 1))) for i in range(m))
    G = (
        *(tuple(a**k / f for k in range(r)) for a, f in zip(points, scale, strict=True)),
        tuple(Fraction(int(k == r - 1)) for k in range(r)),
    )
    BT = (
        *(_monic([b for b in points if b != a], n) for a in points),
        _monic(list(points), n),
    )
    result = Transform(m=m, r=r, AT=AT, G=G, BT=BT)
    assert len(BT) == infinity + 1  # noqa: S101  # a cheap guard on the construction above
    result.verify()
    return result


def _monic(roots: list[Fraction], length: int) -> tuple[Fraction, ...]:
    """Return the coefficients, lowest first, of the monic polynomial with ``roots``, padded to ``length``."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [s - root * c for s, c in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
    return (*coefficients, *[Fraction(0)] * (length - len(coefficients)))


def integers(matrix: Matrix) -> IntMatrix:
    """Scale a rational matrix to integers by the common denominator of its entries."""
    scale = math.lcm(*(entry.denominator for row in matrix for entry in row))
    return tuple(tuple(int(entry * scale) for entry in row) for row in matrix)


def gain(matrix: Matrix) -> int:
    """Return the worst-case growth of a value through the integer form: its largest row sum of magnitudes."""
    return max(sum(abs(entry) for entry in row) for row in integers(matrix))


def matrix_adds(matrix: Matrix) -> int:
    """Return the two-operand additions of matrix x vector, constants as shifts and adds.

    A constant costs one addition less than it has non-zero canonical signed
    digits; shifts are wires. No subexpression is shared.
    """
    adds = 0
    for row in integers(matrix):
        digits = sum(_signed_digits(abs(entry)) for entry in row)
        adds += max(digits - 1, 0)
    return adds


def _signed_digits(value: int) -> int:
    """Count the non-zero digits of the canonical signed-digit form."""
    return (value ^ (3 * value)).bit_count()


def signed_bits(magnitude: int) -> int:
    """Return the bits of a signed integer that holds -magnitude..magnitude."""
    return magnitude.bit_length() + 1


def tile_adds(matrices: tuple[Matrix, ...]) -> int:
    """Return the additions of applying one matrix along each dimension of a tile, first dimension first."""
    sizes = [len(matrix[0]) for matrix in matrices]
    adds = 0
    for axis, matrix in enumerate(matrices):
        lines = math.prod(sizes) // sizes[axis]
        adds += lines * matrix_adds(matrix)
        sizes[axis] = len(matrix)
    return adds
