"""Outputs of averages, in boxes of which each is over as many values: at borders there are fewer than inside."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lw3dsim.base.arrays import Ints
    from lw3dsim.machine.records import Triple


class Box(NamedTuple):
    """Outputs of a step, so many (T, H, W) from ``origin`` on, which are means of ``by`` values."""

    origin: Triple
    size: Triple
    by: int


def alike(divisors: Ints, origin: Triple = (0, 0, 0), axis: int = 0) -> Iterator[Box]:
    """Yield boxes of equal divisors (T, H, W), in order; what is before ``axis`` is one position."""
    t, h, w = divisors.shape
    if divisors.min() == divisors.max():
        yield Box(origin, (t, h, w), int(divisors.flat[0]))
        return
    for run in runs_along(divisors, axis):
        at = list(origin)
        at[axis] += run.start
        yield from alike(np.take(divisors, range(run.start, run.stop), axis), (at[0], at[1], at[2]), axis + 1)


def runs_along(divisors: Ints, axis: int) -> Iterator[range]:
    """Yield neighbours along an axis that are all divided alike, others one by one."""
    each = np.moveaxis(divisors, axis, 0).reshape(divisors.shape[axis], -1)
    low, high = each.min(axis=1), each.max(axis=1)
    ends = (np.diff(low) != 0) | (low != high)[1:] | (low != high)[:-1]
    bounds = [0, *(np.flatnonzero(ends) + 1).tolist(), len(each)]
    return itertools.starmap(range, itertools.pairwise(bounds))
