"""What looking up a function costs: a small memory per lane of the vector unit that holds it, filled once per layer.

Values of up to 8 bits are looked up in a RAM of 256 words of 8 bits, a word per code. Wider ones lie on 64 straight
pieces: a word of 32 bits holds slope and base of a piece, and a multiplier and an adder make the value.

``data/tables_cacti7.csv``: CACTI 7, one bank, one port, cells itrs-lstp and -hp; itrs-lop is taken to be lstp. CACTI's
area of so small a macro is too low: compiled RAMs of IHP's open 130 nm kit take, per bit and flip-flop of their
library, 1.3 times as much at 256 words and 2.5 times at 64, which areas here are multiplied by.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lw3dsim.base.values import Value
from lw3dsim.technology.arithmetic import arithmetic

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Tech

DATA = Path(__file__).parent / "data"
SOURCE = "CACTI 7, area times that of compiled macros over CACTI's (IHP SG13G2)"

# The widest values of which every code has a word of its own.
CODE_BITS = 8
SLOPE_BITS = 16
# Words, and how much larger compiled macros of so many are.
CODES, PIECES = 256, 64
COMPILED = {CODES: 1.3, PIECES: 2.5}


class Table(Value, frozen=True, kw_only=True):
    """The table of a lane: what a look-up takes, its size and its leakage, and what it is in words."""

    energy_pj: float
    area_um2: float
    leakage_uw: float
    form: str


@cache
def table(tech: Tech, bits: int) -> Table:
    """Return the table of a lane for values of so many ``bits``."""
    words = CODES if bits <= CODE_BITS else PIECES
    cell = "itrs-lstp" if tech.sram_cell == "itrs-lop" else tech.sram_cell
    row = next(
        row for row in _rows() if (row["cell"], int(row["node_nm"]), int(row["words"])) == (cell, tech.node_nm, words)
    )
    ram = float(row["read_pj"]), float(row["area_mm2"]) * 1e6 * COMPILED[words], float(row["leakage_mw"]) * 1e3
    form = f"RAM of {words} x {row['bits']} bits"
    if words == CODES:
        return Table(energy_pj=ram[0], area_um2=ram[1], leakage_uw=ram[2], form=form)
    energy, area, leakage = (
        own
        + arithmetic(tech, "mult", quantity, bits, SLOPE_BITS)
        + arithmetic(tech, "add", quantity, bits + SLOPE_BITS)
        for own, quantity in zip(ram, ("energy_pj", "area_um2", "leakage_uw"), strict=True)
    )
    return Table(energy_pj=energy, area_um2=area, leakage_uw=leakage, form=f"{form}, a multiplier and an adder")


@cache
def _rows() -> tuple[dict[str, str], ...]:
    with (DATA / "tables_cacti7.csv").open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))
