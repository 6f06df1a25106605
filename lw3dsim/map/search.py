"""The mapper: enumerate tilings, keep what fits the buffers, rank by estimated latency and traffic.

DRAM traffic is exact; compute cycles are those of a full step scaled to the
layer; contention is the larger of both plus the first load and the last store.
The caller simulates the best few and takes the best by simulation.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.errors import MappingError
from lw3dsim.map.mapping import ORDERS, Mapping, Order, Parallel, input_axis, output_axis, weight_tile_bits
from lw3dsim.map.microarchitecture import Machine, group_cost, group_shape, make_machine, vector_cost
from lw3dsim.map.tiling import Axis, Ints, Run, ceil_div, merged_bursts, padded, row_bursts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.problem import Problem

# Numbers of parts that a dimension is cut into.
PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 28, 32, 56, 64, 112, 128, 256, 512, 1024, 4096)

# Latencies within 1/2000 count as equal; fewer DRAM bytes then decide.
TOLERANCE = 2000

# Tilings that are costed group by group, per loop order and parallel mode.
SHORTLIST = 3000


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """What the estimate needs of one cut of T, H or W: totals over its tiles."""

    tile: int
    tiles: int
    needed: int
    span: int
    rows: int
    merged: int
    largest: int
    is_whole: bool


def search(problem: Problem, arch: Accelerator, clocks: Clocks, *, keep: int = 8) -> list[Mapping]:
    """Return the ``keep`` most promising mappings, best first; raise MappingError when none fits."""
    modes: tuple[Parallel, ...] = ("pixel",)
    if problem.structure == "dense" and not problem.algorithm.is_winograd and arch.pe.mults_per_pe > 1:
        modes = ("pixel", "channel")
    grid = _grid(problem, arch, clocks.burst_bytes)
    fits, slots = _capacity(problem, arch, grid)
    if not fits.any():
        raise _too_small(problem, arch, grid)
    grid = {name: values[fits] for name, values in (grid | slots).items()}
    found = [
        _promising(problem, make_machine(problem, arch, mode), grid, order, mode, arch.buffers.slots, clocks)
        for order in ORDERS
        for mode in modes
    ]
    latency, bursts, steps = (np.concatenate([getattr(f, name) for f in found]) for name in ("latency", "bursts", "steps"))
    owners = [(f, i) for f in found for i in range(len(f.latency))]
    return [owners[int(i)][0].mapping(owners[int(i)][1]) for i in _best(latency, bursts, steps, keep)]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Candidates of one loop order and parallel mode with their estimates."""

    grid: dict[str, Ints]
    order: Order
    parallel: Parallel
    latency: Ints
    bursts: Ints
    steps: Ints

    def mapping(self, i: int) -> Mapping:
        return Mapping(
            **{name: int(self.grid[name][i]) for name in (*"ncthw", "ifmap_slots", "weight_slots", "ofmap_slots")},
            order=self.order,
            parallel=self.parallel,
        )


def _promising(
    problem: Problem,
    machine: Machine,
    grid: dict[str, Ints],
    order: Order,
    parallel: Parallel,
    slots: int,
    clocks: Clocks,
) -> _Found:
    """Rank all tilings roughly, then the best of them with every group counted."""
    moved = _bursts(problem, grid, order, clocks)
    latency = _latency(problem, grid, moved, _rough_step_cycles(problem, machine, grid), machine.fill_cycles, slots, clocks)
    if problem.structure != "vector":
        short = np.lexsort((np.arange(len(latency)), moved["total"], latency))[:SHORTLIST]
        grid = {name: values[short] for name, values in grid.items()}
        moved = {name: values[short] for name, values in moved.items()}
        latency = _latency(problem, grid, moved, _step_cycles(problem, machine, grid), machine.fill_cycles, slots, clocks)
    counts = _step_counts(problem, grid)
    steps = counts["n"] * counts["spatial"] * counts["reduction"]
    return _Found(grid=grid, order=order, parallel=parallel, latency=latency, bursts=moved["total"], steps=steps)


