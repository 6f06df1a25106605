"""DRAM bursts of a layer under every tiling, for one order of the DRAM-level loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.arrays import Ints, ceil_div, full_and_rest
from lw3dsim.map.mapping import weight_tile_bits

if TYPE_CHECKING:
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.mapping import Order
    from lw3dsim.map.problem import Problem
    from lw3dsim.map.tilings import Tilings


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Bursts of the whole layer, the loads and stores that carry them, and the bursts that nothing can hide.

    ``visits`` is about how often a DRAM row is opened; ``exposed`` is the first
    input and weight tile and the last output tile.
    """

    bursts: Ints
    loads: Ints
    stores: Ints
    visits: Ints
    exposed: Ints

    def take(self, index: Ints) -> Traffic:
        """Return the traffic of the tilings at ``index``."""
        return Traffic(**{name: values[index] for name, values in vars(self).items()})


def traffic(problem: Problem, tilings: Tilings, order: Order, clocks: Clocks) -> Traffic:
    """Count the bursts of ``problem``, exactly as the schedule of each tiling moves them."""
    burst_bytes, page_bursts = clocks.burst_bytes, clocks.dram.page_bursts
    n_parts, c_parts, spatial = tilings.n_parts(problem), tilings.c_parts(problem), tilings.spatial
    ifmap_times, weight_times = _repetitions(problem, n_parts, c_parts, spatial, order)
    channel_tiles = c_parts if problem.structure == "dense" else n_parts
    ifmap, ofmap = problem.sources * tilings.input.bursts, tilings.output.bursts
    tiles = problem.groups * spatial * channel_tiles * np.where(problem.reduces_frames, c_parts, 1)
    first_weight = ceil_div(weight_tile_bits(problem, tilings.n, tilings.c, True), 8 * burst_bytes)
    weight = weight_times * _weight_bursts(problem, tilings, burst_bytes)
    stores = problem.groups * spatial * n_parts
    return Traffic(
        bursts=ifmap_times * ifmap + weight + ofmap,
        loads=ifmap_times * tiles,
        stores=stores,
        visits=ifmap_times * problem.sources * tilings.input.visits(page_bursts)
        + weight // page_bursts
        + tilings.output.visits(page_bursts),
        exposed=ceil_div(ifmap, tiles) + first_weight + ceil_div(ofmap, stores),
    )


def _weight_bursts(problem: Problem, tilings: Tilings, burst_bytes: int) -> Ints:
    """Return the bursts of all weight tiles once: full and ragged ones, the first of a reduction with biases."""
    bursts = np.zeros_like(tilings.n)
    for n_count, n in full_and_rest(np.full_like(tilings.n, problem.n), tilings.n):
        c_cuts = full_and_rest(np.full_like(tilings.c, problem.c), tilings.c)
        for c_count, c in c_cuts:
            bits = weight_tile_bits(problem, n, c, False)
            bursts += n_count * c_count * ceil_div(bits, 8 * burst_bytes)
        # The first reduction step is a full one: tiles are never larger than the tensor.
        plain, biased = (weight_tile_bits(problem, n, c_cuts[0][1], first) for first in (False, True))
        bursts += n_count * (ceil_div(biased, 8 * burst_bytes) - ceil_div(plain, 8 * burst_bytes))
    return problem.groups * bursts


def _repetitions(problem: Problem, n_parts: Ints, c_parts: Ints, spatial: Ints, order: Order) -> tuple[Ints, Ints]:
    """Return how often all input tiles, and all weight tiles, are loaded.

    Where the reduction is cut, its tiles take turns and nothing stays on chip.
    """
    is_cut = c_parts > 1
    if order == "weights_outer":
        ifmap = np.where(is_cut | (spatial > 1), n_parts, 1)
        weight = np.where(is_cut, spatial, 1)
    else:
        ifmap = np.where(is_cut, n_parts, 1)
        weight = np.where(is_cut | (n_parts > 1), spatial, 1)
    return (ifmap if problem.structure == "dense" else np.ones_like(ifmap)), weight
