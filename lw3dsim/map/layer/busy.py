"""Cycles that the array takes at least for all channels, and for all tiles: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling, common_divisor
from lw3dsim.base.kernels import kernel
from lw3dsim.machine.drains import whole_tiles
from lw3dsim.machine.records import GROUPED, VECTOR
from lw3dsim.machine.waves import channel_passes, own_inputs

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.map.layer.tiling import Task, Tiling


class Share(NamedTuple):
    """What all channels take, as N and C are cut.

    Cycles of a ``wave``, as many tiles as there are lanes; how often a tile of one channel ``reads``, and in which
    :func:`port_bits`. Of a vector layer the cycles of all ``pixels``.
    """

    pixels: int
    wave: int
    reads: int
    port: int


class Spread(NamedTuple):
    """By parallel mode and how T, H and W are cut, W within H within T: what :func:`spread_of` returns, 0 before."""

    waves: Words
    tiles: Words


@kernel
def share_of(layer: Layer, array: Array, n: int, c: int) -> Share:
    """Return what all channels take, ``n`` and ``c`` in a step."""
    if layer.structure == VECTOR:
        return Share(vector_cycles(layer, array), 0, 0, 0)
    passes = channel_passes_of(layer, array, n)
    own = own_inputs(layer, layer.n) if layer.structure == GROUPED else passes
    reads = layer.groups * own * channels_read(layer, array, c)
    wave = layer.groups * passes * pass_cycles(layer, array, c)
    return Share(0, wave, reads, reads * port_bits(layer, array))


@kernel
def spread_over(task: Task, at: Tiling, spread: Spread) -> tuple[int, int]:
    """Return in how many waves the array takes all tiles, cut as ``at``, and the tiles: worked out when first asked."""
    t_size, h_size, w_size = task.choices.t.size, task.choices.h.size, task.choices.w.size
    cut = ((task.mode * len(t_size) + at.t) * len(h_size) + at.h) * len(w_size) + at.w
    if spread.waves[cut] == 0:
        waves, tiles = spread_of(task.layer, task.array, t_size[at.t], h_size[at.h], w_size[at.w])
        spread.waves[cut], spread.tiles[cut] = waves, tiles
    return spread.waves[cut], spread.tiles[cut]


@kernel
def spread_of(layer: Layer, array: Array, t_size: int, h_size: int, w_size: int) -> tuple[int, int]:
    """Return in how many waves the array takes all tiles, T, H and W cut into such parts, and the tiles."""
    waves, tiles = 0, 0
    for frames in range(2):
        of_t, t = sort_of_frames(layer, t_size, frames, 1)
        if of_t == 0:
            continue
        tiles_t = tiles_of_frames(layer, t)
        for rows in range(2):
            of_h, h = sort_of(layer.out[1], h_size, rows, of_t)
            if of_h == 0:
                continue
            tiles_h = tiles_t * ceiling(h, layer.tile[1])
            for columns in range(2):
                count, w = sort_of(layer.out[2], w_size, columns, of_h)
                if count:
                    of_part = tiles_h * ceiling(w, layer.tile[2])
                    waves, tiles = waves + count * ceiling(of_part, array.lanes), tiles + count * of_part
    return waves, tiles


@kernel
def least_busy(layer: Layer, array: Array, share: Share, waves: int, tiles: int) -> int:
    """Return the cycles in which an array layer multiplies, reads and transforms ``tiles`` in ``waves`` at least."""
    busy = max(share.wave * waves, transform_cycles(layer, array, share.reads * tiles))
    # Ports are seldom what is waited for: divided only where they are.
    return busy if share.port * tiles <= busy * array.ifmap_port_bits else share.port * tiles // array.ifmap_port_bits


@kernel
def vector_cycles(layer: Layer, array: Array) -> int:
    """Return the cycles that all pixels of a vector layer take at least, as if lanes were always full of them."""
    pixels = layer.out[0] * layer.out[1] * layer.out[2]
    return layer.groups * pixels * layer.n * layer.ops_per_output // array.vector_lanes


@kernel
def channel_passes_of(layer: Layer, array: Array, n: int) -> int:
    """Return in how many parts the rows take all output channels of a group, ``n`` in a step."""
    return layer.n // n * channel_passes(layer, array, n) + channel_passes(layer, array, layer.n % n)


@kernel
def rounds_of(layer: Layer, array: Array, c: int) -> int:
    """Return in how many rounds the array takes all input channels of a group, ``c`` in a step."""
    return layer.c // c * ceiling(c, array.chunk) + ceiling(layer.c % c, array.chunk)


@kernel
def channels_read(layer: Layer, array: Array, c: int) -> int:
    """Return of how many channels all rounds of a pass read a patch, ``c`` in a step: as many in each of its rounds."""
    rest = layer.c % c
    of_rest = ceiling(rest, array.chunk) * min(rest, array.chunk)
    return layer.c // c * ceiling(c, array.chunk) * min(c, array.chunk) + of_rest


@kernel
def pass_cycles(layer: Layer, array: Array, c: int) -> int:
    """Return the cycles in which a tile in every lane is multiplied with all input channels, ``c`` in a step."""
    return rounds_of(layer, array, c) * layer.taps * array.cycles_per_tile


@kernel
def port_bits(layer: Layer, array: Array) -> int:
    """Return the bits of a tile of one channel that are read at least, times the cycles that as many as a word take.

    A pass over the tiles reads each position of the input that a tile has to itself.
    """
    return own_positions(layer, array) * layer.activation_bits * array.ifmap_port_cycles


@kernel
def transform_cycles(layer: Layer, array: Array, tiles: int) -> int:
    """Return the cycles in which as many ``tiles`` are transformed at least, each of one channel."""
    if not layer.is_winograd:
        return 0
    whole = array.input_rate // layer.coordinates
    return layer.taps * (tiles // whole if whole else whole_tiles(tiles, layer.coordinates, array.input_rate))


@kernel
def own_positions(layer: Layer, array: Array) -> int:
    """Return the input positions that a tile adds to patches at least, however many share them, of all taps."""
    if not array.stages_inputs:
        return layer.coordinates * layer.taps
    positions = array.tap_groups
    for axis in range(3):
        apart = layer.stride[axis]
        if layer.dilation[axis] > 1:
            apart //= common_divisor(apart, layer.dilation[axis])
        positions *= layer.tile[axis] * min(array.staged[axis], apart)
    return positions


@kernel
def sort_of(total: int, part: int, is_last: int, count: int) -> tuple[int, int]:
    """Return ``count`` times the parts of a sort, the last or the others, and their size."""
    if is_last:
        return count, last_part(total, part)
    return count * (ceiling(total, part) - 1), part


@kernel
def sort_of_frames(layer: Layer, part: int, is_last: int, count: int) -> tuple[int, int]:
    """Return ``count`` times the parts of a sort along T, where every segment that is cut has a last one."""
    segment = layer.out[0] // layer.segments
    if part >= segment:
        return sort_of(layer.out[0], part, is_last, count)
    return sort_of(segment, part, is_last, count * layer.segments)


@kernel
def tiles_of_frames(layer: Layer, t: int) -> int:
    """Return the tiles of the algorithm along T in ``t`` outputs of one segment, or of several whole ones."""
    within = min(t, layer.out[0] // layer.segments)
    return t // within * ceiling(within, layer.tile[0])


@kernel
def last_part(total: int, part: int) -> int:
    """Return the size of the last of the parts of ``total``."""
    return total - (ceiling(total, part) - 1) * part
