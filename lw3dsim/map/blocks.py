"""The layout of each tensor: the channel block that its producer and its consumers want, once all are mapped.

A block is judged by the bursts that all layers together move for the tensor. What
one layer wants need not be what another wants; what a layer pays for the
compromise is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, overload

from lw3dsim.map.fused import Group
from lw3dsim.map.group_boxes import group_input_boxes, group_output_boxes
from lw3dsim.map.layout import block_sizes
from lw3dsim.map.mapping import input_boxes, make_axes, output_boxes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lw3dsim.map.fused import GroupMapping
    from lw3dsim.map.mapping import Mapping as TileMapping
    from lw3dsim.map.problem import Problem

Side = Literal["input", "output"]


@dataclass(frozen=True, kw_only=True)
class Use:
    """A mapped layer that reads (``times`` over) or writes a tensor."""

    problem: Problem
    mapping: TileMapping
    side: Side
    times: int

    @property
    def block(self) -> int:
        """The block that the layer was mapped for."""
        return self.problem.input_block if self.side == "input" else self.problem.output_block

    @property
    def tile(self) -> int:
        """Channels of a tile."""
        is_reduced = self.side == "input" and self.problem.structure == "dense"
        return self.mapping.c if is_reduced else self.mapping.n

    def bursts(self, block: int, burst_bytes: int) -> int:
        """Return the bursts that the layer moves for the tensor in blocks of ``block``."""
        return self.times * _moved_once(in_block(self.problem, self.side, block), self.mapping, self.side, burst_bytes)


@lru_cache(maxsize=65536)
def _moved_once(problem: Problem, mapping: TileMapping, side: Side, burst_bytes: int) -> int:
    if side == "input":
        boxes = input_boxes(problem, mapping, make_axes(problem, mapping), burst_bytes)
    else:
        boxes = output_boxes(problem, mapping, burst_bytes)
    return int(boxes.bursts.sum())


@dataclass(frozen=True, kw_only=True)
class GroupUse:
    """A mapped group that reads or writes a tensor."""

    group: Group
    mapping: GroupMapping
    side: Side

    @property
    def block(self) -> int:
        """The block that the group was mapped for."""
        return self.group.stages[0].input_block if self.side == "input" else self.group.stages[-1].output_block

    @property
    def tile(self) -> int:
        """Channels of a tile."""
        return self.group.channels[0] if self.side == "input" else self.mapping.chunks[-1]

    def bursts(self, block: int, burst_bytes: int) -> int:
        """Return the bursts that the group moves for the tensor in blocks of ``block``."""
        group, axes = in_block(self.group, self.side, block), self.mapping.axes(self.group)
        if self.side == "input":
            return int(group_input_boxes(group, 0, 0, axes, burst_bytes).bursts.sum())
        return int(group_output_boxes(group, self.mapping, axes, burst_bytes).bursts.sum())


@overload
def in_block(work: Problem, side: Side, block: int) -> Problem: ...
@overload
def in_block(work: Group, side: Side, block: int) -> Group: ...
def in_block(work: Problem | Group, side: Side, block: int) -> Problem | Group:
    """Return a layer or group with its input or output in blocks of ``block``."""
    if isinstance(work, Group):
        return work.in_blocks(input_block=block) if side == "input" else work.in_blocks(output_block=block)
    return replace(work, input_block=block) if side == "input" else replace(work, output_block=block)


def candidate_blocks(uses: Sequence[Use | GroupUse], channels: int, smallest: int) -> list[int]:
    """Return the blocks worth trying: ``smallest`` times powers of two, all channels, and the tiles of the users."""
    return sorted(
        {*block_sizes(smallest, channels), *(min(use.tile, channels) for use in uses), *(use.block for use in uses)}
    )


def wanted_block(moved: Iterable[Mapping[int, int]], present: int) -> int:
    """Return the block with the fewest bursts of all users together; ties stay with the ``present`` one.

    ``moved`` holds, per user, its bursts by block.
    """
    users = list(moved)
    return min(users[0], key=lambda block: (sum(bursts[block] for bursts in users), block != present, block))
