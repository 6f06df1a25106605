"""What the pages draw, as figures of Plotly: to look at in a notebook, to change, to save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.arguments import as_truth
from lw3dsim.errors import InputError
from lw3dsim.report.drawings import case_drawings, layer_drawings, overview
from lw3dsim.report.html import figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plotly.graph_objects import Figure

    from lw3dsim.report.drawings import Drawing
    from lw3dsim.result.records import RunRecord


class ResultPlots:
    """Figures of one result; each is a ``plotly.graph_objects.Figure`` with the look of the page.

    Of the whole network a bar per part, the largest first; with ``by_layer`` a stacked column per layer.
    """

    def __init__(self, record: RunRecord) -> None:
        self._record = record

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


class ComparisonPlots:
    """Figures of several cases, a bar or group of bars each, as ``plotly.graph_objects.Figure``; see ResultPlots."""

    def __init__(self, names: Sequence[str], records: Sequence[RunRecord]) -> None:
        self._names, self._records = names, records

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
