"""What a fused group moves of its tensors in DRAM, tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.map.layer.mapping import channel_ranges, input_layout, output_layout
from lw3dsim.tensor.layout import Boxes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.map.group.cutting import GroupAxis
    from lw3dsim.map.group.group import Group, GroupMapping


def group_input_boxes(
    group: Group, mapping: GroupMapping, stage: int, tensor: int, axes: Sequence[GroupAxis], burst_bytes: int
) -> Boxes:
    """Return the boxes of what ``stage`` reads from DRAM, cut like ``tensor``, in the order (slice, t, h, w)."""
    channels = group.channels[tensor]
    is_sliced = mapping.sliced and tensor > 0
    first, count = channel_ranges(1, channels, mapping.chunks[group.run_of(stage)] if is_sliced else channels)
    t, h, w = (axis.moved(tensor) for axis in axes)
    layout = input_layout(group.stages[stage], burst_bytes)
    return Boxes(layout=layout, channel_first=first, channel_count=count, t=t, h=h, w=w)


def group_output_boxes(group: Group, mapping: GroupMapping, axes: Sequence[GroupAxis], burst_bytes: int) -> Boxes:
    """Return the boxes of the output of a group, in the order (chunk, t, h, w)."""
    first, count = channel_ranges(1, group.channels[-1], mapping.chunks[-1])
    t, h, w = (axis.moved(len(group.stages)) for axis in axes)
    layout = output_layout(group.stages[-1], burst_bytes)
    return Boxes(layout=layout, channel_first=first, channel_count=count, t=t, h=h, w=w)


def group_stored_boxes(group: Group, tensor: int, axes: Sequence[GroupAxis], burst_bytes: int) -> Boxes:
    """Return the boxes of a tensor between stages that a group stores besides, in the order (t, h, w)."""
    first, count = channel_ranges(1, group.channels[tensor], group.channels[tensor])
    t, h, w = (axis.stored(tensor) for axis in axes)
    layout = output_layout(group.stages[tensor - 1], burst_bytes)
    return Boxes(layout=layout, channel_first=first, channel_count=count, t=t, h=h, w=w)
