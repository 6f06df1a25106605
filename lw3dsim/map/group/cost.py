"""What mappings of a fused group move and take: DRAM bursts and steps exactly, latency about."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value, replace
from lw3dsim.map.group.fitting import Chunks
from lw3dsim.map.group.lying import Lines, Lying, Moved, touch_all
from lw3dsim.map.group.mode import make_modes
from lw3dsim.map.group.orders import Order, leader, least_apart, modes_of, round_channels, shared, sharing
from lw3dsim.map.group.packing import lay_tensors
from lw3dsim.map.group.pricing import Aim, Rates, aim_of
from lw3dsim.map.group.weighing import Modes
from lw3dsim.map.layer.mapping import input_layout, output_layout
from lw3dsim.tensor.layout import plain_rows

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Flags, Floats, Ints, Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.microarchitecture import Parallel
    from lw3dsim.map.group.candidates import Candidates, Fits
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.group.mode import Mode
    from lw3dsim.map.layer.price import Price
    from lw3dsim.tensor.layout import Layout


class GroupCost(Value, frozen=True, kw_only=True):
    """Per candidate: DRAM bursts, steps, cycles of the array, and estimated latency in ticks.

    And per stage whether it runs channel-parallel.
    """

    bursts: Ints
    steps: Ints
    busy: Floats
    latency: Floats
    in_channels: tuple[Flags, ...]

    def parallel(self, i: int) -> tuple[Parallel, ...]:
        """Return the mode of every stage of candidate ``i``."""
        return tuple(["channel" if flags[i] else "pixel" for flags in self.in_channels])


class Scales(Value, frozen=True, kw_only=True):
    """What the mappings of a group are weighed on: how its tensors lie, and its stages in all of their modes.

    ``stages`` are those of the ``modes``, ``reads`` the tensors in whose order all stages read, ``adds`` the stages
    that add these, else -1. ``trees`` are, by stage, what it costs more to add up in adder trees, 0 where it can't.
    """

    clocks: Clocks
    price: Price
    setup_cycles: int
    rates: Rates
    lying: Lying
    stages: tuple[int, ...]
    modes: tuple[Mode, ...]
    reads: tuple[int, ...]
    adds: tuple[int, ...]
    trees: tuple[float, ...]

    def plain_modes(self, scale: float) -> Modes:
        """Return the modes in columns; trees cost ``scale`` times as much, rounded down."""
        work, many = kernels(), len(self.modes)
        trees = [int(self.trees[stage] * scale // 1) for stage in self.stages]
        reads, adds = [self.reads[stage] for stage in self.stages], [self.adds[stage] for stage in self.stages]
        often = itertools.chain.from_iterable(zip(*[mode.often for mode in self.modes], strict=True))
        block = work.words([*self.stages, *trees, *reads, *adds, *often])
        stage, cost, *others = [block[at : at + many] for at in range(0, len(block), many)]
        layer = work.joined([mode.layer for mode in self.modes])
        array = work.joined([mode.array for mode in self.modes])
        return Modes(stage, layer, array, cost, *others)

    def least(self, cycles: int, bits: int) -> float:
        """Return what it costs at least, but for trees, to compute for so many ``cycles`` and to move so many bits."""
        price, moved = self.price, bits / 8
        return (price.cycle + price.busy) * cycles + price.cycle * self.setup_cycles + price.dram_byte * moved

    def aim(self, scale: float) -> Aim:
        """Return prices in integers, ``scale`` times as high."""
        return aim_of(self.price, self.clocks, scale, self.trees)

    def weigh(self, candidates: Candidates) -> GroupCost:
        """Return what every candidate moves and takes, its stages in the modes of the least price."""
        clocks = self.clocks
        inputs, bursts, loads, visits, stores, exposed, window, turns, waiting = map(np.asarray, candidates.traffic)
        steps, cycles, in_channels = self._work(candidates)
        busy = sum(cycles) + np.zeros(len(candidates))
        compute = busy * clocks.cycle_ticks
        burst_ticks = clocks.burst_ticks / clocks.dram.channels
        transfer = np.maximum(bursts * burst_ticks, visits * (clocks.visit_ticks / clocks.dram.channels))
        transfer = transfer + stores * clocks.turnaround_ticks
        # Where a second window does not fit, the next is loaded when the first stage has let go of this one.
        is_alone = (2 * window > self.rates.window_bits) | (self.rates.single_slot > 0)
        loading = inputs * burst_ticks + loads * clocks.latency_ticks
        last = cycles[-1] * clocks.cycle_ticks
        # Where one tile of the output or of weights fits, it moves when the last stage, or the array, is through.
        in_turn = last + np.maximum(turns * burst_ticks, compute - last) + waiting * burst_ticks
        waits = np.where(is_alone, loading + cycles[0] * clocks.cycle_ticks, 0.0)
        return GroupCost(
            bursts=bursts,
            steps=steps,
            busy=busy,
            latency=np.maximum(np.maximum(in_turn, transfer), waits) + exposed * burst_ticks,
            in_channels=in_channels,
        )

    def _work(self, candidates: Candidates) -> tuple[Ints, list[Floats], tuple[Flags, ...]]:
        """Return the steps, and by stage the cycles and whether it runs channel-parallel, in its cheaper mode."""
        of_modes = self._cycles(candidates)
        steps, cycles, in_channels = np.zeros(len(candidates), dtype=np.int64), [], []
        names = [mode.parallel for mode in self.modes]
        for number, of_stage in itertools.groupby(zip(self.stages, *of_modes, names, strict=True), lambda one: one[0]):
            (_, count, by_first, name), *others = of_stage
            steps = steps + count
            if others:
                by_channel = others[0][2]
                each = self.price.cycle + self.price.busy
                flags = each * by_channel + self.trees[number] < each * by_first
                cycles.append(np.where(flags, by_channel, by_first))
            else:
                flags = np.full(len(candidates), name == "channel")
                cycles.append(by_first)
            in_channels.append(flags)
        return steps, cycles, tuple(in_channels)

    def _cycles(self, candidates: Candidates) -> tuple[Ints, Floats]:
        """Return, by mode, the steps and the cycles of a stage, each in proportion to that of the largest tile."""
        many, modes = candidates.count, len(self.modes)
        columns = [np.asarray(column).reshape(many, modes).T for column in candidates.effort]
        steps, cycles, drain, all_passes, passes, all_tiles, tiles = columns
        fill = np.array([[mode.fill_cycles] for mode in self.modes])
        waits = np.array([[float(mode.reads_back > 0)] for mode in self.modes])
        return steps, cycles * ((all_passes / passes) * (all_tiles / tiles)) + steps * (fill + drain * waits)


@kept(4096)
def make_rates(arch: Accelerator, clocks: Clocks) -> Rates:
    """Return the clocks and the input buffer in integers."""
    return Rates(
        burst=clocks.burst_ticks,
        channels=clocks.dram.channels,
        visit=clocks.visit_ticks,
        turnaround=clocks.turnaround_ticks,
        answer=clocks.latency_ticks,
        cycle=clocks.cycle_ticks,
        window_bits=arch.buffers.capacity_bits["ifmap"],
        single_slot=int(arch.buffers.slots == 1),
    )


def make_scales(
    group: Group,
    fits: Fits,
    arch: Accelerator,
    clocks: Clocks,
    price: Price,
    lies: tuple[Blocks, ...] | None = None,
) -> Scales:
    """Return the scales for mappings of the tiles of a group; see :func:`lying_of`."""
    modes, looks = list(enumerate(modes_of(group, arch))), sharing(group) or (-1,) * len(group.stages)
    orders = [_order(group, i, arch) if look >= 0 else Order(0) for i, look in enumerate(looks)]
    each = zip(group.stages, (those for _, those in modes), *group.kinds, orders, strict=True)
    return Scales(
        clocks=clocks,
        price=price,
        setup_cycles=arch.layer_setup_cycles,
        rates=make_rates(arch, clocks),
        lying=lying_of(group, fits, clocks, lies),
        stages=tuple([i for i, those in modes for _ in those]),
        modes=tuple(
            itertools.chain.from_iterable(
                make_modes(stage, arch, those, reads_back, keeps, group.adders, order)
                for stage, those, reads_back, keeps, order in each
            )
        ),
        reads=tuple([own if look < 0 else look for look, own in zip(looks, group.sources, strict=True)]),
        adds=tuple([i if _follows(group, i) else -1 for i, _ in modes]),
        trees=tuple([price.of_trees(group.stages[i], arch) if len(those) > 1 else 0.0 for i, those in modes]),
    )


def _follows(group: Group, stage: int) -> bool:
    """Return whether a stage adds what another takes patches of."""
    return group.adds[stage] >= 0 and leader(group, group.adds[stage]) is not None


def _order(group: Group, stage: int, arch: Accelerator) -> Order:
    """Return how a stage finds what it reads in any tiles; of what it adds the largest blocks in which that may lie."""
    tensor, apart = shared(group, stage), least_apart(group, stage)
    lead = leader(group, tensor) if _follows(group, stage) else None
    if lead is None:
        return Order(apart)
    problem = group.stages[lead]
    most = max(round_channels(problem, arch, mode, problem.n) for mode in modes_of(group, arch)[lead])
    return Order(apart, min(most, group.channels[tensor]))


def lying_of(group: Group, fits: Fits, clocks: Clocks, lies: tuple[Blocks, ...] | None = None) -> Lying:
    """Return how the tensors of a group in DRAM lie: in the best of their blocks, or of these, where any are given."""
    work, h, w, chunks, blocks = kernels(), fits.parts.h, fits.parts.w, fits.parts.chunks, lies or group.all_blocks
    sizes = tuple(np.asarray(chunks.size[int(chunks.begin[-2]) : int(chunks.begin[-1])]).tolist())
    sent = _sent(_tensors(group, clocks.burst_bytes, sizes, blocks), len(group.stored), work)
    every = len(w.tile) * (len(sent.tensor) + len(sizes) + len(sent.stored))
    packed = len(h.tile) if min(map(min, blocks)) < 0 else 0
    lines, framed = len(Lines._fields) * [every], len(Lines._fields) * [every * packed]
    *words, fewer, spans, planes = work.carved(
        [*lines, *framed, len(sizes) * len(w.tile), len(w.tile), len(w.tile) * packed]
    )
    lying = Lying(
        tensor=sent.tensor,
        sources=sent.sources,
        stored=sent.stored,
        lines=Lines._make(words[: len(lines)]),
        frames=Lines._make(words[len(lines) :]),
        fewer=fewer,
        burst_bits=8 * clocks.burst_bytes,
        page_bursts=clocks.dram.page_bursts,
    )
    work(lay_tensors)(
        h, w, fits.ways[1], fits.ways[2], len(sent.tensor), sent.moved, fits.parts.stages, lying.burst_bits,
        lying.lines, lying.frames, fewer, spans, planes,
    )  # fmt: skip
    return lying


class _Tensor(NamedTuple):
    """A tensor in DRAM: its layout but for the blocks that it may lie in, its number, how many are read like it.

    And the sizes of chunks that it moves in.
    """

    layout: Layout
    blocks: Blocks
    number: int
    sources: int
    sizes: tuple[int, ...]


class _Sent(NamedTuple):
    """What a group moves, and of that the tensors that it reads, how many are like each, and those stored besides."""

    moved: Moved
    tensor: Words
    sources: Words
    stored: Words


def _tensors(group: Group, burst_bytes: int, sizes: tuple[int, ...], lies: tuple[Blocks, ...]) -> tuple[_Tensor, ...]:
    """Return what a group reads, its output in chunks of ``sizes``, and what it stores besides, in these blocks."""
    input_blocks, output_blocks, *others = lies
    stages, channels, stored = group.stages, group.channels, group.stored
    inner_blocks, read_blocks = others[: len(stored)], [input_blocks, *others[len(stored) :]]
    reads = [
        _Tensor(input_layout(stages[stage], burst_bytes), those, tensor, sources, (channels[tensor],))
        for (stage, tensor, sources), those in zip(group.dram_inputs, read_blocks, strict=True)
    ]
    output = _Tensor(output_layout(stages[-1], burst_bytes), output_blocks, len(stages), 0, sizes)
    besides = [
        _Tensor(output_layout(stages[tensor - 1], burst_bytes), those, tensor, 0, (channels[tensor],))
        for tensor, those in zip(stored, inner_blocks, strict=True)
    ]
    return *reads, output, *besides


@kept(4096)
def _sent(tensors: tuple[_Tensor, ...], besides: int, work: Kernels) -> _Sent:
    """Return ``tensors`` in words: what is read, the output, and, so many, what is stored ``besides``."""
    reads, parted = len(tensors) - 1 - besides, [_parted(one.blocks) for one in tensors]
    own = list(itertools.accumulate([len(one.sizes) for one in tensors], initial=0))
    *begin, end = itertools.accumulate([len(those) for both in parted for those in both], initial=0)
    numbers, once = [one.number for one in tensors], [0] * (reads + 1) + [1] * besides
    *firsts, touched = itertools.accumulate([len(one.blocks) * len(one.sizes) for one in tensors], initial=0)
    tensor, place, is_once, usual, packed, begins, sizes, first, read, sources, stored = work.split(
        numbers, own[:-1], once, [*begin[::2], end], begin[1::2], own, [size for one in tensors for size in one.sizes],
        firsts, numbers[:reads], [one.sources for one in tensors[:reads]], numbers[reads + 1 :],
    )  # fmt: skip
    layouts = work.joined([
        _layouts(one.layout, those) for one, both in zip(tensors, parted, strict=True) for those in both if those
    ])  # fmt: skip
    blocks, columns = work.carved([touched, touched])
    moved = Moved(tensor, place, is_once, usual, packed, Chunks(begins, sizes), layouts, first, blocks, columns)
    work(touch_all)(moved)
    return _Sent(moved, read, sources, stored)


def _parted(blocks: Blocks) -> tuple[Blocks, Blocks]:
    """Return the blocks of usual rows, and those of packed ones."""
    return tuple([one for one in blocks if one > 0]), tuple([one for one in blocks if one < 0])


@kept(65536)
def _layouts(layout: Layout, blocks: tuple[int, ...]) -> Ints:
    """Return a layout in each of ``blocks``, in words behind each other."""
    layouts = (plain_rows(replace(layout, block=block)) for block in blocks)
    return np.array([value for rows in layouts for value in rows], dtype=np.int64)
