"""The loop nest of a mapped layer or group, as it really runs: loops over DRAM tiles, what comes on chip, the array.

A tile is loaded inside the innermost loop that changes it, and stays for all loops
within. Loops of a single trip are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING

from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.waves import wave_shape
from lw3dsim.map.layer.mapping import input_axis, input_tile, make_axes
from lw3dsim.map.words import kib, plural, positions
from lw3dsim.report.text.group_nest import group_lines, group_loops
from lw3dsim.report.text.nest_lines import Line, Loop, lanes, one_each, rows, summed, times
from lw3dsim.schedule.group_work import GroupWork
from lw3dsim.schedule.work import LayerWork, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.fill import Fill
    from lw3dsim.map.layer.mapping import Mapping


@dataclass(frozen=True, kw_only=True)
class Nest:
    """A mapped unit: its loops over tiles (all of them), its lines, and how full the buffers get."""

    loops: tuple[Loop, ...]
    lines: tuple[Line, ...]
    fill: tuple[Fill, ...]


def make_nest(unit: Unit, arch: Accelerator) -> Nest:
    """Return the loop nest of a layer or group that is mapped on ``arch``."""
    return _nest(unit.run.work, unit, unit.run.design(arch))


@singledispatch
def _nest(work: Work, unit: Unit, arch: Accelerator) -> Nest:
    raise NotImplementedError


@_nest.register(GroupWork)
def _nest_group(work: GroupWork, unit: Unit, arch: Accelerator) -> Nest:
    fill = work.fill(arch)
    lines = group_lines([layer.name for layer in unit.layers], work, arch, fill)
    return Nest(loops=group_loops(work), lines=tuple(lines), fill=tuple(fill))


@_nest.register(LayerWork)
def _nest_layer(work: LayerWork, unit: Unit, arch: Accelerator) -> Nest:
    fill, loops = work.fill(arch), layer_loops(work.problem, work.mapping)
    lines = [*_dram_lines(work, unit.run.steps, loops, fill), *_array_lines(work.problem, work.mapping, arch)]
    return Nest(loops=loops, lines=tuple(lines), fill=tuple(fill))


def layer_loops(problem: Problem, mapping: Mapping) -> tuple[Loop, ...]:
    """Return the DRAM-level loops of a layer, the outermost first."""
    # A tile is a part of one clip, or whole ones.
    is_part = mapping.t < problem.segment[0]
    frames, clips = (problem.segment[0], problem.segments) if is_part else (problem.out[0], 1)
    sizes = {
        "g": (problem.groups, 1),
        "n": (problem.n, mapping.n),
        "c": (problem.c, mapping.c),
        "t": (frames, mapping.t),
        "h": (problem.out[1], mapping.h),
        "w": (problem.out[2], mapping.w),
    }
    order = "gnthwc" if mapping.order == "weights_outer" else "gthwnc"
    return tuple(
        Loop(dim=dim, total=sizes[dim][0], tile=sizes[dim][1], clips=clips if dim == "t" else 1) for dim in order
    )


def _dram_lines(work: LayerWork, steps: int, loops: Sequence[Loop], fill: Sequence[Fill]) -> list[Line]:
    problem, mapping = work.problem, work.mapping
    nest = [loop for loop in loops if loop.trips > 1]
    input_dims = "gcthw" if problem.structure == "dense" else "gncthw" if problem.reduces_frames else "gnthw"
    bits: dict[str, int] = {one.buffer: one.tile_bits for one in fill}
    loads = [("ifmap", input_dims, _input_note(problem, mapping))]
    if problem.has_weights:
        loads.insert(0, ("weight", "gnc", f"{mapping.n}x{mapping.c} kernels of {'x'.join(map(str, problem.kernel))}"))
    lines: list[Line] = []
    for depth in range(len(nest) + 1):
        for name, dims, note in loads:
            if _depth(nest, dims) == depth:
                text = f"{note} = {kib(bits[name])} KiB, {_loads(nest, dims)}"
                lines.append(Line(level="DRAM", depth=depth, code=f"load {name}", note=text))
        if depth < len(nest):
            loop = nest[depth]
            lines.append(Line(level="DRAM", depth=depth, code=loop.code, note=_loop_note(loop, problem)))
    outputs = f"{mapping.n} x {mapping.t}x{mapping.h}x{mapping.w}"
    reduced = f", {mapping.c} of {problem.c} {positions('c', problem)} at a time" if mapping.c < problem.c else ""
    step = f"{outputs} outputs{reduced}; {plural(steps, 'step')}"
    lines.append(Line(level="chip", depth=len(nest), code="compute", note=step))
    closes = next((i for i, loop in enumerate(nest) if loop.dim == "c"), len(nest))
    stores = math.prod(loop.trips for loop in nest[:closes])
    sums = f", partial sums stay on chip ({problem.accumulator_bits} bits)" if mapping.c < problem.c else ""
    note = f"{outputs}, {plural(stores, 'store')}{sums}"
    return [*lines, Line(level="DRAM", depth=closes, code="store ofmap", note=note)]


def _depth(nest: Sequence[Loop], dims: str) -> int:
    """Return within how many loops a tile is loaded that depends on ``dims``."""
    return max((i + 1 for i, loop in enumerate(nest) if loop.dim in dims), default=0)


def _loads(nest: Sequence[Loop], dims: str) -> str:
    """Return how often tiles of ``dims`` are loaded, each, and for which loops they stay."""
    depth = _depth(nest, dims)
    count = math.prod(loop.trips for loop in nest[:depth])
    again = [loop for loop in nest[:depth] if loop.dim not in dims]
    each = math.prod(loop.trips for loop in again)
    within = " ".join(loop.dim for loop in nest[depth:])
    text = plural(count, "load")
    text += f", each {times(each)} (anew for {' '.join(loop.dim for loop in again)})" if again else ", once each"
    return text + (f", stays for {within}" if within else "")


def _loop_note(loop: Loop, problem: Problem) -> str:
    return f"{loop.sizes} {positions(loop.dim, problem)}"


def _input_note(problem: Problem, mapping: Mapping) -> str:
    """Return the largest tile of the input, and what its halos cost."""
    axes = make_axes(problem, mapping)
    size = (axes.t.needed.max(), axes.h.needed.max(), axes.w.span.max())
    channels = input_tile(problem, mapping)
    text = f"{channels} x {'x'.join(map(str, size))}"
    text = f"{problem.sources} tensors of {text}" if problem.sources > 1 else text
    # The chunks of a pool that leaves one frame share none.
    cut = [(d, axis) for d, axis in enumerate((axes.t, axes.h, axes.w)) if d > 0 or not problem.reduces_frames]
    whole = math.prod(int(input_axis(problem, d, problem.out[d]).needed.sum()) for d, _ in cut)
    read = math.prod(int(axis.needed.sum()) for _, axis in cut)
    return f"{text} (halos: {read / whole:.2f} x)" if read > whole else text


def _array_lines(problem: Problem, mapping: Mapping, arch: Accelerator) -> list[Line]:
    """Return how the array works on a full step."""
    machine = make_machine(problem, arch, mapping.parallel)
    if problem.structure == "vector":
        note = f"{plural(problem.ops_per_output, 'operation')} per output"
        note += f" and {problem.c} frames" if problem.reduces_frames else ""
        return [Line(level="vector", depth=0, code=f"{machine.vector_lanes} lanes", note=note)]
    algorithm, size = problem.algorithm, (min(mapping.t, problem.segment[0]), mapping.h, mapping.w)
    shape = wave_shape(plain_layer(problem), plain_array(machine), *size)
    tiles = [-(-outputs // m) for outputs, m in zip(size, algorithm.tile, strict=True)]
    of_space = [
        Loop(dim=dim, total=total, tile=part, is_even=True)
        for dim, total, part in zip("thw", tiles, shape, strict=True)
    ]
    nest = _row_loops(problem, machine, mapping.n, arch)
    what = f"{algorithm.label.split()[1]} tiles" if algorithm.is_winograd else "outputs"
    nest += [(loop, f"{loop.sizes} {what}") for loop in of_space if loop.trips > 1]
    chunk = min(machine.chunk, mapping.c)
    reduction = Loop(dim="c", total=mapping.c, tile=chunk)
    if mapping.c > 1:
        nest.append((reduction, f"{reduction.sizes} input channels, {mapping.parallel}-parallel{summed(arch)}"))
    lines = [
        Line(level="array", depth=depth, code=loop.code, note=note)
        for depth, (loop, note) in enumerate((loop, note) for loop, note in nest if loop.trips > 1 or loop.dim in "gnc")
    ]
    rounds = -(-math.prod(shape) // machine.lanes)
    cycles = algorithm.taps * rounds * machine.cycles_per_tile
    taps = f"{plural(algorithm.taps, 'phase' if algorithm.is_winograd else 'tap')} x {'x'.join(map(str, shape))} {what}"
    note = f"{taps} on {lanes(machine, arch)}, {plural(cycles, 'cycle')}"
    return [*lines, Line(level="array", depth=len(lines), code="multiply", note=note)]


def _row_loops(problem: Problem, machine: Machine, n: int, arch: Accelerator) -> list[tuple[Loop, str]]:
    """Return how ``n`` output channels come to the PEs: one group at a time, or several side by side."""
    if not problem.is_side_by_side:
        loop = Loop(dim="n", total=n, tile=min(machine.rows, n))
        return [(loop, f"{loop.sizes} channels, {one_each(arch)} of {rows(machine, arch)}")]
    groups = n // problem.group_n
    side = Loop(dim="g", total=groups, tile=min(machine.rows // problem.abreast, groups))
    beside = f"side by side on {rows(machine, arch)}"
    loops = [(side, f"{side.sizes} groups, each with an input of its own, {beside}")]
    of_each = Loop(dim="n", total=problem.group_n, tile=problem.abreast)
    return [*loops, (of_each, f"{of_each.sizes} channels of each group, {one_each(arch)}")]
