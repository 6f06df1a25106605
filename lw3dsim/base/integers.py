"""Arithmetic of integers: plain integer code."""

from __future__ import annotations

from lw3dsim.base.kernels import kernel

# Later than anything happens, in clocks or ticks.
NEVER = 1 << 62


@kernel
def ceiling(a: int, b: int) -> int:
    """Return ceil(a / b), for b above 0."""
    return (a + b - 1) // b  # what is not negative is divided fastest


@kernel
def common_divisor(a: int, b: int) -> int:
    """Return the largest number that divides both."""
    while b:
        a, b = b, a % b
    return a


@kernel
def balanced(total: int, most: int) -> int:
    """Return the part size that cuts ``total`` into as few, as equal parts as ``most`` allows."""
    return ceiling(total, ceiling(total, max(most, 1)))
