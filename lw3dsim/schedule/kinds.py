"""Kinds of steps: steps of one size and one place in the reduction are costed once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.arrays import parts
from lw3dsim.map.microarchitecture import CAUSES, Groups, Machine, group_cost, group_shape, vector_cost
from lw3dsim.schedule.program import Kinds, Loops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.map.arrays import Flags, Ints
    from lw3dsim.map.axis import Axis
    from lw3dsim.map.mapping import Axes
    from lw3dsim.map.problem import Problem

EVENTS = tuple(f.name for f in fields(Groups) if f.name not in ("compute", "drain", "cause"))


@dataclass(frozen=True, kw_only=True)
class StolenCycles:
    """Per step: cycles for which DMA holds the only port of a buffer while the array wants it."""

    computing: Ints
    draining: Ints


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Per kind: sizes of a step, input positions it needs, its place in the reduction, cycles lost to DMA."""

    n: Ints
    c: Ints
    outputs: tuple[Ints, Ints, Ints]
    needed: tuple[Ints, Ints, Ints]
    is_first: Flags
    is_last: Flags
    stolen: StolenCycles


def make_kinds(
    problem: Problem, axes: Axes, loops: Loops, machine: Machine, stolen: StolenCycles
) -> tuple[Ints, Kinds]:
    """Return the kind of every step and the table of kinds."""
    t = loops.c if problem.reduces_frames else loops.t
    space = [(axes.t, t), (axes.h, loops.h), (axes.w, loops.w)]
    # Only vector steps depend on what a tile needs of the input; the array reads whole patches.
    key: list[Ints | Flags] = [axes.n[loops.n], axes.c[loops.c], loops.is_first, loops.is_last]
    if machine.shared_ports:
        key += [stolen.computing, stolen.draining]
    for axis, index in space:
        key.append(axis.outputs[index])
        if problem.structure == "vector":
            key.append(axis.needed[index])
    example, kind = distinct(key)
    sizes = Sizes(
        n=axes.n[loops.n[example]],
        c=axes.c[loops.c[example]],
        outputs=_at(space, "outputs", example),
        needed=_at(space, "needed", example),
        is_first=loops.is_first[example],
        is_last=loops.is_last[example],
        stolen=StolenCycles(computing=stolen.computing[example], draining=stolen.draining[example]),
    )
    return kind, cost_kinds(problem, machine, sizes)


def cost_kinds(problem: Problem, machine: Machine, sizes: Sizes) -> Kinds:
    """Return the table of kinds of these ``sizes``."""
    make = _vector_kinds if problem.structure == "vector" else _array_kinds
    return make(problem, machine, sizes)


def distinct(columns: Sequence[Ints | Flags]) -> tuple[Ints, Ints]:
    """Return one example row per distinct combination of values, and the combination of every row."""
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, index = np.unique(column, return_inverse=True)
        _, code = np.unique(code * len(values) + index, return_inverse=True)
    _, example = np.unique(code, return_index=True)
    return example.astype(np.int64), code.astype(np.int64)


def _at(space: list[tuple[Axis, Ints]], field: str, steps: Ints) -> tuple[Ints, Ints, Ints]:
    t, h, w = (getattr(axis, field)[index[steps]] for axis, index in space)
    return t, h, w


def _vector_kinds(problem: Problem, machine: Machine, sizes: Sizes) -> Kinds:
    (t, h, w), (t_in, h_in, w_in) = sizes.outputs, sizes.needed
    of_source = sizes.n * t_in * h_in * w_in
    cost = vector_cost(
        problem,
        machine,
        inputs=(problem.sources - machine.reads_back) * of_source,
        read_back=machine.reads_back * of_source,
        outputs=sizes.n * t * h * w,
        c=sizes.c,
        is_first=sizes.is_first,
        is_last=sizes.is_last,
    )
    fill, none = np.full_like(sizes.n, machine.fill_cycles), np.zeros_like(sizes.n)
    return Kinds(
        head=cost.compute + fill + sizes.stolen.computing,
        body=none,
        drain=sizes.stolen.draining,
        wait=none,
        fill=fill,
        drain_stall=none,
        **_by_cause([np.where(cost.cause == i, cost.compute, 0) for i in range(len(CAUSES))], sizes.stolen),
        **{event: getattr(cost, event) for event in EVENTS},
    )


def _array_kinds(problem: Problem, machine: Machine, sizes: Sizes) -> Kinds:
    """Cost every group of every kind at once, then add up each kind with its two banks swapping in step."""
    table = np.concatenate([_groups(problem, machine, sizes, kind) for kind in range(len(sizes.n))])
    kind = table[:, 0]
    cost = group_cost(
        problem,
        machine,
        rows=table[:, 1],
        tiles=(table[:, 2], table[:, 3], table[:, 4]),
        outputs=table[:, 5],
        c=sizes.c[kind],
        is_first=sizes.is_first[kind],
        is_last=sizes.is_last[kind],
    )
    starts = np.flatnonzero(np.r_[True, kind[1:] != kind[:-1]])
    ends = np.r_[starts[1:], len(kind)] - 1
    # A swap waits for the multiply of this group and the drain of the one before.
    stall = np.zeros_like(cost.compute)
    stall[1:] = np.maximum(cost.drain[:-1] - cost.compute[1:], 0)
    stall[starts] = 0

    def summed(values: Ints) -> Ints:
        return np.asarray(np.add.reduceat(values, starts), dtype=np.int64)

    first_group, fill = cost.compute[starts], np.full_like(starts, machine.fill_cycles)
    return Kinds(
        head=first_group + fill + sizes.stolen.computing,
        body=summed(cost.compute + stall) - first_group,
        drain=cost.drain[ends] + sizes.stolen.draining,
        wait=np.zeros_like(starts),
        fill=fill,
        drain_stall=summed(stall),
        **_by_cause([summed(np.where(cost.cause == i, cost.compute, 0)) for i in range(len(CAUSES))], sizes.stolen),
        **{event: summed(getattr(cost, event)) for event in EVENTS},
    )


def _by_cause(cycles: list[Ints], stolen: StolenCycles) -> dict[str, Ints]:
    """Return compute cycles by cause; those that DMA takes are the port's."""
    named = dict(zip(CAUSES, cycles, strict=True))
    return named | {"sram_port": named["sram_port"] + stolen.computing}


def _groups(problem: Problem, machine: Machine, sizes: Sizes, kind: int) -> Ints:
    """Return the groups of a step in order, as rows (kind, channels, tiles t, h, w, output pixels)."""
    space = [int(axis[kind]) for axis in sizes.outputs]
    shape = group_shape(problem, machine, *(np.array([size], dtype=np.int64) for size in space))
    tiles, kept = [], []
    for size, m, group in zip(space, problem.algorithm.tile, shape, strict=True):
        tiles.append(parts(-(-size // m), int(group[0])))
        kept.append(parts(size, int(group[0]) * m))
    channels, *grid = np.meshgrid(parts(int(sizes.n[kind]), machine.rows), *tiles, indexing="ij")
    pixels = kept[0][:, None, None] * kept[1][None, :, None] * kept[2][None, None, :]
    columns = (np.full_like(channels, kind), channels, *grid, np.broadcast_to(pixels, channels.shape))
    return np.stack([column.ravel() for column in columns], axis=1)
