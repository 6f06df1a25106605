"""Where a buffer holds the positions that a step looks at: side by side, or in rings along the axis of kept halos."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.values import Value
from lw3dsim.machine.records import Triple  # noqa: TC001  # read where a value is made

if TYPE_CHECKING:
    from collections.abc import Sequence


class Window(Value, frozen=True, kw_only=True):
    """Positions of a tensor in a buffer: ``extent`` (T, H, W) side by side, in rings along ``axis`` where there is one.

    A ring holds so many positions of its axis, with all that lies side by side at each, and is filled up to whole
    ``grains`` of elements; at its end the next lap begins. What a step looks at begins so many positions, ``begin``
    (T, H, W), behind the first.
    """

    extent: Triple
    axis: int | None = None
    begin: Triple = (0, 0, 0)
    grain: int = 1

    def sizes(self, block: int) -> tuple[int, int, int, int]:
        """Return the elements of all in so many channels side by side, of a frame, of a row, and of a position."""
        sizes = [block]
        for axis in (2, 1, 0):
            size = self.extent[axis] * sizes[0]
            sizes.insert(0, -(-size // self.grain) * self.grain if axis == self.axis else size)
        return sizes[0], sizes[1], sizes[2], sizes[3]

    def place(self, at: Sequence[int], block: int) -> Lie:
        """Return where the element lies that is so many positions (T, H, W) behind the first that a step looks at."""
        size, *pitches = self.sizes(block)
        steps = [(begin + one) * pitch for begin, one, pitch in zip(self.begin, at, pitches, strict=True)]
        if self.axis is None:
            return Lie(first=sum(steps))
        ring = (size, *pitches)[self.axis]
        lap, along = divmod(sum(steps[self.axis :]), ring)
        return Lie(sum(steps[: self.axis]), along, ring, lap, self.axis)


class Lie(NamedTuple):
    """Where an element lies: its ring's first, its place in the ``ring`` of so many elements (0: none), and its lap.

    The rings are along ``axis``.
    """

    first: int
    along: int = 0
    ring: int = 0
    lap: int = 0
    axis: int = 0
