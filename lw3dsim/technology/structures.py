"""What registers, files, selectors, clock and wires take: synthesis in one library (``data/structures_45nm.csv``).

Nangate 45 nm open cell library, typical, 1.1 V, 25 C, wire-load model; Yosys 0.23 without a timing constraint, energy
from simulation of the mapped netlist with random data. Energies are taken to the 0.9 V of the arithmetic table by the
square of the voltage, and to other nodes as arithmetic is; leakage is not scaled.
"""

from __future__ import annotations

import csv
import math
from functools import cache
from typing import TYPE_CHECKING, Literal

from lw3dsim.base.values import Value
from lw3dsim.errors import InputError
from lw3dsim.technology.scaling import DATA, area_factor, energy_factor, read_table

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator, Tech

Structure = Literal[
    "multiplier", "adder", "flip_flop", "clock_pin", "flip_flop_file", "latch_file", "selector", "multiplexer"
]

SOURCE = "synthesis: Yosys 0.23, Nangate 45 nm open cell library"

# Cells over the area of a floor plan.
UTILISATION = 0.75

# (0.9 V / 1.1 V) squared.
TO_TABLE_VOLTS = (0.9 / 1.1) ** 2

# Of a clock network over the pins at its leaves: assumed, 1.3 to 2.
CLOCK_TREE = 1.5

# pJ per random bit and mm, repeaters included.
WIRE_PJ_PER_BIT_MM = 0.121
WIRE_SOURCE = "Keckler et al., IEEE Micro 31(5), 2011, table 1: 40 nm, 0.9 V, 310 pJ for 256 bits over 10 mm"

SMALL_SOURCE = (
    "CACTI 7, one read and one write port; area and energy corrected by compiled macros of an open 130 nm kit "
    "(IHP SG13G2 data sheets): area 3 at 32 words to 1 from 1024, energy 2.5 (1 to 10)"
)

# Compiled small macros over CACTI's: area by words (130 nm, two ports; below 64 words as assumed), energy.
SMALL_AREA = {32: 3.0, 64: 2.3, 256: 1.3, 1024: 1.0}
SMALL_ENERGY = 2.5


@cache
def _row(structure: Structure) -> dict[str, str]:
    return next(row for row in read_table("structures_45nm.csv") if row["structure"] == structure)


@cache
def structure_um2(tech: Tech, structure: Structure) -> float:
    """Return the area of a unit of a structure, in a floor plan."""
    return float(_row(structure)["area_um2"]) / UTILISATION * area_factor(tech.node_nm)


@cache
def structure_pj(tech: Tech, structure: Structure) -> float:
    """Return the energy of an access, or of a cycle, of a unit of a structure."""
    return float(_row(structure)["energy_pj"]) * TO_TABLE_VOLTS * energy_factor(tech.node_nm)


@cache
def structure_uw(structure: Structure) -> float:
    """Return what a unit of a structure leaks."""
    return float(_row(structure)["leakage_nw"]) / 1000


def structure(tech: Tech, name: Structure, quantity: Literal["energy_pj", "area_um2", "leakage_uw"]) -> float:
    """Return a quantity of a unit of a structure."""
    if quantity == "leakage_uw":
        return structure_uw(name)
    return structure_um2(tech, name) if quantity == "area_um2" else structure_pj(tech, name)


def structure_source(structure: Structure) -> str:
    """Return where the values of a structure come from."""
    return f"{SOURCE}: {_row(structure)['source']}"


@cache
def clock_pj(tech: Tech) -> float:
    """Return the energy of the clock of one flip-flop in a cycle, its share of the tree included."""
    return structure_pj(tech, "clock_pin") * CLOCK_TREE


@cache
def wire_pj_per_bit_mm(tech: Tech) -> float:
    """Return the energy of a random bit on a mm of wire with repeaters."""
    return WIRE_PJ_PER_BIT_MM * energy_factor(tech.node_nm)


