"""What groups take and move at least, whatever their mappings: many of them at once, in columns.

A search bounds all chains of a network before it looks at any of them closely. What is said here of a group is what
:mod:`lw3dsim.map.group.floor` says of its stages, for all their outputs that are needed, in the fewest passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.map.group.floor import stage_floor, stage_weight_bits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lw3dsim.base.arrays import Flags, Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Group


class Least(NamedTuple):
    """By group: cycles of the array, and bytes from and to DRAM, at least."""

    cycles: Ints
    dram_bytes: Ints


class _Columns(NamedTuple):
    """The stages of groups by place and group, 0 behind the last of a group, and their tensors, one more of them.

    Of a tensor the ``needed`` positions along T, H and W, the ``elements`` at these, and the ``bits`` of one; of a
    stage its number among all that differ, how many tensors it reads from the output buffer, whether it adds one from
    DRAM, begins a run, and reads one that waits for a later stage. By group: its ``sources``, and whether a later
    stage uses its input.
    """

    is_stage: Flags
    is_last: Flags
    number: Ints
    needed: Ints
    elements: Ints
    bits: Ints
    sources: Ints
    reuses_input: Flags
    reads_back: Ints
    reads_dram: Flags
    begins: Flags
    waits: Flags


def least_of_groups(groups: Sequence[Group], arch: Accelerator) -> Least:
    """Return what no mapping of each of ``groups`` takes less of."""
    if not groups:
        return Least(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    numbers: dict[Problem, int] = {}
    columns = _columns(groups, numbers)
    weights = _of_stages(columns, [stage_weight_bits(stage) for stage in numbers]) * columns.is_stage
    moved = _compulsory_bytes(columns, weights) + _streamed_bytes(columns, weights, arch)
    return Least(_cycles(columns, list(numbers), weights, arch), moved)


def _columns(groups: Sequence[Group], numbers: dict[Problem, int]) -> _Columns:
    """Return groups in columns, and add their stages to the ``numbers`` of those that differ."""
    stages, most = np.array([len(group.stages) for group in groups]), max(len(group.stages) for group in groups)
    place = np.arange(most)[:, np.newaxis]

    def padded(rows: Iterable[Sequence[int]], size: int = most) -> Ints:
        return np.array([[*row, *(0,) * (size - len(row))] for row in rows], dtype=np.int64).T

    needed = np.array([padded((group.needed_along[d] for group in groups), most + 1) for d in range(3)])
    waiting = [group.waiting for group in groups]
    return _Columns(
        is_stage=place < stages,
        is_last=place == stages - 1,
        number=padded([numbers.setdefault(one, len(numbers)) for one in group.stages] for group in groups),
        needed=needed,
        elements=needed.prod(axis=0) * padded((group.channels for group in groups), most + 1),
        bits=padded((group.bits for group in groups), most + 1),
        sources=np.array([group.stages[0].sources for group in groups]),
        reuses_input=np.array([0 in (*group.adds, *group.sources[1:]) for group in groups]),
        reads_back=padded([group.reads_back(i) for i in range(len(group.stages))] for group in groups),
        reads_dram=padded([one == "dram" for one in group.operands] for group in groups) > 0,
        begins=padded([one.structure == "dense" for one in group.stages] for group in groups) > 0,
        waits=padded([i in those for i in range(most)] for those in waiting) > 0,
    )


def _of_stages(columns: _Columns, values: Sequence[int]) -> Ints:
    """Return ``values`` of stages that differ where they stand in groups."""
    return np.array(values, dtype=np.int64)[columns.number]


def _cycles(columns: _Columns, stages: Sequence[Problem], weights: Ints, arch: Accelerator) -> Ints:
    """Return what the array takes for all stages of each group: for what is needed of their outputs, in few passes."""
    is_stage, channels = columns.is_stage, _of_stages(columns, [stage.n for stage in stages])
    most = _largest_chunks(columns, channels, weights, arch)
    passes = (-(-channels // np.minimum(arch.places("output_channels"), most)))[is_stage]
    chunks = (-(-channels // most))[is_stage]
    tiles = np.array([stage.algorithm.tile for stage in stages]).T[:, columns.number]
    units = (-(-columns.needed[:, 1:] // tiles)).prod(axis=0)[is_stage]
    ways, way = np.unique(
        np.array([columns.number, columns.reads_back, ~columns.is_last])[:, is_stage], axis=1, return_inverse=True
    )
    floors = [stage_floor(stages[number], arch, reads, keeps > 0) for number, reads, keeps in ways.T.tolist()]
    columns_of_ways = np.array([(*one.of_all, *one.of_pass, one.fill) for one in floors], dtype=np.int64).T
    work, lanes, pass_work, pass_lanes, fill = columns_of_ways[:, way.ravel()]
    cycles = np.zeros(is_stage.shape, dtype=np.int64)
    cycles[is_stage] = np.maximum(units * passes * pass_work // pass_lanes, units * work // lanes) + chunks * fill
    return np.asarray(cycles.sum(axis=0))


def _largest_chunks(columns: _Columns, channels: Ints, weights: Ints, arch: Accelerator) -> Ints:
    """Return the channels that a chunk of each stage has at most: its run's weights come as often as there are slots.

    Where all weights of a run fit, that is all channels; see ``_largest_chunks`` of the floor.
    """
    ends = np.roll(columns.begins, -1, axis=0) | columns.is_last
    each, whole = weights // np.maximum(channels, 1), weights.copy()
    for i in range(1, len(weights)):
        each[i] += np.where(columns.begins[i], 0, each[i - 1])
        whole[i] += np.where(columns.begins[i], 0, whole[i - 1])
    for i in range(len(weights) - 2, -1, -1):
        each[i] = np.where(ends[i], each[i], each[i + 1])
        whole[i] = np.where(ends[i], whole[i], whole[i + 1])
    capacity = arch.buffers.capacity_bits["weight"]
    most = np.maximum(capacity // arch.buffers.slots // np.maximum(each, 1), 1)
    return np.asarray(np.where(whole <= capacity, np.maximum(channels, 1), most))


def _compulsory_bytes(columns: _Columns, weights: Ints) -> Ints:
    """Return the bytes of every needed input and operand, every weight and every output of each group, once each."""
    inputs = columns.elements[0] * columns.bits[0] * columns.sources
    outputs = columns.elements[1:] * columns.bits[1:] * columns.is_last
    # What is added has the width of what it is added to.
    operands = columns.elements[1:] * columns.bits[:-1] * columns.reads_dram
    return np.asarray(_bytes(inputs) + sum(_bytes(each).sum(axis=0) for each in (outputs, operands, weights)))


def _streamed_bytes(columns: _Columns, weights: Ints, arch: Accelerator) -> Ints:
    """Return the bytes of weights that come more than once, whatever the tiles and weights that stay.

    A tile whose stage computes anything lets all later ones compute; of its input, and of each tensor between runs, it
    has no more than fits.
    """
    buffers, tensors = arch.buffers, columns.elements * columns.bits
    tiles = np.maximum(-(-tensors[0] * columns.sources // buffers.capacity_bits["ifmap"]), 1)
    tiles = np.where(columns.reuses_input, 1, tiles)
    often, streamed = tiles, np.zeros_like(tiles)
    for i, bits in enumerate(weights):
        # What a later stage uses of a tensor may come in tiles of which the next stage computes nothing.
        tiles = np.where(columns.waits[i], 1, tiles)
        if i + 1 < len(weights):
            fits = np.maximum(tiles, -(-tensors[i + 1] // buffers.intermediate_bits))
            tiles = np.where(columns.begins[i + 1], fits, tiles)
        often = np.where(columns.is_stage[i], np.maximum(often, tiles), often)
        streamed += bits * (tiles - 1)
    stays = np.minimum(buffers.capacity_bits["weight"], weights.sum(axis=0)) * (often - 1)
    return np.asarray(np.maximum(streamed - stays, 0) // 8)


def _bytes(bits: Ints) -> Ints:
    return -(-bits // 8)
