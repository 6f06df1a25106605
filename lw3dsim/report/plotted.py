"""Figures of accesses, of several rooflines and of timelines, as plain plotly.js values."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from lw3dsim.account.accesses import LEVELS, TENSORS
from lw3dsim.errors import InputError
from lw3dsim.report.html.figures import (
    GREY,
    STYLES,
    axis_labels,
    case_stack,
    label_style,
    layer_stack,
    layout_of,
    spread,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lw3dsim.account.accesses import Access
    from lw3dsim.report.html.figures import Figure
    from lw3dsim.result.closeups import Closeup, Stretch
    from lw3dsim.result.records import RunRecord

MJ = 1e-9

# Of several cases, in their order; told apart by symbols too.
CASES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#8C6D31")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "star", "cross", "x", "hexagon")


def access_bars(record: RunRecord) -> Figure:
    """Return a bar per level: the energy of its accesses by tensor, with its bytes in its name."""
    rows = record.accesses
    levels = [level for level in LEVELS if any(row.level == level for row in rows)]
    names = [f"{STYLES[level].label}, {_megabytes(row for row in rows if row.level == level)}" for level in levels]
    series = {
        tensor: [
            MJ * sum(row.energy_pj for row in rows if (row.level, row.tensor) == (level, tensor)) for level in levels
        ]
        for tensor in TENSORS
    }
    return case_stack(names, {key: row for key, row in series.items() if any(row)}, "mJ", {})


def access_columns(record: RunRecord) -> Figure:
    """Return a column per layer: the energy of its accesses by level."""
    sums = [_by_level(layer.accesses) for layer in record.layers]
    return layer_stack([layer.name for layer in record.layers], spread(sums, MJ), "mJ", {})


def case_accesses(names: Sequence[str], records: Sequence[RunRecord]) -> Figure:
    """Return a bar per case: the energy of its accesses by level."""
    return case_stack(names, spread([_by_level(record.accesses) for record in records], MJ), "mJ", {})


def _by_level(rows: Sequence[Access]) -> dict[str, float]:
    return {level: sum(row.energy_pj for row in rows if row.level == level) for level in LEVELS}


def _megabytes(rows: Iterable[Access]) -> str:
    return f"{sum(row.bytes for row in rows) / 1e6:,.4g} MB"


def case_rooflines(names: Sequence[str], records: Sequence[RunRecord]) -> Figure:
    """Return the layers of all cases as points under the roof of the first one's multipliers and DRAM.

    Raises InputError where no layer has MACs.
    """
    if not any(layer.macs for record in records for layer in record.layers):
        raise InputError(f"{', '.join(names)}: no layer has MACs, and so there is no roofline")
    first = records[0]
    roof, bandwidth = first.config.arch.multipliers, first.totals.dram_bytes / first.totals.dram_bound_cycles
    data, reach = [], [roof / bandwidth]
    for place, (name, record) in enumerate(zip(names, records, strict=True)):
        layers = [layer for layer in record.layers if layer.macs]
        across = [layer.macs / layer.dram_bytes for layer in layers]
        reach += across
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": html.escape(name, quote=False),
                "x": across,
                "y": [layer.effective_macs_per_cycle for layer in layers],
                "text": [html.escape(layer.name, quote=False) for layer in layers],
                "marker": {
                    "color": CASES[place % len(CASES)],
                    "symbol": SYMBOLS[place % len(SYMBOLS)],
                    "size": 9,
                    "opacity": 0.8,
                },
                "hovertemplate": "%{text}<br>%{x:.4g} MACs/byte, %{y:.4g} MACs/cycle",
            }
        )
    left, right = min(reach) / 2, max(reach) * 2
    roofs = {
        "type": "scatter",
        "mode": "lines",
        "showlegend": False,
        "hoverinfo": "skip",
        "x": [left, roof / bandwidth, right],
        "y": [left * bandwidth, roof, roof],
        "line": {"color": GREY, "width": 2},
    }
    layout = layout_of(height=480)
    for axis, title in (("xaxis", "direct MACs per DRAM byte"), ("yaxis", "effective MACs per cycle")):
        layout[axis] |= {"type": "log", "title": {"text": title}, "dtick": 1, "exponentformat": "none"}
    return {"data": [roofs, *data], "layout": layout}


def timeline_bars(closeup: Closeup, stretch: Stretch) -> Figure:
    """Return what every unit does in a stretch of a layer's run: a row per unit, slices coloured by what binds them."""
    strips = [strip for strip in stretch.strips if strip.begin]
    rows = axis_labels([strip.name for strip in strips])
    traces: dict[str, Figure] = {}
    for row, strip in zip(rows, strips, strict=True):
        for begin, end, label in zip(strip.begin, strip.end, strip.label, strict=True):
            text = strip.labels[label]
            look = label_style(text)
            trace = traces.setdefault(
                look.label,
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": look.label,
                    "y": [],
                    "base": [],
                    "x": [],
                    "text": [],
                    "textposition": "none",
                    "marker": {"color": look.colour, "line": {"width": 0.5, "color": GREY}},
                    "hovertemplate": "%{text}<br>cycles %{base:,.0f} + %{x:,.0f}<extra></extra>",
                },
            )
            for key, value in (
                ("y", row),
                ("base", begin),
                ("x", end - begin),
                ("text", html.escape(text, quote=False)),
            ):
                trace[key].append(value)
    layout = layout_of(height=150 + 40 * len(rows))
    title = html.escape(f"cycle of {closeup.name}, {stretch.name}", quote=False)
    layout["xaxis"] |= {"title": {"text": title}, "range": [stretch.begin, stretch.end]}
    layout["yaxis"] |= {"type": "category", "categoryarray": rows, "autorange": "reversed", "showgrid": False}
    layout |= {"barmode": "overlay", "bargap": 0.3}
    return {"data": list(traces.values()), "layout": layout}
