"""What binds a layer, in a word and in words, and what would help."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import TYPE_CHECKING

from lw3dsim.engine.attribution import IDLE
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.map.words import plural
from lw3dsim.schedule.work import LayerWork, Work

if TYPE_CHECKING:
    from lw3dsim.account.simulated import Run
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Machine

# What binds, and what of a design or a run would help.
REMEDIES = {
    "multiply": "more multipliers, or fewer multiplications: FSB, Winograd",
    "idle_rows": "fewer and longer rows: lower pe.rows, raise pe.cols",
    "idle_lanes": "fewer lanes and more rows: lower pe.cols, raise pe.rows; multipliers alone don't",
    "idle_multipliers": "pe.mults_per_pe that tiles fill, or another m1, m2",
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
        return _told(share, machine.rows, "rows", _channels(work, machine.rows))
    if part == "idle_lanes":
        name = "columns" if machine.lanes == arch.pe.cols else "lanes"
        return _told(share, machine.lanes, name, _tiles(work, machine))
    return _told(share, arch.pe.mults_per_pe, "multipliers of a PE", _coordinates(work, machine))


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

    def tiles(size: tuple[int, int, int]) -> list[int]:
        return [-(-outputs // m) for outputs, m in zip(size, algorithm.tile, strict=True)]

    whole, step = tiles(work.problem.out), tiles((mapping.t, mapping.h, mapping.w))
    if math.prod(whole) < machine.lanes:
        return plural(math.prod(whole), name)
    of_step = f"{'x'.join(map(str, step))} {name}s a step" if step != whole else f"{'x'.join(map(str, whole))} {name}s"
    return f"{of_step}, in groups that leave lanes over"


def _coordinates(work: LayerWork, machine: Machine) -> str:
    problem = work.problem
    if machine.chunk > 1:
        step = f", {work.mapping.c} a step" if work.mapping.c < problem.c else ""
        return f"{plural(problem.c, 'input channel')}{step}"
    return f"{problem.algorithm.label.split()[1]} tiles have {problem.algorithm.coordinates} coordinates"
