"""Every cycle of a layer has a cause; the causes sum to the latency exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lw3dsim.engine.trace import Trace
    from lw3dsim.map.arrays import Ints, Words
    from lw3dsim.schedule.program import LoadStream, Schedule

CAUSES = (
    "multiply",
    "sram_port",
    "transform",
    "vector",
    "drain",
    "dram_read",
    "dram_write",
    "fill",
    "configuration",
)


def attribute(schedule: Schedule, trace: Trace, cycle_ticks: int) -> dict[str, int]:
    """Return cycles by cause.

    A step's wait goes to what came last: its tiles (``dram_read``) or, later than
    they, its output slot (``dram_write``). Waiting for the drain unit, stalls of
    the bank swap and the last drain are ``drain``; the last store is ``dram_write``.
    """
    start = np.array(trace.start, dtype=np.int64)
    end = np.array(trace.end, dtype=np.int64)
    before = np.concatenate(([schedule.setup_cycles * cycle_ticks], end[:-1]))
    wait = start - before
    loaded = np.maximum(
        _ready_at_steps(schedule.ifmap, trace.ifmap_ready, schedule.steps),
        _ready_at_steps(schedule.weight, trace.weight_ready, schedule.steps),
    )
    slot = _slot_at_steps(schedule, trace)
    reads = int(wait[loaded >= slot].sum())
    writes = int(wait.sum()) - reads
    head = np.asarray(schedule.kinds.head)[schedule.kind] * cycle_ticks
    handover = int((np.array(trace.handover, dtype=np.int64) - start - head).sum())
    finish = -(-trace.finish // cycle_ticks)
    drained = int(trace.drained[-1]) // cycle_ticks
    cycles = {
        "multiply": schedule.total("multiply"),
        "sram_port": schedule.total("sram_port"),
        "transform": schedule.total("transform"),
        "vector": schedule.total("vector"),
        "drain": schedule.total("drain_stall") + handover // cycle_ticks + drained - int(end[-1]) // cycle_ticks,
        "dram_read": reads // cycle_ticks,
        "dram_write": writes // cycle_ticks + finish - drained,
        "fill": schedule.total("fill"),
        "configuration": schedule.setup_cycles,
    }
    if sum(cycles.values()) != finish:
        raise AssertionError(f"attribution {sum(cycles.values())} differs from the latency {finish}")
    return cycles


def _ready_at_steps(stream: LoadStream, ready: Words, steps: int) -> Ints:
    """Return, per step, when the tile it newly needs arrived (0 where it needs none)."""
    times = np.zeros(steps, dtype=np.int64)
    times[stream.steps] = ready
    return times


def _slot_at_steps(schedule: Schedule, trace: Trace) -> Ints:
    """Return, per step, when the output slot it opens became free (0 where it opens none or a fresh one)."""
    times = np.zeros(schedule.steps, dtype=np.int64)
    reused = schedule.ofmap.opens[schedule.ofmap.slots :]
    times[reused] = trace.ofmap_ready[: len(reused)]
    return times
