"""The groups of a step, as written down in ``docs/microarchitecture.md``: plain integer code.

A step works through *groups*: what the array holds between two swaps of the
accumulator banks, up to ``rows`` output channels times ``depth`` x ``lanes`` tiles.
A group takes the largest of multiply, port and transform cycles; its results drain
while the next is multiplied. Along each of the four axes (channels, t, h, w) all groups
but the last are alike, so sixteen sorts of groups are costed and counted, however many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import balanced, ceiling, common_divisor
from lw3dsim.base.kernels import kernel
from lw3dsim.machine.records import GROUPED

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.machine.records import Array, Layer

# What binds: ties go to the first. Vector layers have no groups.
BINDINGS = ("multiply", "vector", "sram_port", "transform")
MULTIPLY, SRAM_PORT, TRANSFORM = 0, 2, 3


# Sorts of groups: bit 3 - axis is set for the last along an axis. The last group of a step is the last along all.
SORTS = 16


LAST_SORT = SORTS - 1


class Groups(NamedTuple):
    """The groups of a step, by sort: how many, their size, their cycles to compute and to drain, and what binds.

    Along each axis ``full`` of them are full, and ``last`` like the last.
    """

    number: Words
    channels: Words
    tiles: Words
    patch: Words
    outputs: Words
    compute: Words
    drain: Words
    cause: Words
    full: Words
    last: Words


def empty_groups(work: Kernels) -> Groups:
    """Return room for the groups of a step."""
    sizes = [SORTS] * (len(Groups._fields) - 2) + [4, 4]
    return Groups(*map(work.empty, sizes))


@kernel
def group_shape(layer: Layer, array: Array, t: int, h: int, w: int) -> tuple[int, int, int]:
    """Return the Winograd tiles (t, h, w) of a group in a step of t x h x w outputs: rows first, then frames."""
    room = array.lanes * array.depth
    of_w = balanced(ceiling(w, layer.tile[2]), room)
    of_h = balanced(ceiling(h, layer.tile[1]), room // of_w)
    return balanced(ceiling(t, layer.tile[0]), room // (of_w * of_h)), of_h, of_w


@kernel(inline=False)
def cost_groups(
    layer: Layer, array: Array, n: int, c: int, t: int, h: int, w: int, is_first: int, is_last: int, groups: Groups
) -> None:
    """Fill ``groups`` with the sixteen sorts of groups of an n x c x t x h x w step, where they occur."""
    part_t, part_h, part_w = group_shape(layer, array, t, h, w)
    tiles_t, tiles_h, tiles_w = ceiling(t, layer.tile[0]), ceiling(h, layer.tile[1]), ceiling(w, layer.tile[2])
    width, again = rows_used(layer, array), turns(layer)
    full_n = ceiling(n // again, width) - 1
    full, last = groups.full, groups.last
    full[0], full[1] = full_n * again, ceiling(tiles_t, part_t) - 1
    full[2], full[3] = ceiling(tiles_h, part_h) - 1, ceiling(tiles_w, part_w) - 1
    last[0], last[1], last[2], last[3] = again, 1, 1, 1
    for sort in range(SORTS):
        count = 1
        for axis in range(4):
            count *= last[axis] if (sort >> (3 - axis)) & 1 else full[axis]
        groups.number[sort] = count
        if count == 0:
            continue
        channels = n // again - full_n * width if sort & 8 else width
        in_t = tiles_t - full[1] * part_t if sort & 4 else part_t
        in_h = tiles_h - full[2] * part_h if sort & 2 else part_h
        in_w = tiles_w - full[3] * part_w if sort & 1 else part_w
        kept = t - (tiles_t - in_t) * layer.tile[0] if sort & 4 else in_t * layer.tile[0]
        kept *= h - (tiles_h - in_h) * layer.tile[1] if sort & 2 else in_h * layer.tile[1]
        kept *= w - (tiles_w - in_w) * layer.tile[2] if sort & 1 else in_w * layer.tile[2]
        groups.channels[sort] = channels
        groups.tiles[sort] = in_t * in_h * in_w
        groups.patch[sort] = patch(layer, in_t, 0) * patch(layer, in_h, 1) * patch(layer, in_w, 2)
        if not array.stages_inputs:
            groups.patch[sort] = groups.tiles[sort] * layer.coordinates * layer.taps
        groups.outputs[sort] = kept
        cost_group(layer, array, c, is_first, is_last, groups, sort)


@kernel
def turns(layer: Layer) -> int:
    """Return how often the rows come back to a group of the layer for more of its output channels."""
    return layer.group_n // layer.abreast


@kernel
def rows_used(layer: Layer, array: Array) -> int:
    """Return the rows that work at once where there are channels for all."""
    return array.rows // layer.abreast * layer.abreast


@kernel
def channel_passes(layer: Layer, array: Array, n: int) -> int:
    """Return in how many parts the rows take ``n`` output channels."""
    return turns(layer) * ceiling(n // turns(layer), rows_used(layer, array))


@kernel
def own_inputs(layer: Layer, channels: int) -> int:
    """Return the inputs that rows with ``channels`` read: one for all, or one for each of their groups."""
    return channels // layer.abreast if layer.structure == GROUPED else 1


@kernel
def weight_uses(array: Array, tiles: int) -> int:
    """Return how often a round reads a weight for ``tiles``: once where PEs hold it, else for each pass over lanes."""
    return 1 if array.holds_weights else ceiling(tiles, array.lanes)


@kernel
def patch(layer: Layer, tiles: int, axis: int) -> int:
    """Return the input positions along an axis that any tap of ``tiles`` reads, each once."""
    outputs, kernel = tiles * layer.tile[axis], layer.kernel[axis]
    stride, dilation = layer.stride[axis], layer.dilation[axis]
    shared = common_divisor(stride, dilation)
    # What tap j of output i reads, tap j + stride of output i - dilation reads again, both over what they share.
    return outputs * kernel - max(outputs - dilation // shared, 0) * max(kernel - stride // shared, 0)


@kernel
def cost_group(layer: Layer, array: Array, c: int, is_first: int, is_last: int, groups: Groups, sort: int) -> None:
    """Fill in cycles to compute and to drain, and what binds, of the groups of a ``sort``, reducing ``c`` channels.

    ``is_first`` and ``is_last`` say whether the reduction starts and ends here: else partial sums are read, written.
    """
    channels, tiles, inputs = groups.channels[sort], groups.tiles[sort], groups.patch[sort]
    own, wide = own_inputs(layer, channels), min(c, array.chunk)
    weights = weight_uses(array, tiles) * channels * wide
    multiply = layer.taps * ceiling(tiles, array.lanes) * array.cycles_per_tile
    patch_bits = own * inputs * layer.activation_bits * wide
    port = max(
        output_port(array, patch_bits) if array.reads_back else input_port(array, patch_bits),
        ceiling(weights * layer.kernel_bits * array.weight_port_cycles, array.weight_port_bits),
    )
    transform = 0
    if layer.is_winograd:
        transform = layer.taps * ceiling(own * wide * tiles * layer.coordinates, array.input_rate)
    if array.transforms_weights:
        transform = max(transform, layer.taps * ceiling(weights * layer.coordinates, array.weight_rate))
    interval = max(multiply, port, transform)
    compute = ceiling(c, array.chunk) * interval
    cause = MULTIPLY if interval == multiply else SRAM_PORT if interval == port else TRANSFORM
    pixels = channels * groups.outputs[sort]
    drain = output_port(array, pixels * update_bits(layer, is_first, is_last))
    if array.reads_back:
        # What is read and what drains take turns at the port of the output buffer.
        turns = output_port(array, own * inputs * layer.activation_bits * c) + drain
        if turns > compute:
            compute, cause = turns, SRAM_PORT
    groups.compute[sort], groups.cause[sort] = compute, cause
    if is_last:
        drain = max(drain, ceiling(pixels, array.vector_lanes))
    if layer.is_winograd:
        drain = max(drain, ceiling(channels * tiles * layer.coordinates, array.output_rate))
    groups.drain[sort] = drain


@kernel
def input_port(array: Array, bits: int) -> int:
    """Return the cycles in which ``bits`` pass the port of the input buffer."""
    return ceiling(bits * array.ifmap_port_cycles, array.ifmap_port_bits)


@kernel
def output_port(array: Array, bits: int) -> int:
    """Return the cycles in which ``bits`` pass the port of the output buffer."""
    return ceiling(bits * array.ofmap_port_cycles, array.ofmap_port_bits)


@kernel
def update_bits(layer: Layer, is_first: int, is_last: int) -> int:
    """Return the bits that pass the output buffer's port per output: partial sums are read and written wide."""
    return (layer.activation_bits if is_last else layer.accumulator_bits) + (0 if is_first else layer.accumulator_bits)


