"""The layout of each tensor: the channel block that its producer and its consumers want, once all are mapped.

A block is judged by the bursts that all layers together move for the tensor. What
one layer wants need not be what another wants; what a layer pays for the
compromise is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, overload

from lw3dsim.base.caches import kept
from lw3dsim.map.group.boxes import group_input_boxes, group_output_boxes
from lw3dsim.map.group.group import Group, GroupMapping
from lw3dsim.map.layer.mapping import Mapping as TileMapping
from lw3dsim.map.layer.mapping import input_boxes, input_tile, make_axes, output_boxes
from lw3dsim.tensor.layout import block_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lw3dsim.machine.problem import Problem
    from lw3dsim.tensor.layout import Boxes

Side = Literal["input", "output"]


@dataclass(frozen=True, kw_only=True)
class Use:
    """A mapped layer or group that reads (``times`` over) or writes a tensor."""

    work: Problem | Group
    mapping: TileMapping | GroupMapping
    side: Side
    burst_bytes: int
    times: int = 1

    @property
    def block(self) -> int:
        """The block that the layer or group was mapped for."""
        stages = self.work.stages if isinstance(self.work, Group) else (self.work,)
        return stages[0].input_block if self.side == "input" else stages[-1].output_block

    def bursts(self, blocks: Sequence[int]) -> dict[int, int]:
        """Return the bursts that are moved of the tensor in blocks of each size."""
        once = _moved(self.work, self.mapping, self.side, tuple(blocks), self.burst_bytes)
        return {block: self.times * bursts for block, bursts in zip(blocks, once, strict=True)}


@kept(65536)
def _moved(
    work: Problem | Group, mapping: TileMapping | GroupMapping, side: Side, blocks: tuple[int, ...], burst_bytes: int
) -> tuple[int, ...]:
    boxes = _boxes(work, mapping, side, burst_bytes)
    return tuple(boxes.in_block(block).total_bursts for block in blocks)


def _boxes(work: Problem | Group, mapping: TileMapping | GroupMapping, side: Side, burst_bytes: int) -> Boxes:
    if isinstance(work, Group):
        assert isinstance(mapping, GroupMapping)  # noqa: S101  # the mapping of this group
        axes = mapping.axes(work)
        if side == "input":
            return group_input_boxes(work, 0, 0, axes, burst_bytes)
        return group_output_boxes(work, mapping, axes, burst_bytes)
    assert isinstance(mapping, TileMapping)  # noqa: S101  # the mapping of this layer
    if side == "input":
        return input_boxes(work, mapping, make_axes(work, mapping), burst_bytes)
    return output_boxes(work, mapping, burst_bytes)


@overload
def in_block(work: Problem, side: Side, block: int) -> Problem: ...
@overload
def in_block(work: Group, side: Side, block: int) -> Group: ...
def in_block(work: Problem | Group, side: Side, block: int) -> Problem | Group:
    """Return a layer or group with its input or output in blocks of ``block``."""
    if isinstance(work, Group):
        return work.in_blocks(input_block=block) if side == "input" else work.in_blocks(output_block=block)
    return replace(work, input_block=block) if side == "input" else replace(work, output_block=block)


def candidate_blocks(uses: Sequence[Use], channels: int, smallest: int) -> set[int]:
    """Return the blocks worth trying: ``smallest`` times powers of two, all channels, and the tiles of the users."""
    tiles = {min(_tile(use), channels) for use in uses}
    return {*block_sizes(smallest, channels), *tiles, *(use.block for use in uses)}


def _tile(use: Use) -> int:
    """Return the channels of a tile."""
    if isinstance(use.work, Group):
        assert isinstance(use.mapping, GroupMapping)  # noqa: S101  # the mapping of this group
        return use.work.channels[0] if use.side == "input" else use.mapping.chunks[-1]
    assert isinstance(use.mapping, TileMapping)  # noqa: S101  # the mapping of this layer
    return input_tile(use.work, use.mapping) if use.side == "input" else use.mapping.n


def wanted_block(moved: Iterable[Mapping[int, int]], present: int) -> int:
    """Return the block with the fewest bursts of all users together; ties stay with the ``present`` one.

    ``moved`` holds, per user, its bursts by block.
    """
    users = list(moved)
    return min(users[0], key=lambda block: (sum(bursts[block] for bursts in users), block != present, block))
