"""Templates into pages: what is text stays text, figures become plotly.js elements, nothing is fetched."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.io import to_html
from plotly.offline import get_plotlyjs

from lw3dsim.base.forms import GENERATOR

if TYPE_CHECKING:
    from lw3dsim.report.html.figures import Figure

# plotly.js offers, among others, to share a figure with a cloud service; only saving an image stays.
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]}


class Drawing(NamedTuple):
    """A figure under its caption."""

    figure: Figure
    title: str
    caption: str = ""


def rendered(template: str, title: str, **view: object) -> str:
    """Return the self-contained page of a template and what it shows; the same view gives the same text."""
    page: str = (
        _environment()
        .get_template(template)
        .render(
            title=title,
            generator=Markup(GENERATOR),  # noqa: S704  # ours
            plotlyjs=Markup(get_plotlyjs()),  # noqa: S704  # of the plotting library
            **view,
        )
    )
    return page


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lw3dsim.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "plot": _plot}
    return environment


def number(value: float) -> str:
    """Return 4 digits, and never an exponent for what is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _plot(drawing: Drawing) -> Markup:
    """Return the element of a figure; its id follows from the title."""
    element = to_html(
        drawing.figure,
        config=CONFIG,
        full_html=False,
        include_plotlyjs=False,
        validate=False,
        div_id=drawing.title.lower().replace(" ", "-").replace(",", ""),
    )
    return Markup(element)  # noqa: S704  # text in figures is escaped where they are drawn
