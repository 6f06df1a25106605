"""What passes ports and transform units, and how drains pack it: plain integer code.

Accumulators are read depth by depth: at one depth there is a tile in every lane of every row. The collector in front
of the port packs what one depth gives into words, rows within pixels within tiles, and never fills a word from two
depths. Partial sums that it adds to come in words of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel

if TYPE_CHECKING:
    from lw3dsim.machine.records import Array, Layer


@kernel
def depth_cycles(layer: Layer, array: Array, outputs: int, is_first: int, is_last: int) -> int:
    """Return the cycles in which the ``outputs`` of one depth drain, but for what is left to other units.

    Their partial sums are read, and sums or results written, at one port; every accumulator of a tile is read.
    """
    return max(updating_cycles(layer, array, outputs, is_first, is_last), array.cycles_per_tile)


@kernel
def updating_cycles(layer: Layer, array: Array, outputs: int, is_first: int, is_last: int) -> int:
    """Return the cycles in which ``outputs`` side by side pass the output port: partial sums in, these or results out.

    A word is read or written: no cycle does both.
    """
    read = 0 if is_first else output_port(array, outputs * layer.accumulator_bits)
    return read + output_port(array, outputs * (layer.output_bits if is_last else layer.accumulator_bits))


@kernel
def input_port(array: Array, bits: int) -> int:
    """Return the cycles in which ``bits`` pass the port of the input buffer."""
    return ceiling(bits * array.ifmap_port_cycles, array.ifmap_port_bits)


@kernel
def output_port(array: Array, bits: int) -> int:
    """Return the cycles in which ``bits`` pass the port of the output buffer."""
    return ceiling(bits * array.ofmap_port_cycles, array.ofmap_port_bits)


@kernel
def whole_tiles(tiles: int, coordinates: int, rate: int) -> int:
    """Return the cycles of a transform unit of ``rate`` coordinates a cycle: whole tiles a cycle, or cycles a tile."""
    return ceiling(tiles, rate // coordinates) if rate >= coordinates else tiles * ceiling(coordinates, rate)
