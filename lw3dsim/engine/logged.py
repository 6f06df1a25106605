"""The fast engine, run by CPython, with what the banks of its DRAM do written down; its integers are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import as_lists
from lw3dsim.base.rebound import rebound
from lw3dsim.base.values import replace
from lw3dsim.dram.bank_log import BankLog, Slices, logged_in_order, logged_reordering
from lw3dsim.engine import fast_engine, memory
from lw3dsim.engine.trace import empty_trace, streams

if TYPE_CHECKING:
    from typing import Any

    from lw3dsim.describe.clocks import DramSystem
    from lw3dsim.engine.memory import Memory
    from lw3dsim.engine.trace import Job, Stream, Trace, Transfers


def run_logged(job: Job, idle: Memory, dram: DramSystem) -> tuple[Trace, Slices]:
    """Run ``job`` on an ``idle`` memory that has banks; return its trace, and what they did until its end, in clocks.

    Transfers are numbered through the inputs, the weights and the outputs.
    """
    log = BankLog(dram)
    job, own, trace = as_lists(job), as_lists(idle._replace(reordering=None)), as_lists(empty_trace(job))
    in_order = logged_in_order(log)
    if idle.reordering is not None:
        channels = tuple(as_lists(channel) for channel in idle.reordering.channels)
        work = logged_reordering(log, dram, channels)
        own = own._replace(reordering=replace(idle.reordering, channels=channels, work=work))
    first = np.cumsum([0, *(len(stream.box) for stream in streams(job))]).tolist()
    numbers = {id(stream): number for stream, number in zip(streams(job), first[:-1], strict=True)}

    def grant(
        job: Job, m: Memory, trace: Trace, stream: Stream, transfers: Transfers, tile: int, begin: int, is_store: int,
        pauses: int,
    ) -> int:  # fmt: skip
        log.transfer = numbers[id(stream)] + tile
        free: int = inner["grant"](job, m, trace, stream, transfers, tile, begin, is_store, pauses)
        return free

    inner: dict[str, Any] = {}
    transfer = rebound(memory, {"serve_runs": in_order["serve_runs"]}, {})["transfer"]
    rebound(fast_engine, {"grant": grant, "transfer": transfer}, inner)["run"](job, own, trace)
    log.transfer = -1
    clock = -(-trace.finish // own.clock_ticks)
    if own.reordering is not None:
        own.reordering.counts(clock)
    else:
        in_order["counts_until"](own.device, clock)
    return trace, log.slices()
