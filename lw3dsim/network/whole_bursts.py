"""What layers and groups move at least by how their tensors lie: every burst that holds anything needed, once."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.map.floor import group_compulsory_bytes
from lw3dsim.map.layer.mapping import input_layout, output_layout
from lw3dsim.tensor.layout import least_bursts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lw3dsim.base.arrays import Floats, Ints
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Group
    from lw3dsim.network.offers import End
    from lw3dsim.tensor.layout import Layout


class Side(NamedTuple):
    """What is read, so many tensors alike, or written; ``is_whole`` where all of its positions are needed."""

    layout: Layout
    tensors: int
    is_read: bool
    is_whole: bool


def least_of_group(group: Group, floor: float, ends: Sequence[End], burst_bytes: int) -> Floats:
    """Return the same of a group, whose tiles move no less than ``floor``: of what it writes no padding."""
    reads = [
        Side(
            input_layout(group.stages[stage], burst_bytes),
            tensors,
            is_read=True,
            is_whole=group.needed[tensor] == math.prod(group.stages[stage].inp),
        )
        for stage, tensor, tensors in group.dram_inputs
    ]
    makers = (group.stages[-1], *(group.stages[tensor - 1] for tensor in group.stored))
    sides = (reads[0], *(_made(maker, burst_bytes) for maker in makers), *reads[1:])
    written = [side if not side.is_read else side._replace(is_whole=False) for side in sides]
    least = _by_blocks(group_compulsory_bytes(group), 0, sides, ends)
    return np.asarray(np.maximum(least, floor + _sums(_padded(*each) for each in zip(written, ends, strict=True))))


def _made(maker: Problem, burst_bytes: int) -> Side:
    return Side(output_layout(maker, burst_bytes), 1, is_read=False, is_whole=True)


def _by_blocks(compulsory: int, floor: int, sides: Sequence[Side], ends: Sequence[End]) -> Floats:
    padded = _sums(_padded(*each) for each in zip(sides, ends, strict=True))
    return np.asarray(np.maximum(compulsory + padded, floor), dtype=np.float64)


def _padded(side: Side, end: End) -> Ints:
    """Return the bytes of its bursts that a side has in each of its blocks beyond its elements, 0 where it is known."""
    layout, blocks = side.layout, end.blocks
    if None in blocks or not side.is_whole:
        return np.zeros(len(blocks), dtype=np.int64)
    held = -(-layout.channels * math.prod(layout.extent) * layout.element_bits // 8)
    moved = [least_bursts(layout, block) * layout.burst_bytes if block else held for block in blocks]
    return side.tensors * (np.array(moved, dtype=np.int64) - held)


def _sums(parts: Iterable[Ints]) -> Ints:
    """Return the sums of one value of each of ``parts``, an axis for each."""
    return np.asarray(reduce(np.add.outer, parts))
