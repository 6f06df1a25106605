"""The few tilings worth simulating, with their bounds: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.kernels import entry
from lw3dsim.map.layer.bounds import bound_kept
from lw3dsim.map.layer.price import TOLERANCE
from lw3dsim.map.layer.ranking import INFINITE, Aim, insert, keep_nothing, rank
from lw3dsim.map.layer.tiling import Task, Tiling

if TYPE_CHECKING:
    from lw3dsim.machine.records import Array
    from lw3dsim.map.layer.bounds import Least
    from lw3dsim.map.layer.compute import Costed
    from lw3dsim.map.layer.ranking import Kept


@entry
def shortlist(
    task: Task,
    second: Array,
    modes: int,
    burst_ticks: int,
    own_ticks: int,
    busy_parts: int,
    row_ticks: int,
    least: Least,
    costed: Costed,
    best: Kept,
    thrifty: Kept,
) -> None:
    """Fill ``best``, and ``thrifty`` with those that move least among the nearly fastest, of all parallel modes.

    A burst counts as ``burst_ticks``; where it does, there is no need of ``thrifty``. Where there are two ``modes``,
    ``second`` is the array in the other, which costs ``own_ticks`` more; for ``busy_parts`` and ``row_ticks`` see Aim.
    ``costed`` is scratch.
    """
    keep_nothing(best)
    keep_nothing(thrifty)
    other = Task(task.layer, second, 1, task.limits, task.times, task.choices)
    rank(task, Aim(burst_ticks, 0, busy_parts, row_ticks, INFINITE), costed, best)
    if modes > 1:
        rank(other, Aim(burst_ticks, own_ticks, busy_parts, row_ticks, INFINITE), costed, best)
    if best.bursts[0] == INFINITE:
        return
    if burst_ticks == 0:
        aim = Aim(0, 0, 0, 0, best.latency[0] + best.latency[0] // TOLERANCE)
        # What is known to be nearly fastest rules out most of the others.
        for row in range(len(best.bursts)):
            if best.latency[row] <= aim.most:
                at = Tiling(best.n[row], best.c[row], best.t[row], best.h[row], best.w[row])
                bursts, visits = best.bursts[row], best.visits[row]
                insert(thrifty, aim, best.latency[row], 0, bursts, visits, best.order[row], best.mode[row], at)
        rank(task, aim, costed, thrifty)
        if modes > 1:
            rank(other, aim, costed, thrifty)
    for kept in (best, thrifty):
        bound_kept(task, least, costed, kept)
        if modes > 1:
            bound_kept(other, least, costed, kept)
