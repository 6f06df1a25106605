"""A result as a self-contained HTML page: the verdict, what the whole costs, each layer, and what repeats it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.report.html.figures import STYLES, grouped
from lw3dsim.report.html.levels import Row as Accessed
from lw3dsim.report.html.levels import access_rows, levels_of
from lw3dsim.report.html.markup import number, percent, share_text
from lw3dsim.report.html.parts import Chart, Given, Whole, bars_of, keys_of, parts_of
from lw3dsim.report.html.render import rendered
from lw3dsim.report.html.roofline import roofline
from lw3dsim.report.html.timeline import View, stretch_view
from lw3dsim.report.html.why import verdict, why_area, why_cycles, why_energy, why_traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.result.closeups import Closeups
    from lw3dsim.result.records import Layer, RunRecord
    from lw3dsim.result.result import Result

MJ_PER_PJ = 1e-9
MB_PER_BYTE = 1e-6

# Layers up to which all are shown; of more, those with a small share are at first folded away.
ALL_SHOWN, SMALL = 40, 0.005


class Tile(NamedTuple):
    """A figure in large, with its unit and a note."""

    label: str
    value: float
    unit: str
    note: str


class Row(NamedTuple):
    """A layer in the table: ``part`` of the longest one's cycles, ``share`` of all cycles; numbers with sort keys."""

    layer: Layer
    algorithm: str
    bound: str
    part: str
    share: str
    numbers: tuple[tuple[str, float], ...]


class Close(NamedTuple):
    """A layer from close by: what it costs in a line, its loop nest, its timelines."""

    name: str
    said: str
    nest: str
    views: list[View]
    accesses: list[Accessed]


def result_page(result: Result) -> str:
    """Return the self-contained HTML page of one result; the same result gives the same text."""
    record = result.record
    return rendered(
        "result.html.j2",
        f"{record.workload} on {record.arch}",
        facts=facts(record),
        verdict=verdict(record),
        notes=record.notes,
        tiles=tiles(record),
        wholes=wholes(record),
        charts=layer_charts(record),
        small=_small(record),
        roofline=roofline(record),
        levels=levels_of(record),
        closeups=_closeups(record, result.closeups),
        longest=max(range(len(record.layers)), key=lambda i: record.layers[i].latency_cycles),
        rows=_rows(record),
        description=record.config.arch.description,
        config=configuration(record),
    )


def facts(record: RunRecord) -> list[str]:
    """Say what ran, in phrases of which every result has the same number."""
    config = record.config
    arch, pe = config.arch, config.arch.pe
    array = f"{pe.rows}x{pe.cols} PEs of {pe.mults_per_pe}, {arch.multipliers:,} multipliers"
    inputs = (f"{name} {'x'.join(map(str, shape))}" for name, shape in config.workload.inputs.items())
    return [
        f"{record.workload} with {', '.join(inputs)}",
        f"transforms: {', '.join(config.transforms) or 'none'}",
        f"algorithm: {config.algorithm}",
        f"fusion: {config.fusion}",
        f"mapped for {config.objective}",
        "all mappings searched" if config.mapping is None else "some mappings from a file",
        f"{record.arch}: {array}",
        f"{arch.clock_mhz:g} MHz",
        f"{arch.dram.channels} x {arch.dram.preset}",
        f"{config.engine} engine",
        f"lw3dsim {record.version}",
    ]


