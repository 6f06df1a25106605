"""Map a network, simulate its layers once more, and write down what every unit does when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim._version import __version__
from lw3dsim.account.timeline import make_timeline
from lw3dsim.base.forms import TRACE
from lw3dsim.base.output import check_file
from lw3dsim.base.values import Value
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.engine.memory import make_memory
from lw3dsim.engine.run import simulate_job
from lw3dsim.engine.trace import make_job
from lw3dsim.network.pipeline import map_prepared
from lw3dsim.network.units import check_layers, is_asked
from lw3dsim.report.trace_events import Named, Spent, check_trace_name, trace_file
from lw3dsim.result.costs import Costs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.account.power import Profile
    from lw3dsim.account.simulated import Unit
    from lw3dsim.account.timeline import Timeline
    from lw3dsim.arguments import PathArgument
    from lw3dsim.network.pipeline import Prepared

# Counters of a layer; together they take as many events as slices, at most, where that leaves some.
COUNTERS = 5

# Slices of a step: the loader's, the array's, the drain's, its waits, its transfers.
SLICES_PER_STEP = 6


class Traced(Value, frozen=True, kw_only=True):
    """A trace that was written: its file, its ``slices``, and how many steps or transfers each stands for at most."""

    path: Path
    slices: int
    fold: int


def write_trace(
    prepared: Prepared,
    path: PathArgument,
    *,
    slices: int,
    names: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Traced:
    """Write the timeline of what was asked for to ``path``, in about ``slices`` slices; see :func:`lw3dsim.trace`.

    Of the layers ``names``, or of all where none is named; groups are whole. Raises InputError and OutputError.
    """
    target = Path(path)
    check_trace_name(target)
    check_file(target, TRACE)
    check_layers(prepared.network, names)
    units = map_prepared(prepared, progress)
    costs = Costs(prepared.network, prepared.design, units)
    chosen = [i for i, unit in enumerate(units) if is_asked(unit, names)]
    fold = max(-(-SLICES_PER_STEP * sum(units[i].run.steps for i in chosen) // slices), 1)
    points = min(max(slices // (COUNTERS * max(len(chosen), 1)), 8), 256)
    with trace_file(target, _about(prepared, fold), fold, points) as file:
        for i in chosen:
            file.add(_named(costs, i, prepared.request.engine))
    return Traced(path=target, slices=file.slices, fold=fold)


def timeline_of(unit: Unit, engine: str = "auto") -> Timeline:
    """Return what happens in a layer or group, simulated once more."""
    run = unit.run
    clocks = make_clocks(run.arch)
    program = run.work.program(run.arch, clocks)
    job = make_job(program, clocks.cycle_ticks)
    timing = simulate_job(job, make_memory(program.regions, clocks), program.kinds, engine)
    return make_timeline(program, job, timing.trace, clocks.burst_bytes, tuple(layer.name for layer in unit.layers))


def _named(costs: Costs, i: int, engine: str) -> Named:
    unit, arch = costs.units[i], costs.arch
    timeline = timeline_of(unit, engine)
    figures = {
        "kind": unit.kind,
        "latency_cycles": unit.run.latency_cycles,
        "dram_bytes": unit.run.dram_bytes,
        "energy_pj": round(sum(costs.unit_energy_pj[i].values())),
        "steps": unit.run.steps,
        **{f"{cause}_cycles": cycles for cause, cycles in unit.run.cycles_by_cause if cycles},
    }
    spent = (_moved(timeline, arch.clock_mhz), _power(costs.profiles[i], arch.cycle_ps))
    return Named(name=unit.name, figures=figures, timeline=timeline, spent=spent)


def _moved(timeline: Timeline, clock_mhz: float) -> Spent:
    """Return the bytes that DMA has moved, evenly over the time of each transfer."""
    dma = timeline.track("DMA")
    moved = np.cumsum(dict(dma.figures)["bytes"])
    times = np.stack([dma.begin, dma.end], axis=1).ravel() / timeline.cycle
    spent = np.stack([np.concatenate(([0], moved[:-1])), moved], axis=1).ravel().astype(np.float64)
    # Bytes a cycle x MHz are MB/s.
    return Spent(name="DRAM bandwidth", unit="GB/s", times=times, spent=spent, factor=clock_mhz / 1000)


def _power(profile: Profile, cycle_ps: int) -> Spent:
    """Return the energy that is spent; pJ a cycle over ps a cycle are W."""
    return Spent(name="power", unit="mW", times=profile.time / cycle_ps, spent=profile.energy, factor=1000 / cycle_ps)


def _about(prepared: Prepared, fold: int) -> dict[str, Any]:
    request, design = prepared.request, prepared.design
    folding = (
        "every step and transfer has a slice of its own"
        if fold == 1
        else f"each slice stands for up to {fold} steps or transfers, as its figures say; their cycles and bytes add up"
    )
    return {
        "title": f"{prepared.network.name} on {design.name}",
        "lw3dsim": __version__,
        "time": f"1 us is 1 cycle of the core, {1000 / design.clock_mhz:g} ns",
        "folding": folding,
        "workload": prepared.network.name,
        "transforms": list(prepared.network.transforms),
        "arch": design.name,
        "algorithm": request.algorithm,
        "fusion": request.fusion,
        "objective": request.objective,
        "batch": request.batch,
        "clock_mhz": design.clock_mhz,
    }
