"""Map a network, simulate its layers once more, and write down what every unit does when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim._version import __version__
from lw3dsim.account.bank_tracks import bank_names, bank_tracks
from lw3dsim.account.timeline import make_timeline
from lw3dsim.base.forms import TRACE
from lw3dsim.base.output import check_file
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.engine.logged import run_logged
from lw3dsim.engine.memory import make_memory
from lw3dsim.engine.run import ENGINES, simulate_job
from lw3dsim.engine.trace import make_job
from lw3dsim.errors import InputError, one_line, short
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
    from lw3dsim.describe.clocks import DramSystem
    from lw3dsim.network.pipeline import Prepared

# Counters of a layer; together they take as many events as slices, at most, where that leaves some.
COUNTERS = 5

# Slices of all banks of a layer up to which they are written down: they lie in memory at once.
BANK_SLICES = 4_000_000

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
    banks: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Traced:
    """Write the timeline of what was asked for to ``path``, in about ``slices`` slices; see :func:`lw3dsim.trace`.

    Of the layers ``names``, or of all where none is named; groups are whole. With ``banks`` those of the DRAM have a
    track each. Raises InputError and OutputError.
    """
    target = Path(path)
    check_trace_name(target)
    check_file(target, TRACE)
    check_layers(prepared.network, names)
    if banks:
        _check_banks(prepared)
    units = map_prepared(prepared, progress)
    costs = Costs(prepared.network, prepared.design, units)
    chosen = [i for i, unit in enumerate(units) if is_asked(unit, names)]
    dram = make_clocks(prepared.design).dram
    count = sum(SLICES_PER_STEP * units[i].run.steps for i in chosen)
    if banks:
        count += sum(_bank_slices(units[i], dram) for i in chosen)
    fold = max(-(-count // slices), 1)
    points = min(max(slices // (COUNTERS * max(len(chosen), 1)), 8), 256)
    about, tracks = _about(prepared, fold, banks=banks), bank_names(dram) if banks else ()
    with trace_file(target, about, fold, points, tracks) as file:
        for i in chosen:
            file.add(_named(costs, i, prepared.request.engine, banks=banks))
    return Traced(path=target, slices=file.slices, fold=fold)


def timeline_of(unit: Unit, engine: str = "auto", *, banks: bool = False) -> Timeline:
    """Return what happens in a layer or group, simulated once more; with ``banks``, in those of its DRAM, too."""
    run = unit.run
    clocks = make_clocks(run.arch)
    program = run.work.program(run.arch, clocks)
    job, memory = make_job(program, clocks.cycle_ticks), make_memory(program.regions, clocks)
    names = tuple(layer.name for layer in unit.layers)
    if not banks:
        timing = simulate_job(job, memory, program.kinds, engine)
        return make_timeline(program, job, timing.trace, clocks.burst_bytes, names)
    trace, slices = run_logged(job, memory, clocks.dram)
    timeline = make_timeline(program, job, trace, clocks.burst_bytes, names)
    finish = timeline.latency_cycles * timeline.cycle
    return replace(timeline, banks=bank_tracks(unit.name, job, slices, clocks, finish))


def _check_banks(prepared: Prepared) -> None:
    """Raise InputError where banks are not known, or an engine of another's may have other times than ours."""
    model, engine = prepared.design.dram.resolved_model, prepared.request.engine
    if model == "plain":
        raise InputError("banks: dram.model = plain knows no banks; take in_order or fr_fcfs")
    if engine not in ENGINES.builtin:
        raise InputError(f"banks: what banks do is not known of engine {short(engine)}; take auto")


def _bank_slices(unit: Unit, dram: DramSystem) -> int:
    """Return about how many slices the banks have: an activate, a precharge and a refresh of each bank are one.

    Raises InputError for too many.
    """
    counts, banks, stride = unit.run.dram, dram.standard.banks, dram.standard.refresh_stride
    slices = counts.activates + counts.precharges + counts.refreshes * banks + counts.bank_refreshes * banks // stride
    if slices > BANK_SLICES:
        raise InputError(
            f"banks: those of {one_line(unit.name, 80)} would have {slices:,} slices, more than {BANK_SLICES:,}; "
            "name other layers, or leave them out"
        )
    return slices


def _named(costs: Costs, i: int, engine: str, *, banks: bool) -> Named:
    unit, arch = costs.units[i], costs.arch
    timeline = timeline_of(unit, engine, banks=banks)
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


def _about(prepared: Prepared, fold: int, *, banks: bool) -> dict[str, Any]:
    request, design = prepared.request, prepared.design
    visit, slices, bursts = (", visit of a row", ", slices of a bank", ", bursts") if banks else ("", "", "")
    folding = (
        f"every step{visit} and transfer has a slice of its own"
        if fold == 1
        else f"each slice stands for up to {fold} steps{slices} or transfers, "
        f"as its figures say; their cycles{bursts} and bytes add up"
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