class File(Value, frozen=True, kw_only=True):
    """A file of words, with one read and one write a cycle: what it is built of, and what both take together."""

    storage: str
    access_pj: float
    area_um2: float
    leakage_uw: float


def accumulator_file(arch: Accelerator, bits: int) -> File:
    """Return one bank of accumulators of so many bits: as the design says, or the smallest that keeps the clock.

    Raises InputError where the design asks for an SRAM that there is not.
    """
    return _file(arch.pe.accumulator_storage, arch.tech, bits, arch.pe.acc_depth, arch.cycle_ps)


@cache
def _file(wanted: str, tech: Tech, bits: int, words: int, cycle_ps: int) -> File:
    if wanted in {"flipflop", "latch"}:
        return register_file(tech, wanted, bits, words)
    small = _small_ram(tech, bits, words, cycle_ps)
    if wanted == "sram":
        if small is None:
            raise InputError(
                f"pe.accumulator_storage: no SRAM of {words} words x {bits} bits meets {cycle_ps} ps in "
                f"{tech.sram_cell}, {tech.node_nm} nm; take up to 512 words (pe.acc_depth), a lower clock, or latch"
            )
        return small
    files = [register_file(tech, kind, bits, words) for kind in ("latch", "flipflop")]
    return min([*files, *([small] if small else [])], key=lambda file: (file.area_um2, file.access_pj))


@cache
def register_file(tech: Tech, kind: str, bits: int, words: int) -> File:
    """Return a file of flip-flops or latches, of one clock gate a word."""
    structure: Structure = "flip_flop_file" if kind == "flipflop" else "latch_file"
    size = bits * words
    return File(
        storage=kind,
        access_pj=size * structure_pj(tech, structure),
        area_um2=size * structure_um2(tech, structure),
        leakage_uw=size * structure_uw(structure),
    )


def least_file_pj(tech: Tech, bits: int) -> float:
    """Return what a read and a write of a file of any storage and any depth take at least."""
    return register_file(tech, "latch", bits, 1).access_pj


def _small_ram(tech: Tech, bits: int, words: int, cycle_ps: int) -> File | None:
    """Return an SRAM of one read and one write port: CACTI's next larger one, corrected by compiled macros."""
    widest = 64
    beside = -(-bits // widest)
    rows = [
        row
        for row in read_table("small_ram_cacti7.csv")
        if row["cell"] == tech.sram_cell and int(row["node_nm"]) == tech.node_nm
        if int(row["words"]) >= words and int(row["bits"]) * beside >= bits
        if max(float(row["random_cycle_ns"]), float(row["access_ns"])) * 1000 <= cycle_ps
    ]
    if not rows:
        return None
    row = min(rows, key=lambda one: (int(one["words"]), int(one["bits"])))
    return File(
        storage="sram",
        access_pj=beside * SMALL_ENERGY * (float(row["read_pj"]) + float(row["write_pj"])),
        area_um2=beside * _small_area(int(row["words"])) * float(row["area_mm2"]) * 1e6,
        leakage_uw=beside * float(row["leak_mw"]) * 1000,
    )


def _small_area(words: int) -> float:
    """Return compiled macros' area over CACTI's, log-linear between the words of the table."""
    low = max(size for size in SMALL_AREA if size <= words)
    high = min((size for size in SMALL_AREA if size >= words), default=low)
    if low == high:
        return SMALL_AREA[low]
    share = math.log(words / low) / math.log(high / low)
    return SMALL_AREA[low] + share * (SMALL_AREA[high] - SMALL_AREA[low])


@cache
def energy_range() -> dict[str, tuple[float, float]]:
    """Return, by component or kind of it, the least and the most that its sources leave open, over the nominal."""
    with (DATA / "energy_range.csv").open(newline="", encoding="utf-8") as file:
        return {row["component"]: (float(row["low"]), float(row["high"])) for row in csv.DictReader(file)}
