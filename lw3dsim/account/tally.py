"""What mappings of a layer do in all, counted without unrolling their steps.

Events come out as the program of a mapping counts them, but for DRAM: bursts depend on the layouts of
the tensors, which are chosen later, so they are counted as if every tile lay in one piece, which none undercuts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.account.events import Events, make_events
from lw3dsim.account.sorts import Cuts, Totals, empty_grid, total_mappings
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.step import Costs
from lw3dsim.machine.waves import empty_waves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Mapping

# Of tensors inside a fused group.
INSIDE = ("intermediate_read_bits", "intermediate_write_bits", "intermediate_read_words", "intermediate_write_words")


class Tally(Value, frozen=True, kw_only=True):
    """What a mapping does in all.

    ``events`` count DRAM as if tiles lay in one piece, ``moved`` so many bursts; ``first_load`` are those that come
    before the array can start, ``last_store`` those that leave when it is done. ``array_cycles`` is the array at work
    from the first step to the end of the last drain, but for what DMA takes from it at a buffer's only port.
    """

    events: Events
    array_cycles: int
    moved: int
    first_load: int
    last_store: int


def tallies(problem: Problem, mappings: Sequence[Mapping], arch: Accelerator, burst_bytes: int) -> list[Tally]:
    """Return what ``problem`` does under each of ``mappings``; DRAM moves bursts of ``burst_bytes``."""
    work = kernels()
    first, *others = (plain_array(make_machine(problem, arch, mode)) for mode in parallel_modes(problem, arch))
    second = others[0] if others else first
    totals = work.columns(Totals, len(mappings))
    grid = empty_grid(work, max(problem.n, problem.c, *problem.out))
    work(total_mappings)(
        plain_layer(problem),
        first,
        second,
        Cuts(*map(work.words, zip(*map(_cut, mappings), strict=True))),
        8 * burst_bytes,
        grid,
        empty_waves(work),
        work.columns(Costs, 1),
        totals,
    )
    rows = np.array(totals).T.tolist()
    return [_tally(dict(zip(Totals._fields, row, strict=True)), burst_bytes) for row in rows]


def _cut(mapping: Mapping) -> tuple[int, ...]:
    m = mapping
    return m.n, m.c, m.t, m.h, m.w, int(m.order == "tiles_outer"), int(m.parallel == "channel")


def _tally(total: dict[str, int], burst_bytes: int) -> Tally:
    bursts = total["ifmap_bursts"], total["weight_bursts"], total["ofmap_bursts"]
    loaded, weights, stored = (count * burst_bytes for count in bursts)
    steps = total | dict.fromkeys(INSIDE, 0)
    return Tally(
        events=make_events(
            steps,
            (total["ifmap_bits"], total["weight_bits"], total["ofmap_bits"]),
            (total["ifmap_words"], total["weight_words"], total["ofmap_words"]),
            (loaded, weights, stored),
        ),
        array_cycles=total["array_cycles"],
        moved=sum(bursts),
        first_load=total["first_load"],
        last_store=total["last_store"],
    )