@kernel
def first_group(groups: Groups) -> int:
    """Return the sort of the first group: the last along the axes that have but one."""
    sort = 0
    for axis in range(4):
        sort = 2 * sort + (1 if groups.full[axis] == 0 else 0)
    return sort


@kernel
def stall_cycles(groups: Groups) -> int:
    """Return the cycles that swaps wait: for the drain of the group before, where that is longer than the multiply.

    Groups follow each other with w innermost. Where ``axis`` goes on, the axes within
    it return from their last part to their first, and those around it stay.
    """
    first, stall = first_group(groups), 0
    for axis in range(4):
        bit = 1 << (3 - axis)
        full, last = groups.full[axis], groups.last[axis]
        if full + last == 1:
            continue
        within = bit - 1
        for outer in range(1 << axis):
            sort = outer << (4 - axis)
            times = 1
            for around in range(axis):
                times *= groups.last[around] if (sort >> (3 - around)) & 1 else groups.full[around]
            if times == 0:
                continue
            before = sort | within
            after = sort | (first & within)
            if full:
                stall += times * (full - 1) * wait(groups, before, after)
                stall += times * wait(groups, before, after | bit)
            if last > 1:
                stall += times * (last - 1) * wait(groups, before | bit, after | bit)
    return stall


@kernel
def wait(groups: Groups, before: int, after: int) -> int:
    """Return the cycles that a group of the sort ``after`` waits for the drain of one ``before``."""
    return max(groups.drain[before] - groups.compute[after], 0)


@kernel
def array_cycles(groups: Groups) -> int:
    """Return the cycles of a step without its fill: of all its groups, and of swaps that wait."""
    cycles = stall_cycles(groups)
    for sort in range(SORTS):
        if groups.number[sort]:
            cycles += groups.number[sort] * groups.compute[sort]
    return cycles
