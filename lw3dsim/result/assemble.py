"""From simulated layers to a result: records with figures and breakdowns, and their sums."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lw3dsim._version import __version__
from lw3dsim.account.area import area_mm2, leakage_mw
from lw3dsim.account.binding import binding, idle_words
from lw3dsim.account.energy import COMPONENTS
from lw3dsim.account.events import STREAMS
from lw3dsim.account.power import joined, layer_profile
from lw3dsim.account.simulated import unit_energy_pj
from lw3dsim.arithmetic.noise import combined_db, sqnr_db
from lw3dsim.engine.attribution import CAUSES
from lw3dsim.machine.problem import width_note
from lw3dsim.result.result import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.energy import Causes, Stage
    from lw3dsim.account.power import Profile
    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.engine.stream import StreamTiming
    from lw3dsim.machine.problem import Problem


def assemble(
    network: Workload,
    arch: Accelerator,
    units: Sequence[Unit],
    config: dict[str, Any],
    stream: StreamTiming | None = None,
) -> Result:
    """Return the result of ``units``, the layers and fused groups of ``network`` in order.

    ``config`` is what repeats the run, ``stream`` all of it for several clips.
    """
    problems = [stage.problem for unit in units for stage in unit.run.stages]
    leakage = leakage_mw(arch, problems)
    energies = [unit_energy_pj(network, unit, arch, leakage) for unit in units]
    profiles = [
        layer_profile(unit.run.activity, spent, unit.run.latency_cycles * arch.cycle_ps)
        for unit, spent in zip(units, energies, strict=True)
    ]
    layers = [
        _record(network, unit, arch, spent, profile)
        for unit, spent, profile in zip(units, energies, profiles, strict=True)
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
            "dram_bytes_breakdown": _sum_of(layers, "dram_bytes_breakdown", STREAMS),
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
    "dram_floor_bytes",
    "sram_read_bytes",
    "sram_write_bytes",
    "intermediate_read_bytes",
    "intermediate_write_bytes",
    "compute_bound_cycles",
    "dram_bound_cycles",
    "ideal_cycles",
    "steps",
    "overflow_layers",
)


def _bound_cycles(stage: Stage, arch: Accelerator) -> int:
    """Return the cycles in which the multipliers, or the vector unit, could do the work of a stage."""
    if stage.problem.structure == "vector":
        return -(-stage.events.vector_ops // arch.vector_lanes)
    return -(-stage.events.mults // arch.multipliers)


def _counts(network: Workload, unit: Unit, arch: Accelerator) -> dict[str, int]:
    run, events = unit.run, unit.run.events
    return {
        "latency_cycles": run.latency_cycles,
        "macs": sum(network.layer_macs(layer) for layer in unit.layers),
        "executed_mults": events.mults,
        "ideal_mults": sum(stage.ideal_mults for stage in run.stages),
        "params": sum(network.layer_params(layer) for layer in unit.layers),
        "dram_read_bytes": events.dram_read_bytes,
        "dram_write_bytes": events.dram_write_bytes,
        "dram_activates": run.dram.activates,
        "dram_refreshes": run.dram.refreshes + run.dram.bank_refreshes,
        "row_hits": run.dram.row_hits,
        "row_misses": run.dram.row_misses,
        "row_conflicts": run.dram.row_conflicts,
        "layout_extra_bytes": run.layout_extra_bytes,
        "compulsory_bytes": run.compulsory_bytes,
        "dram_floor_bytes": run.dram_floor_bytes,
        "sram_read_bytes": events.sram_read_bytes,
        "sram_write_bytes": events.sram_write_bytes,
        "intermediate_read_bytes": events.intermediate_read_bytes,
        "intermediate_write_bytes": events.intermediate_write_bytes,
        "compute_bound_cycles": sum(_bound_cycles(stage, arch) for stage in run.stages),
        "dram_bound_cycles": run.dram_bound_cycles,
        "ideal_cycles": sum(-(-stage.ideal_mults // arch.multipliers) for stage in run.stages),
        "steps": run.steps,
        "overflow_layers": sum(
            p.needed_bits > arch.precision.accumulator_bits for p in (stage.problem for stage in run.stages)
        ),
    }


def _record(
    network: Workload, unit: Unit, arch: Accelerator, spent: dict[str, Causes], profile: Profile
) -> dict[str, Any]:
    run = unit.run
    problems = [stage.problem for stage in run.stages]
    energy = {component: math.fsum(causes.values()) for component, causes in spent.items()}
    figures = _figures(_counts(network, unit, arch), arch) | {"energy_pj": math.fsum(energy.values())}
    return {
        "name": unit.name,
        "kind": unit.kind,
        "algorithm": " + ".join(dict.fromkeys(p.algorithm.label for p in problems if p.has_weights)) or "none",
        "note": "; ".join(dict.fromkeys(filter(None, (part for p in problems for part in _notes(p, arch))))),
        "mapping": run.mapping.describe(),
        "input_layout": run.layouts[0],
        "output_layout": run.layouts[1],
        "output_shape": "x".join(map(str, network.shapes[unit.layers[-1].name])),
        **figures,
        **_rates(figures),
        **_peak(profile, arch),
        "sqnr_db": _sqnr_db(problems),
        "bound_by": binding(run),
        "idle": idle_words(run, arch),
        "energy_breakdown_pj": energy,
        "energy_causes_pj": {
            component: {cause: value for cause, value in causes.items() if value} for component, causes in spent.items()
        },
        "cycles_breakdown": dict(run.cycles_by_cause),
        "dram_bytes_breakdown": run.events.dram_bytes_by_stream,
    }


def _notes(problem: Problem, arch: Accelerator) -> tuple[str, str]:
    """Return why a layer does not run the algorithm that was wanted, and what becomes of sums too wide; or nothing."""
    return problem.algorithm.reason, width_note(problem, arch.precision.accumulator_bits)


def _sqnr_db(problems: Sequence[Problem]) -> float | None:
    values = [sqnr_db(problem) for problem in problems]
    return values[0] if len(values) == 1 else combined_db(values)


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
