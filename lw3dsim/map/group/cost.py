"""What mappings of a fused group move and take: DRAM bursts and steps exactly, latency about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import Flags, Floats, Ints, ceil_div, distinct, full_and_rest
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.step import Steps, full_step_costs, vector_cycles
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.group.candidates import Extents
from lw3dsim.map.layer.mapping import input_layout, output_layout, weight_tile_bits
from lw3dsim.map.layer.sums import sum_channels
from lw3dsim.tensor.bursts import sum_spans
from lw3dsim.tensor.layout import plain_rows

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.microarchitecture import Machine, Parallel
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.candidates import AxisOptions, Candidates
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.layer.price import Price
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


def group_costs(group: Group, candidates: Candidates, arch: Accelerator, clocks: Clocks, price: Price) -> GroupCost:
    """Return what every candidate moves and takes, its stages in the modes of the least ``price``."""
    moved = _moved(group, candidates, clocks)
    work = [_stage_work(group, candidates, arch, price, i) for i in range(len(group.stages))]
    compute = sum((w.cycles for w in work), np.zeros(len(candidates))) * clocks.cycle_ticks
    burst_ticks = clocks.burst_ticks / clocks.dram.channels
    transfer = np.maximum(moved.bursts * burst_ticks, moved.visits * (clocks.visit_ticks / clocks.dram.channels))
    transfer = transfer + moved.stores * clocks.turnaround_ticks
    # Where a second window does not fit, the next is loaded when the first stage has let go of this one.
    window = Extents.of(group, candidates).window_bits(group)
    is_alone = (2 * window > arch.buffers.capacity_bits["ifmap"]) | (arch.buffers.slots == 1)
    loading = moved.input_bursts * burst_ticks + moved.input_loads * clocks.latency_ticks
    waits = np.where(is_alone, loading + work[0].cycles * clocks.cycle_ticks, 0.0)
    return GroupCost(
        bursts=moved.bursts,
        steps=sum((w.steps for w in work), np.zeros_like(moved.bursts)),
        latency=np.maximum(np.maximum(compute, transfer), waits) + moved.exposed * burst_ticks,
        in_channels=tuple(w.in_channels for w in work),
    )


class _Moved(Value, frozen=True, kw_only=True):
    """Per candidate: all bursts, those of inputs and their loads, row visits, stores, and bursts that nothing hides."""

    bursts: Ints
    input_bursts: Ints
    input_loads: Ints
    visits: Ints
    stores: Ints
    exposed: Ints


def _moved(group: Group, candidates: Candidates, clocks: Clocks) -> _Moved:
    page = clocks.dram.page_bursts
    inputs, visits = np.zeros(len(candidates), dtype=np.int64), np.zeros(len(candidates), dtype=np.int64)
    for stage, tensor, sources in group.dram_inputs:
        layout = input_layout(group.stages[stage], clocks.burst_bytes)
        sums = _Sums.of(candidates, tensor, layout)
        blocks, columns = _blocks(layout, [group.channels[tensor]], group.channels[tensor])
        inputs = inputs + sources * sums.bursts(blocks[0], columns[0])
        visits = visits + sources * sums.visits(blocks[0] + np.minimum(columns[0], 1), layout, page)
    layout = output_layout(group.stages[-1], clocks.burst_bytes)
    sizes, at = np.unique(candidates.chunks[-1], return_inverse=True)
    blocks, columns = _blocks(layout, sizes.tolist(), group.channels[-1])
    sums = _Sums.of(candidates, len(group.stages), layout)
    outputs = sums.bursts(blocks[at], columns[at])
    visits = visits + sums.visits(blocks[at] + np.minimum(columns[at], 1), layout, page)
    weights, first = _weight_bursts(group, candidates, clocks.burst_bytes)
    stores = sums.tiles * ceil_div(np.full_like(outputs, group.channels[-1]), candidates.chunks[-1])
    return _Moved(
        bursts=inputs + outputs + weights,
        input_bursts=inputs,
        input_loads=candidates.product("active", 0),
        visits=visits + weights // page,
        stores=stores,
        exposed=ceil_div(inputs, sums.tiles) + first + ceil_div(outputs, stores),
    )


def _blocks(layout: Layout, tiles: list[int], channels: int) -> tuple[Ints, Ints]:
    """Return, per size in ``tiles``, the whole blocks and the scattered columns that all channel tiles touch."""
    work = kernels()
    _, blocks, columns = sums = tuple(work.empty(len(tiles)) for _ in range(3))
    work(sum_channels)(1, channels, 1, 1, plain_rows(layout), work.words(tiles), *sums)
    return np.asarray(blocks), np.asarray(columns)


class _Sums(Value, frozen=True, kw_only=True):
    """The new positions of a tensor, summed over the tiles of every axis; w also in bursts of a row."""

    t: Ints
    h: Ints
    w: Ints
    w_bursts: Ints
    cuts: Ints
    tiles: Ints

    @classmethod
    def of(cls, candidates: Candidates, tensor: int, layout: Layout) -> _Sums:
        t, h, w = candidates.columns("all_new", tensor)
        nt, nh, nw = candidates.columns("active", tensor)
        # Only rows are spans of bursts.
        w_bursts = _row_bursts(candidates.options[2], tensor, layout)[candidates.option[2]]
        return cls(t=t, h=h, w=w, w_bursts=w_bursts, cuts=nh * nw, tiles=nt * nh * nw)

    def bursts(self, blocks: Ints, columns: Ints) -> Ints:
        """Return the bursts of all tiles in ``blocks`` whole and ``columns`` scattered."""
        return self.t * self.h * (blocks * self.w_bursts + columns * self.w)

    def visits(self, blocks: Ints, layout: Layout, page_bursts: int) -> Ints:
        """Return about how often a DRAM row is opened."""
        return self.t * (self.cuts + self.h * layout.row_bursts // page_bursts) * blocks


def _row_bursts(axis: AxisOptions, tensor: int, layout: Layout) -> Ints:
    """Return, per option of W, the bursts of a row that hold the new pixels of ``tensor``, of all tiles together."""
    work = kernels()
    bursts = work.empty(len(axis))
    cuts = axis.begins, axis.tiles, axis.all_first(tensor), axis.all_counts(tensor)
    begins, tiles, left, span = map(work.words, cuts)
    work(sum_spans)(plain_rows(layout), begins, tiles, left, span, bursts)
    return np.asarray(bursts)


def _weight_bursts(group: Group, candidates: Candidates, burst_bytes: int) -> tuple[Ints, Ints]:
    """Return the bursts of all weight loads, and those of the first."""
    total = np.zeros(len(candidates), dtype=np.int64)
    first = np.zeros_like(total)
    for run, chunk in zip(group.runs, candidates.chunks, strict=True):
        for i in run:
            stage = group.stages[i]
            if not stage.has_weights:
                continue
            once = np.zeros_like(total)
            c = np.array(stage.c, dtype=np.int64)
            for count, n in full_and_rest(np.full_like(chunk, stage.n), chunk):
                once += count * ceil_div(weight_tile_bits(stage, n, c, True), 8 * burst_bytes)
            total += once * np.where(candidates.resident[i], 1, candidates.product("active", i + 1))
            if not first.any():
                first = ceil_div(weight_tile_bits(stage, chunk, c, True), 8 * burst_bytes)
    return total, first


class _Work(Value, frozen=True, kw_only=True):
    """Per candidate: steps and estimated cycles of a stage, and whether it runs channel-parallel."""

    steps: Ints
    cycles: Floats
    in_channels: Flags


def _stage_work(group: Group, candidates: Candidates, arch: Accelerator, price: Price, i: int) -> _Work:
    """Return the work of stage ``i`` in the cheaper parallel mode."""
    stage = group.stages[i]
    chunk = candidates.chunks[group.run_of(i)]
    count = ceil_div(np.full_like(chunk, stage.n), chunk)
    steps = count * candidates.product("active", i + 1)
    last = len(group.stages) - 1

    def cycles(parallel: Parallel) -> Floats:
        machine = make_machine(stage, arch, parallel, reads_back=i > 0, keeps=i < last)
        if stage.structure == "vector":
            busy, drain = _vector_cycles(group, candidates, i, machine), np.zeros(len(candidates))
        else:
            busy, drain = _array_cycles(group, candidates, i, machine, chunk)
        return np.asarray(busy + steps * (machine.fill_cycles + drain * (i > 0)), dtype=np.float64)

    by_pixel = cycles("pixel")
    if "channel" not in parallel_modes(stage, arch):
        return _Work(steps=steps, cycles=by_pixel, in_channels=np.zeros(len(candidates), dtype=bool))
    by_channel = cycles("channel")
    in_channels = price.cycle * by_channel + price.of_trees(stage, arch) < price.cycle * by_pixel
    return _Work(steps=steps, cycles=np.where(in_channels, by_channel, by_pixel), in_channels=in_channels)


def _vector_cycles(group: Group, candidates: Candidates, i: int, machine: Machine) -> Floats:
    """Return the cycles of a vector stage as if all its tiles were one."""
    stage = group.stages[i]
    layer, array = plain_layer(stage), plain_array(machine)
    read = stage.n * candidates.product("all_needed", i)
    outputs = stage.n * candidates.product("all_new", i + 1)
    # Sums over all tiles: few are distinct.
    example, at = distinct([read, outputs])
    cycles = [
        abs(vector_cycles(layer, array, (stage.sources - array.reads_back) * r, array.reads_back * r, o, stage.c, 1, 1))
        for r, o in zip(read[example].tolist(), outputs[example].tolist(), strict=True)
    ]
    return np.array(cycles, dtype=np.float64)[at]


def _array_cycles(group: Group, candidates: Candidates, i: int, machine: Machine, chunk: Ints) -> tuple[Floats, Floats]:
    """Return the cycles of all steps, each in proportion to that of the largest tile, and what that leaves to drain."""
    stage = group.stages[i]
    tile = stage.algorithm.tile
    space = candidates.columns("most_new", i + 1)
    example, at = distinct([chunk, *space])
    cycles, drain = _full_steps(stage, machine, np.stack([size[example] for size in (chunk, *space)]))
    channel_groups = sum(
        (count * ceil_div(n, machine.rows) for count, n in full_and_rest(np.full_like(chunk, stage.n), chunk)),
        np.zeros_like(chunk),
    )
    t, h, w = candidates.of_axes(
        [axis.winograd_tiles(i + 1, size) for axis, size in zip(candidates.options, tile, strict=True)]
    )
    largest = ceil_div(space[0], tile[0]) * ceil_div(space[1], tile[1]) * ceil_div(space[2], tile[2])
    share = (channel_groups / ceil_div(chunk, machine.rows)) * (t * h * w / largest)
    return cycles[at] * share, drain[at].astype(np.float64)


def _full_steps(stage: Problem, machine: Machine, sizes: Ints) -> tuple[Ints, Ints]:
    """Return the cycles, and what is left to drain, of steps of ``sizes``, columns of (n, t, h, w)."""
    count = sizes.shape[1]
    work = kernels()
    n, t, h, w = (work.words(size) for size in sizes)
    none, yes, c = work.empty(count), work.words([1] * count), work.words([stage.c] * count)
    steps = Steps(n=n, c=c, t=t, h=h, w=w, inputs=none, read_back=none, is_first=yes, is_last=yes)
    cycles, drain = work.empty(count), work.empty(count)
    work(full_step_costs)(plain_layer(stage), plain_array(machine), steps, empty_waves(work), cycles, drain)
    return np.asarray(cycles), np.asarray(drain)
