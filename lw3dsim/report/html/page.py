"""Results as self-contained HTML pages: figures, tables and the configuration that repeats them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.report.html import figures
from lw3dsim.report.html.render import Drawing, number, rendered
from lw3dsim.result.headlines import HEADLINES, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.comparison.compare import Comparison
    from lw3dsim.result.records import Figures, Layer, RunRecord
    from lw3dsim.result.result import Result

MJ_PER_PJ = 1e-9
MB_PER_BYTE = 1e-6


class Gist(NamedTuple):
    """What dominates a run, in the words of a sentence."""

    cycles_share: str
    cause: str
    energy_share: str
    component: str
    longest: str


class Tile(NamedTuple):
    """A figure in large, with its unit and a note."""

    label: str
    value: float
    unit: str
    note: str


class Row(NamedTuple):
    """A layer in the table: ``part`` of the longest one's cycles, ``share`` of all cycles."""

    layer: Layer
    algorithm: str
    bound: str
    part: str
    share: str
    numbers: tuple[str, ...]


class Headline(NamedTuple):
    """A figure of every case, with its ratio to the first."""

    heading: str
    cells: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class CaseView:
    """A case of a comparison: what it has of its ``own``, and the layers that it ``refused`` Winograd, by reason."""

    name: str
    own: list[str]
    notes: Sequence[str]
    is_direct: bool
    refused: dict[str, list[str]]
    config: str


def result_page(result: Result) -> str:
    """Return the self-contained HTML page of one result; the same result gives the same text."""
    record = result.record
    return rendered(
        "result.html.j2",
        f"{record.workload} on {record.arch}",
        facts=_facts(record),
        gist=_gist(record),
        tiles=_tiles(record),
        overview=overview(record),
        by_layer=layer_drawings(record),
        rows=_rows(record),
        description=record.config.arch.description,
        config=_configuration(record),
    )


def comparison_page(comparison: Comparison) -> str:
    """Return the self-contained HTML page that compares cases with the first."""
    names, records = comparison.names, [result.record for result in comparison.results]
    facts = [_facts(record) for record in records]
    shared = [column[0] for column in zip(*facts, strict=True) if len(set(column)) == 1]
    cases = [
        CaseView(
            name=name,
            own=[fact for fact in own if fact not in shared],
            notes=noted,
            is_direct=record.config.algorithm == "direct",
            refused=_refused(record),
            config=_configuration(record),
        )
        for name, record, own, noted in zip(names, records, facts, comparison.notes(), strict=True)
    ]
    return rendered(
        "comparison.html.j2",
        f"{comparison.workload}: {', '.join(names)}",
        shared=shared,
        cases=cases,
        headlines=_headlines(records),
        drawings=case_drawings(names, records),
    )


def _facts(record: RunRecord) -> list[str]:
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


def _gist(record: RunRecord) -> Gist:
    totals = record.totals
    cause, cycles = max(record.cycles_breakdown.items(), key=lambda item: item[1])
    group, energy_pj = max(figures.grouped(record.energy_breakdown_pj).items(), key=lambda item: item[1])
    costly = sorted(record.layers, key=lambda layer: -layer.latency_cycles)[:3]
    return Gist(
        cycles_share=f"{cycles / totals.latency_cycles:.0%}",
        cause=figures.STYLES[cause].label,
        energy_share=f"{energy_pj / totals.energy_pj:.0%}",
        component=figures.STYLES[group].label,
        longest=", ".join(f"{layer.name} ({layer.latency_cycles / totals.latency_cycles:.1%})" for layer in costly),
    )


def _tiles(record: RunRecord) -> list[Tile]:
    totals, arch = record.totals, record.config.arch
    per_mac = f"{totals.energy_pj / totals.macs:.3g} pJ per MAC" if totals.macs else ""
    peak = f"peak {number(totals.peak_power_mw)} mW over {arch.power_window_us:g} µs"
    moved = f"{totals.dram_bytes / totals.compulsory_bytes:.2f} x compulsory"
    return [
        Tile("Latency", totals.latency_ms, "ms", f"{totals.latency_cycles:,} cycles"),
        Tile("Throughput", totals.clips_per_s, "clips/s", f"{len(record.layers)} layers, one after the other"),
        Tile("Energy", totals.energy_pj * MJ_PER_PJ, "mJ", per_mac),
        Tile("Average power", totals.average_power_mw, "mW", peak),
        Tile("Energy-delay product", totals.edp_js * 1e3, "mJ s", "per clip"),
        Tile("DRAM traffic", totals.dram_bytes * MB_PER_BYTE, "MB", moved),
        Tile("Utilization", totals.utilization * 100, "%", f"of {arch.multipliers:,} multipliers"),
        Tile("Effective rate", totals.effective_macs_per_cycle, "MACs/cycle", f"{totals.macs / 1e9:.4g} G direct MACs"),
        Tile("Area", totals.area_mm2, "mm²", f"{arch.tech.node_nm} nm"),
    ]


def overview(record: RunRecord) -> list[list[Drawing]]:
    """Return the breakdowns of the network, in two columns."""
    totals = record.totals
    cycles, ideal, dram = totals.latency_cycles / 1e6, totals.ideal_cycles / 1e6, totals.dram_bound_cycles / 1e6
    moved, least = totals.dram_bytes * MB_PER_BYTE, totals.compulsory_bytes * MB_PER_BYTE
    bounds = f"{cycles:,.2f} M; full multipliers would take {ideal:,.2f} M (ideal), DRAM alone {dram:,.2f} M."
    area = f"{totals.area_mm2:.4g} mm², sized for the algorithms that run here."
    energy = f"{totals.energy_pj * MJ_PER_PJ:,.4g} mJ for one clip."
    traffic = f"{moved:,.1f} MB; each input, weight and output of a layer once: {least:,.1f} MB (compulsory)."
    bars = figures.share_bars
    return [
        [
            Drawing(bars(record.cycles_breakdown, 1e-6, "M"), "Cycles by cause", bounds),
            Drawing(bars(record.area_breakdown_mm2, 1.0, "mm²"), "Area by component", area),
        ],
        [
            Drawing(bars(record.energy_breakdown_pj, MJ_PER_PJ, "mJ"), "Energy by component", energy),
            Drawing(bars(record.dram_bytes_breakdown, MB_PER_BYTE, "MB"), "DRAM traffic by tensor", traffic),
        ],
    ]


