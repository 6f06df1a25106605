"""Unit energies and leakage of arithmetic: two published families, any width, four nodes; areas of one synthesis.

``data/arithmetic_45nm.csv`` has a source in every row. ``horowitz`` is Horowitz,
ISSCC 2014 (45 nm, 0.9 V); ``aladdin`` the 40 nm models of Aladdin, brought to 45 nm
by Stillmaker & Baas. Horowitz has no leakage: that is Aladdin's. Registers, and all areas whatever the family, are
those of :mod:`lw3dsim.technology.structures`.

Widths: adders are linear between the widths of the table and
proportional outside; a multiplier of a x b bits is linear in a*b between the
table's squares and proportional outside. A hard-wired shift is wiring: free.

Nodes (``data/node_scaling.csv``): Stillmaker & Baas, "Scaling equations for the
accurate prediction of CMOS device performance from 180 nm to 7 nm", Integration 58,
2017. Energy scales by their polynomial in the supply voltage, taken at 0.8 V; area by
their table; leakage like energy. 22 nm is not theirs: linear between 32 and 20 nm.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from lw3dsim.technology.scaling import BASE_NM, energy_factor, read_table
from lw3dsim.technology.structures import structure_pj, structure_source, structure_um2, structure_uw

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Tech
    from lw3dsim.technology.structures import Structure

Operation = Literal["add", "mult", "register"]
Quantity = Literal["energy_pj", "area_um2", "leakage_uw"]

STRUCTURES: dict[Operation, Structure] = {"add": "adder", "mult": "multiplier", "register": "flip_flop"}


@cache
def arithmetic_rows() -> tuple[dict[str, str], ...]:
    """Return the rows of the arithmetic table as text."""
    return read_table("arithmetic_45nm.csv")


@cache
def arithmetic(tech: Tech, operation: Operation, quantity: Quantity, *bits: int) -> float:
    """Return a quantity of one operation: ``bits`` is one width, or two for a multiplier.

    ``energy_pj`` is per operation, ``area_um2`` and ``leakage_uw`` per unit.
    """
    size, structure = math.prod(bits), STRUCTURES[operation]
    if quantity == "area_um2":
        return size * structure_um2(tech, structure)
    if operation == "register":
        return size * (structure_pj(tech, structure) if quantity == "energy_pj" else structure_uw(structure))
    return energy_factor(tech.node_nm) * _interpolate(size, *_series(tech, operation, quantity))


@cache
def _series(tech: Tech, operation: Operation, quantity: Quantity) -> tuple[list[int], list[float]]:
    """Return sizes (bits, or products of bits) and their values in the table."""
    rows, power = _rows_of(tech, operation), 2 if operation == "mult" else 1
    return [int(row["bits"]) ** power for row in rows], [float(row[quantity]) for row in rows]


def arithmetic_source(tech: Tech, operation: Operation) -> str:
    """Return where the values of an operation come from, its scaling to another node included."""
    source = structure_source("flip_flop") if operation == "register" else _rows_of(tech, operation)[0]["source"]
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
