"""What mappings of a fused group move, exactly, and what the array takes for them, about: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel, read
from lw3dsim.machine.pace import array_cycles, entry_cycles, first_wave
from lw3dsim.machine.records import Array, Layer
from lw3dsim.machine.waves import LAST_SORT, cost_waves
from lw3dsim.map.group.bounding import made_in_all, whole_cycles
from lw3dsim.map.group.fitting import chunk_of, input_bits, most_units, some_tiles, units_of, window_bits
from lw3dsim.map.group.lying import chunked_bursts
from lw3dsim.map.group.packing import frame_place

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.waves import Waves
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.fitting import Found, Parts, Tiles
    from lw3dsim.map.group.lying import Lying
    from lw3dsim.map.group.pricing import Rates

# Sizes of steps whose cycles are remembered: a prime, as the places of keys repeat with even ones.
SEEN = 1021


class Traffic(NamedTuple):
    """Per mapping: bursts of inputs and of all; loads of inputs, visits of DRAM rows, stores; bursts nothing hides.

    And the bits of the input of a tile, with its operands where these come in all channels. And where only one of them
    fits at a time, bursts that are stored in ``turns`` with the last stage, and of weights for which the array
    ``waits``.
    """

    inputs: Words
    bursts: Words
    loads: Words
    visits: Words
    stores: Words
    exposed: Words
    window: Words
    turns: Words
    waits: Words


class Modes(NamedTuple):
    """The stages in all of their modes, two of a stage behind each other: its number, its layer and array in words.

    And what adder trees cost there, as in Aim, rounded down, the tensor in whose order the stage reads, and the stage
    itself where it adds that, else -1. Of layer and array, what is asked often: whether it ``is_vector``, the ``rows``
    of the array, the cycles to ``fill`` it, and whether it ``reads_back``.
    """

    stage: Words
    layer: Words
    array: Words
    trees: Words
    reads: Words
    adds: Words
    is_vector: Words
    rows: Words
    fill: Words
    reads_back: Words


class Effort(NamedTuple):
    """Per mapping and mode: the steps of a stage; cycles of the largest, and what it leaves to drain.

    And what all steps take of it: by passes of channels of all chunks and of one, Winograd tiles of all tiles and of
    the largest; 1 by 1 where the cycles are those of all.
    """

    steps: Words
    cycles: Words
    drain: Words
    all_passes: Words
    passes: Words
    all_tiles: Words
    tiles: Words


class Seen(NamedTuple):
    """Sizes of steps that have been costed, by hash: the key of the last, 0 for none, and what came of it.

    ``entry`` are the cycles before the first product, ``cycles`` those from it on, ``load`` those of the first round
    at the ports.
    """

    key: Words
    entry: Words
    load: Words
    cycles: Words
    drain: Words


@kernel
def weigh_traffic(
    parts: Parts, lying: Lying, found: Found, at: int, rates: Rates, streamed: Words, traffic: Traffic
) -> None:
    """Fill in what mapping ``at`` moves; of ``streamed`` see stream_rest."""
    stages, t, h, w, reads = parts.stages, parts.t, parts.h, parts.w, len(lying.tensor)
    window, inputs, seen, first = window_bits(stages, t, h, w, found.t[at], found.h[at], found.w[at]), 0, 0, 0
    is_sliced = window > rates.window_bits
    for i in range(reads):
        bursts, visits = tile_bursts(parts, lying, found.t[at], found.h[at], found.w[at], lying.tensor[i], i)
        inputs += lying.sources[i] * bursts
        seen += lying.sources[i] * visits
        # Slices come when the array works on others.
        first += 0 if is_sliced and i > 0 else lying.sources[i] * bursts
    outputs, visits = stored_bursts(parts, lying, found, at)
    besides = bursts_besides(parts, lying, found.t[at], found.h[at], found.w[at])
    chunk = found.chunk[(len(stages.start) - 1) * len(found.t) + at]
    weights, of_first, traffic.waits[at] = weight_bursts_of(parts, found, at, rates, lying.burst_bits, streamed)
    last, tiles = len(stages.n), active_tiles(parts, found, at, len(stages.n))
    traffic.inputs[at], traffic.bursts[at] = inputs, inputs + outputs + besides + weights
    traffic.loads[at], traffic.visits[at] = (
        active_tiles(parts, found, at, 0),
        seen + visits + weights // lying.page_bursts,
    )
    traffic.stores[at] = tiles * ceiling(stages.channels[last], parts.chunks.size[chunk])
    traffic.turns[at] = outputs if found.slots[at] == 1 and traffic.stores[at] > 1 else 0
    traffic.exposed[at] = ceiling(first, tiles) + of_first + ceiling(outputs, traffic.stores[at])
    for i in range(len(lying.stored)):
        traffic.stores[at] += active_tiles(parts, found, at, lying.stored[i])
    if is_sliced:
        window = input_bits(stages, t, h, w, found.t[at], found.h[at], found.w[at])
    traffic.window[at] = window


@kernel
def read_bursts(parts: Parts, lying: Lying, fit: Tiles, tile: int) -> int:
    """Return the bursts of all inputs of a tile, and of what is stored between stages."""
    inputs = bursts_besides(parts, lying, fit.t[tile], fit.h[tile], fit.w[tile])
    for i in range(len(lying.tensor)):
        bursts, _ = tile_bursts(parts, lying, fit.t[tile], fit.h[tile], fit.w[tile], lying.tensor[i], i)
        inputs += lying.sources[i] * bursts
    return inputs


@kernel
def bursts_besides(parts: Parts, lying: Lying, i: int, j: int, k: int) -> int:
    """Return the bursts that are stored of tensors between stages, of the ways i, j and k to cut T, H and W."""
    lines, every, bursts = lying.lines, len(parts.w.tile), 0
    first = len(lines.block) // every - len(lying.stored)
    for place in range(len(lying.stored)):
        tensor = lying.stored[place]
        if len(lying.frames.bursts):
            of_frame = lying.frames.bursts[frame_place(parts.h, parts.w, first + place, j, k)]
        else:
            of_frame = parts.h.stored[tensor * len(parts.h.tile) + j] * lines.bursts[(first + place) * every + k]
        bursts += parts.t.stored[tensor * len(parts.t.tile) + i] * of_frame
    return bursts


@kernel
def stored_bursts(parts: Parts, lying: Lying, found: Found, at: int) -> tuple[int, int]:
    """Return the bursts of the output of mapping ``at``; its row visits, about."""
    last_run, i, j, k = len(parts.stages.start) - 1, found.t[at], found.h[at], found.w[at]
    place = found.chunk[last_run * len(found.t) + at] - parts.chunks.begin[last_run]
    return tile_bursts(parts, lying, i, j, k, len(parts.stages.n), len(lying.tensor) + place)


@kernel
def tile_bursts(parts: Parts, lying: Lying, i: int, j: int, k: int, tensor: int, place: int) -> tuple[int, int]:
    """Return the bursts of all tiles of a tensor that lies as of a ``place``; its row visits, about.

    The tiles are those of the ways i, j and k to cut T, H and W.
    """
    t, h, w, lines = parts.t, parts.h, parts.w, lying.lines
    of_t, of_h, own = tensor * len(t.tile) + i, tensor * len(h.tile) + j, place * len(w.tile) + k
    cuts = h.active[of_h] * w.active[tensor * len(w.tile) + k]
    if len(lying.frames.bursts):
        frames, at = lying.frames, frame_place(h, w, place, j, k)
        pages = h.all_new[of_h] * frames.row_bursts[at] // lying.page_bursts
        return t.all_new[of_t] * frames.bursts[at], t.all_new[of_t] * (cuts + pages) * frames.parts[at]
    pages = h.all_new[of_h] * lines.row_bursts[own] // lying.page_bursts
    return t.all_new[of_t] * h.all_new[of_h] * lines.bursts[own], t.all_new[of_t] * (cuts + pages) * lines.parts[own]


@kernel
def active_tiles(parts: Parts, found: Found, at: int, tensor: int) -> int:
    """Return the tiles of a mapping that have any new position of a tensor."""
    return some_tiles(parts.t, parts.h, parts.w, found.t[at], found.h[at], found.w[at], tensor)


@kernel
def weight_bursts_of(
    parts: Parts, found: Found, at: int, rates: Rates, burst_bits: int, streamed: Words
) -> tuple[int, int, int]:
    """Return the bursts of all weight loads, those of the first, and those of chunks of which no two fit."""
    stages, total, first, waits, runs = parts.stages, 0, 0, 0, len(parts.stages.start)
    begin = found.resident[at] * (runs + 1)
    for i in range(len(stages.n)):
        if stages.has_weights[i]:
            chunk = chunk_of(parts, found, at, i)
            each = stages.c[i] * stages.kernel_bits[i] + stages.bias_bits[i]
            once = chunked_bursts(stages.n[i], chunk, each, burst_bits)
            stays = parts.sets[found.resident[at] * len(stages.n) + i]
            loaded = once * (1 if stays else active_tiles(parts, found, at, i + 1))
            is_alone = 2 * chunk * streamed[begin + stages.run[i]] > streamed[begin + runs]
            if not stays and (is_alone or rates.single_slot):
                waits += loaded
            total += loaded
            first = first if first else ceiling(chunk * each, burst_bits)
    return total, first, waits


@kernel
def weigh_stage(
    parts: Parts, modes: Modes, mode: int, found: Found, at: int, waves: Waves, seen: Seen, effort: Effort
) -> None:
    """Fill in the ``effort`` of mapping ``at`` in a ``mode``."""
    t, h, w, stage, to = parts.t, parts.h, parts.w, modes.stage[mode], at * len(modes.stage) + mode
    n, chunk = parts.stages.n[stage], chunk_of(parts, found, at, stage)
    many, apart = len(modes.stage), axes_apart(parts, found, at, modes.reads[mode], modes.adds[mode])
    effort.steps[to] = ceiling(n, chunk) * active_tiles(parts, found, at, stage + 1)
    if modes.is_vector[mode]:
        layer, array = read(Layer, modes.layer, mode), in_rings(read(Array, modes.array, mode), apart)
        effort.cycles[to], effort.drain[to] = (
            whole_cycles(layer, array, made_in_all(t, h, w, found.t[at], found.h[at], found.w[at], stage)),
            0,
        )
        effort.all_passes[to], effort.passes[to], effort.all_tiles[to], effort.tiles[to] = 1, 1, 1, 1
        return
    i, j, k = found.t[at], found.h[at], found.w[at]
    size_t = t.most_new[(stage + 1) * len(t.tile) + i]
    size_h = h.most_new[(stage + 1) * len(h.tile) + j]
    size_w = w.most_new[(stage + 1) * len(w.tile) + k]
    key = step_key(3 * many, mode + many * apart, chunk, size_t, size_h, size_w)
    place = key % len(seen.key)
    if seen.key[place] != key:
        layer, array = read(Layer, modes.layer, mode), in_rings(read(Array, modes.array, mode), apart)
        see_step(layer, array, chunk, size_t, size_h, size_w, key, waves, seen)
    effort.cycles[to], effort.drain[to] = seen.load[place] + seen.cycles[place], seen.drain[place]
    effort.passes[to] = ceiling(chunk, modes.rows[mode])
    effort.all_passes[to] = n // chunk * effort.passes[to] + ceiling(n % chunk, modes.rows[mode])
    effort.all_tiles[to] = units_of(t, h, w, parts.units, i, j, k, stage)
    effort.tiles[to] = most_units(t, h, w, parts.units, i, j, k, stage)


@kernel
def in_rings(array: Array, apart: int) -> Array:
    """Return the array where of what it reads so many axes of T and H lie apart, if not more do anyway."""
    return Array(
        array.rows, array.multipliers, array.lanes, array.depth, array.cycles_per_tile, array.chunk,
        array.holds_weights, array.stages_inputs, array.ifmap_port_bits, array.ifmap_port_cycles,
        array.weight_port_bits, array.weight_port_cycles, array.ofmap_port_bits, array.ofmap_port_cycles,
        array.ifmap_word_bits, array.weight_word_bits, array.ofmap_word_bits, array.input_rate, array.output_rate,
        array.weight_rate, array.vector_lanes, array.fill_cycles, array.transforms_weights, array.reads_back,
        array.keeps, max(array.apart, apart), array.block, array.fed_rows, array.tap_groups, array.staged,
    )  # fmt: skip


@kernel
def axes_apart(parts: Parts, found: Found, at: int, tensor: int, adds: int) -> int:
    """Return how many axes of a tensor lie apart: outside of the rings that mapping ``at`` keeps halos in.

    And, if stage ``adds`` goes through it, 0 or more, those along which tiles hold more of it than that makes.
    """
    if is_parted(parts.w, tensor, found.w[at], adds):
        return 2
    return 1 if is_parted(parts.h, tensor, found.h[at], adds) else 0


@kernel
def is_parted(cuts: Cuts, tensor: int, way: int, adds: int) -> bool:
    """Return whether a tensor lies in rings along an axis cut in a ``way``, or tiles hold more than ``adds`` makes."""
    many, at = len(cuts.tile), tensor * len(cuts.tile) + way
    if cuts.most_retained[at]:
        return True
    return adds >= 0 and cuts.most_held[at] != cuts.most_new[(adds + 1) * many + way]


@kernel
def seen_place(
    layer: Layer, array: Array, mode: int, modes: int, n: int, t: int, h: int, w: int, waves: Waves, seen: Seen
) -> int:
    """Return where the cycles of a step of n channels and t x h x w outputs stand, costed where they do not yet.

    Of so many ``modes``, layers on arrays, that share what has been seen, this is number ``mode``.
    """
    key = step_key(modes, mode, n, t, h, w)
    place = key % len(seen.key)
    if seen.key[place] != key:
        see_step(layer, array, n, t, h, w, key, waves, seen)
    return place


@kernel
def step_key(modes: int, mode: int, n: int, t: int, h: int, w: int) -> int:
    """Return what tells a step from others, in all of so many ``modes``."""
    return ((((n * 8193 + t) * 8193 + h) * 8193) + w) * modes + mode


@kernel
def see_step(layer: Layer, array: Array, n: int, t: int, h: int, w: int, key: int, waves: Waves, seen: Seen) -> None:
    """Note what a step takes, in the place of its ``key``."""
    place = key % len(seen.key)
    cost_waves(layer, array, n, layer.c, t, h, w, 1, 1, waves)
    seen.key[place], seen.cycles[place] = key, array_cycles(waves)
    seen.entry[place], seen.load[place] = entry_cycles(waves, array.fill_cycles), waves.load[first_wave(waves)]
    seen.drain[place] = waves.drain[LAST_SORT]
