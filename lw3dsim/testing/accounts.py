"""What holds of every result: sums close, and no bound is undercut."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.result.result import Result

# Sums of floats are the same but for their rounding.
ROUNDING = 1e-12


def check_accounts(result: Result) -> None:
    """Raise AssertionError where a sum of ``result`` does not close, or a figure is below a bound of it."""
    data: Mapping[str, Any] = result.data
    _check_bounds(data["totals"])
    _check_totals(data)
    for layer in data["layers"]:
        _check_layer(layer)


def _check_bounds(figures: Mapping[str, Any]) -> None:
    assert figures["executed_mults"] >= figures["ideal_mults"]
    assert figures["dram_read_bytes"] + figures["dram_write_bytes"] >= figures["compulsory_bytes"]
    assert figures["latency_cycles"] >= figures["compute_bound_cycles"]
    assert figures["latency_cycles"] >= figures["dram_bound_cycles"]
    assert 0 <= figures["utilization"] <= 1


def _check_layer(layer: Mapping[str, Any]) -> None:
    _check_bounds(layer)
    assert sum(layer["cycles_breakdown"].values()) == layer["latency_cycles"]
    assert _same(layer["energy_breakdown_pj"], layer["energy_pj"])
    read = layer["dram_bytes_breakdown"]["ifmap"] + layer["dram_bytes_breakdown"]["weight"]
    assert read == layer["dram_read_bytes"]
    assert layer["dram_bytes_breakdown"]["ofmap"] == layer["dram_write_bytes"]
    if layer["algorithm"] == "direct":
        assert layer["executed_mults"] == layer["ideal_mults"] == layer["macs"]


def _check_totals(data: Mapping[str, Any]) -> None:
    totals, layers = data["totals"], data["layers"]
    assert sum(data["cycles_breakdown"].values()) == totals["latency_cycles"]
    assert _same(data["energy_breakdown_pj"], totals["energy_pj"])
    assert math.isclose(math.fsum(layer["energy_pj"] for layer in layers), totals["energy_pj"], rel_tol=ROUNDING)
    assert sum(data["dram_bytes_breakdown"].values()) == totals["dram_read_bytes"] + totals["dram_write_bytes"]
    assert _same(data["area_breakdown_mm2"], totals["area_mm2"])
    for key in ("latency_cycles", "macs", "executed_mults", "compulsory_bytes", "sram_read_bytes", "params"):
        assert sum(layer[key] for layer in layers) == totals[key]


def _same(parts: Mapping[str, float], total: float) -> bool:
    return math.isclose(math.fsum(parts.values()), total, rel_tol=ROUNDING)
