"""What a design costs at least, however its layers are mapped: no mapping is searched and nothing is simulated.

A layer takes no less time than its multiplications on a full array, nor than its
compulsory bytes on a full DRAM bus; it spends no less energy than these
multiplications and bytes, and the leakage and standby of that time. Where layers may be fused, tensors
between layers need not move, what no later layer looks at is not computed, and DRAM may be busy for one
layer while the array is for another: then the bounds of array and DRAM hold for the network as a whole. The best of
the algorithms that may run counts, direct included. A design is discarded only
when bounds break a limit, or a design that was simulated is
nowhere worse and somewhere better than they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lw3dsim.account.area import area_mm2, leakage_mw
from lw3dsim.account.energy import Sparsity, Stage, layer_energy_pj
from lw3dsim.account.events import Events
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Conv3d, Linear
from lw3dsim.dram.power import DramCounts
from lw3dsim.errors import MappingError
from lw3dsim.explore.front import dominates
from lw3dsim.explore.metrics import METRICS, sram_kib
from lw3dsim.explore.proof.parts import fused_parts, lone_parts
from lw3dsim.machine.problem import problem_of
from lw3dsim.map.floor import compulsory_by_stream
from lw3dsim.network.outlook import Least
from lw3dsim.transform.algorithms import candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.explore.front import Costs
    from lw3dsim.explore.metrics import Metrics
    from lw3dsim.explore.proof.parts import Part
    from lw3dsim.explore.space import Space
    from lw3dsim.machine.problem import Problem

# Sums are rounded; a bound stays one by a little room.
ROOM = 1 - 1e-9


@dataclass(frozen=True, kw_only=True)
class _Least:
    """What a layer takes at least: on its own, on the array alone, and on DRAM."""

    cycles: int
    array_cycles: int
    bursts: int
    energy_pj: float


def why_not(space: Space, least: Metrics, front: Sequence[Costs]) -> str:
    """Return why a design that costs at least ``least`` can't join ``front``; empty where it may."""
    for limit in space.limits:
        # What is at least so much may be more; only rates are at most what is known of them.
        side = replace(limit, high=None) if METRICS[limit.name].is_rate else replace(limit, low=None)
        if side.excess(least[limit.name]) > 0:
            return f"{limit.name} is at best {least[limit.name]:.4g}; the limit is {limit}"
    bound = space.costs(least)
    for vector in front:
        if dominates(vector, bound):
            best = ", ".join(f"{name} {least[name]:.4g}" for name in space.objectives)
            return f"at best {best}: a design that was simulated is better"
    return ""


def least_of(network: Workload, policy: str, arch: Accelerator, *, is_fused: bool) -> Metrics:
    """Return, per metric, the best that ``arch`` can reach on ``network``, however its layers are mapped."""
    leakage, clocks = leakage_mw(arch, []), make_clocks(arch)
    parts = fused_parts(network, arch) if is_fused else lone_parts(network, arch)
    layers = [
        _least_layer(network, layer, policy, arch, leakage, part)
        for layer, part in zip(network.layers, parts, strict=True)
    ]
    bursts = sum(layer.bursts for layer in layers)
    together = max(sum(layer.array_cycles for layer in layers), _bus_cycles(bursts, clocks))
    cycles = together if is_fused else sum(layer.cycles for layer in layers)
    energy_pj = math.fsum(layer.energy_pj for layer in layers)
    area = math.fsum(area_mm2(arch, []).values())
    least = Least(cycles=cycles, dram_bytes=bursts * clocks.burst_bytes, energy_pj=energy_pj, area_mm2=area)
    return metrics_at_best(network, arch, least)


def metrics_at_best(network: Workload, arch: Accelerator, least: Least) -> Metrics:
    """Return the metrics of a network that costs at least ``least`` on ``arch``."""
    milliseconds = ROOM * max(least.cycles, 1) * arch.cycle_ps / 1e9
    energy_mj = ROOM * least.energy_pj * 1e-9 / network.batch
    frames = max(shape.frames for shape in network.inputs.values())
    return {
        "latency_ms": milliseconds,
        "energy_mj": energy_mj,
        "edp_mjs": energy_mj * milliseconds / 1e3,
        "dram_mb": ROOM * least.dram_bytes * 1e-6 / network.batch,
        "area_mm2": ROOM * least.area_mm2,
        "sram_kib": sram_kib(arch),
        "peak_power_mw": 0.0,
        "average_power_mw": 0.0,
        **{name: metric.best for name, metric in METRICS.items() if metric.best is not None},
        "clips_per_s": network.batch * 1e3 / milliseconds,
        "frames_per_s": network.batch * frames * 1e3 / milliseconds,
    }


