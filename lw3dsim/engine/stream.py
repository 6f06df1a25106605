"""A chain of layers on an engine: when every clip is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import Value
from lw3dsim.engine.run import simulate_schedule

if TYPE_CHECKING:
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.engine.run import Timing
    from lw3dsim.schedule.chain import Chain


class StreamTiming(Value, frozen=True, kw_only=True):
    """The time of a chain, the cycle in which every clip has left the bus, and the least that all of them take."""

    timing: Timing
    finish_cycles: tuple[int, ...]
    bound_cycles: int


def simulate_stream(chain: Chain, clocks: Clocks, engine: str = "auto") -> StreamTiming:
    """Simulate ``chain`` with the named engine; all give the same integers."""
    timing = simulate_schedule(chain, clocks, engine)
    stored = np.array(timing.trace.ofmap.ready, dtype=np.int64).reshape(chain.clips, chain.stores_per_clip).max(axis=1)
    return StreamTiming(
        timing=timing,
        finish_cycles=tuple((-(-stored // clocks.cycle_ticks)).tolist()),
        bound_cycles=-(-chain.bound_ticks(clocks) // clocks.cycle_ticks),
    )
