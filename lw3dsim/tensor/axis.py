"""One dimension cut into tiles, and what each tile reads of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import spread
from lw3dsim.base.caches import kept
from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints


class Axis(Value, frozen=True, kw_only=True):
    """One dimension cut into tiles: per tile its outputs and what it reads of the input.

    ``needed`` counts the distinct input positions, ``first`` is the first of them
    (0 where there are none) and ``span`` the positions from the first to the last.
    ``positions`` lists those of all tiles behind each other, ``needed`` per tile.
    """

    outputs: Ints
    needed: Ints
    first: Ints
    span: Ints
    positions: Ints

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return len(self.outputs)


@kept(65536)
def cut(size_out: int, size_in: int, tile: int, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    """Cut ``size_out`` outputs into tiles of ``tile`` (the last one ragged) and see what each reads."""
    starts = np.arange(0, size_out, tile, dtype=np.int64)
    outputs = np.minimum(tile, size_out - starts)
    reach = (kernel - 1) * dilation + 1
    if reach >= stride and dilation == 1:
        first = np.clip(starts * stride - padding, 0, size_in)
        last = np.clip((starts + outputs - 1) * stride - padding + reach, 0, size_in)
        return contiguous(outputs, first, last - first)
    read = [
        _positions(int(s), int(o), size_in, kernel, stride, padding, dilation)
        for s, o in zip(starts, outputs, strict=True)
    ]
    return Axis(
        outputs=outputs,
        needed=np.array([len(p) for p in read], dtype=np.int64),
        first=np.array([int(p[0]) if len(p) else 0 for p in read], dtype=np.int64),
        span=np.array([int(p[-1] - p[0] + 1) if len(p) else 0 for p in read], dtype=np.int64),
        positions=np.concatenate(read),
    )


def contiguous(outputs: Ints, first: Ints, needed: Ints) -> Axis:
    """Return the axis whose tiles read ``needed`` positions from ``first`` on."""
    tile, at = spread(needed)
    return Axis(
        outputs=outputs,
        needed=needed,
        first=np.where(needed > 0, first, 0),
        span=needed,
        positions=first[tile] + at,
    )


def _positions(start: int, outputs: int, size_in: int, kernel: int, stride: int, padding: int, dilation: int) -> Ints:
    first = (start + np.arange(outputs, dtype=np.int64)) * stride - padding
    read = np.unique(first[:, None] + np.arange(kernel, dtype=np.int64) * dilation)
    return read[(read >= 0) & (read < size_in)]
