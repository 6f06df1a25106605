"""The roofline for papers: layers under the roofs of DRAM and of the multipliers."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
            [12 + 260 * layer.latency_cycles / record.totals.latency_cycles for layer in chosen],
            color=colour, marker=MARKERS[symbol], edgecolors="#202020", linewidths=0.4, alpha=0.8, label=kind,
        )  # fmt: skip
    log_axis(axes, "x", "direct MACs per DRAM byte")
    log_axis(axes, "y", "effective MACs per cycle")
    _roofs(axes, record, layers)
    _names(axes, layers, NAMED[width])
    axes.grid(which="major")
    axes.set_axisbelow(True)
    legend_above(axes, width, len(kinds))
    return figure


def _kind(layer: Layer) -> str:
    return layer.algorithm.split(" ")[0]


def _place(layer: Layer) -> tuple[float, float]:
    return layer.macs / layer.dram_bytes, layer.effective_macs_per_cycle


def _roofs(axes: Axes, record: RunRecord, layers: Sequence[Layer]) -> None:
    """Draw the roof of DRAM, that of the multipliers, and dotted what the algorithms lift that to."""
    roofs = {"": float(record.config.arch.multipliers)}
    bandwidth = record.totals.dram_bytes / record.totals.dram_bound_cycles
    for layer in layers:
        if _kind(layer) != "direct":
            lifted = roofs[""] * layer.macs / layer.ideal_mults
            roofs[_kind(layer)] = max(roofs.get(_kind(layer), 0.0), lifted)
    highest, reach = max(roofs.values()), [_place(layer)[0] for layer in layers]
    left, right = min(*reach, roofs[""] / bandwidth) / 2, max(*reach, highest / bandwidth) * 2
    axes.plot([left, highest / bandwidth], [left * bandwidth, highest], color="#303030")
    for kind, roof in roofs.items():
        axes.plot([roof / bandwidth, right], [roof, roof], color="#303030", linestyle=":" if kind else "-")
        words = f"{kind} x {roof / roofs['']:.3g}" if kind else f"{roof:,.0f} multipliers"
        axes.annotate(words, (right, roof), (0, 2), textcoords="offset points", ha="right", fontsize=6)
    axes.annotate(
        f"DRAM {bandwidth:.3g} bytes/cycle", (left, left * bandwidth), (6, -1), textcoords="offset points",
        va="top", fontsize=6,
    )  # fmt: skip


def _names(axes: Axes, layers: Sequence[Layer], most: int) -> None:
    """Name the layers that take longest, but for those whose names would stand in each other's way."""
    placed: list[tuple[float, float]] = []
    for layer in sorted(layers, key=lambda layer: -layer.latency_cycles):
        x, y = _place(layer)
        if len(placed) < most and all(max(y / b, b / y) > 1.25 for _, b in placed):
            placed.append((x, y))
            axes.annotate(layer.name[:24], (x, y), (-5, -7), textcoords="offset points", ha="right", fontsize=5.5)