def _best(latency: Ints, bursts: Ints, steps: Ints, keep: int) -> list[int]:
    """Return indices of the best: half by traffic among the nearly fastest, then by latency."""
    near = np.flatnonzero(latency * TOLERANCE <= int(latency.min()) * (TOLERANCE + 1))
    thrifty = near[np.lexsort((near, latency[near], steps[near], bursts[near]))][: keep // 2]
    fastest = np.lexsort((np.arange(len(latency)), steps, bursts, latency))[:keep]
    return list(dict.fromkeys([*thrifty.tolist(), *fastest.tolist()]))[:keep]


def _sizes(total: int, quanta: set[int], extra: Iterable[int] = ()) -> list[int]:
    """Return tile sizes: ``total`` in k nearly equal parts, rounded up to each quantum."""
    sizes = {min(total, padded(-(-total // k), q)) for k in PARTS if k <= total for q in quanta}
    return sorted(sizes.union(size for size in extra if size <= total))


def _grid(problem: Problem, arch: Accelerator, burst_bytes: int) -> dict[str, Ints]:
    """Return every combination of tile sizes as flat arrays, with the per-axis sums gathered in."""
    mt, mh, mw = problem.algorithm.tile
    small = {1, 2, 4} if problem.structure != "vector" else {1, 4}
    n = _sizes(problem.n, {max(arch.pe.rows, problem.output_block), problem.output_block}, small | {arch.pe.rows})
    c = _sizes(problem.c, {1} if problem.reduces_frames else {problem.input_block}, small)
    if problem.structure == "dense" and problem.out == (1, 1, 1):
        c = _sizes(problem.c, {arch.pe.mults_per_pe, 1})
    t = [problem.out[0]] if problem.whole_frames else _sizes(problem.out[0], {mt})
    axes = (
        [_sums(problem, 0, size, burst_bytes) for size in t],
        [_sums(problem, 1, size, burst_bytes) for size in _sizes(problem.out[1], {mh})],
        [_sums(problem, 2, size, burst_bytes) for size in _sizes(problem.out[2], {mw})],
    )
    index = np.meshgrid(
        np.arange(len(n)), np.arange(len(c)), *(np.arange(len(axis)) for axis in axes), indexing="ij"
    )
    flat = [i.ravel() for i in index]
    grid = {"n": np.array(n, dtype=np.int64)[flat[0]], "c": np.array(c, dtype=np.int64)[flat[1]]}
    for name, axis, i in zip("thw", axes, flat[2:], strict=True):
        grid[name] = np.array([pair[0].tile for pair in axis], dtype=np.int64)[i]
        for side, suffix in ((0, ""), (1, "_out")):
            for field in ("tiles", "needed", "span", "rows", "merged", "largest", "is_whole"):
                column = np.array([getattr(pair[side], field) for pair in axis], dtype=np.int64)
                grid[f"{name}_{field}{suffix}"] = column[i]
    return grid


def _sums(problem: Problem, dimension: int, tile: int, burst_bytes: int) -> tuple[_Sums, _Sums]:
    """Return the sums of the input side and of the output side of one cut."""
    input_run, output_run = (
        Run(element_bits=problem.activation_bits, block=block, burst_bytes=burst_bytes)
        for block in (problem.input_block, problem.output_block)
    )
    read, written = input_axis(problem, dimension, tile), output_axis(problem, dimension, tile)
    return (
        _axis_sums(read, problem.inp, input_run, dimension, tile),
        _axis_sums(written, problem.out, output_run, dimension, tile),
    )


def _axis_sums(axis: Axis, size: tuple[int, int, int], run: Run, dimension: int, tile: int) -> _Sums:
    _, H, W = size
    line = (H * W, W, 1)[dimension] * run.block
    return _Sums(
        tile=tile,
        tiles=axis.tiles,
        needed=int(axis.needed.sum()),
        span=int(axis.span.sum()),
        rows=int(row_bursts(axis, run).sum()),
        merged=int(merged_bursts(axis, line, run).sum()),
        largest=int((axis.span if dimension == 2 else axis.needed).max()),
        is_whole=axis.is_whole,
    )


def _capacity(problem: Problem, arch: Accelerator, grid: dict[str, Ints]) -> tuple[Ints, dict[str, Ints]]:
    """Return which tilings fit, and the slots of each stream: one where a single tile is all there is."""
    tiles = _tile_bits(problem, grid)
    steps = _step_counts(problem, grid)
    single = {
        "ifmap": steps["spatial"] * steps["reduction"] * np.where(problem.structure == "dense", 1, steps["n"]) == 1,
        "weight": steps["n"] * steps["reduction"] == 1,
        "ofmap": steps["spatial"] * steps["n"] == 1,
    }
    kib = {"ifmap": arch.buffers.ifmap_kib, "weight": arch.buffers.weight_kib, "ofmap": arch.buffers.ofmap_kib}
    fits = np.ones(len(grid["n"]), dtype=bool)
    slots = {}
    for name, bits in tiles.items():
        slots[f"{name}_slots"] = np.where(single[name] & (problem.groups == 1), 1, arch.buffers.slots)
        fits &= bits <= kib[name] * 8192 // slots[f"{name}_slots"]
    return fits, slots


def _tile_bits(problem: Problem, grid: dict[str, Ints]) -> dict[str, Ints]:
    """Return the bits that the largest tile of each stream takes in its buffer."""
    n, c = grid["n"], grid["c"]
    channels = c if problem.structure == "dense" else n
    frames = np.minimum(grid["c"], grid["t_largest"]) if problem.reduces_frames else grid["t_largest"]
    pixels = frames * grid["h_largest"] * grid["w_largest"]
    outputs = n * grid["t"] * grid["h"] * grid["w"]
    is_split = c < problem.c
    return {
        "ifmap": channels * pixels * problem.sources * problem.activation_bits,
        "weight": weight_tile_bits(problem, n, c, True),
        "ofmap": outputs * np.where(is_split, problem.accumulator_bits, problem.activation_bits),
    }


def _step_counts(problem: Problem, grid: dict[str, Ints]) -> dict[str, Ints]:
    return {
        "n": ceil_div(problem.n, grid["n"]),
        "reduction": ceil_div(problem.c, grid["c"]),
        "spatial": grid["t_tiles"] * grid["h_tiles"] * grid["w_tiles"],
    }


def _too_small(problem: Problem, arch: Accelerator, grid: dict[str, Ints]) -> MappingError:
    """Say which buffer is too small for any tiling, and how large it would have to be."""
    for name, bits in _tile_bits(problem, grid).items():
        need = -(-int(bits.min()) * arch.buffers.slots // 8192)
        have = getattr(arch.buffers, f"{name}_kib")
        if need > have:
            key = f"buffers.{name}_kib"
            return MappingError(key, f"{have} KiB hold no tile (needs at least {need} KiB); raise it or lower buffers.slots")
    return MappingError("buffers", "no tiling fits all three buffers at once; raise ifmap_kib, weight_kib and ofmap_kib")


def _bursts(problem: Problem, grid: dict[str, Ints], order: Order, clocks: Clocks) -> dict[str, Ints]:
    """Return the bursts of the whole layer, and of the first load and last store."""
    steps = _step_counts(problem, grid)
    many_n, many_spatial = steps["n"] > 1, steps["spatial"] > 1
    if order == "weights_outer":
        ifmap_again = np.where((steps["reduction"] > 1) | many_spatial, steps["n"], 1)
        weight_again = np.where(steps["reduction"] > 1, steps["spatial"], 1)
    else:
        ifmap_again = np.where(steps["reduction"] > 1, steps["n"], 1)
        weight_again = np.where((steps["reduction"] > 1) | many_n, steps["spatial"], 1)
    if problem.structure != "dense":
        ifmap_again = np.ones_like(ifmap_again)
    channels, total = (grid["c"], problem.c) if problem.structure == "dense" else (grid["n"], problem.n)
    ifmap = problem.groups * problem.sources * ifmap_again * _plane_bursts(problem, grid, channels, total, "", clocks)
    ofmap = problem.groups * _plane_bursts(problem, grid, grid["n"], problem.n, "_out", clocks)
    bits = 8 * clocks.burst_bytes
    tile = ceil_div(weight_tile_bits(problem, grid["n"], grid["c"], True), bits)
    weight = problem.groups * weight_again * steps["n"] * steps["reduction"] * tile
    tiles = steps["spatial"] * ceil_div(total, channels)
    return {
        "total": ifmap + weight + ofmap,
        "loads": problem.groups * ifmap_again * tiles,
        "edges": ceil_div(ifmap, problem.groups * tiles * ifmap_again)
        + tile
        + ceil_div(ofmap, problem.groups * steps["spatial"] * steps["n"]),
    }


def _plane_bursts(
    problem: Problem, grid: dict[str, Ints], channels: Ints, total: int, side: str, clocks: Clocks
) -> Ints:
    """Return the bursts of loading (or storing) a tensor once, tile by tile."""
    block = problem.output_block if side else problem.input_block
    run = Run(element_bits=problem.activation_bits, block=block, burst_bytes=clocks.burst_bytes)
    get = {name: grid[f"{name}{side}"] for name in (
        "t_needed", "h_needed", "w_span", "w_rows", "h_merged", "t_merged", "w_is_whole", "h_is_whole", "t_is_whole"
    )}
    blocks = -(-total // block)
    pixels = get["t_needed"] * get["h_needed"] * get["w_span"]
    by_row = get["t_needed"] * get["h_needed"] * get["w_rows"]
    by_frame = get["t_needed"] * get["h_merged"]
    whole_plane = get["w_is_whole"] & get["h_is_whole"]
    bursts = blocks * np.where(whole_plane, get["t_merged"], np.where(get["w_is_whole"], by_frame, by_row))
    merged = ceil_div(total, channels) * run.bursts(ceil_div(channels, block) * block * pixels)
    bursts = np.where(whole_plane & get["t_is_whole"], merged, bursts)
    scattered = ceil_div(total, channels) * run.bursts(channels) * pixels
    return np.asarray(np.where((channels < block) & (channels < total), scattered, bursts), dtype=np.int64)


def _rough_step_cycles(problem: Problem, machine: Machine, grid: dict[str, Ints]) -> Ints:
    """Return the cycles of a full step, its groups taken as evenly filled."""
    n, t, h, w = (grid[name] for name in "nthw")
    if problem.structure == "vector":
        inputs = problem.sources * n * grid["t_largest"] * grid["h_largest"] * grid["w_largest"]
        return _vector_cycles(problem, machine, inputs, n * t * h * w, grid["c"])
    shape = group_shape(problem, machine, t, h, w)
    tiles = np.ones_like(n)
    for size, m in zip((t, h, w), problem.algorithm.tile, strict=True):
        tiles = tiles * ceil_div(size, m)
    each = _group_cycles(problem, machine, grid, np.minimum(n, machine.rows), shape)
    return ceil_div(n, machine.rows) * ceil_div(each * tiles, shape[0] * shape[1] * shape[2])


def _step_cycles(problem: Problem, machine: Machine, grid: dict[str, Ints]) -> Ints:
    """Return the cycles of a full step, every full and ragged group counted."""
    shape = group_shape(problem, machine, grid["t"], grid["h"], grid["w"])
    rows = [(grid["n"] // machine.rows, np.full_like(grid["n"], machine.rows)), (np.minimum(grid["n"] % machine.rows, 1), grid["n"] % machine.rows)]
    cuts = []
    for size, m, part in zip((grid[a] for a in "thw"), problem.algorithm.tile, shape, strict=True):
        tiles = ceil_div(size, m)
        cuts.append([(tiles // part, part), (np.minimum(tiles % part, 1), tiles % part)])
    cycles = np.zeros_like(grid["n"])
    for (kn, n), (kt, t), (kh, h), (kw, w) in itertools.product(rows, *cuts):
        count = kn * kt * kh * kw
        some = np.flatnonzero(count)
        if len(some):
            part_grid = {name: grid[name][some] for name in (*"cthw",)}
            cycles[some] += count[some] * _group_cycles(problem, machine, part_grid, n[some], (t[some], h[some], w[some]))
    return cycles


def _group_cycles(
    problem: Problem, machine: Machine, grid: dict[str, Ints], rows: Ints, tiles: tuple[Ints, Ints, Ints]
) -> Ints:
    """Return the cycles of groups of ``rows`` and ``tiles``: computing or draining, whichever is longer."""
    outputs = np.ones_like(rows)
    for part, m, size in zip(tiles, problem.algorithm.tile, (grid[a] for a in "thw"), strict=True):
        outputs = outputs * np.minimum(part * m, size)
    is_whole = grid["c"] >= problem.c
    cost = group_cost(
        problem, machine, rows=rows, tiles=tiles, outputs=outputs, c=grid["c"], is_first=is_whole, is_last=is_whole
    )
    return np.maximum(cost.compute, cost.drain)


def _vector_cycles(problem: Problem, machine: Machine, inputs: Ints, outputs: Ints, c: Ints) -> Ints:
    is_whole = c >= problem.c
    return vector_cost(
        problem, machine, inputs=inputs, outputs=outputs, c=c, is_first=is_whole, is_last=is_whole
    ).compute


def _latency(
    problem: Problem, grid: dict[str, Ints], bursts: dict[str, Ints], step_cycles: Ints, fill: int, slots: int, clocks: Clocks
) -> Ints:
    """Return the estimated latency in ticks, from the cycles of a full step."""
    steps = _step_counts(problem, grid)
    count = problem.groups * steps["n"] * steps["spatial"] * steps["reduction"]
    # Compute is proportional to c, so the ragged last reduction step is scaled exactly.
    scaled = step_cycles * problem.c * count // (steps["reduction"] * grid["c"])
    compute = (scaled + count * fill) * clocks.cycle_ticks
    moved = bursts["total"] * clocks.burst_ticks
    # A slot is refilled only after its step: load, latency and compute share the slots.
    turnaround = (moved + compute + bursts["loads"] * clocks.latency_ticks) // slots
    return np.maximum(np.maximum(compute, moved), turnaround) + bursts["edges"] * clocks.burst_ticks
