"""What a layer costs at least, before it is simulated and while its tensors have no layout: from its candidates alone.

The mapper takes one of a few candidates by simulation. Of each, SRAM and arithmetic are known exactly. It takes no less
time than the array is at work, with the first tiles loaded before and the last stored after, nor than its bursts on a
full bus. It moves no fewer bursts than its tiles would fill in one piece; a row is opened for every row of compulsory
bytes; DRAM is refreshed in that time, and a bank is open for as long as a burst takes, for every burst. A layer costs
no less than the cheapest of its candidates in each of these.

The controller that reorders may merge what it is asked for, and put off refreshes: there only compulsory bytes count.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from lw3dsim.account.dram import dram_energy_pj, plain_counts
from lw3dsim.account.energy import Stage, onchip_pj
from lw3dsim.account.simulated import component_energy_pj
from lw3dsim.account.tally import tallies
from lw3dsim.base.caches import kept
from lw3dsim.base.values import Value
from lw3dsim.dram.device import rules_of
from lw3dsim.dram.power import DramCounts
from lw3dsim.map.floor import compulsory_by_stream
from lw3dsim.map.layer.price import CANDIDATES
from lw3dsim.network.layers import LayerSearch, by_itself, of_ways
from lw3dsim.schedule.work import LayerWork

if TYPE_CHECKING:
    from lw3dsim.account.energy import Sparsity
    from lw3dsim.account.events import Events
    from lw3dsim.account.simulated import LayerRun, Unit
    from lw3dsim.account.tally import Tally
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Mapping
    from lw3dsim.network.layers import Alone


class Floor(Value, frozen=True, kw_only=True):
    """What a layer costs at least under the mapping of ``work``; ``working_pj`` is its energy but for leakage."""

    work: LayerWork
    cycles: int
    dram_bytes: int
    working_pj: float


Floors = tuple[Floor, ...]


def layer_floors(network: Workload, layer: AnyLayer, arch: Accelerator, policy: str, sparsity: Sparsity) -> Floors:
    """Return the floors of all mappings that a layer may get by ``policy``, mapped for latency.

    Raises MappingError where no tiling fits the buffers.
    """
    return _layer_floors(by_itself(network, layer, arch, policy), sparsity)


@kept(65536)
def _layer_floors(asked: Alone, sparsity: Sparsity) -> Floors:
    ways = of_ways(asked, partial(_floors, sparsity=sparsity))
    return tuple(floor for floors in ways for floor in floors)


@kept(65536)
def _floors(problem: Problem, arch: Accelerator, sparsity: Sparsity) -> Floors:
    search = LayerSearch(problem=problem, arch=arch, price=None, most=CANDIDATES)
    clocks, mappings = search.clocks, [found.mapping for found in search.candidates()]
    found = tallies(problem, mappings, arch, clocks.burst_bytes)
    return tuple(
        _floor(problem, mapping, one, arch, clocks, sparsity) for mapping, one in zip(mappings, found, strict=True)
    )


def _floor(
    problem: Problem, mapping: Mapping, found: Tally, arch: Accelerator, clocks: Clocks, sparsity: Sparsity
) -> Floor:
    ticks = _least_ticks(found, problem, arch, clocks)
    stage = Stage(problem=problem, events=found.events, ideal_mults=problem.ideal_mults)
    counts = _least_counts(found.events, problem, clocks, ticks)
    moved_pj = sum(dram_energy_pj(clocks.dram, counts).values())
    return Floor(
        work=LayerWork(problem, mapping),
        cycles=-(-ticks // clocks.cycle_ticks),
        dram_bytes=found.moved * clocks.burst_bytes,
        working_pj=onchip_pj([stage], found.events, arch, [sparsity]) + moved_pj,
    )


def _least_ticks(found: Tally, problem: Problem, arch: Accelerator, clocks: Clocks) -> int:
    setup = arch.layer_setup_cycles * clocks.cycle_ticks
    array = found.array_cycles * clocks.cycle_ticks
    if clocks.dram.model == "fr_fcfs":
        return setup + max(array, clocks.bound_ticks(_compulsory_bursts(problem, clocks)))
    alone = (found.first_load + found.last_store) * clocks.least_burst_ticks // clocks.dram.channels
    answer = clocks.answer_ticks if found.first_load else 0
    on_bus = max(setup + clocks.bound_ticks(found.moved), clocks.refreshed_ticks(found.moved))
    return max(setup + array + alone + answer, on_bus)


def _compulsory_bursts(problem: Problem, clocks: Clocks) -> int:
    return sum(size // clocks.burst_bytes for size in compulsory_by_stream(problem).values())


def _least_counts(events: Events, problem: Problem, clocks: Clocks, ticks: int) -> DramCounts:
    """Return what the DRAM does at least in a layer that takes at least so many ``ticks``."""
    dram, least = clocks.dram, compulsory_by_stream(problem)
    if dram.model == "plain":
        return plain_counts(dram, events, clocks.dram_clocks(-(-ticks // clocks.cycle_ticks)))
    reads, writes = (size // clocks.burst_bytes for size in (events.dram_read_bytes, events.dram_write_bytes))
    each = ticks // clocks.clock_ticks
    refreshes = bank_refreshes = 0
    if dram.model == "fr_fcfs":
        reads = (least["ifmap"] + least["weight"]) // clocks.burst_bytes
        writes = least["ofmap"] // clocks.burst_bytes
    else:
        rules = rules_of(dram)
        done = dram.channels * (each // rules.refresh_every)
        refreshes, bank_refreshes = (0, done) if rules.is_per_bank else (done, 0)
    rows = -(-sum(least.values()) // (dram.page_bursts * clocks.burst_bytes))
    active = min((reads + writes) * dram.standard.burst_clocks, dram.channels * each)
    return DramCounts(
        reads=reads,
        writes=writes,
        activates=rows,
        precharges=rows,
        refreshes=refreshes,
        bank_refreshes=bank_refreshes,
        active_clocks=active,
        idle_clocks=dram.channels * each - active,
    )


def floors_under(floors: Floors, run: LayerRun) -> Floors:
    """Return the floors of the mapping that simulation chose, whatever layouts the tensors will have."""
    return tuple(one for one in floors if one.work == run.work) or floors


def exact_floor(network: Workload, unit: Unit) -> Floor:
    """Return what a layer costs that was simulated with its tensors as they lie in the end."""
    work = unit.run.work
    if not isinstance(work, LayerWork):
        raise TypeError(f"{unit.name} is no layer by itself")
    energy = component_energy_pj(network, unit, 0.0)
    return Floor(
        work=work,
        cycles=unit.run.latency_cycles,
        dram_bytes=unit.run.dram_bytes,
        working_pj=math.fsum(energy.values()),
    )
