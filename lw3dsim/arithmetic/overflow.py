"""Sums in registers of a declared width: what becomes of a value that does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.describe.accelerator import Overflow


def held(values: Tensor, bits: int, overflow: Overflow) -> Tensor:
    """Return whole numbers as a register of ``bits`` holds them in two's complement: saturated or wrapped.

    Floats hold whole numbers below 2^53, integers of NumPy those below 2^62, objects any.
    """
    if overflow == "widen" or (bits >= 64 and values.dtype != object):
        return values
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if overflow == "saturate":
        return np.asarray(np.clip(values, low, high))
    whole = values if values.dtype == object else values.astype(np.int64)
    return np.asarray((((whole - low) & ((1 << bits) - 1)) + low).astype(values.dtype))


def accumulated(terms: Iterable[Tensor], exact: Tensor, magnitude: Tensor, bits: int, overflow: Overflow) -> Tensor:
    """Return what a register of ``bits`` holds after it has added up ``terms`` in order, one by one, from zero.

    ``exact`` is their sum and ``magnitude`` that of their magnitudes. Wrapping forgets the order; where even the
    magnitudes fit, so does every sum on the way.
    """
    if overflow == "wrap":
        return held(exact, bits, overflow)
    if float(magnitude.max(initial=0)) < 2.0 ** (bits - 1):
        return exact
    total = np.zeros_like(exact)
    for term in terms:
        total = held(total + term, bits, overflow)
    return total
