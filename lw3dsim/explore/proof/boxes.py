"""Boxes of designs: a set of values for every free parameter of a space, as the bits of an integer.

Arrays of boxes have a row a box and a column a parameter. A box holds every choice of one of its values each.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lw3dsim.explore.space import Choice, Space

    Masks = NDArray[np.uint64]

# Values of a parameter, at most: the bits of a word.
MOST_VALUES = 64


def check_values(space: Space) -> None:
    """Raise InputError for a parameter with more values than a box can tell apart."""
    for parameter in space.free:
        if len(parameter.values) > MOST_VALUES:
            raise InputError(
                f"{space.path or space.name}: {parameter.path} has {len(parameter.values)} values; proofs take up to "
                f"{MOST_VALUES} a parameter: leave some out"
            )


def whole(sizes: Sequence[int]) -> Masks:
    """Return the box of all choices of parameters with so many values."""
    return np.array([[(1 << size) - 1 for size in sizes]], dtype=np.uint64)


def box_of(choice: Choice) -> Masks:
    """Return the box that holds ``choice`` alone."""
    return np.array([[1 << place for place in choice]], dtype=np.uint64)


def numbers_of_values(masks: Masks) -> NDArray[np.int64]:
    """Return how many values of each parameter each box has."""
    bits = np.unpackbits(masks.astype(np.uint64)[..., None].view(np.uint8), axis=-1)  # np.bitwise_count is of NumPy 2
    return np.asarray(bits.sum(axis=-1), dtype=np.int64)


def choices_in(masks: Masks) -> list[int]:
    """Return how many choices each box holds, exactly."""
    return [math.prod(row) for row in numbers_of_values(masks).tolist()]


def values_in(mask: int) -> list[int]:
    """Return the places of the values in one parameter's set."""
    return [place for place in range(mask.bit_length()) if mask >> place & 1]


def halves(masks: Masks, parameter: int) -> tuple[Masks, Masks]:
    """Return each box cut in two along ``parameter``, of which it has several values: the first, and the others."""
    first, last = masks.copy(), masks.copy()
    for row, mask in enumerate(masks[:, parameter].tolist()):
        places = values_in(mask)
        low = sum(1 << place for place in places[: (len(places) + 1) // 2])
        first[row, parameter], last[row, parameter] = low, mask & ~low
    return first, last


def the_choice(mask: Sequence[int]) -> Choice:
    """Return the one choice in a box."""
    return tuple(one.bit_length() - 1 for one in mask)
