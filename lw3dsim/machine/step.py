"""Cycles and events of a step, as written down in ``docs/microarchitecture.md``: plain integer code.

A step works through *groups*: what the array holds between two swaps of the
accumulator banks, up to ``rows`` output channels times ``depth`` x ``lanes`` tiles.
A group takes the largest of multiply, port and transform cycles; its results drain
while the next is multiplied. Along each of the four axes (channels, t, h, w) all groups
but the last are alike, so sixteen sorts of groups are costed and counted, however many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import balanced, ceiling
from lw3dsim.base.kernels import MAPPER, kernel
from lw3dsim.machine.records import GROUPED, VECTOR

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Array, Layer

# Ties of the binding resource go to the first.
BINDINGS = ("multiply", "vector", "sram_port", "transform")
MULTIPLY, VECTOR_UNIT, SRAM_PORT, TRANSFORM = range(4)

# Sorts of groups: bit 3 - axis is set for the last along an axis. What is known of each, in a row of ``groups``.
SORTS = 16
COUNT, CHANNELS, TILES, PATCH, OUTPUTS, COMPUTE, DRAIN, CAUSE, FIELDS = range(9)

# The last group of a step; behind the sorts, how many groups along each axis are full, and how many like the last.
LAST_GROUP = (SORTS - 1) * FIELDS
FULL = SORTS * FIELDS
LAST = FULL + 4
GROUP_WORDS = LAST + 4

# Columns of a step's row of cycles and events.
HEAD, BODY, DRAINING, STALL, FIRST_CAUSE = range(5)
ROW_CYCLES, LANE_CYCLES, PRODUCTS, MULTS = range(FIRST_CAUSE + len(BINDINGS), FIRST_CAUSE + len(BINDINGS) + 4)
(ACCUMULATIONS, TREE_ADDS, IFMAP_READ, WEIGHT_READ, OFMAP_READ, OFMAP_WRITE, INTERMEDIATE_READ, INTERMEDIATE_WRITE,
 INPUT_TILES, WEIGHT_KERNELS, OUTPUT_TILES, VECTOR_OPS, COLUMNS) = range(MULTS + 1, MULTS + 14)  # fmt: skip
NAMES = (
    "head", "body", "drain", "drain_stall", *BINDINGS, "row_cycles", "lane_cycles", "products", "mults",
    "accumulations", "tree_adds", "ifmap_read_bits", "weight_read_bits", "ofmap_read_bits", "ofmap_write_bits",
    "intermediate_read_bits", "intermediate_write_bits", "input_tiles", "weight_kernels", "output_tiles", "vector_ops",
)  # fmt: skip


@kernel
def group_shape(layer: Layer, array: Array, t: int, h: int, w: int) -> tuple[int, int, int]:
    """Return the Winograd tiles (t, h, w) of a group in a step of t x h x w outputs: rows first, then frames."""
    room = array.lanes * array.depth
    of_w = balanced(ceiling(w, layer.tile[2]), room)
    of_h = balanced(ceiling(h, layer.tile[1]), room // of_w)
    return balanced(ceiling(t, layer.tile[0]), room // (of_w * of_h)), of_h, of_w


@kernel(inline=False)
def cost_groups(
    layer: Layer, array: Array, n: int, c: int, t: int, h: int, w: int, is_first: int, is_last: int, groups: Words
) -> None:
    """Fill ``groups`` with the sixteen sorts of groups of an n x c x t x h x w step, where they occur."""
    part_t, part_h, part_w = group_shape(layer, array, t, h, w)
    tiles_t, tiles_h, tiles_w = ceiling(t, layer.tile[0]), ceiling(h, layer.tile[1]), ceiling(w, layer.tile[2])
    width, again = rows_used(layer, array), turns(layer)
    full_n = ceiling(n // again, width) - 1
    groups[FULL], groups[FULL + 1] = full_n * again, ceiling(tiles_t, part_t) - 1
    groups[FULL + 2], groups[FULL + 3] = ceiling(tiles_h, part_h) - 1, ceiling(tiles_w, part_w) - 1
    groups[LAST], groups[LAST + 1], groups[LAST + 2], groups[LAST + 3] = again, 1, 1, 1
    for sort in range(SORTS):
        at, count = sort * FIELDS, 1
        for axis in range(4):
            count *= groups[(LAST if (sort >> (3 - axis)) & 1 else FULL) + axis]
        groups[at + COUNT] = count
        if count == 0:
            continue
        channels = n // again - full_n * width if sort & 8 else width
        in_t = tiles_t - groups[FULL + 1] * part_t if sort & 4 else part_t
        in_h = tiles_h - groups[FULL + 2] * part_h if sort & 2 else part_h
        in_w = tiles_w - groups[FULL + 3] * part_w if sort & 1 else part_w
        kept = t - (tiles_t - in_t) * layer.tile[0] if sort & 4 else in_t * layer.tile[0]
        kept *= h - (tiles_h - in_h) * layer.tile[1] if sort & 2 else in_h * layer.tile[1]
        kept *= w - (tiles_w - in_w) * layer.tile[2] if sort & 1 else in_w * layer.tile[2]
        groups[at + CHANNELS] = channels
        groups[at + TILES] = in_t * in_h * in_w
        groups[at + PATCH] = patch(layer, in_t, 0) * patch(layer, in_h, 1) * patch(layer, in_w, 2)
        groups[at + OUTPUTS] = kept
        cost_group(layer, array, c, is_first, is_last, groups, at)


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
def patch(layer: Layer, tiles: int, axis: int) -> int:
    """Return the input positions along an axis that ``tiles`` read, overlaps once."""
    outputs = tiles * layer.tile[axis]
    # A phase of a strided kernel may reach past it: ceil(K / s) s >= K.
    reach = (layer.kernel[axis] - 1) * layer.dilation[axis] + 1
    return min((outputs - 1) * layer.stride[axis] + reach, outputs * layer.kernel[axis])


@kernel
def cost_group(layer: Layer, array: Array, c: int, is_first: int, is_last: int, groups: Words, at: int) -> None:
    """Fill in cycles to compute and to drain, and what binds, of the group at ``groups[at]``, reducing ``c`` channels.

    ``is_first`` and ``is_last`` say whether the reduction starts and ends here: else partial sums are read, written.
    """
    channels, tiles = groups[at + CHANNELS], groups[at + TILES]
    own = own_inputs(layer, channels)
    wide = min(c, array.chunk)
    multiply = layer.taps * ceiling(tiles, array.lanes) * array.cycles_per_tile
    patch_bits = own * groups[at + PATCH] * layer.activation_bits * wide
    port = max(
        output_port(array, patch_bits) if array.reads_back else input_port(array, patch_bits),
        ceiling(channels * wide * layer.kernel_bits * array.weight_port_cycles, array.weight_port_bits),
    )
    transform = 0
    if layer.is_winograd:
        transform = layer.taps * ceiling(own * tiles * layer.coordinates, array.input_rate)
    if array.transforms_weights:
        transform = max(transform, layer.taps * ceiling(channels * layer.coordinates, array.weight_rate))
    interval = max(multiply, port, transform)
    compute = ceiling(c, array.chunk) * interval
    cause = MULTIPLY if interval == multiply else SRAM_PORT if interval == port else TRANSFORM
    pixels = channels * groups[at + OUTPUTS]
    drain = output_port(array, pixels * update_bits(layer, is_first, is_last))
    if array.reads_back:
        # What is read and what drains take turns at the port of the output buffer.
        turns = output_port(array, own * groups[at + PATCH] * layer.activation_bits * c) + drain
        if turns > compute:
            compute, cause = turns, SRAM_PORT
    groups[at + COMPUTE], groups[at + CAUSE] = compute, cause
    if is_last:
        drain = max(drain, ceiling(pixels, array.vector_lanes))
    if layer.is_winograd:
        drain = max(drain, ceiling(channels * tiles * layer.coordinates, array.output_rate))
    groups[at + DRAIN] = drain


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
def first_group(groups: Words) -> int:
    """Return the sort of the first group: the last along the axes that have but one."""
    sort = 0
    for axis in range(4):
        sort = 2 * sort + (1 if groups[FULL + axis] == 0 else 0)
    return sort


@kernel
def stall_cycles(groups: Words) -> int:
    """Return the cycles that swaps wait: for the drain of the group before, where that is longer than the multiply.

    Groups follow each other with w innermost. Where ``axis`` goes on, the axes within
    it return from their last part to their first, and those around it stay.
    """
    first, stall = first_group(groups), 0
    for axis in range(4):
        bit = 1 << (3 - axis)
        full, last = groups[FULL + axis], groups[LAST + axis]
        if full + last == 1:
            continue
        within = bit - 1
        for outer in range(1 << axis):
            sort = outer << (4 - axis)
            times = 1
            for around in range(axis):
                times *= groups[(LAST if (sort >> (3 - around)) & 1 else FULL) + around]
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
def wait(groups: Words, before: int, after: int) -> int:
    """Return the cycles that a group of the sort ``after`` waits for the drain of one ``before``."""
    return max(groups[before * FIELDS + DRAIN] - groups[after * FIELDS + COMPUTE], 0)


@kernel
def array_cycles(groups: Words) -> int:
    """Return the cycles of a step without its fill: of all its groups, and of swaps that wait."""
    cycles = stall_cycles(groups)
    for sort in range(SORTS):
        if groups[sort * FIELDS + COUNT]:
            cycles += groups[sort * FIELDS + COUNT] * groups[sort * FIELDS + COMPUTE]
    return cycles


@kernel
def vector_cycles(
    layer: Layer, array: Array, inputs: int, read_back: int, outputs: int, c: int, is_first: int, is_last: int
) -> int:
    """Return the cycles of a vector step without its fill, negative where the ports take longer than the lanes.

    It reads ``inputs`` elements and, of an intermediate tensor, ``read_back``; it updates ``outputs``.
    """
    vector = ceiling(vector_ops(layer, outputs, c), array.vector_lanes)
    bits = read_back * layer.activation_bits + outputs * update_bits(layer, is_first, is_last)
    port = max(input_port(array, inputs * layer.activation_bits), output_port(array, bits))
    return vector if vector >= port else -port


@kernel
def vector_ops(layer: Layer, outputs: int, c: int) -> int:
    """Return the operations of a vector step."""
    return outputs * ceiling(layer.ops_per_output * c, layer.c if layer.reduces_frames else 1)


@kernel(inline=False)
def step_cycles(
    layer: Layer, array: Array, n: int, c: int, t: int, h: int, w: int, pixels: int, is_first: int, is_last: int,
    groups: Words,
) -> int:  # fmt: skip
    """Return the cycles of a step, its fill included; a vector step reads ``pixels`` input positions."""
    if layer.structure == VECTOR:
        inputs = layer.sources * n * pixels
        return array.fill_cycles + abs(vector_cycles(layer, array, inputs, 0, n * t * h * w, c, is_first, is_last))
    cost_groups(layer, array, n, c, t, h, w, is_first, is_last, groups)
    return array.fill_cycles + array_cycles(groups)


@kernel(inline=False)
def array_step(
    layer: Layer, array: Array, c: int, is_first: int, is_last: int, groups: Words, table: Words, row: int
) -> None:
    """Fill the ``row`` of ``table`` with the cycles and events of the step whose groups have been costed."""
    for column in range(COLUMNS):
        table[row + column] = 0
    lead, stall = groups[first_group(groups) * FIELDS + COMPUTE], stall_cycles(groups)
    table[row + HEAD], table[row + BODY] = lead + array.fill_cycles, stall - lead
    table[row + DRAINING], table[row + STALL] = groups[LAST_GROUP + DRAIN], stall
    rounds = ceiling(c, array.chunk)
    read = INTERMEDIATE_READ if array.reads_back else IFMAP_READ
    write = INTERMEDIATE_WRITE if array.keeps else OFMAP_WRITE
    for sort in range(SORTS):
        at = sort * FIELDS
        count = groups[at + COUNT]
        if count == 0:
            continue
        channels, tiles, pixels = (
            groups[at + CHANNELS],
            groups[at + TILES],
            groups[at + CHANNELS] * groups[at + OUTPUTS],
        )
        own = own_inputs(layer, channels)
        used = channels * tiles * layer.coordinates * layer.taps
        table[row + BODY] += count * groups[at + COMPUTE]
        table[row + FIRST_CAUSE + groups[at + CAUSE]] += count * groups[at + COMPUTE]
        if groups[at + CAUSE] == MULTIPLY:
            # Sums, of which a layer's shares are taken once: a step is too short to round them.
            table[row + ROW_CYCLES] += count * groups[at + COMPUTE] * channels
            table[row + LANE_CYCLES] += count * rounds * layer.taps * array.cycles_per_tile * channels * tiles
            table[row + PRODUCTS] += count * used * c
        table[row + MULTS] += count * used * c
        table[row + ACCUMULATIONS] += count * used * rounds
        table[row + TREE_ADDS] += count * used * (c - rounds)
        table[row + read] += count * own * groups[at + PATCH] * layer.activation_bits * c
        table[row + WEIGHT_READ] += count * channels * c * layer.kernel_bits
        table[row + OFMAP_READ] += 0 if is_first else count * pixels * layer.accumulator_bits
        table[row + write] += count * pixels * (layer.activation_bits if is_last else layer.accumulator_bits)
        if layer.is_winograd:
            table[row + INPUT_TILES] += count * own * tiles * c * layer.taps
            table[row + OUTPUT_TILES] += count * channels * tiles
        if array.transforms_weights:
            table[row + WEIGHT_KERNELS] += count * channels * c * layer.taps
        table[row + VECTOR_OPS] += count * pixels if is_last else 0


@kernel(inline=False)
def vector_step(
    layer: Layer, array: Array, inputs: int, read_back: int, outputs: int, c: int, is_first: int, is_last: int,
    table: Words, row: int,
) -> None:  # fmt: skip
    """Fill the ``row`` of ``table`` with the cycles and events of a vector step."""
    for column in range(COLUMNS):
        table[row + column] = 0
    cycles = vector_cycles(layer, array, inputs, read_back, outputs, c, is_first, is_last)
    table[row + HEAD] = abs(cycles) + array.fill_cycles
    cause = FIRST_CAUSE + (VECTOR_UNIT if cycles >= 0 else SRAM_PORT)
    table[row + cause] = abs(cycles)
    table[row + IFMAP_READ] = inputs * layer.activation_bits
    table[row + INTERMEDIATE_READ] = read_back * layer.activation_bits
    table[row + OFMAP_READ] = 0 if is_first else outputs * layer.accumulator_bits
    write = INTERMEDIATE_WRITE if array.keeps else OFMAP_WRITE
    table[row + write] = outputs * (layer.activation_bits if is_last else layer.accumulator_bits)
    table[row + VECTOR_OPS] = vector_ops(layer, outputs, c)


class Steps(NamedTuple):
    """Steps to be costed: their sizes; what vector steps read, and read back; their places in the reduction."""

    n: Words
    c: Words
    t: Words
    h: Words
    w: Words
    inputs: Words
    read_back: Words
    is_first: Words
    is_last: Words


@kernel(entry=MAPPER)
def cost_steps(layer: Layer, array: Array, steps: Steps, groups: Words, table: Words) -> None:
    """Fill ``table`` with the cycles and events of ``steps``, a row of COLUMNS each; ``groups`` is scratch."""
    for i in range(len(steps.n)):
        n, c, t, h, w = steps.n[i], steps.c[i], steps.t[i], steps.h[i], steps.w[i]
        is_first, is_last = steps.is_first[i], steps.is_last[i]
        if layer.structure == VECTOR:
            inputs, back = steps.inputs[i], steps.read_back[i]
            vector_step(layer, array, inputs, back, n * t * h * w, c, is_first, is_last, table, i * COLUMNS)
        else:
            cost_groups(layer, array, n, c, t, h, w, is_first, is_last, groups)
            array_step(layer, array, c, is_first, is_last, groups, table, i * COLUMNS)


@kernel(entry=MAPPER)
def full_step_costs(layer: Layer, array: Array, steps: Steps, groups: Words, cycles: Words, drain: Words) -> None:
    """Fill in, for array ``steps``, the cycles without their fill, and what is left to drain at their ends."""
    for i in range(len(steps.n)):
        cost_groups(
            layer, array, steps.n[i], steps.c[i], steps.t[i], steps.h[i], steps.w[i], steps.is_first[i],
            steps.is_last[i], groups,
        )  # fmt: skip
        cycles[i], drain[i] = array_cycles(groups), groups[LAST_GROUP + DRAIN]
