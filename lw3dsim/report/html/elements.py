"""What every HTML page is made of: the frame, figures under captions, tables, numbers."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from plotly.io import to_html
from plotly.offline import get_plotlyjs

from lw3dsim.base.forms import GENERATOR
from lw3dsim.report.html.page_style import PAGE, STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lw3dsim.report.html.figures import Figure

# plotly.js offers, among others, to share a figure with a cloud service; only saving an image stays.
CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]}


def page(title: str, body: Iterable[str]) -> str:
    """Return the self-contained page of ``body``."""
    return PAGE.substitute(
        generator=GENERATOR, title=text(title), style=STYLE, plotlyjs=get_plotlyjs(), body="\n".join(body)
    )


def text(value: object) -> str:
    """Return ``value`` as text of a page."""
    return html.escape(str(value))


def number(value: float) -> str:
    """Return 4 digits, and never an exponent for what is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def figure(drawing: Figure, title: str, caption: str = "") -> str:
    """Return ``drawing`` under its caption; the id of its element follows from the title."""
    div = to_html(
        drawing,
        config=CONFIG,
        full_html=False,
        include_plotlyjs=False,
        validate=False,
        div_id=title.lower().replace(" ", "-").replace(",", ""),
    )
    return f"<figure><figcaption><b>{title}</b><span>{caption}</span></figcaption>{div}</figure>"


def table(text: Sequence[str], numbers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table under headings of text and of numbers; cells are HTML and bring their own ``td``."""
    head = "".join(f'<th class="text">{heading}</th>' for heading in text)
    head += "".join(f"<th>{heading}</th>" for heading in numbers)
    lines = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    body = f"<thead><tr>{head}</tr></thead><tbody>\n{lines}\n</tbody>"
    return f'<div class="scroll"><table>{body}</table></div>'
