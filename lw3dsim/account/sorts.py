"""What mappings of a layer do in all, from the sorts of their tiles: plain integer code.

Along an axis all tiles but a few are like the one before, so the steps of a mapping are of few sorts, each costed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.machine.pace import port_cycles
from lw3dsim.machine.records import DENSE, VECTOR
from lw3dsim.machine.step import Costs, cost_step
from lw3dsim.map.layer.compute import tile_frames
from lw3dsim.map.layer.sums import input_channels, read_positions, tile_along, tiles_along, weight_bits
from lw3dsim.map.layer.tiling import weight_sets

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.machine.waves import Waves


class Cuts(NamedTuple):
    """Mappings, one an element: sizes of a tile, 1 where input tiles stay while weights pass, 1 in the second mode."""

    n: Words
    c: Words
    t: Words
    h: Words
    w: Words
    tiles_outer: Words
    mode: Words


class Sorts(NamedTuple):
    """Runs of tiles along an axis that are alike: how many tiles, and of each what it makes and reads.

    ``needed`` and ``span`` are positions of the input; ``is_first`` and ``is_last`` are places in the reduction.
    """

    number: Words
    size: Words
    needed: Words
    span: Words
    is_first: Words
    is_last: Words


class Grid(NamedTuple):
    """The sorts along N, the reduction C, T, H and W, and of each axis how many there are; ``tiles`` along each.

    Where frames are reduced, T has a tile for every clip, and what is needed of its frames stands with C.
    """

    n: Sorts
    c: Sorts
    t: Sorts
    h: Sorts
    w: Sorts
    many: Words
    tiles: Words


class Totals(NamedTuple):
    """Per mapping: events by name, bits, words and bursts of all tiles in buffers, and the figures of a Tally."""

    mults: Words
    accumulations: Words
    tree_adds: Words
    staged_inputs: Words
    input_tiles: Words
    weight_kernels: Words
    output_tiles: Words
    vector_ops: Words
    ifmap_read_bits: Words
    weight_read_bits: Words
    ofmap_read_bits: Words
    ofmap_write_bits: Words
    ifmap_read_words: Words
    weight_read_words: Words
    partial_words: Words
    result_words: Words
    ifmap_bits: Words
    weight_bits: Words
    ofmap_bits: Words
    ifmap_words: Words
    weight_words: Words
    ofmap_words: Words
    ifmap_bursts: Words
    weight_bursts: Words
    ofmap_bursts: Words
    array_cycles: Words
    first_load: Words
    last_store: Words


N, C, T, H, W = 0, 1, 2, 3, 4


def empty_grid(work: Kernels, most: int) -> Grid:
    """Return room for sorts of up to ``most`` tiles along every axis."""
    n, c, t, h, w = (work.columns(Sorts, most) for _ in range(5))
    return Grid(n, c, t, h, w, work.empty(5), work.empty(5))


@entry
def total_mappings(
    layer: Layer, first: Array, second: Array, cuts: Cuts, burst_bits: int, grid: Grid, waves: Waves, costs: Costs,
    totals: Totals,
) -> None:  # fmt: skip
    """Fill in the ``totals``, all 0, of every one of ``cuts``; the others, the ``costs`` of one step, are scratch."""
    for i in range(len(cuts.n)):
        # The array reads whole patches: only in vector steps, and to move tiles, it matters what these need.
        cut_grid(layer, cuts, i, layer.structure == VECTOR, grid)
        if cuts.mode[i]:
            total_steps(layer, second, grid, waves, costs, totals, i)
        else:
            total_steps(layer, first, grid, waves, costs, totals, i)
        cut_grid(layer, cuts, i, True, grid)
        tiles_outer = cuts.tiles_outer[i] > 0
        total_inputs(layer, first, grid, tiles_outer, burst_bits, totals, i)
        if layer.kernel_bits:
            total_weights(layer, first, grid, tiles_outer, burst_bits, totals, i)
        total_outputs(layer, first, grid, burst_bits, totals, i)


@kernel
def cut_grid(layer: Layer, cuts: Cuts, i: int, reads: bool, grid: Grid) -> None:
    """Fill in the sorts of mapping ``i``; unless it ``reads``, tiles that need more or less of the input are alike."""
    grid.many[N], grid.tiles[N] = cut_channels(layer.n, cuts.n[i], grid.n)
    grid.many[C], grid.tiles[C] = cut_reduction(layer, cuts.c[i], grid.c)
    if layer.reduces_frames:
        grid.many[T], grid.tiles[T] = add_tile(grid.t, 0, 1, 0, 0, 0, 0), layer.segments
        grid.t.number[0] = layer.segments
    else:
        grid.many[T], grid.tiles[T] = cut_axis(layer, 0, cuts.t[i], reads, grid.t)
    grid.many[H], grid.tiles[H] = cut_axis(layer, 1, cuts.h[i], reads, grid.h)
    grid.many[W], grid.tiles[W] = cut_axis(layer, 2, cuts.w[i], reads, grid.w)


@kernel
def add_tile(sorts: Sorts, many: int, size: int, needed: int, span: int, is_first: int, is_last: int) -> int:
    """Add a tile behind ``many`` sorts, to the last of them where it is alike; return how many there are now."""
    if many > 0 and is_alike(sorts, many - 1, size, needed, span, is_first, is_last):
        sorts.number[many - 1] += 1
        return many
    sorts.number[many], sorts.size[many], sorts.needed[many], sorts.span[many] = 1, size, needed, span
    sorts.is_first[many], sorts.is_last[many] = is_first, is_last
    return many + 1


@kernel
def is_alike(sorts: Sorts, at: int, size: int, needed: int, span: int, is_first: int, is_last: int) -> bool:
    """Return whether a tile is of the sort ``at``."""
    reads = sorts.needed[at] == needed and sorts.span[at] == span
    return reads and sorts.size[at] == size and sorts.is_first[at] == is_first and sorts.is_last[at] == is_last


@kernel
def cut_channels(total: int, tile: int, sorts: Sorts) -> tuple[int, int]:
    """Fill in the sorts of ``total`` channels in tiles of ``tile``; return how many sorts and tiles there are."""
    many, tiles = 0, ceiling(total, tile)
    for first in range(0, total, tile):
        many = add_tile(sorts, many, min(tile, total - first), 0, 0, 0, 0)
    return many, tiles


@kernel
def cut_reduction(layer: Layer, tile: int, sorts: Sorts) -> tuple[int, int]:
    """Fill in the sorts of what is summed up: channels, or frames and what the input has of them."""
    many, tiles = 0, ceiling(layer.c, tile)
    for first in range(0, layer.c, tile):
        last, frames = min(first + tile, layer.c), 0
        if layer.reduces_frames:
            frames = tile_frames(layer, 0, 1, first, last - first)
        at_start, at_end = 1 if first == 0 else 0, 1 if last == layer.c else 0
        many = add_tile(sorts, many, last - first, frames, frames, at_start, at_end)
    return many, tiles


@kernel
def cut_axis(layer: Layer, axis: int, tile: int, reads: bool, sorts: Sorts) -> tuple[int, int]:
    """Fill in the sorts along T, H or W: what is made, and, where that matters, what is read for it."""
    many, tiles = 0, tiles_along(layer, axis, tile)
    for number in range(tiles):
        first, outputs = tile_along(layer, axis, tile, number)
        needed = span = 0
        if reads:
            _, span, needed = read_positions(layer, axis, first, outputs)
        many = add_tile(sorts, many, outputs, needed, span, 0, 0)
    return many, tiles


@kernel
def total_steps(layer: Layer, array: Array, grid: Grid, waves: Waves, costs: Costs, totals: Totals, i: int) -> None:
    """Add up the events of all steps, and the least cycles of the array from the first to the end of the last drain.

    Within a tile a step waits for the drain before it where that is longer than its head. All rounds are loaded, one
    behind the other.
    """
    n, c, t, h, w, many = grid.n, grid.c, grid.t, grid.h, grid.w, grid.many
    busy = loads = drain = 0
    for a in range(many[N]):
        for b in range(many[T]):
            for d in range(many[H]):
                for e in range(many[W]):
                    tiles = layer.groups * n.number[a] * t.number[b] * h.number[d] * w.number[e]
                    for k in range(many[C]):
                        clear(costs)
                        cost_step(
                            layer, array, n.size[a], c.size[k], t.size[b], h.size[d], w.size[e],
                            c.is_first[k], c.is_last[k], waves, costs, 0,
                        )  # fmt: skip
                        add_step(costs, tiles * c.number[k], totals, i)
                        if layer.structure != VECTOR:
                            loads += tiles * c.number[k] * port_cycles(waves)
                        head = costs.head[0]
                        busy += tiles * c.number[k] * (head + costs.body[0])
                        if k:
                            busy += tiles * max(drain - head, 0)
                        drain = costs.drain[0]
                        busy += tiles * (c.number[k] - 1) * max(drain - head, 0)
    totals.array_cycles[i] = array.fill_cycles + max(busy, loads) + drain


@kernel
def clear(costs: Costs) -> None:
    """Make the costs of a step 0, but for those that any step fills in."""
    costs.body[0] = costs.drain[0] = 0
    costs.sram_port[0] = costs.transform[0] = costs.multiply[0] = 0
    costs.row_cycles[0] = costs.lane_cycles[0] = costs.products[0] = 0
    costs.mults[0] = costs.accumulations[0] = costs.tree_adds[0] = 0
    costs.ifmap_read_bits[0] = costs.weight_read_bits[0] = costs.ofmap_read_bits[0] = costs.ofmap_write_bits[0] = 0
    costs.intermediate_read_bits[0] = costs.intermediate_write_bits[0] = 0
    costs.ifmap_read_words[0] = costs.weight_read_words[0] = costs.partial_words[0] = costs.result_words[0] = 0
    costs.intermediate_read_words[0] = costs.intermediate_write_words[0] = 0
    costs.staged_inputs[0] = costs.input_tiles[0] = costs.output_tiles[0] = costs.weight_kernels[0] = costs.vector_ops[
        0
    ] = 0


@kernel
def add_step(costs: Costs, count: int, totals: Totals, i: int) -> None:
    """Add the events of ``count`` steps of these ``costs`` to those of mapping ``i``."""
    totals.mults[i] += count * costs.mults[0]
    totals.accumulations[i] += count * costs.accumulations[0]
    totals.tree_adds[i] += count * costs.tree_adds[0]
    totals.staged_inputs[i] += count * costs.staged_inputs[0]
    totals.input_tiles[i] += count * costs.input_tiles[0]
    totals.weight_kernels[i] += count * costs.weight_kernels[0]
    totals.output_tiles[i] += count * costs.output_tiles[0]
    totals.vector_ops[i] += count * costs.vector_ops[0]
    totals.ifmap_read_bits[i] += count * costs.ifmap_read_bits[0]
    totals.weight_read_bits[i] += count * costs.weight_read_bits[0]
    totals.ofmap_read_bits[i] += count * costs.ofmap_read_bits[0]
    totals.ofmap_write_bits[i] += count * costs.ofmap_write_bits[0]
    totals.ifmap_read_words[i] += count * costs.ifmap_read_words[0]
    totals.weight_read_words[i] += count * costs.weight_read_words[0]
    totals.partial_words[i] += count * costs.partial_words[0]
    totals.result_words[i] += count * costs.result_words[0]


@kernel
def total_inputs(
    layer: Layer, array: Array, grid: Grid, tiles_outer: bool, burst_bits: int, totals: Totals, i: int
) -> None:
    """Add up the bits, words and bursts of input tiles; one that stays while others are made of it is loaded once."""
    n, c, t, h, w, many = grid.n, grid.c, grid.t, grid.h, grid.w, grid.many
    is_dense = layer.structure == DENSE
    stays = grid.tiles[C] == 1 and (tiles_outer or grid.tiles[T] * grid.tiles[H] * grid.tiles[W] == 1)
    again = layer.groups * (grid.tiles[N] if is_dense and not stays else 1)
    for a in range(many[C] if is_dense else many[N]):
        channels = input_channels(layer, 0 if is_dense else n.size[a], c.size[a] if is_dense else 0)
        of_channels = again * (c.number[a] if is_dense else n.number[a])
        for b in range(many[C] if layer.reduces_frames else many[T]):
            frames, of_frames = t.needed[b], t.number[b]
            if layer.reduces_frames:
                frames, of_frames = c.needed[b], layer.segments * c.number[b]
            for d in range(many[H]):
                for e in range(many[W]):
                    positions = frames * h.needed[d] * w.span[e]
                    bits = channels * positions * layer.activation_bits * layer.sources
                    bursts, times = ceiling(bits, burst_bits), of_channels * of_frames * h.number[d] * w.number[e]
                    totals.ifmap_bits[i] += times * bits
                    totals.ifmap_words[i] += times * ceiling(bits, array.ifmap_word_bits)
                    totals.ifmap_bursts[i] += times * bursts
                    if a + b + d + e == 0:
                        totals.first_load[i] += bursts


@kernel
def total_weights(
    layer: Layer, array: Array, grid: Grid, tiles_outer: bool, burst_bits: int, totals: Totals, i: int
) -> None:
    """Add up the bits, words and bursts of weight tiles."""
    n, c, tiles = grid.n, grid.c, grid.tiles
    stays = tiles[C] == 1 and (not tiles_outer or tiles[N] == 1)
    again = layer.groups * (weight_sets(layer) if stays else tiles[T] * tiles[H] * tiles[W])
    for a in range(grid.many[N]):
        for b in range(grid.many[C]):
            bits = weight_bits(layer, n.size[a], c.size[b], c.is_first[b])
            bursts, times = ceiling(bits, burst_bits), again * n.number[a] * c.number[b]
            totals.weight_bits[i] += times * bits
            totals.weight_words[i] += times * ceiling(bits, array.weight_word_bits)
            totals.weight_bursts[i] += times * bursts
            if a + b == 0:
                totals.first_load[i] += bursts


@kernel
def total_outputs(layer: Layer, array: Array, grid: Grid, burst_bits: int, totals: Totals, i: int) -> None:
    """Add up the bits, words and bursts of output tiles."""
    n, t, h, w, many = grid.n, grid.t, grid.h, grid.w, grid.many
    bursts = 0
    for a in range(many[N]):
        for b in range(many[T]):
            for d in range(many[H]):
                for e in range(many[W]):
                    bits = n.size[a] * t.size[b] * h.size[d] * w.size[e] * layer.output_bits
                    bursts = ceiling(bits, burst_bits)
                    times = layer.groups * n.number[a] * t.number[b] * h.number[d] * w.number[e]
                    totals.ofmap_bits[i] += times * bits
                    totals.ofmap_words[i] += times * ceiling(bits, array.ofmap_word_bits)
                    totals.ofmap_bursts[i] += times * bursts
    totals.last_store[i] = bursts
