"""DRAM bursts of a layer under every tiling, for one order of the DRAM-level loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.arrays import Ints, ceil_div
from lw3dsim.map.bursts import Run
from lw3dsim.map.mapping import weight_tile_bits

if TYPE_CHECKING:
    from lw3dsim.map.mapping import Order
    from lw3dsim.map.problem import Problem
    from lw3dsim.map.tilings import Side, Tilings


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Bursts of the whole layer, the loads that carry them, and the bursts that nothing can hide.

    ``exposed`` is the first input and weight tile and the last output tile.
    """

    bursts: Ints
    loads: Ints
    exposed: Ints

    def take(self, index: Ints) -> Traffic:
        """Return the traffic of the tilings at ``index``."""
        return Traffic(bursts=self.bursts[index], loads=self.loads[index], exposed=self.exposed[index])


def traffic(problem: Problem, tilings: Tilings, order: Order, burst_bytes: int) -> Traffic:
    """Count the bursts of ``problem``; activations exactly, weights as if every tile were full."""
    n_parts, c_parts, spatial = tilings.n_parts(problem), tilings.c_parts(problem), tilings.spatial
    is_dense = problem.structure == "dense"
    ifmap_times, weight_times = _repetitions(problem, n_parts, c_parts, spatial, order)
    channels, total = (tilings.c, problem.c) if is_dense else (tilings.n, problem.n)
    ifmap = problem.sources * _tensor_bursts(
        tilings.input, channels, total, _run(problem, problem.input_block, burst_bytes)
    )
    ofmap = _tensor_bursts(tilings.output, tilings.n, problem.n, _run(problem, problem.output_block, burst_bytes))
    weight = ceil_div(weight_tile_bits(problem, tilings.n, tilings.c, True), 8 * burst_bytes)
    tiles = spatial * ceil_div(total, channels) * np.where(problem.reduces_frames, c_parts, 1)
    return Traffic(
        bursts=problem.groups * (ifmap_times * ifmap + weight_times * n_parts * c_parts * weight + ofmap),
        loads=problem.groups * ifmap_times * tiles,
        exposed=ceil_div(ifmap, tiles) + weight + ceil_div(ofmap, spatial * n_parts),
    )


def _run(problem: Problem, block: int, burst_bytes: int) -> Run:
    return Run(element_bits=problem.activation_bits, block=block, burst_bytes=burst_bytes)


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


def _tensor_bursts(side: Side, channels: Ints, total: int, run: Run) -> Ints:
    """Return the bursts of moving a tensor once, tile by tile; the sum of Footprint.bursts over all tiles."""
    full, rest = total // channels, total % channels
    pixels = side.t_needed * side.h_needed * side.w_span
    by_row = side.t_needed * side.h_needed * side.w_bursts
    by_frame = side.t_needed * side.h_bursts
    is_plane = (side.w_whole & side.h_whole).astype(bool)
    per_block = np.where(is_plane, side.t_bursts, np.where(side.w_whole.astype(bool), by_frame, by_row))
    blocks = full * ceil_div(channels, run.block) + ceil_div(rest, run.block)
    bursts = blocks * per_block
    merged = full * run.bursts(ceil_div(channels, run.block) * run.block * pixels) + run.bursts(
        ceil_div(rest, run.block) * run.block * pixels
    )
    bursts = np.where(is_plane & side.t_whole.astype(bool), merged, bursts)
    scattered = (full * run.bursts(channels) + run.bursts(rest)) * pixels
    is_part = (channels < run.block) & (channels < total)
    return np.asarray(np.where(is_part, scattered, bursts), dtype=np.int64)
