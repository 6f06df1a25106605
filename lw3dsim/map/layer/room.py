"""What tiles of a tiling take of the buffers, and how many have room there: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.machine.records import DENSE
from lw3dsim.map.layer.sums import input_channels, weight_bits
from lw3dsim.map.layer.tiling import weight_tiles

if TYPE_CHECKING:
    from lw3dsim.machine.records import Layer
    from lw3dsim.map.layer.tiling import Choices, Limits, Task, Tiling


class Held(NamedTuple):
    """The slots of each buffer."""

    ifmap: int
    weight: int
    ofmap: int


class Strip(NamedTuple):
    """What tilings that are cut alike along N, C, T and H have in common, however W is cut.

    There are so many tiles along T and H, and, for each tile along W, ``steps``, input tiles ``loads`` and output tiles
    ``stores``. Bits are those of the largest tiles, of input and output for each column.
    """

    spatial: int
    steps: int
    loads: int
    stores: int
    ifmap_bits: int
    weight_bits: int
    ofmap_bits: int


@kernel
def weights_fit(task: Task, at: Tiling) -> bool:
    """Return whether the largest weight tile of a tiling fits its buffer; ``n`` and ``c`` alone decide."""
    choices = task.choices
    return weight_bits(task.layer, choices.n.size[at.n], choices.c.size[at.c], 1) <= task.limits.weight_bits


@kernel
def strip_of(task: Task, at: Tiling) -> Strip:
    """Return what tilings cut as ``at`` along N, C, T and H have in common."""
    layer, choices = task.layer, task.choices
    spatial = choices.t.tiles[at.t] * choices.h.tiles[at.h]
    stores = layer.groups * choices.n.parts[at.n] * spatial
    steps = stores * choices.c.parts[at.c]
    return Strip(
        spatial,
        steps,
        layer.groups * choices.c.parts[at.c] * spatial if layer.structure == DENSE else steps,
        stores,
        ifmap_column(layer, choices, at),
        weight_bits(layer, choices.n.size[at.n], choices.c.size[at.c], 1),
        ofmap_column(layer, choices, at),
    )


@kernel
def tiles_fit(task: Task, strip: Strip, w: int) -> bool:
    """Return whether the largest tiles of a tiling fit, in a bounded number of steps; of weights, beside the others."""
    limits, extent = task.limits, task.choices.w
    if strip.steps * extent.tiles[w] > limits.max_steps:
        return False
    outputs = strip.ofmap_bits * extent.size[w]
    if outputs > limits.ofmap_bits:
        return False
    inputs = strip.ifmap_bits * extent.largest[w]
    if inputs > limits.ifmap_bits or limits.banks == 0:
        return inputs <= limits.ifmap_bits
    return banks_of(limits, inputs) + banks_of(limits, strip.weight_bits) + banks_of(limits, outputs) <= limits.banks


@kernel
def banks_of(limits: Limits, bits: int) -> int:
    """Return the banks of a shared memory that hold so many bits."""
    return max(ceiling(bits, limits.bank_bits), limits.least_banks)


@kernel
def have_two(task: Task, strip: Strip, w: int) -> bool:
    """Return whether two of the largest tiles of a tiling have room in each of buffers that are apart."""
    limits, extent = task.limits, task.choices.w
    is_apart = limits.banks == 0 and limits.slots > 1 and 2 * strip.weight_bits <= limits.weight_bits
    if not is_apart or 2 * strip.ifmap_bits * extent.largest[w] > limits.ifmap_bits:
        return False
    return 2 * strip.ofmap_bits * extent.size[w] <= limits.ofmap_bits


@kernel
def held_slots(task: Task, strip: Strip, at: Tiling) -> Held:
    """Return the slots of each buffer under a tiling that fits: as many as there is room for.

    Of a shared memory inputs have what they can first, then weights.
    """
    limits, extent, weights = task.limits, task.choices.w, strip.weight_bits
    inputs, outputs = strip.ifmap_bits * extent.largest[at.w], strip.ofmap_bits * extent.size[at.w]
    tiles = extent.tiles[at.w]
    ifmap_room, weight_room, ofmap_room = limits.ifmap_bits, limits.weight_bits, limits.ofmap_bits
    if limits.banks:
        ifmap_room = bits_left(limits, banks_of(limits, weights) + banks_of(limits, outputs))
    ifmap = slots_of(limits, strip.loads * tiles, inputs, ifmap_room)
    if limits.banks:
        weight_room = bits_left(limits, banks_of(limits, ifmap * inputs) + banks_of(limits, outputs))
    weight = slots_of(limits, weight_tiles(task.layer, task.choices, at), weights, weight_room)
    if limits.banks:
        ofmap_room = bits_left(limits, banks_of(limits, ifmap * inputs) + banks_of(limits, weight * weights))
    return Held(ifmap, weight, slots_of(limits, strip.stores * tiles, outputs, ofmap_room))


@kernel
def bits_left(limits: Limits, banks: int) -> int:
    """Return what is left of a shared memory where so many ``banks`` are taken."""
    return (limits.banks - banks) * limits.bank_bits


@kernel
def slots_of(limits: Limits, tiles: int, bits: int, room: int) -> int:
    """Return the slots of a buffer: one where a single tile is all there is, else as many as have room."""
    return 1 if tiles == 1 else slots_that_fit(limits.slots, bits, room)


@entry
def slots_that_fit(slots: int, bits: int, room: int) -> int:
    """Return how many tiles of so many ``bits`` have room, of at most ``slots``; one has it in any case."""
    return max(min(slots, room // max(bits, 1)), 1)


@kernel
def ifmap_bits(layer: Layer, choices: Choices, at: Tiling) -> int:
    """Return the bits of the largest input tile."""
    return ifmap_column(layer, choices, at) * choices.w.largest[at.w]


@kernel
def ifmap_column(layer: Layer, choices: Choices, at: Tiling) -> int:
    """Return the bits of a column of the largest input tile."""
    frames = choices.t.largest[at.t]
    if layer.reduces_frames:
        frames = min(choices.c.size[at.c], frames)
    channels = input_channels(layer, choices.n.size[at.n], choices.c.size[at.c])
    return channels * frames * choices.h.largest[at.h] * layer.sources * layer.activation_bits


@kernel
def ofmap_bits(layer: Layer, choices: Choices, at: Tiling) -> int:
    """Return the bits of the largest output tile."""
    return ofmap_column(layer, choices, at) * choices.w.size[at.w]


@kernel
def ofmap_column(layer: Layer, choices: Choices, at: Tiling) -> int:
    """Return the bits of a column of the largest output tile; partial sums are wide."""
    outputs = choices.n.size[at.n] * choices.t.size[at.t] * choices.h.size[at.h]
    return outputs * (layer.accumulator_bits if choices.c.size[at.c] < layer.c else layer.output_bits)
