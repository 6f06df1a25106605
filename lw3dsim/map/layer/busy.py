"""Cycles that the array takes at least for all channels, and for all tiles, however W is cut: plain integer code."""

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
    from lw3dsim.map.layer.tiling import Task


class Share(NamedTuple):
    """What all channels take, as N and C are cut.

    Cycles of all ``pixels`` if lanes were always full of them, and of a ``wave``, as many tiles as there are lanes; how
    often a tile of one channel is read. Of all channels of a group ``rest`` are in none of the ``full`` parts of N,
    which take ``full_wave`` and ``full_reads`` each.
    """

    pixels: int
    wave: int
    reads: int
    full: int
    rest: int
    full_wave: int
    full_reads: int


class Spread(NamedTuple):
    """By how T and H are cut, H within T: what :func:`spread_of` returns."""

    waves: Words
    tiles: Words


@kernel
def share_of(layer: Layer, array: Array, n: int, c: int) -> Share:
    """Return what all channels take, ``n`` and ``c`` in a step."""
    pixels, full = least_pixels(layer, array, n, c), layer.n // n
    rest = layer.n - full * n
    if layer.structure == VECTOR:
        return Share(pixels, 0, 0, full, rest, 0, 0)
    of_full, of_rest = channel_passes(layer, array, n), channel_passes(layer, array, rest)
    of_pass = pass_cycles(layer, array, c)
    passes = full * of_full + of_rest
    wave, full_wave = layer.groups * passes * of_pass, of_full * of_pass
    if layer.structure == GROUPED:
        passes, of_full = own_inputs(layer, layer.n), own_inputs(layer, n)
    return Share(pixels, wave, passes * layer.groups * layer.c, full, rest, full_wave, of_full * layer.c)


@kernel
def spread_tiles(task: Task, spread: Spread) -> None:
    """Fill in the waves and the tiles of every way to cut T and H."""
    t_size, h_size = task.choices.t.size, task.choices.h.size
    for t in range(len(t_size)):
        for h in range(len(h_size)):
            at = t * len(h_size) + h
            spread.waves[at], spread.tiles[at] = spread_of(task.layer, task.array, t_size[t], h_size[h])


@kernel
def spread_of(layer: Layer, array: Array, t_size: int, h_size: int) -> tuple[int, int]:
    """Return in how many waves the array takes all tiles, T and H cut into such parts, and the tiles.

    Uncut, W fills the lanes best.
    """
    columns, waves, tiles = ceiling(layer.out[2], layer.tile[2]), 0, 0
    for sort in range(4):
        count, t = sort_of_frames(layer, t_size, sort & 2, 1)
        count, h = sort_of(layer.out[1], h_size, sort & 1, count)
        if count:
            of_part = tiles_of_frames(layer, t) * ceiling(h, layer.tile[1]) * columns
            waves, tiles = waves + count * ceiling(of_part, array.lanes), tiles + count * of_part
    return waves, tiles


@kernel
def least_busy(layer: Layer, array: Array, share: Share, waves: int, tiles: int) -> int:
    """Return the cycles in which an array layer multiplies, reads and transforms ``tiles`` in ``waves`` at least."""
    read = share.reads * tiles
    return max(share.wave * waves, reading_cycles(layer, array, read), transform_cycles(layer, array, read))


@kernel
def least_pixels(layer: Layer, array: Array, n: int, c: int) -> int:
    """Return the cycles that all pixels take at least to be computed, each as if lanes were always full of them."""
    pixels = layer.out[0] * layer.out[1] * layer.out[2]
    if layer.structure == VECTOR:
        return layer.groups * pixels * layer.n * layer.ops_per_output // array.vector_lanes
    return wave_cycles(layer, array, n, c) * pixels // (array.lanes * layer.tile[0] * layer.tile[1] * layer.tile[2])


@kernel
def wave_cycles(layer: Layer, array: Array, n: int, c: int) -> int:
    """Return the cycles that all channels take for as many tiles as there are lanes, ``n`` and ``c`` in a step."""
    return layer.groups * channel_passes_of(layer, array, n) * pass_cycles(layer, array, c)


@kernel
def channel_passes_of(layer: Layer, array: Array, n: int) -> int:
    """Return in how many parts the rows take all output channels of a group, ``n`` in a step."""
    return layer.n // n * channel_passes(layer, array, n) + channel_passes(layer, array, layer.n % n)


@kernel
def rounds_of(layer: Layer, array: Array, c: int) -> int:
    """Return in how many rounds the array takes all input channels of a group, ``c`` in a step."""
    return layer.c // c * ceiling(c, array.chunk) + ceiling(layer.c % c, array.chunk)


@kernel
def pass_cycles(layer: Layer, array: Array, c: int) -> int:
    """Return the cycles in which a tile in every lane is multiplied with all input channels, ``c`` in a step."""
    return rounds_of(layer, array, c) * layer.taps * array.cycles_per_tile


@kernel
def reading_cycles(layer: Layer, array: Array, tiles: int) -> int:
    """Return the cycles in which as many ``tiles`` are read at least, each of one channel.

    A pass over the tiles reads each position of the input that a tile has to itself.
    """
    return (
        tiles * own_positions(layer, array) * layer.activation_bits * array.ifmap_port_cycles // array.ifmap_port_bits
    )


@kernel
def transform_cycles(layer: Layer, array: Array, tiles: int) -> int:
    """Return the cycles in which as many ``tiles`` are transformed at least, each of one channel."""
    if not layer.is_winograd:
        return 0
    whole = array.input_rate // layer.coordinates
    return layer.taps * (tiles // whole if whole else whole_tiles(tiles, layer.coordinates, array.input_rate))


@kernel
def own_positions(layer: Layer, array: Array) -> int:
    """Return the input positions that a tile adds to a patch at least, however many share it."""
    if not array.stages_inputs:
        return layer.coordinates * layer.taps
    positions = 1
    for axis in range(3):
        apart = layer.stride[axis]
        if layer.dilation[axis] > 1:
            apart //= common_divisor(apart, layer.dilation[axis])
        positions *= layer.tile[axis] * min(layer.kernel[axis], apart)
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
