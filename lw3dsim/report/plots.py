"""What the pages draw, as figures of Plotly: to look at in a notebook, to change, to save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.arguments import as_text, as_truth
from lw3dsim.base.calls import strict_methods
from lw3dsim.errors import InputError
from lw3dsim.report import plotted
from lw3dsim.report.drawings import case_drawings, layer_drawings, overview
from lw3dsim.report.html import figures
from lw3dsim.result.closeups import kept_closeup

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from plotly.graph_objects import Figure

    from lw3dsim.arguments import PathArgument
    from lw3dsim.report.drawings import Drawing
    from lw3dsim.result.result import Result


@strict_methods
class ResultPlots:
    """Figures of one result; each is a ``plotly.graph_objects.Figure`` with the look of the page.

    Of the whole network a bar per part, the largest first; with ``by_layer`` a stacked column per layer.
    """

    def __init__(self, result: Result) -> None:
        self._result, self._record = result, result.record

    def __repr__(self) -> str:
        return _offers(self)

    def cycles(self, *, by_layer: bool = False) -> Figure:
        """Cycles by cause; with the lower bounds of multipliers and DRAM by layer."""
        return self._either("Cycles by cause", "Cycles by layer and cause", by_layer)

    def energy(self, *, by_layer: bool = False) -> Figure:
        """Energy by component, in mJ; by layer in groups of components."""
        return self._either("Energy by component", "Energy by layer", by_layer)

    def dram(self, *, by_layer: bool = False) -> Figure:
        """DRAM traffic by tensor, in MB; by layer with what is compulsory."""
        return self._either("DRAM traffic by tensor", "DRAM traffic by layer and tensor", by_layer)

    def area(self) -> Figure:
        """Area by component, in mm²."""
        return self._either("Area by component", "", False)

    def accesses(self, *, by_layer: bool = False) -> Figure:
        """Energy of accesses by level and tensor, in mJ, with the bytes of each level; by layer by level."""
        columns = as_truth("by_layer", by_layer)
        return _made(plotted.access_columns(self._record) if columns else plotted.access_bars(self._record))

    def timeline(self, layer: str | None = None, *, whole: bool = False) -> Figure:
        """Draw what every unit does in the steady state of a layer or group, of the longest unless one is named.

        With ``whole`` from its begin to its end. Raises InputError where no timeline of it was kept.
        """
        name, number = None if layer is None else as_text("layer", layer), -1 if as_truth("whole", whole) else 0
        # They are made, which takes a run, where a result was not looked at closely before.
        closeup = kept_closeup(self._result.closeups, self._record.workload, name)
        return _made(plotted.timeline_bars(closeup, closeup.stretches[number]))

    def save(self, kind: str, path: PathArgument, *, width: str = "single", layer: str | None = None) -> Path:
        """Write a figure for a paper to ``path`` (.svg, .pdf, .png, .html) and return that; see ``lw3dsim plot``.

        ``kind`` is energy, cycles, accesses, roofline or timeline, ``width`` single or double, a column or two.
        Raises InputError and OutputError.
        """
        from lw3dsim.report.paper.figures import save_figure

        return save_figure(kind, [self._record.workload], [self._result], path, width, layer)

    def roofline(self) -> Figure:
        """Layers as points under the roofs of DRAM and multipliers. Raises InputError where no layer has MACs."""
        drawn = figures.roofline(self._record)
        if drawn is None:
            raise InputError(f"{self._record.workload}: no layer has MACs, and so there is no roofline")
        return _made(drawn)

    def _either(self, whole: str, layers: str, by_layer: object) -> Figure:
        if as_truth("by_layer", by_layer):
            return _found(layer_drawings(self._record), layers)
        return _found([drawing for column in overview(self._record) for drawing in column], whole)


@strict_methods
class ComparisonPlots:
    """Figures of several cases, a bar or group of bars each, as ``plotly.graph_objects.Figure``; see ResultPlots."""

    def __init__(self, names: Sequence[str], results: Sequence[Result]) -> None:
        self._names, self._results = names, results
        self._records = [result.record for result in results]

    def __repr__(self) -> str:
        return _offers(self)

    def cycles(self) -> Figure:
        """Cycles by cause, with the lower bounds of multipliers and DRAM."""
        return self._drawn("Cycles by cause")

    def energy(self) -> Figure:
        """Energy by component, in mJ."""
        return self._drawn("Energy by component")

    def dram(self) -> Figure:
        """DRAM traffic by tensor, in MB, with what is compulsory."""
        return self._drawn("DRAM traffic by tensor")

    def accesses(self) -> Figure:
        """Energy of accesses by level, in mJ."""
        return _made(plotted.case_accesses(self._names, self._records))

    def roofline(self) -> Figure:
        """Layers of all cases as points, under the roofs of the first one's DRAM and multipliers.

        Raises InputError where no layer has MACs.
        """
        return _made(plotted.case_rooflines(self._names, self._records))

    def save(self, kind: str, path: PathArgument, *, width: str = "single") -> Path:
        """Write ``energy`` or ``cycles`` of all cases for a paper to ``path``; see ResultPlots. Returns the path."""
        from lw3dsim.report.paper.figures import save_figure

        return save_figure(kind, self._names, self._results, path, width)

    def multiplications(self) -> Figure:
        """Direct MACs, ideal and executed multiplications, in billions."""
        return self._drawn("Direct MACs and multiplications")

    def area(self) -> Figure:
        """Area by component, in mm²."""
        return self._drawn("Area by component")

    def _drawn(self, title: str) -> Figure:
        return _found(case_drawings(self._names, self._records), title)


def _found(drawings: Sequence[Drawing], title: str) -> Figure:
    return _made(next(drawing.figure for drawing in drawings if drawing.title == title))


def _made(drawn: figures.Figure) -> Figure:
    from plotly.graph_objects import Figure

    return Figure(drawn)


def _offers(plots: object) -> str:
    names = [name for name in vars(type(plots)) if not name.startswith("_")]
    return f"{type(plots).__name__}: {', '.join(f'.{name}()' for name in names)}"
