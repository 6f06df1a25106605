"""Every cycle of a layer has a cause; the causes sum to the latency exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lw3dsim.engine.trace import Job, Trace
    from lw3dsim.map.arrays import Ints, Words
    from lw3dsim.schedule.program import Kinds

# Parts of the array that have nothing to multiply while others do.
IDLE = ("idle_rows", "idle_lanes", "idle_multipliers")

# What the array does while it computes.
COMPUTING = ("multiply", *IDLE, "sram_port", "transform", "vector")

CAUSES = (
    *COMPUTING,
    "drain",
    "dram_read",
    "dram_write",
    "fill",
    "configuration",
)


def attribute(job: Job, kinds: Kinds, trace: Trace) -> dict[str, int]:
    """Return the cycles of ``job`` by cause; ``kinds`` says what its steps do while they compute.

    A step's wait goes to what came last: its tiles (``dram_read``) or, later than
    they, its output slot (``dram_write``). Waiting for the drain unit or what it writes, stalls of
    the bank swap and the last drain are ``drain``; the last store is ``dram_write``.
    """
    start = np.array(trace.start, dtype=np.int64)
    end = np.array(trace.end, dtype=np.int64)
    kind, cycle = np.asarray(job.kind), job.cycle
    lead = np.asarray(job.lead)[kind]
    wait = start - np.concatenate(([job.setup], end[:-1])) - lead
    loaded = np.maximum(
        _ready_at_steps(job.ifmap_first, trace.ifmap_ready, len(start)),
        _ready_at_steps(job.weight_first, trace.weight_ready, len(start)),
    )
    slot = _room_at_steps(job, trace)
    reads = int(wait[loaded >= slot].sum())
    writes = int(wait.sum()) - reads
    handover = int((np.array(trace.handover, dtype=np.int64) - start - np.asarray(job.head)[kind]).sum())
    finish = -(-trace.finish // cycle)
    drained_before = kinds.total("wait", kind)
    drained = int(trace.drained[-1]) // cycle
    cycles = {name: kinds.total(name, kind) for name in COMPUTING} | {
        "drain": kinds.total("drain_stall", kind)
        + drained_before
        + handover // cycle
        + drained
        - int(end[-1]) // cycle,
        "dram_read": reads // cycle,
        "dram_write": writes // cycle + finish - drained,
        "fill": kinds.total("fill", kind),
        "configuration": (job.setup + int(lead.sum())) // cycle - drained_before,
    }
    if sum(cycles.values()) != finish:
        raise AssertionError(f"attribution {sum(cycles.values())} differs from the latency {finish}")
    return cycles


def _ready_at_steps(first: Words, ready: Words, steps: int) -> Ints:
    """Return, per step, when the tile it newly needs arrived (0 where it needs none)."""
    times = np.zeros(steps, dtype=np.int64)
    times[first] = ready
    return times


def _room_at_steps(job: Job, trace: Trace) -> Ints:
    """Return, per step, when room was made for the output tile it opens (0 where there was room)."""
    times = np.zeros(len(job.kind), dtype=np.int64)
    after = np.asarray(job.ofmap_after)
    waits = after >= 0
    times[np.asarray(job.opens)[waits]] = np.asarray(trace.ofmap_ready)[after[waits]]
    return times
