"""Estimated latency of a layer under every tiling: what ranks candidates before they are simulated.

Compute cycles are those of a full step, times the steps. The latency is the
larger of compute, DRAM and the turnaround of the buffer slots, plus what nothing
can hide. Estimates are floats, since they only rank; simulation decides in integers.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.arrays import Floats, Ints, ceil_div, full_and_rest
from lw3dsim.map.microarchitecture import Machine, group_cost, group_shape, vector_cost

if TYPE_CHECKING:
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.problem import Problem
    from lw3dsim.map.tilings import Tilings
    from lw3dsim.map.traffic import Traffic


def latency(
    problem: Problem,
    machine: Machine,
    tilings: Tilings,
    moved: Traffic,
    step_cycles: Ints,
    slots: int,
    clocks: Clocks,
) -> Floats:
    """Return the estimated latency in ticks, from the cycles of a full step."""
    steps = tilings.steps(problem).astype(np.float64)
    # Compute is proportional to c: scaling by C removes the ragged last reduction step.
    share = problem.c / (tilings.c_parts * tilings.c)
    compute = steps * (step_cycles * share + machine.fill_cycles) * clocks.cycle_ticks
    burst_ticks = clocks.burst_ticks / clocks.dram.channels
    transfer = moved.bursts.astype(np.float64) * burst_ticks
    # Rows can't be opened faster than banks take turns; the bus turns round for every store.
    opening = moved.visits.astype(np.float64) * (clocks.visit_ticks / clocks.dram.channels)
    transfer = np.maximum(transfer, opening) + moved.stores.astype(np.float64) * clocks.turnaround_ticks
    # A slot is refilled only after its step: load, latency and compute share the slots.
    turnaround = (transfer + compute + moved.loads.astype(np.float64) * clocks.latency_ticks) / slots
    exposed = moved.exposed.astype(np.float64) * burst_ticks
    return np.asarray(np.maximum(np.maximum(compute, transfer), turnaround) + exposed)


def rough_step_cycles(problem: Problem, machine: Machine, tilings: Tilings) -> Ints:
    """Return the cycles of a full step, its groups taken as evenly filled; exact for vector steps."""
    n, t, h, w = tilings.n, tilings.t, tilings.h, tilings.w
    if problem.structure == "vector":
        is_whole = tilings.c >= problem.c
        return vector_cost(
            problem,
            machine,
            inputs=problem.sources * n * tilings.input.pixels,
            outputs=n * t * h * w,
            c=tilings.c,
            is_first=is_whole,
            is_last=is_whole,
        ).compute
    shape = group_shape(problem, machine, t, h, w)
    tiles = np.ones_like(n)
    for size, m in zip((t, h, w), problem.algorithm.tile, strict=True):
        tiles = tiles * ceil_div(size, m)
    each = _group_cycles(problem, machine, tilings, np.minimum(n, machine.rows), shape)
    return ceil_div(n, machine.rows) * ceil_div(each * tiles, shape[0] * shape[1] * shape[2])


def step_cycles(problem: Problem, machine: Machine, tilings: Tilings) -> Ints:
    """Return the cycles of a full step, every full and every ragged group counted."""
    shape = group_shape(problem, machine, tilings.t, tilings.h, tilings.w)
    cuts = [full_and_rest(tilings.n, np.full_like(tilings.n, machine.rows))]
    for size, m, part in zip((tilings.t, tilings.h, tilings.w), problem.algorithm.tile, shape, strict=True):
        cuts.append(full_and_rest(ceil_div(size, m), part))
    cycles = np.zeros_like(tilings.n)
    for (rows_count, rows), (t_count, t), (h_count, h), (w_count, w) in itertools.product(*cuts):
        count = rows_count * t_count * h_count * w_count
        some = np.flatnonzero(count)
        if len(some):
            tiles = (t[some], h[some], w[some])
            cycles[some] += count[some] * _group_cycles(problem, machine, tilings.take(some), rows[some], tiles)
    return cycles


def _group_cycles(
    problem: Problem, machine: Machine, tilings: Tilings, rows: Ints, tiles: tuple[Ints, Ints, Ints]
) -> Ints:
    """Return the cycles of groups of ``rows`` and ``tiles``: computing or draining, whichever is longer."""
    outputs = np.ones_like(rows)
    sizes = (tilings.t, tilings.h, tilings.w)
    for part, m, size in zip(tiles, problem.algorithm.tile, sizes, strict=True):
        outputs = outputs * np.minimum(part * m, size)
    is_whole = tilings.c >= problem.c
    cost = group_cost(
        problem,
        machine,
        rows=rows,
        tiles=tiles,
        outputs=outputs,
        c=tilings.c,
        is_first=is_whole,
        is_last=is_whole,
    )
    return np.maximum(cost.compute, cost.drain)
