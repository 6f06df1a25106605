"""Where a tensor lies in DRAM, and which bursts the box of a tile touches.

A tensor is stored channel-blocked, [C/b][T][H][W][b]: blocks of b channels, the b
values of a pixel next to each other. b = 1 is C-T-H-W, b = C is T-H-W-C. Every row
starts on a burst; the block of a pixel that is larger than a burst takes whole
bursts (*columns*). A DMA moves whole bursts: what a tile's edge needs of a burst
costs all of it.

Or rows are *packed*: only the plane of a block, its H x W x b values of a frame,
starts on a burst, and rows and pixels follow without gaps. Such a layout is told
from others by a negative block: -b.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import padded
from lw3dsim.base.caches import kept, once
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value, replace
from lw3dsim.errors import MappingError
from lw3dsim.tensor.bursts import Rows
from lw3dsim.tensor.runs import Cuts, Strides, count_boxes, list_runs, row_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lw3dsim.base.arrays import Ints
    from lw3dsim.tensor.axis import Axis
    from lw3dsim.tensor.runs import Runs

# Runs of one tensor that fit into a gigabyte while they are listed.
MAX_RUNS = 16_000_000

# What a mapping file says of a block whose rows are packed, behind its channels.
PACKED = "packed"


class Layout(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """A tensor of ``channels`` x ``extent`` (T, H, W) in blocks of ``block`` channels; addresses count bursts.

    A negative ``block`` is one of as many channels whose rows are packed.
    """

    channels: int
    extent: tuple[int, int, int]
    block: int
    element_bits: int
    burst_bytes: int

    @property
    def is_packed(self) -> bool:
        """Whether rows follow each other without gaps."""
        return self.block < 0

    @property
    def together(self) -> int:
        """Channels of a block."""
        return abs(self.block)

    @property
    def columns(self) -> int:
        """Bursts of a pixel's block; 1 where pixels share a burst, as all do that are packed."""
        return 1 if self.is_packed else -(-self.block * self.element_bits // (8 * self.burst_bytes))

    @property
    def pixel_bits(self) -> int:
        """Bits from a pixel to the next."""
        burst_bits = 8 * self.burst_bytes
        bits = self.together * self.element_bits
        return padded(bits, burst_bits) if bits > burst_bits and not self.is_packed else bits

    @property
    def row_bursts(self) -> int:
        """Bursts from a row to the next; of packed rows those that hold one at most."""
        return -(-self.extent[2] * self.pixel_bits // (8 * self.burst_bytes))

    @property
    def frame_bursts(self) -> int:
        """Bursts from a frame to the next."""
        if self.is_packed:
            return -(-self.extent[1] * self.extent[2] * self.pixel_bits // (8 * self.burst_bytes))
        return self.extent[1] * self.row_bursts

    @property
    def block_bursts(self) -> int:
        """Bursts from a block of channels to the next."""
        return self.extent[0] * self.frame_bursts

    @once
    def bursts(self) -> int:
        """Bursts of the whole tensor."""
        return -(-self.channels // self.together) * self.block_bursts

    def describe(self) -> str:
        """Return the layout in words, outermost dimension first."""
        block, rows = self.together, "HW" if self.is_packed else "H W"
        if block == 1:
            return f"C T {rows}"
        return f"C/{block} T {rows} {block}" if block < self.channels else f"T {rows} {block}"


def said_of(block: int) -> int | str:
    """Return a block as a mapping file says it: its channels, and whether its rows are packed."""
    return f"{-block} {PACKED}" if block < 0 else block


def block_sizes(block: int, channels: int) -> list[int]:
    """Return ``block`` times powers of two, as far as they are below ``channels``, and ``channels``."""
    powers = (block << i for i in range(channels.bit_length()))
    return [*(size for size in powers if size < channels), channels]


@kept(65536)
def blocks_of_worth(channels: int, element_bits: int, burst_bytes: int) -> tuple[int, ...]:
    """Return the blocks, and those with packed rows, of which one is the best for tiles of any channels.

    They are those of which a pixel takes up to a burst and, above these, all channels in equal parts: for the reasons
    see ``docs/fusion.md``.
    """
    burst = min(max(8 * burst_bytes // element_bits, 1), channels)
    parts = {-(-channels // k) for k in range(1, -(-channels // burst) + 1)}
    plain = sorted({*range(1, burst + 1), *parts})
    return (*plain, *(-block for block in plain))


@kept(65536)
def fewest_bursts_block(
    channels: int, extent: tuple[int, int, int], element_bits: int, burst_bytes: int, block: int
) -> int:
    """Return the block, ``block`` times a power of two or all channels, that stores a tensor in the fewest bursts.

    Ties go to the smallest. Rows of such blocks are whole bursts wherever the sizes allow it.
    """
    if extent == (1, 1, 1):
        return channels
    sizes = block_sizes(block, channels)
    return min(sizes, key=lambda size: (bursts_in_block(channels, extent, element_bits, burst_bytes, size), size))


def packed_in_fewer(blocks: Iterable[int], bursts: Callable[[int], int]) -> list[int]:
    """Return those of ``blocks``, with packed rows, that take fewer ``bursts`` than any of them without."""
    plain = list(blocks)
    least = min(map(bursts, plain), default=0)
    return [-block for block in plain if bursts(-block) < least]


def bursts_in_block(
    channels: int, extent: tuple[int, int, int], element_bits: int, burst_bytes: int, block: int
) -> int:
    """Return the bursts of a whole tensor in a ``block``, negative for packed rows."""
    layout = Layout(channels=channels, extent=extent, block=block, element_bits=element_bits, burst_bytes=burst_bytes)
    return layout.bursts


def least_bursts(layout: Layout, block: int) -> int:
    """Return the bursts that whoever moves all of a tensor in a ``block`` moves at least.

    That is all but those columns of the last block in which there are no channels.
    """
    laid = replace(layout, block=block)
    if laid.columns == 1:
        return laid.bursts
    rest = -(-(layout.channels % block) * layout.element_bits // (8 * layout.burst_bytes))
    return (layout.channels // block * laid.columns + rest) * math.prod(layout.extent)


class Boxes(Value, frozen=True, kw_only=True, dict=True, gc=True):
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
    def number(self) -> int:
        """Number of boxes."""
        return math.prod(self.shape)

    @once
    def cuts(self) -> Cuts:
        """The boxes in words."""
        return kernels().of_arrays(
            Cuts(
                channel=self.channel_first,
                channels=self.channel_count,
                frames=self.t.begins,
                frame=self.t.positions,
                rows=self.h.begins,
                row=self.h.positions,
                left=self.w.first,
                span=self.w.span,
            )
        )

    @once
    def _counted(self) -> tuple[Ints, int]:
        """The bursts of every box, and the runs of all of them before any are joined."""
        work = kernels()
        bursts = work.empty(self.number)
        runs = work(count_boxes)(plain_rows(self.layout), self.cuts, 1, bursts, 0)
        return np.asarray(bursts, dtype=np.int64), runs

    def bursts(self, tensors: int = 1) -> Ints:
        """Return the bursts of every box, of so many alike ``tensors``, in their order."""
        bursts, _ = self._counted
        return bursts if tensors == 1 else tensors * bursts

    def bursts_in(self, blocks: Sequence[int]) -> list[int]:
        """Return the bursts of all boxes together, of the tensor in blocks of each of so many channels."""
        work, lines = kernels(), int(self.t.begins[-1]) * int(self.h.begins[-1])
        usual = [block for block in blocks if block > 0]
        bursts = work.empty(len(usual))
        work(row_sums)(plain_rows(self.layout), self.cuts, work.words(usual), bursts)
        of_rows = dict(zip(usual, bursts, strict=True))
        return [lines * int(of_rows[block]) if block > 0 else self._in_packed(block) for block in blocks]

    def _in_packed(self, block: int) -> int:
        return int(replace(self, layout=replace(self.layout, block=block)).bursts().sum())

    def check_runs(self) -> int:
        """Return the runs of all boxes before any are joined; raise MappingError where they are more than MAX_RUNS."""
        _, runs = self._counted
        return few_runs(self.layout, runs)

    def list_runs(self, bases: tuple[int, ...], page: int, into: Runs, done: tuple[int, int]) -> tuple[int, int]:
        """List the runs of every box ``into`` what has so many boxes and runs; return how many it has then.

        A box is moved of all tensors from the bursts ``bases`` on in turn. Touching runs of a tensor's box are joined,
        and those in one of the pages, of so many bursts, where that is not 0.
        """
        rows, strides, work = plain_rows(self.layout), strides_of(self.layout), kernels()
        return work(list_runs)(rows, strides, self.cuts, work.words(bases), page, into, *done)


def few_runs(layout: Layout, runs: int) -> int:
    """Return so many ``runs`` of a tensor; raise MappingError where they are more than MAX_RUNS."""
    if runs > MAX_RUNS:
        size = "x".join(map(str, (layout.channels, *layout.extent)))
        raise MappingError(
            "dram.model",
            f"a tensor of {size} is moved in {runs:,} runs of bursts, more than {MAX_RUNS:,}; set it to plain",
        )
    return runs


@kept(65536)
def strides_of(layout: Layout) -> Strides:
    """Return what lies from one part of a tensor in ``layout`` to the next."""
    return Strides(block=layout.block_bursts, frame=layout.frame_bursts, row=layout.row_bursts)


@kept(65536)
def plain_rows(layout: Layout) -> Rows:
    """Return ``layout`` in integers."""
    return Rows(
        block=layout.together,
        columns=layout.columns,
        element_bits=layout.element_bits,
        pixel_bits=layout.pixel_bits,
        row_bursts=layout.row_bursts,
        burst_bits=8 * layout.burst_bytes,
        row_pixels=layout.extent[2] if layout.is_packed else 0,
    )
