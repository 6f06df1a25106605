"""Stacked bars for papers: energy and cycles of layers or of several runs, and accesses by level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.account.accesses import LEVELS, TENSORS
from lw3dsim.report.html.figures import STYLES, grouped
from lw3dsim.report.paper.canvas import HATCHES, OTHERS, leading, legend_above, new_axes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lw3dsim.report.paper.canvas import Width
    from lw3dsim.result.records import RunRecord

# Bars whose names can be read below them.
MOST_BARS = {"single": 20, "double": 48}
LONGEST_NAME = 26

GREY = "#9E9E9E"


def energy(names: Sequence[str], records: Sequence[RunRecord], width: Width) -> Figure:
    """Return energy by groups of components: of the layers of one run, or of several runs."""
    parts = (
        [(layer.name, grouped(layer.energy_breakdown_pj)) for layer in records[0].layers]
        if len(records) == 1
        else [(name, grouped(record.energy_breakdown_pj)) for name, record in zip(names, records, strict=True)]
    )
    return _columns(parts, 1e-9, "energy, mJ", width)


def cycles(names: Sequence[str], records: Sequence[RunRecord], width: Width) -> Figure:
    """Return cycles by cause: of the layers of one run, or of several runs."""
    parts = (
        [(layer.name, dict(layer.cycles_breakdown.items())) for layer in records[0].layers]
        if len(records) == 1
        else [(name, dict(record.cycles_breakdown.items())) for name, record in zip(names, records, strict=True)]
    )
    return _columns(parts, 1e-6, "cycles, millions", width)


def _columns(parts: Sequence[tuple[str, Mapping[str, float]]], scale: float, unit: str, width: Width) -> Figure:
    """Return a stacked column for each of ``parts``; where there are too many, the smallest are one."""
    bars = _merged(parts, MOST_BARS[width])
    keys = dict.fromkeys(key for _, values in bars for key in values)
    series = leading({key: [values.get(key, 0) * scale for _, values in bars] for key in keys})
    figure, axes = new_axes(width, 1.9 + 0.05 * max(len(_short(name)) for name, _ in bars))
    floor = [0.0] * len(bars)
    for place, (key, values) in enumerate(series.items()):
        label, colour = (STYLES[key].label, STYLES[key].colour) if key in STYLES else (key, GREY)
        axes.bar(
            range(len(bars)), values, 0.78, bottom=floor, label=label, color=colour,
            hatch=HATCHES[place % len(HATCHES)], edgecolor="#202020", linewidth=0.3,
        )  # fmt: skip
        floor = [below + value for below, value in zip(floor, values, strict=True)]
    axes.set_xticks(range(len(bars)), [_short(name) for name, _ in bars], rotation=90 if len(bars) > 4 else 0)
    axes.set_xlim(-0.6, len(bars) - 0.4)
    axes.set_ylabel(unit)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    legend_above(axes, width, len(series))
    return figure


def _merged(parts: Sequence[tuple[str, Mapping[str, float]]], most: int) -> list[tuple[str, Mapping[str, float]]]:
    """Return ``parts``, or where there are more than ``most`` those that sum to most in order, and the rest as one."""
    if len(parts) <= most:
        return list(parts)
    order = sorted(range(len(parts)), key=lambda i: (-sum(parts[i][1].values()), i))
    kept, rest = set(order[: most - 1]), order[most - 1 :]
    sums: dict[str, float] = {}
    for i in rest:
        for key, value in parts[i][1].items():
            sums[key] = sums.get(key, 0) + value
    return [parts[i] for i in sorted(kept)] + [(f"{len(rest)} {OTHERS}", sums)]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def accesses(record: RunRecord, width: Width) -> Figure:
    """Return the energy of accesses by level and tensor, each level with its bytes."""
    rows = record.accesses
    levels = [level for level in LEVELS if any(row.level == level for row in rows)]
    figure, axes = new_axes(width, 0.9 + 0.24 * len(levels))
    floor = [0.0] * len(levels)
    for place, tensor in enumerate(TENSORS):
        values = [
            sum(row.energy_pj for row in rows if (row.level, row.tensor) == (level, tensor)) / 1e9 for level in levels
        ]
        if not any(values):
            continue
        label, colour, _ = STYLES[tensor]
        axes.barh(
            range(len(levels)), values, 0.72, left=floor, label=label, color=colour, hatch=HATCHES[place],
            edgecolor="#202020", linewidth=0.3,
        )  # fmt: skip
        floor = [below + value for below, value in zip(floor, values, strict=True)]
    for at, (level, end) in enumerate(zip(levels, floor, strict=True)):
        size = sum(row.bytes for row in rows if row.level == level)
        axes.annotate(_size(size), (end, at), (3, 0), textcoords="offset points", va="center", fontsize=6)
    axes.set_yticks(range(len(levels)), [STYLES[level].label for level in levels])
    _from_the_top(axes, floor)
    axes.set_xlabel("energy of accesses, mJ")
    legend_above(axes, width, len(TENSORS))
    return figure


def _from_the_top(axes: Axes, ends: Sequence[float]) -> None:
    """Put the first bar on top, and leave room for words behind the longest."""
    axes.invert_yaxis()
    axes.set_xlim(0, 1.2 * max(ends))
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def _size(count: int) -> str:
    scales = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
    scale, unit = next(((scale, unit) for scale, unit in scales if count >= scale), (1.0, "bytes"))
    return f"{count / scale:.3g} {unit}"
