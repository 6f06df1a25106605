"""The chunks of a mapping of a fused group: the largest that fit, given its tile and what stays: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.map.group.fitting import (
    Limits,
    ends_bits,
    inside_bits,
    kept_bits,
    largest_up_to,
    most_of_slices,
    new_positions,
    window_bits,
)

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.fitting import Chunks, Found, Parts, Stages, Tiles


class Slots(NamedTuple):
    """How often chunks of streamed weights, and of the output, must fit."""

    weight: int
    output: int


@kernel
def size_tile(parts: Parts, limits: Limits, fit: Tiles, at: int) -> None:
    """Fill in what tile ``at`` takes."""
    stages, t, h, w = parts.stages, parts.t, parts.h, parts.w
    i, j, k, room = fit.t[at], fit.h[at], fit.w[at], len(fit.t)
    kept = kept_bits(stages, t, h, w, i, j, k)
    fit.sliced[at] = 1 if window_bits(stages, t, h, w, i, j, k) > limits.ifmap_bits else 0
    for tensor in range(len(stages.channels)):
        fit.new[tensor * room + at] = new_positions(t, h, w, i, j, k, tensor)
    for run in range(len(stages.start)):
        fit.beside_bits[run * room + at] = kept + ends_bits(stages, t, h, w, i, j, k, run)
        fit.chunk_bits[run * room + at] = inside_bits(stages, t, h, w, i, j, k, run)
        fit.most[run * room + at] = most_of_slices(stages, t, h, w, i, j, k, run, limits.ifmap_bits)


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
def choose_chunks(
    parts: Parts, fit: Tiles, limits: Limits, streamed: Words, found: Found, to: int, cap: int, slots: Slots
) -> bool:
    """Give mapping ``to``, of a tile, the largest chunks of channels that fit; return whether there are any.

    That of the last run is none behind place ``cap``. ``streamed`` are as in stream_rest. They fit so often as there
    are ``slots``; outputs have more where there is room.
    """
    stages, chunks, at = parts.stages, parts.chunks, found.tile[to]
    runs, last, tiles = len(stages.start), len(stages.n), fit.tiles[at]
    begin = found.resident[to] * (runs + 1)
    out, steps, place, is_whole = fit.new[last * len(fit.t) + at] * stages.bits[last], 0, 0, False
    for run in range(runs):
        most = most_channels(fit, at, limits, streamed[begin + runs] // slots.weight, streamed[begin + run], run)
        place = largest_up_to(chunks, run, most)
        if run == runs - 1:
            place = min(place, cap)
            # A single store needs no second slot.
            is_whole = (
                tiles == 1 and place == chunks.begin[runs] - 1 and out * stages.channels[last] <= limits.output_bits
            )
            if not is_whole:
                place = min(place, largest_up_to(chunks, run, limits.output_bits // slots.output // max(out, 1)))
        if fit.sliced[at]:
            place = whole_blocks(stages, chunks, run, place)
        if place < 0:
            return False
        if run == runs - 1:
            held = limits.output_bits // max(out * chunks.size[place], 1)
            found.slots[to] = 1 if is_whole else min(limits.slots, held)
        found.chunk[run * len(found.t) + to] = place
        count = ceiling(stages.channels[stages.stop[run]], chunks.size[place])
        steps += tiles * count * (stages.stop[run] - stages.start[run])
    return steps <= limits.steps


@kernel
def most_channels(fit: Tiles, at: int, limits: Limits, room: int, streamed: int, run: int) -> int:
    """Return the most channels of a chunk of ``run`` by its intermediate tensors and weights, each in its ``room``.

    0: none fits.
    """
    left = limits.intermediate_bits - fit.beside_bits[run * len(fit.t) + at]
    each, most = fit.chunk_bits[run * len(fit.t) + at], fit.most[run * len(fit.t) + at]
    if left < 0:
        return 0
    most = min(most, left // each) if each else most
    return min(most, room // streamed) if streamed else most


@kernel
def whole_blocks(stages: Stages, chunks: Chunks, run: int, place: int) -> int:
    """Return the place of the largest chunk of a run, up to a place, of whole blocks of its operands; -1 for none."""
    for stage in range(stages.start[run], stages.stop[run]):
        if stages.reads_dram[stage]:
            while place >= chunks.begin[run] and cuts_blocks(stages, stage, chunks.size[place]):
                place -= 1
    return place if place >= chunks.begin[run] else -1


@kernel
def cuts_blocks(stages: Stages, stage: int, size: int) -> bool:
    """Return whether slices of so many channels cut the blocks in which the operand of a stage lies."""
    return size < stages.n[stage] and size % stages.reads_dram[stage] != 0
