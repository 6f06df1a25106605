"""Energy of a DRAM channel from the currents of its devices, as the vendors' power calculators add it up.

After Micron TN-41-01: each command costs what it draws above standby, for as long as it draws it, and standby is
paid every clock. An activate with its precharge: IDD0 over tRC less the standby in it; a burst: IDD4R or IDD4W
less IDD3N; a refresh: IDD5AB less IDD3N over tRFC; background: IDD3N while a bank is open, IDD2N while none is. A
refresh of some banks costs their share of an all-bank refresh: the same rows are restored in the end.
mA x V x ns = pJ, summed over supply rails and devices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.base.values import Value, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lw3dsim.describe.dram_standards import DramStandard


class DramCounts(Value, frozen=True, kw_only=True):
    """What a channel did: commands, how its accesses found the row, clocks with and without an open bank.

    ``reads`` and ``writes`` are bursts on the bus. A hit needed no activate of its own, a miss found its bank closed by
    a refresh or untouched, a conflict another row open. ``merged_*`` and ``forwarded_reads`` are requests that
    the controller's queues answered without a burst.
    """

    reads: int
    writes: int
    activates: int
    precharges: int
    refreshes: int
    bank_refreshes: int = 0
    row_hits: int = 0
    row_misses: int = 0
    row_conflicts: int = 0
    merged_reads: int = 0
    merged_writes: int = 0
    forwarded_reads: int = 0
    active_clocks: int
    idle_clocks: int


class DramEnergy(Value, frozen=True, kw_only=True):
    """Energy in pJ by part; ``io`` is spent outside the devices and is not in ``total``."""

    activate: float
    read: float
    write: float
    refresh: float
    background: float
    io: float

    @property
    def total(self) -> float:
        """Energy of the devices, pJ."""
        return self.activate + self.read + self.write + self.refresh + self.background


def summed(counts: Iterable[DramCounts]) -> DramCounts:
    """Return the counts of several channels together."""
    first, *others = counts
    if not others:
        return first
    parts = [fields_of(part) for part in (first, *others)]
    return DramCounts(**{name: sum([part[name] for part in parts]) for name in parts[0]})


def dram_energy(standard: DramStandard, counts: DramCounts) -> DramEnergy:
    """Return the energy of ``counts`` on channels of ``standard``."""
    idd0, idd2n, idd3n, idd4r, idd4w, idd5ab = _pj_per_clock(standard)
    bits = standard.burst_bytes * 8
    io = counts.reads * standard.io_read_pj_per_bit + counts.writes * standard.io_write_pj_per_bit
    return DramEnergy(
        activate=counts.activates * (idd0 * standard.trc - idd3n * standard.tras - idd2n * standard.trp),
        read=counts.reads * (idd4r - idd3n) * standard.burst_clocks,
        write=counts.writes * (idd4w - idd3n) * standard.burst_clocks,
        refresh=(counts.refreshes + counts.bank_refreshes / standard.refresh_stride) * (idd5ab - idd3n) * standard.trfc,
        background=counts.active_clocks * idd3n + counts.idle_clocks * idd2n,
        io=io * bits,
    )


@kept(256)
def _pj_per_clock(standard: DramStandard) -> tuple[float, ...]:
    """Return pJ that all devices draw in a clock at IDD0, IDD2N, IDD3N, IDD4R, IDD4W and IDD5AB."""
    rails = standard.rails
    drawn = (
        ((rail.volts, getattr(rail, name)) for rail in rails)
        for name in ("idd0", "idd2n", "idd3n", "idd4r", "idd4w", "idd5ab")
    )
    return tuple(sum(volts * ma for volts, ma in by) * standard.devices * standard.clock_ns for by in drawn)
