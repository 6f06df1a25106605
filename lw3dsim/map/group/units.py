"""What the outputs of the stages of a group are counted in, in all tiles and in the largest: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.axes import Cuts


class Units(NamedTuple):
    """What the outputs of stages are counted in, along T, H and W, by stage and way: Winograd tiles of all tiles.

    And the ``most`` of a tile.
    """

    t: Words
    h: Words
    w: Words
    most_t: Words
    most_h: Words
    most_w: Words


@entry
def count_units(cuts: Cuts, ways: int, sizes: Words, units: Words, most: Words) -> None:
    """Fill in the ``units`` along one axis; ``sizes`` are, by stage, the outputs of a Winograd tile, else 1."""
    for stage in range(len(sizes)):
        for way in range(ways):
            at = stage * len(cuts.tile) + way
            units[at] = algorithm_tiles(cuts, way, stage + 1, sizes[stage])
            most[at] = ceiling(cuts.most_new[len(cuts.tile) + at], sizes[stage])


@kernel
def algorithm_tiles(cuts: Cuts, way: int, tensor: int, size: int) -> int:
    """Return the Winograd tiles of ``size`` outputs in all tiles of a tensor together."""
    at, total = tensor * len(cuts.last) + cuts.begin[way], 0
    for j in range(cuts.tiles[way]):
        total += ceiling(cuts.new[at + j], size)
    return total
