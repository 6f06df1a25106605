"""Elements of HTML and SVG as text: what is not markup is escaped, numbers are short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable

Attribute = str | float | None


def tag(kind: str, *inside: str, **attributes: Attribute) -> Markup:
    """Return an element; ``class_`` and ``data_tip`` are the attributes class and data-tip, None leaves one out."""
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(short(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    text = Markup("").join(inside)
    return Markup(f"<{kind}{named}>{text}</{kind}>")  # noqa: S704  # escaped above


def joined(elements: Iterable[str]) -> Markup:
    """Return elements in a row."""
    return Markup("").join(elements)


def short(value: str | float) -> str:
    """Return text as it is, a number with as many digits as a drawing needs."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """Return a share, 0 to 1, as a length in percent."""
    return f"{short(100 * share)}%"


def number(value: float) -> str:
    """Return 4 digits, and never an exponent for what is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def share_text(share: float) -> str:
    """Return a share, 0 to 1, in percent, with a digit behind the point where that says something."""
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{share:.1%}" if share < 0.0995 or share > 0.995 else f"{share:.0%}"
