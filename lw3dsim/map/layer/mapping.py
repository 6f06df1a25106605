"""A mapping: how one layer is cut into on-chip steps, and the axes that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from lw3dsim.base.arrays import Flags, Ints, parts
from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import Parallel  # noqa: TC001  # decoded by its types
from lw3dsim.tensor.axis import Axis, Reads, contiguous, cut, cut_segments, repeated
from lw3dsim.tensor.layout import Boxes, Layout, block_sizes

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem

    # Channel blocks that tiles of the input and of the output may be whole ones of.
    Quanta = tuple[tuple[int, ...], tuple[int, ...]]

Order = Literal["weights_outer", "tiles_outer"]

ORDERS: tuple[Order, ...] = ("weights_outer", "tiles_outer")

# Steps that a layer may be cut into.
MAX_STEPS = 4_000_000


class Mapping(Value, frozen=True, kw_only=True):
    """Tile sizes (n, c, t, h, w) of a step, order of the DRAM-level loops, parallel mode, buffer slots.

    Of a batch of clips t is a part of the frames of one clip, or all frames of several.

    ``weights_outer`` runs n over (t, h, w) over c: weights stay while tiles pass.
    ``tiles_outer`` runs (t, h, w) over n over c: an input tile stays while weights
    pass. c is innermost, so every output is written once.
    """

    n: int
    c: int
    t: int
    h: int
    w: int
    order: Order
    parallel: Parallel
    ifmap_slots: int
    weight_slots: int
    ofmap_slots: int

    def describe(self) -> str:
        """Return the mapping in one line."""
        loops = "n t h w c" if self.order == "weights_outer" else "t h w n c"
        return f"n{self.n} c{self.c} t{self.t} h{self.h} w{self.w} | {loops} | {self.parallel}"


class Axes(Value, frozen=True, kw_only=True):
    """The cut axes of a mapping: channels and reduction as sizes, T, H, W with what they read."""

    n: Ints
    c: Ints
    t: Axis
    h: Axis
    w: Axis


@kept(65536)
def input_axis(problem: Problem, dimension: int, tile: int) -> Axis:
    """Cut T, H or W (0, 1, 2) of ``problem`` into tiles of ``tile`` outputs, seen from the input."""
    size_out, size_in = problem.out[dimension], problem.inp[dimension]
    reads = Reads(
        size_in,
        problem.kernel[dimension],
        problem.stride[dimension],
        problem.padding[dimension],
        problem.dilation[dimension],
    )
    if dimension == 0 and problem.segments > 1:
        return cut_segments(problem.segments, size_out, size_in, tile, reads)
    return cut(size_out, size_in, tile, reads.kernel, reads.stride, reads.padding, reads.dilation)


@kept(65536)
def output_axis(problem: Problem, dimension: int, tile: int) -> Axis:
    """Cut T, H or W of the output itself."""
    size = problem.out[dimension]
    if dimension == 0 and problem.segments > 1:
        return cut_segments(problem.segments, size, size, tile, Reads(size, 1, 1, 0, 1))
    return cut(size, size, tile, 1, 1, 0, 1)


@kept(65536)
def frame_chunks(problem: Problem, tile: int) -> Axis:
    """Cut the window frames of a pool that leaves one frame, of every clip, into chunks of ``tile``."""
    starts, frames = np.arange(0, problem.c, tile, dtype=np.int64), problem.clip_frames
    first = np.clip(starts - problem.padding[0], 0, frames)
    last = np.clip(np.minimum(starts + tile, problem.c) - problem.padding[0], 0, frames)
    ones, firsts, needed = map(kernels().words, (np.ones_like(starts), first, last - first))
    return repeated(contiguous(ones, firsts, needed, int((last - first).sum())), problem.batch, frames)


def make_axes(problem: Problem, mapping: Mapping) -> Axes:
    """Return the axes of ``mapping``; where frames are reduced, ``t`` holds the chunks of ``c``, clip by clip."""
    return Axes(
        n=parts(problem.n, mapping.n),
        c=parts(problem.c, mapping.c),
        t=frame_chunks(problem, mapping.c) if problem.reduces_frames else input_axis(problem, 0, mapping.t),
        h=input_axis(problem, 1, mapping.h),
        w=input_axis(problem, 2, mapping.w),
    )


@kept(65536)
def input_layout(problem: Problem, burst_bytes: int) -> Layout:
    """Return where the input lies, all groups together."""
    return _layout(problem.input_channels, problem.inp, problem.input_block, problem.activation_bits, burst_bytes)


@kept(65536)
def output_layout(problem: Problem, burst_bytes: int) -> Layout:
    """Return where the output lies, all groups together."""
    return _layout(problem.groups * problem.n, problem.out, problem.output_block, problem.output_bits, burst_bytes)


def _layout(channels: int, extent: tuple[int, int, int], block: int, bits: int, burst_bytes: int) -> Layout:
    return Layout(
        channels=channels,
        extent=extent,
        block=block,
        element_bits=bits,
        burst_bytes=burst_bytes,
    )


def all_blocks(problem: Problem, arch: Accelerator) -> Quanta:
    """Return the usual channel blocks that input and output of a layer may lie in, and those that they do."""
    block, single = arch.dram.channel_block, [1] if arch.dram.layout == "cthw" else []
    ends = (problem.input_channels, problem.input_block), (problem.groups * problem.n, problem.output_block)
    first, last = (tuple(sorted({*single, *block_sizes(block, of), abs(own)})) for of, own in ends)
    return first, last


def input_tile(problem: Problem, mapping: Mapping) -> int:
    """Return the input channels of the largest tile."""
    return mapping.c if problem.structure == "dense" else problem.input_channels_of(mapping.n)


@kept(65536)
def channel_ranges(groups: int, channels: int, tile: int) -> tuple[Ints, Ints]:
    """Return the first channel and the channels of every tile, group after group of ``channels``."""
    count = parts(channels, tile)
    within = count.cumsum() - count
    if groups == 1:
        return within, count
    group = np.arange(groups, dtype=np.int64)[:, None] * channels
    return (group + within).ravel(), np.tile(count, groups)


def input_boxes(problem: Problem, mapping: Mapping, axes: Axes, burst_bytes: int) -> Boxes:
    """Return the boxes of the input tiles, in the order (group, channel tile, t, h, w)."""
    first, count = channel_ranges(
        problem.groups, problem.input_channels // problem.groups, input_tile(problem, mapping)
    )
    layout = input_layout(problem, burst_bytes)
    return Boxes(layout=layout, channel_first=first, channel_count=count, t=axes.t, h=axes.h, w=axes.w)


def output_boxes(problem: Problem, mapping: Mapping, burst_bytes: int) -> Boxes:
    """Return the boxes of the output tiles, in the order (group, channel tile, t, h, w)."""
    first, count = channel_ranges(problem.groups, problem.n, mapping.n)
    t, h, w = (output_axis(problem, d, tile) for d, tile in enumerate((mapping.t, mapping.h, mapping.w)))
    layout = output_layout(problem, burst_bytes)
    return Boxes(layout=layout, channel_first=first, channel_count=count, t=t, h=h, w=w)


def weight_tile_bits(problem: Problem, n: Ints, c: Ints, is_first: Flags | bool) -> Ints:
    """Return the stored bits of the kernels of an n x c tile; biases come with its first reduction step."""
    return np.asarray(n * c * problem.kernel_bits + np.where(is_first, n * problem.bias_bits, 0), dtype=np.int64)
