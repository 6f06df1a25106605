"""On which points the multipliers of F(m, r) are narrowest: proved by enumeration, over all rational points.

A coordinate's row of G and of BT may be scaled as one likes, so the smallest that it can be is a row of integers
without a common factor. On a point p / q (infinity is 1 / 0) that of G is p^k q^(r - 1 - k), k = 0 .. r - 1,
whatever the other points are; that of BT is the product of the polynomials q x - p of the others, which has no common
factor either (Gauss). The growth of an operand is the largest sum of magnitudes of a row.

*Weights*: a set can't do better than the n points that grow least by themselves.
*Data*: the magnitudes of the coefficients of a product of polynomials sum up to no less than its Mahler measure, here
the product of the heights max(|p|, q). Sets are grown height by height and left where that reaches what is known.

    python experiments/winograd_points.py

Prints the table of ``docs/winograd.md``.
"""

from __future__ import annotations

import math
from itertools import combinations, count
from typing import TYPE_CHECKING

from lw3dsim.algebra.winograd import MAX_COORDINATES, gain, points_of, signed_bits, transform

if TYPE_CHECKING:
    from collections.abc import Iterator

# (p, q): the point p / q.
Point = tuple[int, int]

BITS = 8
FILTERS = (2, 3, 5)


def tables() -> str:
    """Return what F(m, r) grows by on the points in use, and the least growth on any, as a table."""
    lines = [
        "| F(m,r) | points, and infinity | data x weights grow by | least | bits, of 8, in 1, 2 and 3 dimensions |"
    ]
    lines.append("|---|---|---:|---:|---:|")
    least_data = {n: least_data_growth(n, gain(transform(n - 1, 2).BT)) for n in range(3, MAX_COORDINATES + 1)}
    for r in FILTERS:
        for m in range(2, MAX_COORDINATES + 2 - r):
            form = transform(m, r)
            used, least = (gain(form.BT), gain(form.G)), (least_data[form.n], least_weight_growth(form.n, r))
            widths = ", ".join(" x ".join(str(width(growth**dims)) for growth in used) for dims in (1, 2, 3))
            points = ", ".join(map(str, points_of(form.n, "integer")))
            growths = (f"{data} x {weight}" for data, weight in (used, least))
            lines.append(f"| F({m},{r}) | {points} | {' | '.join(growths)} | {widths} |")
    return "\n".join(lines)


def width(growth: int) -> int:
    """Return the bits of a signed operand of ``BITS`` that has grown."""
    return signed_bits((2 ** (BITS - 1) - 1) * growth)


def of_height(height: int) -> list[Point]:
    """Return the points whose larger part is ``height``; infinity, 0, 1 and -1 are those of height 1."""
    if height == 1:
        return [(1, 0), (0, 1), (1, 1), (-1, 1)]
    smaller = [s for s in range(1, height) if math.gcd(s, height) == 1]
    return [point for s in smaller for point in ((height, s), (-height, s), (s, height), (-s, height))]


def weight_growth(point: Point, r: int) -> int:
    """Return the sum of magnitudes of the point's row of G."""
    p, q = point
    return sum(abs(p) ** k * q ** (r - 1 - k) for k in range(r))


def least_weight_growth(n: int, r: int) -> int:
    """Return the least growth of weights on any ``n`` points: that of the n-th of all points, by growth."""
    growths: list[int] = []
    for height in count(1):
        # A point of this height or more grows by as much at least.
        bound = 1 if height == 1 else height ** (r - 1) + 1
        if len(growths) >= n and sorted(growths)[n - 1] <= bound:
            return sorted(growths)[n - 1]
        growths += [weight_growth(point, r) for point in of_height(height)]
    raise AssertionError("heights do not end")


def data_growth(points: tuple[Point, ...]) -> int:
    """Return the largest sum of magnitudes of a row of BT."""
    return max(sum(map(abs, product(points[:i] + points[i + 1 :]))) for i in range(len(points)))


def product(points: tuple[Point, ...]) -> list[int]:
    """Return the coefficients of the product of q x - p over ``points``, lowest first."""
    coefficients = [1]
    for p, q in points:
        raised, scaled = [0, *(q * c for c in coefficients)], [*(-p * c for c in coefficients), 0]
        coefficients = [a + b for a, b in zip(raised, scaled, strict=True)]
    return coefficients


def least_data_growth(n: int, known: int) -> int:
    """Return the least growth of data on any ``n`` points, ``known`` being reached by some."""
    best = known
    for points in sets_below(n, known):
        best = min(best, data_growth(points))
    return best


def sets_below(n: int, most: int, height: int = 1, product: int | None = None) -> Iterator[tuple[Point, ...]]:
    """Yield the sets of ``n`` more points, none below ``height``, with which a product of heights stays below ``most``.

    A row of BT leaves a point out, so the first point, which is of the least height, is not in the product.
    """
    if n == 0:
        yield ()
        return
    if height ** (n - 1 if product is None else n) * (product or 1) >= most:
        return
    here = of_height(height)
    for chosen in range(min(n, len(here)), -1, -1):
        counted = product if chosen == 0 else height ** (chosen - 1 if product is None else chosen) * (product or 1)
        for rest in sets_below(n - chosen, most, height + 1, counted):
            for points in combinations(here, chosen):
                yield points + rest


if __name__ == "__main__":
    print(tables())
