"""Layers that only move: no value is changed.

Where outputs look at inputs around their own position, as of a slice in time, tiles are read where they lie. Else
the input is read in the order of the output, whole bursts for whole blocks of channels.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta

from lw3dsim.describe.layer import Layer, only
from lw3dsim.describe.shape import Extent, Shape, Size, Triple, by
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

    Frames that are not there are zeros (TSM). In the direction ``past`` the first part is from the last frame, and
    nothing from the next one (TSM online).
    """

    parts: Annotated[int, Meta(ge=2, le=65536)] = 8
    direction: Literal["both", "past"] = "both"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = only(inputs, self.kind)
        if shape.channels < self.parts:
            raise ShapeError(f"{shape.channels} channels do not have {self.parts} parts")
        return shape


class Interleave(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="interleave"):
    """The positions of several tensors in turns: ``apart`` of them along T, H and W, in the order of (t, h, w).

    The tensor at (i, j, k) has the positions i, i + apart, ... along T, and so on (the phases of a transposed
    convolution; a depth to space of its channels in slices).
    """

    apart: Triple

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        given = ", ".join(map(str, inputs))
        if len(inputs) != math.prod(self.apart):
            raise ShapeError(f"interleave {by(self.apart)} needs {math.prod(self.apart)} tensors, not {given}")
        sizes = []
        for axis, apart in enumerate(self.apart):
            step = math.prod(self.apart[axis + 1 :])
            sizes.append(sum(shape.extent[axis] for shape in inputs[: apart * step : step]))
        made = Shape(inputs[0].channels, *sizes)
        if any(shape != self.source_shape(made, i) for i, shape in enumerate(inputs)):
            raise ShapeError(f"interleave {by(self.apart)} does not make one tensor of {given}")
        return made

    def place(self, number: int) -> tuple[int, int, int]:
        """Return the first position along T, H and W of the input with this ``number``."""
        _, h, w = self.apart
        return number // (h * w), number // w % h, number % w

    def source_shape(self, output: Shape, number: int) -> Shape:
        """Return the shape of the input with this ``number``, of which ``output`` is made."""
        each = zip(output.extent, self.place(number), self.apart, strict=True)
        return Shape(output.channels, *(len(range(first, size, apart)) for size, first, apart in each))


class Upsample(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="upsample"):
    """More positions along T, H and W: ``scale`` times as many, or a ``size`` (T, H, W).

    ``nearest`` repeats values; ``linear`` interpolates between the two around an output along every axis that grows,
    the centres of outputs over those of inputs (PyTorch's ``align_corners=False``).
    """

    scale: Triple | None = None
    size: Triple | None = None
    mode: Literal["nearest", "linear"] = "nearest"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = only(inputs, self.kind)
        if self.scale and self.size:
            raise ShapeError(f"scale {by(self.scale)} and size {by(self.size)} are both given; drop one")
        if not self.scale and not self.size:
            raise ShapeError("neither scale nor size is given; give one")
        times = self.scale or (1, 1, 1)
        size = self.size or tuple(n * more for n, more in zip(shape.extent, times, strict=True))
        if any(made < given for made, given in zip(size, shape.extent, strict=True)):
            raise ShapeError(f"size {by(size)} is smaller than the input {by(shape.extent)} (TxHxW)")
        return Shape(shape.channels, *size)

    def neighbours(self, shape: Shape, output: Shape) -> int:
        """Return how many inputs an output is made of."""
        grown = sum(made > given for made, given in zip(output.extent, shape.extent, strict=True))
        return 1 if self.mode == "nearest" else 2**grown


class Copy(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="copy"):
    """What stands for an operator ``of`` another tool that is not known: the tensor is read and written as it is."""

    of: Annotated[str, Meta(min_length=1, max_length=200)]


def copied(layer: Copy) -> str:
    """Return what there is to say of a layer that stands for another."""
    return f"{layer.of} is not known, costed as a copy"


class Permute(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="permute"):
    """The dimensions in another ``order``."""

    order: tuple[Dimension, Dimension, Dimension, Dimension]

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = only(inputs, self.kind)
        if set(self.order) != set(DIMENSIONS):
            raise ShapeError(f"order [{', '.join(self.order)}] needs each of {', '.join(DIMENSIONS)} once")
        return Shape(*(getattr(shape, name) for name in self.order))


class Reshape(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="reshape"):
    """The elements, row by row, in another ``shape`` (C, T, H, W)."""

    shape: tuple[Size, Size, Size, Size]

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        elements = only(inputs, self.kind).elements
        if math.prod(self.shape) != elements:
            raise ShapeError(f"shape {by(self.shape)} does not have the {elements} elements of the input")
        return Shape(*self.shape)


class Rearrange(Rearranged, frozen=True, kw_only=True, tag_field="kind", tag="rearrange"):
    """The elements, row by row in ``sizes``, those dimensions in another ``order``, row by row in a ``shape``.

    Windows, patches and heads are such moves: dimensions are cut, parts change places, and are joined again.
    """

    sizes: Annotated[tuple[Size, ...], Meta(min_length=1, max_length=12)]
    order: tuple[Annotated[int, Meta(ge=0, le=11)], ...]
    shape: tuple[Size, Size, Size, Size]

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        elements = only(inputs, self.kind).elements
        if sorted(self.order) != list(range(len(self.sizes))):
            raise ShapeError(f"order {list(self.order)} needs each of 0 to {len(self.sizes) - 1} once")
        for what, sizes in (("sizes", self.sizes), ("shape", self.shape)):
            if math.prod(sizes) != elements:
                raise ShapeError(f"{what} {by(sizes)} do not have the {elements} elements of the input")
        return Shape(*self.shape)
