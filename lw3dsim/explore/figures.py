"""The figures of a study, as plain plotly.js values."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lw3dsim.explore.importance import importances
from lw3dsim.explore.point import as_text
from lw3dsim.report.html.figures import GREY, Figure, layout_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Parameter
    from lw3dsim.explore.study import Study

# Points that a figure can show without becoming slow; the front is always whole.
MAX_POINTS = 3000
MAX_LINES = 500
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
        layout[axis] |= {"title": {"text": axis_title(name)}}
        if name != "sqnr_db":
            layout[axis] |= {"type": "log", **_log_ticks([record.outcome.metrics[name] for record in study.candidates])}
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


def _log_ticks(values: list[float]) -> dict[str, Any]:
    """Return ticks at 1, 2 and 5 times the powers of ten."""
    powers = range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return {"tickvals": ticks, "ticktext": [f"{tick:,.6g}" for tick in ticks]}


def _label(study: Study, record: Record) -> str:
    values = dict(record.point.values)
    lines = [f"{p.path} = {as_text(values[p.path])}" for p in study.space.free if p.path in values]
    return html.escape(record.point.id, quote=False) + "<br>" + html.escape("; ".join(lines), quote=False)


def coordinates(study: Study) -> Figure:
    """Return parallel coordinates: a line per design over its parameters and objectives, the front in colour.

    Drawn as plain lines: the kind of figure that plotly.js has for it compiles code, which the page forbids.
    """
    front = {record.point.id for record in study.front}
    others = [record for record in study.candidates if record.point.id not in front]
    others = others[:: -(-len(others) // MAX_LINES) or 1]
    axes = [_Axis.of(parameter) for parameter in study.space.free]
    axes += [_Axis.spanning(name, study.candidates) for name in study.space.objectives]
    data = [
        _lines("other designs", axes, others, {"color": GREY, "width": 0.5}, 0.25),
        _lines("front", axes, study.front, {"color": COLOURS[1], "width": 1.6}, 0.8),
    ]
    labels = {
        "type": "scatter",
        "mode": "text",
        "x": [place for place, axis in enumerate(axes) for _ in axis.ticks],
        "y": [height for axis in axes for height in axis.ticks],
        "text": [f" {text}" for axis in axes for text in axis.ticks.values()],
        "textposition": "middle right",
        "textfont": {"color": GREY, "size": 11},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    layout = layout_of(height=540)
    layout["xaxis"] |= {
        "tickvals": list(range(len(axes))),
        "ticktext": [html.escape(axis.title, quote=False) for axis in axes],
        "range": [-0.2, len(axes) - 0.4],
        "tickangle": 30 if len(axes) > 6 else 0,
    }
    layout["yaxis"] |= {"visible": False, "range": [-0.05, 1.05]}
    return {"data": [*data, labels], "layout": layout}


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """An axis of parallel coordinates: where a design crosses it (0 to 1), and what is written there."""

    title: str
    height: Callable[[Record], float | None]
    ticks: dict[float, str]

    @classmethod
    def of(cls, parameter: Parameter) -> _Axis:
        """Return the axis of a parameter; where it does not apply, lines pass it by."""
        last = max(len(parameter.values) - 1, 1)

        def height(record: Record) -> float | None:
            values = dict(record.point.values)
            return parameter.values.index(values[parameter.path]) / last if parameter.path in values else None

        step = -(-len(parameter.values) // 12)
        ticks = {
            i / last: html.escape(as_text(v), quote=False) for i, v in enumerate(parameter.values) if i % step == 0
        }
        return cls(title=parameter.path, height=height, ticks=ticks)

    @classmethod
    def spanning(cls, name: str, records: Sequence[Record]) -> _Axis:
        """Return the axis of an objective, logarithmic where it is a cost."""
        scale = math.log if name != "sqnr_db" else float
        values = [scale(record.outcome.metrics[name]) for record in records]
        low, span = min(values), (max(values) - min(values)) or 1.0
        ticks = {}
        for place in range(5):
            value = low + span * place / 4
            ticks[place / 4] = f"{math.exp(value) if name != 'sqnr_db' else value:,.3g}"
        return cls(
            title=axis_title(name),
            height=lambda record: (scale(record.outcome.metrics[name]) - low) / span,
            ticks=ticks,
        )


def _lines(name: str, axes: Sequence[_Axis], records: Sequence[Record], line: Figure, opacity: float) -> Figure:
    """Return one trace of all ``records``, interrupted between them."""
    places = [*range(len(axes)), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": places * len(records),
        "y": [height for record in records for height in [*(axis.height(record) for axis in axes), None]],
        "line": line,
        "opacity": opacity,
        "hoverinfo": "skip",
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
