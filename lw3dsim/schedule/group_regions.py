"""Where the tensors of a fused group lie in DRAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import padded
from lw3dsim.map.group.boxes import group_input_boxes, group_output_boxes, group_stored_boxes
from lw3dsim.schedule.dma import Activations, Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Words
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.group.cutting import GroupAxis
    from lw3dsim.map.group.group import Group, GroupMapping


def regions_of(
    group: Group, mapping: GroupMapping, axes: Sequence[GroupAxis], weight_bursts: Words, clocks: Clocks
) -> tuple[Activations | Weights, ...]:
    """Return inputs, weights, the output, and what is stored besides, behind each other."""
    regions: list[Activations | Weights] = []
    base = 0
    for stage, tensor, sources in group.dram_inputs:
        boxes = group_input_boxes(group, mapping, stage, tensor, axes, clocks.burst_bytes)
        each = padded(boxes.layout.bursts, clocks.stripe_bursts)
        regions.append(Activations(boxes=boxes, bases=tuple(base + i * each for i in range(sources))))
        base += sources * each
    weights = Weights(box_bursts=np.asarray(weight_bursts, dtype=np.int64), base=base)
    base += padded(weights.bursts, clocks.stripe_bursts)
    regions.append(weights)
    stored = (group_stored_boxes(group, tensor, axes, clocks.burst_bytes) for tensor in group.stored)
    for boxes in (group_output_boxes(group, mapping, axes, clocks.burst_bytes), *stored):
        regions.append(Activations(boxes=boxes, bases=(base,)))
        base += padded(boxes.layout.bursts, clocks.stripe_bursts)
    return tuple(regions)
