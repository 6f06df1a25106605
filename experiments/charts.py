"""Small charts as SVG text, for documents: points and lines over two axes, linear or logarithmic."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 175, 34, 52
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#6F6F6F")
INK, GRID = "#555", "#e2e2e2"


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points (x, y) under a name; joined by steps where ``is_line``."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    is_line: bool = False
    radius: float = 4.0
    opacity: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A title and the range that is shown."""

    title: str
    low: float
    high: float
    is_log: bool = False

    def share(self, value: float) -> float:
        """Return where ``value`` lies on the axis, 0 to 1 within its range."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Return round values within the range."""
        if self.is_log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
        else:
            step = 10.0 ** math.floor(math.log10((self.high - self.low) / 4))
            step *= next(f for f in (1, 2, 5, 10) if (self.high - self.low) / (f * step) <= 6)
            first = math.ceil(self.low / step)
            ticks = [step * number for number in range(first, first + 12)]
        room = 1e-9 * (self.high - self.low)
        return [tick for tick in ticks if self.low - room <= tick <= self.high + room]


def chart(title: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """Return a chart; points outside the axes are left out."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{html.escape(title)}</text>',
        *_grid(x, y),
    ]
    for place, one in enumerate(series):
        parts += _drawn(one, x, y)
        height = TOP + 14 + 20 * place
        parts.append(f'<circle cx="{WIDTH - RIGHT + 18}" cy="{height - 4}" r="5" fill="{one.colour}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 30}" y="{height}">{html.escape(one.name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _across(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def _up(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def _grid(x: Axis, y: Axis) -> list[str]:
    lines = []
    for tick in x.ticks():
        at = f"{_across(x, tick):.1f}"
        lines.append(f'<path d="M{at} {TOP}V{HEIGHT - BOTTOM}" stroke="{GRID}"/>')
        lines.append(f'<text x="{at}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:,.6g}</text>')
    for tick in y.ticks():
        at = f"{_up(y, tick):.1f}"
        lines.append(f'<path d="M{LEFT} {at}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{float(at) + 4:.1f}" text-anchor="end">{tick:,.6g}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    lines.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{html.escape(x.title)}</text>'
    )
    turned = f'text-anchor="middle" transform="rotate(-90 18 {middle})"'
    lines.append(f'<text x="18" y="{middle}" {turned}>{html.escape(y.title)}</text>')
    return lines


def _drawn(series: Series, x: Axis, y: Axis) -> list[str]:
    inside = [(a, b) for a, b in series.points if 0 <= x.share(a) <= 1 and 0 <= y.share(b) <= 1]
    places = [(_across(x, a), _up(y, b)) for a, b in inside]
    if series.is_line:
        path = " ".join(f"{'L' if number else 'M'}{a:.1f} {b:.1f}" for number, (a, b) in enumerate(places))
        return [f'<path d="{path}" fill="none" stroke="{series.colour}" stroke-width="2"/>'] if places else []
    return [
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{series.radius}" fill="{series.colour}" opacity="{series.opacity}"/>'
        for a, b in places
    ]
