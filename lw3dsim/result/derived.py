"""Figures that follow from others: said once, for what is assembled and for the check of what was saved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypedDict

from lw3dsim.account.energy import energy_range_pj

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.describe.accelerator import Accelerator


class Derived(TypedDict):
    """What follows from counts and energies."""

    latency_ms: float
    utilization: float
    effective_macs_per_cycle: float
    energy_pj: float
    energy_low_pj: float
    energy_high_pj: float
    clips_per_s: float
    edp_js: float
    average_power_mw: float


class BatchDerived(TypedDict, total=False):
    """What follows for each clip of several that are computed together."""

    clip_latency_ms: float
    clip_energy_pj: float
    clip_dram_bytes: float


class StreamDerived(TypedDict, total=False):
    """What follows from the cycles of a stream of clips, where there is one."""

    stream_latency_ms: float
    stream_clips_per_s: float
    overlap_gain: float


def stream_derived(clips: int, first: int, last: int, latency_cycles: int, arch: Accelerator) -> StreamDerived:
    """Return what follows from the cycles in which the ``first`` and the ``last`` of ``clips`` are done.

    Clips a second are those of the steady state, from the end of the first clip on. ``overlap_gain`` is by how much the
    layers of all clips are faster behind each other than one by one, ``latency_cycles`` a clip.
    """
    counted, cycles = (clips - 1, last - first) if clips > 1 else (1, last)
    return {
        "stream_latency_ms": last * arch.cycle_ps / 1e9,
        "stream_clips_per_s": counted / (cycles * arch.cycle_ps * 1e-12),
        "overlap_gain": clips * latency_cycles / last,
    }


def batch_derived(batch: int, latency_ms: float, energy_pj: float, dram_bytes: int) -> BatchDerived:
    """Return the share that each clip of a ``batch`` has of what all of it costs."""
    return {
        "clip_latency_ms": latency_ms / batch,
        "clip_energy_pj": energy_pj / batch,
        "clip_dram_bytes": dram_bytes / batch,
    }


def derived(
    latency_cycles: int, macs: int, executed_mults: int, energies_pj: Mapping[str, float], arch: Accelerator, batch: int
) -> Derived:
    """Return what follows, for a layer or the network, from its counts and the energies of its components.

    They are those of ``batch`` clips together.
    """
    energy_pj = math.fsum(energies_pj.values())
    low_pj, high_pj = energy_range_pj(energies_pj)
    latency_ms = latency_cycles * arch.cycle_ps / 1e9
    seconds = latency_ms / 1e3
    return {
        "latency_ms": latency_ms,
        "utilization": executed_mults / (arch.multipliers * latency_cycles),
        "effective_macs_per_cycle": macs / latency_cycles,
        "energy_pj": energy_pj,
        "energy_low_pj": low_pj,
        "energy_high_pj": high_pj,
        "clips_per_s": batch / seconds,
        "edp_js": energy_pj * 1e-12 * seconds,
        "average_power_mw": energy_pj * 1e-9 / seconds,
    }
