"""The loops of a fused group, and the places of its steps in them: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.kernels import kernel

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.fitting import Stages


class GroupNest(NamedTuple):
    """The loops of a group under a mapping: T, H and W cut in the first of the ways, channels of a chunk by run.

    By stage: the tensor that it reads, the one on chip that it adds, whether its weights stay on chip, and where its
    weight tiles begin among those of all stages. ``innermost`` is the axis whose tiles follow each other; ``sliced``:
    operands from DRAM come chunk by chunk.
    """

    stages: Stages
    t: Cuts
    h: Cuts
    w: Cuts
    chunk: Words
    reads: Words
    adds: Words
    resident: Words
    first_weight: Words
    innermost: int
    sliced: int


class GroupPlaces(NamedTuple):
    """Per step its tile and the tile's indices along T, H and W, its stage, its chunk and the channels of that.

    ``waits`` marks steps that read what the step before them drains.
    """

    tile: Words
    t: Words
    h: Words
    w: Words
    stage: Words
    chunk: Words
    n: Words
    waits: Words


class Scratch(NamedTuple):
    """What is noted on the way: the bits that go with each step; what each load shares slots with; where those begin.

    Of every tile that reads the input its first and last such step, and its load, -1 for none. The load of an operand
    by stage, and of a weight tile that stays, plus one. The stores of the output in order, and by tensor the last store
    of one that is stored besides, plus one.
    """

    freed: Words
    turn: Words
    begin: Words
    first: Words
    last: Words
    load: Words
    operand: Words
    held: Words
    output: Words
    besides: Words


@kernel
def all_tiles(nest: GroupNest) -> int:
    """Return the number of tiles."""
    return nest.t.tiles[0] * nest.h.tiles[0] * nest.w.tiles[0]


@kernel
def tile_indices(nest: GroupNest, tile: int) -> tuple[int, int, int]:
    """Return the indices of a tile along T, H and W: the innermost axis counts first, of the others the later one."""
    frames, rows, columns = nest.t.tiles[0], nest.h.tiles[0], nest.w.tiles[0]
    if nest.innermost == 0:
        return tile % frames, tile // frames // columns, tile // frames % columns
    if nest.innermost == 1:
        return tile // rows // columns, tile % rows, tile // rows % columns
    return tile // columns // rows, tile // columns % rows, tile % columns


@kernel
def new_along(cuts: Cuts, tensor: int, tile: int) -> int:
    """Return the new positions of a tensor along an axis."""
    return cuts.new[tensor * len(cuts.last) + tile]


@kernel
def new_of(nest: GroupNest, tensor: int, t: int, h: int, w: int) -> int:
    """Return the new positions of a tensor in a tile."""
    return new_along(nest.t, tensor, t) * new_along(nest.h, tensor, h) * new_along(nest.w, tensor, w)


@kernel
def new_at(nest: GroupNest, places: GroupPlaces, step: int, tensor: int) -> int:
    """Return the new positions of a tensor in the tile of a step."""
    return new_of(nest, tensor, places.t[step], places.h[step], places.w[step])


@kernel
def box_of_tile(nest: GroupNest, places: GroupPlaces, step: int) -> int:
    """Return the number of the box of a step's tile, among those of one range of channels."""
    return (places.t[step] * nest.h.tiles[0] + places.h[step]) * nest.w.tiles[0] + places.w[step]
