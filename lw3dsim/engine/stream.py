"""A chain of layers on an engine: when every clip is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.engine.memory import make_memory
from lw3dsim.engine.run import simulate_job
from lw3dsim.engine.trace import Job

if TYPE_CHECKING:
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.engine.run import Timing
    from lw3dsim.schedule.chain import Chain


@dataclass(frozen=True, kw_only=True)
class StreamTiming:
    """The time of a chain, the cycle in which every clip has left the bus, and the least that all of them take."""

    timing: Timing
    finish_cycles: tuple[int, ...]
    bound_cycles: int


def simulate_stream(chain: Chain, clocks: Clocks, engine: str = "auto") -> StreamTiming:
    """Simulate ``chain`` with the named engine; all give the same integers."""
    job, memory = make_stream_job(chain, clocks.cycle_ticks), make_memory(chain.regions, clocks)
    timing = simulate_job(job, memory, chain.kinds, engine)
    stored = np.array(timing.trace.ofmap_ready, dtype=np.int64).reshape(chain.clips, chain.stores_per_clip).max(axis=1)
    return StreamTiming(
        timing=timing,
        finish_cycles=tuple((-(-stored // clocks.cycle_ticks)).tolist()),
        bound_cycles=-(-chain.bound_ticks(clocks) // clocks.cycle_ticks),
    )


def make_stream_job(chain: Chain, cycle_ticks: int) -> Job:
    """Turn a chain into arrays of ticks."""
    kinds, ifmap, weight, ofmap = chain.kinds, chain.ifmap, chain.weight, chain.ofmap
    return Job(
        kind=chain.kind,
        head=kinds.head * cycle_ticks,
        body=kinds.body * cycle_ticks,
        drain=kinds.drain * cycle_ticks,
        lead=chain.lead * cycle_ticks,
        ifmap_first=ifmap.first,
        ifmap_box=ifmap.box,
        ifmap_after=ifmap.after,
        ifmap_gate=ifmap.gate,
        weight_first=weight.first,
        weight_box=weight.box,
        weight_after=weight.after,
        weight_gate=weight.gate,
        opens=ofmap.opens,
        closes=ofmap.closes,
        ofmap_box=ofmap.box,
        ofmap_after=ofmap.after,
        setup=chain.setup_cycles * cycle_ticks,
        cycle=cycle_ticks,
    )
