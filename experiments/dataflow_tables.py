"""C3D under the dataflows that ship, as the tables of docs/dataflows.md.

    python experiments/dataflow_tables.py            # writes the tables into docs/dataflows.md

``bound ms`` is the roofline: per layer the larger of its multiplications on all multipliers (or its operations in the
vector unit) and its bytes on the DRAM bus.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from lw3dsim import simulate
from lw3dsim.describe.dataflow import BUILT_IN

PAGE = Path(__file__).parent.parent / "docs" / "dataflows.md"

CASES: dict[str, dict[str, str]] = {
    "direct": {},
    "FSB": {"transform": "fsb_c3d"},
    "FSB+hFA": {"transform": "fsb_c3d", "algorithm": "hfa"},
}
# As many multipliers each, of PEs that hold one, and a whole F(4x4,3x3) tile.
DESIGNS = {"array_16x16": (), "edge_base, 2x4": ("pe.rows=2", "pe.cols=4")}


def row(design: str, case: str, dataflow: str) -> str:
    """Simulate C3D and return its row."""
    overrides = [*DESIGNS[design], f"pe.dataflow={dataflow}"]
    result = simulate("c3d", design.split(",")[0], overrides=overrides, **CASES[case])
    totals, cycles = result.totals, result.cycles_breakdown
    layers = result.record.layers
    bound = sum(max(layer.compute_bound_cycles, layer.dram_bound_cycles) for layer in layers)
    idle = sum(cycles[name] for name in ("idle_rows", "idle_lanes", "idle_multipliers"))
    accumulators = math.fsum(layer.energy_breakdown_pj.accumulators for layer in layers)
    figures = (
        f"{totals.latency_ms:.1f}",
        f"{bound / totals.latency_cycles * totals.latency_ms:.1f}",
        f"{idle / totals.latency_cycles:.1%}",
        f"{cycles.sram_port / totals.latency_cycles:.1%}",
        f"{totals.sram_read_bytes / 1e6:,.0f}",
        f"{accumulators / 1e9:.2f}",
        f"{totals.energy_pj / 1e9:.2f}",
        f"{totals.area_mm2:.2f}",
    )
    return f"| {design} | {case} | `{dataflow}` | {' | '.join(figures)} |"


def table() -> str:
    """Return the table of all designs and cases."""
    lines = [
        "| design | case | dataflow | ms | bound ms | idle | SRAM port | SRAM reads MB | accumulators mJ | mJ | mm2 |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [row(design, case, flow.name) for design in DESIGNS for case in CASES for flow in BUILT_IN]
    return "\n".join(lines)


def page() -> str:
    """Return the page with its table made anew."""
    text = PAGE.read_text(encoding="utf-8")
    return re.sub(r"(<!-- c3d -->\n).*?(\n<!-- end -->)", lambda m: f"{m[1]}\n{table()}\n{m[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
