"""The DRAM that an engine asks for the time of a transfer.

An engine calls :meth:`Memory.transfer` once per transfer, in the order in which
the channel is granted, so a model may keep state between calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Memory(Protocol):
    """One shared channel. Times are integer ticks."""

    def transfer(self, start: int, bursts: int) -> tuple[int, int]:
        """Move ``bursts`` from ``start`` on; return when the channel is free and when the data has arrived."""
        ...


@dataclass(frozen=True, kw_only=True)
class PlainDram:
    """Sustained bandwidth and a pipelined latency; a transfer of nothing takes no time."""

    burst_ticks: int
    latency_ticks: int

    def transfer(self, start: int, bursts: int) -> tuple[int, int]:
        """See Memory."""
        if bursts == 0:
            return start, start
        free = start + bursts * self.burst_ticks
        return free, free + self.latency_ticks
