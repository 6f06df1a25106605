"""One integer time base for core and DRAM: what a cycle, a burst and a latency are in ticks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from lw3dsim.describe.dram_presets import DRAM_PRESETS

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator

PS_PER_SECOND = 10**12


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """Durations in ticks. A tick is 1 ps, divided until the core cycle is a whole number of them.

    ``burst_bytes`` moves in ``burst_ticks`` over all channels together;
    ``latency_ticks`` passes from the end of a transfer on the bus to its data on chip.
    """

    ticks_per_second: int
    cycle_ticks: int
    burst_ticks: int
    latency_ticks: int
    burst_bytes: int


def make_clocks(arch: Accelerator) -> Clocks:
    """Return the time base of ``arch``; burst time and latency are rounded to whole picoseconds."""
    preset = DRAM_PRESETS[arch.dram.preset]
    cycle = arch.cycle_ps
    sustained = preset.peak_gbps * preset.sustained
    gbps = Fraction(str(arch.dram.bandwidth_gbps if arch.dram.bandwidth_gbps is not None else round(sustained, 6)))
    latency_ns = arch.dram.latency_ns if arch.dram.latency_ns is not None else preset.latency_ns
    return Clocks(
        ticks_per_second=PS_PER_SECOND * cycle.denominator,
        cycle_ticks=cycle.numerator,
        burst_ticks=max(round(Fraction(preset.burst_bytes * 1000) / gbps), 1) * cycle.denominator,
        latency_ticks=round(latency_ns * 1000) * cycle.denominator,
        burst_bytes=preset.burst_bytes * arch.dram.channels,
    )
