"""A memory whose controller reorders: every transfer goes through the FR-FCFS controller of :mod:`lw3dsim.dram`.

Reads and writes of one transfer are reordered among themselves. The next transfer enters the controller when the
last command of this one has been issued; rows stay open and refresh goes on in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.describe.address_map import AddressMap, address_map
from lw3dsim.dram.channel import Channel, new_channel
from lw3dsim.dram.controller import run, serve, stand_by
from lw3dsim.dram.power import DramCounts, summed
from lw3dsim.dram.replay import channel_counts

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.describe.clocks import DramSystem


class Reordering(Value, frozen=True, kw_only=True):
    """The channels of a memory, idle but for the rows they left open, the kernels for them, and where addresses lie."""

    dram: DramSystem
    where: AddressMap
    work: Kernels
    channels: tuple[Channel, ...]

    def transfer(self, bursts: Ints, clock_ticks: int, start: int, is_store: int) -> tuple[int, int]:
        """Move ``bursts``, by number, at ``start``; see :func:`lw3dsim.engine.memory.transfer`."""
        begin = accepted = done = -(-start // clock_ticks)
        standard = self.dram.standard
        place = self.where.locate(bursts * standard.burst_bytes)
        banks = place.bank_group * standard.banks_per_group + place.bank
        for number, channel in enumerate(self.channels):
            mine = place.channel == number
            if mine.any():
                self.work(stand_by)(channel, begin - 1)
                self.work(serve)(self.work.own(_loaded(channel, banks[mine], place.row[mine], is_store)))
                accepted = max(accepted, int(channel.registers.now[0]))
                done = max(done, int(channel.registers.last_beat[0]))
        return max(accepted * clock_ticks, start), max(done * clock_ticks, start)

    def counts(self, clock: int) -> DramCounts:
        """Return what all channels did until ``clock``; closes their accounts."""
        for channel in self.channels:
            self.work(run)(channel, clock)
        return summed(channel_counts(channel, clock) for channel in self.channels)


def make_reordering(dram: DramSystem) -> Reordering:
    """Return idle channels for ``dram``."""
    work = kernels()
    idle = (new_channel(dram.standard, [], [], [], [], dram.refresh, dram.queue) for _ in range(dram.channels))
    return Reordering(
        dram=dram,
        where=address_map(dram.mapping, dram.standard, dram.channels),
        work=work,
        channels=tuple(work.own(channel) for channel in idle),
    )


def _loaded(channel: Channel, banks: Ints, rows: Ints, is_store: int) -> Channel:
    """Return an idle channel, its state shared, with requests."""
    channel.registers.next_request[0] = 0
    count = len(banks)
    return channel._replace(
        bank_of=banks.tolist(),
        row_of=rows.tolist(),
        block_of=list(range(count)),
        is_write=[is_store] * count,
        pending_reads=[0] * count,
        pending_writes=[0] * count,
    )
