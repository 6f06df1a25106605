"""The waves of a step, as written down in ``docs/microarchitecture.md``: plain integer code.

A step works through *waves*: what the array holds between two swaps of the
accumulator banks, up to ``rows`` output channels times ``depth`` x ``lanes`` tiles.
Its rounds are loaded, fed and drained at the pace of :mod:`lw3dsim.machine.pace`. A step of several clips works
through one after another.
Along each of the four axes (channels, t, h, w) there are at most three sorts of parts:
the larger ones, then the smaller, then those like the last. So a step has at most 81 sorts of waves, mostly a
few, each costed once, however many waves there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import balanced, ceiling, common_divisor
from lw3dsim.base.kernels import kernel
from lw3dsim.machine.drains import depth_cycles, input_port, output_port, whole_tiles
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
    """The waves of a step, by sort: how many, their size, their cycles, and what binds.

    ``load`` and ``feed`` are the cycles in which a round is read at the ports, and multiplied and transformed;
    ``weights`` and ``inputs`` the parts of ``load``; of each input ``patch`` positions, in ``runs`` of ``run``;
    ``compute`` is all rounds, the last without a load beside it.
    The sorts that occur are the first ``many[0]`` of ``used``; of others nothing is filled in. The step comes through
    all of its waves ``many[1]`` times, once for every clip; ``number`` counts those of all. ``many[2:5]``
    are 1 where waves are as long, as high and as wide as the step. By axis and sort of part
    there are ``parts`` of ``part`` channels or tiles, with ``kept`` outputs and a patch of ``reach`` positions.
    """

    number: Words
    channels: Words
    tiles: Words
    patch: Words
    runs: Words
    run: Words
    outputs: Words
    weights: Words
    inputs: Words
    load: Words
    feed: Words
    rounds: Words
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
    """Return room for the waves of a step, for kernels alone."""
    return work.sheet(Waves, SORTS)


@kernel
def wave_shape(layer: Layer, array: Array, t: int, h: int, w: int) -> tuple[int, int, int]:
    """Return the Winograd tiles (t, h, w) of a wave in a step of t x h x w outputs: rows first, then frames."""
    room = array.lanes * array.depth
    of_w = balanced(ceiling(w, layer.tile[2]), room)
    of_h = balanced(ceiling(h, layer.tile[1]), room // of_w)
    return balanced(ceiling(t, layer.tile[0]), room // (of_w * of_h)), of_h, of_w


@kernel
def cut_tiles(layer: Layer, array: Array, axis: int, tiles: int, most: int, outputs: int, waves: Waves) -> None:
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
            waves.reach[at + kind] = patch(layer, array, part, axis - 1)


@kernel
def cut_step(layer: Layer, array: Array, n: int, t: int, h: int, w: int, waves: Waves) -> None:
    """Cut a step of n channels and t x h x w outputs into parts along all axes."""
    part_t, part_h, part_w = wave_shape(layer, array, t, h, w)
    width, again = rows_used(layer, array), turns(layer)
    full = ceiling(n // again, width) - 1
    waves.parts[0], waves.parts[1], waves.parts[2] = full * again, 0, again
    waves.part[0], waves.part[1], waves.part[2] = width, 0, n // again - full * width
    cut_tiles(layer, array, 1, ceiling(t, layer.tile[0]), part_t, t, waves)
    cut_tiles(layer, array, 2, ceiling(h, layer.tile[1]), part_h, h, waves)
    cut_tiles(layer, array, 3, ceiling(w, layer.tile[2]), part_w, w, waves)


@kernel
def cost_waves(
    layer: Layer, array: Array, n: int, c: int, t: int, h: int, w: int, is_first: int, is_last: int, waves: Waves
) -> None:
    """Fill ``waves`` with the sorts of waves of an n x c x t x h x w step, of one segment or of whole ones."""
    sort_waves(layer, array, n, t, h, w, waves)
    pace_waves(layer, array, c, is_first, is_last, waves)


@kernel
def sort_waves(layer: Layer, array: Array, n: int, t: int, h: int, w: int, waves: Waves) -> None:
    """Fill in the sorts and sizes of waves of an n x t x h x w step, whatever it reduces: see :func:`cost_waves`."""
    clips = ceiling(t, layer.out[0] // layer.segments)
    cut_step(layer, array, n, t // clips, h, w, waves)
    parts, many = waves.parts, 0
    uncut = is_uncut(waves, 1), is_uncut(waves, 2), is_uncut(waves, 3)
    waves.many[2], waves.many[3], waves.many[4] = uncut
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
                        many += 1
    waves.many[0], waves.many[1] = many, clips


@kernel
def pace_waves(layer: Layer, array: Array, c: int, is_first: int, is_last: int, waves: Waves) -> None:
    """Fill in the cycles of waves whose sizes are there, reducing ``c`` channels: see :func:`cost_wave`."""
    for i in range(waves.many[0]):
        cost_wave(layer, array, c, is_first, is_last, waves, waves.used[i])


@kernel
def is_uncut(waves: Waves, axis: int) -> int:
    """Return 1 where the step has one part along an axis."""
    at = KINDS * axis
    return 1 if waves.parts[at] + waves.parts[at + 1] + waves.parts[at + 2] == 1 else 0


@kernel
def size_wave(layer: Layer, array: Array, waves: Waves, sort: int, i: int, j: int, k: int, m: int) -> None:
    """Fill in the sizes of the waves of a ``sort``: of parts i of the channels, j of T, k of H and m of W."""
    part, kept, reach = waves.part, waves.kept, waves.reach
    waves.channels[sort] = part[i]
    waves.tiles[sort] = part[j] * part[k] * part[m]
    waves.patch[sort] = reach[j] * reach[k] * reach[m]
    uncut = waves.many[2], waves.many[3], waves.many[4]
    runs, run = patch_runs(layer, array, (reach[j], reach[k]), (part[j], part[k], part[m]), uncut)
    if not array.stages_inputs:
        waves.patch[sort] = waves.tiles[sort] * layer.coordinates * layer.taps // array.tap_groups
        runs, run = 1, waves.patch[sort]
    waves.runs[sort], waves.run[sort] = runs, run
    waves.outputs[sort] = kept[j] * kept[k] * kept[m]


@kernel
def turns(layer: Layer) -> int:
    """Return how often the rows come back to a group of the layer for more of its output channels."""
    return layer.group_n // layer.abreast


@kernel
def rows_used(layer: Layer, array: Array) -> int:
    """Return the rows that work at once where there are channels for all."""
    return array.fed_rows // layer.abreast * layer.abreast


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
def patch(layer: Layer, array: Array, tiles: int, axis: int) -> int:
    """Return the input positions along an axis that any tap of a round of ``tiles`` reads, each once."""
    outputs, kernel = tiles * layer.tile[axis], array.staged[axis]
    stride, dilation = layer.stride[axis], layer.dilation[axis]
    shared = common_divisor(stride, dilation) if dilation > 1 else 1
    # What tap j of output i reads, tap j + stride of output i - dilation reads again, both over what they share.
    return outputs * kernel - max(outputs - dilation // shared, 0) * max(kernel - stride // shared, 0)


@kernel
def patch_runs(
    layer: Layer, array: Array, reach: tuple[int, int], tiles: tuple[int, int, int], uncut: tuple[int, int, int]
) -> tuple[int, int]:
    """Return in how many runs of positions, and how long ones, a patch of frames and rows (``reach``) lies in its tile.

    Rows are as wide as ``tiles`` reach. Where a wave is as wide as its tile (``uncut``), neighbouring rows are one
    run; where it is as high too, frames are. What lies apart is not.
    """
    kernel, staged = layer.kernel, array.staged
    frames, rows = reach
    # From the first to the last position of a row, what lies between windows too.
    width = (tiles[2] * layer.tile[2] - 1) * layer.stride[2] + (staged[2] - 1) * layer.dilation[2] + 1
    if array.apart > 1 or not (uncut[2] and staged[2] == kernel[2] and is_dense(layer, staged, 1, tiles[1], uncut[1])):
        return frames * rows, width
    if array.apart > 0 or not (uncut[1] and staged[1] == kernel[1] and is_dense(layer, staged, 0, tiles[0], uncut[0])):
        return frames, rows * width
    return 1, frames * rows * width


@kernel
def is_dense(layer: Layer, staged: tuple[int, int, int], axis: int, tiles: int, uncut: int) -> bool:
    """Return whether a round of ``tiles`` leaves no stored position out between those it reads along an axis."""
    stride, dilation, kernel = layer.stride[axis], layer.dilation[axis], layer.kernel[axis]
    if staged[axis] != kernel:
        return dilation % stride == 0
    if uncut or kernel == 1:
        return True
    shared = common_divisor(stride, dilation)
    # Outputs side by side fill what dilated taps leave between them, where there are enough.
    return dilation == shared or (stride == shared and tiles * layer.tile[axis] * shared >= dilation)


@kernel
def patch_cycles(layer: Layer, array: Array, inputs: int, runs: int, run: int) -> int:
    """Return the cycles in which the port reads the ``runs`` of ``run`` positions of a round, of so many inputs."""
    bits = run * inputs * layer.activation_bits
    return runs * (output_port(array, bits) if array.reads_back else input_port(array, bits))


@kernel
def weight_cycles(layer: Layer, array: Array, channels: int, tiles: int, wide: int) -> int:
    """Return the cycles in which the weights of a round of ``wide`` input channels are read."""
    bits = weight_uses(array, tiles) * channels * wide * layer.kernel_bits // array.tap_groups
    return ceiling(bits * array.weight_port_cycles, array.weight_port_bits)


@kernel
def multiply_cycles(layer: Layer, array: Array, tiles: int) -> int:
    """Return the cycles in which a round of ``tiles`` is multiplied."""
    return layer.taps // array.tap_groups * ceiling(tiles, array.lanes) * array.cycles_per_tile


@kernel
def transform_cycles(layer: Layer, array: Array, channels: int, tiles: int, wide: int) -> int:
    """Return the cycles in which inputs and weights of a round of ``wide`` input channels are transformed."""
    cycles = 0
    if layer.is_winograd:
        own = own_inputs(layer, channels)
        cycles = layer.taps * whole_tiles(own * wide * tiles, layer.coordinates, array.input_rate)
    if array.transforms_weights:
        weights = weight_uses(array, tiles) * channels * wide
        cycles = max(cycles, layer.taps * whole_tiles(weights, layer.coordinates, array.weight_rate))
    return cycles


@kernel
def cost_wave(layer: Layer, array: Array, c: int, is_first: int, is_last: int, waves: Waves, sort: int) -> None:
    """Fill in cycles to compute and to drain, and what binds, of the waves of a ``sort``, reducing ``c`` channels.

    ``is_first`` and ``is_last`` say whether the reduction starts and ends here: else partial sums are read, written.
    """
    channels, tiles = waves.channels[sort], waves.tiles[sort]
    own, wide, rounds = own_inputs(layer, channels), min(c, array.chunk), ceiling(c, array.chunk) * array.tap_groups
    multiply = multiply_cycles(layer, array, tiles)
    transform = transform_cycles(layer, array, channels, tiles, wide)
    inputs = patch_cycles(layer, array, own * wide, waves.runs[sort], waves.run[sort])
    weights = weight_cycles(layer, array, channels, tiles, wide)
    waves.inputs[sort], waves.weights[sort] = inputs, weights
    load, feed = max(inputs, weights), max(multiply, transform)
    cause = SRAM_PORT if load > feed else MULTIPLY if feed == multiply else TRANSFORM
    compute = (rounds - 1) * max(load, feed) + feed
    drain = packed_cycles(layer, array, waves, sort, is_first, is_last)
    if array.reads_back:
        # What is read and what drains take turns at the port of the output buffer.
        turns = rounds * inputs + drain
        if turns > compute:
            feed += turns - compute
            compute, cause = turns, SRAM_PORT
    waves.load[sort], waves.feed[sort], waves.rounds[sort] = load, feed, rounds
    waves.compute[sort], waves.cause[sort] = compute, cause
    if is_last:
        drain = max(drain, ceiling(channels * waves.outputs[sort] * layer.ops_per_output, array.vector_lanes))
    if layer.is_winograd:
        drain = max(drain, whole_tiles(channels * tiles, layer.coordinates, array.output_rate))
    waves.drain[sort] = drain


@kernel
def packed_cycles(layer: Layer, array: Array, waves: Waves, sort: int, is_first: int, is_last: int) -> int:
    """Return the cycles in which the waves of a ``sort`` pass the output port, depth by depth."""
    channels, tiles = waves.channels[sort], waves.tiles[sort]
    deep, of_tile = ceiling(tiles, array.lanes), layer.tile[0] * layer.tile[1] * layer.tile[2]
    if deep == 1:
        return depth_cycles(layer, array, channels * waves.outputs[sort], is_first, is_last)
    if waves.outputs[sort] == tiles * of_tile:
        full = depth_cycles(layer, array, channels * array.lanes * of_tile, is_first, is_last)
        last = channels * (tiles - (deep - 1) * array.lanes) * of_tile
        return (deep - 1) * full + depth_cycles(layer, array, last, is_first, is_last)
    cycles, before = 0, 0
    for depth in range(deep):
        upto = kept_outputs(layer, waves, sort, min((depth + 1) * array.lanes, tiles))
        cycles += depth_cycles(layer, array, channels * (upto - before), is_first, is_last)
        before = upto
    return cycles


@kernel
def kept_outputs(layer: Layer, waves: Waves, sort: int, tiles: int) -> int:
    """Return the outputs of the first so many ``tiles`` of a wave, without what ragged ones have beyond."""
    of_w, of_h, of_t = sort % KINDS, sort // KINDS % KINDS, sort // (KINDS * KINDS) % KINDS
    high, wide = waves.part[2 * KINDS + of_h], waves.part[3 * KINDS + of_w]
    all_t, all_h, all_w = waves.kept[KINDS + of_t], waves.kept[2 * KINDS + of_h], waves.kept[3 * KINDS + of_w]
    m_t, m_h, m_w = layer.tile
    t, rest = tiles // (high * wide), tiles % (high * wide)
    h, w = rest // wide, rest % wide
    frames, rows = min(m_t, max(all_t - t * m_t, 0)), min(m_h, max(all_h - h * m_h, 0))
    whole = min(t * m_t, all_t) * all_h * all_w
    return whole + frames * (min(h * m_h, all_h) * all_w + rows * min(w * m_w, all_w))
