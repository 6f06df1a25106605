"""The DRAM as an engine sees it: when a box of bursts is moved.

:func:`transfer` is called once per tile, in the order in which DMA is granted, and keeps its state in flat integer
sequences: lists here, arrays where it is compiled. Times are ticks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.arrays import spread
from lw3dsim.base.kernels import interpreted, kernel, kernels
from lw3dsim.base.values import replace
from lw3dsim.describe.address_map import DEFAULT_MAPPING
from lw3dsim.dram import in_order
from lw3dsim.dram.device import idle_device, rules_of
from lw3dsim.dram.in_order import least_clocks, serve_runs
from lw3dsim.schedule.dma import runs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Words
    from lw3dsim.describe.clocks import Clocks, DramSystem
    from lw3dsim.dram.device import Device
    from lw3dsim.dram.power import DramCounts
    from lw3dsim.engine.reordering import Reordering
    from lw3dsim.schedule.build import Drafted
    from lw3dsim.schedule.dma import Activations, Weights
    from lw3dsim.tensor.runs import Runs

PLAIN, IN_ORDER, REORDERING = 0, 1, 2
MODELS = {"plain": PLAIN, "in_order": IN_ORDER, "fr_fcfs": REORDERING}


class Memory(NamedTuple):
    """A DRAM and all boxes that a job moves.

    Box i is ``box_bursts[i]`` bursts, in the runs ``offsets[i]`` to ``offsets[i + 1]``: ``run_bursts`` bursts from
    address ``run_first`` on, or, in order, anywhere behind it in the same row of a bank. A plain DRAM knows bursts
    only: a channel moves one in ``burst_ticks``, data follows ``latency_ticks`` later. ``device`` is that of the
    in-order bank model, ``reordering`` of the other.
    """

    model: int
    channels: int
    clock_ticks: int
    burst_ticks: int
    latency_ticks: int
    box_bursts: Words
    offsets: Words
    run_first: Words
    run_bursts: Words
    device: Device
    reordering: Reordering | None = None


@interpreted
def reorder(m: Memory, box: int, start: int, is_store: int) -> tuple[int, int]:
    """Move ``box`` through the controllers of a reordering memory; interpreted only."""
    if m.reordering is None:
        raise ValueError("this memory does not reorder")
    runs = slice(m.offsets[box], m.offsets[box + 1])
    run, at = spread(np.array(m.run_bursts[runs], dtype=np.int64))
    bursts = np.asarray(np.array(m.run_first[runs], dtype=np.int64)[run] + at)
    return m.reordering.transfer(bursts, m.clock_ticks, start, is_store)


@kernel
def transfer(m: Memory, box: int, start: int, is_store: int) -> tuple[int, int]:
    """Move ``box``, granted at ``start``.

    Return when the next transfer may be granted, and when the data is on chip
    (loads) or has left the bus (stores). Nothing to move takes no time.
    """
    if m.model == PLAIN:
        free = start - (-m.box_bursts[box] * m.burst_ticks // m.channels)
        return free, free if is_store or free == start else free + m.latency_ticks
    if m.model == REORDERING:
        return reorder(m, box, start, is_store)
    begin = -(-start // m.clock_ticks)
    runs, end = m.offsets[box], m.offsets[box + 1]
    accepted, done = serve_runs(m.device, m.run_first, m.run_bursts, runs, end, begin, is_store)
    return max(accepted * m.clock_ticks, start), max(done * m.clock_ticks, start)


@kernel
def least_ticks(m: Memory, bursts: int) -> int:
    """Return what ``bursts`` take at least, from whenever on and in boxes of any size: for in-order and plain DRAM."""
    if m.model == PLAIN:
        return bursts * m.burst_ticks // m.channels
    return least_clocks(m.device, bursts) * m.clock_ticks


def make_memory(regions: Sequence[Activations | Weights], clocks: Clocks) -> Memory:
    """Return an idle memory with the boxes of ``regions`` in turn."""
    runs = runs_of(() if clocks.dram.model == "plain" else regions, _page_bursts(clocks.dram))
    return idle_memory(clocks, np.concatenate([region.box_bursts for region in regions]), runs)


def draft_memory(draft: Drafted, clocks: Clocks) -> Memory:
    """Return an idle memory with the boxes of what is drafted."""
    is_plain = clocks.dram.model == "plain"
    return idle_memory(clocks, draft.bursts, runs_of(()) if is_plain else draft.list_runs(_page_bursts(clocks.dram)))


def _page_bursts(dram: DramSystem) -> int:
    """Return the bursts behind each other in a row of a bank, which are one visit of it in any order; 0 for none."""
    rules = rules_of(dram) if dram.model == "in_order" else None
    return rules.page.size if rules is not None and rules.lanes == 1 else 0


def idle_memory(clocks: Clocks, box_bursts: Words, runs: Runs) -> Memory:
    """Return the DRAM of ``clocks`` before anything moves; the plain one knows neither runs nor banks."""
    dram = clocks.dram
    return Memory(
        model=MODELS[dram.model],
        channels=dram.channels,
        clock_ticks=clocks.clock_ticks,
        burst_ticks=clocks.burst_ticks,
        latency_ticks=clocks.latency_ticks,
        box_bursts=box_bursts,
        offsets=runs.offsets,
        run_first=runs.first,
        run_bursts=runs.bursts,
        device=idle_device(dram if dram.model == "in_order" else replace(dram, mapping=DEFAULT_MAPPING), kernels()),
        reordering=_reordering(dram) if dram.model == "fr_fcfs" else None,
    )


def _reordering(dram: DramSystem) -> Reordering:
    # A tenth of what a run of a layer imports, and rarely asked for.
    from lw3dsim.engine.reordering import make_reordering

    return make_reordering(dram)


def dram_counts(memory: Memory, finish: int) -> DramCounts | None:
    """Return what the DRAM did until ``finish``, None where it knows no banks; to be called once, at the end."""
    if memory.model == PLAIN:
        return None
    if memory.reordering is not None:
        return memory.reordering.counts(-(-finish // memory.clock_ticks))
    return in_order.counts_until(memory.device, -(-finish // memory.clock_ticks))
