"""Groups of stages in numbers, and room for what kernels put together of them, see :mod:`lw3dsim.map.group.gather`."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from lw3dsim.base.arrays import ceil_div, padded
from lw3dsim.base.caches import kept, lent
from lw3dsim.base.kernels import kernels
from lw3dsim.map.group.axes import WARMED, Reaches, empty_cuts
from lw3dsim.map.group.fitting import Chunks, Floor, Limits, Parts, Stages, Tiles
from lw3dsim.map.group.floor import kind_words
from lw3dsim.map.group.gather import Layers, Paths, Scratch
from lw3dsim.map.group.known import none_known
from lw3dsim.map.group.mode import layer_words
from lw3dsim.map.group.units import Units

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.base.arrays import Ints, Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.machine.records import Triple
    from lw3dsim.map.group.group import Blocks, Group

MAX_GROUP_STEPS = 200_000

# Channels, and the blocks that they may lie in.
ChunkSet = tuple[int, "Blocks"]

# A layer, how many tensors it reads back, and whether its own stays on chip.
Kind = tuple["Problem", int, bool]

Key = TypeVar("Key")


class Numbers(dict[Key, int]):
    """Numbers of what is asked for, from 0 on in the order of the first time."""

    def __missing__(self, key: Key) -> int:
        number = self[key] = len(self)
        return number


class _Kinds(Numbers[Kind]):
    """Numbers of kinds on a design, none of one that can't be mapped."""

    def __init__(self, arch: Accelerator) -> None:
        super().__init__()
        self._arch = arch

    def __missing__(self, key: Kind) -> int:
        kind_words(*key, self._arch)
        return super().__missing__(key)


class Numbered(NamedTuple):
    """A group in numbers: its layers, their kinds, what these read and add, and from DRAM, and what is stored besides.

    And its runs, and the last set of chunks.
    """

    layers: list[int]
    kinds: list[int]
    reads: tuple[int, ...]
    adds: tuple[int, ...]
    reads_dram: list[int]
    stored: tuple[bool, ...]
    runs: int
    final: int


class Tables(NamedTuple):
    """Groups in numbers, the layers that these are of, and the longest T, H and W of their outputs."""

    groups: list[Numbered]
    layers: Layers
    extent: tuple[int, int, int]


class Book:
    """Groups on a design in numbers, which are given as they are asked for: a network is numbered once.

    What two threads ask at a time is numbered one after the other.
    """

    def __init__(self, arch: Accelerator) -> None:
        self._arch, self._lock = arch, Lock()
        self._problems: Numbers[Problem] = Numbers()
        self._kinds = _Kinds(arch)
        self._sets: Numbers[ChunkSet] = Numbers()
        self._groups: dict[Group, Numbered] = {}
        self._known, self._extent = 0, (1, 1, 1)
        self._layers: Layers | None = None

    def __len__(self) -> int:
        """Return how many numbers are given."""
        return len(self._problems) + len(self._kinds) + len(self._sets)

    def tables(self, groups: Sequence[Group]) -> Tables:
        """Return ``groups`` in numbers."""
        with self._lock:
            numbered = [self._groups.get(group) or self._number(group) for group in groups]
            if self._layers is None or len(self) > self._known:
                self._layers = self._read()
                self._known = len(self)
                t, h, w = (max((stage.out[d] for stage in self._problems), default=1) for d in range(3))
                self._extent = t, h, w
            return Tables(numbered, self._layers, self._extent)

    def _number(self, group: Group) -> Numbered:
        # Who can't be mapped gets no number: first of all as a kind.
        kinds = [self._kinds[kind] for kind in zip(group.stages, *group.kinds, strict=True)]
        numbered = self._groups[group] = Numbered(
            layers=[self._problems[stage] for stage in group.stages],
            kinds=kinds,
            reads=group.sources,
            adds=group.adds,
            reads_dram=group.operand_blocks,
            stored=group.stores,
            runs=len(group.runs),
            final=self._sets[group.stages[-1].n, _sizes_of(group.stages[-1].output_block, group.free[1])],
        )
        return numbered

    def _read(self) -> Layers:
        """Return all layers that have a number in words."""
        work, arch, problems, sets = kernels(), self._arch, self._problems, self._sets
        inner, words = [sets[stage.n, (1,)] for stage in problems], [kind_words(*kind, arch) for kind in self._kinds]
        return Layers(
            layer=joined([layer_words(stage) for stage in problems]),
            takes_all=work.words([stage.whole_frames for stage in problems]),
            pace=joined([pace for pace, _ in words]),
            array=joined([arrays for _, arrays in words]),
            chunks=plain_chunks([chunk_sizes(total, arch.pe.rows, blocks) for total, blocks in sets]),
            inner=work.words(inner),
        )


@kept(65536)
def _sizes_of(own: int, free: Blocks) -> Blocks:
    """Return the sizes of the blocks that a tensor may lie in, whether packed or not, each once."""
    return tuple(dict.fromkeys([abs(own), *map(abs, free)]))


@kept(8)
def book_of(arch: Accelerator, work: Kernels) -> Book:  # noqa: ARG001  # what it holds is on the words of these
    """Return the numbers of groups on a design."""
    return Book(arch)


def tables_of(groups: Sequence[Group], arch: Accelerator) -> Tables:
    """Return ``groups`` in numbers, for ``arch``."""
    return book_of(arch, kernels()).tables(groups)


def joined(parts: Sequence[Ints]) -> Words:
    """Return words behind each other, of nothing as well."""
    return kernels().joined(parts or [np.zeros(0, dtype=np.int64)])


