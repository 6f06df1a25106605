"""Integer arrays: one element per tile, step, group or candidate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


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
