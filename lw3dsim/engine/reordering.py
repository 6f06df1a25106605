"""A memory whose controller reorders: every transfer goes through the FR-FCFS controller of :mod:`lw3dsim.dram`.

Reads and writes of one transfer are reordered among themselves. The next transfer enters the controller when the
last command of this one has been issued; rows stay open and refresh goes on in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.describe.address_map import AddressMap, address_map
from lw3dsim.dram.channel import LAST_BEAT, NEXT, NOW, Channel, new_channel
from lw3dsim.dram.controller import run, serve, stand_by
from lw3dsim.dram.power import DramCounts, summed
from lw3dsim.dram.replay import channel_counts
from lw3dsim.map.arrays import spread

if TYPE_CHECKING:
    from lw3dsim.describe.clocks import DramSystem
    from lw3dsim.engine.memory import Memory
    from lw3dsim.map.arrays import Ints


@dataclass(frozen=True, kw_only=True)
class Reordering:
    """The controllers of a memory, one per channel, and where addresses lie."""

    dram: DramSystem
    where: AddressMap
    controllers: tuple[Channel, ...]

    def transfer(self, m: Memory, box: int, start: int, is_store: int) -> tuple[int, int]:
        """Move ``box`` at ``start``; see :func:`lw3dsim.engine.memory.transfer`."""
        begin = accepted = done = -(-start // m.clock_ticks)
        standard = self.dram.standard
        place = self.where.locate(_bursts(m, box) * standard.burst_bytes)
        banks = place.bank_group * standard.banks_per_group + place.bank
        for number, controller in enumerate(self.controllers):
            mine = place.channel == number
            if mine.any():
                stand_by(controller, begin - 1)
                _load(controller, banks[mine].tolist(), place.row[mine].tolist(), is_store)
                serve(controller)
                accepted = max(accepted, controller.registers[NOW])
                done = max(done, controller.registers[LAST_BEAT])
        return max(accepted * m.clock_ticks, start), max(done * m.clock_ticks, start)

    def counts(self, clock: int) -> DramCounts:
        """Return what all channels did until ``clock``; closes their accounts."""
        for controller in self.controllers:
            _load(controller, [], [], 0)
            run(controller, clock)
        return summed(channel_counts(controller, clock) for controller in self.controllers)


def make_reordering(dram: DramSystem) -> Reordering:
    """Return idle controllers for ``dram``."""
    idle = (new_channel(dram.standard, [], [], [], [], dram.refresh, dram.queue) for _ in range(dram.channels))
    where = address_map(dram.mapping, dram.standard, dram.channels)
    return Reordering(dram=dram, where=where, controllers=tuple(idle))


def _bursts(m: Memory, box: int) -> Ints:
    """Return the addresses of the bursts of a box, in the order of the DMA."""
    runs = slice(m.offsets[box], m.offsets[box + 1])
    run, at = spread(np.array(m.run_bursts[runs], dtype=np.int64))
    return np.asarray(np.array(m.run_first[runs], dtype=np.int64)[run] + at)


def _load(channel: Channel, banks: list[int], rows: list[int], is_store: int) -> None:
    """Replace the requests of an idle controller."""
    channel.bank_of[:] = banks
    channel.row_of[:] = rows
    channel.block_of[:] = range(len(banks))
    channel.is_write[:] = [is_store] * len(banks)
    channel.pending_reads[:] = [0] * len(banks)
    channel.pending_writes[:] = [0] * len(banks)
    channel.registers[NEXT] = 0
