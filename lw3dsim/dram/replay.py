"""An address trace on DRAM channels: how long it takes, how it finds the rows, what it costs.

A request is the bursts that its bytes touch. Bursts enter as fast as the queues take them, at most one per clock and
channel, in trace order. Each channel is fed on its own and takes the bursts that the mapping gives it; a channel that
is done early stands by, refreshing, until the last one is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.describe.address_map import DEFAULT_MAPPING, address_map
from lw3dsim.dram import channel as c
from lw3dsim.dram.controller import run
from lw3dsim.dram.power import DramCounts, DramEnergy, dram_energy, summed
from lw3dsim.dram.trace import MAX_REQUESTS
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lw3dsim.describe.accelerator import Refresh
    from lw3dsim.describe.dram_standards import DramStandard
    from lw3dsim.dram.trace import Trace


class Replay(Value, frozen=True, kw_only=True):
    """Outcome of a trace: ``cycles`` DRAM clocks to the last data beat; ``counts`` and ``energy`` of all channels.

    ``requests`` of ``request_bytes`` each touch ``bursts`` in all.
    """

    standard: DramStandard
    channels: int
    requests: int
    request_bytes: int
    bursts: int
    cycles: int
    counts: DramCounts
    energy: DramEnergy

    @property
    def bytes_asked(self) -> int:
        """Bytes that the requests ask for."""
        return self.requests * self.request_bytes

    @property
    def bytes_moved(self) -> int:
        """Bytes on the bus; merged and forwarded bursts need none."""
        return (self.counts.reads + self.counts.writes) * self.standard.burst_bytes

    @property
    def ns(self) -> float:
        """Time to the last data beat, ns."""
        return self.cycles * self.standard.clock_ns

    @property
    def gbps(self) -> float:
        """Bandwidth on the bus over the whole trace, GB/s."""
        return self.bytes_moved / self.ns

    @property
    def pj_per_bit(self) -> float:
        """Energy of the devices per bit asked for."""
        return self.energy.total / (8 * self.bytes_asked)


def replay(
    standard: DramStandard,
    trace: Trace,
    mapping: str = DEFAULT_MAPPING,
    channels: int = 1,
    refresh: Refresh = "all-bank",
    request_bytes: int | None = None,
    queue: int = c.QUEUE,
) -> Replay:
    """Replay ``trace``, whose requests are ``request_bytes`` from their address on; None: the burst around it.

    ``queue`` reads, and as many writes, wait before the queues of the banks. Raise InputError for an address beyond
    the capacity, a refresh that the standard lacks, or more bursts than are replayed.
    """
    where = address_map(mapping, standard, channels)
    if refresh == "per-bank" and not standard.trefi_pb:
        raise InputError("refresh = per-bank: this standard refreshes all banks together; use all-bank or none")
    bursts, writes = _bursts(trace, standard.burst_bytes, request_bytes, where.capacity_bytes, channels)
    place = where.locate(bursts * standard.burst_bytes)
    banks = place.bank_group * standard.banks_per_group + place.bank
    work = kernels()
    lines = [
        work.own(_channel(standard, banks[mine], place.row[mine], bursts[mine], writes[mine], refresh, queue))
        for mine in (place.channel == number for number in range(channels))
    ]
    cycles = max(work(run)(line, 0) for line in lines)
    for line in lines:
        work(run)(line, cycles)
    counts = summed(channel_counts(line, cycles) for line in lines)
    return Replay(
        standard=standard,
        channels=channels,
        requests=len(trace.addresses),
        request_bytes=request_bytes or standard.burst_bytes,
        bursts=len(bursts),
        cycles=cycles,
        counts=counts,
        energy=dram_energy(standard, counts),
    )


def _bursts(
    trace: Trace, burst_bytes: int, request_bytes: int | None, capacity_bytes: int, channels: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the numbers of all bursts that the requests touch, in order, and whether each is written."""
    first = trace.addresses
    last = first + ((request_bytes or 1) - 1)
    outside = np.flatnonzero((first < 0) | (last >= capacity_bytes))
    if outside.size:
        raise InputError(
            f"{trace.where(int(outside[0]))} address {int(first[outside[0]]):#x}"
            f"{f' + {request_bytes} bytes' if request_bytes else ''} lies outside the "
            f"{capacity_bytes / 2**30:g} GiB of {channels} channel(s); use addresses below {capacity_bytes:#x}"
        )
    first, last = first // burst_bytes, last // burst_bytes
    counts = last - first + 1
    if (total := int(counts.sum())) > MAX_REQUESTS:
        raise InputError(
            f"{trace.name}: {len(first):,} requests of {request_bytes} bytes touch {total:,} bursts, more than "
            f"{MAX_REQUESTS:,}; split the trace"
        )
    request = np.repeat(np.arange(len(first)), counts)
    within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    return first[request] + within, trace.writes[request]


def _channel(
    standard: DramStandard,
    banks: NDArray[np.int64],
    rows: NDArray[np.int64],
    bursts: NDArray[np.int64],
    writes: NDArray[np.bool_],
    refresh: Refresh,
    queue: int,
) -> c.Channel:
    blocks = np.unique(bursts, return_inverse=True)[1]
    return c.new_channel(
        standard, banks.tolist(), rows.tolist(), blocks.tolist(), writes.astype(np.int64).tolist(), refresh, queue
    )


def channel_counts(line: c.Channel, cycles: int) -> DramCounts:
    """Return what a channel did in ``cycles`` clocks."""
    counts = {name: int(word[0]) for name, word in line.counts._asdict().items()}
    return DramCounts(**counts, idle_clocks=cycles - counts["active_clocks"])
