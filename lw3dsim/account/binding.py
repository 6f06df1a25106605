"""What binds a layer, in a word and in words, and what would help."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import TYPE_CHECKING

from lw3dsim.engine.causes import IDLE
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.map.words import plural, unrolling
from lw3dsim.schedule.work import LayerWork, Work

if TYPE_CHECKING:
    from lw3dsim.account.simulated import Run
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.dataflow import Loop
    from lw3dsim.machine.microarchitecture import Machine

# What binds, and what of a design or a run would help; against what idles it depends on the dataflow.
REMEDIES = {
    "multiply": "more multipliers, or fewer multiplications: FSB, Winograd",
    "sram_port": "wider ports: buffers.*_port_bytes, or more banks",
    "transform": "transform units with more throughput: transforms.*_coords_per_cycle",
    "vector": "more vector_lanes",
    "drain": "a wider buffers.ofmap_port_bytes, more transforms.output_coords_per_cycle, deeper pe.acc_depth",
    "dram": "a faster DRAM, larger buffers, fusion",
    "dram_read": "a faster DRAM, larger buffers, fusion",
    "dram_write": "a faster DRAM, fusion, more buffers.slots",
    "fill": "larger tiles: larger buffers; fewer pe.pipeline_stages",
    "configuration": "a shorter layer_setup_cycles, fusion",
}


def remedy(cause: str, arch: Accelerator) -> str:
    """Return what of a design or a run would help where ``cause`` binds."""
    if cause == "idle_rows":
        return f"fewer output channels at once: {_shifted('output_channels', arch)}"
    if cause == "idle_lanes":
        return f"fewer tiles at once: {_shifted('tiles', arch)}; multipliers alone don't"
    if cause == "idle_multipliers":
        filled = _fields("input_channels", arch)
        return f"{filled} that input channels fill, " * bool(filled) + "pe.mults_per_pe that tiles fill, other m1, m2"
    return REMEDIES[cause]


def _shifted(loop: Loop, arch: Accelerator) -> str:
    """Return which fields give an array fewer places for ``loop``, and which as many PEs all the same."""
    lower = _fields(loop, arch) or "pe.mults_per_pe"
    others = ", ".join(field for field in ("pe.rows", "pe.cols") if field not in lower)
    return f"lower {lower}" + f", raise {others}" * bool(others)


def _fields(loop: Loop, arch: Accelerator) -> str:
    """Return the fields that are the places for ``loop``."""
    names = {"rows": "pe.rows", "columns": "pe.cols"}
    return ", ".join(names[axis] for axis in arch.dataflow.axes(loop))


def binding(run: Run[Work]) -> str:
    """Return what binds a layer: ``dram`` where moving its bytes takes longer than the array is busy, else a cause."""
    cycles = dict(run.cycles_by_cause)
    waiting = cycles["dram_read"] + cycles["dram_write"]
    if run.dram_bound_cycles >= run.latency_cycles - waiting:
        return "dram"
    return max(cycles, key=lambda cause: cycles[cause])


def idle_words(run: Run[Work], arch: Accelerator) -> str:
    """Return in words which part of the array idles most while the rest multiplies, empty where all of it works.

    How many rows, lanes (columns, where a PE has one) or multipliers of a PE idle is an average: of lanes over
    those of working rows, of multipliers over those of working lanes. Below 1% of the cycles nothing is said.
    """
    cycles = dict(run.cycles_by_cause)
    part = max(IDLE, key=lambda cause: cycles[cause])
    if cycles[part] * 100 < run.latency_cycles:
        return ""
    return _idle(run.work, run, part, arch)


@singledispatch
def _idle(work: Work, run: Run[Work], part: str, arch: Accelerator) -> str:  # noqa: ARG001  # what is known of any
    idle = dict(run.cycles_by_cause)[part] / run.latency_cycles
    return f"{part.removeprefix('idle_')} idle in {idle:.0%} of the cycles"


@_idle.register(LayerWork)
def _idle_layer(work: LayerWork, run: Run[Work], part: str, arch: Accelerator) -> str:
    machine = make_machine(work.problem, arch, work.mapping.parallel)
    share = float(run.busy.idle_shares[part])
    if part == "idle_rows":
        return _told(share, machine.rows, f"{unrolling('output_channels', arch)}s", _channels(work, machine.rows))
    if part == "idle_lanes":
        name = unrolling("tiles", arch) if machine.lanes == arch.places("tiles") else ""
        return _told(share, machine.lanes, f"{name or 'lane'}s", _tiles(work, machine))
    return _idle_multipliers(share, work, machine, arch)


def _idle_multipliers(share: float, work: LayerWork, machine: Machine, arch: Accelerator) -> str:
    """Return in words which multipliers of working lanes idle: of a PE, or of the PEs along an adder tree."""
    mults, in_trees = arch.pe.mults_per_pe, arch.places("input_channels")
    if in_trees == 1:
        return _told(share, mults, "multipliers of a PE", _coordinates(work, machine))
    coordinates = work.problem.algorithm.coordinates
    if machine.chunk == in_trees and (mults % coordinates == 0 or coordinates % mults == 0):
        return _told(share, in_trees, f"{unrolling('input_channels', arch)}s", _input_channels(work))
    why = _input_channels(work)
    if machine.chunk == in_trees:
        why += f"; {_coordinates(work, machine)}"
    return _told(share, mults * in_trees, "multipliers along an adder tree", why)


def _told(share: float, of: int, parts: str, why: str) -> str:
    idle = f"{share * of:.1f}".removesuffix(".0")
    return f"{idle} of {of} {parts} idle: {why}"


def _channels(work: LayerWork, rows: int) -> str:
    problem = work.problem
    if problem.is_side_by_side:
        groups = problem.n // problem.group_n
        beside = min(rows // problem.abreast, groups)
        return f"{groups} groups of {plural(problem.group_n, 'output channel')}, {beside} side by side"
    of_group = f" in each of {problem.groups} groups" if problem.groups > 1 else ""
    step = f", {work.mapping.n} a step" if work.mapping.n < problem.n else ""
    return f"{plural(problem.n, 'output channel')}{of_group}{step}"


def _tiles(work: LayerWork, machine: Machine) -> str:
    algorithm, mapping = work.problem.algorithm, work.mapping
    name = f"{algorithm.label.split()[1]} tile" if algorithm.is_winograd else "pixel"

    segment = work.problem.segment

    def tiles(size: tuple[int, int, int]) -> list[int]:
        return [-(-outputs // m) for outputs, m in zip(size, algorithm.tile, strict=True)]

    # Clips that windows keep apart are worked through one after another, in a step too.
    whole, step = tiles(segment), tiles((min(mapping.t, segment[0]), mapping.h, mapping.w))
    if math.prod(whole) < machine.lanes:
        return plural(math.prod(whole), name)
    of_step = f"{'x'.join(map(str, step))} {name}s a step" if step != whole else f"{'x'.join(map(str, whole))} {name}s"
    return f"{of_step}, in groups that leave lanes over"


def _coordinates(work: LayerWork, machine: Machine) -> str:
    problem = work.problem
    if machine.chunk > 1 and not problem.algorithm.is_winograd:
        return _input_channels(work)
    return f"{problem.algorithm.label.split()[1]} tiles have {problem.algorithm.coordinates} coordinates"


def _input_channels(work: LayerWork) -> str:
    problem = work.problem
    step = f", {work.mapping.c} a step" if work.mapping.c < problem.c else ""
    return f"{plural(problem.c, 'input channel')}{step}"
