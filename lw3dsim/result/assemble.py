"""From simulated layers to a result: records with figures and breakdowns, and their sums."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim._version import __version__
from lw3dsim.account.binding import binding, idle_words
from lw3dsim.account.energy import EnergyCauses
from lw3dsim.account.events import STREAMS, DramBytesBreakdown
from lw3dsim.base.caches import once
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.moves import Copy, copied
from lw3dsim.describe.states import state_bytes
from lw3dsim.engine.causes import CAUSES, CyclesBreakdown
from lw3dsim.machine.problem import width_note
from lw3dsim.result.costs import Costs
from lw3dsim.result.derived import BatchDerived, StreamDerived, batch_derived, derived, stream_derived
from lw3dsim.result.records import EnergyBreakdown, EnergyCausesByComponent, Layer, RunRecord, Totals, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lw3dsim.account.energy import Stage
    from lw3dsim.account.simulated import Unit
    from lw3dsim.arithmetic.seen import Calibrated
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.engine.stream import StreamTiming
    from lw3dsim.result.records import Configuration


class Assembly(Value, frozen=True, kw_only=True, eq=False, dict=True, gc=True):
    """The result of ``units``, the layers and fused groups of ``network`` in order: its parts made when looked at.

    ``config`` is what repeats the run, ``stream`` all of it for several clips, ``notes`` make what it says besides. The
    SQNR is that of operands like those of ``calibrated``; ``least_dram_bytes`` are the fewest of the mapper's space.
    """

    network: Workload
    arch: Accelerator
    units: tuple[Unit, ...]
    config: Configuration
    stream: StreamTiming | None
    notes: Callable[[], tuple[str, ...]]
    calibrated: Calibrated | None = None
    least_dram_bytes: int | None = None

    @once
    def _costs(self) -> Costs:
        return Costs(self.network, self.arch, self.units, self.calibrated)

    @once
    def _counted(self) -> list[dict[str, int]]:
        """By unit the figures that add up over the network."""
        kept = state_bytes(self.network, self.arch.precision)
        return [_counts(self.network, unit, self.arch, kept) for unit in self.units]

    @once
    def totals(self) -> Totals:
        """The figures of the whole network, which ask for no record of any layer."""
        costs, counted = self._costs, self._counted
        counts = {name: sum(each[name] for each in counted) for name in counted[0]}
        return Totals(
            **counts,
            **costs.derived,
            **_batch_figures(self.network.batch, costs),
            **_stream_figures(self.stream, counts["latency_cycles"], self.arch),
            area_mm2=math.fsum(costs.area_mm2.values()),
            peak_power_mw=costs.peak_power_mw,
            sqnr_db=costs.sqnr_db,
            least_dram_bytes=self.least_dram_bytes,
        )

    @property
    def record(self) -> RunRecord:
        """All of it."""
        costs, network, stream = self._costs, self.network, self.stream
        by_bytes = self.config.objective in ("dram_bytes", "dram_bytes_only")
        layers = tuple(_layer(costs, i, counts, by_bytes) for i, counts in enumerate(self._counted))
        return RunRecord(
            workload=network.name,
            arch=self.arch.name,
            version=__version__,
            config=self.config,
            totals=self.totals,
            energy_breakdown_pj=EnergyBreakdown(**costs.energy_pj),
            cycles_breakdown=CyclesBreakdown(
                **{name: sum(getattr(layer.cycles_breakdown, name) for layer in layers) for name in CAUSES}
            ),
            dram_bytes_breakdown=DramBytesBreakdown(
                **{name: sum(getattr(layer.dram_bytes_breakdown, name) for layer in layers) for name in STREAMS}
            ),
            area_breakdown_mm2=costs.area_mm2,
            stream_cycles_breakdown=None if stream is None else CyclesBreakdown(**stream.timing.cycles_by_cause),
            notes=self.notes(),
            views=tuple(
                View(name=x.name, kind=x.kind, inputs=x.inputs, output_shape=str(network.shapes[x.name]))
                for x in network.views
            ),
            layers=layers,
        )


def _bound_cycles(stage: Stage, arch: Accelerator) -> int:
    """Return the cycles in which the multipliers, or the vector unit, could do the work of a stage."""
    if stage.problem.structure == "vector":
        return -(-stage.events.vector_ops // arch.vector_lanes)
    return -(-stage.events.mults // arch.multipliers)


def _counts(network: Workload, unit: Unit, arch: Accelerator, state: Mapping[str, int]) -> dict[str, int]:
    """Return the figures of a unit that add up over the network: those that the records call summed.

    ``state`` are the bytes of state that layers keep.
    """
    run, events = unit.run, unit.run.events
    return {
        "latency_cycles": run.latency_cycles,
        "macs": network.batch * sum(network.layer_macs(layer) for layer in unit.layers),
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
        "layout_extra_bytes": unit.layout_extra_bytes,
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
        "state_bytes": sum(state.get(layer.name, 0) for layer in unit.layers),
    }


def _layer(costs: Costs, i: int, counts: dict[str, int], by_bytes: bool) -> Layer:
    """Return the record of unit ``i``, of which ``counts`` are known; of single layers the least only ``by_bytes``."""
    network, unit, arch = costs.network, costs.units[i], costs.arch
    run, problems, energy = unit.run, unit.run.work.stages, costs.unit_energy_pj[i]
    undivided = replace(run.arch, buffers=arch.buffers)
    return Layer(
        name=unit.name,
        kind=unit.kind,
        algorithm=" + ".join(dict.fromkeys(p.algorithm.label for p in problems if p.has_weights)) or "none",
        note="; ".join(dict.fromkeys(filter(None, _notes(unit, arch)))),
        mapping=run.work.mapping.describe(),
        input_layout=run.layouts[0],
        output_layout=run.layouts[1],
        output_shape="x".join(map(str, network.shapes[unit.layers[-1].name])),
        **counts,
        **derived(counts["latency_cycles"], counts["macs"], counts["executed_mults"], energy, arch, network.batch),
        peak_power_mw=costs.unit_peak_mw[i],
        sqnr_db=costs.unit_sqnr_db[i],
        bound_by=binding(run),
        idle=idle_words(run, arch),
        energy_breakdown_pj=EnergyBreakdown(**energy),
        energy_causes_pj=EnergyCausesByComponent(
            **{component: EnergyCauses(**causes) for component, causes in costs.unit_causes_pj[i].items()}
        ),
        cycles_breakdown=CyclesBreakdown(**dict(run.cycles_by_cause)),
        dram_bytes_breakdown=run.events.dram_bytes_breakdown,
        accesses=costs.unit_accesses[i],
        least_dram_bytes=run.work.least_bytes(undivided) if by_bytes or len(unit.layers) > 1 else None,
    )


def _notes(unit: Unit, arch: Accelerator) -> Iterator[str]:
    """Yield why layers do not run the algorithm that was wanted, what becomes of sums too wide, and what is a guess."""
    for problem in unit.run.work.stages:
        yield from (problem.algorithm.reason, width_note(problem, arch.precision.accumulator_bits))
    yield from (copied(layer) for layer in unit.layers if isinstance(layer, Copy))


class _BatchFigures(BatchDerived, total=False):
    batch: int


def _batch_figures(batch: int, costs: Costs) -> _BatchFigures:
    """Return what a batch of several clips adds to the totals."""
    if batch == 1:
        return {}
    of_all = costs.derived
    return {"batch": batch, **batch_derived(batch, of_all["latency_ms"], of_all["energy_pj"], costs.dram_bytes)}


class _StreamFigures(StreamDerived, total=False):
    clips: int
    stream_latency_cycles: int
    stream_first_clip_cycles: int
    stream_bound_cycles: int


def _stream_figures(stream: StreamTiming | None, latency_cycles: int, arch: Accelerator) -> _StreamFigures:
    """Return what a stream of clips adds to the totals; ``latency_cycles`` is that of all layers one by one.

    ``stream_latency_*`` is all clips, ``stream_first_clip_cycles`` the first of them, ``stream_bound_cycles`` what
    the array or DRAM is busy for all clips, whichever is longer.
    """
    if stream is None:
        return {}
    first, last = stream.finish_cycles[0], stream.finish_cycles[-1]
    clips = len(stream.finish_cycles)
    return {
        "clips": clips,
        "stream_latency_cycles": last,
        "stream_first_clip_cycles": first,
        "stream_bound_cycles": stream.bound_cycles,
        **stream_derived(clips, first, last, latency_cycles, arch),
    }
