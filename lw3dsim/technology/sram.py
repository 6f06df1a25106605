"""Buffers as SRAM macros of CACTI 7 (``data/sram_cacti7.csv``): energy, leakage, area and times.

A macro has one read-write port. A buffer is cut into ``banks``; a bank is built of

* macros *beside* each other: a port wider than 256 bits is several 256-bit macros, or
  narrower ones where those take fewer cycles. A port narrower than its macros still pays
  for their whole words.
* macros *behind* each other, one of which is accessed. A bank uses the largest macros
  that keep to the cycles of the smallest one: if that meets the clock, all do.
  Choosing one of several costs nothing here.

Values are log-linear in capacity between the sizes of the table; a bank below its
smallest macro costs that macro. Nothing is extrapolated.
"""

from __future__ import annotations

import csv
import math
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.base.values import Value
from lw3dsim.technology.scaling import DATA
from lw3dsim.technology.shared import shared_buffers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.describe.accelerator import Accelerator, Tech

WIDTHS = (64, 128, 256)
PS_PER_NS = 1000

SRAM_SOURCE = "CACTI 7, single read-write port RAM"

_COLUMNS = {
    "read_pj": "read_pj",
    "write_pj": "write_pj",
    "leakage_mw": "leak_mw",
    "area_mm2": "area_mm2",
    "random_cycle_ns": "random_cycle_ns",
    "access_ns": "access_ns",
}


class Sram(Value, frozen=True, kw_only=True):
    """One buffer.

    Energy in pJ per byte of a word at its port, of which all are paid for, leakage and area of all macros. A macro
    takes an access every ``random_cycle_ns``, so every ``cycles_per_access`` cycles of the
    clock, and answers after ``access_ns``, in ``access_cycles``.
    """

    read_pj_per_byte: float
    write_pj_per_byte: float
    leakage_mw: float
    area_mm2: float
    random_cycle_ns: float
    access_ns: float
    cycles_per_access: int
    access_cycles: int
    macros: int
    source: str


@kept(4096)
def buffers(arch: Accelerator) -> Mapping[str, Sram]:
    """Return the three buffers of a design; a shared memory as three, see :mod:`lw3dsim.technology.shared`."""
    b, tech = arch.buffers, arch.tech
    if b.shared_kib is not None:
        banks = sram(b.shared_kib, b.shared_port_bytes, b.shared_banks, tech, arch.cycle_ps)
        return shared_buffers(b, banks, tech)
    return {
        "ifmap": sram(b.ifmap_kib, b.ifmap_port_bytes, b.ifmap_banks, tech, arch.cycle_ps),
        "weight": sram(b.weight_kib, b.weight_port_bytes, b.weight_banks, tech, arch.cycle_ps),
        "ofmap": sram(b.ofmap_kib, b.ofmap_port_bytes, b.ofmap_banks, tech, arch.cycle_ps),
    }


@cache
def sram(capacity_kib: int, port_bytes: int, banks: int, tech: Tech, cycle_ps: int) -> Sram:
    """Return a buffer of ``capacity_kib`` in ``banks`` with one port of ``port_bytes`` at a clock period."""
    widest = next((w for w in WIDTHS if port_bytes * 8 <= w), WIDTHS[-1])
    width = min((w for w in WIDTHS if w <= widest), key=lambda w: (*_cycles(tech, w, cycle_ps), -w))
    beside = -(-port_bytes * 8 // width)
    table = _table(tech.sram_cell, tech.node_nm, width)
    cycles, access_cycles = _cycles(tech, width, cycle_ps)
    largest = min(
        _largest(table, name, count * cycle_ps / PS_PER_NS)
        for name, count in (("random_cycle_ns", cycles), ("access_ns", access_cycles))
    )
    column_kib = capacity_kib / (banks * beside)
    behind = math.ceil(column_kib / largest)
    size = max(column_kib / behind, min(table))
    value = _interpolate(table, size)
    macros = banks * beside * behind
    return Sram(
        read_pj_per_byte=beside * value["read_pj"] / port_bytes,
        write_pj_per_byte=beside * value["write_pj"] / port_bytes,
        leakage_mw=value["leakage_mw"] * macros,
        area_mm2=value["area_mm2"] * macros,
        random_cycle_ns=value["random_cycle_ns"],
        access_ns=value["access_ns"],
        cycles_per_access=cycles,
        access_cycles=access_cycles,
        macros=macros,
        source=f"{SRAM_SOURCE}, {tech.sram_cell}, {tech.node_nm} nm, {macros} macro(s) of {size:g} KiB x {width} bit",
    )


def _cycles(tech: Tech, width: int, cycle_ps: int) -> tuple[int, int]:
    """Return the clock cycles of the smallest macro of a width: between two accesses, and until it answers."""
    table = _table(tech.sram_cell, tech.node_nm, width)
    smallest = table[min(table)]
    every, answer = (math.ceil(smallest[name] * PS_PER_NS / cycle_ps) for name in ("random_cycle_ns", "access_ns"))
    return every, answer


def _largest(table: dict[int, dict[str, float]], name: str, limit_ns: float) -> float:
    """Return the largest size (KiB) up to which a time stays within ``limit_ns``; the smallest macro does."""
    for low, high in pairwise(sorted(table)):
        first, last = table[low][name], table[high][name]
        if last > limit_ns:
            return float(low * (high / low) ** (math.log(limit_ns / first) / math.log(last / first)))
    return max(table)


def _interpolate(table: dict[int, dict[str, float]], size: float) -> dict[str, float]:
    low = max(s for s in table if s <= size)
    high = min(s for s in table if s >= size)
    share = 0.0 if low == high else math.log(size / low) / math.log(high / low)
    return {name: table[low][name] ** (1 - share) * table[high][name] ** share for name in table[low]}


def _table(cell: str, node_nm: int, width: int) -> dict[int, dict[str, float]]:
    """Return the values of the macros of a width by their size in KiB."""
    return _tables(cell, node_nm)[width]


@cache
def _tables(cell: str, node_nm: int) -> dict[int, dict[int, dict[str, float]]]:
    """Return the values of the macros of a technology by their width in bits and size in KiB."""
    header, *lines = (DATA / "sram_cacti7.csv").read_text(encoding="utf-8").splitlines()
    tables: dict[int, dict[int, dict[str, float]]] = {}
    # Rows begin with cell and node.
    for row in csv.DictReader([header, *(line for line in lines if line.startswith(f"{cell},{node_nm},"))]):
        values = {name: float(row[column]) for name, column in _COLUMNS.items()}
        tables.setdefault(int(row["width_bits"]), {})[int(row["size_kib"])] = values
    return tables
