"""Which mappings of a fused group fit the buffers, and what a mapping takes of each: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.kernels import entry, kernel

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.units import Units


class Stages(NamedTuple):
    """The stages of a group, by stage; ``channels``, and ``bits`` of an element, by tensor; ends of runs by run.

    A run is from ``start`` up to ``stop``. ``reads_dram``: the second operand of an addition is in DRAM, in blocks of
    so many channels, or 0. A tensor that ``waits`` is one; one inside may be ``stored`` besides. The first stage reads
    ``sources`` tensors.
    """

    n: Words
    c: Words
    has_weights: Words
    kernel_bits: Words
    bias_bits: Words
    run: Words
    reads_dram: Words
    waits: Words
    stored: Words
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

    By tensor and tile, new positions; by run and tile, what lies beside its chunks, what a channel of these takes, and
    the ``most`` channels of them whose slices of operands have room; whether operands are ``sliced``: filled in once
    mappings of the tile are looked at. Whichever chunks they take, the array is busy for so many
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
    most: Words
    sliced: Words
    cycles: Words
    bits: Words
    cost: Words
    weights: Words
    once: Words
    often: Words


class Floor(NamedTuple):
    """What stages take at least, by stage: ``work`` / ``lanes`` cycles a unit, and so many to ``fill`` for a step.

    In a pass of output channels over the ``rows`` of the array a unit takes ``pass_work`` / ``pass_lanes`` cycles; what
    all lanes multiply at once takes ``pixel_work`` or ``channel_work``, as in the mode of that name; there are so many
    ``modes``. All that takes ``least_work`` / ``least_lanes``. Its chunks have as many channels as the ``largest`` at
    most: so many ``chunks`` in so many ``passes``. ``weights`` are all bits of these. The
    stages behind it take as many cycles on the array as the ``rest`` at least, whatever tiles there are. What it
    ``reads`` may lie in rings, -1 where that is not told; it ``is_even`` where the rows work on as many channels as
    there are rows. What ``is_vector`` takes follows from its ``layer``, of the Layers ``layers``, and its ``kind``, of
    the Arrays ``arrays``, which have two of each: for what it was asked last to have ``made``, so many ``cycles``.
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
    least_work: Words
    least_lanes: Words
    modes: Words
    is_even: Words
    largest: Words
    chunks: Words
    passes: Words
    reads: Words
    weights: Words
    rest: Words
    is_vector: Words
    layer: Words
    kind: Words
    made_t: Words
    made_h: Words
    made_w: Words
    cycles: Words
    layers: Words
    arrays: Words
    rows: int


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
def all_stored(t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, tensor: int) -> int:
    """Return the positions of a tensor that is stored besides, each counted once."""
    of_t, of_h = t.stored[tensor * len(t.tile) + i], h.stored[tensor * len(h.tile) + j]
    return of_t * of_h * w.stored[tensor * len(w.tile) + k]


@kernel
def stored_besides(stages: Stages, t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int) -> int:
    """Return the bits that are stored of tensors between stages, of the ways i, j and k to cut T, H and W."""
    bits = 0
    for tensor in range(1, len(stages.n)):
        if stages.stored[tensor]:
            bits += all_stored(t, h, w, i, j, k, tensor) * stages.channels[tensor] * stages.bits[tensor]
    return bits


@kernel
def some_tiles(t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, tensor: int) -> int:
    """Return the tiles that have any new position of a tensor."""
    of_t, of_h = t.active[tensor * len(t.tile) + i], h.active[tensor * len(h.tile) + j]
    return of_t * of_h * w.active[tensor * len(w.tile) + k]


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
    bits = input_bits(stages, t, h, w, i, j, k)
    for stage in range(len(stages.n)):
        if stages.reads_dram[stage]:
            bits += new_positions(t, h, w, i, j, k, stage + 1) * stages.n[stage] * stages.bits[stage]
    return bits


@entry
def input_bits(stages: Stages, t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int) -> int:
    """Return what a tile of tensor 0 takes, new and retained."""
    return held_positions(t, h, w, i, j, k, 0) * stages.channels[0] * stages.sources * stages.bits[0]


@entry
def slice_bits(stages: Stages, t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, run: int) -> int:
    """Return what a channel of a slice takes, of the operands of a run that come from DRAM: of one at a time."""
    bits = 0
    for stage in range(stages.start[run], stages.stop[run]):
        if stages.reads_dram[stage]:
            bits = max(bits, new_positions(t, h, w, i, j, k, stage + 1) * stages.bits[stage])
    return bits


@kernel
def most_of_slices(stages: Stages, t: Cuts, h: Cuts, w: Cuts, i: int, j: int, k: int, run: int, capacity: int) -> int:
    """Return the most channels of a chunk of a run whose slices have room beside the input of a tile; 0 for none.

    All, where operands come in all channels, or there are none.
    """
    each, most = slice_bits(stages, t, h, w, i, j, k, run), stages.channels[stages.stop[run]]
    if each == 0 or window_bits(stages, t, h, w, i, j, k) <= capacity:
        return most
    return min(most, max(capacity - input_bits(stages, t, h, w, i, j, k), 0) // each)


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
