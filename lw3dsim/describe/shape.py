"""The shape of a tensor, and the numbers that a description may hold."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import msgspec

Size = Annotated[int, msgspec.Meta(ge=1, le=65536)]
Extent = Annotated[int, msgspec.Meta(ge=1, le=8192)]
Triple = tuple[Extent, Extent, Extent]
Bits = Annotated[int, msgspec.Meta(ge=2, le=64)]
Density = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Shape(NamedTuple):
    """Channels C, frames T, height H, width W of one activation tensor."""

    channels: int
    frames: int
    height: int
    width: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self)

    @property
    def extent(self) -> tuple[int, int, int]:
        """The dimensions without channels: (T, H, W)."""
        return (self.frames, self.height, self.width)

    def __str__(self) -> str:
        return by(self)


class Widths(NamedTuple):
    """Bits of what a layer reads, of what it makes, and of its weights; None where the accelerator says how many."""

    inputs: int | None = None
    outputs: int | None = None
    weights: int | None = None


def by(sizes: tuple[int, ...]) -> str:
    """Return sizes as they are written: ``3x16x112x112``."""
    return "x".join(map(str, sizes))
