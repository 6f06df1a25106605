"""What mappings of a fused group move and take: DRAM bursts and steps exactly, latency about."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import parallel_modes
from lw3dsim.map.group.mode import Mode, make_mode
from lw3dsim.map.group.shortlist import Modes, Rates
from lw3dsim.map.group.weighing import Lying
from lw3dsim.map.layer.mapping import input_layout, output_layout
from lw3dsim.map.layer.sums import sum_channels
from lw3dsim.tensor.bursts import sum_spans
from lw3dsim.tensor.layout import plain_rows

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Flags, Floats, Ints, Words
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.microarchitecture import Parallel
    from lw3dsim.map.group.candidates import Candidates, Fits
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.layer.price import Price
    from lw3dsim.tensor.bursts import Rows
    from lw3dsim.tensor.layout import Layout


class GroupCost(Value, frozen=True, kw_only=True):
    """Per candidate: DRAM bursts, steps and estimated latency in ticks; per stage whether it runs channel-parallel."""

    bursts: Ints
    steps: Ints
    latency: Floats
    in_channels: tuple[Flags, ...]

    def parallel(self, i: int) -> tuple[Parallel, ...]:
        """Return the mode of every stage of candidate ``i``."""
        return tuple("channel" if flags[i] else "pixel" for flags in self.in_channels)


class Scales(Value, frozen=True, kw_only=True):
    """What the mappings of a group are weighed on: how its tensors lie, and its stages in all of their modes.

    ``stages`` are those of the ``modes``. ``trees`` are, by stage, what it costs more to add up in adder trees, 0 where
    it can't.
    """

    clocks: Clocks
    price: Price
    setup_cycles: int
    window_bits: int
    single_slot: bool
    lying: Lying
    stages: tuple[int, ...]
    modes: tuple[Mode, ...]
    trees: tuple[float, ...]

    @property
    def rates(self) -> Rates:
        """The clocks and the input buffer in integers."""
        clocks = self.clocks
        return Rates(
            burst=clocks.burst_ticks,
            channels=clocks.dram.channels,
            visit=clocks.visit_ticks,
            turnaround=clocks.turnaround_ticks,
            answer=clocks.latency_ticks,
            cycle=clocks.cycle_ticks,
            window_bits=self.window_bits,
            single_slot=int(self.single_slot),
        )

    def plain_modes(self, scale: float) -> Modes:
        """Return the modes in columns; trees cost ``scale`` times as much, rounded down."""
        work = kernels()
        return Modes(
            stage=work.words(self.stages),
            layer=work.words(np.concatenate([mode.layer for mode in self.modes])),
            array=work.words(np.concatenate([mode.array for mode in self.modes])),
            trees=work.words([int(self.trees[stage] * scale // 1) for stage in self.stages]),
        )

    def weigh(self, candidates: Candidates) -> GroupCost:
        """Return what every candidate moves and takes, its stages in the modes of the least price."""
        clocks = self.clocks
        inputs, bursts, loads, visits, stores, exposed, window = map(np.asarray, candidates.traffic)
        steps, cycles, in_channels = self._work(candidates)
        compute = sum(cycles) * clocks.cycle_ticks
        burst_ticks = clocks.burst_ticks / clocks.dram.channels
        transfer = np.maximum(bursts * burst_ticks, visits * (clocks.visit_ticks / clocks.dram.channels))
        transfer = transfer + stores * clocks.turnaround_ticks
        # Where a second window does not fit, the next is loaded when the first stage has let go of this one.
        is_alone = (2 * window > self.window_bits) | self.single_slot
        loading = inputs * burst_ticks + loads * clocks.latency_ticks
        waits = np.where(is_alone, loading + cycles[0] * clocks.cycle_ticks, 0.0)
        return GroupCost(
            bursts=bursts,
            steps=steps,
            latency=np.maximum(np.maximum(compute, transfer), waits) + exposed * burst_ticks,
            in_channels=in_channels,
        )

    def _work(self, candidates: Candidates) -> tuple[Ints, list[Floats], tuple[Flags, ...]]:
        """Return the steps, and by stage the cycles and whether it runs channel-parallel, in its cheaper mode."""
        of_modes = self._cycles(candidates)
        steps, cycles, in_channels = np.zeros(len(candidates), dtype=np.int64), [], []
        for number, of_stage in itertools.groupby(zip(self.stages, *of_modes, strict=True), lambda one: one[0]):
            (_, count, by_pixel), *others = of_stage
            steps = steps + count
            if others:
                by_channel = others[0][2]
                flags = self.price.cycle * by_channel + self.trees[number] < self.price.cycle * by_pixel
                cycles.append(np.where(flags, by_channel, by_pixel))
            else:
                flags = np.zeros(len(candidates), dtype=bool)
                cycles.append(by_pixel)
            in_channels.append(flags)
        return steps, cycles, tuple(in_channels)

    def _cycles(self, candidates: Candidates) -> tuple[Ints, Floats]:
        """Return, by mode, the steps and the cycles of a stage, each in proportion to that of the largest tile."""
        columns = (np.asarray(column).reshape(len(candidates), len(self.modes)).T for column in candidates.effort)
        steps, cycles, drain, all_passes, passes, all_tiles, tiles = columns
        fill = np.array([[mode.fill_cycles] for mode in self.modes])
        waits = np.array([[float(mode.reads_back > 0)] for mode in self.modes])
        return steps, cycles * ((all_passes / passes) * (all_tiles / tiles)) + steps * (fill + drain * waits)


def make_scales(group: Group, fits: Fits, arch: Accelerator, clocks: Clocks, price: Price) -> Scales:
    """Return the scales for mappings of the tiles of a group."""
    last = len(group.stages) - 1
    modes = [(i, stage, parallel_modes(stage, arch)) for i, stage in enumerate(group.stages)]
    return Scales(
        clocks=clocks,
        price=price,
        setup_cycles=arch.layer_setup_cycles,
        window_bits=arch.buffers.capacity_bits["ifmap"],
        single_slot=arch.buffers.slots == 1,
        lying=_lying(group, fits, clocks),
        stages=tuple(i for i, _, those in modes for _ in those),
        modes=tuple(
            make_mode(stage, arch, mode, group.reads_back(i), i < last) for i, stage, those in modes for mode in those
        ),
        trees=tuple(price.of_trees(stage, arch) if len(those) > 1 else 0.0 for _, stage, those in modes),
    )


def _lying(group: Group, fits: Fits, clocks: Clocks) -> Lying:
    """Return how the tensors of a group lie."""
    work, burst_bytes, chunks = kernels(), clocks.burst_bytes, fits.parts.chunks
    inputs = [(tensor, sources, input_layout(group.stages[i], burst_bytes)) for i, tensor, sources in group.dram_inputs]
    output = output_layout(group.stages[-1], burst_bytes)
    tensors = [*inputs, (len(group.stages), 1, output)]
    sizes = tuple(int(size) for size in chunks.size[int(chunks.begin[-2]) :])
    touched = [_touched(layout, (group.channels[tensor],), group.channels[tensor]) for tensor, _, layout in inputs]
    touched.append(_touched(output, sizes, group.channels[-1]))
    return Lying(
        tensor=work.words([tensor for tensor, _, _ in tensors]),
        sources=work.words([sources for _, sources, _ in tensors]),
        row_bursts=work.words([layout.row_bursts for _, _, layout in tensors]),
        new_bursts=work.words(
            np.concatenate([_row_bursts(fits, tensor, plain_rows(layout)) for tensor, _, layout in tensors])
        ),
        blocks=work.words([blocks for of, _ in touched for blocks in of]),
        columns=work.words([columns for _, of in touched for columns in of]),
        burst_bits=8 * burst_bytes,
        page_bursts=clocks.dram.page_bursts,
    )


@kept(4096)
def _touched(layout: Layout, tiles: tuple[int, ...], channels: int) -> tuple[list[int], list[int]]:
    """Return, per size in ``tiles``, the whole blocks and the scattered columns that all channel tiles touch."""
    work = kernels()
    parts, blocks, columns = (work.empty(len(tiles)) for _ in range(3))
    work(sum_channels)(1, channels, 1, 1, plain_rows(layout), work.words(tiles), parts, blocks, columns)
    return list(map(int, blocks)), list(map(int, columns))


def _row_bursts(fits: Fits, tensor: int, rows: Rows) -> Words:
    """Return, per way to cut W, the bursts of a row that hold the new pixels of ``tensor``, of all tiles together."""
    work, cuts, count, room = kernels(), fits.parts.w, fits.ways[2], len(fits.parts.w.last)
    bursts, own = work.empty(len(cuts.tile)), slice(tensor * room, (tensor + 1) * room)
    work(sum_spans)(rows, cuts.begin[:count], cuts.tiles[:count], cuts.first[own], cuts.new[own], bursts)
    return bursts
