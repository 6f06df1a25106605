"""Where a tensor lies in DRAM, and which bursts the box of a tile touches.

A tensor is stored channel-blocked, [C/b][T][H][W][b]: blocks of b channels, the b
values of a pixel next to each other. b = 1 is C-T-H-W, b = C is T-H-W-C. Every row
starts on a burst; the block of a pixel that is larger than a burst takes whole
bursts (*columns*). A DMA moves whole bursts: what a tile's edge needs of a burst
costs all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.errors import MappingError
from lw3dsim.map.arrays import ceil_div, padded, spread

if TYPE_CHECKING:
    from lw3dsim.map.arrays import Flags, Ints
    from lw3dsim.map.axis import Axis

# Runs of one tensor that fit into a gigabyte while they are listed.
MAX_RUNS = 16_000_000


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A tensor of ``channels`` x ``extent`` (T, H, W) in blocks of ``block`` channels; addresses count bursts."""

    channels: int
    extent: tuple[int, int, int]
    block: int
    element_bits: int
    burst_bytes: int

    @property
    def columns(self) -> int:
        """Bursts of a pixel's block; 1 where pixels share a burst."""
        return -(-self.block * self.element_bits // (8 * self.burst_bytes))

    @property
    def pixel_bits(self) -> int:
        """Bits from a pixel to the next."""
        burst_bits = 8 * self.burst_bytes
        bits = self.block * self.element_bits
        return padded(bits, burst_bits) if bits > burst_bits else bits

    @property
    def row_bursts(self) -> int:
        """Bursts from a row to the next."""
        return -(-self.extent[2] * self.pixel_bits // (8 * self.burst_bytes))

    @property
    def frame_bursts(self) -> int:
        """Bursts from a frame to the next."""
        return self.extent[1] * self.row_bursts

    @property
    def block_bursts(self) -> int:
        """Bursts from a block of channels to the next."""
        return self.extent[0] * self.frame_bursts

    @property
    def bursts(self) -> int:
        """Bursts of the whole tensor."""
        return -(-self.channels // self.block) * self.block_bursts

    def describe(self) -> str:
        """Return the layout in words, outermost dimension first."""
        if self.block == 1:
            return "C T H W"
        return f"C/{self.block} T H W {self.block}" if self.block < self.channels else f"T H W {self.block}"

    def span_bursts(self, first: Ints, span: Ints) -> tuple[Ints, Ints]:
        """Return the first burst within a row, and the bursts, of ``span`` pixels from ``first`` on."""
        burst_bits = 8 * self.burst_bytes
        start = first * self.pixel_bits // burst_bits
        return start, np.where(span > 0, ceil_div((first + span) * self.pixel_bits, burst_bits) - start, 0)

    def touched(self, first: Ints, count: Ints) -> tuple[Ints, Ints, Flags]:
        """Return the first column, the columns, and whether they are scattered, of ``count`` channels from ``first``.

        Columns are numbered through all blocks. They are scattered where a tile
        takes only some columns of a block: its bursts are then apart at every pixel.
        """
        start, end = self._column(first, 0), self._column(first + count - 1, self.element_bits - 1) + 1
        return start, end - start, (start % self.columns != 0) | (end % self.columns != 0)

    def _column(self, channel: Ints, bit: int) -> Ints:
        within = (channel % self.block * self.element_bits + bit) // (8 * self.burst_bytes)
        return channel // self.block * self.columns + within


def block_sizes(block: int, channels: int) -> list[int]:
    """Return ``block`` times powers of two, as far as they are below ``channels``, and ``channels``."""
    powers = (block << i for i in range(channels.bit_length()))
    return [*(size for size in powers if size < channels), channels]


def fewest_bursts_block(
    channels: int, extent: tuple[int, int, int], element_bits: int, burst_bytes: int, block: int
) -> int:
    """Return the block, ``block`` times a power of two or all channels, that stores a tensor in the fewest bursts.

    Ties go to the smallest. Rows of such blocks are whole bursts wherever the sizes allow it.
    """
    if extent == (1, 1, 1):
        return channels

    def bursts(size: int) -> int:
        layout = Layout(
            channels=channels, extent=extent, block=size, element_bits=element_bits, burst_bytes=burst_bytes
        )
        return layout.bursts

    return min(block_sizes(block, channels), key=lambda size: (bursts(size), size))


@dataclass(frozen=True, kw_only=True)
class Runs:
    """DMA descriptors: box i moves runs ``offsets[i]`` to ``offsets[i + 1]``, ``count`` bursts from ``first`` on."""

    offsets: Ints
    first: Ints
    count: Ints


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """The boxes of all tiles of a tensor: channel ranges times the tiles of T, H and W.

    ``channel_first`` and ``channel_count`` give the ranges. Boxes are numbered in
    row-major order of (channel range, t, h, w), the shape of :attr:`shape`.
    """

    layout: Layout
    channel_first: Ints
    channel_count: Ints
    t: Axis
    h: Axis
    w: Axis

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Channel ranges and tiles along T, H, W."""
        return len(self.channel_first), self.t.tiles, self.h.tiles, self.w.tiles

    @property
    def bursts(self) -> Ints:
        """Bursts of every box, in :attr:`shape`."""
        _, columns, is_scattered = self.layout.touched(self.channel_first, self.channel_count)
        _, of_span = self.layout.span_bursts(self.w.first, self.w.span)
        in_rows = (columns // self.layout.columns)[:, None] * of_span
        apart = columns[:, None] * self.w.span
        rows = self.t.needed[:, None, None] * self.h.needed[None, :, None]
        return np.asarray(np.where(is_scattered[:, None], apart, in_rows)[:, None, None, :] * rows)

    def runs(self, base: int) -> Runs:
        """Return the runs of every box of the tensor that starts at burst ``base``; touching runs are joined.

        Raises MappingError where they would be more than MAX_RUNS before that.
        """
        layout, columns = self.layout, self.layout.columns
        start, touched, is_scattered = layout.touched(self.channel_first, self.channel_count)
        span_first, span_count = layout.span_bursts(self.w.first, self.w.span)
        across = np.where(is_scattered[:, None], self.w.span, np.minimum(span_count, 1)).sum(axis=1)
        blocks = ceil_div(start + touched, columns) - start // columns
        runs = int((blocks * across).sum()) * int(self.t.needed.sum()) * int(self.h.needed.sum())
        if runs > MAX_RUNS:
            size = "x".join(map(str, (layout.channels, *layout.extent)))
            raise MappingError(
                "dram.model",
                f"a tensor of {size} is moved in {runs:,} runs of bursts, more than {MAX_RUNS:,}; set it to plain",
            )
        # A box is a nest of blocks, frames and rows, and at scattered columns of pixels.
        channel, t, h, w = (index.ravel() for index in np.indices(self.shape, dtype=np.int64))
        box, block = spread(np.where(span_count[w] > 0, blocks[channel], 0))
        channel, t, h, w = channel[box], t[box], h[box], w[box]
        block += start[channel] // columns
        apart = is_scattered[channel]
        first_column = np.maximum(start[channel] - block * columns, 0)
        last_column = np.minimum(start[channel] + touched[channel] - block * columns, columns)
        first = base + block * layout.block_bursts
        first += np.where(apart, self.w.first[w] * columns + first_column, span_first[w])
        count = np.where(apart, last_column - first_column, span_count[w])
        pixels = np.where(apart, self.w.span[w], 1)

        part, frame = spread(self.t.needed[t])
        first = first[part] + self.t.positions[_starts(self.t)[t[part]] + frame] * layout.frame_bursts
        h, count, pixels, box = h[part], count[part], pixels[part], box[part]
        part, row = spread(self.h.needed[h])
        first = first[part] + self.h.positions[_starts(self.h)[h[part]] + row] * layout.row_bursts
        count, pixels, box = count[part], pixels[part], box[part]
        if is_scattered.any():
            part, pixel = spread(pixels)
            first, count, box = first[part] + pixel * columns, count[part], box[part]
        return _joined(box, first, count, math.prod(self.shape))


def _starts(axis: Axis) -> Ints:
    return np.asarray(np.cumsum(axis.needed) - axis.needed, dtype=np.int64)


def _joined(box: Ints, first: Ints, count: Ints, boxes: int) -> Runs:
    """Join the runs of a box that lie behind each other."""
    begins = np.ones(len(box), dtype=bool)
    begins[1:] = (box[1:] != box[:-1]) | (first[1:] != first[:-1] + count[:-1])
    at = np.flatnonzero(begins)
    total = np.add.reduceat(count, at) if len(at) else count
    offsets = np.searchsorted(box[at], np.arange(boxes + 1))
    return Runs(offsets=offsets.astype(np.int64), first=first[at], count=total)
