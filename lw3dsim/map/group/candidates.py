"""Every mapping of a fused group that fits the buffers, as columns: tiles, kept halo, resident weights, chunks.

Intermediate tensors have places for their largest tile. What is retained for later
tiles is there all the time, in all channels. Tensors between runs hold all channels of
a tile and take turns at the two ends of what is left; inside a run they hold a chunk.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.caches import kept, lent
from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value, replace
from lw3dsim.map.group.fitting import Chunks, Floor, Limits, Parts, Stages, Tiles, window_bits
from lw3dsim.map.group.gather import Scratch, gather_group
from lw3dsim.map.group.group import KEPT, Group, GroupMapping, Kept
from lw3dsim.map.group.pricing import FREE, FREE_RATES
from lw3dsim.map.group.residence import list_sets
from lw3dsim.map.group.tables import limits_of, make_paths, make_scratch, tables_of
from lw3dsim.map.group.tiles import Gauge, list_tiles

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from lw3dsim.base.arrays import Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Parallel
    from lw3dsim.map.group.fitting import Found
    from lw3dsim.map.group.lying import Lying
    from lw3dsim.map.group.tables import Tables
    from lw3dsim.map.group.weighing import Effort, Traffic


class Candidates(Value, frozen=True, kw_only=True):
    """Group mappings, ``count`` of them, as ``found``, on lists, made of ``parts``; what they move, and take by mode.

    The input buffer has ``ifmap_bits``: operands of tiles for which that is too little are sliced, if it
    ``has_operands``.
    """

    parts: Parts
    found: Found
    traffic: Traffic
    effort: Effort
    count: int
    ifmap_bits: int
    has_operands: bool

    def __len__(self) -> int:
        return self.count

    def mapping(self, i: int, parallel: tuple[Parallel, ...]) -> GroupMapping:
        """Return candidate ``i``, its stages in these modes."""
        found, parts, stages = self.found, self.parts, len(self.parts.stages.n)
        axes, ways = (parts.t, parts.h, parts.w), (found.t[i], found.h[i], found.w[i])
        kept: Kept = "none"
        is_warm = False
        for name, cuts, at in zip(KEPT, axes, ways, strict=True):
            if cuts.is_kept[at]:
                kept, is_warm = name, bool(cuts.warm[at])
        t, h, w = [int(cuts.tile[at]) for cuts, at in zip(axes, ways, strict=True)]
        first, sizes = found.resident[i] * stages, parts.chunks.size
        return GroupMapping(
            t=t,
            h=h,
            w=w,
            kept=kept,
            chunks=tuple([int(sizes[place]) for place in found.chunk[i :: len(found.t)]]),
            resident=tuple(map(bool, parts.sets[first : first + stages])),
            parallel=parallel,
            ofmap_slots=found.slots[i],
            warm_up=is_warm,
            sliced=self.has_operands and kernels()(window_bits)(parts.stages, *axes, *ways) > self.ifmap_bits,
        )

    def blocks(self, i: int, lying: Lying) -> tuple[int, ...]:
        """Return the channel blocks in which candidate ``i`` has its tensors in DRAM, in the order of its group."""
        found, parts = self.found, self.parts
        every, way, height = len(parts.w.tile), found.w[i], found.h[i]
        output = len(lying.tensor) + found.chunk[i - len(found.t)] - int(parts.chunks.begin[-2])
        inner = len(lying.lines.block) // every - len(lying.stored)
        lies = (0, output, *range(inner, inner + len(lying.stored)), *range(1, len(lying.tensor)))
        if not len(lying.frames.block):
            return tuple([int(lying.lines.block[at * every + way]) for at in lies])
        return tuple([int(lying.frames.block[(at * len(parts.h.tile) + height) * every + way]) for at in lies])


class Fits(Value, frozen=True, kw_only=True):
    """The tiles of a group whose input fits, ``count`` of them in ``tiles``, and what mappings are made of beside.

    There are so many ``ways`` to cut T, H and W, of which those of W may be as those of H: ``is_square``. Where it
    ``is_busy`` all stages have something to compute. All mappings take so many ``cycles`` and ``bits`` at least.
    """

    parts: Parts
    ways: tuple[int, int, int]
    limits: Limits
    floor: Floor
    is_square: int
    is_busy: int
    cycles: int
    bits: int
    tiles: Tiles
    count: int


class Gathered(NamedTuple):
    """What mappings of a group are made of; see :func:`lw3dsim.map.group.gather.gather_group` for what it tells."""

    own: Scratch
    is_square: int
    is_busy: int
    cycles: int
    bits: int


@kept(128)
def fit_tiles(group: Group, arch: Accelerator) -> Fits:
    """Return the tiles of ``group`` that fit the buffers of ``arch``: looked at to bound and to weigh."""
    of, limits = gathered(group, arch), limits_of(arch)
    return fit_within(of, limits, parts_within(of, limits))


def gathered(group: Group, arch: Accelerator) -> Gathered:
    """Return what mappings of ``group`` on ``arch`` are made of, but for the stages whose weights may stay."""
    tables = tables_of([group], arch)
    own = make_scratch(len(group.stages), len(group.runs), tables, arch, group.stages[0].sources)
    return gathered_into(own, tables, arch)


def gathered_into(own: Scratch, tables: Tables, arch: Accelerator) -> Gathered:
    """Return the same of the first group of ``tables``, in room of its own."""
    work = kernels()
    is_square, is_busy, cycles, bits = work(gather_group)(
        tables.layers, make_paths(tables.groups), limits_of(arch), own
    )
    if is_square:
        units = own.parts.units._replace(w=own.parts.units.h, most_w=own.parts.units.most_h)
        own = own._replace(parts=own.parts._replace(w=own.parts.h, units=units))
    return Gathered(own, is_square, is_busy, cycles, bits)


def parts_within(of: Gathered, limits: Limits) -> Parts:
    """Return the parts of a group with these: of ``limits`` those of weights decide which may stay."""
    parts = of.own.parts
    sets, set_bits = resident_sets(parts.stages, parts.chunks, limits)
    return parts._replace(sets=sets, set_bits=set_bits)


def unlisted(of: Gathered, limits: Limits, parts: Parts) -> Fits:
    """Return what mappings of a group within ``limits`` are made of, without tiles."""
    i, j, k = map(int, of.own.ways)
    return Fits(
        parts=parts,
        ways=(i, j, k),
        limits=limits,
        floor=of.own.floor,
        is_square=of.is_square,
        is_busy=of.is_busy,
        cycles=of.cycles,
        bits=of.bits,
        tiles=Tiles._make([[]] * len(Tiles._fields)),
        count=0,
    )


def fit_within(of: Gathered, limits: Limits, parts: Parts) -> Fits:
    """Return the tiles of a group that fit into ``limits``, with mappings made of ``parts``."""
    fits = unlisted(of, limits, parts)
    return listed(fits, Gauge(limits, fits.floor, FREE_RATES, FREE, 1, 1), NEVER)


def listed(fits: Fits, gauge: Gauge, cut: int) -> Fits:
    """Return the same with all tiles that may cost no more than ``cut`` by ``gauge``."""
    tiles, _ = _room_for_tiles(len(fits.parts.stages.channels), len(fits.parts.stages.start), math.prod(fits.ways))
    listed = kernels().room(fits.ways[1] * fits.ways[2])
    count = kernels()(list_tiles)(fits.parts, fits.ways, gauge, fits.is_square, cut, tiles, listed)
    return replace(fits, tiles=tiles, count=count)


def lent_tiles(fits: Fits) -> AbstractContextManager[tuple[Tiles, Words]]:
    """Lend room for all tiles of a group, and for their order."""
    size, tensors, runs = math.prod(fits.ways), len(fits.parts.stages.channels), len(fits.parts.stages.start)
    return lent(
        _free_tiles(tensors, runs, kernels()),
        lambda: _room_for_tiles(tensors, runs, 1 << (size - 1).bit_length()),
        lambda room: len(room[1]) >= size,
    )


@kept(64)
def _free_tiles(tensors: int, runs: int, work: Kernels) -> list[tuple[Tiles, Words]]:  # noqa: ARG001
    """Return what of such room nobody uses now."""
    return []


def _room_for_tiles(tensors: int, runs: int, size: int) -> tuple[Tiles, Words]:
    widths = 1, 1, 1, 1, tensors, runs, runs, runs, *[1] * 8
    *columns, order = kernels().carved([size * width for width in widths])
    return Tiles._make(columns), order


def resident_sets(plain: Stages, chunks: Chunks, limits: Limits) -> tuple[Words, Words]:
    """Return which stages may keep their weights on chip, by set and stage, and the bits of these; those of few first.

    See :func:`lw3dsim.map.group.residence.list_sets`.
    """
    work, stages = kernels(), len(plain.n)
    # One more than there are: what does not fit is written over.
    room = 1 + (1 << int(sum(plain.has_weights)))
    sets, bits = work.room(room * stages), work.room(room)
    count = work(list_sets)(plain, chunks, limits, sets, bits)
    return sets[: count * stages], bits[:count]
