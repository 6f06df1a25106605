"""The waves of a step, as written down in ``docs/microarchitecture.md``: plain integer code.

A step works through *waves*: what the array holds between two swaps of the
accumulator banks, up to ``rows`` output channels times ``depth`` x ``lanes`` tiles.
A wave takes the largest of multiply, port and transform cycles; its results drain
while the next is multiplied. A step of several clips works through one after another.
Along each of the four axes (channels, t, h, w) there are at most three sorts of parts:
the larger ones, then the smaller, then those like the last. So a step has at most 81 sorts of waves, mostly a
few, each costed once, however many waves there are.
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

# What binds: ties go to the first. Vector layers have no waves.
BINDINGS = ("multiply", "vector", "sram_port", "transform")
MULTIPLY, SRAM_PORT, TRANSFORM = 0, 2, 3


# Sorts of parts along an axis, in their order. A sort of waves has a digit per axis, channels first.
LARGER, SMALLER, LIKE_LAST = 0, 1, 2
KINDS = 3
AXES = 4
SORTS = KINDS * KINDS * KINDS * KINDS
LAST_SORT = SORTS - 1


class Waves(NamedTuple):
    """The waves of a step, by sort: how many, their size, their cycles to compute and to drain, and what binds.

    The sorts that occur are the first ``many[0]`` of ``used``; of others nothing is filled in. The step comes through
    all of its waves ``many[1]`` times, once for every clip; ``number`` counts those of all. By axis and sort of part
    there are ``parts`` of ``part`` channels or tiles, with ``kept`` outputs and a patch of ``reach`` positions.
    """

    number: Words
    channels: Words
    tiles: Words
    patch: Words
    outputs: Words
    compute: Words
    drain: Words
    cause: Words
    used: Words
    many: Words
    parts: Words
    part: Words
    kept: Words
    reach: Words


def empty_waves(work: Kernels) -> Waves:
    """Return room for the waves of a step."""
    return work.columns(Waves, SORTS)


@kernel
def wave_shape(layer: Layer, array: Array, t: int, h: int, w: int) -> tuple[int, int, int]:
    """Return the Winograd tiles (t, h, w) of a wave in a step of t x h x w outputs: rows first, then frames."""
    room = array.lanes * array.depth
    of_w = balanced(ceiling(w, layer.tile[2]), room)
    of_h = balanced(ceiling(h, layer.tile[1]), room // of_w)
    return balanced(ceiling(t, layer.tile[0]), room // (of_w * of_h)), of_h, of_w


@kernel
def cut_tiles(layer: Layer, axis: int, tiles: int, most: int, outputs: int, waves: Waves) -> None:
    """Cut the ``tiles`` of T, H or W (axis 1, 2, 3), of so many ``outputs``, as equal as parts of ``most`` allow."""
    at, size, parts = KINDS * axis, layer.tile[axis - 1], ceiling(tiles, most)
    less = tiles // parts
    more = tiles - parts * less
    of_last = outputs - (tiles - less) * size
    # Only where its tiles are ragged is the last part unlike others of its size.
    like_last = parts - more if of_last == less * size else 1
    waves.parts[at], waves.parts[at + 1], waves.parts[at + 2] = more, parts - more - like_last, like_last
    for kind in range(KINDS):
        if waves.parts[at + kind]:
            part = less + 1 if kind == LARGER else less
            waves.part[at + kind] = part
            waves.kept[at + kind] = of_last if kind == LIKE_LAST else part * size
            waves.reach[at + kind] = patch(layer, part, axis - 1)


@kernel
def cut_step(layer: Layer, array: Array, n: int, t: int, h: int, w: int, waves: Waves) -> None:
    """Cut a step of n channels and t x h x w outputs into parts along all axes."""
    part_t, part_h, part_w = wave_shape(layer, array, t, h, w)
    width, again = rows_used(layer, array), turns(layer)
    full = ceiling(n // again, width) - 1
    waves.parts[0], waves.parts[1], waves.parts[2] = full * again, 0, again
    waves.part[0], waves.part[1], waves.part[2] = width, 0, n // again - full * width
    cut_tiles(layer, 1, ceiling(t, layer.tile[0]), part_t, t, waves)
    cut_tiles(layer, 2, ceiling(h, layer.tile[1]), part_h, h, waves)
    cut_tiles(layer, 3, ceiling(w, layer.tile[2]), part_w, w, waves)


@kernel
def cost_waves(
    layer: Layer, array: Array, n: int, c: int, t: int, h: int, w: int, is_first: int, is_last: int, waves: Waves
) -> None:
    """Fill ``waves`` with the sorts of waves of an n x c x t x h x w step, of one segment or of whole ones."""
    clips = ceiling(t, layer.out[0] // layer.segments)
    cut_step(layer, array, n, t // clips, h, w, waves)
    parts, many = waves.parts, 0
    for i in range(KINDS):
        for j in range(KINDS, 2 * KINDS):
            for k in range(2 * KINDS, 3 * KINDS):
                around = parts[i] * parts[j] * parts[k]
                if around == 0:
                    continue
                for m in range(3 * KINDS, 4 * KINDS):
                    if parts[m]:
                        sort = ((i * KINDS + j % KINDS) * KINDS + k % KINDS) * KINDS + m % KINDS
                        waves.used[many], waves.number[sort] = sort, clips * around * parts[m]
                        size_wave(layer, array, waves, sort, i, j, k, m)
                        cost_wave(layer, array, c, is_first, is_last, waves, sort)
                        many += 1
    waves.many[0], waves.many[1] = many, clips


@kernel
def size_wave(layer: Layer, array: Array, waves: Waves, sort: int, i: int, j: int, k: int, m: int) -> None:
    """Fill in the sizes of the waves of a ``sort``: of parts i of the channels, j of T, k of H and m of W."""
    part, kept, reach = waves.part, waves.kept, waves.reach
    waves.channels[sort] = part[i]
    waves.tiles[sort] = part[j] * part[k] * part[m]
    waves.patch[sort] = reach[j] * reach[k] * reach[m]
    if not array.stages_inputs:
        waves.patch[sort] = waves.tiles[sort] * layer.coordinates * layer.taps
    waves.outputs[sort] = kept[j] * kept[k] * kept[m]


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
    shared = common_divisor(stride, dilation) if dilation > 1 else 1
    # What tap j of output i reads, tap j + stride of output i - dilation reads again, both over what they share.
    return outputs * kernel - max(outputs - dilation // shared, 0) * max(kernel - stride // shared, 0)


@kernel
def cost_wave(layer: Layer, array: Array, c: int, is_first: int, is_last: int, waves: Waves, sort: int) -> None:
    """Fill in cycles to compute and to drain, and what binds, of the waves of a ``sort``, reducing ``c`` channels.

    ``is_first`` and ``is_last`` say whether the reduction starts and ends here: else partial sums are read, written.
    """
    channels, tiles, inputs = waves.channels[sort], waves.tiles[sort], waves.patch[sort]
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
    pixels = channels * waves.outputs[sort]
    drain = output_port(array, pixels * update_bits(layer, is_first, is_last))
    if array.reads_back:
        # What is read and what drains take turns at the port of the output buffer.
        turns = output_port(array, own * inputs * layer.activation_bits * c) + drain
        if turns > compute:
            compute, cause = turns, SRAM_PORT
    waves.compute[sort], waves.cause[sort] = compute, cause
    if is_last:
        drain = max(drain, ceiling(pixels * layer.ops_per_output, array.vector_lanes))
    if layer.is_winograd:
        drain = max(drain, ceiling(channels * tiles * layer.coordinates, array.output_rate))
    waves.drain[sort] = drain


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
def first_wave(waves: Waves) -> int:
    """Return the sort of the first wave: of the first parts along all axes."""
    sort = 0
    for axis in range(AXES):
        kind = LARGER
        while waves.parts[KINDS * axis + kind] == 0:
            kind += 1
        sort = KINDS * sort + kind
    return sort


@kernel
def stall_cycles(waves: Waves) -> int:
    """Return the cycles that swaps wait: for the drain of the wave before, where that is longer than the multiply.

    Waves follow each other with w innermost. Where an axis goes on, the axes within
    it return from their last part to their first, and those around it stay.
    """
    if not may_wait(waves):
        return 0
    first, stall, unit, around = first_wave(waves), 0, SORTS // KINDS, 1
    for axis in range(AXES):
        at = KINDS * axis
        if waves.parts[at] + waves.parts[at + 1] + waves.parts[at + 2] > 1:
            for outer in range(around):
                times = times_around(waves, axis, outer)
                if times:
                    stall += times * axis_stall(waves, at, unit, KINDS * unit * outer, first % unit)
        unit //= KINDS
        around *= KINDS
    clips = waves.many[1]
    return clips * stall + (clips - 1) * wait(waves, LAST_SORT, first)


@kernel
def may_wait(waves: Waves) -> bool:
    """Return whether any wave takes longer to drain than any, the same or another, to compute."""
    longest, shortest = 0, waves.compute[waves.used[0]]
    for i in range(waves.many[0]):
        longest = max(longest, waves.drain[waves.used[i]])
        shortest = min(shortest, waves.compute[waves.used[i]])
    return longest > shortest


@kernel
def times_around(waves: Waves, axis: int, outer: int) -> int:
    """Return how often the parts around an axis come in the sorts ``outer``."""
    times = 1
    for step in range(axis):
        times *= waves.parts[KINDS * (axis - 1 - step) + outer % KINDS]
        outer //= KINDS
    return times


@kernel
def axis_stall(waves: Waves, at: int, unit: int, base: int, first: int) -> int:
    """Return the waits of one way through the axis whose parts begin at ``at``.

    Its sorts are ``unit`` apart, from the sort ``base`` on. Within it waves end with the last sort and begin with
    ``first``.
    """
    stall, last, before = 0, unit - 1, -1
    for kind in range(KINDS):
        count, sort = waves.parts[at + kind], base + kind * unit
        if count:
            if before >= 0:
                stall += wait(waves, before + last, sort + first)
            stall += (count - 1) * wait(waves, sort + last, sort + first)
            before = sort
    return stall


@kernel
def wait(waves: Waves, before: int, after: int) -> int:
    """Return the cycles that a wave of the sort ``after`` waits for the drain of one ``before``."""
    return max(waves.drain[before] - waves.compute[after], 0)


@kernel
def array_cycles(waves: Waves) -> int:
    """Return the cycles of a step without its fill: of all its waves, and of swaps that wait."""
    cycles = stall_cycles(waves)
    for i in range(waves.many[0]):
        sort = waves.used[i]
        cycles += waves.number[sort] * waves.compute[sort]
    return cycles
