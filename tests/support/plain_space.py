"""Every mapping of a chain of layers, or of one layer, in plain Python: what moves the fewest DRAM bytes.

Positions are sets, tiles are walked one by one, whatever fits is tried. Nothing is shared with the mapper.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple


class Stage(NamedTuple):
    """A layer without groups, or one that works channel by channel; sizes and windows are (T, H, W).

    One that adds has a second operand in DRAM, in blocks of ``adds`` channels.
    """

    is_dense: bool
    c: int
    n: int
    kernel: tuple[int, int, int]
    stride: tuple[int, int, int]
    padding: tuple[int, int, int]
    inp: tuple[int, int, int]
    weight_bits: int = 8
    bias_bits: int = 0
    adds: int = 0

    @property
    def out(self):
        return tuple(
            (i + 2 * p - k) // s + 1
            for i, p, k, s in zip(self.inp, self.padding, self.kernel, self.stride, strict=True)
        )

    @property
    def has_weights(self):
        return self.weight_bits > 0

    @property
    def bits_a_channel(self):
        """Bits of the weights of an output channel."""
        each = (self.c if self.is_dense else 1) * math.prod(self.kernel) * self.weight_bits
        return each + self.bias_bits if self.has_weights else 0


class Chip(NamedTuple):
    """Bits of buffers, and of intermediate tensors in them, rows of the array, bits of a burst and of a sum."""

    ifmap: int
    weight: int
    ofmap: int
    intermediate: int
    rows: int
    burst: int
    sum_bits: int = 32


def looked_at(stage, d, outputs):
    """Return the positions of the input along an axis that a set of outputs looks at."""
    k, s, p = stage.kernel[d], stage.stride[d], stage.padding[d]
    return {i for o in outputs for i in range(o * s - p, o * s - p + k) if 0 <= i < stage.inp[d]}


def parts_of(size, quantum=1):
    """Return the sizes of near-equal parts, rounded up to whole quanta."""
    return {min(size, math.ceil(math.ceil(size / k) / quantum) * quantum) for k in range(1, size + 1)}


class Way(NamedTuple):
    """An axis cut into tiles: by tensor the new positions of every tile, and how many stay from those before.

    And the most that a tile has of both.
    """

    is_kept: bool
    new: list[list[set[int]]]
    stay: list[int]
    held: list[int]

    def most(self, tensor):
        return max(len(tile) for tile in self.new[tensor])


def ways_of(stages, d, stored=(), reads=None):
    """Return all ways to cut an axis; of tensors that are ``stored`` the last tile has what no other looks at.

    Stages read the tensors ``reads``, each the one before where none are given.
    """
    ways, reads = [], reads or range(len(stages))
    for size in sorted(parts_of(stages[-1].out[d])):
        for is_kept in (False, True):
            tiles = [set(range(a, min(a + size, stages[-1].out[d]))) for a in range(0, stages[-1].out[d], size)]
            new, stay, held = [tiles], [0], [max(map(len, tiles))]
            for number in reversed(range(len(stages))):
                wanted, made, fresh, kept = wanted_of(stages, reads, d, number, new), set(), [], []
                if number in stored:
                    wanted[-1] = wanted[-1] | set(range(stages[number - 1].out[d])).difference(*wanted)
                for j, tile in enumerate(wanted):
                    later = set().union(*wanted[j:])
                    fresh.append(tile - made if is_kept else tile)
                    kept.append(len(made & later) if is_kept else 0)
                    made |= tile
                new.insert(0, fresh)
                stay.insert(0, max(kept))
                held.insert(0, max(a + len(b) for a, b in zip(kept, fresh, strict=True)))
            if not is_kept or any(stay):
                ways.append(Way(is_kept, new, stay, held))
    return ways


def wanted_of(stages, reads, d, tensor, new):
    """Return what of a tensor is wanted in each tile, given the new positions of all tensors behind it.

    Of one that no stage reads it is what its branch makes of what the stage behind has looked at where both begin.
    """
    users = [i for i in range(tensor, len(stages)) if reads[i] == tensor]
    if users:
        looks = ([looked_at(stages[i], d, tile) for tile in new[i - tensor]] for i in users)
        return [set().union(*of_tile) for of_tile in zip(*looks, strict=True)]
    wanted, first = [], max(i for i in range(tensor) if reads[i] == reads[tensor])
    for tile in new[0]:
        ends = {position + 1 for position in looked_at(stages[tensor], d, tile)}
        for stage in stages[first:tensor] if ends else ():
            reach = {o + 1 for o in range(stage.out[d]) if looks_up_to(stage, d, o) <= max(ends)}
            ends = reach | {0}
        wanted.append(set(range(max(ends, default=0))).difference(*wanted))
    return wanted


def looks_up_to(stage, d, output):
    """Return where the window of an output ends, which may be in padding."""
    return output * stage.stride[d] - stage.padding[d] + stage.kernel[d]


def blocks_of(block, channels):
    """Return the sizes of channel blocks."""
    return [*(size for size in (block << i for i in range(20)) if size < channels), channels]


def row_bursts(channels, block, pixels, burst, bits=8):
    """Return the bursts of a row that hold these ``channels`` of a set of neighbouring ``pixels``."""
    if not pixels or not channels:
        return 0
    size, first, behind = block * bits, min(pixels), max(pixels) + 1
    if size <= burst:
        blocks = {c // block for c in channels}
        return len(blocks) * (-(-behind * size // burst) - first * size // burst)
    columns = -(-size // burst)
    touched = {
        c // block * columns + place // burst
        for c in channels
        for place in (c % block * bits, (c % block + 1) * bits - 1)
    }
    return len(touched) * len(pixels)


def chunk_sizes(total, rows, blocks):
    """Return the sizes of chunks: parts in whole rows, small ones, and parts in whole blocks larger than the rows."""
    sizes = {min(total, size) for size in (1, 2, 4)}
    sizes |= {size for size in parts_of(total, rows) if min(blocks) <= rows or size < max(blocks)}
    for block in blocks:
        sizes |= parts_of(total, block) if block > rows else set()
    return sorted(sizes)


def chunks_of(total, size):
    return [range(a, min(a + size, total)) for a in range(0, total, size)]


def fewest_of_chain(stages, chip, first_blocks, last_blocks, stored=None, reads=None):
    """Return the fewest bytes of a chain that runs tile by tile; infinite where nothing fits.

    Tensors inside that are ``stored`` besides lie in the best of the blocks that are given for each. Stages read the
    tensors ``reads``, each the one before where none are given.
    """
    least, stored = math.inf, stored or {}
    by_axis = [ways_of(stages, d, stored, reads) for d in range(3)]
    waiting = {*stored, *(tensor for i, tensor in enumerate(reads or ()) if 0 < tensor < i)}
    heads = [i for i, stage in enumerate(stages) if i == 0 or stage.is_dense]
    runs = list(itertools.pairwise([*heads, len(stages)]))
    channels = [stages[0].c if stages[0].is_dense else stages[0].n, *(stage.n for stage in stages)]
    weighty = [i for i, stage in enumerate(stages) if stage.has_weights]
    sets = [set(some) for k in range(len(weighty) + 1) for some in itertools.combinations(weighty, k)]
    for ways in itertools.product(*by_axis):
        if not any(sees_all(ways, i) for i, tensor in enumerate(reads or [0]) if tensor == 0):
            continue
        if sum(way.is_kept for way in ways) > 1 or window(ways, 0, channels[0]) > chip.ifmap:
            continue
        read = min(moved(ways, 0, [range(channels[0])], block, chip) for block in first_blocks)
        # What is added comes a tile at a time in all channels; where these have no room, a chunk of them at a time.
        left = chip.ifmap - window(ways, 0, channels[0])
        added = [8 * stage.n * new_of(ways, i + 1) for i, stage in enumerate(stages) if stage.adds]
        left = left if sum(added) > left else None
        for tensor, blocks in stored.items():
            read += min(stored_besides(ways, tensor, channels[tensor], block, chip) for block in blocks)
        stores = {
            size: min(moved(ways, len(stages), chunks_of(channels[-1], size), block, chip) for block in last_blocks)
            for size in chunk_sizes(channels[-1], chip.rows, last_blocks)
        }
        often = [math.prod(sum(map(bool, way.new[i + 1])) for way in ways) for i in range(len(stages))]
        for resident in sets:
            room = chip.weight - sum(stages[i].n * stages[i].bits_a_channel for i in resident)
            if room < 0:
                continue
            bursts = read
            for run in runs:
                bursts += fewest_of_run(stages, chip, ways, channels, run, resident, room, often, stores, left, waiting)
            least = min(least, bursts * chip.burst // 8)
    return least


def sees_all(ways, i):
    """Return whether stage ``i`` makes something in every tile in which any of the input comes, along every axis."""
    return all(made or not comes for way in ways for made, comes in zip(way.new[i + 1], way.new[0], strict=True))


def new_of(ways, tensor):
    """Return the new positions of a tensor in its largest tile."""
    return math.prod(way.most(tensor) for way in ways)


def window(ways, tensor, channels):
    """Return the bits of the largest tile of a tensor, with what stays."""
    return math.prod(way.held[tensor] for way in ways) * channels * 8


def staying(ways, tensor, channels):
    """Return the bits of a tensor that stay for later tiles."""
    new = [way.most(tensor) for way in ways]
    bits = sum(way.stay[tensor] * math.prod(new[:d] + new[d + 1 :]) for d, way in enumerate(ways))
    return bits * channels * 8


def moved(ways, tensor, chunks, block, chip):
    """Return the bursts of a tensor, all tiles and all chunks of channels."""
    t, h, w = (way.new[tensor] for way in ways)
    rows = sum(map(len, t)) * sum(map(len, h))
    return rows * sum(row_bursts(chunk, block, pixels, chip.burst) for chunk in chunks for pixels in w)


def stored_besides(ways, tensor, channels, block, chip):
    """Return the bursts of a tensor of which every tile stores, in all channels, what none before had."""
    owned = []
    for way in ways:
        before = [set().union(*way.new[tensor][:j]) for j in range(len(way.new[tensor]))]
        owned.append([tile - had for tile, had in zip(way.new[tensor], before, strict=True)])
    t, h, w = owned
    rows = sum(map(len, t)) * sum(map(len, h))
    return rows * sum(row_bursts(range(channels), block, pixels, chip.burst) for pixels in w)


def fewest_of_run(stages, chip, ways, channels, run, resident, room, often, stores, left, waiting):
    """Return the fewest bursts of the weights and operands of a run, and of the output behind the last, in any chunks.

    Operands come in all channels, or in slices for which so many bits are ``left``, each of whole blocks or of all.
    Tensors that are ``waiting`` have a place of their own.
    """
    start, stop = run
    new = [new_of(ways, tensor) for tensor in range(len(channels))]
    is_last, total, least = stop == len(stages), channels[stop], math.inf
    others = set(range(1, len(stages))) - waiting
    beside = sum(staying(ways, i, channels[i]) for i in others)
    beside += sum(window(ways, i, channels[i]) - staying(ways, i, channels[i]) for i in {start, stop} & others)
    beside += sum(window(ways, i, channels[i]) for i in waiting)
    streamed = sum(stages[i].bits_a_channel for i in range(start, stop) if i not in resident)
    for size in stores if is_last else chunk_sizes(total, chip.rows, (1,)):
        chunks = chunks_of(total, size)
        inside = sum(new[i] * size * 8 for i in range(start + 1, stop))
        if beside + inside > chip.intermediate or streamed * size > room:
            continue
        adds = [i for i in range(start, stop) if stages[i].adds]
        if left is not None and any(size < total and size % stages[i].adds for i in adds):
            continue
        if left is not None and any(new[i + 1] * size * 8 > left for i in adds):
            continue
        parts = [range(total)] if left is None else chunks
        bursts = sum(moved(ways, i + 1, parts, stages[i].adds, chip) for i in adds)
        bursts += sum(
            -(-len(chunk) * stages[i].bits_a_channel // chip.burst) * (1 if i in resident else often[i])
            for i in range(start, stop)
            for chunk in chunks
        )
        if is_last:
            if new[-1] * size * 8 > chip.ofmap - chip.intermediate:
                continue
            bursts += stores[size]
        least = min(least, bursts)
    return least


# Numbers of parts that an axis of a single layer is cut into.
PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 28, 32, 56, 64, 112, 128, 256, 512, 1024, 4096)


def sizes_of(total, quanta, extra=()):
    """Return the sizes of tiles of a single layer along an axis."""
    sizes = {min(total, math.ceil(math.ceil(total / k) / q) * q) for k in PARTS if k <= total for q in quanta}
    return sorted(sizes | {min(total, size) for size in (*quanta, *extra)})


def fewest_of_layer(stage, chip, in_block, out_block, block, in_trees=1):
    """Return the fewest bytes of a layer by itself with its tensors in these blocks; infinite where nothing fits.

    A dense layer cuts its input channels too; its loops are n, tiles, c or tiles, n, c. Tiles are whole blocks of any
    layout, of ``block`` channels times a power of two.
    """
    lasts = set(blocks_of(block, stage.n))
    ns = sizes_of(stage.n, lasts | {max(chip.rows, last) for last in lasts}, (1, 2, 4, chip.rows))
    firsts = set(blocks_of(block, stage.c)) | ({in_trees} - {1})
    cs = sizes_of(stage.c, firsts, (1, 2, 4)) if stage.is_dense else [1]
    space = [sizes_of(size, {1}) for size in stage.out]
    least = math.inf
    for n, c, *tile in itertools.product(ns, cs, *space):
        for is_weights_outer in (True, False):
            bursts = bursts_of_layer(stage, chip, (in_block, out_block), n, c, tuple(tile), is_weights_outer)
            least = min(least, bursts * chip.burst // 8)
    return least


def bursts_of_layer(stage, chip, blocks, n, c, tile, is_weights_outer):
    """Return the bursts of a mapping, counted step by step; infinite where it does not fit."""
    reduced = range(stage.c) if stage.is_dense else range(1)
    if n * (c * math.prod(stage.kernel) * stage.weight_bits) > chip.weight or n * math.prod(tile) * 8 > chip.ofmap:
        return math.inf
    tiles = list(itertools.product(*(chunks_of(size, part) for size, part in zip(stage.out, tile, strict=True))))
    outer, inner = chunks_of(stage.n, n), chunks_of(len(reduced), c)
    order = [(k, at) for k in outer for at in tiles] if is_weights_outer else [(k, at) for at in tiles for k in outer]
    steps = [(k, at, part) for k, at in order for part in inner]
    read = [(part if stage.is_dense else k, at) for k, at, part in steps]
    weights = [(k, part) for k, _, part in steps] if stage.has_weights else []
    if not layer_fits(stage, chip, set(read), set(weights), set(order), len(inner)):
        return math.inf
    bursts = sum(box_bursts(chip, blocks[0], *tile_of(stage, *one)) for one, _ in itertools.groupby(read))
    bursts += sum(-(-weight_bits(stage, *one) // chip.burst) for one, _ in itertools.groupby(weights))
    return bursts + sum(box_bursts(chip, blocks[1], k, at) for k, at in order)


@functools.cache
def tile_of(stage, channels, at):
    """Return the channels and positions that a step reads; along W with what lies between."""
    t, h, w = (looked_at(stage, d, outputs) for d, outputs in enumerate(at))
    return channels, (frozenset(t), frozenset(h), range(min(w), max(w) + 1) if w else range(0))


def weight_bits(stage, k, part):
    """Return the bits of a tile of weights, biases with its first input channels."""
    return len(k) * (len(part) * math.prod(stage.kernel) * stage.weight_bits + (stage.bias_bits if part[0] == 0 else 0))


@functools.cache
def box_bursts(chip, block, channels, positions):
    t, h, w = positions
    return len(t) * len(h) * row_bursts(tuple(channels), block, w, chip.burst)


def layer_fits(stage, chip, read, weights, stores, parts):
    """Return whether the largest tile of each kind fits."""

    def fits(bits, capacity):
        return max(bits) <= capacity

    held = [len(channels) * math.prod(map(len, places)) * 8 for channels, places in (tile_of(stage, *x) for x in read)]
    made = [len(k) * math.prod(map(len, at)) * (8 if parts == 1 else chip.sum_bits) for k, at in stores]
    return (
        fits(held, chip.ifmap)
        and fits(made, chip.ofmap)
        and (not weights or fits([weight_bits(stage, *one) for one in weights], chip.weight))
    )


def cuts(left, paths):
    """Yield all ways to cover the layers ``left``, each once."""
    if not left:
        yield ()
        return
    for path in paths:
        if max(left) in path and left.issuperset(path):
            for others in cuts(left - set(path), paths):
                yield (path, *others)
