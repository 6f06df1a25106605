"""Every candidate tiling of a problem, as columns: tile sizes, and per axis what a cut reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.arrays import Ints, ceil_div, padded
from lw3dsim.map.bursts import Run, merged_bursts, row_bursts
from lw3dsim.map.mapping import input_axis, output_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lw3dsim.map.axis import Axis
    from lw3dsim.map.problem import Problem

# Numbers of parts that a dimension is cut into.
PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 28, 32, 56, 64, 112, 128, 256, 512, 1024, 4096)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One tensor (input or output) under every tiling; sums run over the tiles of an axis.

    ``t_needed`` and ``h_needed`` sum the rows read, ``w_span`` the pixels of a row,
    ``w_bursts`` the bursts of a row cut into tiles, ``h_bursts`` those of whole rows
    merged, ``t_bursts`` those of whole frames merged; ``*_whole`` says that one tile
    covers the axis. ``pixels`` is the largest tile.
    """

    t_needed: Ints
    h_needed: Ints
    w_span: Ints
    w_bursts: Ints
    h_bursts: Ints
    t_bursts: Ints
    t_whole: Ints
    h_whole: Ints
    w_whole: Ints
    pixels: Ints

    def take(self, index: Ints) -> Side:
        """Return the columns at ``index``."""
        return Side(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Tilings:
    """Candidate tilings, one per array element: tile sizes, tiles in space, and both tensors."""

    n: Ints
    c: Ints
    t: Ints
    h: Ints
    w: Ints
    spatial: Ints
    frames: Ints
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
            spatial=self.spatial[index],
            frames=self.frames[index],
            input=self.input.take(index),
            output=self.output.take(index),
        )

    def steps(self, problem: Problem) -> Ints:
        """Return the steps of the layer."""
        return problem.groups * self.n_parts(problem) * self.c_parts(problem) * self.spatial

    def n_parts(self, problem: Problem) -> Ints:
        """Return the tiles along the output channels."""
        return ceil_div(problem.n, self.n)

    def c_parts(self, problem: Problem) -> Ints:
        """Return the tiles along the reduction."""
        return ceil_div(problem.c, self.c)


def enumerate_tilings(problem: Problem, rows: int, mults_per_pe: int, burst_bytes: int) -> Tilings:
    """Return every combination of candidate tile sizes; nothing is checked against the buffers."""
    n, c, *space = _candidates(problem, rows, mults_per_pe)
    cuts = [[_Cut.of(problem, d, size, burst_bytes) for size in space[d]] for d in range(3)]
    index = np.meshgrid(*(np.arange(len(axis)) for axis in (n, c, *space)), indexing="ij")
    at = [i.ravel() for i in index]

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
        spatial=column(0, "input", "tiles") * column(1, "input", "tiles") * column(2, "input", "tiles"),
        frames=column(0, "input", "largest"),
        input=_side(column, "input"),
        output=_side(column, "output"),
    )


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
    row_bursts: int
    merged_bursts: int
    largest: int
    is_whole: bool

    @classmethod
    def of(cls, axis: Axis, line: int, run: Run, *, is_width: bool) -> _Sums:
        return cls(
            tiles=axis.tiles,
            needed=int(axis.needed.sum()),
            span=int(axis.span.sum()),
            row_bursts=int(row_bursts(axis, run).sum()),
            merged_bursts=int(merged_bursts(axis, line, run).sum()),
            largest=int((axis.span if is_width else axis.needed).max()),
            is_whole=axis.is_whole,
        )


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """Both sides of one cut of T, H or W."""

    input: _Sums
    output: _Sums

    @classmethod
    def of(cls, problem: Problem, dimension: int, tile: int, burst_bytes: int) -> _Cut:
        sums = []
        for axis, size, block in (
            (input_axis(problem, dimension, tile), problem.inp, problem.input_block),
            (output_axis(problem, dimension, tile), problem.out, problem.output_block),
        ):
            run = Run(element_bits=problem.activation_bits, block=block, burst_bytes=burst_bytes)
            line = (size[1] * size[2], size[2], 1)[dimension] * block
            sums.append(_Sums.of(axis, line, run, is_width=dimension == 2))
        return cls(input=sums[0], output=sums[1])


def _side(column: Callable[[int, str, str], Ints], side: str) -> Side:
    return Side(
        t_needed=column(0, side, "needed"),
        h_needed=column(1, side, "needed"),
        w_span=column(2, side, "span"),
        w_bursts=column(2, side, "row_bursts"),
        h_bursts=column(1, side, "merged_bursts"),
        t_bursts=column(0, side, "merged_bursts"),
        t_whole=column(0, side, "is_whole"),
        h_whole=column(1, side, "is_whole"),
        w_whole=column(2, side, "is_whole"),
        pixels=column(0, side, "largest") * column(1, side, "largest") * column(2, side, "largest"),
    )
