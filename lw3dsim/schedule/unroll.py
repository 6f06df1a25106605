"""A mapping unrolled into steps, the tiles of three streams, and steps that are alike: plain integer code.

The reduction is innermost. A tile is loaded when a step needs another one than the step before, and stored behind its
last step of the reduction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.distinct import sort_rows
from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.machine.records import DENSE
from lw3dsim.machine.step import cost_step
from lw3dsim.map.layer.sums import input_channels, weight_bits

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.machine.step import Costs
    from lw3dsim.machine.waves import Waves


class Cut(NamedTuple):
    """Tiles along T, H or W: outputs of each, the input positions that it needs, those from the first to the last."""

    outputs: Words
    needed: Words
    span: Words


class Nest(NamedTuple):
    """The loops of a layer under a mapping: its groups, and tiles along every axis; ``n`` and ``c`` are channels.

    Where frames are reduced, ``t`` are the tiles along ``c``, clip by clip. With ``tiles_outer`` an input tile stays
    while weights pass, else weights stay.
    """

    groups: int
    n: Words
    c: Words
    t: Cut
    h: Cut
    w: Cut
    tiles_outer: int


class Slots(NamedTuple):
    """How many tiles each buffer holds at once."""

    ifmap: int
    weight: int
    ofmap: int


class Meeting(NamedTuple):
    """Whether DMA and the array meet at the only port of each buffer: 1 or 0."""

    ifmap: int
    weight: int
    ofmap: int


class Places(NamedTuple):
    """Per step the index of every loop."""

    g: Words
    n: Words
    t: Words
    h: Words
    w: Words
    c: Words


class Loaded(NamedTuple):
    """The columns of :class:`lw3dsim.schedule.program.Loads`."""

    first: Words
    last: Words
    box: Words
    bits: Words
    after: Words
    gate: Words
    words: Words


class Stored(NamedTuple):
    """The columns of :class:`lw3dsim.schedule.program.Stores`."""

    opens: Words
    closes: Words
    box: Words
    bits: Words
    after: Words
    words: Words


class Sorts(NamedTuple):
    """Steps told apart: what each has in common with others of its kind, an example of every kind, the kind of each.

    ``buckets`` and ``following`` are scratch.
    """

    marks: Words
    buckets: Words
    following: Words
    example: Words
    kind: Words


class Unrolled(NamedTuple):
    """The steps and tiles of a layer, the bursts of every weight tile, by set, group, n and c, the kinds of steps."""

    places: Places
    ifmap: Loaded
    weight: Loaded
    ofmap: Stored
    weight_bursts: Words
    sorts: Sorts


@entry
def unroll(
    layer: Layer, array: Array, nest: Nest, slots: Slots, meeting: Meeting, burst_bits: int, made: Unrolled
) -> int:
    """Fill in ``made``, all 0, which has room for just the steps and tiles there are; return the kinds of steps."""
    list_steps(layer, nest, slots, burst_bits, made)
    if meeting.ifmap:
        pass_port(made.ifmap.bits, array.ifmap_port_bits, array.ifmap_port_cycles, made.ifmap.words)
    if meeting.weight:
        pass_port(made.weight.bits, array.weight_port_bits, array.weight_port_cycles, made.weight.words)
    if meeting.ofmap:
        pass_port(made.ofmap.bits, array.ofmap_port_bits, array.ofmap_port_cycles, made.ofmap.words)
    mark_steps(layer, nest, made)
    sorts, steps = made.sorts, len(made.sorts.kind)
    return sort_rows(sorts.marks, steps, steps, sorts.buckets, sorts.following, sorts.example, sorts.kind)


@kernel
def list_steps(layer: Layer, nest: Nest, slots: Slots, burst_bits: int, made: Unrolled) -> None:
    """Fill in steps and tiles."""
    places, ifmap, weight, ofmap = made.places, made.ifmap, made.weight, made.ofmap
    width, parts = len(nest.w.outputs), len(nest.c)
    area = len(nest.h.outputs) * width
    frames = layer.segments if layer.reduces_frames else len(nest.t.outputs)
    spatial = frames * area
    outers, inners = (spatial, len(nest.n)) if nest.tiles_outer else (len(nest.n), spatial)
    size_weights(layer, nest, burst_bits, made.weight_bursts)
    first_weight = input_ranges(layer, nest) * len(nest.t.outputs) * area
    first_output = first_weight + len(made.weight_bursts)
    step = loads = kernels = stores = 0
    for g in range(nest.groups):
        for turn in range(outers * inners):
            outer, inner = turn // inners, turn % inners
            n, tile = (inner, outer) if nest.tiles_outer else (outer, inner)
            t, h, w = tile // area, tile % area // width, tile % width
            for c in range(parts):
                places.g[step], places.n[step], places.c[step] = g, n, c
                places.t[step], places.h[step], places.w[step] = t, h, w
                box = input_box(layer, nest, places, step)
                if loads == 0 or ifmap.box[loads - 1] != box:
                    load(ifmap, loads, step, box, input_bits(layer, nest, places, step), slots.ifmap)
                    loads += 1
                box = first_weight + ((weight_set(layer, frames, t) * nest.groups + g) * len(nest.n) + n) * parts + c
                if layer.kernel_bits and (kernels == 0 or weight.box[kernels - 1] != box):
                    bits = weight_bits(layer, nest.n[n], nest.c[c], 1 if c == 0 else 0)
                    load(weight, kernels, step, box, bits, slots.weight)
                    kernels += 1
                step += 1
            ofmap.opens[stores], ofmap.closes[stores] = step - parts, step - 1
            ofmap.box[stores] = first_output + (g * len(nest.n) + n) * spatial + tile
            ofmap.bits[stores] = output_size(nest, places, step - 1) * layer.output_bits
            ofmap.after[stores] = max(stores - slots.ofmap, -1)
            stores += 1
    end(ifmap, loads, step)
    end(weight, kernels, step)


@kernel
def weight_set(layer: Layer, frames: int, t: int) -> int:
    """Return which set of weights tile ``t`` of so many along T takes: the only one, or that of its segment."""
    return t // (frames // layer.segments) if layer.own_weights else 0


@kernel
def size_weights(layer: Layer, nest: Nest, burst_bits: int, bursts: Words) -> None:
    """Fill in the bursts of every weight tile; there are none in a vector layer."""
    for tile in range(len(bursts)):
        n, c = tile // len(nest.c) % len(nest.n), tile % len(nest.c)
        bursts[tile] = ceiling(weight_bits(layer, nest.n[n], nest.c[c], 1 if c == 0 else 0), burst_bits)


@kernel
def input_ranges(layer: Layer, nest: Nest) -> int:
    """Return how many ranges of channels the input is cut into."""
    return nest.groups * (len(nest.c) if layer.structure == DENSE else len(nest.n))


@kernel
def input_frame(layer: Layer, nest: Nest, places: Places, step: int) -> int:
    """Return the tile of T that a step reads."""
    return places.t[step] * len(nest.c) + places.c[step] if layer.reduces_frames else places.t[step]


@kernel
def input_box(layer: Layer, nest: Nest, places: Places, step: int) -> int:
    """Return the number of the input tile that a step needs."""
    channels, channel = len(nest.n), places.n[step]
    if layer.structure == DENSE:
        channels, channel = len(nest.c), places.c[step]
    box = (places.g[step] * channels + channel) * len(nest.t.outputs) + input_frame(layer, nest, places, step)
    return (box * len(nest.h.outputs) + places.h[step]) * len(nest.w.outputs) + places.w[step]


@kernel
def input_bits(layer: Layer, nest: Nest, places: Places, step: int) -> int:
    """Return the bits of the input tile that a step needs, as they lie in the buffer."""
    channels = input_channels(layer, nest.n[places.n[step]], nest.c[places.c[step]])
    frames, rows = nest.t.needed[input_frame(layer, nest, places, step)], nest.h.needed[places.h[step]]
    return channels * frames * rows * nest.w.span[places.w[step]] * layer.activation_bits * layer.sources


@kernel
def output_size(nest: Nest, places: Places, step: int) -> int:
    """Return the elements of the output tile of a step."""
    frames, rows = nest.t.outputs[places.t[step]], nest.h.outputs[places.h[step]]
    return nest.n[places.n[step]] * frames * rows * nest.w.outputs[places.w[step]]


@kernel
def load(loads: Loaded, tile: int, step: int, box: int, bits: int, slots: int) -> None:
    """Note that ``tile`` is used from ``step`` on; the last use of the tile ``slots`` before it makes room for it."""
    loads.first[tile], loads.box[tile], loads.bits[tile], loads.gate[tile] = step, box, bits, -1
    end(loads, tile, step)
    loads.after[tile] = loads.last[tile - slots] if tile >= slots else -1


@kernel
def end(loads: Loaded, tiles: int, step: int) -> None:
    """Note that the last of so many ``tiles`` is not used from ``step`` on."""
    if tiles > 0:
        loads.last[tiles - 1] = step - 1


# What steps of a kind have in common.
MARKS = 7


@kernel
def pass_port(bits: Words, port_bits: int, port_cycles: int, words: Words) -> None:
    """Fill in the cycles in which tiles of so many ``bits`` pass a port."""
    for tile in range(len(bits)):
        words[tile] = ceiling(bits[tile] * port_cycles, port_bits)


@kernel
def mark_steps(layer: Layer, nest: Nest, made: Unrolled) -> None:
    """Fill in what steps of a kind have in common, mark behind mark: sizes, place in the reduction."""
    places, marks = made.places, made.sorts.marks
    steps = len(places.c)
    for i in range(steps):
        c, frame, h, w = places.c[i], input_frame(layer, nest, places, i), places.h[i], places.w[i]
        marks[i], marks[steps + i] = nest.n[places.n[i]], nest.c[c]
        marks[2 * steps + i], marks[3 * steps + i] = 1 if c == 0 else 0, 1 if c == len(nest.c) - 1 else 0
        marks[4 * steps + i], marks[5 * steps + i] = nest.t.outputs[frame], nest.h.outputs[h]
        marks[6 * steps + i] = nest.w.outputs[w]


@entry
def cost_layer(layer: Layer, array: Array, nest: Nest, made: Unrolled, waves: Waves, costs: Costs) -> None:
    """Fill in the ``costs``, all 0, of the kinds of steps."""
    places = made.places
    for i in range(len(costs.head)):
        step = made.sorts.example[i]
        c, frame, h, w = places.c[step], input_frame(layer, nest, places, step), places.h[step], places.w[step]
        n, t = nest.n[places.n[step]], nest.t.outputs[frame]
        is_first, is_last = (1 if c == 0 else 0), (1 if c == len(nest.c) - 1 else 0)
        cost_step(
            layer, array, n, nest.c[c], t, nest.h.outputs[h], nest.w.outputs[w], is_first, is_last, waves, costs, i
        )
