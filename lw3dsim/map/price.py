"""What mappings are chosen for: a price of time and of DRAM traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lw3dsim.describe.clocks import Clocks

# More ticks than any layer takes: a price of time that is next to nothing.
MOST_TICKS = 10**9


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a cycle and a byte from or to DRAM cost, in any unit."""

    cycle: float
    dram_byte: float

    def of(self, cycles: float, dram_bytes: float) -> float:
        """Return what these cycles and bytes cost."""
        return self.cycle * cycles + self.dram_byte * dram_bytes

    def burst_ticks(self, clocks: Clocks) -> int:
        """Return the ticks that cost as much as moving a burst: the price in integers."""
        cycles = self.dram_byte * clocks.burst_bytes / self.cycle if self.cycle else float(MOST_TICKS)
        return min(round(cycles * clocks.cycle_ticks), MOST_TICKS)
