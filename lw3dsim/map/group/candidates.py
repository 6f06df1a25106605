"""Every mapping of a fused group that fits the buffers, as columns: tiles, kept halo, resident weights, chunks.

Intermediate tensors have places for their largest tile. What is retained for later
tiles is there all the time, in all channels. Tensors between runs hold all channels of
a tile and take turns at the two ends of what is left; inside a run they hold a chunk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from lw3dsim.base.arrays import Flags, Ints, ceil_div, padded
from lw3dsim.base.caches import kept
from lw3dsim.base.values import Value, replace
from lw3dsim.map.group.group import KEPT, Group, GroupMapping, Kept, cut_group
from lw3dsim.map.layer.mapping import weight_tile_bits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Parallel
    from lw3dsim.map.group.group import GroupAxis, Reach

MAX_GROUP_STEPS = 200_000

Figure = Literal["most_new", "most_retained", "all_new", "all_needed", "active"]


class AxisOptions(Value, frozen=True, kw_only=True):
    """The ways to cut an axis: tile size, whether halos are kept, and the axis so cut.

    ``tiles`` counts them per option; the other figures are by (tensor, option), ``all_needed`` by (stage, option).
    """

    tile: Ints
    is_kept: Flags
    axes: tuple[GroupAxis, ...]
    tiles: Ints
    most_new: Ints
    most_retained: Ints
    all_new: Ints
    all_needed: Ints
    active: Ints

    @classmethod
    def of(cls, tiles: Sequence[int], is_kept: Sequence[bool], axes: Sequence[GroupAxis]) -> AxisOptions:
        """Return the options of these tile sizes."""

        def figures(values: Iterable[Sequence[int]]) -> Ints:
            return np.array(list(zip(*values, strict=True)), dtype=np.int64)

        return cls(
            tile=np.array(tiles, dtype=np.int64),
            is_kept=np.array(is_kept, dtype=bool),
            axes=tuple(axes),
            tiles=np.array([axis.tiles for axis in axes], dtype=np.int64),
            most_new=figures([int(new.max()) for new in axis.new] for axis in axes),
            most_retained=figures([int(retained.max()) for retained in axis.retained] for axis in axes),
            all_new=figures([int(new.sum()) for new in axis.new] for axis in axes),
            all_needed=figures([int(needed.sum()) for needed in axis.needed] for axis in axes),
            active=figures([int(np.count_nonzero(new)) for new in axis.new] for axis in axes),
        )

    def __len__(self) -> int:
        return len(self.axes)

    @property
    def begins(self) -> Ints:
        """The first tile of every option, all tiles counted behind each other."""
        return np.cumsum(self.tiles) - self.tiles

    def all_first(self, tensor: int) -> Ints:
        """Return the first new position of ``tensor`` at all tiles of all options."""
        return np.concatenate([axis.first[tensor] for axis in self.axes])

    def all_counts(self, tensor: int) -> Ints:
        """Return the new positions of ``tensor`` at all tiles of all options."""
        return np.concatenate([axis.new[tensor] for axis in self.axes])

    def winograd_tiles(self, tensor: int, size: int) -> Ints:
        """Return, per option, the Winograd tiles of ``size`` outputs in all tiles of ``tensor`` together."""
        return np.asarray(np.add.reduceat(ceil_div(self.all_counts(tensor), size), self.begins), dtype=np.int64)


class Candidates(Value, frozen=True, kw_only=True):
    """Group mappings, one per element: which option of each axis, chunks by run, resident weights by stage.

    ``options`` are the ways to cut T, H and W, ``option`` points into them.
    """

    options: tuple[AxisOptions, ...]
    option: tuple[Ints, ...]
    chunks: tuple[Ints, ...]
    resident: tuple[Flags, ...]
    ofmap_slots: Ints

    def __len__(self) -> int:
        return len(self.ofmap_slots)

    def take(self, index: Ints | Flags) -> Candidates:
        """Return the candidates at ``index`` (positions or a mask)."""
        return replace(
            self,
            option=tuple(option[index] for option in self.option),
            chunks=tuple(chunk[index] for chunk in self.chunks),
            resident=tuple(flags[index] for flags in self.resident),
            ofmap_slots=self.ofmap_slots[index],
        )

    def of_axes(self, values: Sequence[Ints]) -> tuple[Ints, Ints, Ints]:
        """Return, per candidate, what ``values`` says of its options of T, H and W."""
        t, h, w = (of_option[at] for of_option, at in zip(values, self.option, strict=True))
        return t, h, w

    def columns(self, figure: Figure, i: int) -> tuple[Ints, Ints, Ints]:
        """Return row ``i`` of a figure of T, H and W, per candidate."""
        return self.of_axes([getattr(axis, figure)[i] for axis in self.options])

    def product(self, figure: Figure, i: int) -> Ints:
        """Return the product of a figure over T, H and W."""
        t, h, w = self.columns(figure, i)
        return t * h * w

    def mapping(self, i: int, parallel: tuple[Parallel, ...]) -> GroupMapping:
        """Return candidate ``i``, its stages in these modes."""
        chosen = [(axis, int(at[i])) for axis, at in zip(self.options, self.option, strict=True)]
        t, h, w = (int(axis.tile[at]) for axis, at in chosen)
        kept: Kept = next((name for name, (axis, at) in zip(KEPT, chosen, strict=True) if axis.is_kept[at]), "none")
        return GroupMapping(
            t=t,
            h=h,
            w=w,
            kept=kept,
            chunks=tuple(int(chunk[i]) for chunk in self.chunks),
            resident=tuple(bool(flags[i]) for flags in self.resident),
            parallel=parallel,
            ofmap_slots=int(self.ofmap_slots[i]),
        )


class Extents(Value, frozen=True, kw_only=True):
    """Per tensor and candidate: the largest tile's new positions, and the most that are retained; and the tiles."""

    new: tuple[Ints, ...]
    retained: tuple[Ints, ...]
    tiles: Ints

    @classmethod
    def of(cls, group: Group, candidates: Candidates) -> Extents:
        """Return the extents under all candidates."""
        new, retained = [], []
        for tensor in range(len(group.stages) + 1):
            t, h, w = candidates.columns("most_new", tensor)
            rt, rh, rw = candidates.columns("most_retained", tensor)
            new.append(t * h * w)
            retained.append(rt * h * w + t * rh * w + t * h * rw)
        nt, nh, nw = candidates.of_axes([axis.tiles for axis in candidates.options])
        return cls(new=tuple(new), retained=tuple(retained), tiles=nt * nh * nw)

    def window_bits(self, group: Group) -> Ints:
        """Return what the input of a tile takes: tensor 0, and the operands of additions that come from DRAM."""
        first = group.stages[0]
        bits = (self.new[0] + self.retained[0]) * (group.channels[0] * first.sources * first.activation_bits)
        for i, operand in enumerate(group.operands):
            if operand == "dram":
                bits = bits + self.new[i + 1] * (group.stages[i].n * first.activation_bits)
        return bits

    def beside_bits(self, group: Group, run: range) -> Ints:
        """Return what intermediate tensors take beside the chunks of ``run``: retained positions, and its two ends."""
        stages, channels = len(group.stages), group.channels
        bits = np.zeros_like(self.tiles)
        for i in range(1, stages):
            bits = bits + self.retained[i] * channels[i]
        for i in (run.start, run.stop):
            if 0 < i < stages:
                bits = bits + self.new[i] * channels[i]
        return bits * group.stages[0].activation_bits


