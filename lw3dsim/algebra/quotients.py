"""Exact division by odd numbers, in a subtraction each where that is possible.

Of a multiple of d = 2^k + 1 the quotient is q = v - 2^k q, of d = 2^k - 1 it is q = 2^k q - v: bit i of it hangs on
lower bits of itself, so it comes out of one ripple subtraction. Other divisors are products of such, one behind
another; where several are wanted, quotients on the way are shared.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection


class Step(NamedTuple):
    """The quotient by ``divisor``: of that by ``of``, divided by 2^``shift`` + 1, or - 1 where ``sign`` is -1."""

    divisor: int
    of: int
    shift: int
    sign: int


def division_steps(divisors: Collection[int]) -> tuple[Step, ...]:
    """Return the subtractions that quotients by odd ``divisors`` take, each behind those that it stands on.

    Raises ValueError for a divisor that is no product of numbers next to powers of two.
    """
    known: dict[int, Step | None] = {1: None}
    for divisor in sorted(divisors):
        ways = [(factors, of) for of in known if divisor % of == 0 and (factors := _factors(divisor // of)) is not None]
        if not ways:
            raise ValueError(f"{divisor} is no product of numbers next to powers of two")
        factors, of = min(ways, key=lambda way: (len(way[0]), way))
        for factor in factors:
            of *= factor
            if of not in known:
                known[of] = Step(of, of // factor, *_beside(factor))
    return tuple(step for step in known.values() if step is not None)


@cache
def _factors(number: int) -> tuple[int, ...] | None:
    """Return the fewest factors next to powers of two; None where there are none."""
    if number == 1:
        return ()
    found = [
        (factor, *rest)
        for shift in range(1, number.bit_length() + 1)
        for factor in ((1 << shift) - 1, (1 << shift) + 1)
        if factor > 1 and number % factor == 0 and (rest := _factors(number // factor)) is not None
    ]
    return min(found, key=lambda one: (len(one), one), default=None)


def _beside(factor: int) -> tuple[int, int]:
    """Return the power of two that a factor is next to, and on which side; of 3 the smaller."""
    sign = 1 if (factor - 1) & (factor - 2) == 0 else -1
    return (factor - sign).bit_length() - 1, sign
