"""Every cycle of a layer has a cause; the causes sum to the latency exactly."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Annotated

from lw3dsim.base.kernels import entry, kernels
from lw3dsim.base.records import Breakdown, Count, figure
from lw3dsim.base.values import Value
from lw3dsim.engine.fast_engine import entry_ticks
from lw3dsim.engine.pauses import worked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.base.arrays import Ints
    from lw3dsim.engine.trace import Job, Trace
    from lw3dsim.schedule.program import Kinds

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


def count_busy(kinds: Kinds, counts: Ints, cycles: int) -> Busy:
    """Return how much of the array works in so many steps of each of ``kinds``, for ``cycles`` of its multipliers."""
    return Busy(
        cycles=cycles,
        rows=_exact_sum(counts * kinds.row_cycles, kinds.rows),
        lanes=_exact_sum(counts * kinds.lane_cycles, kinds.rows * kinds.lanes),
        multipliers=_exact_sum(counts * kinds.products, kinds.multipliers),
    )


def _exact_sum(work: Ints, parts: Ints) -> Fraction:
    """Return the sum of ``work / parts``; stages of a group may differ in their lanes."""
    sums: dict[int, int] = {}
    for done, of in zip(work.tolist(), parts.tolist(), strict=True):
        sums[of] = sums.get(of, 0) + done
    first, *others = (Fraction(done, of) for of, done in sums.items())
    return sum(others, start=first)


def attribute(job: Job, totals: Mapping[str, int], busy: Busy, trace: Trace) -> dict[str, int]:
    """Return the cycles of ``job`` by cause; ``totals`` are those of what its steps do, by the names of Kinds.

    Both ``job`` and ``trace`` are on contiguous arrays.

    A step's wait goes to what came last: its tiles (``dram_read``) or, later than
    they, its output slot (``dram_write``). Pauses while a step computes are ``sram_port``, others count as what they
    make longer. Waiting for the drain unit or what it writes, stalls of
    the bank swap and the last drain are ``drain``; the last store is ``dram_write``.
    """
    work, cycle = kernels(), job.cycle
    reads, writes, handover, lead, fill, paused = work(wait_ticks)(work.of_arrays(job), work.of_arrays(trace))
    finish = -(-trace.finish // cycle)
    drained_before = totals["wait"]
    drained = int(trace.drained[-1]) // cycle
    computing = {name: totals[name] for name in BOUND} | busy.cycles_by_cause
    computing["sram_port"] += paused // cycle
    cycles = {name: computing[name] for name in COMPUTING} | {
        "drain": totals["drain_stall"] + drained_before + handover // cycle + drained - int(trace.end[-1]) // cycle,
        "dram_read": reads // cycle,
        "dram_write": writes // cycle + finish - drained,
        "fill": fill // cycle,
        "configuration": (job.setup + lead) // cycle - drained_before,
    }
    if sum(cycles.values()) != finish:
        raise AssertionError(f"attribution {sum(cycles.values())} differs from the latency {finish}")
    return cycles


@entry
def wait_ticks(job: Job, trace: Trace) -> tuple[int, int, int, int, int, int]:
    """Return the ticks that steps wait for tiles, and for room, heads for the drain unit, of leads, and to be filled.

    And those of pauses while they compute.
    A step is filled for as long as its first round is loaded, and its pipeline fills, while nothing is fed.
    """
    ifmap = weight = ofmap = reads = writes = handovers = leads = fills = paused = 0
    before, cycle, pauses = job.setup, job.cycle, len(trace.pauses.begin)
    for step in range(len(job.kind)):
        kind, entered, room = job.kind[step], 0, 0
        if ifmap < len(job.ifmap.first) and job.ifmap.first[ifmap] == step:
            entered = worked(trace.pauses, pauses, cycle, trace.ifmap.ready[ifmap], job.entry[kind])
            ifmap += 1
        if weight < len(job.weight.first) and job.weight.first[weight] == step:
            ready = trace.weight.ready[weight]
            entered = max(entered, worked(trace.pauses, pauses, cycle, ready, job.entry[kind]))
            weight += 1
        if ofmap < len(job.ofmap.first) and job.ofmap.first[ofmap] == step:
            gate = job.ofmap.gate[ofmap]
            if gate >= 0:
                room = trace.ofmap.ready[gate]
            ofmap += 1
        earliest = worked(trace.pauses, pauses, cycle, before, entry_ticks(job, step))
        start, lead = trace.start[step], max(job.lead[kind], 0)
        headed = worked(trace.pauses, pauses, cycle, start, job.head[kind])
        if entered >= room:
            reads += start - earliest
        else:
            writes += start - earliest
        handovers += trace.handover[step] - headed
        paused += headed - start - job.head[kind] + trace.end[step] - trace.handover[step] - job.body[kind]
        leads += lead
        fills += earliest - before - lead
        before = trace.end[step]
    return reads, writes, handovers, leads, fills, paused
