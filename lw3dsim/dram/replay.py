"""An address trace on DRAM channels: how long it takes, how it finds the rows, what it costs.

Requests enter as fast as the queues take them, at most one per clock and channel, in trace order. Each channel is
fed on its own and takes the requests that the mapping gives it; a channel that is done early stands by, refreshing,
until the last one is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.describe.address_map import DEFAULT_MAPPING, address_map
from lw3dsim.dram import channel as c
from lw3dsim.dram.controller import run
from lw3dsim.dram.power import DramCounts, DramEnergy, dram_energy, summed
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lw3dsim.describe.accelerator import Refresh
    from lw3dsim.describe.dram_standards import DramStandard
    from lw3dsim.dram.trace import Trace


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Outcome of a trace: ``cycles`` DRAM clocks to the last data beat; ``counts`` and ``energy`` of all channels."""

    standard: DramStandard
    channels: int
    requests: int
    cycles: int
    counts: DramCounts
    energy: DramEnergy

    @property
    def bytes_moved(self) -> int:
        """Bytes that the requests asked for: one burst each."""
        return self.requests * self.standard.burst_bytes

    @property
    def ns(self) -> float:
        """Time to the last data beat, ns."""
        return self.cycles * self.standard.clock_ps / 1000

    @property
    def gbps(self) -> float:
        """Bandwidth on the bus over the whole trace, GB/s; merged and forwarded requests need no burst."""
        return (self.counts.reads + self.counts.writes) * self.standard.burst_bytes / self.ns

    @property
    def pj_per_bit(self) -> float:
        """Energy of the devices per bit asked for."""
        return self.energy.total / (8 * self.bytes_moved)


def replay(
    standard: DramStandard,
    trace: Trace,
    mapping: str = DEFAULT_MAPPING,
    channels: int = 1,
    refresh: Refresh = "all-bank",
) -> Replay:
    """Replay ``trace``; raise InputError for an address beyond the capacity or a refresh the standard lacks."""
    where = address_map(mapping, standard, channels)
    if refresh == "per-bank" and not standard.trefi_pb:
        raise InputError("refresh = per-bank: this standard refreshes all banks together; use all-bank or none")
    outside = np.flatnonzero((trace.addresses < 0) | (trace.addresses >= where.capacity_bytes))
    if outside.size:
        raise InputError(
            f"{trace.where(int(outside[0]))} address {int(trace.addresses[outside[0]]):#x} lies outside the "
            f"{where.capacity_bytes / 2**30:g} GiB of {channels} channel(s); use addresses below "
            f"{where.capacity_bytes:#x}"
        )
    place = where.locate(trace.addresses)
    banks = place.bank_group * standard.banks_per_group + place.bank
    bursts = trace.addresses // standard.burst_bytes
    lines = [
        _channel(standard, banks[mine], place.row[mine], bursts[mine], trace.writes[mine], refresh)
        for mine in (place.channel == number for number in range(channels))
    ]
    cycles = max(run(line) for line in lines)
    for line in lines:
        run(line, cycles)
    counts = summed(channel_counts(line, cycles) for line in lines)
    return Replay(
        standard=standard,
        channels=channels,
        requests=len(trace.addresses),
        cycles=cycles,
        counts=counts,
        energy=dram_energy(standard, counts),
    )


def _channel(
    standard: DramStandard,
    banks: NDArray[np.int64],
    rows: NDArray[np.int64],
    bursts: NDArray[np.int64],
    writes: NDArray[np.bool_],
    refresh: Refresh,
) -> c.Channel:
    blocks = np.unique(bursts, return_inverse=True)[1]
    return c.new_channel(
        standard, banks.tolist(), rows.tolist(), blocks.tolist(), writes.astype(np.int64).tolist(), refresh
    )


def channel_counts(line: c.Channel, cycles: int) -> DramCounts:
    """Return what a channel did in ``cycles`` clocks."""
    counts = line.counts
    return DramCounts(
        reads=counts[c.READ],
        writes=counts[c.WRITTEN],
        activates=counts[c.ACTIVATED],
        precharges=counts[c.PRECHARGED],
        refreshes=counts[c.REFRESHED],
        bank_refreshes=counts[c.BANK_REFRESHED],
        row_hits=counts[c.HITS],
        row_misses=counts[c.MISSES],
        row_conflicts=counts[c.CONFLICTS],
        merged_reads=counts[c.MERGED_READS],
        merged_writes=counts[c.MERGED_WRITES],
        forwarded_reads=counts[c.FORWARDED_READS],
        active_clocks=counts[c.ACTIVE_CLOCKS],
        idle_clocks=cycles - counts[c.ACTIVE_CLOCKS],
    )
