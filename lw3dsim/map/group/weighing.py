"""What mappings of a fused group move, exactly, and what the array takes for them, about: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.machine.records import VECTOR
from lw3dsim.machine.step import vector_cycles
from lw3dsim.machine.waves import LAST_SORT, array_cycles, cost_waves
from lw3dsim.map.group.fitting import some_tiles, units_of

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.machine.waves import Waves
    from lw3dsim.map.group.axes import Cuts, Units
    from lw3dsim.map.group.fitting import Chunks, Found, Stages
    from lw3dsim.tensor.bursts import Rows


class Traffic(NamedTuple):
    """Per mapping: bursts of inputs and of all; loads of inputs, visits of DRAM rows, stores; bursts nothing hides."""

    inputs: Words
    bursts: Words
    loads: Words
    visits: Words
    stores: Words
    exposed: Words


class Effort(NamedTuple):
    """Per mapping: the steps of a stage; cycles of the largest, and what they leave to drain; and what all take of it.

    That is by passes of channels of all chunks and of one, Winograd tiles of all tiles and of the largest.
    """

    steps: Words
    cycles: Words
    drain: Words
    all_passes: Words
    passes: Words
    all_tiles: Words
    tiles: Words


class Seen(NamedTuple):
    """Sizes of steps that have been costed, hashed: the key, 0 for none, and what came of it."""

    key: Words
    cycles: Words
    drain: Words


@entry
def add_input(
    t: Cuts, h: Cuts, w: Cuts, found: Found, count: int, tensor: int, tensors: int, rows: Rows,
    touched: tuple[int, int], w_bursts: Words, page: int, traffic: Traffic,
) -> None:  # fmt: skip
    """Add the bursts and row visits of so many ``tensors`` that are read like one; ``touched`` are as in add_sums."""
    for at in range(count):
        bursts, visits = tile_bursts(t, h, w, found, at, tensor, rows, touched[0], touched[1], w_bursts, page)
        traffic.inputs[at] += tensors * bursts
        traffic.visits[at] += tensors * visits


@kernel
def tile_bursts(
    t: Cuts, h: Cuts, w: Cuts, found: Found, at: int, tensor: int, rows: Rows, blocks: int, columns: int,
    w_bursts: Words, page: int,
) -> tuple[int, int]:  # fmt: skip
    """Return the bursts of all tiles of a tensor in ``blocks`` whole and ``columns`` scattered; its row visits, about.

    ``w_bursts`` are, by way to cut W, the bursts of a row.
    """
    i, j, k = tensor * len(t.tile) + found.t[at], tensor * len(h.tile) + found.h[at], found.w[at]
    lines = t.all_new[i] * h.all_new[j]
    of_w = tensor * len(w.tile) + k
    bursts = lines * (blocks * w_bursts[k] + columns * w.all_new[of_w])
    cuts = h.active[j] * w.active[of_w]
    visits = t.all_new[i] * (cuts + h.all_new[j] * rows.row_bursts // page) * (blocks + min(columns, 1))
    return bursts, visits


@kernel
def active_tiles(t: Cuts, h: Cuts, w: Cuts, found: Found, at: int, tensor: int) -> int:
    """Return the tiles of a mapping that have any new position of a tensor."""
    return some_tiles(t, h, w, found.t[at], found.h[at], found.w[at], tensor)


@entry
def add_rest(
    stages: Stages, t: Cuts, h: Cuts, w: Cuts, sets: Words, chunks: Chunks, found: Found, count: int, rows: Rows,
    blocks: Words, columns: Words, w_bursts: Words, page: int, traffic: Traffic,
) -> None:  # fmt: skip
    """Add outputs and weights to what moves; ``blocks`` and ``columns`` that a tensor's chunks touch are by chunk."""
    last, runs = len(stages.n), len(stages.start)
    for at in range(count):
        chunk = found.chunk[(runs - 1) * len(found.t) + at]
        own = chunk - chunks.begin[runs - 1]
        outputs, visits = tile_bursts(t, h, w, found, at, last, rows, blocks[own], columns[own], w_bursts, page)
        weights, first = weight_bursts_of(stages, t, h, w, sets, chunks, found, at, rows.burst_bits)
        tiles = active_tiles(t, h, w, found, at, last)
        stores = tiles * ceiling(stages.channels[last], chunks.size[chunk])
        traffic.bursts[at] = traffic.inputs[at] + outputs + weights
        traffic.loads[at] = active_tiles(t, h, w, found, at, 0)
        traffic.visits[at] += visits + weights // page
        traffic.stores[at] = stores
        traffic.exposed[at] = ceiling(traffic.inputs[at], tiles) + first + ceiling(outputs, stores)


