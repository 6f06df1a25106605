"""Every mapping of a fused group that fits the buffers, as columns: tiles, kept halo, resident weights, chunks.

Intermediate tensors have places for their largest tile. What is retained for later
tiles is there all the time, in all channels. Tensors between runs hold all channels of
a tile and take turns at the two ends of what is left; inside a run they hold a chunk.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import padded
from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.map.group.axes import ANEW, WARMED, Cuts, Units, count_units
from lw3dsim.map.group.fitting import Chunks, Floor, Limits, Parts, Tiles
from lw3dsim.map.group.floor import make_floor
from lw3dsim.map.group.group import KEPT, Group, GroupMapping, Kept, list_ways
from lw3dsim.map.group.residence import list_sets
from lw3dsim.map.group.tiles import list_tiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Ints, Words
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Parallel
    from lw3dsim.map.group.fitting import Found
    from lw3dsim.map.group.group import Reach
    from lw3dsim.map.group.lying import Lying
    from lw3dsim.map.group.weighing import Effort, Traffic

MAX_GROUP_STEPS = 200_000


class Ways(Value, frozen=True):
    """The ways to cut an axis, ``count`` of them, and the units of stages in each."""

    cuts: Cuts
    units: Words
    count: int


class Candidates(Value, frozen=True, kw_only=True):
    """Group mappings, ``count`` of them, as ``found``, made of ``parts``; with what they move, and take by mode."""

    parts: Parts
    found: Found
    traffic: Traffic
    effort: Effort
    count: int

    def __len__(self) -> int:
        return self.count

    def mapping(self, i: int, parallel: tuple[Parallel, ...]) -> GroupMapping:
        """Return candidate ``i``, its stages in these modes."""
        found, parts = self.found, self.parts
        cuts, places = (parts.t, parts.h, parts.w), (int(found.t[i]), int(found.h[i]), int(found.w[i]))
        t, h, w = (int(of.tile[at]) for of, at in zip(cuts, places, strict=True))
        chosen = list(zip(KEPT, cuts, places, strict=True))
        kept: Kept = next((name for name, of, at in chosen if of.is_kept[at]), "none")
        stages = len(parts.stages.n)
        first = int(found.resident[i]) * stages
        return GroupMapping(
            t=t,
            h=h,
            w=w,
            kept=kept,
            chunks=tuple(int(parts.chunks.size[place]) for place in found.chunk[i :: len(found.t)]),
            resident=tuple(bool(flag) for flag in parts.sets[first : first + stages]),
            parallel=parallel,
            ofmap_slots=int(found.slots[i]),
            warm_up=any(of.warm[at] for _, of, at in chosen),
        )

    def blocks(self, i: int, lying: Lying) -> tuple[int, int]:
        """Return the channel blocks in which candidate ``i`` has its input and its output."""
        found, parts = self.found, self.parts
        every, way, place = len(parts.w.tile), int(found.w[i]), int(found.chunk[-len(found.t) :][i])
        output = len(lying.tensor) + place - int(parts.chunks.begin[-2])
        return int(lying.lines.block[way]), int(lying.lines.block[output * every + way])


class Fits(Value, frozen=True, kw_only=True):
    """The tiles of a group whose input fits, ``count`` of them in ``tiles``, and what mappings are made of beside.

    There are so many ``ways`` to cut T, H and W.
    """

    parts: Parts
    ways: tuple[int, int, int]
    limits: Limits
    floor: Floor
    tiles: Tiles
    count: int


@kept(4096)
def floor_of(group: Group, arch: Accelerator) -> Floor:
    """Return the floor of all mappings of ``group`` on ``arch``."""
    return make_floor(group, arch, _chunks(group, arch))


@kept(128)
def fit_tiles(group: Group, arch: Accelerator) -> Fits:
    """Return the tiles of ``group`` whose input fits the input buffer of ``arch``: looked at to bound and to weigh."""
    work, limits, floor = kernels(), limits_of(arch), floor_of(group, arch)
    of_axes = [_ways_of(group, d) for d in range(3)]
    t, h, w = (ways.cuts for ways in of_axes)
    counts = of_axes[0].count, of_axes[1].count, of_axes[2].count
    units = Units._make(ways.units for ways in of_axes)
    chunks = plain_chunks(_chunks(group, arch))
    sets, set_bits = resident_sets(group, chunks, limits)
    parts = Parts(group.plain, t, h, w, units, work.words(sets.ravel()), work.words(set_bits), chunks)
    runs = len(group.runs)
    columns = [1] * 4 + [len(group.channels), runs, runs, 1, 1, 1, 1]
    tiles = Tiles._make(work.room(math.prod(counts) * size) for size in columns)
    count = work(list_tiles)(parts, counts, limits, floor, tiles)
    return Fits(parts=parts, ways=counts, limits=limits, floor=floor, tiles=tiles, count=count)


def limits_of(arch: Accelerator) -> Limits:
    """Return the capacities of the buffers of ``arch``, and the most steps."""
    buffers = arch.buffers
    return Limits(
        ifmap_bits=buffers.capacity_bits["ifmap"],
        weight_bits=buffers.capacity_bits["weight"],
        intermediate_bits=buffers.intermediate_bits,
        output_bits=buffers.capacity_bits["ofmap"] - buffers.intermediate_bits,
        slots=buffers.slots,
        steps=MAX_GROUP_STEPS,
    )


def _ways_of(group: Group, dimension: int) -> Ways:
    """Return the ways to cut T, H or W (0, 1, 2)."""
    return _ways(group.reaches(dimension), tuple([stage.algorithm.tile[dimension] for stage in group.stages]))


@kept(4096)
def _ways(reaches: tuple[Reach, ...], filled: tuple[int, ...]) -> Ways:
    """Return the ways to cut an axis; ``filled`` are, by stage, the outputs of a Winograd tile."""
    work = kernels()
    cuts, count = _cut(reaches, _sizes(reaches, filled))
    units = work.room(len(reaches) * len(cuts.tile))
    work(count_units)(cuts, count, work.words(filled), units)
    return Ways(cuts, units, count)


@kept(4096)
def _cut(reaches: tuple[Reach, ...], sizes: tuple[int, ...]) -> tuple[Cuts, int]:
    """Return an axis in tiles of each of ``sizes``, also with halos kept, where there are any, and the ways."""
    return list_ways(reaches, sizes, ANEW, WARMED)


def _sizes(reaches: tuple[Reach, ...], filled: tuple[int, ...]) -> tuple[int, ...]:
    """Return tile sizes of the last output: near-equal parts, and those that fill Winograd tiles of the stages."""
    size, stride, quanta = reaches[-1].out, 1, {1}
    if any(reach.takes_all for reach in reaches):
        return (size,)
    for reach, tile in zip(reversed(reaches), reversed(filled), strict=True):
        if tile % stride == 0:
            quanta.add(tile // stride)
        stride *= reach.stride
    return _tile_sizes(size, tuple(sorted(quanta)))


@kept(4096)
def _tile_sizes(size: int, quanta: tuple[int, ...]) -> tuple[int, ...]:
    """Return near-equal parts of ``size``, rounded up to each of the ``quanta``, ascending."""
    return tuple(sorted({min(size, padded(-(-size // k), q)) for k in range(1, size + 1) for q in quanta}))


def resident_sets(group: Group, chunks: Chunks, limits: Limits) -> tuple[Ints, Ints]:
    """Return which stages may keep their weights on chip, by set and stage, and the bits of these; those of few first.

    See :func:`lw3dsim.map.group.residence.list_sets`.
    """
    work, stages = kernels(), len(group.stages)
    # One more than there are: what does not fit is written over.
    room = 1 + (1 << sum(stage.has_weights for stage in group.stages))
    sets, bits = work.room(room * stages), work.room(room)
    count = work(list_sets)(group.plain, chunks, limits, sets, bits)
    flags = np.asarray(sets[: count * stages]).reshape(count, stages)
    taken = np.asarray(bits[:count])
    if count == 1:
        return flags, taken
    order = np.lexsort((*reversed(flags.T), flags.sum(axis=1), taken))
    return flags[order], taken[order]


def _chunks(group: Group, arch: Accelerator) -> tuple[tuple[int, ...], ...]:
    """Return the sizes of chunks of every run; what is stored comes in whole blocks of its layout."""
    last = len(group.stages)
    return tuple(
        chunk_sizes(group.channels[run.stop], arch.pe.rows, group.output_blocks if run.stop == last else (1,))
        for run in group.runs
    )


def plain_chunks(sizes: Sequence[Sequence[int]]) -> Chunks:
    """Return the sizes of chunks of every run in columns."""
    work = kernels()
    return Chunks(
        begin=work.words(list(itertools.accumulate(map(len, sizes), initial=0))),
        size=work.words([size for of_run in sizes for size in of_run]),
    )


@kept(4096)
def chunk_sizes(total: int, rows: int, blocks: tuple[int, ...]) -> tuple[int, ...]:
    """Return chunk sizes of ``total`` channels, ascending: near-equal parts in whole ``rows``, and small ones.

    For one of the ``blocks`` at least, they are whole ones as well where they are as large as it.
    """
    parts = {min(total, padded(-(-total // k), rows)) for k in range(1, total + 1)}
    sizes = {min(total, size) for size in (1, 2, 4)} | {
        size for size in parts if min(blocks) <= rows or size < max(blocks)
    }
    for block in blocks:
        if block > rows:
            sizes |= {min(total, padded(-(-total // k), block)) for k in range(1, total + 1)}
    return tuple(sorted(sizes))
