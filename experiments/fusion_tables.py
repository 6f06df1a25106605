"""What fusion is worth: networks x cases x designs, as the table of docs/fusion.md.

    python experiments/fusion_tables.py            # writes the table into docs/fusion.md

Every row is mapped for energy. ``x floor`` is DRAM traffic over ``dram_floor_bytes``: what no
schedule of these layers or groups moves less of, with these buffers.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from lw3dsim import simulate
from lw3dsim.base.remembered import remember_mappings

PAGE = Path(__file__).parent.parent / "docs" / "fusion.md"
BEGIN, END = "<!-- begin networks -->\n", "<!-- end networks -->\n"

DESIGNS = ("edge_small", "edge_base", "edge_large")
NETWORKS = {
    "c3d": "fsb_c3d",
    "c3d_paper": "fsb_c3d",
    "slowfast_r50_4x16": "slowfsb",
    "slowfast_r50_8x8": "slowfsb",
}
# Name, whether transformed, algorithm, fusion.
CASES = (
    ("baseline", False, "direct", "off"),
    ("FSB", True, "direct", "off"),
    ("FSB fused", True, "direct", "auto"),
    ("FSB fused + hFA", True, "hfa", "auto"),
)


def row(network: str, design: str, case: tuple[str, bool, str, str]) -> str:
    """Simulate one case and return its row."""
    name, is_transformed, algorithm, fusion = case
    transform = NETWORKS[network] if is_transformed else None
    result = simulate(network, design, transform, algorithm, fusion=fusion, objective="energy")
    totals = result.totals
    dram = totals.dram_bytes
    figures = (
        f"{dram / 1e6:,.1f}",
        f"{dram / totals.dram_floor_bytes:.2f}",
        f"{dram / totals.compulsory_bytes:.2f}",
        f"{totals.energy_pj / 1e9:,.2f}",
        f"{totals.latency_ms:,.2f}",
    )
    return f"| {network} | {design} | {name} | {' | '.join(figures)} |"


def main() -> None:
    """Write the table into its page."""
    remember_mappings()
    lines = [
        "| network | design | case | DRAM MB | x floor | x compulsory | energy mJ | latency ms |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for network, design, case in itertools.product(NETWORKS, DESIGNS, CASES):
        lines.append(row(network, design, case))
        print(lines[-1], flush=True)
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
