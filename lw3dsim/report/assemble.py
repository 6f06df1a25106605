"""From simulated layers to a result: records with figures and breakdowns, and their sums."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lw3dsim import __version__
from lw3dsim.account.area import area_mm2, leakage_mw
from lw3dsim.account.energy import COMPONENTS, Causes, Sparsity, layer_energy_pj
from lw3dsim.account.events import Events, compulsory_bytes
from lw3dsim.account.power import Activity, Profile, joined, layer_profile
from lw3dsim.arithmetic.noise import combined_db, sqnr_db
from lw3dsim.describe.workload import Conv3d, Linear
from lw3dsim.engine.attribution import CAUSES
from lw3dsim.report.result import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.dram.power import DramCounts
    from lw3dsim.engine.stream import StreamTiming
    from lw3dsim.map.mapping import Mapping
    from lw3dsim.map.problem import Problem


@dataclass(frozen=True, kw_only=True)
class LayerRun:
    """One layer mapped and simulated, without its graph context.

    ``layouts`` of its input and output; ``layout_extra_bytes`` is what they cost
    against the layouts that would be best for this layer alone.
    """

    problem: Problem
    mapping: Mapping
    steps: int
    latency_cycles: int
    cycles_by_cause: tuple[tuple[str, int], ...]
    events: Events
    dram: DramCounts
    activity: Activity
    dram_bound_cycles: int
    layouts: tuple[str, ...]
    layout_extra_bytes: int = 0


def assemble(
    network: Workload,
    arch: Accelerator,
    runs: list[LayerRun],
    config: dict[str, Any],
    stream: StreamTiming | None = None,
) -> Result:
    """Return the result of ``runs``, one per layer of ``network`` in order, and of the ``stream`` of all of them.

    ``config`` is what repeats the run.
    """
    problems = [run.problem for run in runs]
    leakage = leakage_mw(arch, problems)
    energies = [_energy(network, layer, run, arch, leakage) for layer, run in zip(network.layers, runs, strict=True)]
    profiles = [
        layer_profile(run.activity, spent, run.latency_cycles * arch.cycle_ps)
        for run, spent in zip(runs, energies, strict=True)
    ]
    layers = [
        _layer_record(network, layer, run, arch, spent, profile)
        for layer, run, spent, profile in zip(network.layers, runs, energies, profiles, strict=True)
    ]
    area = area_mm2(arch, problems)
    energy = {name: math.fsum(layer["energy_breakdown_pj"][name] for layer in layers) for name in COMPONENTS}
    summed = {key: sum(layer[key] for layer in layers) for key in SUMMED}
    totals = _figures(summed, arch) | {"area_mm2": math.fsum(area.values())}
    totals["energy_pj"] = math.fsum(energy.values())
    totals |= _rates(totals) | _peak(joined(profiles), arch)
    totals["sqnr_db"] = combined_db([layer["sqnr_db"] for layer in layers])
    if stream is not None:
        totals |= _stream_figures(stream, totals["latency_cycles"], arch)
    breakdown = {} if stream is None else {"stream_cycles_breakdown": stream.timing.cycles_by_cause}
    return Result(
        data={
            "workload": network.name,
            "arch": arch.name,
            "version": __version__,
            "config": config,
            "totals": totals,
            "energy_breakdown_pj": energy,
            "cycles_breakdown": _sum_of(layers, "cycles_breakdown", CAUSES),
            "dram_bytes_breakdown": _sum_of(layers, "dram_bytes_breakdown", ("ifmap", "weight", "ofmap")),
            "area_breakdown_mm2": area,
            **breakdown,
            "layers": layers,
        }
    )


# Integer figures that add up over layers.
SUMMED = (
    "latency_cycles",
    "macs",
    "executed_mults",
    "ideal_mults",
    "params",
    "dram_read_bytes",
    "dram_write_bytes",
    "dram_activates",
    "dram_refreshes",
    "row_hits",
    "row_misses",
    "row_conflicts",
    "layout_extra_bytes",
    "compulsory_bytes",
    "sram_read_bytes",
    "sram_write_bytes",
    "compute_bound_cycles",
    "dram_bound_cycles",
    "ideal_cycles",
    "steps",
)


def _energy(network: Workload, layer: AnyLayer, run: LayerRun, arch: Accelerator, leakage: float) -> dict[str, Causes]:
    weight = layer.weight_density if isinstance(layer, Conv3d | Linear) else 1.0
    sparsity = Sparsity(data=network.densities[layer.inputs[0]], weight=weight)
    return layer_energy_pj(run.problem, run.events, run.dram, dict(run.cycles_by_cause), arch, leakage, sparsity)


def _layer_record(
    network: Workload,
    layer: AnyLayer,
    run: LayerRun,
    arch: Accelerator,
    spent: dict[str, Causes],
    profile: Profile,
) -> dict[str, Any]:
    problem, events = run.problem, run.events
    bound = -(-events.mults // arch.multipliers)
    if problem.structure == "vector":
        bound = -(-events.vector_ops // arch.vector_lanes)
    energy = {component: math.fsum(causes.values()) for component, causes in spent.items()}
    counts = {
        "latency_cycles": run.latency_cycles,
        "macs": network.layer_macs(layer),
        "executed_mults": events.mults,
        "ideal_mults": problem.ideal_mults,
        "params": network.layer_params(layer),
        "dram_read_bytes": events.dram_read_bytes,
        "dram_write_bytes": events.dram_write_bytes,
        "dram_activates": run.dram.activates,
        "dram_refreshes": run.dram.refreshes + run.dram.bank_refreshes,
        "row_hits": run.dram.row_hits,
        "row_misses": run.dram.row_misses,
        "row_conflicts": run.dram.row_conflicts,
        "layout_extra_bytes": run.layout_extra_bytes,
        "compulsory_bytes": compulsory_bytes(problem),
        "sram_read_bytes": events.sram_read_bytes,
        "sram_write_bytes": events.sram_write_bytes,
        "compute_bound_cycles": bound,
        "dram_bound_cycles": run.dram_bound_cycles,
        "ideal_cycles": -(-problem.ideal_mults // arch.multipliers),
        "steps": run.steps,
    }
    figures = _figures(counts, arch) | {"energy_pj": math.fsum(energy.values())}
    return {
        "name": layer.name,
        "kind": layer.kind,
        "algorithm": problem.algorithm.label if problem.structure != "vector" else "none",
        "note": problem.algorithm.reason,
        "mapping": run.mapping.describe(),
        "input_layout": run.layouts[0],
        "output_layout": run.layouts[1],
        "output_shape": "x".join(map(str, network.shapes[layer.name])),
        **figures,
        **_rates(figures),
        **_peak(profile, arch),
        "sqnr_db": sqnr_db(problem),
        "bound_by": _binding(run),
        "energy_breakdown_pj": energy,
        "energy_causes_pj": {
            component: {cause: value for cause, value in causes.items() if value} for component, causes in spent.items()
        },
        "cycles_breakdown": dict(run.cycles_by_cause),
        "dram_bytes_breakdown": {
            "ifmap": events.dram_ifmap_bytes,
            "weight": events.dram_weight_bytes,
            "ofmap": events.dram_ofmap_bytes,
        },
    }


def _binding(run: LayerRun) -> str:
    """Return what binds a layer: ``dram`` where moving its bytes takes longer than the array is busy, else a cause."""
    cycles = dict(run.cycles_by_cause)
    waiting = cycles["dram_read"] + cycles["dram_write"]
    if run.dram_bound_cycles >= run.latency_cycles - waiting:
        return "dram"
    return max(cycles, key=lambda cause: cycles[cause])


def _figures(counts: dict[str, int], arch: Accelerator) -> dict[str, Any]:
    """Return counts and what follows from them on ``arch``."""
    cycles = counts["latency_cycles"]
    return {
        **counts,
        "latency_ms": cycles * arch.cycle_ps / 1e9,
        "utilization": counts["executed_mults"] / (arch.multipliers * cycles),
        "effective_macs_per_cycle": counts["macs"] / cycles,
    }


def _rates(figures: dict[str, Any]) -> dict[str, float]:
    seconds = figures["latency_ms"] / 1e3
    return {
        "clips_per_s": 1 / seconds,
        "edp_js": figures["energy_pj"] * 1e-12 * seconds,
        "average_power_mw": figures["energy_pj"] * 1e-9 / seconds,
    }


def _peak(profile: Profile, arch: Accelerator) -> dict[str, float]:
    return {"peak_power_mw": profile.peak_mw(arch.power_window_us * 1e6)}


def _stream_figures(stream: StreamTiming, latency_cycles: int, arch: Accelerator) -> dict[str, Any]:
    """Return what a stream of clips adds to the totals; ``latency_cycles`` is that of all layers one by one.

    ``stream_latency_*`` is all clips, ``stream_first_clip_cycles`` the first of them, ``stream_bound_cycles`` what
    the array or DRAM is busy for all clips, whichever is longer. Clips a second are those of
    the steady state, from the end of the first clip on. ``overlap_gain`` is by how much the layers of all clips are
    faster behind each other than one by one.
    """
    first, last = stream.finish_cycles[0], stream.finish_cycles[-1]
    clips = len(stream.finish_cycles)
    counted, cycles = (clips - 1, last - first) if clips > 1 else (1, last)
    return {
        "clips": clips,
        "stream_latency_cycles": last,
        "stream_latency_ms": last * arch.cycle_ps / 1e9,
        "stream_first_clip_cycles": first,
        "stream_bound_cycles": stream.bound_cycles,
        "stream_clips_per_s": counted / (cycles * arch.cycle_ps * 1e-12),
        "overlap_gain": clips * latency_cycles / last,
    }


def _sum_of(layers: list[dict[str, Any]], field: str, names: Sequence[str]) -> dict[str, int]:
    return {name: sum(layer[field][name] for layer in layers) for name in names}
