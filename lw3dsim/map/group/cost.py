"""What mappings of a fused group move and take: DRAM bursts and steps exactly, latency about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.group.fitting import all_windows
from lw3dsim.map.group.weighing import Effort, Seen, Traffic, add_input, add_rest, weigh_stage
from lw3dsim.map.layer.mapping import input_layout, output_layout
from lw3dsim.map.layer.sums import sum_channels
from lw3dsim.tensor.bursts import sum_spans
from lw3dsim.tensor.layout import plain_rows

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Flags, Floats, Ints, Words
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.microarchitecture import Parallel
    from lw3dsim.machine.waves import Waves
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.candidates import Candidates
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.layer.price import Price
    from lw3dsim.tensor.bursts import Rows


class GroupCost(Value, frozen=True, kw_only=True):
    """Per candidate: DRAM bursts, steps and estimated latency in ticks; per stage whether it runs channel-parallel."""

    bursts: Ints
    steps: Ints
    latency: Floats
    in_channels: tuple[Flags, ...]

    def parallel(self, i: int) -> tuple[Parallel, ...]:
        """Return the mode of every stage of candidate ``i``."""
        return tuple("channel" if flags[i] else "pixel" for flags in self.in_channels)


def group_costs(group: Group, candidates: Candidates, arch: Accelerator, clocks: Clocks, price: Price) -> GroupCost:
    """Return what every candidate moves and takes, its stages in the modes of the least ``price``."""
    inputs, bursts, loads, visits, stores, exposed = map(np.asarray, _traffic(group, candidates, clocks))
    scratch = _Scratch.of(len(candidates))
    work = [_stage_work(group, candidates, arch, price, i, scratch) for i in range(len(group.stages))]
    compute = sum((w.cycles for w in work), np.zeros(len(candidates))) * clocks.cycle_ticks
    burst_ticks = clocks.burst_ticks / clocks.dram.channels
    transfer = np.maximum(bursts * burst_ticks, visits * (clocks.visit_ticks / clocks.dram.channels))
    transfer = transfer + stores * clocks.turnaround_ticks
    # Where a second window does not fit, the next is loaded when the first stage has let go of this one.
    is_alone = (2 * _windows(candidates) > arch.buffers.capacity_bits["ifmap"]) | (arch.buffers.slots == 1)
    loading = inputs * burst_ticks + loads * clocks.latency_ticks
    waits = np.where(is_alone, loading + work[0].cycles * clocks.cycle_ticks, 0.0)
    return GroupCost(
        bursts=bursts,
        steps=sum((w.steps for w in work), np.zeros_like(bursts)),
        latency=np.maximum(np.maximum(compute, transfer), waits) + exposed * burst_ticks,
        in_channels=tuple(w.in_channels for w in work),
    )


def _windows(candidates: Candidates) -> Ints:
    """Return what the input of a tile takes, in bits."""
    work, found = kernels(), candidates.found
    windows = work.room(len(candidates))
    work(all_windows)(candidates.stages, *candidates.cuts, found, len(candidates), windows)
    return np.asarray(windows)


def _traffic(group: Group, candidates: Candidates, clocks: Clocks) -> Traffic:
    work, count, page, cuts = kernels(), len(candidates), clocks.dram.page_bursts, candidates.cuts
    traffic, found = work.columns(Traffic, count), candidates.found
    for stage, tensor, sources in group.dram_inputs:
        rows = plain_rows(input_layout(group.stages[stage], clocks.burst_bytes))
        channels = group.channels[tensor]
        blocks, columns = _touched(rows, work.words([channels]), channels)
        touched = int(blocks[0]), int(columns[0])
        w_bursts = _row_bursts(cuts[2], candidates.ways[2].count, tensor, rows)
        work(add_input)(*cuts, found, count, tensor, sources, rows, touched, w_bursts, page, traffic)
    rows, chunks = plain_rows(output_layout(group.stages[-1], clocks.burst_bytes)), candidates.chunks
    sizes = work.words(chunks.size[int(chunks.begin[-2]) :])
    blocks, columns = _touched(rows, sizes, group.channels[-1])
    w_bursts = _row_bursts(cuts[2], candidates.ways[2].count, len(group.stages), rows)
    work(add_rest)(
        candidates.stages, *cuts, candidates.sets, chunks, found, count, rows, blocks, columns, w_bursts, page, traffic
    )
    return traffic


def _touched(rows: Rows, tiles: Words, channels: int) -> tuple[Words, Words]:
    """Return, per size in ``tiles``, the whole blocks and the scattered columns that all channel tiles touch."""
    work = kernels()
    parts, blocks, columns = (work.empty(len(tiles)) for _ in range(3))
    work(sum_channels)(1, channels, 1, 1, rows, tiles, parts, blocks, columns)
    return blocks, columns


def _row_bursts(cuts: Cuts, ways: int, tensor: int, rows: Rows) -> Words:
    """Return, per way to cut W, the bursts of a row that hold the new pixels of ``tensor``, of all tiles together."""
    work, room = kernels(), len(cuts.last)
    bursts, own = work.empty(ways), slice(tensor * room, (tensor + 1) * room)
    work(sum_spans)(rows, cuts.begin[:ways], cuts.tiles[:ways], cuts.first[own], cuts.new[own], bursts)
    return bursts


class _Work(Value, frozen=True, kw_only=True):
    """Per candidate: steps and estimated cycles of a stage, and whether it runs channel-parallel."""

    steps: Ints
    cycles: Floats
    in_channels: Flags


class _Scratch(Value, frozen=True, kw_only=True):
    """What a stage is weighed in, one after the other."""

    effort: Effort
    seen: Seen
    waves: Waves

    @classmethod
    def of(cls, count: int) -> _Scratch:
        """Return room for so many candidates."""
        work = kernels()
        seen = work.columns(Seen, 2 * count + 1)
        return cls(effort=work.columns(Effort, count), seen=seen, waves=empty_waves(work))


def _stage_work(
    group: Group, candidates: Candidates, arch: Accelerator, price: Price, i: int, scratch: _Scratch
) -> _Work:
    """Return the work of stage ``i`` in the cheaper parallel mode."""
    stage = group.stages[i]
    steps, by_pixel = _stage_cycles(group, candidates, arch, "pixel", i, scratch)
    if "channel" not in parallel_modes(stage, arch):
        return _Work(steps=steps, cycles=by_pixel, in_channels=np.zeros(len(candidates), dtype=bool))
    _, by_channel = _stage_cycles(group, candidates, arch, "channel", i, scratch)
    in_channels = price.cycle * by_channel + price.of_trees(stage, arch) < price.cycle * by_pixel
    return _Work(steps=steps, cycles=np.where(in_channels, by_channel, by_pixel), in_channels=in_channels)


def _stage_cycles(
    group: Group, candidates: Candidates, arch: Accelerator, parallel: Parallel, i: int, scratch: _Scratch
) -> tuple[Ints, Floats]:
    """Return the steps of a stage and its cycles, each in proportion to that of the largest tile."""
    work, stage, count = kernels(), group.stages[i], len(candidates)
    machine = make_machine(stage, arch, parallel, reads_back=i > 0, keeps=i < len(group.stages) - 1)
    work(weigh_stage)(
        plain_layer(stage), plain_array(machine), candidates.stages, i, *candidates.cuts, candidates.units,
        candidates.chunks, candidates.found, count, scratch.waves, scratch.seen, scratch.effort,
    )  # fmt: skip
    steps = np.array(scratch.effort.steps)
    cycles, drain, all_passes, passes, all_tiles, tiles = map(np.asarray, scratch.effort[1:])
    busy = cycles.astype(np.float64)
    if stage.structure != "vector":
        busy = cycles * ((all_passes / passes) * (all_tiles / tiles))
    return steps, np.asarray(
        busy + steps * (machine.fill_cycles + drain.astype(np.float64) * (i > 0)), dtype=np.float64
    )
