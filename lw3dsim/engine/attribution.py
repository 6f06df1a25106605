"""Every cycle of a layer has a cause; the causes sum to the latency exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from lw3dsim.base.kernels import entry, kernels
from lw3dsim.engine.causes import BOUND, COMPUTING, Busy
from lw3dsim.engine.fast_engine import entry_ticks
from lw3dsim.engine.pauses import worked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.base.arrays import Ints
    from lw3dsim.engine.trace import Job, Trace
    from lw3dsim.schedule.program import Kinds


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