def enumerate_group(group: Group, arch: Accelerator) -> Candidates:
    """Return all candidates of ``group`` that fit the buffers of ``arch``."""
    options = tuple(_options(group.reaches(d), tuple(_sizes(group, d))) for d in range(3))
    grid = np.indices([len(axis) for axis in options], dtype=np.int64).reshape(3, -1)
    kept = [axis.is_kept[at].astype(np.int64) for axis, at in zip(options, grid, strict=True)]
    # A window slides along one axis only.
    grid = grid[:, kept[0] + kept[1] + kept[2] <= 1]
    none = np.zeros(grid.shape[1], dtype=np.int64)
    tiles = Candidates(options=options, option=tuple(grid), chunks=(), resident=(), ofmap_slots=none)
    fits = Extents.of(group, tiles).window_bits(group) <= arch.buffers.capacity_bits["ifmap"]
    tiles = tiles.take(fits)
    sets = _resident_sets(group, arch)
    chosen = np.repeat(np.arange(len(sets)), len(tiles))
    tiles = replace(
        tiles.take(np.tile(np.arange(len(tiles)), len(sets))),
        resident=tuple(np.array(flags)[chosen] for flags in zip(*sets, strict=True)),
    )
    return _with_chunks(group, arch, tiles, Extents.of(group, tiles))


@kept(4096)
def _options(reaches: tuple[Reach, ...], sizes: tuple[int, ...]) -> AxisOptions:
    """Return the ways to cut an axis: tile ``sizes``, each also with its halos kept where there are any."""
    ways = [(tile, is_kept, cut_group(reaches, tile, is_kept)) for tile in sizes for is_kept in (False, True)]
    return AxisOptions.of(
        *zip(*(way for way in ways if not way[1] or any(stays.any() for stays in way[2].retained)), strict=True)
    )


