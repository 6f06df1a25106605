"""The breakdowns of results as figures of Plotly, under their titles: for Python and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.report.html import figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.report.html.figures import Figure
    from lw3dsim.result.records import Figures, RunRecord

MJ_PER_PJ = 1e-9
MB_PER_BYTE = 1e-6


class Drawing(NamedTuple):
    """A figure under its caption."""

    figure: Figure
    title: str
    caption: str = ""


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
