"""What the page of a study draws, as figures of Plotly, and its front for a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.arguments import as_word
from lw3dsim.base.calls import strict_methods
from lw3dsim.errors import InputError
from lw3dsim.explore import figures
from lw3dsim.explore.paper import front
from lw3dsim.report.paper.canvas import check_figure, write_figure

if TYPE_CHECKING:
    from pathlib import Path

    from plotly.graph_objects import Figure

    from lw3dsim.arguments import PathArgument
    from lw3dsim.explore.study import Study
    from lw3dsim.report.html.figures import Figure as Drawn


@strict_methods
class StudyPlots:
    """Figures of a study as it stands; each is a ``plotly.graph_objects.Figure``."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def __repr__(self) -> str:
        return "StudyPlots: .front(), .parallel(), .importance(), .history(), .save(kind, path)"

    def front(self, x: str | None = None, y: str | None = None) -> Figure:
        """Draw all designs by two objectives, the first two unless named; the front in colour.

        Coloured by the parameter that decides most, or by m1. Raises InputError.
        """
        space = self._study.space
        x, y = (
            None if given is None else as_word(name, given, space.objectives) for name, given in (("x", x), ("y", y))
        )
        rest = [name for name in space.objectives if name not in (x, y)]
        across = x or (rest.pop(0) if rest else "")
        up = y or (rest.pop(0) if rest else "")
        if not across or not up:
            raise InputError(f"{space.name}: has one objective, and so there is no front to draw")
        self._check()
        colour = next(iter(figures.colouring(self._study)), None)
        return _made(figures.clouds(self._study, across, up, colour))

    def parallel(self) -> Figure:
        """Draw a line per design over its parameters and objectives, the front in colour. Raises InputError."""
        self._check()
        return _made(figures.coordinates(self._study))

    def importance(self) -> Figure:
        """How much of the variance of each objective each parameter decides. Raises InputError."""
        self._check()
        return _made(figures.importance_bars(self._study))

    def history(self) -> Figure:
        """Hypervolume over finished points. Raises InputError."""
        self._check()
        return _made(figures.history(self._study))

    def save(self, kind: str, path: PathArgument, *, width: str = "single") -> Path:
        """Write the figure ``front`` for a paper to ``path`` (.svg, .pdf, .png, .html); see ``lw3dsim plot``.

        ``width`` is ``single`` or ``double``. Raises InputError and OutputError.
        """
        as_word("kind", kind, ["front"])
        target, wide = check_figure(path, width)
        write_figure(target, f"front of {self._study.space.name}", lambda: front(self._study, wide))
        return target

    def _check(self) -> None:
        if not self._study.candidates:
            raise InputError(
                f"{self._study.space.name}: no finished point keeps the limits, and there is nothing to draw"
            )


def _made(drawn: Drawn) -> Figure:
    from plotly.graph_objects import Figure

    return Figure(drawn)
