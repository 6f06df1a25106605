"""One integer time base for core and DRAM: what a cycle, a burst and a latency are in ticks of 1 ps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lw3dsim.describe.dram_presets import DRAM_PRESETS

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """Durations in ticks of one picosecond.

    ``burst_bytes`` moves in ``burst_ticks`` over all channels together;
    ``latency_ticks`` passes from the end of a transfer on the bus to its data on chip.
    """

    cycle_ticks: int
    burst_ticks: int
    latency_ticks: int
    burst_bytes: int


def make_clocks(arch: Accelerator) -> Clocks:
    """Return the time base of ``arch``; burst time and latency are rounded to whole picoseconds."""
    preset, dram = DRAM_PRESETS[arch.dram.preset], arch.dram
    gbps = preset.peak_gbps * preset.sustained if dram.bandwidth_gbps is None else dram.bandwidth_gbps
    latency_ns = preset.latency_ns if dram.latency_ns is None else dram.latency_ns
    return Clocks(
        cycle_ticks=arch.cycle_ps,
        burst_ticks=max(round(preset.burst_bytes * 1000 / gbps), 1),
        latency_ticks=round(latency_ns * 1000),
        burst_bytes=preset.burst_bytes * dram.channels,
    )
