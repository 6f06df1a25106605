"""DRAM presets for the plain bandwidth-and-latency model.

Sources
-------
Timing: JEDEC speed-grade parameters as configured in DRAMsim3 (Li et al., IEEE
CAL 2020). ``sustained`` is the share of the peak bandwidth that DRAMsim3
reaches on a sequential 1 MiB read (it includes refresh): 0.917 for LPDDR4-3200
x32, 0.779 for DDR4-2400 x64. Latency: tRCD + tCL + burst, the closed-row read.

Energy: DRAMsim3 on the same runs, from the vendors' IDD currents (LPDDR4: the
JEDEC 8 Gb LPDDR4-3200 values that DRAMSys ships): read and write per bit moved,
activate per bit of a sequential stream, refresh and background as power. The x16
LPDDR4 channel is one such device instead of two: the same energy per bit, half
the power.
"""

from __future__ import annotations

from dataclasses import dataclass

_DRAMSIM3 = "DRAMsim3 sequential 1 MiB runs"


@dataclass(frozen=True, kw_only=True)
class DramPreset:
    """One channel of a DRAM standard at a speed grade.

    ``peak_gbps`` GB/s on the bus, ``sustained`` share of it, ``burst_bytes`` per
    access, ``latency_ns`` to the first data, energies in pJ per bit, powers in mW.
    """

    peak_gbps: float
    sustained: float
    burst_bytes: int
    latency_ns: float
    activate_pj_per_bit: float
    read_pj_per_bit: float
    write_pj_per_bit: float
    refresh_mw: float
    background_mw: float
    source: str


DRAM_PRESETS: dict[str, DramPreset] = {
    "lpddr4-3200-x16": DramPreset(
        peak_gbps=6.4,
        sustained=0.917,
        burst_bytes=32,
        latency_ns=40.6,  # (29 + 28 + 8) x 0.625
        activate_pj_per_bit=0.088,
        read_pj_per_bit=8.47,
        write_pj_per_bit=5.03,
        refresh_mw=5.5,
        background_mw=37.6,
        source=f"{_DRAMSIM3}, LPDDR4-3200 (half of the x32 channel's power)",
    ),
    "lpddr4-3200-x32": DramPreset(
        peak_gbps=12.8,
        sustained=0.917,
        burst_bytes=64,
        latency_ns=40.6,
        activate_pj_per_bit=0.088,
        read_pj_per_bit=8.47,
        write_pj_per_bit=5.03,
        refresh_mw=11.0,
        background_mw=75.2,
        source=f"{_DRAMSIM3}, LPDDR4-3200 x32",
    ),
    "ddr4-2400-x64": DramPreset(
        peak_gbps=19.277,
        sustained=0.779,
        burst_bytes=64,
        latency_ns=29.9,  # (16 + 16 + 4) x 0.83
        activate_pj_per_bit=0.139,
        read_pj_per_bit=6.10,
        write_pj_per_bit=5.63,
        refresh_mw=44.6,
        background_mw=223.0,
        source=f"{_DRAMSIM3}, DDR4-2400 x64",
    ),
}
