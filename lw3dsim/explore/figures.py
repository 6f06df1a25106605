"""The figures of a study, as plain plotly.js values."""

from __future__ import annotations

import html
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lw3dsim.explore.importance import importances
from lw3dsim.explore.point import as_text
from lw3dsim.report.figures import GREY, Figure, layout_of

if TYPE_CHECKING:
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Parameter
    from lw3dsim.explore.study import Study

# Points that a figure can show without becoming slow; the front is always whole.
MAX_POINTS = 3000
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#8C6D31")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "star", "cross", "x", "hexagon")


def axis_title(name: str) -> str:
    """Return a metric with its unit, as a reader writes it."""
    stem, _, unit = name.rpartition("_")
    units = {"ms": "ms", "mj": "mJ", "mjs": "mJ s", "mm2": "mm²", "db": "dB", "mb": "MB", "kib": "KiB", "mw": "mW"}
    word = {"edp": "energy-delay product", "dram": "DRAM traffic", "sqnr": "SQNR", "sram": "SRAM"}.get(stem, stem)
    return f"{word.replace('_', ' ')}, {units[unit]}" if unit in units else name.replace("_per_s", "/s")


def sampled(records: list[Record]) -> list[Record]:
    """Return at most MAX_POINTS of ``records``, evenly spread."""
    step = -(-len(records) // MAX_POINTS) or 1
    return records[::step]


def clouds(study: Study, x: str, y: str, parameter: Parameter | None) -> Figure:
    """Return all designs by two objectives, the front coloured by the value of ``parameter``."""
    data = [_points(study, sampled(study.candidates), x, y, "other designs", GREY, 4.0)]
    groups: dict[str, list[Record]] = {}
    for record in study.front:
        values = dict(record.point.values)
        text = as_text(values[parameter.path]) if parameter and parameter.path in values else "none"
        groups.setdefault(text, []).append(record)
    order = [as_text(value) for value in parameter.values] if parameter else []
    for text in sorted(groups, key=lambda text: order.index(text) if text in order else -1):
        place = order.index(text) if text in order else len(order)
        name = f"{parameter.path} = {text}" if parameter else "front"
        trace = _points(study, groups[text], x, y, name, COLOURS[place % len(COLOURS)], 10.0)
        trace["marker"] |= {"symbol": SYMBOLS[place % len(SYMBOLS)], "opacity": 1.0}
        data.append(trace)
    layout = layout_of(height=470)
    for axis, name in (("xaxis", x), ("yaxis", y)):
        layout[axis] |= {"title": {"text": axis_title(name)}, "type": "log" if name != "sqnr_db" else "linear"}
    return {"data": data, "layout": layout}


def _points(study: Study, records: list[Record], x: str, y: str, name: str, colour: str, size: float) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": html.escape(name, quote=False),
        "x": [record.outcome.metrics[x] for record in records],
        "y": [record.outcome.metrics[y] for record in records],
        "marker": {"color": colour, "size": size, "opacity": 0.35},
        "text": [_label(study, record) for record in records],
        "hovertemplate": "%{text}<br>%{x:.5g}, %{y:.5g}<extra></extra>",
    }


def _label(study: Study, record: Record) -> str:
    values = dict(record.point.values)
    lines = [f"{p.path} = {as_text(values[p.path])}" for p in study.space.free if p.path in values]
    return html.escape(record.point.id, quote=False) + "<br>" + html.escape("; ".join(lines), quote=False)


