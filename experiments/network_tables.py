"""The shipped networks with and without FSB, hFA and fusion on one design, as the tables of docs/networks.md.

    python experiments/network_tables.py            # writes the tables into docs/networks.md

Every network is mapped for latency on ``edge_base``, on the clip of its file. FSB is the network's own form
(``fsb_variant``).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lw3dsim import load_workload, simulate
from lw3dsim.base.remembered import remember_mappings
from lw3dsim.describe.catalog import shipped_names
from lw3dsim.transform.passes import apply_transforms

PAGE = Path(__file__).parent.parent / "docs" / "networks.md"
DESIGN = "edge_base"

# Name, whether transformed, algorithm, fusion.
CASES = (
    ("baseline", False, "direct", "off"),
    ("FSB", True, "direct", "off"),
    ("hFA", False, "hfa", "off"),
    ("fused", False, "direct", "auto"),
    ("FSB + hFA", True, "hfa", "off"),
    ("FSB + hFA, fused", True, "hfa", "auto"),
)


class Figures(NamedTuple):
    """What a case of a network costs."""

    latency_ms: float
    energy_mj: float
    dram_mb: float


@cache
def figures(network: str, case: str) -> Figures:
    """Simulate a case of a network."""
    _, is_transformed, algorithm, fusion = next(each for each in CASES if each[0] == case)
    transform = load_workload(network).fsb_variant if is_transformed else None
    totals = simulate(network, DESIGN, transform, algorithm, fusion=fusion).totals
    return Figures(totals.latency_ms, totals.energy_pj / 1e9, totals.dram_bytes / 1e6)


def described(network: str) -> str:
    """Return the row that says what a network is."""
    loaded = load_workload(network)
    clips = ", ".join(str(shape) for shape in loaded.inputs.values())
    macs = [
        sum(map(form.layer_macs, form.layers)) / 1e9 for form in (loaded, apply_transforms(loaded, loaded.fsb_variant))
    ]
    parameters = sum(map(loaded.layer_params, loaded.layers)) / 1e6
    return f"| {network} | {clips} | {len(loaded.layers)} | {parameters:.2f} | {macs[0]:.2f} | {macs[1]:.2f} |"


def costs(network: str, figure: str) -> str:
    """Return the row of a network in the table of a ``figure``."""
    values = (getattr(figures(network, case), figure) for case, *_ in CASES)
    return f"| {network} | {' | '.join(f'{value:,.1f}' for value in values)} |"


def tables() -> dict[str, str]:
    """Return the tables by name."""
    names = shipped_names("workloads")
    head = ["| network | clips, CxTxHxW | layers | M parameters | GMACs | with FSB |", "|---|---|---:|---:|---:|---:|"]
    made = {"networks": "\n".join([*head, *map(described, names)])}
    for figure in Figures._fields:
        head = [f"| network | {' | '.join(case for case, *_ in CASES)} |", "|---" + "|---:" * len(CASES) + "|"]
        made[figure] = "\n".join([*head, *(costs(name, figure) for name in names)])
    return made


def main() -> None:
    """Write the tables into their page."""
    remember_mappings()
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables().items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        text = pattern.sub(lambda m, table=table: f"{m[1]}\n{table}\n{m[2]}", text)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
