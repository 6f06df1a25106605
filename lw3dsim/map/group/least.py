"""What groups cost at least, whatever their mappings: all that a network has, one after the other, in one call.

A search bounds all chains of a network before it looks at any of them closely.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import entry, kernel, kernels
from lw3dsim.map.group.axes import ANEW
from lw3dsim.map.group.cost import make_rates
from lw3dsim.map.group.gather import gather_uncut, gather_ways, is_square
from lw3dsim.map.group.shortlist import PARTS, Aim, Rates, least_cost
from lw3dsim.map.group.tables import limits_of, make_paths, make_scratch, tables_of
from lw3dsim.map.group.tiles import bound_tile, may_be

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Floats, Words
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.fitting import Limits, Parts
    from lw3dsim.map.group.gather import Layers, Paths, Scratch
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.layer.price import Price

# What ordinary costs come to in integers, and where larger ones are cut off.
ORDINARY, MOST = 1 << 52, 1 << 60


@entry
def bound_groups(
    layers: Layers, paths: Paths, limits: Limits, rates: Rates, aim: Aim, burst_bits: int, own: Scratch, enough: Words,
    least: Words,
) -> None:  # fmt: skip
    """Fill in what the cheapest tile of each group costs at least; NEVER where none fits.

    Where that is ``enough`` or more, it is that.
    """
    for group in range(len(least)):
        best, uncut = enough[group], gather_uncut(layers, paths, group, limits, own)
        whole = gather_ways(layers, paths, group, ANEW, own, uncut, 1)
        if cost_of_tile(whole, limits, rates, aim, burst_bits, own, 0, 0, 0, 0) < best:
            parts = gather_ways(layers, paths, group, limits.halos, own, uncut, 0)
            square = is_square(layers, paths, group, len(parts.stages.n))
            best = least_of_tiles(parts, limits, rates, aim, burst_bits, own, square, best)
        least[group] = best


@kernel
def least_of_tiles(
    parts: Parts, limits: Limits, rates: Rates, aim: Aim, burst_bits: int, own: Scratch, square: bool, enough: int
) -> int:
    """Return what the cheapest tile of a group costs at least, or ``enough`` where that is no more."""
    best, whole_h, whole_w = enough, whole_way(parts.h, own.ways[1]), whole_way(parts.w, own.ways[2])
    # Large tiles first, as they cost less: what costs more along fewer axes than the best so far is passed over.
    for i in range(own.ways[0] - 1, -1, -1):
        if cost_of_tile(parts, limits, rates, aim, burst_bits, own, i, whole_h, whole_w, 0) >= best:
            continue
        for j in range(own.ways[1] - 1, -1, -1):
            if cost_of_tile(parts, limits, rates, aim, burst_bits, own, i, j, whole_w, 0) >= best:
                continue
            # A tile of a square group costs what it costs with H and W exchanged.
            for k in range(j if square else own.ways[2] - 1, -1, -1):
                # A window slides along one axis only.
                if parts.t.is_kept[i] + parts.h.is_kept[j] + parts.w.is_kept[k] <= 1:
                    best = min(best, cost_of_tile(parts, limits, rates, aim, burst_bits, own, i, j, k, 1))
    return best


@kernel
def whole_way(cuts: Cuts, ways: int) -> int:
    """Return the way that leaves an axis whole."""
    way = ways - 1
    while cuts.is_kept[way]:
        way -= 1
    return way


@kernel
def cost_of_tile(
    parts: Parts, limits: Limits, rates: Rates, aim: Aim, burst_bits: int, own: Scratch, i: int, j: int, k: int,
    is_held: int,
) -> int:  # fmt: skip
    """Return what a tile costs at least, NEVER where it has no room; if it isn't ``is_held``, needs none."""
    t, h, w, fit = parts.t, parts.h, parts.w, own.fit
    if is_held and not may_be(parts, limits, i, j, k):
        return NEVER
    fit.t[0], fit.h[0], fit.w[0] = i, j, k
    fit.tiles[0] = t.tiles[i] * h.tiles[j] * w.tiles[k]
    if not bound_tile(parts, limits, own.floor, fit, 0, is_held):
        return NEVER
    return least_cost(rates, aim, fit.cycles[0] * PARTS, fit.bits[0] // burst_bits)


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
    costs, work = np.full(len(groups), np.inf), kernels()
    tables = tables_of(groups, arch)
    limits, rates, scale = limits_of(arch), make_rates(arch, clocks), ORDINARY / ordinary if ordinary else 1.0
    setup = arch.layer_setup_cycles * np.array([price.cycle for price in prices])
    most = np.full(len(groups), NEVER)
    if enough is not None:
        most = np.minimum(np.ceil(np.maximum(enough - setup, 0.0) * scale), float(MOST)).astype(np.int64) + 1
    of_size: dict[tuple[int, int, Price], list[int]] = defaultdict(list)
    for i, (one, price) in enumerate(zip(tables.groups, prices, strict=True)):
        of_size[len(one.layers), one.runs, price].append(i)
    for (stages, runs, price), those in of_size.items():
        paths = make_paths([tables.groups[i] for i in those])
        own, least = make_scratch(stages, runs, tables, arch), work.room(len(those))
        aim = _make_aim(price, clocks, scale)
        work(bound_groups)(
            tables.layers, paths, limits, rates, aim, 8 * clocks.burst_bytes, own, work.words(most[those]), least
        )
        found = np.asarray(least)
        costs[those] = np.where(found < NEVER, found / scale, np.inf)
    return np.asarray(costs + setup, dtype=np.float64)


def _make_aim(price: Price, clocks: Clocks, scale: float) -> Aim:
    """Return prices in integers, ``scale`` times as high, rounded down; without trees."""
    part, busy = (int(cost / PARTS * scale) for cost in (price.cycle, price.busy))
    burst = int(price.dram_byte * clocks.burst_bytes * scale)
    parts, bursts = MOST // (part + busy + 1), MOST // (burst + 1)
    return Aim(part=part, busy=busy, burst=burst, parts=parts, bursts=bursts, trees=0)
