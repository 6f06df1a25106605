"""Unroll a mapping into a schedule."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.mapping import (
    Axes,
    Mapping,
    input_footprint,
    make_axes,
    output_footprint,
    weight_tile_bits,
)
from lw3dsim.map.microarchitecture import (
    CAUSES,
    Groups,
    Machine,
    group_cost,
    group_shape,
    make_machine,
    vector_cost,
)
from lw3dsim.map.tiling import Ints, ceil_div
from lw3dsim.schedule.program import Flags, Kinds, LoadStream, Schedule, StoreStream

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.map.problem import Problem

EVENTS = tuple(f.name for f in fields(Groups) if f.name not in ("compute", "drain", "cause"))


@dataclass(frozen=True, kw_only=True)
class _Loops:
    """The loop nest unrolled: the index of every loop at every step."""

    g: Ints
    n: Ints
    t: Ints
    h: Ints
    w: Ints
    c: Ints
    is_first: Flags
    is_last: Flags


def build_schedule(problem: Problem, mapping: Mapping, arch: Accelerator, burst_bytes: int) -> Schedule:
    """Return the schedule of ``problem`` under ``mapping``."""
    axes = make_axes(problem, mapping)
    loops = _unroll(problem, mapping, axes)
    kind, kinds = _make_kinds(problem, mapping, axes, loops, make_machine(problem, arch, mapping.parallel))
    return Schedule(
        kind=kind,
        kinds=kinds,
        ifmap=_ifmap(problem, mapping, axes, loops, burst_bytes),
        weight=_weight(problem, mapping, axes, loops, burst_bytes),
        ofmap=_ofmap(problem, mapping, axes, loops, burst_bytes),
        setup_cycles=arch.layer_setup_cycles,
    )


def _unroll(problem: Problem, mapping: Mapping, axes: Axes) -> _Loops:
    frames = 1 if problem.reduces_frames else axes.t.tiles
    size = {"g": problem.groups, "n": len(axes.n), "t": frames, "h": axes.h.tiles, "w": axes.w.tiles, "c": len(axes.c)}
    order = "gnthwc" if mapping.order == "weights_outer" else "gthwnc"
    grid = np.indices([size[name] for name in order], dtype=np.int64).reshape(6, -1)
    index = dict(zip(order, grid, strict=True))
    return _Loops(**index, is_first=index["c"] == 0, is_last=index["c"] == size["c"] - 1)


def _changes(*indices: Ints) -> Ints:
    """Return the steps at which any index differs from the step before; the first always does."""
    changed = np.zeros(len(indices[0]), dtype=bool)
    changed[0] = True
    for index in indices:
        changed[1:] |= index[1:] != index[:-1]
    return np.flatnonzero(changed)


def _ifmap(problem: Problem, mapping: Mapping, axes: Axes, loops: _Loops, burst_bytes: int) -> LoadStream:
    if problem.structure == "dense":
        steps = _changes(loops.g, loops.t, loops.h, loops.w, loops.c)
        channels, which, total = axes.c, loops.c[steps], problem.c
    else:
        steps = _changes(loops.n, loops.t, loops.h, loops.w, loops.c)
        channels, which, total = axes.n, loops.n[steps], problem.n
    frame = loops.c[steps] if problem.reduces_frames else loops.t[steps]
    place = input_footprint(problem, axes, burst_bytes)
    at = (frame, loops.h[steps], loops.w[steps])
    bursts = place.bursts(channels, total)[(which, *at)] * problem.sources
    bits = channels[which] * place.pixels[at] * problem.activation_bits * problem.sources
    return LoadStream(steps=steps, bursts=bursts, bits=bits, slots=mapping.ifmap_slots)


def _weight(problem: Problem, mapping: Mapping, axes: Axes, loops: _Loops, burst_bytes: int) -> LoadStream:
    if problem.structure == "vector":
        none = np.zeros(0, dtype=np.int64)
        return LoadStream(steps=none, bursts=none, bits=none, slots=mapping.weight_slots)
    steps = _changes(loops.g, loops.n, loops.c)
    bits = weight_tile_bits(problem, axes.n[loops.n[steps]], axes.c[loops.c[steps]], loops.is_first[steps])
    return LoadStream(steps=steps, bursts=ceil_div(bits, 8 * burst_bytes), bits=bits, slots=mapping.weight_slots)


def _ofmap(problem: Problem, mapping: Mapping, axes: Axes, loops: _Loops, burst_bytes: int) -> StoreStream:
    closes = np.flatnonzero(loops.is_last)
    place = output_footprint(problem, mapping, burst_bytes)
    at = (loops.t[closes], loops.h[closes], loops.w[closes])
    n = loops.n[closes]
    return StoreStream(
        opens=np.flatnonzero(loops.is_first),
        closes=closes,
        bursts=place.bursts(axes.n, problem.n)[(n, *at)],
        bits=axes.n[n] * place.pixels[at] * problem.activation_bits,
        slots=mapping.ofmap_slots,
    )


def _classes(*columns: Ints) -> tuple[Ints, Ints]:
    """Return the distinct rows of ``columns`` and, per row, the index of its class."""
    distinct, index = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    return distinct, index.reshape(-1)


def _make_kinds(
    problem: Problem, mapping: Mapping, axes: Axes, loops: _Loops, machine: Machine
) -> tuple[Ints, Kinds]:
    """Sort the steps into kinds of equal size and position in the reduction; cost each kind."""
    is_vector = problem.structure == "vector"
    spatial = [(axis.outputs, axis.needed if is_vector else axis.outputs) for axis in (axes.t, axes.h, axes.w)]
    n_class, n_index = _classes(axes.n)
    c_class, c_index = _classes(axes.c)
    t_class, t_index = _classes(*spatial[0])
    h_class, h_index = _classes(*spatial[1])
    w_class, w_index = _classes(*spatial[2])
    t_step = loops.c if problem.reduces_frames else loops.t
    code = n_index[loops.n]
    for index, count in (
        (c_index[loops.c], len(c_class)),
        (t_index[t_step], len(t_class)),
        (h_index[loops.h], len(h_class)),
        (w_index[loops.w], len(w_class)),
        (loops.is_first.astype(np.int64), 2),
        (loops.is_last.astype(np.int64), 2),
    ):
        code = code * count + index
    distinct, example, kind = np.unique(code, return_index=True, return_inverse=True)
    steps = [int(i) for i in example]
    sizes = {
        "n": n_class[n_index[loops.n[steps]], 0],
        "c": c_class[c_index[loops.c[steps]], 0],
        "t": t_class[t_index[t_step[steps]]],
        "h": h_class[h_index[loops.h[steps]]],
        "w": w_class[w_index[loops.w[steps]]],
    }
    first, last = loops.is_first[steps].astype(np.int64), loops.is_last[steps].astype(np.int64)
    if is_vector:
        return kind, _vector_kinds(problem, machine, sizes, first, last)
    per_kind = [
        _groups_of(problem, machine, *(int(sizes[a][i] if a in "nc" else sizes[a][i, 0]) for a in "ncthw"), i)
        for i in range(len(distinct))
    ]
    return kind, _dense_kinds(problem, machine, per_kind, first, last)


def _vector_kinds(problem: Problem, machine: Machine, sizes: dict[str, Ints], first: Ints, last: Ints) -> Kinds:
    n, t, h, w = sizes["n"], sizes["t"], sizes["h"], sizes["w"]
    cost = vector_cost(
        problem,
        machine,
        inputs=problem.sources * n * t[:, 1] * h[:, 1] * w[:, 1],
        outputs=n * t[:, 0] * h[:, 0] * w[:, 0],
        c=sizes["c"],
        is_first=first,
        is_last=last,
    )
    fill = np.full_like(n, machine.fill_cycles)
    none = np.zeros_like(n)
    return Kinds(
        head=cost.compute + fill,
        body=none,
        drain=none,
        fill=fill,
        multiply=none,
        vector=np.where(cost.cause == CAUSES.index("vector"), cost.compute, 0),
        sram_port=np.where(cost.cause == CAUSES.index("sram_port"), cost.compute, 0),
        transform=none,
        drain_stall=none,
        **{event: getattr(cost, event) for event in EVENTS},
    )


def _groups_of(problem: Problem, machine: Machine, n: int, c: int, t: int, h: int, w: int, kind: int) -> Ints:
    """Return the groups of a step in order, as rows (kind, rows, tiles t, h, w, outputs, c)."""
    one = np.array([1], dtype=np.int64)
    shape = [int(size[0]) for size in group_shape(problem, machine, one * t, one * h, one * w)]
    rows = _split(n, machine.rows)
    tiles, kept = [], []
    for size, m, part in zip((t, h, w), problem.algorithm.tile, shape, strict=True):
        tiles.append(_split(-(-size // m), part))
        kept.append(_split(size, part * m))
    grid = np.meshgrid(rows, *tiles, indexing="ij")
    outputs = kept[0][:, None, None] * kept[1][None, :, None] * kept[2][None, None, :]
    count = grid[0].size
    columns = [np.full(count, kind), *(g.ravel() for g in grid)]
    columns += [np.broadcast_to(outputs, grid[0].shape).ravel(), np.full(count, c)]
    return np.stack(columns, axis=1).astype(np.int64)


def _split(total: int, part: int) -> Ints:
    starts = np.arange(0, total, part, dtype=np.int64)
    return np.minimum(part, total - starts)


def _dense_kinds(
    problem: Problem, machine: Machine, per_kind: list[Ints], first: Ints, last: Ints
) -> Kinds:
    """Cost every group of every kind at once, then add up each kind with its two banks swapping in step."""
    table = np.concatenate(per_kind)
    kind = table[:, 0]
    cost = group_cost(
        problem,
        machine,
        rows=table[:, 1],
        tiles=(table[:, 2], table[:, 3], table[:, 4]),
        outputs=table[:, 5],
        c=table[:, 6],
        is_first=first[kind],
        is_last=last[kind],
    )
    starts = np.flatnonzero(np.r_[True, kind[1:] != kind[:-1]])
    ends = np.r_[starts[1:], len(kind)] - 1
    # A swap waits for the multiply of this group and the drain of the one before.
    stall = np.zeros_like(cost.compute)
    stall[1:] = np.maximum(cost.drain[:-1] - cost.compute[1:], 0)
    stall[starts] = 0

    def summed(values: Ints) -> Ints:
        return np.asarray(np.add.reduceat(values, starts), dtype=np.int64)

    by_cause = {
        name: summed(np.where(cost.cause == i, cost.compute, 0)) for i, name in enumerate(CAUSES)
    }
    fill = np.full(len(starts), machine.fill_cycles, dtype=np.int64)
    compute, first_group = summed(cost.compute + stall), cost.compute[starts]
    return Kinds(
        head=first_group + fill,
        body=compute - first_group,
        drain=cost.drain[ends],
        fill=fill,
        drain_stall=summed(stall),
        **by_cause,
        **{event: summed(getattr(cost, event)) for event in EVENTS},
    )
