"""Axes: where a value lies between the ends of one, and the round values that are written there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

# Digits of ticks on a logarithmic axis: what spans less has more of them.
DIGITS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8))

# Ticks that an axis has about, at most.
MOST = 8


class Scale(Value, frozen=True, kw_only=True):
    """An axis from ``low`` to ``high``."""

    low: float
    high: float
    is_log: bool = False

    @classmethod
    def of(cls, values: Sequence[float], *, is_log: bool = False, room: float = 0.06) -> Scale:
        """Return one that holds ``values`` with some ``room`` on both sides, as a share of its length."""
        low, high = min(values), max(values)
        if is_log:
            side = room * (math.log(high / low) or 1.0)
            return cls(low=low / math.exp(side), high=high * math.exp(side), is_log=True)
        side = room * ((high - low) or abs(high) or 1.0)
        return cls(low=low - side, high=high + side)

    def share(self, value: float) -> float:
        """Return where ``value`` lies, 0 to 1 within the ends."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most: int = MOST) -> list[float]:
        """Return round values within the ends, about ``most``."""
        ticks = self._log_ticks(most) if self.is_log else []
        return ticks if len(ticks) > 2 else self._even_ticks(most)

    def _log_ticks(self, most: int) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        found: list[float] = []
        for digits in DIGITS:
            ticks = [digit * 10.0**power for power in powers for digit in digits]
            within = [tick for tick in ticks if self.low <= tick <= self.high]
            if len(within) > most:
                return found or within[:: -(-len(within) // most)]
            found = within
        return found

    def _even_ticks(self, most: int) -> list[float]:
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / most))
        step *= next(digit for digit in (1, 2, 5, 10) if (self.high - self.low) / (digit * step) <= most)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [step * place for place in range(first, last + 1)]


def tick_text(value: float) -> str:
    """Return what is written at a tick: large values in thousands (k), millions (M) or billions (G)."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.6g}{unit}"
    return f"{value:,.6g}"
