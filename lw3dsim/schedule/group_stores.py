"""What a fused group stores, tile by tile: its output, and tensors between stages that others read too.

Plain integer code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.map.group.axes import stored_along
from lw3dsim.schedule.group_nest import all_tiles, box_of_tile, new_at

if TYPE_CHECKING:
    from lw3dsim.schedule.group_nest import GroupNest, GroupPlaces, Scratch
    from lw3dsim.schedule.unroll import Stored


@kernel
def store_outputs(
    nest: GroupNest, places: GroupPlaces, steps: int, first_box: int, slots: int, stores: Stored, scratch: Scratch
) -> int:
    """List the tiles of the output, one per step of the last stage, and of tensors that are stored besides.

    Return how many they are.
    """
    last, tiles, count, outputs = len(nest.stages.n) - 1, all_tiles(nest), 0, 0
    for step in range(steps):
        stage = places.stage[step]
        if stage == last:
            stores.opens[count], stores.closes[count] = step, step
            stores.box[count] = first_box + places.chunk[step] * tiles + box_of_tile(nest, places, step)
            stores.bits[count] = places.n[step] * new_at(nest, places, step, last + 1) * nest.stages.bits[last + 1]
            scratch.output[outputs] = count
            stores.after[count] = scratch.output[outputs - slots] if outputs >= slots else -1
            outputs, count = outputs + 1, count + 1
        elif nest.stages.stored[stage + 1] and places.chunk[step] == 0:
            store_besides(nest, places, step, first_box, stores, count, scratch)
            count += 1
        elif nest.stages.stored[stage + 1]:
            stores.closes[scratch.besides[stage + 1] - 1] = step
    return count


@kernel
def store_besides(
    nest: GroupNest, places: GroupPlaces, step: int, first_box: int, stores: Stored, at: int, scratch: Scratch
) -> None:
    """List what the tile of a step stores of a tensor between stages, from the first chunk of it on.

    Its place is written again when that of the tile before has left.
    """
    tensor, t, h, w = places.stage[step] + 1, places.t[step], places.h[step], places.w[step]
    positions = stored_along(nest.t, 0, tensor, t) * stored_along(nest.h, 0, tensor, h)
    positions *= stored_along(nest.w, 0, tensor, w)
    stores.opens[at], stores.closes[at] = step, step
    stores.box[at] = first_box + stores_before(nest, tensor) + box_of_tile(nest, places, step)
    stores.bits[at] = positions * nest.stages.channels[tensor] * nest.stages.bits[tensor]
    stores.after[at], scratch.besides[tensor] = scratch.besides[tensor] - 1, at + 1


@kernel
def stores_before(nest: GroupNest, tensor: int) -> int:
    """Return the number of boxes of the output, and of tensors before ``tensor`` that are stored besides."""
    stages, runs = nest.stages, len(nest.chunk)
    boxes = ceiling(stages.channels[len(stages.n)], nest.chunk[runs - 1])
    for i in range(tensor):
        boxes += 1 if stages.stored[i] else 0
    return boxes * all_tiles(nest)
