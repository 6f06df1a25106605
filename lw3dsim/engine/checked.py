"""What an engine of a plug-in returned, checked before anything is made of it: right kinds, lengths and order."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.integers import NEVER
from lw3dsim.engine.memory import Memory
from lw3dsim.engine.trace import Trace, Transfers, empty_trace, streams
from lw3dsim.errors import PluginError, short

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.engine.trace import Job


def check_returned(who: str, job: Job, memory: Memory, trace: object, left: object, placed_steps: object) -> None:
    """Refuse a trace that does not fit ``job``, and what is not ``memory`` as some engine has left it.

    Raises PluginError. That all times are those of the reference is what the contract of engines tests.
    """
    if not isinstance(trace, Trace):
        raise PluginError(who, f"its trace is {short(trace)}, not a lw3dsim.engine.trace.Trace")
    if not isinstance(left, Memory) or (left.model, left.clock_ticks) != (memory.model, memory.clock_ticks):
        raise PluginError(who, f"it left {short(left)}, not the memory that it was given")
    if not isinstance(placed_steps, int) or not 0 <= placed_steps <= len(job.kind):
        raise PluginError(who, f"its placed_steps are {short(placed_steps)}, not a whole number up to {len(job.kind)}")
    empty = empty_trace(job)
    steps = ("start", "handover", "end", "drained")
    times = [_times(who, name, getattr(trace, name), len(getattr(empty, name))) for name in steps]
    _check_order(who, steps, times)
    for name, transfers, of in zip(("ifmap", "weight", "ofmap"), streams(trace), streams(empty), strict=True):
        if not isinstance(transfers, Transfers):
            raise PluginError(who, f"{name} of its trace is {short(transfers)}, not lw3dsim.engine.trace.Transfers")
        names = (f"{name}.grant", f"{name}.ready")
        _check_order(who, names, [_times(who, *pair, len(of.grant)) for pair in zip(names, transfers, strict=True)])


def _times(who: str, name: str, column: object, count: int) -> Ints:
    """Return a column of a trace as an array."""
    times = np.asarray(column)
    if times.shape != (count,) or (count and times.dtype.kind != "i"):
        raise PluginError(who, f"{name} of its trace is {short(column)}, not {count} whole numbers")
    if count and not 0 <= int(times.min()) <= int(times.max()) < NEVER:
        raise PluginError(who, f"{name} of its trace has times that are none, such as {times.min()} or {times.max()}")
    return times


def _check_order(who: str, names: tuple[str, ...], times: list[Ints]) -> None:
    for (name, before), (later, after) in pairwise(zip(names, times, strict=True)):
        if (after < before).any():
            at = int((after < before).argmax())
            raise PluginError(who, f"{later}[{at}] = {after[at]} of its trace lies before {name}[{at}] = {before[at]}")
