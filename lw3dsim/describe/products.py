"""Layers that multiply and add up: convolutions, products of matrices, factors per channel."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta

from lw3dsim.describe.layer import Function, Layer, only
from lw3dsim.describe.shape import Bits, Density, Shape, Size, Triple
from lw3dsim.describe.windows import Margins, Padding, count_windows, margins
from lw3dsim.errors import ShapeError


class Filters:
    """What every kind of convolution has: a kernel of weights per output channel, in groups of channels."""

    __slots__ = ()

    out_channels: int
    kernel: tuple[int, int, int]
    groups: int
    bias: bool
    batch_norm: bool
    kind: str

    @property
    def taps(self) -> int:
        """K * R * S."""
        return math.prod(self.kernel)

    def read(self, inputs: tuple[Shape, ...]) -> Shape:
        """Return the shape of the only input. Raises ShapeError where groups do not divide channels."""
        shape = only(inputs, self.kind)
        for what, channels in (("input", shape.channels), ("out", self.out_channels)):
            if channels % self.groups:
                raise ShapeError(f"groups = {self.groups} does not divide the {channels} {what} channels")
        return shape

    def weights(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return self.out_channels * (inputs[0].channels // self.groups) * self.taps

    def biases(self, inputs: tuple[Shape, ...]) -> int:  # noqa: ARG002  # the signature of Layer
        """See Layer."""
        return self.out_channels if self.bias or self.batch_norm else 0

    def params(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return self.weights(inputs) + self.out_channels * (self.bias + 2 * self.batch_norm)


class Conv3d(Filters, Layer, frozen=True, kw_only=True, tag_field="kind", tag="conv3d"):
    """3D convolution, kernel (K, R, S); batch norm is folded into weights and bias.

    ``weight_density`` is the share of weights that are not zero; they have ``weight_bits``, or as many as those of the
    network.
    """

    out_channels: Size
    kernel: Triple
    stride: Triple = (1, 1, 1)
    padding: Padding = (0, 0, 0)
    dilation: Triple = (1, 1, 1)
    groups: Size = 1
    bias: bool = False
    batch_norm: bool = False
    activation: Function | Literal["none"] = "none"
    weight_density: Density = 1.0
    weight_bits: Bits | None = None

    def margins(self, shape: Shape) -> Margins:
        """Return the padding before and behind an input of ``shape``, along T, H and W."""
        return margins(self.padding, shape.extent, self.kernel, self.stride, self.dilation)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = self.read(inputs)
        around = self.margins(shape)
        return Shape(self.out_channels, *count_windows(shape.extent, self.kernel, self.stride, around, self.dilation))

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        """See Layer."""
        return output.elements * (inputs[0].channels // self.groups) * self.taps


class Linear(Layer, frozen=True, kw_only=True, tag_field="kind", tag="linear"):
    """Fully connected layer on the flattened input."""

    out_features: Size
    bias: bool = True
    activation: Function | Literal["none"] = "none"
    weight_density: Density = 1.0
    weight_bits: Bits | None = None

    @property
    def is_local(self) -> bool:
        """See Layer."""
        return False

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        only(inputs, self.kind)
        return Shape(self.out_features, 1, 1, 1)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        """See Layer."""
        return output.channels * inputs[0].elements

    def weights(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return self.out_features * inputs[0].elements

    def biases(self, inputs: tuple[Shape, ...]) -> int:  # noqa: ARG002  # the signature of Layer
        """See Layer."""
        return self.out_features if self.bias else 0


class Matmul(Layer, frozen=True, kw_only=True, tag_field="kind", tag="matmul"):
    """Product of a matrix, the second input, and the channels of every position of the first: of attention.

    The matrix has a row per channel of the second input and a column per position of it (T, H, W), and makes of as many
    channels as it has columns one per row; ``transpose``: the other way round. It is to the array what weights are.

    ``heads``: so many products beside each other, each of an equal part of the channels of both inputs. ``by_frame``:
    every frame has a matrix of its own, which the same frame of the second input is (attention within windows).
    Products count ``scale`` times, which costs nothing: what integers stand for changes, not the integers.
    """

    transpose: bool = False
    heads: Size = 1
    by_frame: bool = False
    scale: Annotated[float, Meta(gt=0)] = 1.0

    @property
    def is_local(self) -> bool:
        """See Layer."""
        return not self.by_frame and self.heads == 1

    @property
    def streams(self) -> tuple[str, ...]:
        """See Layer."""
        return self.inputs[:1]

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        if len(inputs) != 2:
            raise ShapeError(f"matmul reads two tensors, not {len(inputs)}")
        if inputs[1].channels % self.heads or inputs[0].channels % self.heads:
            raise ShapeError(f"heads = {self.heads} does not divide the channels of {inputs[0]} and {inputs[1]}")
        if self.by_frame and inputs[0].frames != inputs[1].frames:
            raise ShapeError(f"by_frame needs as many frames in both of {inputs[0]} and {inputs[1]}")
        rows = inputs[1].channels // self.heads
        columns = math.prod(inputs[1].extent[1:] if self.by_frame else inputs[1].extent)
        made, taken = (columns, rows) if self.transpose else (rows, columns)
        if taken * self.heads != inputs[0].channels:
            each = f" each of {self.heads} heads of" if self.heads > 1 else ""
            text = f"a matrix of {made} x {taken} from {inputs[1]} does not take the channels of{each} {inputs[0]}"
            raise ShapeError(text)
        return Shape(made * self.heads, *inputs[0].extent)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        """See Layer."""
        return output.elements * (inputs[0].channels // self.heads)


class Gate(Layer, frozen=True, kw_only=True, tag_field="kind", tag="gate"):
    """Product of a tensor and a factor per channel, Cx1x1x1, which is computed: of squeeze and excitation.

    No product can be made before all factors are there; then they are to the array what weights are.
    """

    activation: Function | Literal["none"] = "none"

    @property
    def streams(self) -> tuple[str, ...]:
        """See Layer."""
        return self.inputs[:1]

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        if len(inputs) != 2 or inputs[1] != Shape(inputs[0].channels, 1, 1, 1):
            given = ", ".join(map(str, inputs))
            raise ShapeError(f"gate needs a tensor CxTxHxW and its factors Cx1x1x1, not {given}")
        return inputs[0]

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002  # the signature of Layer
        """See Layer."""
        return output.elements


class BatchNorm(Layer, frozen=True, kw_only=True, tag_field="kind", tag="batch_norm"):
    """A factor and a summand per channel, where they could not be folded into a convolution."""

    activation: Function | Literal["none"] = "none"
    weight_bits: Bits | None = None

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002  # the signature of Layer
        """See Layer."""
        return output.elements

    def weights(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return inputs[0].channels

    def biases(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return inputs[0].channels
