"""The roofline for papers: layers under the roofs of DRAM and of the multipliers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lw3dsim.errors import InputError
from lw3dsim.report.html.figures import ALGORITHMS, UNKNOWN
from lw3dsim.report.paper.canvas import legend_above, log_axis, new_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lw3dsim.report.paper.canvas import Width
    from lw3dsim.result.records import Layer, RunRecord

MARKERS = {"circle": "o", "diamond": "D", "square": "s", "triangle-up": "^", "star": "*"}

# Layers that are named, those that take longest.
NAMED = {"single": 3, "double": 6}

# How far the roofs go on behind the last point: as far as words on them are long.
RIGHT = {"single": 7, "double": 3}

# Of a point, in square points: what it has anyhow, and what all of the time adds. In the legend all are alike.
LEAST, WHOLE = 12, 260
IN_LEGEND = 30


def roofline(record: RunRecord, width: Width) -> Figure:
    """Return layers as points, as large as their share of the time. Raises InputError where no layer has MACs."""
    layers = [layer for layer in record.layers if layer.macs]
    if not layers:
        raise InputError(f"{record.workload}: no layer has MACs, and so there is no roofline")
    figure, axes = new_axes(width, 2.6)
    kinds = dict.fromkeys(_kind(layer) for layer in layers)
    for kind in kinds:
        colour, symbol = ALGORITHMS.get(kind, (UNKNOWN, "circle"))
        chosen = [layer for layer in layers if _kind(layer) == kind]
        places = [_place(layer) for layer in chosen]
        axes.scatter(
            [x for x, _ in places],
            [y for _, y in places],
            [_size(layer, record) for layer in chosen],
            color=colour, marker=MARKERS[symbol], edgecolors="#202020", linewidths=0.4, alpha=0.8, label=kind,
        )  # fmt: skip
    ridge = _roofs(axes, record, layers, width)
    _names(axes, record, layers, ridge, NAMED[width])
    axes.grid(which="major")
    axes.set_axisbelow(True)
    axes.margins(y=0.1)
    log_axis(axes, "x", "direct MACs per DRAM byte")
    log_axis(axes, "y", "effective MACs per cycle")
    for handle in filter(None, legend_above(axes, width, len(kinds)).legend_handles):
        handle.set(sizes=[IN_LEGEND])
    return figure


def _kind(layer: Layer) -> str:
    return layer.algorithm.split(" ")[0]


def _place(layer: Layer) -> tuple[float, float]:
    return layer.macs / layer.dram_bytes, layer.effective_macs_per_cycle


def _size(layer: Layer, record: RunRecord) -> float:
    return LEAST + WHOLE * layer.latency_cycles / record.totals.latency_cycles


def _radius(size: float) -> float:
    """Return how far a point of this size reaches, in points."""
    return math.sqrt(size) / 2


def _words(axes: Axes, words: str, at: tuple[float, float], off: tuple[float, float], **look: Any) -> None:
    """Write beside a place, in front of points and lines and legible on both."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=1.5, foreground="white")]
    axes.annotate(words, at, off, textcoords="offset points", zorder=5, path_effects=halo, **look)


def _roofs(axes: Axes, record: RunRecord, layers: Sequence[Layer], width: Width) -> float:
    """Draw the roof of DRAM, that of the multipliers, and dotted what the algorithms lift that to.

    Returns the MACs per byte where the first two meet.
    """
    roofs = {"": float(record.config.arch.multipliers)}
    bandwidth = record.totals.dram_bytes / record.totals.dram_bound_cycles
    for layer in layers:
        if _kind(layer) != "direct":
            lifted = roofs[""] * layer.macs / layer.ideal_mults
            roofs[_kind(layer)] = max(roofs.get(_kind(layer), 0.0), lifted)
    highest, reach = max(roofs.values()), [_place(layer)[0] for layer in layers]
    left, right = min(*reach, roofs[""] / bandwidth) / 2, max(*reach, highest / bandwidth) * RIGHT[width]
    axes.plot([left, highest / bandwidth], [left * bandwidth, highest], color="#303030")
    for kind, roof in roofs.items():
        axes.plot([roof / bandwidth, right], [roof, roof], color="#303030", linestyle=":" if kind else "-")
        words = f"{kind} x {roof / roofs['']:.3g}" if kind else f"{roof:,.0f} multipliers"
        _words(axes, words, (right, roof), (0, 2), ha="right", fontsize=6)
    said = f"DRAM {bandwidth:.3g} bytes/cycle"
    _words(axes, said, (left, left * bandwidth), (8, 0), va="center", fontsize=6)
    return roofs[""] / bandwidth


def _names(axes: Axes, record: RunRecord, layers: Sequence[Layer], ridge: float, most: int) -> None:
    """Name the layers that take longest, but for those whose names would stand in each other's way.

    Names stand below their points, towards the middle: right of those before the ``ridge``, left of those behind it.
    """
    placed: list[tuple[float, float]] = []
    for layer in sorted(layers, key=lambda layer: -layer.latency_cycles):
        x, y = _place(layer)
        if len(placed) < most and all(max(y / b, b / y) > 1.25 for _, b in placed):
            placed.append((x, y))
            radius = _radius(_size(layer, record))
            side, off = ("left", -radius) if x < ridge else ("right", radius)
            _words(axes, layer.name[:24], (x, y), (off, -1 - radius), ha=side, va="top", fontsize=5.5)
