"""How tensors of a fused group lie in DRAM where rows may be packed: by way to cut H and W in the best of layouts.

Rows of a plane then begin anywhere in a burst, and tiles move other bursts of each: what they move is no product of
rows and what one has. Plain integer code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import entry, kernel, read
from lw3dsim.map.group.lying import lay_tensor, moved_along, saves_weights, touched_place
from lw3dsim.tensor.bursts import Rows
from lw3dsim.tensor.planes import bursts_of_lines

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.fitting import Stages
    from lw3dsim.map.group.lying import Lines, Moved


@entry
def lay_tensors(
    h: Cuts, w: Cuts, ways_h: int, ways_w: int, reads: int, moved: Moved, stages: Stages, burst_bits: int,
    lines: Lines, frames: Lines, fewer: Words, spans: Words, planes: Words,
) -> None:  # fmt: skip
    """Fill in how all that is ``moved`` lies: what is read, behind these the output, then what is stored besides.

    ``frames`` where rows may be packed. ``spans``, by way to cut W, and ``planes``, to cut H and W, are scratch.
    """
    for one in range(len(moved.tensor)):
        lay_tensor(w, ways_w, moved, one, lines, spans)
        if len(frames.bursts):
            lay_frames(h, w, ways_h, ways_w, moved, one, lines, frames, planes)
    link_fewer(h, w, ways_h, ways_w, reads, moved, stages, burst_bits, lines, frames, fewer)


@kernel
def lay_frames(
    h: Cuts, w: Cuts, ways_h: int, ways_w: int, moved: Moved, one: int, lines: Lines, frames: Lines, planes: Words
) -> None:
    """Fill in how ``frames`` of a tensor lie: as its ``lines`` do, or in one of its layouts of packed rows.

    Of equal bursts the first. See :func:`lw3dsim.map.group.lying.lay_tensor`; ``planes``, by way to cut H and W, is
    scratch.
    """
    begin, end, tensor = moved.sizes.begin[one], moved.sizes.begin[one + 1], moved.tensor[one]
    first, is_once = moved.place[one], moved.is_once[one]
    for i in range(end - begin):
        take_lines(h, w, ways_h, ways_w, tensor, first + i, lines, frames, is_once)
    for number in range(moved.packed[one], moved.usual[one + 1]):
        rows = read(Rows, moved.layouts, number)
        for j in range(ways_h):
            for k in range(ways_w):
                planes[j * len(w.tile) + k] = sum_plane(rows, h, w, j, k, tensor, is_once)
        for i in range(end - begin):
            blocks = moved.blocks[touched_place(moved, one, number) + i]
            for j in range(ways_h):
                for k in range(ways_w):
                    at, bursts = frame_place(h, w, first + i, j, k), blocks * planes[j * len(w.tile) + k]
                    if bursts < frames.bursts[at]:
                        frames.bursts[at], frames.parts[at] = bursts, blocks
                        frames.row_bursts[at], frames.block[at] = rows.row_bursts, -rows.block


@kernel
def frame_place(h: Cuts, w: Cuts, place: int, j: int, k: int) -> int:
    """Return where the frames of a tensor stand that lies as of a ``place``, cut in the ways j and k along H and W."""
    return (place * len(h.tile) + j) * len(w.tile) + k


@kernel
def take_lines(
    h: Cuts, w: Cuts, ways_h: int, ways_w: int, tensor: int, place: int, lines: Lines, frames: Lines, is_once: int
) -> None:
    """Fill in frames whose rows are none of them packed, where there are any such layouts."""
    for j in range(ways_h):
        rows = (h.stored if is_once else h.all_new)[tensor * len(h.tile) + j]
        for k in range(ways_w):
            own, at = place * len(w.tile) + k, frame_place(h, w, place, j, k)
            frames.bursts[at] = rows * lines.bursts[own] if lines.block[own] else NEVER
            frames.parts[at], frames.row_bursts[at] = lines.parts[own], lines.row_bursts[own]
            frames.block[at] = lines.block[own]


@kernel
def sum_plane(rows: Rows, h: Cuts, w: Cuts, j: int, k: int, tensor: int, is_once: int) -> int:
    """Return the bursts of a plane of a tensor that all tiles of the ways j and k to cut H and W move."""
    first_h, first_w = tensor * len(h.last) + h.begin[j], tensor * len(w.last) + w.begin[k]
    bursts = bottom = 0
    for tile in range(first_h, first_h + h.tiles[j]):
        top, bottom = moved_along(h, tile, bottom, is_once)
        right = 0
        for part in range(first_w, first_w + w.tiles[k]):
            left, right = moved_along(w, part, right, is_once)
            bursts += bursts_of_lines(rows, top, bottom - top, left, right - left)
    return bursts


@kernel
def stores_less(h: Cuts, w: Cuts, ways_h: int, smaller: int, own: int, k: int, lines: Lines, frames: Lines) -> bool:
    """Return whether a tensor as of one place may move fewer bursts than as of its ``own``, W cut in way k."""
    if len(frames.bursts) == 0:
        return lines.bursts[smaller * len(w.tile) + k] < lines.bursts[own * len(w.tile) + k]
    for j in range(ways_h):
        if frames.bursts[frame_place(h, w, smaller, j, k)] < frames.bursts[frame_place(h, w, own, j, k)]:
            return True
    return False


@kernel
def link_fewer(
    h: Cuts, w: Cuts, ways_h: int, ways_w: int, output: int, moved: Moved, stages: Stages, burst_bits: int,
    lines: Lines, frames: Lines, fewer: Words,
) -> None:  # fmt: skip
    """Fill in which smaller chunks of the ``output`` are worth taking where a larger one fits: what moves fewer bursts.

    Fewer of the output in any way to cut H, or of the weights of a stage of the last run, each chunk in whole bursts.
    """
    begin, first = moved.sizes.begin[output], moved.place[output]
    for i in range(moved.sizes.begin[output + 1] - begin):
        own, saving = moved.sizes.size[begin + i], i - 1
        while saving >= 0 and not saves_weights(stages, moved.sizes.size[begin + saving], own, burst_bits):
            saving -= 1
        for way in range(ways_w):
            smaller = i - 1
            while smaller > saving and not stores_less(h, w, ways_h, first + smaller, first + i, way, lines, frames):
                smaller -= 1
            fewer[i * len(w.tile) + way] = smaller
