"""The DRAM bursts of a tile in the channel-blocked layout.

A tensor lies in DRAM as [C/b][T][H][W][b]: blocks of b channels, the b values of
a pixel next to each other. A tile is fetched as contiguous runs; runs merge over
the rows, frames and blocks that it covers completely; each run costs whole
bursts (runs are taken to start on a burst boundary).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.arrays import Ints, ceil_div, padded

if TYPE_CHECKING:
    from lw3dsim.map.axis import Axis


@dataclass(frozen=True, kw_only=True)
class Run:
    """Widths that turn elements into bursts: bits of an element, channel block, bytes of a burst."""

    element_bits: int
    block: int
    burst_bytes: int

    def bursts(self, elements: Ints | int) -> Ints:
        """Return the bursts of a contiguous run of ``elements``."""
        return ceil_div(np.asarray(elements, dtype=np.int64) * self.element_bits, 8 * self.burst_bytes)


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """DRAM bursts of a tensor's tiles, as a product of one factor per dimension.

    The tile (i, j, k) of whole channel blocks costs ``blocks * t[i] * h[j] * w[k]``
    bursts. Where a tile covers T, H and W completely its blocks merge into one
    run; a part of a block is a separate short run at every pixel.
    """

    t: Ints
    h: Ints
    w: Ints
    pixels: Ints
    is_whole: bool
    run: Run

    def bursts(self, channels: Ints, total_channels: int) -> Ints:
        """Return bursts of shape (len(channels), T tiles, H tiles, W tiles) for tiles of that many channels."""
        run, each = self.run, channels[:, None, None, None]
        blocks = ceil_div(each, run.block)
        if self.is_whole:
            whole = run.bursts(np.minimum(blocks * run.block, padded(total_channels, run.block)) * self.pixels)
        else:
            whole = blocks * (self.t[:, None, None] * self.h[None, :, None] * self.w[None, None, :])
        is_part = int(channels[0]) < min(run.block, total_channels)
        return np.asarray(np.where(is_part, run.bursts(each) * self.pixels, whole), dtype=np.int64)


def row_bursts(w: Axis, run: Run) -> Ints:
    """Return the bursts per tile of one row (of one block) where rows are not covered completely."""
    return run.bursts(w.span * run.block)


def merged_bursts(axis: Axis, line: int, run: Run) -> Ints:
    """Return the bursts per tile where whole lines of ``line`` elements lie behind each other."""
    pieces = np.maximum(axis.pieces, 1)
    return pieces * run.bursts(ceil_div(axis.needed, pieces) * line)


def footprint(t: Axis, h: Axis, w: Axis, size: tuple[int, int, int], run: Run) -> Footprint:
    """Describe the bursts of the tiles (t, h, w) of a tensor of ``size`` (T, H, W)."""
    _, H, W = size
    b, one = run.block, np.ones(1, dtype=np.int64)
    if not w.is_whole:
        factors = (t.needed, h.needed, row_bursts(w, run))
    elif not h.is_whole:
        factors = (t.needed, merged_bursts(h, W * b, run), one)
    else:
        factors = (merged_bursts(t, H * W * b, run), one, one)
    return Footprint(
        t=factors[0],
        h=factors[1],
        w=factors[2],
        pixels=t.needed[:, None, None] * h.needed[None, :, None] * w.span[None, None, :],
        is_whole=t.is_whole and h.is_whole and w.is_whole,
        run=run,
    )