def tiles(record: RunRecord) -> list[Tile]:
    """Return the nine figures that a run is known by."""
    totals, arch = record.totals, record.config.arch
    per_mac = f"{totals.energy_pj / totals.macs:.3g} pJ per MAC" if totals.macs else "no MACs"
    low, high = totals.energy_low_pj * MJ_PER_PJ, totals.energy_high_pj * MJ_PER_PJ
    peak = f"peak {number(totals.peak_power_mw)} over {arch.power_window_us:g} µs"
    moved = f"{totals.dram_bytes / totals.compulsory_bytes:.2f} x compulsory"
    return [
        Tile("Latency", totals.latency_ms, "ms", f"{totals.latency_cycles:,} cycles"),
        Tile("Energy", totals.energy_pj * MJ_PER_PJ, "mJ", f"{low:.3g} to {high:.3g}; {per_mac}"),
        Tile("Area", totals.area_mm2, "mm²", f"{arch.tech.node_nm} nm"),
        Tile("Throughput", totals.clips_per_s, "clips/s", f"{len(record.layers)} layers in turn"),
        Tile("Average power", totals.average_power_mw, "mW", peak),
        Tile("Energy-delay product", totals.edp_js * 1e3, "mJ s", "per clip"),
        Tile("Utilization", totals.utilization * 100, "%", f"of {arch.multipliers:,} multipliers"),
        Tile("DRAM traffic", totals.dram_bytes * MB_PER_BYTE, "MB", moved),
        Tile("Effective rate", totals.effective_macs_per_cycle, "MACs/cycle", f"{totals.macs / 1e9:.4g} G direct MACs"),
    ]


def wholes(record: RunRecord) -> list[Whole]:
    """Return the four breakdowns of the network."""
    totals = record.totals
    ideal, dram = totals.ideal_cycles * 1e-6, totals.dram_bound_cycles * 1e-6
    least, moved = totals.compulsory_bytes * MB_PER_BYTE, totals.dram_bytes * MB_PER_BYTE
    bounds = f"at least {ideal:,.2f} M on full multipliers, {dram:,.2f} M for DRAM alone"
    energy = parts_of(record.energy_breakdown_pj.parts(), MJ_PER_PJ, "mJ")
    traffic = parts_of(record.dram_bytes_breakdown.parts(), MB_PER_BYTE, "MB")
    area = parts_of(record.area_breakdown_mm2.parts(), 1.0, "mm²")
    cycles = parts_of(record.cycles_breakdown.parts(), 1e-6, "M")
    return [
        Whole(
            "Cycles by cause", "cycles", f"{totals.latency_cycles * 1e-6:,.2f} M", bounds, cycles, why_cycles(record)
        ),
        Whole(
            "Energy by component",
            "energy",
            f"{number(totals.energy_pj * MJ_PER_PJ)} mJ",
            "for one run",
            energy,
            why_energy(record),
        ),
        Whole(
            "DRAM traffic by tensor",
            "DRAM traffic",
            f"{moved:,.1f} MB",
            f"{least:,.1f} MB if each tensor moved once",
            traffic,
            why_traffic(record),
        ),
        Whole(
            "Area by component",
            "area",
            f"{totals.area_mm2:.4g} mm²",
            "for the algorithms of this run",
            area,
            why_area(record),
        ),
    ]


def layer_charts(record: RunRecord) -> list[Chart]:
    """Return the charts with a bar per layer: cycles, what of them is lost, energy, DRAM traffic."""
    layers, totals = record.layers, record.totals
    bound = ("full multipliers (ideal)", "DRAM alone")
    cycles = [
        Given(
            one.name,
            one.cycles_breakdown.parts(),
            totals.latency_cycles,
            dict(zip(bound, (one.ideal_cycles, one.dram_bound_cycles), strict=True)),
        )
        for one in layers
    ]
    lost = [Given(one.name, _lost(one), one.latency_cycles, {}) for one in layers]
    energy = [Given(one.name, grouped(one.energy_breakdown_pj), totals.energy_pj, {}) for one in layers]
    moved = [
        Given(one.name, one.dram_bytes_breakdown.parts(), totals.dram_bytes, {"compulsory": one.compulsory_bytes})
        for one in layers
    ]
    return [
        _chart("cycles", "Cycles", "Cycles by cause; the marks are lower bounds.", cycles, 1.0, "cycles", ",.0f"),
        _chart(
            "lost",
            "Lost cycles",
            "Cycles in which multipliers stand idle, and why: where there is something to gain. "
            "As a share: of the layer's own cycles.",
            lost,
            1.0,
            "cycles",
            ",.0f",
        ),
        _chart("energy", "Energy", "Energy by groups of components, in mJ.", energy, MJ_PER_PJ, "mJ", ""),
        _chart(
            "dram",
            "DRAM traffic",
            "MB by tensor; what stands beyond the mark is moved more than once.",
            moved,
            MB_PER_BYTE,
            "MB",
            ",.2f",
        ),
    ]