def _bus_cycles(bursts: int, clocks: Clocks) -> int:
    return -(-clocks.bound_ticks(bursts) // clocks.cycle_ticks)


def _least_layer(
    network: Workload, layer: AnyLayer, policy: str, arch: Accelerator, leakage: float, part: Part
) -> _Least:
    allowed = candidates(layer, policy, arch.winograd.m1, arch.winograd.m2)
    # A Winograd form that can't be mapped runs direct.
    allowed += candidates(layer, "direct", 1, 1) if allowed[0].is_winograd else ()
    weight = layer.weight_density if isinstance(layer, Conv3d | Linear) else 1.0
    sparsity = Sparsity(data=network.densities[layer.inputs[0]], weight=weight)
    forms = []
    for algorithm in allowed:
        try:
            problem = problem_of(network, layer, algorithm, arch)
        except MappingError:
            continue
        forms.append(_least_problem(problem, arch, leakage, sparsity, part))
    return _Least(
        cycles=min((form.cycles for form in forms), default=0),
        array_cycles=min((form.array_cycles for form in forms), default=0),
        bursts=min((form.bursts for form in forms), default=0),
        energy_pj=min((form.energy_pj for form in forms), default=0.0),
    )


def _least_problem(problem: Problem, arch: Accelerator, leakage: float, sparsity: Sparsity, part: Part) -> _Least:
    clocks = make_clocks(arch)
    read, written = compulsory_by_stream(problem)["weight"] + part.read_bits // 8, part.written_bits // 8
    reads, writes = read // clocks.burst_bytes, written // clocks.burst_bytes
    mults = problem.ideal_mults_of(problem.groups * problem.n * part.positions)
    array = -(-mults // arch.multipliers)
    # Beside fused neighbours, time that DRAM is busy may be theirs.
    cycles = max(array, _bus_cycles(reads + writes, clocks)) if part.is_alone else array
    counts = DramCounts(
        reads=reads,
        writes=writes,
        activates=0,
        precharges=0,
        refreshes=0,
        active_clocks=0,
        idle_clocks=clocks.dram_clocks(cycles),
    )
    events = _least_events(mults, read, written, arch.buffers.ofmap_port_bytes)
    stage = Stage(problem=problem, events=events, ideal_mults=mults)
    energy = layer_energy_pj([stage], events, counts, {"fill": cycles}, arch, leakage, [sparsity])
    return _Least(
        cycles=cycles,
        array_cycles=array,
        bursts=reads + writes,
        energy_pj=math.fsum(value for causes in energy.values() for value in causes.values()),
    )


def _least_events(mults: int, read: int, written: int, word_bytes: int) -> Events:
    """Return what happens at least: the multiplications, and every byte once through its buffer.

    That of outputs has words of so many bytes.
    """
    return Events(
        mults=mults,
        accumulations=0,
        tree_adds=0,
        staged_inputs=0,
        input_tiles=0,
        weight_kernels=0,
        output_tiles=0,
        vector_ops=0,
        dram_ifmap_bytes=read,
        dram_weight_bytes=0,
        dram_ofmap_bytes=written,
        ifmap_read_bytes=0,
        ifmap_write_bytes=0,
        weight_read_bytes=0,
        weight_write_bytes=0,
        ofmap_read_bytes=written,
        ofmap_write_bytes=written,
        ofmap_dma_bytes=written,
        intermediate_read_bytes=0,
        intermediate_write_bytes=0,
        ifmap_read_words=0,
        ifmap_write_words=0,
        weight_read_words=0,
        weight_write_words=0,
        partial_words=0,
        result_words=written // word_bytes,
        ofmap_dma_words=written // word_bytes,
        intermediate_read_words=0,
        intermediate_write_words=0,
    )
