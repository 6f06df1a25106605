"""Which mappings of a fused group fit the buffers, and what a mapping takes of each: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.axes import Cuts, Units


class Stages(NamedTuple):
    """The stages of a group, by stage; ``channels``, and ``bits`` of an element, by tensor; ends of runs by run.

    A run is from ``start`` up to ``stop``. ``reads_dram``: the second operand of an addition is in DRAM. A tensor that
    ``waits`` is one. The first stage reads ``sources`` tensors.
    """

    n: Words
    c: Words
    has_weights: Words
    kernel_bits: Words
    bias_bits: Words
    run: Words
    reads_dram: Words
    waits: Words
    channels: Words
    start: Words
    stop: Words
    bits: Words
    sources: int


class Chunks(NamedTuple):
    """Sizes of chunks of channels, those of run i ascending from ``begin[i]`` on, up to ``begin[i + 1]``."""

    begin: Words
    size: Words


class Limits(NamedTuple):
    """Capacities, the slots of a buffer, and the most steps; outputs have what intermediate tensors leave of theirs.

    ``halos`` is the last of what may become of these, see :mod:`lw3dsim.map.group.axes`.
    Where that is found for each mapping, those are the most that either can have: together they have so many ``shares``
    of ``share_bits``, each one or more. Where it is given there are none.
    """

    ifmap_bits: int
    weight_bits: int
    intermediate_bits: int
    output_bits: int
    slots: int
    steps: int
    halos: int
    shares: int
    share_bits: int


class Parts(NamedTuple):
    """What mappings of a group are made of: its stages, ways to cut T, H and W, and the units of stages in these.

    ``sets`` are the stages whose weights may stay on chip together, a flag for each, set behind set, and ``set_bits``
    what they take; these ascend.
    """

    stages: Stages
    t: Cuts
    h: Cuts
    w: Cuts
    units: Units
    sets: Words
    set_bits: Words
    chunks: Chunks


class Found(NamedTuple):
    """Mappings: the number of the way to cut T, H and W, of the set of resident stages, and the slots of the output.

    ``tile`` is the number of its tile, ``cost`` what it costs at least. ``chunk`` is by run and mapping: a place in
    Chunks.
    """

    t: Words
    h: Words
    w: Words
    resident: Words
    slots: Words
    tile: Words
    cost: Words
    chunk: Words


class Tiles(NamedTuple):
    """Tiles whose input fits: the number of the way to cut T, H and W, how many tiles there are.

    By tensor and tile, new positions; by run and tile, what lies beside its chunks, and what a channel of these takes:
    filled in once mappings of the tile are looked at. Whichever chunks they take, the array is busy for so many
    ``cycles`` at least, and so many ``bits`` are moved, which have a ``cost``. Weights are ``once`` so many bits, are
    loaded up to ``often`` times, and would be ``weights`` in all if none stayed.
    """

    t: Words
    h: Words
    w: Words
    tiles: Words
    new: Words
    beside_bits: Words
    chunk_bits: Words
    cycles: Words
    bits: Words
    cost: Words
    weights: Words
    once: Words
    often: Words


class Floor(NamedTuple):
    """What stages take at least, by stage: ``work`` / ``lanes`` cycles a unit, and so many to ``fill`` for a step.

    In a pass of output channels over the ``rows`` of the array a unit takes ``pass_work`` / ``pass_lanes`` cycles; what
    all lanes multiply at once takes ``pixel_work`` or ``channel_work``, as in the mode of that name. There are so many
    ``passes``, and ``chunks`` of channels, at least. ``weights`` are all bits of these. What ``is_vector`` takes
    follows from its ``layer``, of the Layers ``layers``, and its ``kind``, of the Arrays ``arrays``.
    """

    work: Words
    lanes: Words
    pass_work: Words
    pass_lanes: Words
    fill: Words
    pixel_work: Words
    pixel_lanes: Words
    channel_work: Words
    channel_lanes: Words
    passes: Words
    chunks: Words
    weights: Words
    is_vector: Words
    layer: Words
    kind: Words
    layers: Words
    arrays: Words
    rows: int


@kernel
def size_tile(parts: Parts, fit: Tiles, at: int) -> None:
    """Fill in what tile ``at`` takes."""
    stages, t, h, w = parts.stages, parts.t, parts.h, parts.w
    i, j, k, room = fit.t[at], fit.h[at], fit.w[at], len(fit.t)
    kept = kept_bits(stages, t, h, w, i, j, k)
    for tensor in range(len(stages.channels)):
        fit.new[tensor * room + at] = new_positions(t, h, w, i, j, k, tensor)
    for run in range(len(stages.start)):
        fit.beside_bits[run * room + at] = kept + ends_bits(stages, t, h, w, i, j, k, run)
        fit.chunk_bits[run * room + at] = inside_bits(stages, t, h, w, i, j, k, run)


@kernel
def inside_bits(stages: Stages, t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, run: int) -> int:
    """Return what a channel of a chunk takes of the tensors inside a run."""
    bits = 0
    for tensor in range(stages.start[run] + 1, stages.stop[run]):
        bits += new_positions(t, h, w, i, j, k, tensor) * stages.bits[tensor]
    return bits


@kernel
def most_units(t: Cuts, h: Cuts, w: Cuts, units: Units, i: int, j: int, k: int, stage: int) -> int:
    """Return the units of the outputs of a stage in its largest tile, of the ways i, j and k to cut T, H and W."""
    of_t, of_h = units.most_t[stage * len(t.tile) + i], units.most_h[stage * len(h.tile) + j]
    return of_t * of_h * units.most_w[stage * len(w.tile) + k]


@kernel
def chunk_of(parts: Parts, found: Found, at: int, stage: int) -> int:
    """Return the channels of a chunk of a stage."""
    return parts.chunks.size[found.chunk[parts.stages.run[stage] * len(found.t) + at]]


@kernel
def units_of(t: Cuts, h: Cuts, w: Cuts, units: Units, i: int, j: int, k: int, stage: int) -> int:
    """Return the units of all outputs of a stage, of the ways i, j and k to cut T, H and W."""
    of_t, of_h = units.t[stage * len(t.tile) + i], units.h[stage * len(h.tile) + j]
    return of_t * of_h * units.w[stage * len(w.tile) + k]


@kernel
def all_positions(t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, tensor: int) -> int:
    """Return the new positions of a tensor in all tiles together."""
    of_t, of_h = t.all_new[tensor * len(t.tile) + i], h.all_new[tensor * len(h.tile) + j]
    return of_t * of_h * w.all_new[tensor * len(w.tile) + k]


@kernel
def stored_bits(parts: Parts, fit: Tiles, at: int) -> int:
    """Return the bits that all tiles like tile ``at`` together have of the output."""
    last = len(parts.stages.n)
    positions = all_positions(parts.t, parts.h, parts.w, fit.t[at], fit.h[at], fit.w[at], last)
    return positions * parts.stages.channels[last] * parts.stages.bits[last]


@kernel
def some_tiles(t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, tensor: int) -> int:
    """Return the tiles that have any new position of a tensor."""
    of_t, of_h = t.active[tensor * len(t.tile) + i], h.active[tensor * len(h.tile) + j]
    return of_t * of_h * w.active[tensor * len(w.tile) + k]


@kernel
def stream_rest(parts: Parts, limits: Limits, streamed: Words) -> None:
    """Fill in, by set of resident stages and run, the weights of a channel that come for every tile.

    Behind those of the runs stands the room that the others leave.
    """
    stages, sets, runs = parts.stages, parts.sets, len(parts.stages.start)
    for resident in range(len(sets) // len(stages.n)):
        begin = resident * (runs + 1)
        for run in range(runs):
            streamed[begin + run] = 0
        streamed[begin + runs] = limits.weight_bits
        for stage in range(len(stages.n)):
            own = stages.c[stage] * stages.kernel_bits[stage] + stages.bias_bits[stage]
            if stages.has_weights[stage] and sets[resident * len(stages.n) + stage]:
                streamed[begin + runs] -= stages.n[stage] * own
            elif stages.has_weights[stage]:
                streamed[begin + stages.run[stage]] += own


@kernel
def with_share(limits: Limits, share: int) -> Limits:
    """Return the limits of mappings whose intermediate tensors have so many shares, where that is not given."""
    if limits.shares == 0:
        return limits
    inside, output = share * limits.share_bits, (limits.shares - share) * limits.share_bits
    return Limits(
        limits.ifmap_bits, limits.weight_bits, inside, output, limits.slots, limits.steps, limits.halos, limits.shares,
        limits.share_bits,
    )  # fmt: skip


@kernel
def choose_chunks(parts: Parts, fit: Tiles, limits: Limits, streamed: Words, found: Found, to: int, cap: int) -> bool:
    """Give mapping ``to``, of a tile, the largest chunks of channels that fit; return whether there are any.

    That of the last run is none behind place ``cap``. ``streamed`` are as in stream_rest.
    """
    stages, chunks, at = parts.stages, parts.chunks, found.tile[to]
    runs, last, tiles = len(stages.start), len(stages.n), fit.tiles[at]
    begin = found.resident[to] * (runs + 1)
    out, steps, place = fit.new[last * len(fit.t) + at] * stages.bits[last], 0, 0
    for run in range(runs):
        most = most_channels(stages, fit, at, limits, streamed[begin + runs], streamed[begin + run], run)
        place = largest_up_to(chunks, run, most)
        if run == runs - 1:
            place = min(place, cap)
            # A single store needs no second slot.
            is_whole = (
                tiles == 1 and place == chunks.begin[runs] - 1 and out * stages.channels[last] <= limits.output_bits
            )
            if not is_whole:
                place = min(place, largest_up_to(chunks, run, limits.output_bits // limits.slots // max(out, 1)))
            found.slots[to] = 1 if is_whole else limits.slots
        if place < 0:
            return False
        found.chunk[run * len(found.t) + to] = place
        count = ceiling(stages.channels[stages.stop[run]], chunks.size[place])
        steps += tiles * count * (stages.stop[run] - stages.start[run])
    return steps <= limits.steps


@kernel
def most_channels(stages: Stages, fit: Tiles, at: int, limits: Limits, room: int, streamed: int, run: int) -> int:
    """Return the most channels of a chunk of ``run`` by its intermediate tensors and weights; 0: none fits."""
    left = limits.intermediate_bits - fit.beside_bits[run * len(fit.t) + at]
    each = fit.chunk_bits[run * len(fit.t) + at]
    if left < 0:
        return 0
    most = left // each if each else stages.channels[stages.stop[run]]
    return min(most, room // limits.slots // streamed) if streamed else most


@kernel
def largest_up_to(chunks: Chunks, run: int, most: int) -> int:
    """Return the place of the largest chunk of a run of at most so many channels, -1 where all are larger."""
    low, high = chunks.begin[run], chunks.begin[run + 1]
    if chunks.size[low] > most:
        return -1
    if chunks.size[high - 1] <= most:
        return high - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if chunks.size[middle] <= most:
            low = middle
        else:
            high = middle
    return low


@entry
def new_positions(t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, tensor: int) -> int:
    """Return the new positions of a tensor in its largest tile, of the ways i, j and k to cut T, H and W."""
    return (
        t.most_new[tensor * len(t.tile) + i]
        * h.most_new[tensor * len(h.tile) + j]
        * w.most_new[tensor * len(w.tile) + k]
    )


@kernel
def retained_positions(t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, tensor: int) -> int:
    """Return the most positions of a tensor that are retained."""
    of_t, of_h, of_w = tensor * len(t.tile) + i, tensor * len(h.tile) + j, tensor * len(w.tile) + k
    new_t, new_h, new_w = t.most_new[of_t], h.most_new[of_h], w.most_new[of_w]
    return (
        t.most_retained[of_t] * new_h * new_w
        + new_t * h.most_retained[of_h] * new_w
        + new_t * new_h * w.most_retained[of_w]
    )


@kernel
def held_positions(t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, tensor: int) -> int:
    """Return the most positions of a tensor that a tile has, new and retained; these lie along one axis."""
    of_t, of_h = t.most_held[tensor * len(t.tile) + i], h.most_held[tensor * len(h.tile) + j]
    return of_t * of_h * w.most_held[tensor * len(w.tile) + k]


@entry
def window_bits(stages: Stages, t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int) -> int:
    """Return what the input of a tile takes: tensor 0, and the operands of additions that come from DRAM."""
    bits = held_positions(t, h, w, i, j, k, 0) * stages.channels[0] * stages.sources * stages.bits[0]
    for stage in range(len(stages.n)):
        if stages.reads_dram[stage]:
            bits += new_positions(t, h, w, i, j, k, stage + 1) * stages.n[stage] * stages.bits[stage]
    return bits


@entry
def beside_bits(stages: Stages, t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, run: int) -> int:
    """Return what intermediate tensors take beside the chunks of ``run``: retained positions, and its two ends."""
    return kept_bits(stages, t, h, w, i, j, k) + ends_bits(stages, t, h, w, i, j, k, run)


@kernel
def kept_bits(stages: Stages, t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int) -> int:
    """Return what intermediate tensors take whatever runs: what is retained, and all of those that wait."""
    bits = 0
    for tensor in range(1, len(stages.n)):
        if stages.waits[tensor]:
            positions = held_positions(t, h, w, i, j, k, tensor)
        else:
            positions = retained_positions(t, h, w, i, j, k, tensor)
        bits += positions * stages.channels[tensor] * stages.bits[tensor]
    return bits


@kernel
def ends_bits(stages: Stages, t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, run: int) -> int:
    """Return what the tensors at the two ends of a run take beside that."""
    bits = 0
    for tensor in (stages.start[run], stages.stop[run]):
        if tensor > 0 and tensor < len(stages.n) and not stages.waits[tensor]:
            more = held_positions(t, h, w, i, j, k, tensor) - retained_positions(t, h, w, i, j, k, tensor)
            bits += more * stages.channels[tensor] * stages.bits[tensor]
    return bits
