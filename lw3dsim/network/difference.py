"""How what was executed compares with a reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypedDict

import numpy as np

if TYPE_CHECKING:
    from lw3dsim.arithmetic.number import Tensor


class Difference(TypedDict):
    """Whether both are equal, the largest error, and the SQNR in dB (None without error)."""

    exact: bool
    max_abs_error: float
    sqnr_db: float | None


def compared(output: Tensor, reference: Tensor) -> Difference:
    """Return how ``output`` compares with ``reference``."""
    error = output.astype(np.float64) - reference.astype(np.float64)
    noise = float(np.square(error).sum())
    signal = float(np.square(reference.astype(np.float64)).sum())
    return {
        "exact": bool(np.array_equal(output, reference)),
        "max_abs_error": float(np.abs(error).max()),
        "sqnr_db": 10 * math.log10(signal / noise) if noise > 0 and signal > 0 else None,
    }


def worse(one: Difference, other: Difference) -> Difference:
    """Return how two outputs compare: both are exact, the larger error and the less of both SQNR."""
    ratios = [each["sqnr_db"] for each in (one, other) if each["sqnr_db"] is not None]
    return {
        "exact": one["exact"] and other["exact"],
        "max_abs_error": max(one["max_abs_error"], other["max_abs_error"]),
        "sqnr_db": min(ratios, default=None),
    }
