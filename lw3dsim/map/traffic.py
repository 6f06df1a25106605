"""DRAM bursts of a layer under every tiling, for one order of the DRAM-level loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.arrays import Ints, ceil_div

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
    page_bursts = clocks.dram.page_bursts
    n_parts, c_parts, spatial = tilings.n_parts, tilings.c_parts, tilings.spatial
    ifmap_times, weight_times = _repetitions(problem, n_parts, c_parts, spatial, order)
    channel_tiles = c_parts if problem.structure == "dense" else n_parts
    ifmap, ofmap = problem.sources * tilings.input.bursts, tilings.output.bursts
    tiles = problem.groups * spatial * channel_tiles * np.where(problem.reduces_frames, c_parts, 1)
    weight = weight_times * tilings.weight_bursts
    stores = problem.groups * spatial * n_parts
    return Traffic(
        bursts=ifmap_times * ifmap + weight + ofmap,
        loads=ifmap_times * tiles,
        stores=stores,
        visits=ifmap_times * problem.sources * tilings.input.visits(page_bursts)
        + weight // page_bursts
        + tilings.output.visits(page_bursts),
        exposed=ceil_div(ifmap, tiles) + tilings.first_weight_bursts + ceil_div(ofmap, stores),
    )


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
