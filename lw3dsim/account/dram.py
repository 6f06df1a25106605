"""DRAM energy of a layer, by the currents of its standard, from what its memory model counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.dram.power import DramCounts, dram_energy

if TYPE_CHECKING:
    from lw3dsim.account.events import Events
    from lw3dsim.describe.clocks import DramSystem

DRAM_COMPONENTS = ("dram_activate", "dram_read", "dram_write", "dram_refresh", "dram_background", "dram_io")

# Paid by time, and by the streams that move.
DRAM_TIMED = ("dram_refresh", "dram_background")
MOVED = ("dram_activate", "dram_read", "dram_write", "dram_io")


def plain_counts(dram: DramSystem, events: Events, clocks: int) -> DramCounts:
    """Return what a plain DRAM is taken to do in ``clocks`` of all channels: streams, rows opened once, banks open."""
    standard = dram.standard
    reads, writes = (size // standard.burst_bytes for size in (events.dram_read_bytes, events.dram_write_bytes))
    activates = -(-(reads + writes) * standard.burst_length // standard.columns)
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


def moved_shares(dram: DramSystem, component: str, events: Events) -> dict[str, float]:
    """Return what the streams contribute to a component of MOVED: bytes, weighted where reads and writes differ."""
    read, write = _weights(dram)[component]
    shares = {
        "ifmap": read * events.dram_ifmap_bytes,
        "weight": read * events.dram_weight_bytes,
        "ofmap": write * events.dram_ofmap_bytes,
    }
    return {name: share for name, share in shares.items() if share}


@kept(256)
def _weights(dram: DramSystem) -> dict[str, tuple[float, float]]:
    """Return by component what a byte that is read, and one that is written, weighs."""
    standard = dram.standard
    return {
        "dram_activate": (1.0, 1.0),
        "dram_read": (1.0, 0.0),
        "dram_write": (0.0, 1.0),
        "dram_io": (standard.io_read_pj_per_bit, standard.io_write_pj_per_bit),
    }
