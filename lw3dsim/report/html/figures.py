"""The figures of the pages, as plain plotly.js values: data in, a ``Figure`` out.

One key has one colour everywhere: DRAM is blue, SRAM green, multiplying and
accumulating orange, transforms pink, the vector unit yellow, the rest grey
(Okabe and Ito's palette with lighter and darker siblings); tensors have their own three.
"""

from __future__ import annotations

import html
from math import log10
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.base.records import Breakdown
    from lw3dsim.result.records import EnergyBreakdown, Layer, RunRecord

Figure = dict[str, Any]
Series = dict[str, list[float]]


class Style(NamedTuple):
    """How a key of a breakdown is shown; ``group`` is the coarser key that sums it up."""

    label: str
    colour: str
    group: str = ""


STYLES = {
    "dram_read": Style("DRAM read", "#0072B2", "dram_transfers"),
    "dram_write": Style("DRAM write", "#56B4E9", "dram_transfers"),
    "dram_activate": Style("DRAM activate", "#3F5FA8", "dram_transfers"),
    "dram_io": Style("DRAM interface", "#00507D", "dram_transfers"),
    "dram_refresh": Style("DRAM refresh", "#B3CDE8", "dram_standby"),
    "dram_background": Style("DRAM background", "#8AA4CF", "dram_standby"),
    "ifmap_sram": Style("ifmap SRAM", "#009E73", "sram"),
    "weight_sram": Style("weight SRAM", "#7ED0AE", "sram"),
    "ofmap_sram": Style("ofmap SRAM", "#2F7D5D", "sram"),
    "sram_port": Style("SRAM port", "#009E73"),
    "multipliers": Style("multipliers", "#D55E00", "multiply_accumulate"),
    "multiply": Style("multiply", "#D55E00"),
    "idle_rows": Style("idle rows", "#F4B183"),
    "idle_lanes": Style("idle lanes", "#F8CBAD"),
    "idle_multipliers": Style("idle multipliers", "#FBE5D6"),
    "accumulators": Style("accumulators", "#E69F00", "multiply_accumulate"),
    "operand_registers": Style("operand registers", "#F2C879", "multiply_accumulate"),
    "adder_trees": Style("adder trees", "#F0A35E", "multiply_accumulate"),
    "collector": Style("collector", "#B8860B", "multiply_accumulate"),
    "staging": Style("staging", "#C9A227", "multiply_accumulate"),
    "wires": Style("wires", "#7F7F7F", "clock_control"),
    "clock": Style("clock", "#4D4D4D", "clock_control"),
    "control": Style("control", "#A6A6A6", "clock_control"),
    "input_transform": Style("input transform", "#CC79A7", "transforms"),
    "weight_transform": Style("weight transform", "#E5B3CD", "transforms"),
    "output_transform": Style("output transform", "#A14F80", "transforms"),
    "transform": Style("transform", "#CC79A7"),
    "dram_transfers": Style("DRAM transfers", "#0072B2"),
    "dram_standby": Style("DRAM standby", "#8AA4CF"),
    "sram": Style("SRAM", "#009E73"),
    "multiply_accumulate": Style("multiply, accumulate", "#D55E00"),
    "transforms": Style("transforms", "#CC79A7"),
    "clock_control": Style("clock, wires, control", "#4D4D4D"),
    "vector": Style("vector unit", "#DCCB2E", "vector"),
    "drain": Style("drain", "#E69F00"),
    "fill": Style("pipeline fill", "#A8A8A8"),
    "configuration": Style("configuration", "#767676"),
    "leakage": Style("leakage", "#A8A8A8", "leakage"),
    "ifmap": Style("ifmap", "#44AA99"),
    "weight": Style("weight", "#C9B458"),
    "ofmap": Style("ofmap", "#AA4499"),
    "partial_sum": Style("partial sums", "#E69F00"),
    "intermediate": Style("within groups", "#6F94C4"),
    "dram": Style("DRAM", "#0072B2"),
    "macs": Style("direct MACs", "#A8A8A8"),
    "ideal_mults": Style("ideal multiplications", "#E69F00"),
    "executed_mults": Style("executed multiplications", "#D55E00"),
}
# Colour and symbol, so that algorithms can also be told apart without colours.
ALGORITHMS = {
    "direct": ("#6F94C4", "circle"),
    "winograd1d": ("#D55E00", "diamond"),
    "winograd2d": ("#009E73", "square"),
    "winograd3d": ("#CC79A7", "triangle-up"),
    "nested": ("#E69F00", "star"),
}
UNKNOWN = "#767676"
GREY = "#808080"  # reads on white and on black; the page's style sheet overrides it for text
GRID = "rgba(128,128,128,0.22)"
MAX_LABEL = 30


