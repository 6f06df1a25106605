"""The candidate sizes of a layer's tiles along every axis, and what each costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.machine.problem import plain_layer
from lw3dsim.map.layer.mapping import input_layout, output_layout
from lw3dsim.map.layer.sums import Channels, Extent
from lw3dsim.map.layer.tiling import Choices, fill_choices
from lw3dsim.tensor.layout import plain_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lw3dsim.base.kernels import Kernels
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Quanta

# Numbers of parts that a dimension is cut into.
PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 28, 32, 56, 64, 112, 128, 256, 512, 1024, 4096)

# Tiles of whole so many rows or columns begin with a burst the most often, as that holds a power of two of bits.
ALIGNED = tuple(1 << i for i in range(10))

Sizes = tuple[list[int], list[int], list[int], list[int], list[int]]


def candidate_sizes(
    problem: Problem,
    rows: int,
    mults_per_pe: int,
    in_trees: int = 1,
    quanta: Quanta | None = None,
    aligned: tuple[int, ...] = (),
) -> Sizes:
    """Return candidate tile sizes along N, C, T, H and W, the largest first.

    The array works on ``rows`` output channels at once, and sums up ``in_trees`` input channels outside its PEs. Those
    along C and N are whole blocks as input and output lie, or ``quanta``, those along H and W ``aligned`` ones too.
    """
    firsts, lasts = quanta or ((abs(problem.input_block),), (abs(problem.output_block),))
    each, blocks = problem.group_n, {-(-block // problem.group_n) for block in lasts}
    makes_vectors = problem.structure == "dense" and problem.out == (problem.batch, 1, 1)
    if makes_vectors and problem.batch > 1:
        # Partial sums of many clips drain for long: fewer outputs, of longer sums.
        blocks = {min(rows, block) for block in blocks}
    at_once = rows // problem.abreast
    blocks |= {max(at_once, block) for block in blocks}
    if problem.structure == "vector" and problem.out == (problem.batch, 1, 1):
        # A vector has no blocks: of what it is made of channel by channel whole blocks are read.
        blocks |= {max(rows, block) for block in firsts}
    groups = _sizes(problem.n // each, blocks, (1, 2, 4, at_once))
    n = [each * size for size in groups]
    if problem.structure == "grouped":
        c = [problem.c]
    elif problem.reduces_frames:
        c = _sizes(problem.c, {1})
    elif makes_vectors:
        c = _sizes(problem.c, {in_trees, in_trees * mults_per_pe})
    else:
        c = _sizes(problem.c, set(firsts) | ({in_trees} - {1}), (1, 2, 4))
    t, h, w = (
        _sizes(size, {m, *(aligned if axis else ())})
        for axis, (size, m) in enumerate(zip(problem.segment, problem.algorithm.tile, strict=True))
    )
    if problem.shares_weights:
        # Clips that fit together share weights that come in parts.
        t = [problem.segment[0] * clips for clips in _sizes(problem.segments, {1}) if clips > 1] + t
    return n, c, t[:1] if problem.whole_frames else t, h, w


def _sizes(total: int, quanta: Iterable[int], extra: Iterable[int] = ()) -> list[int]:
    return list(_cut(total, tuple(quanta), tuple(extra)))


@kept(65536)
def _cut(total: int, quanta: tuple[int, ...], extra: tuple[int, ...]) -> tuple[int, ...]:
    """Return tile sizes: ``total`` in k nearly equal parts, rounded up to each quantum, and the quanta."""
    equal = {-(-total // k) for k in PARTS if k <= total}
    sizes = {*quanta, *extra, *(-(-part // q) * q for q in quanta for part in equal)}
    return tuple(sorted({size if size < total else total for size in sizes}, reverse=True))


def make_choices(problem: Problem, sizes: Sizes, burst_bytes: int, kernels: Kernels) -> Choices:
    """Return the candidate sizes with their sums."""
    n, c, t, h, w = map(tuple, sizes)
    return _choices(problem, (n, c, t, h, w), burst_bytes, kernels)


@kept(8192)
def _choices(problem: Problem, sizes: tuple[tuple[int, ...], ...], burst_bytes: int, kernels: Kernels) -> Choices:
    return count_choices(problem, sizes, burst_bytes, kernels)


def count_choices(problem: Problem, sizes: Sequence[Sequence[int]], burst_bytes: int, kernels: Kernels) -> Choices:
    """Return the candidate sizes with their sums, counted anew: for kernels alone."""
    layer = plain_layer(problem)
    inp, out = (plain_rows(layout(problem, burst_bytes)) for layout in (input_layout, output_layout))
    n, c, t, h, w = sizes
    pairs, planes = len(n) * len(c), len(h) * len(w)
    sized, counts = kernels.sized, (pairs, pairs, planes if inp.row_pixels else 0, planes if out.row_pixels else 0)
    choices = Choices(
        sized(Channels, n),
        sized(Channels, c),
        sized(Extent, t),
        sized(Extent, h),
        sized(Extent, w),
        *kernels.carved(counts, is_empty=True),
    )
    kernels(fill_choices)(layer, inp, out, choices)
    return choices
