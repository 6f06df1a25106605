"""Every candidate tiling of a problem, as columns: tile sizes, and per axis what a cut reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.arrays import Ints, ceil_div, full_and_rest, padded
from lw3dsim.map.mapping import (
    channel_ranges,
    input_axis,
    input_layout,
    output_axis,
    output_layout,
    weight_tile_bits,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lw3dsim.map.axis import Axis
    from lw3dsim.map.layout import Layout
    from lw3dsim.map.problem import Problem

# Numbers of parts that a dimension is cut into.
PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 28, 32, 56, 64, 112, 128, 256, 512, 1024, 4096)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One tensor (input or output) under every tiling; sums run over the tiles of an axis.

    A tensor moves ``rows`` x (``blocks`` x ``row_bursts`` + ``columns`` x ``row_pixels``) bursts:
    rows of whole channel blocks, and scattered columns of blocks, pixel by pixel.
    ``planes`` counts the parts of a frame that tiles touch, ``row_span`` the bursts
    from the first to the last row of all of them. ``pixels`` is the largest tile.
    """

    rows: Ints
    planes: Ints
    row_span: Ints
    row_bursts: Ints
    row_pixels: Ints
    blocks: Ints
    columns: Ints
    pixels: Ints

    @property
    def bursts(self) -> Ints:
        """Bursts of moving the tensor once, tile by tile; the sum of Boxes.bursts."""
        return self.rows * (self.blocks * self.row_bursts + self.columns * self.row_pixels)

    def visits(self, page_bursts: int) -> Ints:
        """Return about how often a DRAM row is opened in moving the tensor once: pages of every plane touched."""
        planes = self.planes + self.row_span // page_bursts
        return planes * (self.blocks + np.minimum(self.columns, 1))

    def take(self, index: Ints) -> Side:
        """Return the columns at ``index``."""
        return Side(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Tilings:
    """Candidate tilings, one per array element: tile sizes, tiles along channels and in space, and the three tensors.

    ``weight_bursts`` moves all weight tiles once, ``first_weight_bursts`` a full one with its biases.
    """

    n: Ints
    c: Ints
    t: Ints
    h: Ints
    w: Ints
    n_parts: Ints
    c_parts: Ints
    spatial: Ints
    frames: Ints
    weight_bursts: Ints
    first_weight_bursts: Ints
    input: Side
    output: Side

    def __len__(self) -> int:
        return len(self.n)

    def take(self, index: Ints) -> Tilings:
        """Return the tilings at ``index`` (positions or a mask)."""
        return Tilings(
            n=self.n[index],
            c=self.c[index],
            t=self.t[index],
            h=self.h[index],
            w=self.w[index],
            n_parts=self.n_parts[index],
            c_parts=self.c_parts[index],
            spatial=self.spatial[index],
            frames=self.frames[index],
            weight_bursts=self.weight_bursts[index],
            first_weight_bursts=self.first_weight_bursts[index],
            input=self.input.take(index),
            output=self.output.take(index),
        )

    def steps(self, problem: Problem) -> Ints:
        """Return the steps of the layer."""
        return problem.groups * self.n_parts * self.c_parts * self.spatial


def enumerate_tilings(problem: Problem, rows: int, mults_per_pe: int, burst_bytes: int) -> Tilings:
    """Return every combination of candidate tile sizes; nothing is checked against the buffers."""
    n, c, *space = _candidates(problem, rows, mults_per_pe)
    layouts = input_layout(problem, burst_bytes), output_layout(problem, burst_bytes)
    cuts = [[_Cut.of(problem, d, size, layouts) for size in space[d]] for d in range(3)]
    index = np.meshgrid(*(np.arange(len(axis)) for axis in (n, c, *space)), indexing="ij")
    at = [i.ravel() for i in index]
    is_dense = problem.structure == "dense"
    channels = (
        _channel_sums(layouts[0], problem.groups, *((problem.c, c) if is_dense else (problem.n, n)))[:, at[is_dense]],
        _channel_sums(layouts[1], problem.groups, problem.n, n)[:, at[0]],
    )

    weights, first_weight = _weight_bursts(problem, *np.meshgrid(n, c, indexing="ij"), burst_bytes)

    def column(dimension: int, side: str, field: str) -> Ints:
        values = [getattr(getattr(cut, side), field) for cut in cuts[dimension]]
        return np.array(values, dtype=np.int64)[at[2 + dimension]]

    tile = [np.array(sizes, dtype=np.int64)[i] for sizes, i in zip((n, c, *space), at, strict=True)]
    return Tilings(
        n=tile[0],
        c=tile[1],
        t=tile[2],
        h=tile[3],
        w=tile[4],
        n_parts=ceil_div(problem.n, np.array(n, dtype=np.int64))[at[0]],
        c_parts=ceil_div(problem.c, np.array(c, dtype=np.int64))[at[1]],
        spatial=column(0, "input", "tiles") * column(1, "input", "tiles") * column(2, "input", "tiles"),
        frames=column(0, "input", "largest"),
        weight_bursts=weights[at[0], at[1]],
        first_weight_bursts=first_weight[at[0], at[1]],
        input=_side(column, "input", channels[0], layouts[0]),
        output=_side(column, "output", channels[1], layouts[1]),
    )


def _weight_bursts(problem: Problem, n: Ints, c: Ints, burst_bytes: int) -> tuple[Ints, Ints]:
    """Return the bursts of all weight tiles of n x c once, and those of a full tile with its biases."""
    bursts = np.zeros_like(n)
    c_cuts = full_and_rest(np.full_like(c, problem.c), c)
    for n_count, rows in full_and_rest(np.full_like(n, problem.n), n):
        for c_count, columns in c_cuts:
            bits = weight_tile_bits(problem, rows, columns, False)
            bursts += n_count * c_count * ceil_div(bits, 8 * burst_bytes)
        # The first reduction step, which brings the biases, is a full one: tiles are never larger than the tensor.
        plain, biased = (weight_tile_bits(problem, rows, c_cuts[0][1], is_first) for is_first in (False, True))
        bursts += n_count * (ceil_div(biased, 8 * burst_bytes) - ceil_div(plain, 8 * burst_bytes))
    return problem.groups * bursts, ceil_div(weight_tile_bits(problem, n, c, True), 8 * burst_bytes)


def _channel_sums(layout: Layout, groups: int, channels: int, tiles: list[int]) -> Ints:
    """Return, per size in ``tiles``, the whole blocks and the scattered columns that all tiles touch together."""
    sums = []
    for tile in tiles:
        _, columns, is_scattered = layout.touched(*channel_ranges(groups, channels, tile))
        sums.append((columns[~is_scattered].sum() // layout.columns, columns[is_scattered].sum()))
    return np.array(sums, dtype=np.int64).T


def _candidates(problem: Problem, rows: int, mults_per_pe: int) -> list[list[int]]:
    """Return candidate sizes along N, C, T, H, W."""
    quanta = {max(rows, problem.output_block), problem.output_block}
    n = _sizes(problem.n, quanta, (1, 2, 4, rows))
    if problem.reduces_frames:
        c = _sizes(problem.c, {1})
    elif problem.structure == "dense" and problem.out == (1, 1, 1):
        c = _sizes(problem.c, {1, mults_per_pe})
    else:
        c = _sizes(problem.c, {problem.input_block}, (1, 2, 4))
    t, h, w = (_sizes(size, {m}) for size, m in zip(problem.out, problem.algorithm.tile, strict=True))
    return [n, c, [problem.out[0]] if problem.whole_frames else t, h, w]


def _sizes(total: int, quanta: Iterable[int], extra: Iterable[int] = ()) -> list[int]:
    """Return tile sizes: ``total`` in k nearly equal parts, rounded up to each quantum, and the quanta."""
    quanta = tuple(quanta)
    sizes = {min(total, padded(-(-total // k), q)) for k in PARTS if k <= total for q in quanta}
    return sorted(sizes | {min(total, size) for size in (*quanta, *extra)})


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """One side of one cut of T, H or W, summed over its tiles."""

    tiles: int
    needed: int
    span: int
    span_bursts: int
    largest: int

    @classmethod
    def of(cls, axis: Axis, layout: Layout, *, is_width: bool) -> _Sums:
        return cls(
            tiles=axis.tiles,
            needed=int(axis.needed.sum()),
            span=int(axis.span.sum()),
            span_bursts=int(layout.span_bursts(axis.first, axis.span)[1].sum()) if is_width else 0,
            largest=int((axis.span if is_width else axis.needed).max()),
        )


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """Both sides of one cut of T, H or W."""

    input: _Sums
    output: _Sums

    @classmethod
    def of(cls, problem: Problem, dimension: int, tile: int, layouts: tuple[Layout, Layout]) -> _Cut:
        axes = input_axis(problem, dimension, tile), output_axis(problem, dimension, tile)
        inp, out = (_Sums.of(axis, layout, is_width=dimension == 2) for axis, layout in zip(axes, layouts, strict=True))
        return cls(input=inp, output=out)


def _side(column: Callable[[int, str, str], Ints], side: str, channels: Ints, layout: Layout) -> Side:
    frames, rows, cuts = column(0, side, "needed"), column(1, side, "needed"), column(2, side, "tiles")
    return Side(
        rows=frames * rows,
        planes=frames * column(1, side, "tiles") * cuts,
        row_span=frames * rows * cuts * layout.row_bursts,
        row_bursts=column(2, side, "span_bursts"),
        row_pixels=column(2, side, "span"),
        blocks=channels[0],
        columns=channels[1],
        pixels=column(0, side, "largest") * column(1, side, "largest") * column(2, side, "largest"),
    )
