"""The few tilings worth simulating, with their bounds: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.map.bounds import bound_kept
from lw3dsim.map.ranking import BURSTS, LATENCY, NEVER, Task, rank

if TYPE_CHECKING:
    from lw3dsim.map.arrays import Words
    from lw3dsim.map.bounds import Least
    from lw3dsim.map.plain import Array

# Latencies within 1/1000 count as equal; fewer DRAM bytes then decide.
TOLERANCE = 1000


def shortlist(
    task: Task, second: Array, modes: int, least: Least, groups: Words, fastest: Words, thrifty: Words
) -> None:
    """Fill ``fastest``, and ``thrifty`` with those that move least among the nearly fastest, of all parallel modes.

    Where there are two ``modes``, ``second`` is the array in the other. ``groups`` is scratch.
    """
    other = Task(task.layer, second, 1, task.limits, task.times, task.choices)
    rank(task, NEVER, groups, fastest)
    if modes > 1:
        rank(other, NEVER, groups, fastest)
    if fastest[BURSTS] == NEVER:
        return
    most = fastest[LATENCY] * (TOLERANCE + 1) // TOLERANCE
    rank(task, most, groups, thrifty)
    if modes > 1:
        rank(other, most, groups, thrifty)
    for kept in (fastest, thrifty):
        bound_kept(task, least, groups, kept)
        if modes > 1:
            bound_kept(other, least, groups, kept)
