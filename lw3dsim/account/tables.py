"""Unit energies and areas from sourced tables, interpolated by stated rules.

Arithmetic (``data/arithmetic_45nm.csv``, a source in every row): adders and
registers are linear between the widths of the table and proportional outside; a
multiplier of a x b bits is linear in a*b between the table's squares and
proportional outside. SRAM (``data/sram_cacti7.csv``, CACTI 7, one read-write
port): log-linear in capacity between the sizes of the table. A port wider than
256 bits is built of 256-bit macros side by side; capacity beyond the table's
largest macro of macros behind each other, one of which is accessed; capacity
below its smallest macro costs that macro. Nothing is extrapolated.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

_DATA = Path(__file__).parent / "data"

Operation = Literal["add", "mult", "register"]
Quantity = Literal["energy_pj", "area_um2", "leakage_uw"]

_WIDTHS = (64, 128, 256)

SRAM_SOURCE = "CACTI 7, single read-write port RAM"


@cache
def arithmetic_rows() -> tuple[dict[str, str], ...]:
    """Return the rows of the arithmetic table as text."""
    with (_DATA / "arithmetic_45nm.csv").open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


@cache
def arithmetic(operation: Operation, quantity: Quantity, *bits: int) -> float:
    """Return a quantity of one operation: ``bits`` is one width, or two for a multiplier.

    ``energy_pj`` is per operation, ``area_um2`` and ``leakage_uw`` per unit.
    """
    rows = [row for row in arithmetic_rows() if row["operation"] == operation]
    power = 2 if operation == "mult" else 1
    sizes = [int(row["bits"]) ** power for row in rows]
    values = [float(row[quantity]) for row in rows]
    return _interpolate(math.prod(bits), sizes, values)


def _interpolate(size: float, sizes: list[int], values: list[float]) -> float:
    if size <= sizes[0]:
        return values[0] * size / sizes[0]
    for (low, high), (v_low, v_high) in zip(pairwise(sizes), pairwise(values), strict=True):
        if size <= high:
            return v_low + (v_high - v_low) * (size - low) / (high - low)
    return values[-1] * size / sizes[-1]


@dataclass(frozen=True, kw_only=True)
class Sram:
    """One buffer: energy per byte read and written (pJ), leakage (mW), area (mm2)."""

    read_pj_per_byte: float
    write_pj_per_byte: float
    leakage_mw: float
    area_mm2: float
    source: str


@cache
def sram(capacity_kib: int, port_bytes: int, node_nm: int, cell: str) -> Sram:
    """Return the costs of a buffer of ``capacity_kib`` with one port of ``port_bytes``."""
    width = next((w for w in _WIDTHS if port_bytes * 8 <= w), _WIDTHS[-1])
    beside = -(-port_bytes * 8 // width)
    table = _sram_table(cell, node_nm, width)
    sizes = sorted(table)
    behind = -(-capacity_kib // (beside * sizes[-1]))
    size = max(capacity_kib / (beside * behind), sizes[0])
    low = max(s for s in sizes if s <= size)
    high = min(s for s in sizes if s >= size)
    share = 0.0 if low == high else math.log(size / low) / math.log(high / low)
    value = {name: table[low][name] ** (1 - share) * table[high][name] ** share for name in table[low]}
    macros = beside * behind
    return Sram(
        read_pj_per_byte=value["read_pj"] / (width // 8),
        write_pj_per_byte=value["write_pj"] / (width // 8),
        leakage_mw=value["leak_mw"] * macros,
        area_mm2=value["area_mm2"] * macros,
        source=f"{SRAM_SOURCE}, {cell}, {node_nm} nm, {macros} macro(s) of {size:g} KiB x {width} bit",
    )


@cache
def _sram_table(cell: str, node_nm: int, width: int) -> dict[int, dict[str, float]]:
    names = ("read_pj", "write_pj", "leak_mw", "area_mm2")
    with (_DATA / "sram_cacti7.csv").open(newline="", encoding="utf-8") as file:
        return {
            int(row["size_kib"]): {name: float(row[name]) for name in names}
            for row in csv.DictReader(file)
            if (row["cell"], int(row["node_nm"]), int(row["width_bits"])) == (cell, node_nm, width)
        }
