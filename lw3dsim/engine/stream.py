"""A chain of layers on an engine: when every clip is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.engine.memory import idle_memory
from lw3dsim.engine.run import simulate_job
from lw3dsim.engine.trace import Job

if TYPE_CHECKING:
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.engine.memory import Memory
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
    timing = simulate_job(
        make_stream_job(chain, clocks.cycle_ticks), make_stream_memory(chain, clocks), chain.kinds, engine
    )
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


def make_stream_memory(chain: Chain, clocks: Clocks) -> Memory:
    """Return an idle memory with the boxes of ``chain``."""
    runs = [] if clocks.dram.model == "plain" else [region.runs() for region in chain.regions]
    per_box = [np.zeros(1, dtype=np.int64), *(np.diff(run.offsets) for run in runs)]
    none = np.zeros(0, dtype=np.int64)
    return idle_memory(
        clocks,
        box_bursts=chain.box_bursts,
        offsets=np.cumsum(np.concatenate(per_box)),
        first=np.concatenate([none, *(run.first for run in runs)]),
        count=np.concatenate([none, *(run.count for run in runs)]),
    )
