"""DRAM energy of a layer, by the currents of its standard, from what its memory model counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.dram.power import DramCounts, dram_energy

if TYPE_CHECKING:
    from lw3dsim.account.events import Events
    from lw3dsim.describe.clocks import DramSystem

DRAM_COMPONENTS = ("dram_activate", "dram_read", "dram_write", "dram_refresh", "dram_background", "dram_io")


def plain_counts(dram: DramSystem, events: Events, time_ps: int) -> DramCounts:
    """Return what a plain DRAM is taken to do: sequential streams, a row opened once, refresh in time, banks open."""
    standard = dram.standard
    reads, writes = (size // standard.burst_bytes for size in (events.dram_read_bytes, events.dram_write_bytes))
    activates = -(-(reads + writes) * standard.burst_length // standard.columns)
    clocks = dram.channels * time_ps // standard.clock_ps
    return DramCounts(
        reads=reads,
        writes=writes,
        activates=activates,
        precharges=activates,
        refreshes=clocks // standard.trefi,
        row_hits=reads + writes - activates,
        row_misses=activates,
        active_clocks=clocks,
        idle_clocks=0,
    )


def dram_energy_pj(dram: DramSystem, counts: DramCounts) -> dict[str, float]:
    """Return pJ by component; ``dram_io`` is spent in the interface, the others in the devices."""
    energy = dram_energy(dram.standard, counts)
    return {
        "dram_activate": energy.activate,
        "dram_read": energy.read,
        "dram_write": energy.write,
        "dram_refresh": energy.refresh,
        "dram_background": energy.background,
        "dram_io": energy.io,
    }