def _sizes(group: Group, dimension: int) -> list[int]:
    """Return tile sizes of the last output: near-equal parts, and those that fill Winograd tiles of the stages."""
    if dimension == 0 and group.takes_all_frames:
        return [group.stages[-1].out[0]]
    size, stride, quanta = group.stages[-1].out[dimension], 1, {1}
    for stage in reversed(group.stages):
        filled = stage.algorithm.tile[dimension]
        if filled % stride == 0:
            quanta.add(filled // stride)
        stride *= stage.stride[dimension]
    return sorted({min(size, padded(-(-size // k), q)) for k in range(1, size + 1) for q in quanta})


def _resident_sets(group: Group, arch: Accelerator) -> list[tuple[bool, ...]]:
    """Return which stages may keep their weights on chip: the smallest of them, as many as fit."""
    bits = [stage_weight_bits(group, i) for i in range(len(group.stages))]
    order = sorted((i for i, size in enumerate(bits) if size), key=lambda i: (bits[i], i))
    sets = []
    for count in range(len(order) + 1):
        kept = set(order[:count])
        if sum(bits[i] for i in kept) <= arch.buffers.capacity_bits["weight"]:
            sets.append(tuple(i in kept for i in range(len(bits))))
    return sets


def stage_weight_bits(group: Group, i: int) -> int:
    """Return the bits of all weights and biases of a stage."""
    stage = group.stages[i]
    return int(weight_tile_bits(stage, np.array(stage.n), np.array(stage.c), True)) if stage.has_weights else 0


def _with_chunks(group: Group, arch: Accelerator, tiles: Candidates, extents: Extents) -> Candidates:
    """Give every candidate the largest chunks of channels that fit; leave out those that none fits."""
    slots, room = arch.buffers.slots, np.full(len(tiles), arch.buffers.capacity_bits["weight"], dtype=np.int64)
    for i, flags in enumerate(tiles.resident):
        room -= flags * stage_weight_bits(group, i)
    out_bits = arch.buffers.capacity_bits["ofmap"] - arch.buffers.intermediate_bits
    out_each = extents.new[-1] * group.stages[-1].activation_bits
    # A single store needs no second slot.
    is_whole = (extents.tiles == 1) & (out_each * group.channels[-1] <= out_bits)
    fits, chunks = np.ones(len(tiles), dtype=bool), []
    steps = np.zeros_like(room)
    for run in group.runs:
        most = _most_channels(group, run, tiles, extents, arch.buffers.intermediate_bits, room // slots)
        if run.stop == len(group.stages):
            most = np.minimum(most, np.where(is_whole, most, out_bits // slots // np.maximum(out_each, 1)))
        # What is stored comes in whole blocks of its layout.
        block = group.stages[-1].output_block if run.stop == len(group.stages) else 1
        available = _chunk_sizes(group.channels[run.stop], arch.pe.rows, block)
        at = np.searchsorted(available, most, "right") - 1
        fits &= at >= 0
        chunks.append(available[np.maximum(at, 0)])
        steps += extents.tiles * ceil_div(np.array(group.channels[run.stop]), chunks[-1]) * len(run)
    is_whole &= chunks[-1] == group.channels[-1]
    fits &= (is_whole | (out_each * chunks[-1] <= out_bits // slots)) & (steps <= MAX_GROUP_STEPS)
    return replace(tiles, chunks=tuple(chunks), ofmap_slots=np.where(is_whole, 1, slots)).take(fits)


def _most_channels(
    group: Group, run: range, tiles: Candidates, extents: Extents, intermediate_bits: int, weight_bits: Ints
) -> Ints:
    """Return the most channels of a chunk of ``run`` by its intermediate tensors and weights; 0: none fits."""
    left = intermediate_bits - extents.beside_bits(group, run)
    each = np.zeros_like(left)
    for i in range(run.start + 1, run.stop):
        each = each + extents.new[i] * group.stages[0].activation_bits
    most = np.where(left < 0, 0, np.where(each > 0, left // np.maximum(each, 1), group.channels[run.stop]))
    streamed = np.zeros_like(left)
    for i in run:
        stage = group.stages[i]
        if stage.has_weights:
            streamed = streamed + ~tiles.resident[i] * (stage.c * stage.kernel_bits + stage.bias_bits)
    return np.asarray(np.where(streamed > 0, np.minimum(most, weight_bits // np.maximum(streamed, 1)), most))


@kept(4096)
def _chunk_sizes(total: int, rows: int, block: int) -> Ints:
    """Return chunk sizes of ``total`` channels, ascending: near-equal parts in whole ``rows``, and small ones.

    They are whole blocks as well where they are as large as one.
    """
    sizes = {min(total, padded(-(-total // k), rows)) for k in range(1, total + 1)}
    if block > rows:
        sizes = {size for size in sizes if size < block}
        sizes |= {min(total, padded(-(-total // k), block)) for k in range(1, total + 1)}
    return np.array(sorted(sizes | {min(total, size) for size in (1, 2, 4)}), dtype=np.int64)
