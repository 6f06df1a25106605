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
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.machine.records import Array, Layer

# Ties of the binding resource go to the first.
BINDINGS = ("multiply", "vector", "sram_port", "transform")
MULTIPLY, VECTOR_UNIT, SRAM_PORT, TRANSFORM = range(4)

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


class Costs(NamedTuple):
    """Cycles and events of steps: head, body and drain, cycles by what binds, what is counted for the accounts.

    ``row_cycles``, ``lane_cycles`` and ``products`` are those of cycles that multiply.
    """

    head: Words
    body: Words
    drain: Words
    drain_stall: Words
    multiply: Words
    vector: Words
    sram_port: Words
    transform: Words
    row_cycles: Words
    lane_cycles: Words
    products: Words
    mults: Words
    accumulations: Words
    tree_adds: Words
    ifmap_read_bits: Words
    weight_read_bits: Words
    ofmap_read_bits: Words
    ofmap_write_bits: Words
    intermediate_read_bits: Words
    intermediate_write_bits: Words
    input_tiles: Words
    weight_kernels: Words
    output_tiles: Words
    vector_ops: Words


def empty_groups(work: Kernels) -> Groups:
    """Return room for the groups of a step."""
    sizes = [SORTS] * (len(Groups._fields) - 2) + [4, 4]
    return Groups(*map(work.empty, sizes))


def empty_costs(work: Kernels, steps: int) -> Costs:
    """Return room for the costs of so many ``steps``, all 0."""
    return Costs(*(work.empty(steps) for _ in Costs._fields))


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
def patch(layer: Layer, tiles: int, axis: int) -> int:
    """Return the input positions along an axis that ``tiles`` read, overlaps once."""
    outputs = tiles * layer.tile[axis]
    # A phase of a strided kernel may reach past it: ceil(K / s) s >= K.
    reach = (layer.kernel[axis] - 1) * layer.dilation[axis] + 1
    return min((outputs - 1) * layer.stride[axis] + reach, outputs * layer.kernel[axis])


@kernel
def cost_group(layer: Layer, array: Array, c: int, is_first: int, is_last: int, groups: Groups, sort: int) -> None:
    """Fill in cycles to compute and to drain, and what binds, of the groups of a ``sort``, reducing ``c`` channels.

    ``is_first`` and ``is_last`` say whether the reduction starts and ends here: else partial sums are read, written.
    """
    channels, tiles, inputs = groups.channels[sort], groups.tiles[sort], groups.patch[sort]
    own = own_inputs(layer, channels)
    wide = min(c, array.chunk)
    multiply = layer.taps * ceiling(tiles, array.lanes) * array.cycles_per_tile
    patch_bits = own * inputs * layer.activation_bits * wide
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
    groups: Groups,
) -> int:  # fmt: skip
    """Return the cycles of a step, its fill included; a vector step reads ``pixels`` input positions."""
    if layer.structure == VECTOR:
        inputs = layer.sources * n * pixels
        return array.fill_cycles + abs(vector_cycles(layer, array, inputs, 0, n * t * h * w, c, is_first, is_last))
    cost_groups(layer, array, n, c, t, h, w, is_first, is_last, groups)
    return array.fill_cycles + array_cycles(groups)


@kernel(inline=False)
def array_step(
    layer: Layer, array: Array, c: int, is_first: int, is_last: int, groups: Groups, costs: Costs, i: int
) -> None:
    """Fill in the cycles and events of step ``i``, whose groups have been costed."""
    lead, stall = groups.compute[first_group(groups)], stall_cycles(groups)
    costs.head[i], costs.body[i] = lead + array.fill_cycles, stall - lead
    costs.drain[i], costs.drain_stall[i] = groups.drain[LAST_SORT], stall
    for sort in range(SORTS):
        if groups.number[sort]:
            costs.body[i] += groups.number[sort] * groups.compute[sort]
            add_cycles(layer, array, c, groups, sort, costs, i)
            add_events(layer, array, c, is_first, is_last, groups, sort, costs, i)


@kernel
def add_cycles(layer: Layer, array: Array, c: int, groups: Groups, sort: int, costs: Costs, i: int) -> None:
    """Add the cycles of the groups of a ``sort`` to what binds them, and what works in those that multiply."""
    count, channels, tiles = groups.number[sort], groups.channels[sort], groups.tiles[sort]
    cycles = count * groups.compute[sort]
    if groups.cause[sort] == SRAM_PORT:
        costs.sram_port[i] += cycles
    elif groups.cause[sort] == TRANSFORM:
        costs.transform[i] += cycles
    else:
        rounds = ceiling(c, array.chunk)
        costs.multiply[i] += cycles
        # Sums, of which a layer's shares are taken once: a step is too short to round them.
        costs.row_cycles[i] += cycles * channels
        costs.lane_cycles[i] += count * rounds * layer.taps * array.cycles_per_tile * channels * tiles
        costs.products[i] += count * channels * tiles * layer.coordinates * layer.taps * c