def make_paths(groups: Sequence[Numbered]) -> Paths:
    """Return groups of as many stages and runs."""
    size, chained = sum([len(group.layers) for group in groups]), itertools.chain.from_iterable
    layers, kinds, reads, adds, reads_dram, stored, _, final = zip(*groups, strict=True)
    columns = map(chained, (layers, kinds, reads, adds, reads_dram, stored))
    block = kernels().words([*chained(columns), *final])
    return Paths._make([block[at : at + size] for at in range(0, 7 * size, size)])


def make_scratch(stages: int, runs: int, tables: Tables, arch: Accelerator, sources: int = 1) -> Scratch:
    """Return room for a group of so many stages and runs of ``tables``, whose first reads ``sources`` tensors."""
    own = _scratch(stages, runs, tables.extent, max(1, runs * len(tables.layers.chunks.size)))
    return fitted(own, tables, arch, sources)


def fitted(own: Scratch, tables: Tables, arch: Accelerator, sources: int = 1) -> Scratch:
    """Return room for a group of ``tables`` on ``arch``, whose first stage reads ``sources`` tensors."""
    floor = own.floor._replace(
        layers=tables.layers.layer, arrays=tables.layers.array, rows=arch.places("output_channels")
    )
    stages = own.parts.stages._replace(sources=sources)
    return own._replace(floor=floor, parts=own.parts._replace(stages=stages))


@contextmanager
def lent_scratch(stages: int, runs: int, tables: Tables, arch: Accelerator, sources: int = 1) -> Iterator[Scratch]:
    """Lend room for groups of so many stages and runs of ``tables``: what is in it then is written over later."""
    chunks = 1 << (runs * len(tables.layers.chunks.size) - 1).bit_length()
    free = _free(stages, runs, tables.extent, chunks, kernels())
    with lent(free, lambda: _scratch(stages, runs, tables.extent, chunks)) as own:
        yield fitted(own, tables, arch, sources)


@kept(128)
def _free(stages: int, runs: int, most: Triple, chunks: int, work: Kernels) -> list[Scratch]:  # noqa: ARG001
    """Return what of such rooms nobody uses now."""
    return []


def _scratch(stages: int, runs: int, most: Triple, chunks: int) -> Scratch:
    """Return room for a group of so many stages and runs, with outputs of ``most`` T, H and W and so many chunks."""
    work, longest, tensors = kernels(), max(most), stages + 1
    units = [3 * stages * size for size in most]
    of_runs, of_tiles = (runs, runs, runs + 1, chunks), (3, longest + 1, 2 * longest, 2 * longest)
    n, c, has_weights, kernel_bits, bias_bits, run, reads_dram, filled, *rest = work.carved(
        [*[stages] * 34, *[tensors] * 5, *of_runs, *units, *units, *of_tiles, 1, 1]
    )
    floor, (waits, stored, channels, bits, ends), (start, stop, begin, sizes) = rest[:26], rest[26:31], rest[31:35]
    of_t, of_h, of_w, most_t, most_h, most_w, ways, tiles, low, high, sets, set_bits = rest[35:]
    t, h, w = (
        # Halos not kept, kept, and kept with as many tiles again, at most, that warm up.
        empty_cuts(work, stages, 3 * size, _room_for_tiles(size))
        for size in most
    )
    stages_of_group = Stages(
        n, c, has_weights, kernel_bits, bias_bits, run, reads_dram, waits, stored, channels, start, stop, bits, 1,
    )  # fmt: skip
    return Scratch(
        parts=Parts(
            stages=stages_of_group,
            t=t,
            h=h,
            w=w,
            units=Units(of_t, of_h, of_w, most_t, most_h, most_w),
            sets=sets,
            set_bits=set_bits,
            chunks=Chunks(begin=begin, size=sizes),
        ),
        floor=Floor._make((*floor, work.empty(0), work.empty(0), 0)),
        reaches=work.rooms(Reaches, stages),
        ways=ways,
        filled=filled,
        sizes=tiles,
        low=low,
        high=high,
        ends=ends,
        fit=work.rooms(Tiles, tensors),
        known=none_known(work),
    )


@kept(4096)
def limits_of(arch: Accelerator) -> Limits:
    """Return the capacities of the buffers of ``arch``, and the most steps."""
    buffers = arch.buffers
    return Limits(
        ifmap_bits=buffers.capacity_bits["ifmap"],
        weight_bits=buffers.capacity_bits["weight"],
        intermediate_bits=buffers.intermediate_bits,
        output_bits=buffers.output_bits,
        slots=buffers.slots,
        steps=MAX_GROUP_STEPS,
        halos=WARMED,
        shares=buffers.shares,
        share_bits=buffers.share_bits,
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
    of_parts = equal_sizes(total)
    parts = {min(total, padded(size, rows)) for size in of_parts}
    sizes = {min(total, size) for size in (1, 2, 4)} | {
        size for size in parts if min(blocks) <= rows or size < max(blocks)
    }
    for block in blocks:
        if block > rows:
            sizes |= {min(total, padded(size, block)) for size in of_parts}
    return tuple(sorted(sizes))


@kept(4096)
def equal_sizes(total: int) -> list[int]:
    """Return the sizes of the largest of 1, 2, ... near-equal parts of ``total``, each once."""
    sizes: list[int] = np.unique(ceil_div(total, np.arange(1, total + 1))).tolist()
    return sizes


@kept(4096)
def _room_for_tiles(size: int) -> int:
    """Return the tiles of all ways to cut an axis together, at most."""
    return 4 * int(ceil_div(size, np.arange(1, size + 1)).sum())
