"""Unroll a mapping into a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.arrays import ceil_div
from lw3dsim.map.mapping import (
    Axes,
    Mapping,
    input_footprint,
    make_axes,
    output_footprint,
    weight_tile_bits,
)
from lw3dsim.map.microarchitecture import make_machine
from lw3dsim.schedule.kinds import StolenCycles, make_kinds
from lw3dsim.schedule.program import LoadStream, Loops, Schedule, StoreStream

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.map.arrays import Ints
    from lw3dsim.map.microarchitecture import Machine
    from lw3dsim.map.problem import Problem


def build_schedule(problem: Problem, mapping: Mapping, arch: Accelerator, burst_bytes: int) -> Schedule:
    """Return the schedule of ``problem`` under ``mapping``."""
    axes = make_axes(problem, mapping)
    loops = _unroll(problem, mapping, axes)
    machine = make_machine(problem, arch, mapping.parallel)
    ifmap = _ifmap(problem, mapping, axes, loops, burst_bytes)
    weight = _weight(problem, mapping, axes, loops, burst_bytes)
    ofmap = _ofmap(problem, mapping, axes, loops, burst_bytes)
    stolen = _stolen_cycles(machine, len(loops.c), ifmap, weight, ofmap)
    kind, kinds = make_kinds(problem, axes, loops, machine, stolen)
    return Schedule(
        loops=loops,
        kind=kind,
        kinds=kinds,
        ifmap=ifmap,
        weight=weight,
        ofmap=ofmap,
        setup_cycles=arch.layer_setup_cycles,
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


def _stolen_cycles(
    machine: Machine, steps: int, ifmap: LoadStream, weight: LoadStream, ofmap: StoreStream
) -> StolenCycles:
    """Return the cycles that DMA takes from the array at the ports of buffers with a single bank.

    A tile's transfer is paid by the step that first uses it, or whose drain closes it. The
    first tile comes before the array runs, the last leaves after; with one slot they never meet.
    """
    computing, draining = np.zeros(steps, dtype=np.int64), np.zeros(steps, dtype=np.int64)
    for name, stream, port in (("ifmap", ifmap, machine.ifmap_port), ("weight", weight, machine.weight_port)):
        if name in machine.shared_ports and stream.slots > 1:
            computing[stream.steps[1:]] += port.cycles(stream.bits[1:])
    if "ofmap" in machine.shared_ports and ofmap.slots > 1:
        draining[ofmap.closes[:-1]] += machine.ofmap_port.cycles(ofmap.bits[:-1])
    return StolenCycles(computing=computing, draining=draining)


def _changes(*indices: Ints) -> Ints:
    """Return the steps at which any index differs from the step before; the first always does."""
    changed = np.zeros(len(indices[0]), dtype=bool)
    changed[0] = True
    for index in indices:
        changed[1:] |= index[1:] != index[:-1]
    return np.flatnonzero(changed)


def _ifmap(problem: Problem, mapping: Mapping, axes: Axes, loops: Loops, burst_bytes: int) -> LoadStream:
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


def _weight(problem: Problem, mapping: Mapping, axes: Axes, loops: Loops, burst_bytes: int) -> LoadStream:
    if problem.structure == "vector":
        none = np.zeros(0, dtype=np.int64)
        return LoadStream(steps=none, bursts=none, bits=none, slots=mapping.weight_slots)
    steps = _changes(loops.g, loops.n, loops.c)
    bits = weight_tile_bits(problem, axes.n[loops.n[steps]], axes.c[loops.c[steps]], loops.is_first[steps])
    return LoadStream(steps=steps, bursts=ceil_div(bits, 8 * burst_bytes), bits=bits, slots=mapping.weight_slots)


def _ofmap(problem: Problem, mapping: Mapping, axes: Axes, loops: Loops, burst_bytes: int) -> StoreStream:
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
