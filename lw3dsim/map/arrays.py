"""Integer arrays: one element per tile, step, group or candidate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

# What engines work on: lists where CPython runs them, arrays where they are compiled.
Words = NDArray[np.int64] | list[int]


def ceil_div(a: Ints | int, b: Ints | int) -> Ints:
    """Return ceil(a / b) of non-negative integers, element by element."""
    return np.asarray(-(-np.asarray(a, dtype=np.int64) // b), dtype=np.int64)


def padded(size: int, quantum: int) -> int:
    """Return ``size`` rounded up to a multiple of ``quantum``."""
    return -(-size // quantum) * quantum


def parts(total: int, part: int) -> Ints:
    """Return the sizes of ``total`` cut into parts of ``part``, the last one ragged."""
    starts = np.arange(0, total, part, dtype=np.int64)
    return np.minimum(part, total - starts)


def spread(counts: Ints) -> tuple[Ints, Ints]:
    """Return, for ``counts`` elements of every group behind each other, each one's group and place in it."""
    group = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return group, np.arange(len(group), dtype=np.int64) - (np.cumsum(counts) - counts)[group]


def full_and_rest(total: Ints, part: Ints) -> list[tuple[Ints, Ints]]:
    """Return (count, size) of the full parts and of the ragged last part of ``total``."""
    rest = total % part
    return [(total // part, part), (np.minimum(rest, 1), rest)]