# What slices of a timeline are called that are not called after a cause.
SLICES = {"drain_stall": "drain", "load ifmap": "ifmap", "load weight": "weight", "store ofmap": "ofmap"}


def label_style(label: str) -> Style:
    """Return how a slice of a timeline is shown: by its transfer, or by what binds it, whatever its layer."""
    key = label.rpartition(": ")[2]
    return STYLES[SLICES.get(key, key)]


def _escape(text: str) -> str:
    """Keep plotly.js from reading ``text`` as markup; it knows no entities for quotes."""
    return html.escape(text, quote=False)


def axis_labels(names: Sequence[str]) -> list[str]:
    """Return ``names`` for an axis: escaped, short and distinct, since equal categories would merge."""
    labels: dict[str, None] = {}
    for index, name in enumerate(names, start=1):
        label = _escape(name if len(name) <= MAX_LABEL else name[: MAX_LABEL - 1] + "…")
        labels[label if label not in labels else f"{label} #{index}"] = None
    return list(labels)


def spread(records: Sequence[Mapping[str, float]], scale: float) -> Series:
    """Turn a breakdown per bar into a scaled row of values per key, without keys that are 0 throughout."""
    keys = dict.fromkeys(key for record in records for key in record)
    rows = {key: [record.get(key, 0) * scale for record in records] for key in keys}
    return {key: row for key, row in rows.items() if any(row)}


def grouped(breakdown: EnergyBreakdown) -> dict[str, float]:
    """Sum the components of energy into the groups of their styles."""
    sums: dict[str, float] = {}
    for key, value in breakdown.items():
        group = STYLES[key].group or key
        sums[group] = sums.get(group, 0.0) + value
    return sums


def share_bars(breakdown: Breakdown[int] | Breakdown[float], scale: float, unit: str) -> Figure:
    """Return one horizontal bar per part that is not 0, the largest first, with value and share."""
    parts = dict(breakdown.items())
    total = sum(parts.values()) * scale
    largest = sorted((key for key in parts if parts[key]), key=lambda key: -parts[key])
    values = [parts[key] * scale for key in largest]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": values,
        "y": [STYLES[key].label for key in largest],
        "marker": {"color": [STYLES[key].colour for key in largest]},
        "text": [f"{value:,.3g} {unit}  {value / total:.1%}" for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "hoverinfo": "skip",
    }
    layout = layout_of(height=70 + 27 * len(values), legend=False)
    # Room for the text behind the longest bar.
    layout["xaxis"] |= {"range": [0, 1.6 * max(values, default=1)], "visible": False}
    layout["yaxis"] |= {"autorange": "reversed", "showgrid": False}
    layout["bargap"] = 0.25
    return {"data": [bars], "layout": layout}


def layer_stack(names: Sequence[str], series: Series, unit: str, marks: Series) -> Figure:
    """Return a stacked column per layer; ``marks`` are values of their own drawn over the stack."""
    labels = axis_labels(names)
    data = [_stacked(key, labels, values, unit, upright=True) for key, values in series.items()]
    # A mark about as wide as a column, however many there are.
    size_px = max(3.0, min(11.0, 330 / max(len(names), 1)))
    data += [
        _marks(key, labels, values, unit, size_px, index, upright=True)
        for index, (key, values) in enumerate(marks.items())
    ]
    layout = layout_of(height=430)
    layout |= {"barmode": "stack", "bargap": 0.18, "hovermode": "x unified"}
    # A category axis drops labels that do not fit, and shows them again when zoomed.
    layout["xaxis"] |= {"type": "category", "showgrid": False, "tickangle": -90, "tickfont": {"size": 10}}
    # The figures of a page stand above each other: the same margin and range line their layers up.
    layout["xaxis"]["range"] = [-0.7, len(labels) - 0.3]
    layout["margin"]["l"] = 64
    layout["yaxis"] |= {"title": {"text": unit}, "rangemode": "tozero"}
    if unit == "cycles":
        layout["yaxis"]["tickformat"] = "~s"
    return {"data": data, "layout": layout}