@kernel
def add_events(
    layer: Layer, array: Array, c: int, is_first: int, is_last: int, groups: Groups, sort: int, costs: Costs, i: int
) -> None:
    """Add what the groups of a ``sort`` multiply, add, read, write and transform."""
    count, channels, tiles = groups.number[sort], groups.channels[sort], groups.tiles[sort]
    pixels, own, rounds = channels * groups.outputs[sort], own_inputs(layer, channels), ceiling(c, array.chunk)
    used = count * channels * tiles * layer.coordinates * layer.taps
    costs.mults[i] += used * c
    costs.accumulations[i] += used * rounds
    costs.tree_adds[i] += used * (c - rounds)
    read = costs.intermediate_read_bits if array.reads_back else costs.ifmap_read_bits
    read[i] += count * own * groups.patch[sort] * layer.activation_bits * c
    costs.weight_read_bits[i] += count * channels * c * layer.kernel_bits
    costs.ofmap_read_bits[i] += 0 if is_first else count * pixels * layer.accumulator_bits
    write = costs.intermediate_write_bits if array.keeps else costs.ofmap_write_bits
    write[i] += count * pixels * (layer.activation_bits if is_last else layer.accumulator_bits)
    if layer.is_winograd:
        costs.input_tiles[i] += count * own * tiles * c * layer.taps
        costs.output_tiles[i] += count * channels * tiles
    if array.transforms_weights:
        costs.weight_kernels[i] += count * channels * c * layer.taps
    costs.vector_ops[i] += count * pixels if is_last else 0


@kernel(inline=False)
def vector_step(
    layer: Layer, array: Array, inputs: int, read_back: int, outputs: int, c: int, is_first: int, is_last: int,
    costs: Costs, i: int,
) -> None:  # fmt: skip
    """Fill in the cycles and events of vector step ``i``."""
    cycles = vector_cycles(layer, array, inputs, read_back, outputs, c, is_first, is_last)
    costs.head[i] = abs(cycles) + array.fill_cycles
    bound = costs.vector if cycles >= 0 else costs.sram_port
    bound[i] = abs(cycles)
    costs.ifmap_read_bits[i] = inputs * layer.activation_bits
    costs.intermediate_read_bits[i] = read_back * layer.activation_bits
    costs.ofmap_read_bits[i] = 0 if is_first else outputs * layer.accumulator_bits
    write = costs.intermediate_write_bits if array.keeps else costs.ofmap_write_bits
    write[i] = outputs * (layer.activation_bits if is_last else layer.accumulator_bits)
    costs.vector_ops[i] = vector_ops(layer, outputs, c)


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
def cost_steps(layer: Layer, array: Array, steps: Steps, groups: Groups, costs: Costs) -> None:
    """Fill in the ``costs``, all 0, of ``steps``; ``groups`` is scratch."""
    for i in range(len(steps.n)):
        n, c, t, h, w = steps.n[i], steps.c[i], steps.t[i], steps.h[i], steps.w[i]
        is_first, is_last = steps.is_first[i], steps.is_last[i]
        if layer.structure == VECTOR:
            inputs, back = steps.inputs[i], steps.read_back[i]
            vector_step(layer, array, inputs, back, n * t * h * w, c, is_first, is_last, costs, i)
        else:
            cost_groups(layer, array, n, c, t, h, w, is_first, is_last, groups)
            array_step(layer, array, c, is_first, is_last, groups, costs, i)


@kernel(entry=MAPPER)
def full_step_costs(layer: Layer, array: Array, steps: Steps, groups: Groups, cycles: Words, drain: Words) -> None:
    """Fill in, for array ``steps``, the cycles without their fill, and what is left to drain at their ends."""
    for i in range(len(steps.n)):
        cost_groups(
            layer, array, steps.n[i], steps.c[i], steps.t[i], steps.h[i], steps.w[i], steps.is_first[i],
            steps.is_last[i], groups,
        )  # fmt: skip
        cycles[i], drain[i] = array_cycles(groups), groups.drain[LAST_SORT]
