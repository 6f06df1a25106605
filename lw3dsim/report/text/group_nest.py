"""The loop nest of a fused group: tiles of the last output, runs of stages chunk by chunk, halos, resident weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.arrays import parts
from lw3dsim.map.layer.mapping import weight_tile_bits
from lw3dsim.map.words import DIMENSIONS, kib, plural
from lw3dsim.report.text.nest_lines import Line, Loop, lanes, rows, summed
from lw3dsim.schedule.fused import stage_machines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.map.fill import Fill
    from lw3dsim.map.group.cutting import GroupAxis
    from lw3dsim.schedule.group_work import GroupWork


def group_loops(work: GroupWork) -> tuple[Loop, ...]:
    """Return the loops over tiles, the outermost first."""
    group, mapping = work.group, work.mapping
    clips, warm = (group.segments, 1, 1), (int(axis.cuts.warm[0]) for axis in mapping.axes(group))
    along = zip("thw", group.extent, mapping.tile, clips, warm, strict=True)
    loops = {dim: Loop(dim=dim, total=size, tile=tile, clips=many, warm=led) for dim, size, tile, many, led in along}
    return tuple(loops[dim] for dim in mapping.loops)


def group_lines(names: Sequence[str], work: GroupWork, arch: Accelerator, fill: Sequence[Fill]) -> list[Line]:
    """Return the lines of the nest of a group of the layers ``names``."""
    group, mapping = work.group, work.mapping
    axes = mapping.axes(group)
    nest = [loop for loop in group_loops(work) if loop.trips > 1]
    lines = [
        Line(level="DRAM", depth=0, code="load weight", note=f"{names[i]}, {_weights(work, i)}, once: resident")
        for i, resident in enumerate(mapping.resident)
        if resident
    ]
    lines += [
        Line(level="DRAM", depth=depth, code=loop.code, note=f"{loop.sizes} {DIMENSIONS[loop.dim]} of {names[-1]}")
        for depth, loop in enumerate(nest)
    ]
    depth = len(nest)
    window = next(one for one in fill if one.buffer == "ifmap")
    note = f"{_size(work, axes, 0)} new = {kib(window.tile_bits)} KiB with what stays; {_halo(work, axes, 0)}"
    lines.append(Line(level="DRAM", depth=depth, code="load ifmap", note=note))
    whole = [] if mapping.sliced else [i for i, operand in enumerate(group.operands) if operand == "dram"]
    lines += [
        Line(level="DRAM", depth=depth, code="load operand", note=f"{_size(work, axes, i + 1)} for {names[i]}")
        for i in whole
    ]
    for stages, size in zip(group.runs, mapping.chunks, strict=True):
        lines += _run_lines(names, work, axes, stages, size, depth)
    return [*lines, *_array_lines(names, work, arch)]


def _run_lines(
    names: Sequence[str], work: GroupWork, axes: Sequence[GroupAxis], stages: range, size: int, depth: int
) -> list[Line]:
    """Return the lines of one run: its loop over chunks of channels, and in it weights, stages and the store."""
    group, mapping = work.group, work.mapping
    loop = Loop(dim="n", total=group.channels[stages.stop], tile=size)
    lines = []
    if loop.trips > 1:
        lines.append(Line(level="chip", depth=depth, code=loop.code, note=f"{loop.sizes} channels"))
        depth += 1
    for i in stages:
        if group.stages[i].has_weights and not mapping.resident[i]:
            loads = loop.trips * math.prod(int((axis.new[i + 1] > 0).sum()) for axis in axes)
            note = f"{names[i]}, {_weights(work, i, size)}, streamed: {plural(loads, 'load')}"
            lines.append(Line(level="DRAM", depth=depth, code="load weight", note=note))
        if mapping.sliced and group.operands[i] == "dram":
            note = f"{size} x {_extent(axes, i + 1)} for {names[i]}, a slice at a time"
            lines.append(Line(level="DRAM", depth=depth, code="load operand", note=note))
        to = "" if i == len(group.stages) - 1 else "; stays on chip"
        to += " and is stored" if group.stores[i] else ""
        note = f"{names[i]}: {size} x {_extent(axes, i + 1)}, {_halo(work, axes, i + 1)}{to}"
        lines.append(Line(level="chip", depth=depth, code=f"compute {i + 1}", note=note))
    if stages.stop == len(group.stages):
        lines.append(Line(level="DRAM", depth=depth, code="store ofmap", note=f"{size} x {_extent(axes, stages.stop)}"))
    return lines


def _extent(axes: Sequence[GroupAxis], tensor: int) -> str:
    """Return the largest tile of a tensor: its new positions along T, H, W."""
    return "x".join(str(int(axis.new[tensor].max())) for axis in axes)


def _size(work: GroupWork, axes: Sequence[GroupAxis], tensor: int) -> str:
    sources = work.group.stages[0].sources if tensor == 0 else 1
    text = f"{work.group.channels[tensor]} x {_extent(axes, tensor)}"
    return f"{sources} tensors of {text}" if sources > 1 else text


def _halo(work: GroupWork, axes: Sequence[GroupAxis], tensor: int) -> str:
    """Return what becomes of the halo of a tensor: kept along an axis, loaded or computed anew, or there is none."""
    kept = [
        f"{int(axis.retained[tensor].max())} {DIMENSIONS[name]} kept"
        for name, axis in zip("thw", axes, strict=True)
        if axis.retained[tensor].any()
    ]
    done = math.prod(int(axis.new[tensor].sum()) for axis in axes)
    needed = work.group.needed[tensor]
    if done > needed:
        kept.append(f"halo {'reloaded' if tensor == 0 else 'recomputed'}: {done / needed:.2f} x")
    return ", ".join(kept) or "no halo"


def _weights(work: GroupWork, i: int, size: int | None = None) -> str:
    """Return the kernels of stage ``i``, all or a chunk of ``size``, and their KiB."""
    stage = work.group.stages[i]
    n = parts(stage.n, size or stage.n)[:1]
    bits = int(weight_tile_bits(stage, n, n * 0 + stage.c, True)[0])
    return f"{int(n[0])}x{stage.c} kernels of {'x'.join(map(str, stage.kernel))} = {kib(bits)} KiB"


def _array_lines(names: Sequence[str], work: GroupWork, arch: Accelerator) -> list[Line]:
    """Return how the array works on every stage."""
    lines = []
    for i, machine in enumerate(stage_machines(work.group, work.mapping, arch)):
        stage, algorithm = work.group.stages[i], work.group.stages[i].algorithm
        note = f"{names[i]}: {rows(machine, arch).removesuffix(' of PEs')} x {lanes(machine, arch)}, "
        note += f"{plural(algorithm.taps, 'phase' if algorithm.is_winograd else 'tap')}"
        note += f", {work.mapping.parallel[i]}-parallel{summed(arch)}" if stage.structure == "dense" else ""
        if stage.structure == "vector":
            note = f"{names[i]}: {machine.vector_lanes} vector lanes, {plural(stage.ops_per_output, 'operation')} each"
        lines.append(Line(level="array", depth=0, code=f"stage {i + 1}", note=note))
    return lines