def case_stack(names: Sequence[str], series: Series, unit: str, marks: Series) -> Figure:
    """Return a stacked horizontal bar per case, the first on top, with ``marks`` drawn over it."""
    labels = axis_labels(names)
    data = [_stacked(key, labels, values, unit, upright=False) for key, values in series.items()]
    data += [
        _marks(key, labels, values, unit, 16.0, index, upright=False)
        for index, (key, values) in enumerate(marks.items())
    ]
    layout = layout_of(height=210 + 38 * len(labels))
    layout |= {"barmode": "stack", "bargap": 0.35, "hovermode": "y unified"}
    _case_axes(layout, unit)
    return {"data": data, "layout": layout}


def case_groups(names: Sequence[str], series: Series, unit: str) -> Figure:
    """Return the rows of ``series`` as bars next to each other for every case."""
    labels = axis_labels(names)
    data = [_stacked(key, labels, values, unit, upright=False) for key, values in series.items()]
    layout = layout_of(height=150 + 24 * len(series) * len(labels))
    layout |= {"barmode": "group", "bargap": 0.25, "hovermode": "y unified"}
    _case_axes(layout, unit)
    return {"data": data, "layout": layout}


def roofline(record: RunRecord) -> Figure | None:
    """Return layers as points under the roofs of DRAM and multipliers; None where no layer has MACs."""
    layers = [layer for layer in record.layers if layer.macs]
    if not layers:
        return None
    totals, count = record.totals, record.config.arch.multipliers
    bandwidth = totals.dram_bytes / totals.dram_bound_cycles
    roofs = {"direct": float(count)}
    for layer in layers:
        gain = layer.macs / layer.ideal_mults
        if layer.algorithm != "direct":
            label = _escape(layer.algorithm)
            roofs[label] = max(roofs.get(label, 0.0), count * gain)
    points = [_points(record, kind, layers) for kind in dict.fromkeys(_kind(layer) for layer in layers)]
    ridges = [roof / bandwidth for roof in roofs.values()]
    intensities = [x for trace in points for x in trace["x"]]
    left, right = min(*intensities, *ridges) / 2, max(*intensities, *ridges) * 1.6
    layout = layout_of(height=480)
    for axis, title in (("xaxis", "direct MACs per DRAM byte"), ("yaxis", "effective MACs per cycle")):
        layout[axis] |= {"type": "log", "title": {"text": title}, "dtick": 1, "exponentformat": "none"}
    # Room for the names of the roofs.
    layout["xaxis"]["range"] = [log10(left), log10(right) + 0.3 * log10(right / left)]
    return {"data": [*_roofs(roofs, bandwidth, left, right), *points], "layout": layout}


def _roofs(roofs: Mapping[str, float], bandwidth: float, left: float, right: float) -> list[Figure]:
    """Return the DRAM line up to the highest roof, and from it a level line per algorithm."""
    highest = max(roofs.values())
    line = {
        "type": "scatter",
        "hoverinfo": "skip",
        "showlegend": False,
        "textfont": {"color": GREY, "size": 11},
    }
    slope = line | {
        "mode": "lines+text",
        "x": [left, (left * highest / bandwidth) ** 0.5, highest / bandwidth],
        "y": [left * bandwidth, (left * highest * bandwidth) ** 0.5, highest],
        "text": ["", f"DRAM {bandwidth:.4g} bytes/cycle  ", ""],
        "textposition": "top left",
        "line": {"color": GREY, "width": 2},
    }
    levels = [
        line
        | {
            "mode": "lines+text",
            "x": [roof / bandwidth, right],
            "y": [roof, roof],
            "text": ["", f" {roof:,.4g} " + ("multipliers" if label == "direct" else label)],
            "textposition": "middle right",
            "line": {"color": GREY, "width": 2, "dash": "solid" if label == "direct" else "dot"},
        }
        for label, roof in roofs.items()
    ]
    return [slope, *levels]


