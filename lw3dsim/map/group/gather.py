"""Groups of stages put together from the layers of a network, many of them one after the other: plain integer code.

What Group says of its stages in Python is filled in here for groups that a search looks at once, to bound them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import NEVER, ceiling
from lw3dsim.base.kernels import entry, kernel, read
from lw3dsim.machine.records import DENSE, VECTOR, Layer
from lw3dsim.map.group.axes import ANEW, Reaches, cut_ways
from lw3dsim.map.group.fitting import Floor, Parts, Stages, all_positions
from lw3dsim.map.group.known import Known, find_axis, keep_axis, take_axis
from lw3dsim.map.group.residence import bits_of
from lw3dsim.map.group.tiles import bound_rest, bound_tile, whole_way
from lw3dsim.map.group.units import Units, count_units

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Triple
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.fitting import Chunks, Limits, Tiles


class Pace(NamedTuple):
    """What a stage takes at least, as in Floor, as it reads and keeps its tensors."""

    work: int
    lanes: int
    pass_work: int
    pass_lanes: int
    fill: int
    pixel_work: int
    pixel_lanes: int
    channel_work: int
    channel_lanes: int
    modes: int
    is_even: int


class Layers(NamedTuple):
    """Layers that may be stages, by number: each in words, as a Layer, and whether it takes all frames.

    ``pace`` are Paces, and ``array`` Arrays, by kind: of a layer that reads back so many tensors, whose own stays or
    not. ``chunks`` are sizes of chunks, set behind set; what a layer makes has those of set ``inner`` where it stays.
    """

    layer: Words
    takes_all: Words
    pace: Words
    array: Words
    chunks: Chunks
    inner: Words


class Paths(NamedTuple):
    """Groups of so many stages and runs, by group and stage: layers, kinds, tensors read and added, operands in DRAM.

    What a stage makes may be ``stored`` besides. ``final`` is, by group, the set of chunks of the output.
    """

    layer: Words
    kind: Words
    reads: Words
    adds: Words
    reads_dram: Words
    stored: Words
    final: Words


class Scratch(NamedTuple):
    """What of a group is written over by the next: ``ways`` to cut T, H and W; ``sizes`` of tiles.

    Of axes that are ``known`` figures alone are filled in, by way, not what they have by tile.
    """

    parts: Parts
    floor: Floor
    reaches: Reaches
    ways: Words
    filled: Words
    sizes: Words
    low: Words
    high: Words
    ends: Words
    fit: Tiles
    known: Known


@kernel
def gather_stages(layers: Layers, paths: Paths, group: int, into: Stages) -> Stages:
    """Fill in the stages of a group and return them."""
    many, run = len(into.n), -1
    sources = 1
    for i in range(many):
        at = group * many + i
        layer = read(Layer, layers.layer, paths.layer[at])
        into.n[i], into.c[i], into.kernel_bits[i], into.bias_bits[i] = (
            layer.n, layer.c, layer.kernel_bits, layer.bias_bits,
        )  # fmt: skip
        into.has_weights[i] = 0 if layer.structure == VECTOR else 1
        into.reads_dram[i] = paths.reads_dram[at]
        into.channels[i + 1], into.bits[i + 1] = layer.n, layer.output_bits
        into.stored[i + 1] = into.waits[i + 1] = paths.stored[at]
        if i == 0:
            sources = layer.sources
            into.channels[0] = layer.c if layer.structure == DENSE else layer.n
            into.bits[0], into.waits[0], into.stored[0] = layer.activation_bits, 0, 0
        if i == 0 or layer.structure == DENSE:
            run += 1
            into.start[run] = i
        into.run[i], into.stop[run] = run, i + 1
    for i in range(many):
        at = group * many + i
        if paths.adds[at] > 0:
            into.waits[paths.adds[at]] = 1
        if paths.reads[at] > 0 and paths.reads[at] < i:  # no chains in kernels
            into.waits[paths.reads[at]] = 1
    return Stages(
        into.n, into.c, into.has_weights, into.kernel_bits, into.bias_bits, into.run, into.reads_dram, into.waits,
        into.stored, into.channels, into.start, into.stop, into.bits, sources,
    )  # fmt: skip


@kernel
def gather_chunks(layers: Layers, paths: Paths, group: int, stages: Stages, chunks: Chunks) -> None:
    """Fill in the sizes of chunks of all runs of a group."""
    many, runs, place = len(stages.n), len(stages.start), 0
    for run in range(runs):
        number = layers.inner[paths.layer[group * many + stages.stop[run] - 1]]
        if run == runs - 1:
            number = paths.final[group]
        chunks.begin[run] = place
        for i in range(layers.chunks.begin[number], layers.chunks.begin[number + 1]):
            chunks.size[place] = layers.chunks.size[i]
            place += 1
    chunks.begin[runs] = place


@kernel
def gather_floor(layers: Layers, paths: Paths, group: int, parts: Parts, limits: Limits, floor: Floor) -> None:
    """Fill in what the stages of a group take at least; of chunks the largest take the fewest passes."""
    stages, many = parts.stages, len(parts.stages.n)
    for i in range(many):
        floor.layer[i], floor.kind[i] = paths.layer[group * many + i], paths.kind[group * many + i]
        pace = read(Pace, layers.pace, floor.kind[i])
        floor.is_vector[i] = 1 - stages.has_weights[i]
        floor.work[i], floor.lanes[i], floor.fill[i] = pace.work, pace.lanes, pace.fill
        floor.pass_work[i], floor.pass_lanes[i] = pace.pass_work, pace.pass_lanes
        floor.pixel_work[i], floor.pixel_lanes[i] = pace.pixel_work, pace.pixel_lanes
        floor.channel_work[i], floor.channel_lanes[i] = pace.channel_work, pace.channel_lanes
        floor.least_work[i], floor.least_lanes[i] = least_of_pass(pace)
        floor.modes[i], floor.is_even[i], floor.made_t[i] = pace.modes, pace.is_even, -1
        # Another tensor that a stage looks at may say in which order.
        floor.reads[i] = paths.reads[group * many + i] if paths.adds[group * many + i] < 0 else -1
        floor.weights[i] = bits_of(stages, i)
    gather_largest(parts, limits, floor, 1)


@kernel
def least_of_pass(pace: Pace) -> tuple[int, int]:
    """Return in how many cycles so many units pass at least, in the best of modes: what takes the longest of it."""
    work, lanes = pace.pixel_work, pace.pixel_lanes
    if pace.channel_work * lanes < work * pace.channel_lanes:
        work, lanes = pace.channel_work, pace.channel_lanes
    if pace.pass_work * lanes > work * pace.pass_lanes:
        work, lanes = pace.pass_work, pace.pass_lanes
    return work, lanes


@kernel
def gather_largest(parts: Parts, limits: Limits, floor: Floor, slots: int) -> None:
    """Fill in the largest chunks of stages, and how many there are then, where weights have so many ``slots``."""
    stages = parts.stages
    for run in range(len(stages.start)):
        size = largest_chunk(parts, limits, floor, run, slots)
        for i in range(stages.start[run], stages.stop[run]):
            chunk = min(stages.n[i], size)
            floor.largest[i], floor.chunks[i] = size, ceiling(stages.n[i], chunk)
            floor.passes[i] = ceiling(stages.n[i], min(floor.rows, chunk))


@kernel
def largest_chunk(parts: Parts, limits: Limits, floor: Floor, run: int, slots: int) -> int:
    """Return the largest chunk whose weights may fit ``slots`` times, beside what stays of any stages; 1 for none.

    Where the weights of a run don't all fit, chunks are largest with none of them resident: what stays takes more of
    the room, which is smaller, than it does of a chunk.
    """
    stages, chunks, whole, streamed = parts.stages, parts.chunks, 0, 0
    for i in range(stages.start[run], stages.stop[run]):
        whole += floor.weights[i]
        streamed += floor.weights[i] // stages.n[i]
    place = chunks.begin[run + 1] - 1
    if whole <= limits.weight_bits:
        return chunks.size[place]
    while place >= chunks.begin[run] and chunks.size[place] > limits.weight_bits // slots // streamed:
        place -= 1
    return chunks.size[place] if place >= chunks.begin[run] else 1


@kernel
def most_resident(floor: Floor, limits: Limits) -> int:
    """Return the most bits of weights that stay together, whole stages of them."""
    many, total, subsets = len(floor.weights), 0, 1
    for i in range(many):
        total += floor.weights[i]
        subsets *= 2 if floor.weights[i] else 1
    if total <= limits.weight_bits:
        return total
    most = 0
    for subset in range(subsets):
        rest, taken = subset, 0
        for i in range(many):
            if floor.weights[i]:
                taken += floor.weights[i] * (rest % 2)
                rest //= 2
        if taken > most and taken <= limits.weight_bits:
            most = taken
    return most


@kernel
def along(triple: Triple, d: int) -> int:
    """Return one of three."""
    t, h, w = triple
    return t if d == 0 else h if d == 1 else w


@kernel
def gather_axis(
    layers: Layers, paths: Paths, group: int, segments: int, d: int, halos: int, cuts: Cuts, units: Words, most: Words,
    own: Scratch, is_one: int,
) -> int:  # fmt: skip
    """Fill in the ways to cut T, H or W (0, 1, 2), whose T is in so many ``segments``; return how many they are.

    If it ``is_one`` tile, that alone.
    """
    reaches, many = own.reaches, len(own.filled)
    parted, is_whole = segments if d == 0 else 1, is_one
    for i in range(many):
        at = group * many + i
        layer = read(Layer, layers.layer, paths.layer[at])
        reaches.kernel[i], reaches.stride[i] = along(layer.kernel, d), along(layer.stride, d)
        reaches.padding[i] = along(layer.padding, d)
        reaches.out[i], reaches.inp[i] = along(layer.out, d) // parted, along(layer.inp, d) // parted
        reaches.takes_all[i] = layers.takes_all[paths.layer[at]] if d == 0 else 0
        reaches.adds[i], reaches.reads[i], reaches.segments[i] = paths.adds[at], paths.reads[at], parted
        reaches.stored[i] = paths.stored[at]
        own.filled[i] = along(layer.tile, d)
        is_whole = max(is_whole, reaches.takes_all[i])
    mixed, place = find_axis(own.known, reaches, own.filled, halos, is_one)
    if place:
        return take_axis(own.known, place, many, cuts, units, most)
    sizes = list_sizes(reaches, own.filled, is_whole, own.sizes)
    ways = cut_ways(reaches, own.sizes, sizes, ANEW, halos, cuts, own.low, own.high, own.ends)
    count_units(cuts, ways, own.filled, units, most)
    keep_axis(own.known, mixed, ways, cuts, units, most)
    return ways


@kernel
def list_sizes(reaches: Reaches, filled: Words, is_whole: int, sizes: Words) -> int:
    """List tile sizes of the last output, ascending: near-equal parts, and those that fill Winograd tiles of stages.

    ``filled`` are, by stage, the outputs of a Winograd tile. Return how many they are.
    """
    many, stride = len(filled), 1
    size = reaches.out[many - 1]
    if is_whole:
        sizes[0] = size
        return 1
    for part in range(size + 1):
        sizes[part] = 0
    mark_sizes(size, 1, sizes)
    for back in range(many):
        i = many - 1 - back
        if filled[i] % stride == 0:
            mark_sizes(size, filled[i] // stride, sizes)
        stride *= reaches.stride[i]
    count = 0
    for part in range(size + 1):
        if sizes[part]:
            sizes[count] = part
            count += 1
    return count


@kernel
def mark_sizes(size: int, quantum: int, sizes: Words) -> None:
    """Mark near-equal parts of ``size``, rounded up to a multiple of ``quantum``."""
    for k in range(1, size + 1):
        sizes[min(size, ceiling(ceiling(size, k), quantum) * quantum)] = 1


@kernel
def is_square(layers: Layers, paths: Paths, group: int, many: int) -> bool:
    """Return whether all of so many stages of a group are along W what they are along H."""
    for i in range(many):
        layer = read(Layer, layers.layer, paths.layer[group * many + i])
        if along(layer.kernel, 1) != along(layer.kernel, 2) or along(layer.stride, 1) != along(layer.stride, 2):
            return False
        if along(layer.padding, 1) != along(layer.padding, 2) or along(layer.tile, 1) != along(layer.tile, 2):
            return False
        if along(layer.out, 1) != along(layer.out, 2) or along(layer.inp, 1) != along(layer.inp, 2):
            return False
    return True


@kernel
def gather(layers: Layers, paths: Paths, group: int, limits: Limits, own: Scratch) -> Parts:
    """Fill in a group, and the ways to cut its axes; return its parts: of a square one those of H are those of W."""
    return gather_ways(layers, paths, group, limits.halos, own, gather_uncut(layers, paths, group, limits, own), 0)


@kernel
def gather_uncut(layers: Layers, paths: Paths, group: int, limits: Limits, own: Scratch) -> Parts:
    """Fill in a group but for the ways to cut its axes; return its parts."""
    stages = gather_stages(layers, paths, group, own.parts.stages)
    parts = Parts(
        stages, own.parts.t, own.parts.h, own.parts.w, own.parts.units, own.parts.sets, own.parts.set_bits,
        own.parts.chunks,
    )  # fmt: skip
    gather_chunks(layers, paths, group, stages, parts.chunks)
    gather_floor(layers, paths, group, parts, limits, own.floor)
    parts.set_bits[0] = most_resident(own.floor, limits)
    return parts


@kernel
def gather_ways(layers: Layers, paths: Paths, group: int, halos: int, own: Scratch, parts: Parts, is_one: int) -> Parts:
    """Fill in the ways to cut the axes of a group, up to ``halos``, and return its ``parts``; see gather_axis."""
    segments = 1
    for i in range(len(parts.stages.n)):
        segments = max(segments, read(Layer, layers.layer, paths.layer[group * len(parts.stages.n) + i]).segments)
    units = parts.units
    own.ways[0] = gather_axis(layers, paths, group, segments, 0, halos, parts.t, units.t, units.most_t, own, is_one)
    own.ways[1] = gather_axis(layers, paths, group, segments, 1, halos, parts.h, units.h, units.most_h, own, is_one)
    if is_square(layers, paths, group, len(parts.stages.n)):
        own.ways[2] = own.ways[1]
        return Parts(
            parts.stages, parts.t, parts.h, parts.h,
            Units(units.t, units.h, units.h, units.most_t, units.most_h, units.most_h), parts.sets, parts.set_bits,
            parts.chunks,
        )  # fmt: skip
    own.ways[2] = gather_axis(layers, paths, group, segments, 2, halos, parts.w, units.w, units.most_w, own, is_one)
    return parts


@entry
def gather_group(layers: Layers, paths: Paths, limits: Limits, own: Scratch) -> tuple[int, int, int, int]:
    """Fill in the first of the groups; return whether it is square: what is filled in of H is that of W then.

    And whether all stages have something to compute, and the cycles and bits that all mappings take at least.
    """
    parts, fit = gather(layers, paths, 0, limits, own), own.fit
    fit.t[0], fit.h[0], fit.w[0] = (
        whole_way(parts.t, own.ways[0]), whole_way(parts.h, own.ways[1]), whole_way(parts.w, own.ways[2]),
    )  # fmt: skip
    bound_rest(parts, own.floor, fit.t[0], fit.h[0], fit.w[0])
    bound_tile(parts, limits, own.floor, fit, 0, 0, 1, NEVER)
    square, busy = 1 if is_square(layers, paths, 0, len(parts.stages.n)) else 0, 1
    for tensor in range(1, len(parts.stages.channels)):
        # What a later stage looks at, it does in any of the ways.
        busy = min(busy, all_positions(parts.t, parts.h, parts.w, 0, 0, 0, tensor))
    return square, busy, fit.cycles[0], fit.bits[0]
