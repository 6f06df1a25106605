"""What groups cost at least, whatever their mappings: all that a network has, one after the other, in one call.

A search bounds all chains of a network before it looks at any of them closely.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import entry, kernels
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.group.axes import ANEW
from lw3dsim.map.group.cheapest import least_of_tiles
from lw3dsim.map.group.cost import make_rates
from lw3dsim.map.group.gather import Pace, gather_largest, gather_uncut, gather_ways, is_square
from lw3dsim.map.group.known import lent_known
from lw3dsim.map.group.pricing import MOST, Aim, Rates, aim_of, needs_slots
from lw3dsim.map.group.stepping import Steps
from lw3dsim.map.group.tables import Numbers, lent_scratch, limits_of, make_paths, tables_of
from lw3dsim.map.group.tiles import Gauge, bound_rest, cost_of_tile
from lw3dsim.map.group.weighing import Seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Floats, Words
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.group.fitting import Limits
    from lw3dsim.map.group.gather import Layers, Paths, Scratch
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.layer.price import Price

# What ordinary costs come to in integers.
ORDINARY = 1 << 52

# Sizes of steps whose cycles are remembered, of all groups: a prime, as the places of keys repeat with even ones.
STEPS = 4093


@entry
def bound_groups(
    layers: Layers, paths: Paths, limits: Limits, rates: Rates, aim: Aim, burst_bits: int, own: Scratch, steps: Steps,
    enough: Words, least: Words,
) -> None:  # fmt: skip
    """Fill in what the cheapest tile of each group costs at least; NEVER where none fits.

    Where that is ``enough`` or more, it is that.
    """
    for group in range(len(least)):
        best, uncut = enough[group], gather_uncut(layers, paths, group, limits, own)
        whole = gather_ways(layers, paths, group, ANEW, own, uncut, 1)
        gauge = Gauge(limits, own.floor, rates, aim, burst_bits, 1)
        bound_rest(whole, own.floor, 0, 0, 0)
        cost = cost_of_tile(whole, gauge, own.fit, 0, 0, 0, 0, 0, NEVER)
        if cost < best and limits.slots > 1 and needs_slots(rates, aim, own.fit.cycles[0]):
            gather_largest(uncut, limits, own.floor, limits.slots)
            gauge = Gauge(limits, own.floor, rates, aim, burst_bits, limits.slots)
            cost = cost_of_tile(whole, gauge, own.fit, 0, 0, 0, 0, 0, NEVER)
        if cost < best:
            parts = gather_ways(layers, paths, group, limits.halos, own, uncut, 0)
            square = 1 if is_square(layers, paths, group, len(parts.stages.n)) else 0
            best = least_of_tiles(parts, (own.ways[0], own.ways[1], own.ways[2]), gauge, own.fit, square, best, steps)
        least[group] = best


def least_of_groups(
    groups: Sequence[Group],
    arch: Accelerator,
    clocks: Clocks,
    prices: Sequence[Price],
    ordinary: float,
    enough: Floats | None = None,
) -> Floats:
    """Return what no mapping of each of ``groups`` costs less than, but for adder trees; infinite where none fits.

    Each has a price of its own. Costs of about an ``ordinary`` size are bounded the most closely. What costs
    ``enough``, if that is given by group, is said to cost about that at least, however much more it does.
    """
    limits, rates, scale = limits_of(arch), make_rates(arch, clocks), ORDINARY / ordinary if ordinary else 1.0
    setup = arch.layer_setup_cycles * np.array([price.cycle for price in prices])
    most = np.full(len(groups), NEVER)
    if enough is not None:
        most = np.minimum(np.ceil(np.maximum(enough - setup, 0.0) * scale), float(MOST)).astype(np.int64) + 1
    # Networks repeat their blocks: groups that are alike are bounded once.
    asked: Numbers[tuple[Group, Price, int]] = Numbers()
    numbers = [asked[one] for one in zip(groups, prices, most.tolist(), strict=True)]
    bounds, costs = np.array([bound for *_, bound in asked], dtype=np.int64), np.full(len(asked), np.inf)
    tables, work = tables_of([group for group, *_ in asked], arch), kernels()
    of_size: dict[tuple[int, int, Price], list[int]] = defaultdict(list)
    for i, (one, (_, price, _)) in enumerate(zip(tables.groups, asked, strict=True)):
        of_size[len(one.layers), one.runs, price].append(i)
    waves, seen, kinds = empty_waves(work), work.sheet(Seen, STEPS), len(tables.layers.pace) // len(Pace._fields)
    with lent_known() as known:
        for (stages, runs, price), those in of_size.items():
            paths, least = make_paths([tables.groups[i] for i in those]), work.room(len(those))
            aim = aim_of(price, clocks, scale, ())
            steps = Steps(waves, seen, kinds if price.cycle or price.busy else 0)
            with lent_scratch(stages, runs, tables, arch) as own:
                work(bound_groups)(
                    tables.layers,
                    paths,
                    limits,
                    rates,
                    aim,
                    8 * clocks.burst_bytes,
                    own._replace(known=known),
                    steps,
                    work.words(bounds[those]),
                    least,
                )
            found = np.asarray(least)
            costs[those] = np.where(found < NEVER, found / scale, np.inf)
    return np.asarray(costs[np.array(numbers, dtype=np.int64)] + setup, dtype=np.float64)
