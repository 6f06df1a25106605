"""What a mapping of a layer does in all, counted without unrolling its steps.

Along an axis all tiles but a few are alike, so the steps of a mapping are of few sorts, and how many there are of each
is a product. Events come out as the program of the mapping counts them, but for DRAM: bursts depend on the layouts of
the tensors, which are chosen later, so they are counted as if every tile lay in one piece, which none undercuts.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.account.events import Events, make_events
from lw3dsim.base.arrays import ceil_div, parts
from lw3dsim.base.caches import kept
from lw3dsim.base.distinct import distinct
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.map.layer.mapping import frame_chunks, weight_tile_bits
from lw3dsim.schedule.kinds import Sizes, StolenCycles, cost_kinds
from lw3dsim.tensor.axis import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Mapping
    from lw3dsim.schedule.program import Kinds


class Tally(Value, frozen=True, kw_only=True):
    """What a mapping does in all.

    ``events`` count DRAM as if tiles lay in one piece, ``moved`` so many bursts; ``first_load`` are those that come
    before the array can start, ``last_store`` those that leave when it is done. ``array_cycles`` is the array at work
    from the first step to the end of the last drain, but for what DMA takes from it at a buffer's only port.
    """

    events: Events
    array_cycles: int
    moved: int
    first_load: int
    last_store: int


class _Sorts(NamedTuple):
    """Sorts of tiles along an axis, of which the first and the last have their own: how many, and what they are."""

    number: Ints
    columns: tuple[Ints, ...]


class _Grid(NamedTuple):
    """The sorts along N, the reduction C, T, H and W; where frames are reduced, T is a part of C."""

    n: _Sorts
    c: _Sorts
    t: _Sorts
    h: _Sorts
    w: _Sorts

    @property
    def shape(self) -> tuple[int, ...]:
        """Sorts along each axis."""
        return tuple(len(axis.number) for axis in self)

    @property
    def tiles(self) -> tuple[int, ...]:
        """Tiles along each axis."""
        return tuple(int(axis.number.sum()) for axis in self)


def tally(problem: Problem, mapping: Mapping, arch: Accelerator, burst_bytes: int) -> Tally:
    """Return what ``problem`` does under ``mapping``; DRAM moves bursts of ``burst_bytes``."""
    grid = _grid(problem, mapping)
    kinds = _costed(problem, mapping, arch, grid)
    count = problem.groups * _product([axis.number for axis in grid])
    in_bits, in_times = _ifmap(problem, mapping, grid)
    weight_bits, weight_times = _weight(problem, mapping, grid)
    out_bits, out_times = _ofmap(problem, grid)
    burst = 8 * burst_bytes
    streams = (in_bits, in_times), (weight_bits, weight_times), (out_bits, out_times)
    loaded, weights, stored = (int((ceil_div(bits, burst) * times).sum()) for bits, times in streams)
    ifmap, weight, ofmap = (int((bits * times).sum()) for bits, times in streams)
    first = [int(ceil_div(int(bits.flat[0]), burst)) for bits in (in_bits, weight_bits) if bits.size]
    return Tally(
        events=make_events(
            partial(kinds.total, counts=count.ravel()),
            (ifmap, weight, ofmap),
            (loaded * burst_bytes, weights * burst_bytes, stored * burst_bytes),
        ),
        array_cycles=_array_cycles(kinds, grid, count),
        moved=loaded + weights + stored,
        first_load=sum(first),
        last_store=int(ceil_div(int(out_bits.flat[-1]), burst)),
    )


def _sorts(columns: Sequence[Ints]) -> _Sorts:
    """Return the sorts of tiles with these columns, the first tile's first and the last tile's last."""
    place = np.arange(len(columns[0]))
    ends = np.where(place == 0, 0, np.where(place == place[-1], 2, 1))
    example, sort = distinct([ends, *columns])
    return _Sorts(np.bincount(sort), tuple(column[example] for column in columns))


def _grid(problem: Problem, mapping: Mapping) -> _Grid:
    t, h, w = (_space(problem, d, tile) for d, tile in enumerate((mapping.t, mapping.h, mapping.w)))
    if not problem.reduces_frames:
        return _Grid(_channels(problem.n, mapping.n), _reduction(problem.c, mapping.c), t, h, w)
    chunks, sizes = frame_chunks(problem, mapping.c), parts(problem.c, mapping.c)
    one = np.ones(1, dtype=np.int64)
    reduction = _sorts([*_places(sizes), chunks.outputs, chunks.needed, chunks.span])
    return _Grid(_channels(problem.n, mapping.n), reduction, _Sorts(one, (one, one, one)), h, w)


def _space(problem: Problem, d: int, tile: int) -> _Sorts:
    """Return the sorts along T, H or W: what is made, what is needed for it, and from the first to the last of that."""
    of = problem
    return _cut(of.out[d], of.inp[d], tile, of.kernel[d], of.stride[d], of.padding[d], of.dilation[d])


@kept(65536)
def _cut(out: int, inp: int, tile: int, kernel: int, stride: int, padding: int, dilation: int) -> _Sorts:
    axis = cut(out, inp, tile, kernel, stride, padding, dilation)
    return _sorts([axis.outputs, axis.needed, axis.span])


@kept(65536)
def _channels(total: int, tile: int) -> _Sorts:
    return _sorts([parts(total, tile)])


@kept(65536)
def _reduction(total: int, tile: int) -> _Sorts:
    return _sorts(_places(parts(total, tile)))


def _places(sizes: Ints) -> list[Ints]:
    """Return the sizes of the parts of a reduction, and which is the first and the last."""
    place = np.arange(len(sizes))
    return [sizes, (place == 0).astype(np.int64), (place == place[-1]).astype(np.int64)]


def _product(factors: Sequence[Ints]) -> Ints:
    """Return the products of one element of each of the ``factors``, an axis each."""
    grid = np.ones((), dtype=np.int64)
    for factor in factors:
        grid = grid[..., None] * factor
    return np.asarray(grid)


def _frames(problem: Problem, grid: _Grid) -> tuple[Ints, ...]:
    """Return outputs, needed and span of T, shaped along C and T."""
    columns = grid.c.columns[3:] if problem.reduces_frames else grid.t.columns
    return tuple(column[:, None] if problem.reduces_frames else column[None, :] for column in columns)


def _costed(problem: Problem, mapping: Mapping, arch: Accelerator, grid: _Grid) -> Kinds:
    """Return the costs of every sort of step, flat."""
    shape = grid.shape
    place = [index.ravel() for index in np.indices(shape)]
    n, c, t, h, w = place
    size, is_first, is_last, *_ = grid.c.columns
    frames = [np.broadcast_to(column, shape[1:3])[c, t] for column in _frames(problem, grid)]
    none = np.zeros(len(n), dtype=np.int64)
    sizes = Sizes(
        n=grid.n.columns[0][n],
        c=size[c],
        outputs=(frames[0], grid.h.columns[0][h], grid.w.columns[0][w]),
        needed=(frames[1], grid.h.columns[1][h], grid.w.columns[1][w]),
        is_first=is_first[c] > 0,
        is_last=is_last[c] > 0,
        stolen=StolenCycles(computing=none, draining=none),
    )
    return cost_kinds(problem, make_machine(problem, arch, mapping.parallel), sizes)


def _ifmap(problem: Problem, mapping: Mapping, grid: _Grid) -> tuple[Ints, Ints]:
    """Return the bits of input tiles, by sort along channels, T, H and W, and how often tiles of each sort are loaded.

    One that stays while other outputs are made of it is loaded once.
    """
    made, chunks, *space = grid.tiles
    is_dense = problem.structure == "dense"
    sizes = grid.c.columns[0] if is_dense else grid.n.columns[0] // problem.group_n
    if not is_dense:
        sizes = sizes * problem.input_channels_of(problem.group_n)
    counts = grid.c.number if is_dense else grid.n.number
    frames, often = (grid.c.columns[4], grid.c.number) if problem.reduces_frames else (grid.t.columns[1], grid.t.number)
    bits = _product([sizes, frames, grid.h.columns[1], grid.w.columns[2]])
    times = problem.groups * _product([counts, often, grid.h.number, grid.w.number])
    stays = chunks == 1 and (mapping.order == "tiles_outer" or int(np.prod(space)) == 1)
    return bits * problem.activation_bits * problem.sources, times * (made if is_dense and not stays else 1)


def _weight(problem: Problem, mapping: Mapping, grid: _Grid) -> tuple[Ints, Ints]:
    """Return the bits of weight tiles, by sort along N and C, and how often they are loaded; none of a vector layer."""
    if problem.structure == "vector":
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    size, is_first, *_ = grid.c.columns
    bits = weight_tile_bits(problem, grid.n.columns[0][:, None], size[None, :], (is_first > 0)[None, :])
    made, chunks, *space = grid.tiles
    stays = chunks == 1 and (mapping.order == "weights_outer" or made == 1)
    again = 1 if stays else int(np.prod(space))
    return bits, problem.groups * _product([grid.n.number, grid.c.number]) * again


def _ofmap(problem: Problem, grid: _Grid) -> tuple[Ints, Ints]:
    """Return the bits of output tiles, by sort along N, T, H and W, and how many there are of each sort."""
    axes = (grid.n, grid.t, grid.h, grid.w)
    bits = _product([axis.columns[0] for axis in axes]) * problem.activation_bits
    return bits, problem.groups * _product([axis.number for axis in axes])


def _array_cycles(kinds: Kinds, grid: _Grid, count: Ints) -> int:
    """Return the cycles of all steps, of waits for drains within a tile, and of the last drain."""
    busy = int(((kinds.head + kinds.body) * count.ravel()).sum())
    head, drain = (np.reshape(column, grid.shape) for column in (kinds.head, kinds.drain))
    of_tile = count[:, :1] // grid.c.number[0]
    sorts = len(grid.c.number)
    # Before the first step of a sort comes the last of the sort before; the others follow their like.
    for sort in range(sorts):
        like = of_tile[:, 0] * max(int(grid.c.number[sort]) - 1, 0)
        busy += int((np.maximum(drain[:, sort] - head[:, sort], 0) * like).sum())
        if sort:
            busy += int((np.maximum(drain[:, sort - 1] - head[:, sort], 0) * of_tile[:, 0]).sum())
    return busy + int(kinds.drain[-1])
