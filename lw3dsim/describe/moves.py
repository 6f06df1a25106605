"""Layers that only move: no value is changed.

Where outputs look at inputs around their own position, as of a slice in time, tiles are read where they lie. Else
the input is read in the order of the output, whole bursts for whole blocks of channels.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta

from lw3dsim.describe.layer import Layer, only
from lw3dsim.describe.shape import Extent, Shape, Size, by
from lw3dsim.describe.windows import Sides, as_margins
from lw3dsim.errors import ShapeError

Dimension = Literal["channels", "frames", "height", "width"]
DIMENSIONS: tuple[Dimension, ...] = ("channels", "frames", "height", "width")
Position = Annotated[int, Meta(ge=0, le=65536)]


class Rearranged(Layer, frozen=True, kw_only=True):
    """A layer whose outputs look at inputs somewhere else."""

    @property
    def is_local(self) -> bool:
        """See Layer."""
        return False


class Concat(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="concat"):
    """Concatenation along a dimension, by default the channels."""

    dim: Dimension = "channels"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        rest = {shape._replace(**{self.dim: 1}) for shape in inputs}
        if len(inputs) < 2 or len(rest) > 1:
            wanted = "one TxHxW" if self.dim == "channels" else f"one size but for their {self.dim}"
            raise ShapeError(f"concat needs two or more tensors of {wanted}, not {', '.join(map(str, inputs))}")
        return inputs[0]._replace(**{self.dim: sum(getattr(shape, self.dim) for shape in inputs)})


class Slice(Layer, frozen=True, kw_only=True, tag_field="kind", tag="slice"):
    """Every ``step``-th position of a dimension from ``start`` on, up to but without ``stop``."""

    dim: Dimension
    stop: Size
    start: Position = 0
    step: Extent = 1

    @property
    def is_local(self) -> bool:
        """See Layer."""
        return self.dim != "channels"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = only(inputs, self.kind)
        if not self.start < self.stop <= getattr(shape, self.dim):
            raise ShapeError(f"{self.dim} {self.start} to {self.stop} are not in {shape}")
        return shape._replace(**{self.dim: len(range(self.start, self.stop, self.step))})


class Pad(Layer, frozen=True, kw_only=True, tag_field="kind", tag="pad"):
    """Zeros before and behind T, H and W, where they could not be a convolution's own padding."""

    padding: Sides

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = only(inputs, self.kind)
        sizes = (size + sum(side) for size, side in zip(shape.extent, as_margins(self.padding), strict=True))
        return Shape(shape.channels, *sizes)


class ChannelShuffle(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="channel_shuffle"):
    """Channel j of group i becomes channel i of group j, of ``groups`` groups (ShuffleNet)."""

    groups: Size

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = only(inputs, self.kind)
        if shape.channels % self.groups:
            raise ShapeError(f"groups = {self.groups} does not divide the {shape.channels} channels")
        return shape


class TemporalShift(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="temporal_shift"):
    """The first of ``parts`` of the channels from the next frame, the second from the last one, the rest from its own.

    Frames that are not there are zeros (TSM).
    """

    parts: Annotated[int, Meta(ge=2, le=65536)] = 8

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = only(inputs, self.kind)
        if shape.channels < self.parts:
            raise ShapeError(f"{shape.channels} channels do not have {self.parts} parts")
        return shape


class Permute(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="permute"):
    """The dimensions in another ``order``."""

    order: tuple[Dimension, Dimension, Dimension, Dimension]

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = only(inputs, self.kind)
        if set(self.order) != set(DIMENSIONS):
            raise ShapeError(f"order needs each of {', '.join(DIMENSIONS)} once")
        return Shape(*(getattr(shape, name) for name in self.order))


class Reshape(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="reshape"):
    """The elements, row by row, in another ``shape`` (C, T, H, W)."""

    shape: tuple[Size, Extent, Extent, Extent]

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        elements = only(inputs, self.kind).elements
        if math.prod(self.shape) != elements:
            raise ShapeError(f"shape {by(self.shape)} does not have the {elements} elements of the input")
        return Shape(*self.shape)
