"""What a tensor is while it is written piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.values import Value, replace
from lw3dsim.importing.axes import Axes, axes_of, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.importing.tensors import Tensor

# The first and the last position, without it, along every axis.
Box = tuple[tuple[int, int], ...]


class Part(NamedTuple):
    """A ``box`` of a tensor that is one of another, whose first element would be at ``origin``; None are zeros."""

    box: Box
    origin: tuple[int, ...]
    one: Tensor | Axes | None

    def within(self, box: Box) -> Part:
        """Return what of it is in a box."""
        both = zip(self.box, box, strict=True)
        return self._replace(box=tuple((max(a, start), min(b, stop)) for (a, b), (start, stop) in both))

    def moved(self, by: Sequence[int]) -> Part:
        """Return it with its place moved along every axis."""
        box = tuple((a + step, b + step) for (a, b), step in zip(self.box, by, strict=True))
        return Part(box, tuple(a + step for a, step in zip(self.origin, by, strict=True)), self.one)


class Pieces(Value, frozen=True, kw_only=True):
    """A tensor of such ``dims`` whose parts are those of other tensors; where several are, the last one counts."""

    dims: tuple[int, ...]
    parts: tuple[Part, ...]

    def turned(self, order: Sequence[int]) -> Pieces:
        """Return the same elements, axes in another order."""
        parts = []
        for box, origin, one in self.parts:
            turned = None if one is None else plain(_turned(axes_of(one), order))
            parts.append(Part(tuple(box[i] for i in order), tuple(origin[i] for i in order), turned))
        return Pieces(dims=tuple(self.dims[i] for i in order), parts=tuple(parts))

    def cut(self, box: Box) -> Pieces:
        """Return what is in a box."""
        by = [-start for start, _ in box]
        parts = (part.within(box).moved(by) for part in self.parts)
        return Pieces(dims=tuple(b - a for a, b in box), parts=tuple(parts))


def _turned(axes: Axes, order: Sequence[int]) -> Axes:
    return replace(axes, axes=tuple(axes.axes[i] for i in order))