def coordinates(study: Study) -> Figure:
    """Return parallel coordinates: a line per design over its parameters and objectives, the front in colour."""
    front = {record.point.id for record in study.front}
    others = [record for record in sampled(study.candidates) if record.point.id not in front]
    # What is drawn last lies on top.
    records = [*others, *study.front]
    dimensions: list[dict[str, Any]] = [_dimension(parameter, records) for parameter in study.space.free]
    dimensions += [
        {"label": axis_title(name), "values": [record.outcome.metrics[name] for record in records]}
        for name in study.space.objectives
    ]
    lines = {
        "type": "parcoords",
        "dimensions": dimensions,
        "line": {
            "color": [float(record.point.id in front) for record in records],
            "colorscale": [[0, "rgba(128,128,128,0.25)"], [1, "#D55E00"]],
            "cmin": 0,
            "cmax": 1,
        },
        "labelangle": -25,
        "labelside": "bottom",
    }
    layout = layout_of(height=520, legend=False)
    layout["margin"] = {"l": 60, "r": 60, "t": 30, "b": 120}
    return {"data": [lines], "layout": layout}


def _dimension(parameter: Parameter, records: list[Record]) -> dict[str, Any]:
    """Return an axis with a tick per value; where the parameter does not apply, a line passes below all."""
    places = [
        parameter.values.index(dict(record.point.values)[parameter.path])
        if parameter.path in dict(record.point.values)
        else -1
        for record in records
    ]
    ticks = list(range(len(parameter.values)))
    step = -(-len(ticks) // 12)
    return {
        "label": html.escape(parameter.path, quote=False),
        "values": places,
        "range": [min(places, default=0), max(len(ticks) - 1, 1)],
        "tickvals": ticks[::step],
        "ticktext": [html.escape(as_text(value), quote=False) for value in parameter.values[::step]],
    }


def history(study: Study) -> Figure:
    """Return the hypervolume over the number of finished points, as steps."""
    points = study.history()
    line = {
        "type": "scatter",
        "mode": "lines",
        "line": {"shape": "hv", "color": COLOURS[0], "width": 2},
        "x": [number for number, _ in points],
        "y": [share for _, share in points],
        "hovertemplate": "%{x:,} points: %{y:.5f}<extra></extra>",
    }
    layout = layout_of(height=360, legend=False)
    layout["xaxis"] |= {"title": {"text": "finished points"}}
    layout["yaxis"] |= {"title": {"text": "hypervolume"}}
    # The first points lift it from nothing; what matters comes after.
    risen = [share for (_, before), (_, share) in pairwise(points) if before > 0]
    if risen and risen[-1] > risen[0]:
        layout["yaxis"]["range"] = [risen[0] - 0.05 * (risen[-1] - risen[0]), risen[-1] + 0.05 * (risen[-1] - risen[0])]
    return {"data": [line], "layout": layout}


def importance_bars(study: Study) -> Figure:
    """Return a bar per parameter and objective: the share of variance that the parameter decides."""
    shares = {name: importances(study, name) for name in study.space.objectives}
    total = {p.path: sum(share[p.path] for share in shares.values()) for p in study.space.free}
    paths = sorted(total, key=lambda path: -total[path])
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": axis_title(name).partition(",")[0],
            "y": [html.escape(path, quote=False) for path in paths],
            "x": [share[path] for path in paths],
            "marker": {"color": COLOURS[place % len(COLOURS)]},
            "hovertemplate": "%{y}: %{x:.1%}<extra></extra>",
        }
        for place, (name, share) in enumerate(shares.items())
    ]
    layout = layout_of(height=140 + 24 * len(shares) * len(paths))
    layout["yaxis"] |= {"autorange": "reversed", "showgrid": False}
    layout["xaxis"] |= {"tickformat": ".0%", "rangemode": "tozero"}
    layout |= {"barmode": "group", "bargap": 0.25}
    return {"data": data, "layout": layout}


def colouring(study: Study) -> list[Parameter]:
    """Return the parameters that fronts are coloured by: m1 and m2 where they are searched, else what decides most."""
    by_path = {parameter.path: parameter for parameter in study.space.free}
    tiles = [by_path[path] for path in ("winograd.m1", "winograd.m2") if path in by_path]
    if tiles:
        return tiles
    ranked = [path for name in study.space.objectives for path in importances(study, name)]
    return [by_path[path] for path in dict.fromkeys(ranked)][:2]
