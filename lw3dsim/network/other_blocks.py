"""Channel blocks that tensors might have beside the usual, and those that units were mapped for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.map.group.tables import chunk_sizes
from lw3dsim.map.layer.search import tile_channels
from lw3dsim.tensor.layout import block_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.map.group.group import Blocks


def with_tiles(alone: Sequence[Unit], arch: Accelerator, blocks: Mapping[str, Blocks]) -> dict[str, Blocks]:
    """Return the ``blocks`` of tensors with those of any tile that layers, and chunk that groups, may have of them.

    ``alone`` are the layers as they were mapped by themselves. A tensor that has one block keeps it.
    """
    tiles = {name: set(own) for name, own in blocks.items()}
    for unit in alone:
        (layer,), (problem,) = unit.layers, unit.run.work.stages
        first, last = tile_channels(problem, unit.run.arch)
        channels = problem.groups * problem.n
        for name, sizes in ((layer.inputs[0], first), (layer.name, (*last, *chunks_of(channels, arch)))):
            if len(tiles.get(name, ())) > 1:
                tiles[name].update(sizes)
    return {name: tuple(sorted(own)) for name, own in tiles.items()}


def chunks_of(channels: int, arch: Accelerator) -> tuple[int, ...]:
    """Return the chunks in which a group may make a tensor of so many channels."""
    return chunk_sizes(channels, arch.pe.rows, tuple(block_sizes(arch.dram.channel_block, channels)))
