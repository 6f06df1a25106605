"""The order in which an exhaustive study looks at a space: any first part of it is spread evenly over the space.

Choices are numbered with the last parameter fastest, and taken in strides of about a
golden section of their number, which has no factor in common with it: so all are met,
once each (a lattice rule of rank one). Of some such strides the one is taken that leaves
the fewest pairs of values of two parameters out of balance, after a tenth, a fifth, a
third and half of the choices.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from lw3dsim.explore.space import Choice, Space

# The golden section, as an integer share of 10^18: choices are integers, and may be many.
GOLDEN, WHOLE = 618_033_988_749_894_848, 10**18

# Strides that are compared, and the choices up to which they are.
STRIDES = 24
COMPARED = 200_000

PARTS = (10, 5, 3, 2)


def even_order(space: Space) -> Iterator[Choice]:
    """Yield the canonical choice of every design of ``space``, in an order that depends on the space alone."""
    size, stride = space.size, best_stride(space.sizes)
    for place in range(size):
        choice = space.numbered(place * stride % size)
        if space.canonical(choice) == choice:
            yield choice


def best_stride(sizes: Sequence[int]) -> int:
    """Return the stride for parameters with so many values."""
    size = math.prod(sizes)
    strides = [_stride(size, multiple) for multiple in range(1, STRIDES + 1)]
    if size > COMPARED or len(sizes) < 2:
        return strides[0]
    return min(strides, key=lambda stride: (*imbalance(sizes, stride), stride))


def _stride(size: int, multiple: int) -> int:
    stride = size * (GOLDEN * multiple % WHOLE) // WHOLE
    while math.gcd(stride, size) != 1:
        stride += 1
    return stride


def imbalance(sizes: Sequence[int], stride: int) -> tuple[float, float]:
    """Return how uneven pairs of values are met in the first PARTS: of the worst pair of parameters, and of all.

    A part and pair count by the squared excess of a pair of values over its fair share, relative to the part: about 1
    where choices are drawn at random.
    """
    size = math.prod(sizes)
    places: list[NDArray[np.int64]] = []
    numbers = np.arange(size, dtype=np.int64) * stride % size
    for values in reversed(sizes):
        numbers, place = np.divmod(numbers, values)
        places.insert(0, place)
    excesses = []
    for first, second in combinations(range(len(sizes)), 2):
        cells = sizes[first] * sizes[second]
        met = places[first] * sizes[second] + places[second]
        for part in PARTS:
            count = -(-size // part)
            found = np.bincount(met[:count], minlength=cells)
            excesses.append(float(((found - count / cells) ** 2).sum() / count))
    return max(excesses), math.fsum(excesses)
