"""The front of a study for papers: all designs by two objectives, those that no other beats as a staircase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.errors import InputError
from lw3dsim.explore.figures import axis_title, sampled
from lw3dsim.explore.metrics import METRICS
from lw3dsim.report.paper.canvas import legend_above, log_axis, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lw3dsim.explore.record import Record
    from lw3dsim.explore.study import Study
    from lw3dsim.report.paper.canvas import Width


def front(study: Study, width: Width) -> Figure:
    """Return designs by the first two objectives. Raises InputError where there is nothing to draw."""
    if len(study.space.objectives) < 2:
        raise InputError(f"{study.space.name}: has one objective, and so there is no front to draw")
    best = study.front
    if not best:
        raise InputError(f"{study.space.name}: no finished point keeps the limits, and so there is no front to draw")
    x, y = study.space.objectives[:2]
    figure, axes = new_axes(width, 2.6)
    others = sampled(study.candidates)
    axes.scatter(
        *_columns(others, x, y), s=7, color="#B0B0B0", linewidths=0, label=f"{len(study.candidates):,} designs"
    )
    _staircase(axes, best, x, y)
    axes.scatter(
        *_columns(best, x, y), s=18, color="#D55E00", marker="D", edgecolors="#202020", linewidths=0.4,
        label=f"front of {', '.join(axis_title(name).partition(',')[0] for name in study.space.objectives)}",
    )  # fmt: skip
    for which, name in (("x", x), ("y", y)):
        if METRICS[name].best is None:
            log_axis(axes, "x" if which == "x" else "y", axis_title(name))
        else:
            (axes.set_xlabel if which == "x" else axes.set_ylabel)(axis_title(name))
    axes.grid(which="major")
    axes.set_axisbelow(True)
    legend_above(axes, width, 2)
    return figure


def _columns(records: list[Record], x: str, y: str) -> tuple[list[float], list[float]]:
    return [one.outcome.metrics[x] for one in records], [one.outcome.metrics[y] for one in records]


def _staircase(axes: Axes, best: list[Record], x: str, y: str) -> None:
    """Draw what the front leaves out of reach, where these two objectives are costs."""
    if METRICS[x].best is not None or METRICS[y].best is not None:
        return
    lowest, steps = float("inf"), []
    for across, up in sorted(zip(*_columns(best, x, y), strict=True)):
        if up < lowest:
            lowest = up
            steps.append((across, up))
    axes.step([across for across, _ in steps], [up for _, up in steps], where="post", color="#D55E00", linewidth=0.8)
