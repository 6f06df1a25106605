"""The tiles of a fused group that fit the buffers, and what each takes at least: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.map.group.bounding import chunked_cycles, unchunked_cycles
from lw3dsim.map.group.fitting import (
    Floor,
    Limits,
    all_positions,
    ends_bits,
    input_bits,
    inside_bits,
    kept_bits,
    largest_up_to,
    most_of_slices,
    new_positions,
    some_tiles,
    stored_besides,
    stored_bits,
    window_bits,
)
from lw3dsim.map.group.pricing import PARTS, Aim, Rates, cycles_up_to, least_cost

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.fitting import Parts, Tiles


# Places of tiles that are not looked at yet, and that are not listed.
UNKNOWN, NOWHERE = -1, -2


class Gauge(NamedTuple):
    """What tiles are bounded by: capacities, floors, clocks, prices, the bits of a burst, and slots of the output."""

    limits: Limits
    floor: Floor
    rates: Rates
    aim: Aim
    burst_bits: int
    slots: int


@entry
def list_tiles(
    parts: Parts, ways: tuple[int, int, int], gauge: Gauge, is_square: int, cut: int, fit: Tiles, listed: Words
) -> int:
    """List the tiles whose input fits and that may cost no more than ``cut``; return how many they are.

    Tiles that warm up are cut finer than those that do not: they are listed where they leave more room. ``listed``, by
    way to cut H and W, is scratch.
    """
    t, h, w, count = parts.t, parts.h, parts.w, 0
    whole_h, whole_w = whole_way(h, ways[1]), whole_way(w, ways[2])
    for i in range(ways[0]):
        if cut < NEVER and cost_of_tile(parts, gauge, fit, count, i, whole_h, whole_w, 0, cut) > cut:
            continue
        for j in range(ways[1]):
            for k in range(ways[2]):
                listed[j * ways[2] + k] = UNKNOWN
            # A window slides along one axis only.
            kept = t.is_kept[i] + h.is_kept[j]
            if kept > 1 or (cut < NEVER and cost_of_tile(parts, gauge, fit, count, i, j, whole_w, 0, cut) > cut):
                continue
            for k in range(ways[2]):
                if kept + w.is_kept[k] <= 1:
                    other = listed[k * ways[2] + j] if is_square and k < j else UNKNOWN
                    if other == UNKNOWN:
                        fit.cost[count] = cost_in_room(parts, gauge, fit, count, i, j, k, cut)
                    else:
                        exchange(fit, other, count)
                    listed[j * ways[2] + k] = count if fit.cost[count] < NEVER and fit.cost[count] <= cut else NOWHERE
                    count += 1 if listed[j * ways[2] + k] == count else 0
    return count


@kernel
def exchange(fit: Tiles, other: int, to: int) -> None:
    """Fill in a tile of a square group, which takes what the ``other`` does, with H and W exchanged; or nowhere."""
    if other == NOWHERE:
        fit.cost[to] = NEVER
        return
    fit.t[to], fit.h[to], fit.w[to], fit.tiles[to] = fit.t[other], fit.w[other], fit.h[other], fit.tiles[other]
    fit.cycles[to], fit.bits[to], fit.cost[to] = fit.cycles[other], fit.bits[other], fit.cost[other]
    fit.weights[to], fit.once[to], fit.often[to] = fit.weights[other], fit.once[other], fit.often[other]


@kernel
def whole_way(cuts: Cuts, ways: int) -> int:
    """Return the way that leaves an axis whole."""
    way = ways - 1
    while cuts.is_kept[way]:
        way -= 1
    return way


@kernel
def cost_in_room(parts: Parts, gauge: Gauge, fit: Tiles, at: int, i: int, j: int, k: int, most: int) -> int:
    """Return what a tile costs at least in chunks that there is room for; NEVER for none, or if that is over ``most``.

    What it takes is filled in at a place.
    """
    # What is found fastest comes first.
    if not is_input(parts, gauge.limits, i, j, k) or cost_of_tile(parts, gauge, fit, at, i, j, k, 0, most) > most:
        return NEVER
    return cost_of_tile(parts, gauge, fit, at, i, j, k, 1, most) if leaves_room(parts, gauge.limits, i, j, k) else NEVER


@kernel
def cost_of_tile(
    parts: Parts, gauge: Gauge, fit: Tiles, at: int, i: int, j: int, k: int, is_held: int, most: int
) -> int:
    """Return what a tile costs at least, NEVER where it has no room; if it isn't ``is_held``, needs none.

    What it takes is filled in at a place. It may be NEVER where that is over ``most``.
    """
    fit.t[at], fit.h[at], fit.w[at] = i, j, k
    fit.tiles[at] = parts.t.tiles[i] * parts.h.tiles[j] * parts.w.tiles[k]
    cycles = cycles_up_to(gauge.aim, most)
    if not bound_tile(parts, gauge.limits, gauge.floor, fit, at, is_held, gauge.slots, cycles):
        return NEVER
    return least_cost(gauge.rates, gauge.aim, fit.cycles[at] * PARTS, fit.bits[at] // gauge.burst_bits)


@kernel
def bound_tile(
    parts: Parts, limits: Limits, floor: Floor, fit: Tiles, at: int, is_held: int, slots: int, most: int
) -> bool:
    """Fill in what tile ``at`` takes at least: its stages, and its inputs, operands, outputs and weights.

    If it ``is_held`` on chip, chunks are as large as there is room, of the output so often as there are ``slots``;
    return whether the least of all runs have any, and it takes no more than ``most`` cycles.
    """
    stages, t, h, w = parts.stages, parts.t, parts.h, parts.w
    i, j, k, last = fit.t[at], fit.h[at], fit.w[at], len(stages.n)
    cycles = weights = once = often = size = kept = bits = 0
    if is_held:
        kept = kept_bits(stages, t, h, w, i, j, k)
    for stage in range(last):
        run = stages.run[stage]
        if is_held and stage == stages.start[run]:
            size = roomiest(parts, limits, kept, i, j, k, run, slots)
            if size == 0:
                return False
        tiles = some_tiles(t, h, w, i, j, k, stage + 1)
        if is_held:
            cycles += chunked_cycles(parts, floor, i, j, k, stage, min(size, floor.largest[stage]), tiles)
        else:
            cycles += unchunked_cycles(parts, floor, i, j, k, stage, tiles)
        # What the stages behind it take at least is known beforehand.
        if cycles + floor.rest[stage] > most:
            return False
        weights += tiles * floor.weights[stage]
        once += min(tiles, 1) * floor.weights[stage]
        often = max(often, tiles)
        if stages.reads_dram[stage]:
            bits += all_positions(t, h, w, i, j, k, stage + 1) * stages.n[stage] * stages.bits[stage]
    bits += all_positions(t, h, w, i, j, k, 0) * stages.channels[0] * stages.sources * stages.bits[0]
    bits += stored_bits(parts, fit, at) + stored_besides(stages, t, h, w, i, j, k)
    fit.weights[at], fit.once[at], fit.often[at], fit.cycles[at] = weights, once, often, cycles
    fit.bits[at] = bits + least_weights(parts, fit, at, len(parts.set_bits) - 1)
    return True


@kernel
def bound_rest(parts: Parts, floor: Floor, i: int, j: int, k: int) -> None:
    """Fill in what the stages behind each take at least on the array: as in one tile, of the ways i, j and k."""
    rest = 0
    for back in range(len(floor.rest)):
        stage = len(floor.rest) - 1 - back
        floor.rest[stage] = rest
        if floor.is_vector[stage] == 0:
            tiles = some_tiles(parts.t, parts.h, parts.w, i, j, k, stage + 1)
            rest += unchunked_cycles(parts, floor, i, j, k, stage, tiles)


@kernel
def is_input(parts: Parts, limits: Limits, i: int, j: int, k: int) -> bool:
    """Return whether the input of a tile is seen, and fits."""
    if parts.t.seen[i] & parts.h.seen[j] & parts.w.seen[k] == 0:
        return False
    return input_bits(parts.stages, parts.t, parts.h, parts.w, i, j, k) <= limits.ifmap_bits


@kernel
def leaves_room(parts: Parts, limits: Limits, i: int, j: int, k: int) -> bool:
    """Return whether a tile has room that it would not have without tiles that warm up, which those of others have."""
    t, h, w = parts.t, parts.h, parts.w
    # The way before one that warms up is the same without.
    cold_i, cold_j, cold_k = i - min(t.warm[i], 1), j - min(h.warm[j], 1), k - min(w.warm[k], 1)
    if (cold_i == i and cold_j == j and cold_k == k) or limits.shares > 0:
        # What is divided for each mapping may leave room to tiles that warm up alone.
        return True
    cold = window_bits(parts.stages, t, h, w, cold_i, cold_j, cold_k)
    if cold > limits.ifmap_bits:
        return True
    if 2 * cold > limits.ifmap_bits and 2 * window_bits(parts.stages, t, h, w, i, j, k) <= limits.ifmap_bits:
        return True
    kept = kept_bits(parts.stages, t, h, w, i, j, k)
    cold_kept = kept_bits(parts.stages, t, h, w, cold_i, cold_j, cold_k)
    last = len(parts.stages.start) - 1
    for run in range(last + 1):
        most = most_inside(parts, limits, kept, i, j, k, run)
        cold_most = most_inside(parts, limits, cold_kept, cold_i, cold_j, cold_k, run)
        if run < last and is_larger(parts, run, most, cold_most):
            return True
        if run == last:
            for slots in (1, 2, limits.slots):
                own, cold_own = (
                    min(most, most_stored(parts, limits, i, j, k, slots)),
                    min(cold_most, most_stored(parts, limits, cold_i, cold_j, cold_k, slots)),
                )
                if is_larger(parts, run, own, cold_own):
                    return True
    return False


@kernel
def is_larger(parts: Parts, run: int, most: int, other: int) -> bool:
    """Return whether the largest chunk of a run of so many channels is larger than of as many as the ``other``."""
    return most > other and size_up_to(parts, run, most) > size_up_to(parts, run, other)


@kernel
def size_up_to(parts: Parts, run: int, most: int) -> int:
    """Return the channels of the largest chunk of a run of at most so many; 0 for none."""
    place = largest_up_to(parts.chunks, run, most)
    return parts.chunks.size[place] if place >= 0 else 0


@kernel
def roomiest(parts: Parts, limits: Limits, kept: int, i: int, j: int, k: int, run: int, slots: int) -> int:
    """Return the channels of the largest chunk of a run that a tile has room for, but for weights; 0 for none.

    Whatever runs, intermediate tensors have ``kept`` bits. Chunks of the output fit so often as there are ``slots``.
    """
    most = most_inside(parts, limits, kept, i, j, k, run)
    if run == len(parts.stages.start) - 1:
        most = min(most, most_stored(parts, limits, i, j, k, slots))
    return size_up_to(parts, run, most)


@kernel
def most_inside(parts: Parts, limits: Limits, kept: int, i: int, j: int, k: int, run: int) -> int:
    """Return the most channels of a chunk of a run that a tile has room for beside what is kept; 0 for none."""
    stages, t, h, w = parts.stages, parts.t, parts.h, parts.w
    left = limits.intermediate_bits - kept - ends_bits(stages, t, h, w, i, j, k, run)
    if left < 0:
        return 0
    most, each = (
        most_of_slices(stages, t, h, w, i, j, k, run, limits.ifmap_bits),
        inside_bits(stages, t, h, w, i, j, k, run),
    )
    return min(most, left // each) if each else most


@kernel
def most_stored(parts: Parts, limits: Limits, i: int, j: int, k: int, slots: int) -> int:
    """Return the most channels of a chunk of the output of a tile that fits so often as there are ``slots``."""
    t, h, w, last = parts.t, parts.h, parts.w, len(parts.stages.n)
    out = new_positions(t, h, w, i, j, k, last) * parts.stages.bits[last]
    if t.tiles[i] * h.tiles[j] * w.tiles[k] == 1 and out * parts.stages.channels[last] <= limits.output_bits:
        # A single store needs no second slot.
        return limits.output_bits // max(out, 1)
    return limits.output_bits // slots // max(out, 1)


@kernel
def least_weights(parts: Parts, fit: Tiles, at: int, resident: int) -> int:
    """Return the bits of weights that tile ``at`` moves at least where no larger set than a ``resident`` one stays."""
    return max(fit.weights[at] - (fit.often[at] - 1) * parts.set_bits[resident], fit.once[at])
