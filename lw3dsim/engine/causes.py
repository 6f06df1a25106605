"""What a cycle may go into, and how much of the array works meanwhile: what is known of a run once it is simulated."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Annotated

from lw3dsim.base.records import Breakdown, Count, figure
from lw3dsim.base.values import Value

# Parts of the array that have nothing to multiply while others do.
IDLE = ("idle_rows", "idle_lanes", "idle_multipliers")

# What the array does while it computes: multiply, or what else binds it.
BOUND = ("sram_port", "transform", "vector")
COMPUTING = ("multiply", *IDLE, *BOUND)


class CyclesBreakdown(Breakdown[int], frozen=True, kw_only=True):
    """Cycles by cause, in the order in which causes are listed; they sum to a latency exactly."""

    multiply: Annotated[Count, figure("what the products take with all multipliers of the array busy")]
    idle_rows: Annotated[Count, figure("rows without an output channel, while others multiply")]
    idle_lanes: Annotated[Count, figure("lanes of working rows without a tile")]
    idle_multipliers: Annotated[Count, figure("multipliers of working lanes that no coordinate fills")]
    sram_port: Annotated[Count, figure("the array waits for a port of a buffer")]
    transform: Annotated[Count, figure("the array waits for a transform unit")]
    vector: Annotated[Count, figure("the vector unit works")]
    drain: Annotated[Count, figure("accumulators leave, and the array waits for them")]
    dram_read: Annotated[Count, figure("the array waits for a tile from DRAM")]
    dram_write: Annotated[Count, figure("the array waits for room that a store to DRAM frees")]
    fill: Annotated[Count, figure("a step's first patch is read and the pipeline fills, nothing multiplies")]
    configuration: Annotated[Count, figure("a layer is set up")]


CAUSES = CyclesBreakdown.__struct_fields__


class Busy(Value, frozen=True, kw_only=True):
    """The ``cycles`` that the multipliers bind, and how many of them the same work takes with more of the array busy.

    With all ``rows`` busy; with all ``lanes`` of all rows; with all ``multipliers`` of the array. Each is exact, and
    at most the one before.
    """

    cycles: int
    rows: Fraction
    lanes: Fraction
    multipliers: Fraction

    @property
    def idle_shares(self) -> dict[str, Fraction]:
        """Return the idle share of the rows, of the lanes of rows that work, of the multipliers of lanes that work."""
        wholes = (Fraction(self.cycles), self.rows, self.lanes)
        parts = (self.rows, self.lanes, self.multipliers)
        shares = (1 - part / whole if whole else Fraction(0) for whole, part in zip(wholes, parts, strict=True))
        return dict(zip(IDLE, shares, strict=True))

    @property
    def cycles_by_cause(self) -> dict[str, int]:
        """Return ``cycles`` by what they go into; shares are rounded down once, for all that is counted here."""
        rows, lanes, multiply = (floor(part) for part in (self.rows, self.lanes, self.multipliers))
        idle = (self.cycles - rows, rows - lanes, lanes - multiply)
        return {"multiply": multiply} | dict(zip(IDLE, idle, strict=True))
