"""What a layer moves at least with its input, and its output, in each of all blocks.

A network's tables have the blocks that are listed, and one place for all others. What a layer moves there is a bound,
as each of its users may have another one in mind; where that is part of the best cut, the blocks in which
these users move least together are listed next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.caches import kept
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.map.layer.search import bound_of_blocks
from lw3dsim.network.layers import by_itself, fewest_alone, fewest_bytes_of, of_ways
from lw3dsim.network.offers import OTHERS
from lw3dsim.tensor.layout import blocks_of_worth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.base.arrays import Floats
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Blocks
    from lw3dsim.map.layer.mapping import Quanta
    from lw3dsim.network.layers import Alone
    from lw3dsim.network.offers import End

# Blocks in which a layer moves more than so many parts of what it does as it lies are not told from each other.
MOST_PARTS = 9, 8


class Reach(NamedTuple):
    """The bytes that a layer moves at least by the block of its input, and of its output; None as it lies."""

    first: Mapping[int | None, int]
    last: Mapping[int | None, int]

    def table(self, ends: tuple[End, ...]) -> Floats:
        """Return what it moves at least by the blocks of its ends; in OTHERS as in the best that is not listed."""
        first, last = (_bounds(of, end) for of, end in zip(self, ends, strict=True))
        return np.maximum(first[:, None], last[None, :])


def _bounds(of: Mapping[int | None, int], end: End) -> Floats:
    listed = set(end.blocks)
    others = min((least for block, least in of.items() if block not in listed), default=np.inf)
    return np.array([others if block == OTHERS else of[block] for block in end.blocks], dtype=np.float64)


def reach_of(network: Workload, layer_number: int, arch: Accelerator, policy: str, ends: tuple[End, ...]) -> Reach:
    """Return what a layer moves at least with an end in any block, or where that is settled as it lies."""
    alone = by_itself(network, network.layers[layer_number], arch, policy)
    blocks = tuple(_every_block(network, arch, end) for end in ends)
    return _reach(alone, (blocks[0], blocks[1]))


def _every_block(network: Workload, arch: Accelerator, end: End) -> Blocks:
    """Return all blocks that an end may have; none where it is as it lies."""
    if end.tensor is None:
        return tuple(block for block in end.blocks if block)
    listed = [block for block in end.blocks if block]
    if OTHERS not in end.blocks:
        return tuple(listed)
    bits = network.tensor_bits.get(end.tensor, arch.precision.activation_bits)
    every = blocks_of_worth(network.shapes[end.tensor].channels, bits, make_clocks(arch).burst_bytes)
    return tuple(dict.fromkeys((*listed, *every)))


@kept(65536)
def _reach(alone: Alone, blocks: Quanta) -> Reach:
    clocks = make_clocks(alone.arch)
    parts, of = MOST_PARTS
    most = fewest_alone(alone)[0] // clocks.burst_bytes * parts // of

    def bounds(problem: Problem, arch: Accelerator) -> tuple[list[int], list[int]]:
        fewest_bytes_of(problem, arch)
        own = blocks[0] or (problem.input_block,), blocks[1] or (problem.output_block,)
        return bound_of_blocks(problem, arch, clocks, own, most)

    ways = of_ways(alone, bounds)
    least = ([clocks.burst_bytes * min(each) for each in zip(*sides, strict=True)] for sides in zip(*ways, strict=True))
    return Reach(*(dict(zip(of or (None,), each, strict=True)) for of, each in zip(blocks, least, strict=True)))
