"""What mappings are chosen for: a price of time and of DRAM traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import NEVER
from lw3dsim.base.values import Value, replace
from lw3dsim.machine.microarchitecture import tree_pj

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.microarchitecture import Parallel
    from lw3dsim.machine.problem import Problem

# Mappings that are simulated, at most, unless the caller wants more.
CANDIDATES = 4

# Latencies within 1/200 count as equal; fewer DRAM bytes, which cost energy, then decide.
TOLERANCE = 200

# A burst that is worth more ticks counts first, and time between mappings of equal bursts alone.
MOST_TICKS = 10**9


class Price(Value, frozen=True, kw_only=True):
    """What a cycle, a byte from or to DRAM, and a pJ that is spent on neither, cost in any unit.

    A cycle in which the array works costs ``busy`` more: that depends on what works in it. Opening a row of DRAM costs
    ``row`` where rows are counted; elsewhere they are part of what a byte costs, ``opening`` of it.
    """

    cycle: float
    dram_byte: float
    pj: float = 0.0
    busy: float = 0.0
    row: float = 0.0
    opening: float = 0.0

    def counted(self, clocks: Clocks) -> Price:
        """Return the price where rows are counted, unless the DRAM of ``clocks`` knows none."""
        if not self.row:
            return self
        if clocks.dram.model == "plain":
            return replace(self, row=0.0, opening=0.0)
        return replace(self, dram_byte=self.dram_byte - self.opening, opening=0.0)

    def of(self, cycles: float, dram_bytes: float) -> float:
        """Return what these cycles and bytes cost."""
        return self.cycle * cycles + self.dram_byte * dram_bytes

    def of_trees(self, problem: Problem, arch: Accelerator) -> float:
        """Return what it costs more to add up the products of ``problem`` in adder trees first; less than 0: saves."""
        return self.pj * problem.macs * tree_pj(problem, arch) if self.pj else 0.0

    def of_mode(self, problem: Problem, arch: Accelerator, parallel: Parallel) -> float:
        """Return what it costs to add up products in a mode, over doing so in accumulators alone."""
        return self.of_trees(problem, arch) if parallel == "channel" else 0.0

    def in_ticks(self, cost: float, clocks: Clocks) -> int:
        """Return the ticks that cost as much; only where time has a price."""
        return round(cost / self.cycle * clocks.cycle_ticks) if cost else 0

    def burst_ticks(self, clocks: Clocks) -> int:
        """Return the ticks that cost as much as moving a burst: the price in integers, NEVER for more than any."""
        if self.dram_byte * clocks.burst_bytes * clocks.cycle_ticks >= self.cycle * MOST_TICKS:
            return NEVER
        return round(self.dram_byte * clocks.burst_bytes / self.cycle * clocks.cycle_ticks)


# A byte is worth more cycles than any network takes, so that time decides only between mappings that move the same.
BYTES_ONLY = Price(cycle=2.0**-36, dram_byte=1.0)
