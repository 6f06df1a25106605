"""Templates into pages: what is text stays text, drawings are SVG, one style sheet, one script, nothing is fetched."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lw3dsim.base.forms import GENERATOR
from lw3dsim.report.html.contrast import Colour, edge
from lw3dsim.report.html.figures import STYLES
from lw3dsim.report.html.markup import number

# What drawings stand on, and the ink, in the light and in the dark: as in the style sheet.
LIGHT, DARK = ("#ffffff", "#171c22"), ("#181d24", "#e8ecf1")


def rendered(template: str, title: str, **view: object) -> str:
    """Return the self-contained page of a template and what it shows; the same view gives the same text."""
    page: str = (
        _environment()
        .get_template(template)
        .render(
            title=title,
            generator=Markup(GENERATOR),  # noqa: S704  # ours
            colours=colours(),
            **view,
        )
    )
    return page


def colours() -> Markup:
    """Return a rule of the style sheet for every key that has a colour, with the edges that set it off the page."""
    rules = []
    for key, style in STYLES.items():
        light, dark = (edge(Colour.of(style.colour), Colour.of(card), Colour.of(ink)) for card, ink in (LIGHT, DARK))
        rules.append(f".k-{key}{{--k:{style.colour};--light:{light};--dark:{dark}}}")
    return Markup("\n".join(rules))  # noqa: S704  # ours


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
    environment.filters |= {"number": number}
    return environment