def _marks(of: Sequence[Figures]) -> tuple[figures.Series, figures.Series]:
    """Return the lower bounds of cycles, and of DRAM MB, with a value for each layer or case."""
    bounds: figures.Series = {
        "full multipliers (ideal)": [each.ideal_cycles for each in of],
        "DRAM alone": [each.dram_bound_cycles for each in of],
    }
    return bounds, {"compulsory": [each.compulsory_bytes * MB_PER_BYTE for each in of]}


def layer_drawings(record: RunRecord) -> list[Drawing]:
    """Return the figures that have something for every layer."""
    layers = record.layers
    names = [layer.name for layer in layers]
    bounds, least = _marks(layers)
    cycles = figures.spread([layer.cycles_breakdown.parts() for layer in layers], 1)
    dram = figures.spread([layer.dram_bytes_breakdown.parts() for layer in layers], MB_PER_BYTE)
    energy = figures.spread([figures.grouped(layer.energy_breakdown_pj) for layer in layers], MJ_PER_PJ)
    hint = "The marks are lower bounds. Drag to zoom in, double-click to zoom out."
    moved = "What stands above the mark is moved more than once."
    stack = figures.layer_stack
    drawings = [
        Drawing(stack(names, cycles, "cycles", bounds), "Cycles by layer and cause", hint),
        Drawing(stack(names, dram, "MB", least), "DRAM traffic by layer and tensor", moved),
        Drawing(stack(names, energy, "mJ", {}), "Energy by layer"),
    ]
    if (roofline := figures.roofline(record)) is not None:
        caption = (
            "Layers with MACs; a point's area is its share of the cycles. MACs are those of the direct "
            "algorithm, so Winograd layers can lie above the roof of the multipliers; theirs is dotted."
        )
        drawings.append(Drawing(roofline, "Roofline", caption))
    return drawings


def _rows(record: RunRecord) -> list[Row]:
    cycles = record.totals.latency_cycles
    longest = max(layer.latency_cycles for layer in record.layers)
    return [
        Row(
            layer=layer,
            algorithm=layer.algorithm if layer.algorithm != "none" else layer.kind,
            bound="DRAM" if layer.bound_by == "dram" else figures.STYLES[layer.bound_by].label,
            part=f"{layer.latency_cycles / longest:.1%}",
            share=f"{layer.latency_cycles / cycles:.1%}",
            numbers=(
                f"{layer.utilization:.1%}" if layer.macs else "",
                f"{layer.dram_bytes * MB_PER_BYTE:,.2f}",
                f"{layer.dram_bytes / layer.compulsory_bytes:.2f}",
                f"{layer.energy_pj / 1e6:,.1f}",
            ),
        )
        for layer in record.layers
    ]


def _headlines(records: Sequence[RunRecord]) -> list[Headline]:
    rows = []
    for headline in HEADLINES:
        base, cells = headline.of(records[0].totals), []
        for index, record in enumerate(records):
            times = ratio(headline.of(record.totals), base) if index else None
            cells.append((headline.shown(record.totals), "" if times is None else f"{times:.2f}x"))
        rows.append(Headline(headline.heading, cells))
    return rows


def case_drawings(names: Sequence[str], records: Sequence[RunRecord]) -> list[Drawing]:
    """Return the figures that have something for every case."""
    bounds, least = _marks([record.totals for record in records])
    cycles = figures.spread([record.cycles_breakdown.parts() for record in records], 1)
    dram = figures.spread([record.dram_bytes_breakdown.parts() for record in records], MB_PER_BYTE)
    energy = figures.spread([record.energy_breakdown_pj.parts() for record in records], MJ_PER_PJ)
    area = figures.spread([record.area_breakdown_mm2.parts() for record in records], 1)
    counts = [
        {"macs": t.macs, "ideal_mults": t.ideal_mults, "executed_mults": t.executed_mults}
        for t in (record.totals for record in records)
    ]
    caption = (
        "Compulsory is every input, weight and output of every layer once; Winograd weights that are "
        "transformed offline are larger, and so is what is compulsory for them."
    )
    stack = figures.case_stack
    return [
        Drawing(stack(names, cycles, "cycles", bounds), "Cycles by cause"),
        Drawing(stack(names, energy, "mJ", {}), "Energy by component"),
        Drawing(stack(names, dram, "MB", least), "DRAM traffic by tensor", caption),
        Drawing(
            figures.case_groups(names, figures.spread(counts, 1e-9), "billions"), "Direct MACs and multiplications"
        ),
        Drawing(stack(names, area, "mm²", {}), "Area by component"),
    ]


def _refused(record: RunRecord) -> dict[str, list[str]]:
    """Return, by reason, the layers that ran direct although the algorithm asked for Winograd."""
    layers_of: dict[str, list[str]] = {}
    for layer in record.layers:
        if layer.note:
            layers_of.setdefault(layer.note, []).append(layer.name)
    return layers_of


def _configuration(record: RunRecord) -> str:
    return json.dumps(record.config.as_dict(), indent=2, ensure_ascii=False)
