"""What passes ports and transform units, and how drains pack it: plain integer code.

Accumulators are read depth by depth: at one depth there is a tile in every lane of every row. The collector in front
of the port packs what one depth gives into words, rows within pixels within tiles, and never fills a word from two
depths. Of a ragged wave all tiles count as though each kept the same share of its outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel

if TYPE_CHECKING:
    from lw3dsim.machine.records import Array, Layer


@kernel
def packed_cycles(array: Array, bits: int, tiles: int) -> int:
    """Return the cycles in which the ``bits`` of a wave of so many ``tiles`` pass the output port, depth by depth."""
    full = (tiles - 1) // array.lanes
    last = tiles - full * array.lanes
    of_full, of_last = ceiling(bits * array.lanes, tiles), ceiling(bits * last, tiles)
    return full * output_port(array, of_full) + output_port(array, of_last)


@kernel
def input_port(array: Array, bits: int) -> int:
    """Return the cycles in which ``bits`` pass the port of the input buffer."""
    return ceiling(bits * array.ifmap_port_cycles, array.ifmap_port_bits)


@kernel
def output_port(array: Array, bits: int) -> int:
    """Return the cycles in which ``bits`` pass the port of the output buffer."""
    return ceiling(bits * array.ofmap_port_cycles, array.ofmap_port_bits)


@kernel
def update_bits(layer: Layer, is_first: int, is_last: int) -> int:
    """Return the bits that pass the output buffer's port per output: partial sums are read and written wide."""
    return (layer.output_bits if is_last else layer.accumulator_bits) + (0 if is_first else layer.accumulator_bits)


@kernel
def whole_tiles(tiles: int, coordinates: int, rate: int) -> int:
    """Return the cycles of a transform unit of ``rate`` coordinates a cycle: whole tiles a cycle, or cycles a tile."""
    return ceiling(tiles, rate // coordinates) if rate >= coordinates else tiles * ceiling(coordinates, rate)
