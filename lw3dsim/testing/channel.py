"""A DRAM in the in-order model, asked burst by burst: for tests of timing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.describe.clocks import DramSystem
from lw3dsim.dram import in_order
from lw3dsim.dram.device import idle_device

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Refresh
    from lw3dsim.describe.dram_standards import DramStandard
    from lw3dsim.dram.power import DramCounts


class Channel:
    """Answers when a burst at (bank, row, column) is done; banks count through all groups. Times are DRAM clocks."""

    def __init__(
        self,
        standard: DramStandard,
        *,
        refresh: Refresh = "none",
        channels: int = 1,
        mapping: str = "row-bank-col",
        queue: int = 32,
    ) -> None:
        self.s = standard
        dram = DramSystem(
            standard=standard, channels=channels, model="in_order", mapping=mapping, refresh=refresh, queue=queue
        )
        self.device = idle_device(dram, INTERPRETED)
        self.columns = standard.columns // standard.burst_length

    def move(
        self, bank: int = 0, row: int = 0, column: int = 0, *, count: int = 1, write: int = 0, start: int = 0
    ) -> int:
        """Move ``count`` bursts from a place on, asked for at ``start``; return the clock of the last beat."""
        return self.serve((row * self.s.banks + bank) * self.columns + column, count, write=write, start=start)

    def serve(self, first: int, count: int, *, write: int = 0, start: int = 0) -> int:
        """Move ``count`` bursts from burst ``first`` on; return the clock of the last beat."""
        return in_order.serve(self.device, first, count, start, write)[1]

    def read_at(self, bank: int = 0, row: int = 0, column: int = 0, *, start: int = 0) -> int:
        """Read a burst; return the clock of its command."""
        return self.move(bank, row, column, start=start) - self.s.cl - self.s.burst_clocks

    def write_at(self, bank: int = 0, row: int = 0, column: int = 0, *, start: int = 0) -> int:
        """Write a burst; return the clock of its command."""
        return self.move(bank, row, column, write=1, start=start) - self.s.cwl - self.s.burst_clocks

    def counts(self, clock: int) -> DramCounts:
        """Return what was done until ``clock``."""
        return in_order.counts_until(self.device, clock)
