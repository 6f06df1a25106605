"""Tables of the package, and factors between process nodes: Stillmaker & Baas, Integration 58, 2017."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"

BASE_NM = 45
SCALING_VOLTS = 0.8


@cache
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a table as text."""
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


@cache
def energy_factor(node_nm: int) -> float:
    """Return energy at ``node_nm`` over that at 45 nm."""
    energy = {
        int(row["node_nm"]): sum(float(row[f"energy_a{power}"]) * SCALING_VOLTS**power for power in (2, 1, 0))
        for row in read_table("node_scaling.csv")
    }
    return _at_node(energy, node_nm) / energy[BASE_NM]


@cache
def area_factor(node_nm: int) -> float:
    """Return area at ``node_nm`` over that at 45 nm."""
    return _at_node(
        {int(row["node_nm"]): float(row["area_of_45nm"]) for row in read_table("node_scaling.csv")}, node_nm
    )


def _at_node(factors: dict[int, float], node_nm: int) -> float:
    """Return the factor of a node, linear between the two neighbours in the table."""
    above = min(node for node in factors if node >= node_nm)
    below = max(node for node in factors if node <= node_nm)
    if above == below:
        return factors[above]
    return factors[below] + (factors[above] - factors[below]) * (node_nm - below) / (above - below)