@kernel
def weight_bursts_of(
    stages: Stages, t: Cuts, h: Cuts, w: Cuts, sets: Words, chunks: Chunks, found: Found, at: int, burst_bits: int
) -> tuple[int, int]:
    """Return the bursts of all weight loads, and those of the first."""
    total = first = 0
    for i in range(len(stages.n)):
        if stages.has_weights[i]:
            chunk = chunks.size[found.chunk[stages.run[i] * len(found.t) + at]]
            each = stages.c[i] * stages.kernel_bits[i] + stages.bias_bits[i]
            full = ceiling(chunk * each, burst_bits)
            once = stages.n[i] // chunk * full + ceiling(stages.n[i] % chunk * each, burst_bits)
            stays = sets[found.resident[at] * len(stages.n) + i]
            total += once * (1 if stays else active_tiles(t, h, w, found, at, i + 1))
            first = first if first else full
    return total, first


@entry
def weigh_stage(
    layer: Layer, array: Array, stages: Stages, stage: int, t: Cuts, h: Cuts, w: Cuts, units: Units, chunks: Chunks,
    found: Found, count: int, waves: Waves, seen: Seen, effort: Effort,
) -> None:  # fmt: skip
    """Fill in the ``effort`` of a stage; ``seen`` is scratch."""
    for place in range(len(seen.key)):
        seen.key[place] = 0
    for at in range(count):
        chunk = chunks.size[found.chunk[stages.run[stage] * len(found.t) + at]]
        effort.steps[at] = ceiling(stages.n[stage], chunk) * active_tiles(t, h, w, found, at, stage + 1)
        if layer.structure == VECTOR:
            effort.cycles[at], effort.drain[at] = whole_cycles(layer, array, t, h, w, found, at, stage), 0
            continue
        i, j, k = found.t[at], found.h[at], found.w[at]
        size_t = t.most_new[(stage + 1) * len(t.tile) + i]
        size_h = h.most_new[(stage + 1) * len(h.tile) + j]
        size_w = w.most_new[(stage + 1) * len(w.tile) + k]
        place = seen_place(layer, array, chunk, size_t, size_h, size_w, waves, seen)
        effort.cycles[at], effort.drain[at] = seen.cycles[place], seen.drain[place]
        effort.passes[at] = ceiling(chunk, array.rows)
        rest = ceiling(layer.n % chunk, array.rows)
        effort.all_passes[at] = layer.n // chunk * effort.passes[at] + rest
        effort.all_tiles[at] = units_of(t, h, w, units, i, j, k, stage)
        largest = ceiling(size_t, layer.tile[0]) * ceiling(size_h, layer.tile[1]) * ceiling(size_w, layer.tile[2])
        effort.tiles[at] = largest


@kernel
def whole_cycles(layer: Layer, array: Array, t: Cuts, h: Cuts, w: Cuts, found: Found, at: int, stage: int) -> int:
    """Return the cycles of a vector stage as if all its tiles were one."""
    i, j, k = found.t[at], found.h[at], found.w[at]
    read = t.all_needed[stage * len(t.tile) + i] * h.all_needed[stage * len(h.tile) + j]
    read *= layer.n * w.all_needed[stage * len(w.tile) + k]
    made = t.all_new[(stage + 1) * len(t.tile) + i] * h.all_new[(stage + 1) * len(h.tile) + j]
    made *= layer.n * w.all_new[(stage + 1) * len(w.tile) + k]
    loaded, back = (layer.sources - array.reads_back) * read, array.reads_back * read
    return abs(vector_cycles(layer, array, loaded, back, made, layer.c, 1, 1))


@kernel
def seen_place(layer: Layer, array: Array, n: int, t: int, h: int, w: int, waves: Waves, seen: Seen) -> int:
    """Return where the cycles of a step of n channels and t x h x w outputs stand, costed where they do not yet."""
    key = ((n * 8193 + t) * 8193 + h) * 8193 + w
    place = key % len(seen.key)
    while seen.key[place] and seen.key[place] != key:
        place = place + 1 if place + 1 < len(seen.key) else 0
    if seen.key[place] == 0:
        cost_waves(layer, array, n, layer.c, t, h, w, 1, 1, waves)
        seen.key[place], seen.cycles[place] = key, array_cycles(waves)
        seen.drain[place] = waves.drain[LAST_SORT]
    return place
