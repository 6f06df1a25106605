"""Figures that follow from others: said once, for what is assembled and for the check of what was saved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lw3dsim.describe.accelerator import Accelerator


class Derived(TypedDict):
    """What follows from counts and energies."""

    latency_ms: float
    utilization: float
    effective_macs_per_cycle: float
    energy_pj: float
    clips_per_s: float
    edp_js: float
    average_power_mw: float


def derived(
    latency_cycles: int, macs: int, executed_mults: int, energies_pj: Iterable[float], arch: Accelerator
) -> Derived:
    """Return what follows, for a layer or the network, from its counts and the energies of its components."""
    energy_pj = math.fsum(energies_pj)
    latency_ms = latency_cycles * arch.cycle_ps / 1e9
    seconds = latency_ms / 1e3
    return {
        "latency_ms": latency_ms,
        "utilization": executed_mults / (arch.multipliers * latency_cycles),
        "effective_macs_per_cycle": macs / latency_cycles,
        "energy_pj": energy_pj,
        "clips_per_s": 1 / seconds,
        "edp_js": energy_pj * 1e-12 * seconds,
        "average_power_mw": energy_pj * 1e-9 / seconds,
    }
