"""A mapping unrolled into steps, the tiles of three streams, and steps that are alike: plain integer code.

The reduction is innermost. A tile is loaded when a step needs another one than the step before, and stored behind its
last step of the reduction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.machine.records import DENSE, VECTOR
from lw3dsim.map.layer.sums import input_channels, weight_bits

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Layer
    from lw3dsim.machine.step import Steps


class Cut(NamedTuple):
    """Tiles along T, H or W: outputs of each, the input positions that it needs, those from the first to the last."""

    outputs: Words
    needed: Words
    span: Words


class Nest(NamedTuple):
    """The loops of a layer under a mapping: its groups, and tiles along every axis; ``n`` and ``c`` are channels.

    Where frames are reduced, ``t`` are the tiles along ``c``. With ``tiles_outer`` an input tile stays while weights
    pass, else weights stay.
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


class Stored(NamedTuple):
    """The columns of :class:`lw3dsim.schedule.program.Stores`."""

    opens: Words
    closes: Words
    box: Words
    bits: Words
    after: Words


class Unrolled(NamedTuple):
    """The steps and tiles of a layer, and the bursts of every weight tile, by group, n and c."""

    places: Places
    ifmap: Loaded
    weight: Loaded
    ofmap: Stored
    weight_bursts: Words


class Stolen(NamedTuple):
    """Per step, or kind, the cycles that DMA takes from the array while it computes, and while it drains."""

    computing: Words
    draining: Words


@entry
def unroll(layer: Layer, nest: Nest, slots: Slots, burst_bits: int, made: Unrolled) -> None:
    """Fill in ``made``, which has room for just the steps and tiles that there are."""
    places, ifmap, weight, ofmap = made.places, made.ifmap, made.weight, made.ofmap
    width, parts = len(nest.w.outputs), len(nest.c)
    area = len(nest.h.outputs) * width
    spatial = area if layer.reduces_frames else len(nest.t.outputs) * area
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
                box = first_weight + (g * len(nest.n) + n) * parts + c
                if layer.structure != VECTOR and (kernels == 0 or weight.box[kernels - 1] != box):
                    bits = weight_bits(layer, nest.n[n], nest.c[c], 1 if c == 0 else 0)
                    load(weight, kernels, step, box, bits, slots.weight)
                    kernels += 1
                step += 1
            ofmap.opens[stores], ofmap.closes[stores] = step - parts, step - 1
            ofmap.box[stores] = first_output + (g * len(nest.n) + n) * spatial + tile
            ofmap.bits[stores] = output_size(nest, places, step - 1) * layer.activation_bits
            ofmap.after[stores] = max(stores - slots.ofmap, -1)
            stores += 1
    end(ifmap, loads, step)
    end(weight, kernels, step)


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
def input_frame(layer: Layer, places: Places, step: int) -> int:
    """Return the tile of T that a step reads."""
    return places.c[step] if layer.reduces_frames else places.t[step]


@kernel
def input_box(layer: Layer, nest: Nest, places: Places, step: int) -> int:
    """Return the number of the input tile that a step needs."""
    channels, channel = len(nest.n), places.n[step]
    if layer.structure == DENSE:
        channels, channel = len(nest.c), places.c[step]
    box = (places.g[step] * channels + channel) * len(nest.t.outputs) + input_frame(layer, places, step)
    return (box * len(nest.h.outputs) + places.h[step]) * len(nest.w.outputs) + places.w[step]


@kernel
def input_bits(layer: Layer, nest: Nest, places: Places, step: int) -> int:
    """Return the bits of the input tile that a step needs, as they lie in the buffer."""
    channels = input_channels(layer, nest.n[places.n[step]], nest.c[places.c[step]])
    frames, rows = nest.t.needed[input_frame(layer, places, step)], nest.h.needed[places.h[step]]
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
MARKS = 12


@entry
def mark_steps(layer: Layer, nest: Nest, places: Places, stolen: Stolen, marks: Words) -> None:
    """Fill in what steps of a kind have in common, mark behind mark: sizes, place in the reduction, what DMA takes.

    Only in vector steps it matters what a tile needs of the input; the array reads whole patches.
    """
    steps, is_vector = len(places.c), 1 if layer.structure == VECTOR else 0
    for i in range(steps):
        c, frame, h, w = places.c[i], input_frame(layer, places, i), places.h[i], places.w[i]
        marks[i], marks[steps + i] = nest.n[places.n[i]], nest.c[c]
        marks[2 * steps + i], marks[3 * steps + i] = 1 if c == 0 else 0, 1 if c == len(nest.c) - 1 else 0
        marks[4 * steps + i], marks[5 * steps + i] = nest.t.outputs[frame], nest.h.outputs[h]
        marks[6 * steps + i], marks[7 * steps + i] = nest.w.outputs[w], is_vector * nest.t.needed[frame]
        marks[8 * steps + i], marks[9 * steps + i] = is_vector * nest.h.needed[h], is_vector * nest.w.needed[w]
        marks[10 * steps + i], marks[11 * steps + i] = stolen.computing[i], stolen.draining[i]


@entry
def size_kinds(layer: Layer, nest: Nest, places: Places, example: Words, steps: Steps) -> None:
    """Fill in the sizes of ``steps``: of each the one that ``example`` names."""
    for i in range(len(steps.n)):
        step = example[i]
        c, frame, h, w = places.c[step], input_frame(layer, places, step), places.h[step], places.w[step]
        n = nest.n[places.n[step]]
        steps.n[i], steps.c[i] = n, nest.c[c]
        steps.t[i], steps.h[i], steps.w[i] = nest.t.outputs[frame], nest.h.outputs[h], nest.w.outputs[w]
        steps.inputs[i] = layer.sources * n * nest.t.needed[frame] * nest.h.needed[h] * nest.w.needed[w]
        steps.is_first[i], steps.is_last[i] = (1 if c == 0 else 0), (1 if c == len(nest.c) - 1 else 0)
