"""A memory whose controller reorders: every transfer goes through the FR-FCFS controller of :mod:`lw3dsim.dram`.

Reads and writes of one transfer are reordered among themselves. The next transfer enters the controller when the
last command of this one has been issued; rows stay open and refresh goes on in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.describe.address_map import address_map
from lw3dsim.dram.channel import LAST_BEAT, NEXT, NOW, Channel, new_channel
from lw3dsim.dram.controller import run, serve, stand_by
from lw3dsim.dram.power import DramCounts, summed
from lw3dsim.dram.replay import channel_counts
from lw3dsim.map.arrays import spread

if TYPE_CHECKING:
    from lw3dsim.describe.clocks import DramSystem
    from lw3dsim.engine.memory import Memory
    from lw3dsim.map.arrays import Ints


def controllers(dram: DramSystem) -> tuple[Channel, ...]:
    """Return an idle controller per channel."""
    return tuple(new_channel(dram.standard, [], [], [], [], dram.refresh) for _ in range(dram.channels))


def transfer(m: Memory, box: int, start: int, is_store: int) -> tuple[int, int]:
    """Move ``box`` at ``start``; see :func:`lw3dsim.engine.memory.transfer`."""
    assert m.dram is not None
    begin = accepted = done = -(-start // m.clock_ticks)
    place = address_map(m.dram.mapping, m.dram.standard, m.dram.channels)
    where = place.locate(_bursts(m, box) * m.dram.standard.burst_bytes)
    banks = where.bank_group * m.dram.standard.banks_per_group + where.bank
    for number, channel in enumerate(m.controllers):
        mine = where.channel == number
        if not mine.any():
            continue
        stand_by(channel, begin - 1)
        _load(channel, banks[mine], where.row[mine], is_store)
        serve(channel)
        accepted = max(accepted, channel.registers[NOW])
        done = max(done, channel.registers[LAST_BEAT])
    return max(accepted * m.clock_ticks, start), max(done * m.clock_ticks, start)


def counts(m: Memory, clock: int) -> DramCounts:
    """Return what all channels did until ``clock``; closes their accounts."""
    for channel in m.controllers:
        _load(channel, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 0)
        run(channel, clock)
    return summed(channel_counts(channel, clock) for channel in m.controllers)


def _bursts(m: Memory, box: int) -> Ints:
    """Return the addresses of the bursts of a box, in the order of the DMA."""
    runs = slice(m.offsets[box], m.offsets[box + 1])
    run, at = spread(np.array(m.count[runs], dtype=np.int64))
    return np.asarray(np.array(m.first[runs], dtype=np.int64)[run] + at)


def _load(channel: Channel, banks: Ints, rows: Ints, is_store: int) -> None:
    """Replace the requests of an idle controller."""
    channel.bank_of[:] = banks.tolist()
    channel.row_of[:] = rows.tolist()
    channel.block_of[:] = range(len(banks))
    channel.is_write[:] = [is_store] * len(banks)
    channel.pending_reads[:] = [0] * len(banks)
    channel.pending_writes[:] = [0] * len(banks)
    channel.registers[NEXT] = 0
