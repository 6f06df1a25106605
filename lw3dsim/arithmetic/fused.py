"""Execute the schedule of a fused group on tensors, with nothing but what is on chip.

Every tensor that a stage reads has a mask of what is there: loaded or computed for this
tile, or retained from the ones before. To look at anything else is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.arithmetic.machine import (
    Execution,
    compute_tile,
    fresh_tile,
    load_ifmap,
    load_weights,
    store_tile,
)
from lw3dsim.arithmetic.number import Number, Tensor, shifted
from lw3dsim.arithmetic.operands import make_operands
from lw3dsim.arithmetic.place import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.computation import Computation, Peaks
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.records import Triple
    from lw3dsim.map.group.cutting import GroupAxis
    from lw3dsim.map.group.group import Group, GroupMapping
    from lw3dsim.schedule.fused import GroupSchedule


@dataclass(frozen=True, kw_only=True)
class GroupComputation:
    """What a group computes: that of every stage, and by how many bits results are shifted before the next reads them.

    ``inputs`` are the sources of the first stage, ``operands`` the second operand of additions where DRAM has it.
    """

    computations: tuple[Computation, ...]
    shifts: tuple[int, ...]
    inputs: tuple[Tensor, ...]
    operands: tuple[Tensor | None, ...]


class GroupOutputs(NamedTuple):
    """What a group has made: its ``output`` (N, T, H, W), by tensor what it ``stored`` besides, the peaks of stages."""

    output: Tensor
    stored: dict[int, Tensor]
    peaks: list[Peaks]


@dataclass(kw_only=True)
class _OnChip:
    """A tensor of which a part is on chip: its values, and which of them are there."""

    values: Tensor
    there: Tensor


@dataclass(kw_only=True)
class _InDram:
    """A tensor that tiles leave for: its values, and how often each was written."""

    values: Tensor
    written: Tensor


def execute_group(
    group: Group,
    mapping: GroupMapping,
    schedule: GroupSchedule,
    machines: Sequence[Machine],
    number: Number,
    computation: GroupComputation,
) -> GroupOutputs:
    """Run every step of ``schedule``; return what has left the chip, and the peaks of every stage.

    Raises AssertionError when a step looks at what is not on chip, or an output is not stored exactly once.
    """
    axes = mapping.axes(group)
    shapes = [(group.channels[0], *group.stages[0].inp), *((stage.n, *stage.out) for stage in group.stages)]
    tensors = [_OnChip(values=np.zeros(s, dtype=_wide(number)), there=np.zeros(s, dtype=bool)) for s in shapes]
    runs = [_execution(group, i, machines[i], number, computation, tensors) for i in range(len(group.stages))]
    stored = {tensor: _in_dram(tensors[tensor].values) for tensor in group.stored}
    loads = set(schedule.ifmap.first.tolist())
    chunks = [chunk for run, chunk in zip(group.runs, mapping.chunks, strict=True) for _ in run]
    places = schedule.places
    before = -1
    for step in range(schedule.steps):
        at = (int(places.at[0][step]), int(places.at[1][step]), int(places.at[2][step]))
        if places.tile[step] != before:
            _let_go(group, axes, tensors, at)
            before = places.tile[step]
        i, chunk = int(places.stage[step]), int(places.chunk[step]) * chunks[int(places.stage[step])]
        if step in loads and group.operands[i] != "dram":
            _box(tensors[0].there, axes, at, 0)[...] = True
        channels = slice(chunk, chunk + int(places.n[step]))
        if i in [run.start for run in group.runs] and chunk == 0:
            _check(group, axes, tensors, at, i, slice(None))
        elif group.stages[i].structure != "dense":
            _check(group, axes, tensors, at, i, channels)
        _run_step(group, runs[i], axes, at, i, channels)
        _box(tensors[i + 1].there, axes, at, i + 1)[channels] = True
        if i + 1 < len(group.stages):
            _shift(_box(tensors[i + 1].values, axes, at, i + 1)[channels], computation.shifts[i], runs[i].number.made)
        if i + 1 in stored:
            _store(tensors[i + 1], stored[i + 1], axes, at, i + 1, channels)
    if not all((written == 1).all() for written in (runs[-1].written, *(one.written for one in stored.values()))):
        raise AssertionError("an output element was not stored exactly once")
    outputs = {tensor: one.values for tensor, one in stored.items()}
    return GroupOutputs(tensors[-1].values, outputs, [run.peaks for run in runs])


def _in_dram(values: Tensor) -> _InDram:
    return _InDram(values=np.zeros_like(values), written=np.zeros(values.shape, dtype=np.int32))


def _store(made: _OnChip, stored: _InDram, axes: Sequence[GroupAxis], at: Triple, tensor: int, channels: slice) -> None:
    """Let what a tile stores of a tensor leave the chip. Raises AssertionError where it is not there."""
    space = []
    for axis, index in zip(axes, at, strict=True):
        own = axis.stored(tensor)
        first = int(own.first[index])
        space.append(slice(first, first + int(own.needed[index])))
    box = (channels, *space)
    if not made.there[box].all():
        raise AssertionError(f"of tensor {tensor} is stored what is not on chip")
    stored.values[box] = made.values[box]
    stored.written[box] += 1


def _wide(number: Number) -> str:
    return "int64" if number.is_integer else number.dtype


def _execution(
    group: Group, i: int, machine: Machine, number: Number, computation: GroupComputation, tensors: Sequence[_OnChip]
) -> Execution:
    """Return the machine as stage ``i`` uses it."""
    stage, operand = group.stages[i], group.operands[i]
    read = group.sources[i]
    sources: list[Tensor] = [tensors[read].values] if read else list(computation.inputs)
    if group.adds[i] >= 0:
        sources.append(tensors[group.adds[i]].values if group.adds[i] else computation.inputs[0])
    if operand == "dram":
        given = computation.operands[i]
        assert given is not None  # noqa: S101  # the caller gives what DRAM has
        sources.append(given)
    return Execution(
        problem=stage,
        machine=machine,
        number=number.of(stage),
        computation=computation.computations[i],
        sources=sources,
        output=tensors[i + 1].values,
        written=np.zeros(tensors[i + 1].values.shape, dtype=np.int32),
        operands=make_operands(stage, number.of(stage)) if stage.algorithm.is_winograd else None,
    )


def _run_step(group: Group, run: Execution, axes: Sequence[GroupAxis], at: Triple, i: int, channels: slice) -> None:
    """Compute the new outputs of a tile in these channels, and write them."""
    origin = tuple(int(axis.first[i + 1][index]) for axis, index in zip(axes, at, strict=True))
    size = tuple(int(axis.new[i + 1][index]) for axis, index in zip(axes, at, strict=True))
    place = Place(
        group=0,
        n=channels,
        c=slice(0, group.stages[i].c),
        origin=(origin[0], origin[1], origin[2]),
        size=(size[0], size[1], size[2]),
        segment=origin[0] // group.stages[i].segment[0],
    )
    run.ifmap = load_ifmap(run, place)
    if group.stages[i].has_weights:
        run.kernels = load_weights(run, place)
    run.ofmap = fresh_tile(run, place)
    compute_tile(run, place)
    store_tile(run, place)


def _box(values: Tensor, axes: Sequence[GroupAxis], at: Triple, tensor: int) -> Tensor:
    """Return the new positions of a tensor at a tile."""
    space = []
    for axis, index in zip(axes, at, strict=True):
        first = int(axis.first[tensor][index])
        space.append(slice(first, first + int(axis.new[tensor][index])))
    return values[(slice(None), *space)]


def _let_go(group: Group, axes: Sequence[GroupAxis], tensors: Sequence[_OnChip], at: Triple) -> None:
    """At the start of a tile, keep of every tensor but the last what the tile retains."""
    for tensor in range(len(group.stages)):
        there, space = tensors[tensor].there, []
        for axis, index in zip(axes, at, strict=True):
            first, stays = int(axis.first[tensor][index]), int(axis.retained[tensor][index])
            is_sliding = bool(axis.retained[tensor].any())
            space.append(slice(first - stays, first if is_sliding else first + int(axis.new[tensor][index])))
        kept = np.zeros_like(there)
        if any(axis.retained[tensor].any() for axis in axes):
            kept[(slice(None), *space)] = there[(slice(None), *space)]
        tensors[tensor].there = kept


def _check(
    group: Group, axes: Sequence[GroupAxis], tensors: Sequence[_OnChip], at: Triple, i: int, channels: slice
) -> None:
    """Raise AssertionError unless all that stage ``i`` looks at for a tile is on chip."""
    stage, space, new = group.stages[i], [], []
    for d, (axis, index) in enumerate(zip(axes, at, strict=True)):
        first, count = int(axis.first[i + 1][index]), int(axis.new[i + 1][index])
        new.append(slice(first, first + count))
        begin, end = 0, stage.inp[d]
        if d == 0:
            # The clip of a batch in which the tile is, where windows must not leave it.
            clip, frames = first // stage.segment[0], stage.inp[0] // stage.segments
            begin, end, first = clip * frames, (clip + 1) * frames, first - clip * stage.segment[0]
        if stage.whole_frames and d == 0:
            space.append(slice(begin, end))
            continue
        low = begin + first * stage.stride[d] - stage.padding[d]
        high = low + (count - 1) * stage.stride[d] + stage.kernel[d]
        space.append(slice(max(low, begin), max(min(high, end), begin)))
    is_there = tensors[group.sources[i]].there[(channels, *space)].all()
    if group.adds[i] >= 0:
        is_there &= tensors[group.adds[i]].there[(channels, *new)].all()
    if not is_there:
        raise AssertionError(f"stage {i} looks at what is not on chip")


def _shift(values: Tensor, shift: int, number: Number) -> None:
    if number.is_integer:
        values[...] = shifted(values, shift, number)