def _kind(layer: Layer) -> str:
    return layer.algorithm.split(" ")[0]


def _points(record: RunRecord, kind: str, layers: Sequence[Layer]) -> Figure:
    colour, symbol = ALGORITHMS.get(kind, (UNKNOWN, "circle"))
    cycles = record.totals.latency_cycles
    chosen = [layer for layer in layers if _kind(layer) == kind]
    shares = [layer.latency_cycles / cycles for layer in chosen]
    largest = max(layer.latency_cycles for layer in layers) / cycles
    return {
        "type": "scatter",
        "mode": "markers",
        "name": _escape(kind),
        "x": [layer.macs / layer.dram_bytes for layer in chosen],
        "y": [layer.effective_macs_per_cycle for layer in chosen],
        "marker": {
            "color": colour,
            "symbol": symbol,
            "opacity": 0.72,
            "size": shares,
            "sizemode": "area",
            # The largest point of all traces is 44 px wide.
            "sizeref": 2 * largest / 44**2,
            "sizemin": 3.5,
            "line": {"color": GREY, "width": 1},
        },
        "text": [
            f"<b>{_escape(layer.name)}</b><br>{_escape(layer.algorithm)}<br>"
            f"{share:.1%} of cycles, utilization {layer.utilization:.1%}"
            for layer, share in zip(chosen, shares, strict=True)
        ],
        "hovertemplate": "%{text}<br>%{x:.4g} MACs/byte, %{y:.4g} MACs/cycle<extra></extra>",
    }


def _stacked(key: str, labels: list[str], values: Sequence[float], unit: str, *, upright: bool) -> Figure:
    look = STYLES[key]
    along, across = ("y", "x") if upright else ("x", "y")
    return {
        "type": "bar",
        "orientation": "v" if upright else "h",
        "name": look.label,
        across: labels,
        # Nothing, not 0, so that the hover box lists only what is there.
        along: [value or None for value in values],
        "marker": {"color": look.colour, "line": {"width": 0}},
        "hovertemplate": _hover(along, unit),
    }


def _marks(
    key: str,
    labels: list[str],
    values: Sequence[float],
    unit: str,
    size_px: float,
    index: int,
    *,
    upright: bool,
) -> Figure:
    along, across = ("y", "x") if upright else ("x", "y")
    bar = "line-ew" if upright else "line-ns"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": _escape(key),
        across: labels,
        along: list(values),
        "marker": {
            "symbol": (bar, "circle-open")[index % 2],
            "size": size_px if index % 2 == 0 else max(0.7 * size_px, 4.0),
            "color": GREY,
            "line": {"color": GREY, "width": 2},
        },
        "hovertemplate": _hover(along, unit),
    }


def _hover(along: str, unit: str) -> str:
    return f"%{{{along}:,.0f}} {unit}" if unit == "cycles" else f"%{{{along}:,.4g}} {unit}"


def _case_axes(layout: Figure, unit: str) -> None:
    layout["xaxis"] |= {"title": {"text": unit}, "rangemode": "tozero"}
    if unit == "cycles":
        layout["xaxis"]["tickformat"] = "~s"
    layout["yaxis"] |= {"type": "category", "autorange": "reversed", "showgrid": False}


def layout_of(*, height: int, legend: bool = True) -> Figure:
    """Return the layout that all figures share."""
    axis = {
        "automargin": True,
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "linecolor": GRID,
        "tickcolor": GRID,
    }
    font = {"family": "system-ui, sans-serif", "size": 12}
    return {
        "height": height,
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": font | {"color": GREY},
        # A fixed dark box with light text: the page behind it may be either.
        "hoverlabel": {"bgcolor": "#23272e", "bordercolor": "#23272e", "font": font | {"color": "#f2f2f2"}},
        "showlegend": legend,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
            "itemsizing": "constant",
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": GREY},
        "xaxis": dict(axis),
        "yaxis": dict(axis),
    }
