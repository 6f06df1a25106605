"""What a mapped network pays for how its tensors lie, and whether other layouts may be worth looking for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Linear
from lw3dsim.engine.causes import COMPUTING
from lw3dsim.machine.microarchitecture import shared_ports
from lw3dsim.map.group.floor import stage_floor
from lw3dsim.map.layer.mapping import input_layout, output_layout
from lw3dsim.network.layouts import stored_by
from lw3dsim.network.objective import Figures, network_cost
from lw3dsim.schedule.work import reads

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lw3dsim.account.simulated import Run, Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.map.layer.price import Price
    from lw3dsim.network.objective import Weights
    from lw3dsim.schedule.work import Side, Work
    from lw3dsim.tensor.layout import Layout

    # By the layers of groups, what each costs at least in any layouts.
    LeastOf = Mapping[tuple[AnyLayer, ...], float]

# What units pay for the layouts that others want is worth looking at where it is more than this part of all.
WORTH = 300

# What a unit moves and does not need is worth looking at where it is more than this part of all. A little of it is at
# the edges of tiles in any layout.
MUCH = 200

# What a unit pays for the layouts that others want is worth mapping it anew where it is more than this part of all.
PAYS = 2000

# A unit may save so many times what it moves and does not need, as tiles may be others in other layouts.
SAVES = 2


class Paid(NamedTuple):
    """What a network costs as a ``whole``; of that for layouts that others want; and at most in a unit for no need."""

    whole: float
    for_others: float
    for_nothing: float

    @property
    def is_wasteful(self) -> bool:
        """Whether layouts that none of the units was mapped for may save much."""
        return self.for_nothing * MUCH > self.whole

    @property
    def is_worth_it(self) -> bool:
        """Whether other layouts may save anything that is worth looking for."""
        return self.is_wasteful or self.for_others * WORTH > self.whole


def paid_for_layouts(
    network: Workload,
    units: Sequence[Unit],
    arch: Accelerator,
    weights: Weights,
    least: LeastOf,
) -> Paid:
    """Return what settled ``units`` pay for how their tensors lie: at most, where time waits for every byte.

    Of groups, by their layers, it is known what they cost at ``least`` in any layouts.
    """
    chosen = {name for name, own in network.laid_like.items() if own not in network.read_together}
    free = chosen if arch.dram.layout == "auto" else set()
    extra = sum(unit.layout_extra_bytes for unit in units) if free else 0
    return Paid(
        whole=network_cost(network, units, arch, weights),
        for_others=weights.price.of(extra * cycles_of_byte(arch), extra),
        for_nothing=max(saved_at_most(network, unit, free, weights, least) for unit in units),
    )


def saved_at_most(
    network: Workload,
    unit: Unit,
    free: Collection[str],
    weights: Weights,
    least: LeastOf,
    times: int = 1,
) -> float:
    """Return what a unit may save in other layouts: so many ``times`` what it wastes, down to its ``least`` cost."""
    wasted = times * wasted_by(unit, free, weights.price)
    if weights.pj or not wasted:
        return wasted
    floor = least.get(unit.layers)
    if floor is None:
        floor = least_of_layer(unit.run, weights.price) if len(unit.layers) == 1 else 0.0
    return min(wasted, max(weights.cost(Figures.of(network, unit, None)) - floor, 0.0))


def least_of_layer(run: Run[Work], price: Price) -> float:
    """Return what no mapping of a layer costs less than: its products, on an array all of which works, and its bytes.

    Of a layer on the vector unit it is its bytes alone.
    """
    (problem,), arch = run.work.stages, run.arch
    floor, positions = stage_floor(problem, arch, reads_back=False), math.prod(problem.out)
    tiles = positions / math.prod(problem.algorithm.tile)
    passes = tiles * -(-problem.n // arch.places("output_channels"))
    of_pass = max(floor.of_pass, min(floor.multiply, key=_value), key=_value)
    cycles = max(passes * _value(of_pass), tiles * _value(floor.of_all))
    return price.of(max(cycles, run.compulsory_bytes * cycles_of_byte(arch)), run.compulsory_bytes)


def _value(fraction: tuple[int, int]) -> float:
    return fraction[0] / fraction[1]


def pays_much(unit: Unit, paid: Paid, price: Price) -> bool:
    """Return whether a unit pays so much for the layouts that others want that it may be worth mapping it anew."""
    return price.of(0, unit.layout_extra_bytes) * PAYS > paid.whole


def may_cost(network: Workload, units: Sequence[Unit], arch: Accelerator, weights: Weights) -> float:
    """Return about what ``units`` may cost at best in other layouts."""
    saved = sum(saved_at_most(network, unit, network.shapes, weights, {}, SAVES) for unit in units)
    return network_cost(network, units, arch, weights) - saved


def cycles_of_byte(arch: Accelerator) -> float:
    """Return the cycles in which DRAM moves a byte."""
    clocks = make_clocks(arch)
    return clocks.burst_ticks / clocks.dram.channels / clocks.burst_bytes / clocks.cycle_ticks


def least_as_mapped(units: Sequence[Unit], weights: Weights) -> float:
    """Return what ``units`` cost at least in any layouts, mapped as they are; nothing is said where energy counts.

    The array works as long, and DRAM moves what is needed.
    """
    return -math.inf if weights.pj else math.fsum(_least_as_mapped(unit, weights.price) for unit in units)


def _least_as_mapped(unit: Unit, price: Price) -> float:
    run, arch, clocks = unit.run, unit.run.arch, make_clocks(unit.run.arch)
    moved = run.dram_bytes - wasted_bytes(unit, (unit.layers[0].inputs[0], unit.layers[-1].name))
    # Where DMA and the array meet at a port, pauses depend on what is moved when.
    sure, by_cause = [name for name in COMPUTING if name != "sram_port" or not shared_ports(arch)], run.cycles_by_cause
    array = arch.layer_setup_cycles + sum(cycles for name, cycles in by_cause if name in sure)
    moving = clocks.bound_ticks(moved // clocks.burst_bytes) / clocks.cycle_ticks
    return price.of(max(array, moving), moved)


def wasted_by(unit: Unit, free: Collection[str], price: Price) -> float:
    """Return what the bytes of ``free`` tensors cost that a unit moves and does not need: the rest of bursts."""
    wasted = wasted_bytes(unit, free)
    return price.of(wasted * cycles_of_byte(unit.run.arch), wasted)


def wasted_bytes(unit: Unit, free: Collection[str]) -> int:
    """Return these bytes."""
    events, wasted = unit.run.events, 0
    if unit.layers[0].inputs[0] in free and not isinstance(unit.layers[0], Linear):
        wasted += max(events.dram_ifmap_bytes - events.ifmap_write_bytes, 0)
    if any(name in free for name in (unit.layers[-1].name, *stored_by(unit).values())):
        wasted += max(events.dram_ofmap_bytes - events.ofmap_dma_bytes, 0)
    return wasted


def padding(layout: Layout, block: int) -> int:
    """Return the bytes that a tensor takes beyond its elements in channel blocks of ``block``."""
    bits = layout.channels * math.prod(layout.extent) * layout.element_bits
    return replace(layout, block=block).bursts * layout.burst_bytes - -(-bits // 8)


def layout_of(unit: Unit, side: Side) -> Layout:
    """Return where a side of a unit lies."""
    work, burst_bytes = unit.run.work, make_clocks(unit.run.arch).burst_bytes
    if reads(side):
        return input_layout(work.reader(side), burst_bytes)
    return output_layout(work.maker(side), burst_bytes)
