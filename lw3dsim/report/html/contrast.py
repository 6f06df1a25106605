"""How well colours stand off each other, as WCAG 2.2 measures it, and edges for those that don't."""

from __future__ import annotations

from typing import NamedTuple

# What a drawing owes its background (WCAG 2.2, 1.4.11).
ENOUGH = 3.0

STEPS = 50


class Colour(NamedTuple):
    """Red, green and blue, 0 to 255."""

    red: float
    green: float
    blue: float

    @classmethod
    def of(cls, text: str) -> Colour:
        """Read #rrggbb."""
        return cls(*(float(int(text[place : place + 2], 16)) for place in (1, 3, 5)))

    def __str__(self) -> str:
        return "#" + "".join(f"{round(part):02x}" for part in self)

    @property
    def luminance(self) -> float:
        """Relative luminance, 0 to 1."""
        parts = [part / 255 for part in self]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def mixed(self, other: Colour, share: float) -> Colour:
        """Return it with a share of another in it."""
        return Colour(*(a + share * (b - a) for a, b in zip(self, other, strict=True)))


def contrast(one: Colour, other: Colour) -> float:
    """Return the ratio of two colours, 1 to 21."""
    high, low = sorted((one.luminance, other.luminance), reverse=True)
    return (high + 0.05) / (low + 0.05)


def edge(colour: Colour, card: Colour, ink: Colour) -> Colour:
    """Return ``colour``, nearer to ``ink`` by as much as it takes to stand off a ``card``."""
    for step in range(STEPS + 1):
        mixed = colour.mixed(ink, step / STEPS)
        if contrast(mixed, card) >= ENOUGH:
            return mixed
    return ink
