"""Unit energies, areas and leakage of arithmetic: two published families, any width, four nodes.

``data/arithmetic_45nm.csv`` has a source in every row. ``horowitz`` is Horowitz,
ISSCC 2014 (45 nm, 0.9 V); ``aladdin`` the 40 nm models of Aladdin, brought to 45 nm
by Stillmaker & Baas. Horowitz has neither registers nor leakage: those are Aladdin's.

Widths: adders and registers are linear between the widths of the table and
proportional outside; a multiplier of a x b bits is linear in a*b between the
table's squares and proportional outside. A hard-wired shift is wiring: free.

Nodes (``data/node_scaling.csv``): Stillmaker & Baas, "Scaling equations for the
accurate prediction of CMOS device performance from 180 nm to 7 nm", Integration 58,
2017. Energy scales by their polynomial in the supply voltage, taken at 0.8 V; area by
their table; leakage like energy. 22 nm is not theirs: linear between 32 and 20 nm.
"""

from __future__ import annotations

import csv
import math
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Tech

DATA = Path(__file__).parent / "data"

Operation = Literal["add", "mult", "register"]
Quantity = Literal["energy_pj", "area_um2", "leakage_uw"]

BASE_NM = 45
SCALING_VOLTS = 0.8


@cache
def arithmetic_rows() -> tuple[dict[str, str], ...]:
    """Return the rows of the arithmetic table as text."""
    return _read("arithmetic_45nm.csv")


@cache
def arithmetic(tech: Tech, operation: Operation, quantity: Quantity, *bits: int) -> float:
    """Return a quantity of one operation: ``bits`` is one width, or two for a multiplier.

    ``energy_pj`` is per operation, ``area_um2`` and ``leakage_uw`` per unit.
    """
    scale = _area_factor(tech.node_nm) if quantity == "area_um2" else _energy_factor(tech.node_nm)
    return scale * _interpolate(math.prod(bits), *_series(tech, operation, quantity))


@cache
def _series(tech: Tech, operation: Operation, quantity: Quantity) -> tuple[list[int], list[float]]:
    """Return sizes (bits, or products of bits) and their values in the table."""
    rows, power = _rows_of(tech, operation), 2 if operation == "mult" else 1
    return [int(row["bits"]) ** power for row in rows], [float(row[quantity]) for row in rows]


def arithmetic_source(tech: Tech, operation: Operation) -> str:
    """Return where the values of an operation come from, its scaling to another node included."""
    source = _rows_of(tech, operation)[0]["source"]
    if tech.node_nm == BASE_NM:
        return source
    between = ", linear between 32 and 20 nm" if tech.node_nm == 22 else ""
    return f"{source}; {BASE_NM} to {tech.node_nm} nm by Stillmaker & Baas 2017{between}"


def _rows_of(tech: Tech, operation: Operation) -> list[dict[str, str]]:
    return [row for row in arithmetic_rows() if (row["family"], row["operation"]) == (tech.arithmetic, operation)]


def _interpolate(size: float, sizes: list[int], values: list[float]) -> float:
    if size <= sizes[0]:
        return values[0] * size / sizes[0]
    for (low, high), (v_low, v_high) in zip(pairwise(sizes), pairwise(values), strict=True):
        if size <= high:
            return v_low + (v_high - v_low) * (size - low) / (high - low)
    return values[-1] * size / sizes[-1]


@cache
def _energy_factor(node_nm: int) -> float:
    """Return energy (and leakage) at ``node_nm`` over that at 45 nm."""
    energy = {
        int(row["node_nm"]): sum(float(row[f"energy_a{power}"]) * SCALING_VOLTS**power for power in (2, 1, 0))
        for row in _read("node_scaling.csv")
    }
    return _at_node(energy, node_nm) / energy[BASE_NM]


@cache
def _area_factor(node_nm: int) -> float:
    """Return area at ``node_nm`` over that at 45 nm."""
    return _at_node({int(row["node_nm"]): float(row["area_of_45nm"]) for row in _read("node_scaling.csv")}, node_nm)


def _at_node(factors: dict[int, float], node_nm: int) -> float:
    """Return the factor of a node, linear between the two neighbours in the table."""
    above = min(node for node in factors if node >= node_nm)
    below = max(node for node in factors if node <= node_nm)
    if above == below:
        return factors[above]
    return factors[below] + (factors[above] - factors[below]) * (node_nm - below) / (above - below)


def _read(name: str) -> tuple[dict[str, str], ...]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))
