"""What pages show as bars: wholes and their parts, and a row of them for every layer or case."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.report.html.figures import STYLES
from lw3dsim.report.html.markup import number, percent, share_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lw3dsim.report.html.why import Why


class Part(NamedTuple):
    """A part of a whole: its key, which has a colour, and what is written of it."""

    key: str
    label: str
    value: str
    share: float

    @property
    def width(self) -> str:
        """Its share as a length."""
        return percent(self.share)

    @property
    def share_text(self) -> str:
        """Its share in percent."""
        return share_text(self.share)


class Whole(NamedTuple):
    """A whole by its parts, the largest first, with a sentence on it, and why the largest is so large."""

    title: str
    noun: str
    total: str
    caption: str
    parts: list[Part]
    why: Why

    @property
    def said(self) -> str:
        """The whole in words: what a reader hears who doesn't see the bar."""
        return f"{self.title}, {self.total}: " + ", ".join(f"{part.label} {part.share_text}" for part in self.parts)


class Mark(NamedTuple):
    """A value of its own on a bar, such as a lower bound: what it is, and where it stands as a length."""

    label: str
    at: str
    kind: str


class Bar(NamedTuple):
    """A row of a chart: its name and parts as shares of it; its length among the others, and as a share."""

    name: str
    parts: list[Part]
    length: float
    share: float
    value: str
    share_text: str
    marks: list[Mark]
    said: str


class Chart(NamedTuple):
    """Bars of one unit below each other: an id, a title, what the parts are, and what is to be seen."""

    id: str
    title: str
    caption: str
    keys: list[tuple[str, str]]
    bars: list[Bar]
    marks: list[tuple[str, str]]


def parts_of(breakdown: Mapping[str, float], scale: float, unit: str, *, largest_first: bool = True) -> list[Part]:
    """Return the parts of a breakdown that are not 0."""
    total = sum(breakdown.values())
    keys = [key for key, value in breakdown.items() if value]
    if largest_first:
        keys.sort(key=lambda key: -breakdown[key])
    return [
        Part(
            key=key,
            label=STYLES[key].label,
            value=f"{number(breakdown[key] * scale)} {unit}".strip(),
            share=breakdown[key] / total,
        )
        for key in keys
    ]


class Given(NamedTuple):
    """What a bar is made of: a name, a breakdown, the whole that its share is of, and marks by their labels."""

    name: str
    breakdown: Mapping[str, float]
    of: float
    marks: Mapping[str, float]


def bars_of(given: Iterable[Given], scale: float, unit: str, form: str = "") -> list[Bar]:
    """Return a bar for each; lengths are shares of the longest. ``form`` is that of values, else 4 digits."""
    rows = list(given)
    totals = [sum(row.breakdown.values()) for row in rows]
    longest = max(totals, default=0) or 1
    return [_bar(row, total, longest, scale, unit, form) for row, total in zip(rows, totals, strict=True)]


def _bar(row: Given, total: float, longest: float, scale: float, unit: str, form: str) -> Bar:
    parts = parts_of(row.breakdown, scale, unit, largest_first=False)
    value = format(total * scale, form) if form else number(total * scale)
    share = total / row.of if row.of else 0.0
    largest = sorted(parts, key=lambda part: -part.share)
    marks = [
        Mark(label, percent(min(at / total, longest / total) if total else 0), str(place))
        for place, (label, at) in enumerate(row.marks.items())
    ]
    said = [f"{row.name}: {value} {unit}".strip(), *(f"{part.label} {part.share_text}" for part in largest)]
    said += [f"{label}: {number(at * scale)} {unit}".strip() for label, at in row.marks.items()]
    return Bar(row.name, parts, total / longest, share, value, share_text(share), marks, "\n".join(said))


def keys_of(given: Iterable[Given]) -> list[tuple[str, str]]:
    """Return key and label of every part that any bar has, in the order of the breakdowns."""
    rows = [row.breakdown for row in given]
    order = dict.fromkeys(key for row in rows for key in row)
    return [(key, STYLES[key].label) for key in order if any(row.get(key) for row in rows)]
