"""The layout of each tensor: the channel block that its producer and its consumers want, once all are mapped.

A block is judged by the bursts that all layers together move for the tensor. What
one layer wants need not be what another wants; what a layer pays for the
compromise is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, overload

from lw3dsim.map.fused import Group
from lw3dsim.map.group_boxes import group_input_boxes, group_output_boxes
from lw3dsim.map.layout import block_sizes
from lw3dsim.map.mapping import input_boxes, make_axes, output_boxes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lw3dsim.map.fused import GroupMapping
    from lw3dsim.map.layout import Boxes
    from lw3dsim.map.mapping import Mapping as TileMapping
    from lw3dsim.map.problem import Problem

Side = Literal["input", "output"]


@dataclass(frozen=True, kw_only=True)
class Use:
    """What a mapped layer or group reads (``times`` over) or writes of a tensor."""

    side: Side
    boxes: Boxes
    times: int = 1

    @property
    def block(self) -> int:
        """The block that the layer or group was mapped for."""
        return self.boxes.layout.block

    @property
    def tile(self) -> int:
        """Channels of a tile."""
        return int(self.boxes.channel_count.max())

    def bursts(self, block: int) -> int:
        """Return the bursts that are moved of the tensor in blocks of ``block``."""
        return self.times * self.boxes.in_block(block).total_bursts


def layer_use(problem: Problem, mapping: TileMapping, side: Side, burst_bytes: int) -> Use:
    """Return how a mapped layer uses its input, once over, or its output."""
    if side == "input":
        return Use(side=side, boxes=input_boxes(problem, mapping, make_axes(problem, mapping), burst_bytes))
    return Use(side=side, boxes=output_boxes(problem, mapping, burst_bytes))


def group_use(group: Group, mapping: GroupMapping, side: Side, burst_bytes: int) -> Use:
    """Return how a mapped group uses its input or its output."""
    axes = mapping.axes(group)
    if side == "input":
        return Use(side=side, boxes=group_input_boxes(group, 0, 0, axes, burst_bytes))
    return Use(side=side, boxes=group_output_boxes(group, mapping, axes, burst_bytes))


@overload
def in_block(work: Problem, side: Side, block: int) -> Problem: ...
@overload
def in_block(work: Group, side: Side, block: int) -> Group: ...
def in_block(work: Problem | Group, side: Side, block: int) -> Problem | Group:
    """Return a layer or group with its input or output in blocks of ``block``."""
    if isinstance(work, Group):
        return work.in_blocks(input_block=block) if side == "input" else work.in_blocks(output_block=block)
    return replace(work, input_block=block) if side == "input" else replace(work, output_block=block)


def candidate_blocks(uses: Sequence[Use], channels: int, smallest: int) -> list[int]:
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
