"""Unroll a mapping into a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import ceil_div, padded
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.map.layer.mapping import (
    Axes,
    Mapping,
    input_boxes,
    make_axes,
    output_boxes,
    weight_tile_bits,
)
from lw3dsim.schedule.dma import Activations, Weights
from lw3dsim.schedule.kinds import make_kinds, stolen_cycles
from lw3dsim.schedule.program import Loads, Loops, Schedule, Stores
from lw3dsim.schedule.room import last_uses, release_steps, release_stores

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.problem import Problem


def build_schedule(problem: Problem, mapping: Mapping, arch: Accelerator, clocks: Clocks) -> Schedule:
    """Return the schedule of ``problem`` under ``mapping``.

    Its tensors lie behind each other in DRAM: inputs, weights, outputs, each from
    a whole stripe of all banks on, so that no two share a row.
    """
    axes = make_axes(problem, mapping)
    loops = _unroll(problem, mapping, axes)
    boxes = input_boxes(problem, mapping, axes, clocks.burst_bytes)
    each = padded(boxes.layout.bursts, clocks.stripe_bursts)
    inputs = Activations(boxes=boxes, bases=tuple(i * each for i in range(problem.sources)))
    tiles = _weight_tiles(problem, axes, clocks.burst_bytes)
    weights = Weights(box_bursts=tiles, base=problem.sources * each)
    base = weights.base + padded(weights.bursts, clocks.stripe_bursts)
    outputs = Activations(boxes=output_boxes(problem, mapping, clocks.burst_bytes), bases=(base,))
    ifmap = _ifmap(problem, mapping, axes, loops, inputs)
    weight = _weight(problem, mapping, axes, loops, len(inputs.box_bursts))
    ofmap = _ofmap(problem, mapping, axes, loops, outputs, len(inputs.box_bursts) + len(tiles))
    machine = make_machine(problem, arch, mapping.parallel)
    # With one slot they take turns.
    meeting = [name for name in machine.shared_ports if getattr(mapping, f"{name}_slots") > 1]
    stolen = stolen_cycles(machine, meeting, len(loops.c), ifmap, weight, ofmap)
    kind, kinds = make_kinds(problem, axes, loops, machine, stolen)
    return Schedule(
        loops=loops,
        kind=kind,
        kinds=kinds,
        lead=np.zeros_like(kinds.head),
        ifmap=ifmap,
        weight=weight,
        ofmap=ofmap,
        setup_cycles=arch.layer_setup_cycles,
        regions=(inputs, weights, outputs),
    )


def _unroll(problem: Problem, mapping: Mapping, axes: Axes) -> Loops:
    frames = 1 if problem.reduces_frames else axes.t.tiles
    size = {
        "g": problem.groups,
        "n": len(axes.n),
        "t": frames,
        "h": axes.h.tiles,
        "w": axes.w.tiles,
        "c": len(axes.c),
    }
    order = "gnthwc" if mapping.order == "weights_outer" else "gthwnc"
    grid = np.indices([size[name] for name in order], dtype=np.int64).reshape(6, -1)
    index = dict(zip(order, grid, strict=True))
    return Loops(**index, is_first=index["c"] == 0, is_last=index["c"] == size["c"] - 1)


def _changes(*indices: Ints) -> Ints:
    """Return the steps at which any index differs from the step before; the first always does."""
    changed = np.zeros(len(indices[0]), dtype=bool)
    changed[0] = True
    for index in indices:
        changed[1:] |= index[1:] != index[:-1]
    return np.flatnonzero(changed)


def _ifmap(problem: Problem, mapping: Mapping, axes: Axes, loops: Loops, region: Activations) -> Loads:
    is_dense = problem.structure == "dense"
    channel, sizes = (
        (loops.c, axes.c)
        if is_dense
        else (loops.n, axes.n // problem.group_n * problem.input_channels_of(problem.group_n))
    )
    frame = loops.c if problem.reduces_frames else loops.t
    steps = _changes(loops.g, channel, frame, loops.h, loops.w)
    at = (frame[steps], loops.h[steps], loops.w[steps])
    box = _box(region, loops.g[steps] * len(sizes) + channel[steps], at)
    pixels = axes.t.needed[at[0]] * axes.h.needed[at[1]] * axes.w.span[at[2]]
    bits = sizes[channel[steps]] * pixels * problem.activation_bits * problem.sources
    return _loads(steps, box, bits, mapping.ifmap_slots, len(loops.c))


def _loads(first: Ints, box: Ints, bits: Ints, slots: int, steps: int) -> Loads:
    """Return the tiles of a layer in ``slots`` of one size, each used until the next comes."""
    return Loads(
        first=first,
        last=last_uses(first, steps),
        box=box,
        bits=bits,
        after=release_steps(first, slots),
        gate=np.full(len(first), -1, dtype=np.int64),
    )


def _weight_tiles(problem: Problem, axes: Axes, burst_bytes: int) -> Ints:
    """Return the bursts of the weight tiles, in the order (group, n, c)."""
    if problem.structure == "vector":
        return np.zeros(0, dtype=np.int64)
    is_first = np.arange(len(axes.c)) == 0
    bits = weight_tile_bits(problem, axes.n[:, None], axes.c[None, :], is_first[None, :])
    return np.tile(ceil_div(bits, 8 * burst_bytes).ravel(), problem.groups)


def _weight(problem: Problem, mapping: Mapping, axes: Axes, loops: Loops, first_box: int) -> Loads:
    steps = np.zeros(0, dtype=np.int64) if problem.structure == "vector" else _changes(loops.g, loops.n, loops.c)
    g, n, c = loops.g[steps], loops.n[steps], loops.c[steps]
    bits = weight_tile_bits(problem, axes.n[n], axes.c[c], loops.is_first[steps])
    box = first_box + (g * len(axes.n) + n) * len(axes.c) + c
    return _loads(steps, box, bits, mapping.weight_slots, len(loops.c))


def _ofmap(problem: Problem, mapping: Mapping, axes: Axes, loops: Loops, region: Activations, first_box: int) -> Stores:
    closes = np.flatnonzero(loops.is_last)
    at = (loops.t[closes], loops.h[closes], loops.w[closes])
    g, n, boxes = loops.g[closes], loops.n[closes], region.boxes
    pixels = boxes.t.needed[at[0]] * boxes.h.needed[at[1]] * boxes.w.span[at[2]]
    return Stores(
        opens=np.flatnonzero(loops.is_first),
        closes=closes,
        box=first_box + _box(region, g * len(axes.n) + n, at),
        bits=axes.n[n] * pixels * problem.activation_bits,
        after=release_stores(len(closes), mapping.ofmap_slots),
    )


def _box(region: Activations, channel: Ints, at: tuple[Ints, Ints, Ints]) -> Ints:
    """Return the number of the box at (channel range, t, h, w)."""
    return np.asarray(np.ravel_multi_index((channel, *at), region.boxes.shape), dtype=np.int64)