def _lost(layer: Layer) -> dict[str, float]:
    """Return the cycles of a layer by cause, without those in which its multipliers, or its vector unit, work."""
    works = "multiply" if layer.macs else "vector"
    return {cause: cycles for cause, cycles in layer.cycles_breakdown.items() if cause != works}


def _chart(key: str, title: str, caption: str, given: Sequence[Given], scale: float, unit: str, form: str) -> Chart:
    bars = bars_of(given, scale, unit, form)
    labels = dict.fromkeys(mark.label for bar in bars for mark in bar.marks)
    return Chart(key, title, caption, keys_of(given), bars, [(str(place), label) for place, label in enumerate(labels)])


def _small(record: RunRecord) -> list[bool]:
    """Return which layers are at first folded away, where there are many: those with a small share of all."""
    totals = record.totals
    return [
        len(record.layers) > ALL_SHOWN
        and max(
            layer.latency_cycles / totals.latency_cycles,
            layer.energy_pj / totals.energy_pj,
            layer.dram_bytes / totals.dram_bytes,
        )
        < SMALL
        for layer in record.layers
    ]


def _closeups(record: RunRecord, closeups: Closeups | None) -> list[Close]:
    """Return the layers from close by; without what a saved result alone does not hold where that is missing."""
    found = [None] * len(record.layers) if closeups is None else closeups.closeups
    cycles = record.totals.latency_cycles
    return [
        Close(
            name=layer.name,
            said=f"{layer.kind}, {layer.output_shape}, "
            + (f"{layer.algorithm}, " if layer.algorithm != "none" else "")
            + f"{layer.latency_cycles:,} cycles ({share_text(layer.latency_cycles / cycles)}), bound by "
            + _bound(layer),
            nest=closeup.nest if closeup else "",
            views=[stretch_view(stretch, closeup.steps) for stretch in closeup.stretches] if closeup else [],
            accesses=access_rows(layer.accesses) if closeup and closeup.stretches else [],
        )
        for layer, closeup in zip(record.layers, found, strict=True)
    ]


def _bound(layer: Layer) -> str:
    return "DRAM" if layer.bound_by == "dram" else STYLES[layer.bound_by].label


def _rows(record: RunRecord) -> list[Row]:
    cycles = record.totals.latency_cycles
    longest = max(layer.latency_cycles for layer in record.layers)
    return [
        Row(
            layer=layer,
            algorithm=layer.algorithm if layer.algorithm != "none" else layer.kind,
            bound=_bound(layer),
            part=percent(layer.latency_cycles / longest),
            share=f"{layer.latency_cycles / cycles:.1%}",
            numbers=(
                (f"{layer.utilization:.1%}" if layer.macs else "", layer.utilization),
                (f"{layer.dram_bytes * MB_PER_BYTE:,.2f}", layer.dram_bytes),
                (f"{layer.dram_bytes / layer.compulsory_bytes:.2f}", layer.dram_bytes / layer.compulsory_bytes),
                (f"{layer.sram_bytes * MB_PER_BYTE:,.2f}", layer.sram_bytes),
                (f"{layer.energy_pj / 1e6:,.1f}", layer.energy_pj),
            ),
        )
        for layer in record.layers
    ]


def configuration(record: RunRecord) -> str:
    """Return what repeats a run, as text."""
    return json.dumps(record.config.as_dict(), indent=2, ensure_ascii=False)
