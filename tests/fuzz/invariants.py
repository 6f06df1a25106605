"""What holds for every result of the model, whatever was simulated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .session import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUMMED = (
    "latency_cycles", "macs", "executed_mults", "ideal_mults", "params", "dram_read_bytes", "dram_write_bytes",
    "dram_activates", "dram_refreshes", "row_hits", "row_misses", "row_conflicts", "layout_extra_bytes",
    "compulsory_bytes", "dram_floor_bytes", "sram_read_bytes", "sram_write_bytes", "compute_bound_cycles",
    "dram_bound_cycles", "ideal_cycles", "steps",
)  # fmt: skip
BREAKDOWNS = ("cycles_breakdown", "energy_breakdown_pj", "dram_bytes_breakdown")


def owe(holds: bool, what: str, *values: object) -> None:
    """Raise Finding unless an invariant holds."""
    if not holds:
        raise Finding(f"{what}: {', '.join(map(str, values))}", f"invariant: {what}")


def is_close(left: float, right: float) -> bool:
    """Return whether two sums of the same terms are equal but for rounding."""
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)


def check_figures(figures: Mapping[str, Any]) -> None:
    """Check a layer, or the totals with their breakdowns."""
    moved = figures["dram_read_bytes"] + figures["dram_write_bytes"]
    cycles = figures["latency_cycles"]
    owe(figures["executed_mults"] >= figures["ideal_mults"], "executed >= ideal multiplications", figures["name"])
    owe(moved >= figures["compulsory_bytes"] > 0, "DRAM bytes >= compulsory", moved, figures["compulsory_bytes"])
    owe(moved >= figures["dram_floor_bytes"], "DRAM bytes >= floor", moved, figures["dram_floor_bytes"])
    owe(figures["dram_floor_bytes"] >= figures["compulsory_bytes"], "floor >= compulsory", figures["name"])
    owe(cycles >= figures["compute_bound_cycles"], "latency >= compute bound", cycles, figures["compute_bound_cycles"])
    owe(cycles >= figures["dram_bound_cycles"] > 0, "latency >= DRAM bound", cycles, figures["dram_bound_cycles"])
    owe(0 <= figures["utilization"] <= 1, "0 <= utilization <= 1", figures["utilization"])
    owe(sum(figures["cycles_breakdown"].values()) == cycles, "cycles by cause sum to the latency", figures["name"])
    owe(sum(figures["dram_bytes_breakdown"].values()) == moved, "bytes by tensor sum to the traffic", figures["name"])
    energy = math.fsum(figures["energy_breakdown_pj"].values())
    owe(is_close(energy, figures["energy_pj"]), "energy by component sums to the energy", energy, figures["energy_pj"])
    least = min(min(figures[name].values()) for name in BREAKDOWNS)
    owe(least >= 0, "no part is negative", figures["name"], least)
    accesses = figures["row_hits"] + figures["row_misses"] + figures["row_conflicts"]
    owe(accesses >= 0 and figures["energy_pj"] > 0 and figures["latency_ms"] > 0, "figures are positive", accesses)


def check_result(data: Mapping[str, Any]) -> None:
    """Check a whole result as ``simulate --format json`` prints it."""
    layers, totals = data["layers"], data["totals"]
    check_figures(totals | {name: data[name] for name in BREAKDOWNS} | {"name": "totals"})
    for layer in layers:
        check_figures(layer)
        for component, causes in layer["energy_causes_pj"].items():
            total = layer["energy_breakdown_pj"][component]
            owe(is_close(math.fsum(causes.values()), total), "energy by cause sums to its component", component)
        if layer["algorithm"] == "direct":
            # A fused group leaves out what its next layer does not look at, and may compute halos twice.
            is_whole = layer["kind"] == "fused" or layer["executed_mults"] == layer["ideal_mults"] == layer["macs"]
            owe(is_whole and layer["ideal_mults"] <= layer["macs"], "a direct layer executes its MACs", layer["name"])
    for key in SUMMED:
        total = sum(layer[key] for layer in layers)
        owe(total == totals[key], "totals are the sum of layers", key, total, totals[key])
    for name in BREAKDOWNS:
        for part, total in data[name].items():
            parts = math.fsum(layer[name][part] for layer in layers)
            owe(is_close(parts, total), "breakdowns are the sum of those of layers", name, part)
    area = math.fsum(data["area_breakdown_mm2"].values())
    owe(is_close(area, totals["area_mm2"]), "areas sum to the area", area, totals["area_mm2"])
    if "clips" in totals:
        owe(totals["stream_latency_cycles"] >= totals["stream_bound_cycles"], "stream latency >= its bound")
        owe(totals["stream_first_clip_cycles"] <= totals["stream_latency_cycles"], "the first clip ends first")


def check_map(data: Mapping[str, Any]) -> None:
    """Check what ``map --format json`` prints: no buffer is over-full, no less is moved than must be."""
    for unit in data["units"]:
        for fill in unit["buffers"]:
            owe(0 <= fill["bits"] <= fill["capacity_bits"], "buffers hold what is in them", unit["name"], fill)
        for row in unit["traffic"]:
            owe(row["dram_bytes"] >= row["compulsory_bytes"], "each stream moves its compulsory bytes", row)


def check_execution(data: Mapping[str, Any], registers: Iterable[str] = ()) -> None:
    """Check what ``execute --dtype int8 --format json`` prints, but for ``registers`` that may be too narrow."""
    for layer in data["layers"]:
        owe(layer["exact"] or layer["name"] in registers, "integers are exact", layer["name"], layer["algorithm"])


def check_same(first: Mapping[str, Any], second: Mapping[str, Any], what: str) -> None:
    """Check that two results are equal but for the configuration that asked for them."""
    for key in first.keys() | second.keys():
        if key != "config":
            owe(first.get(key) == second.get(key), what, key)
