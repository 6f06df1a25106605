"""The layers of a workload: what each reads, makes, multiplies and was trained.

Every layer is a frozen value that knows its output shape, its multiply-accumulates (MACs of the direct algorithm) and
its trained parameters.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from lw3dsim.describe.shape import Density, Shape, Size, Triple, by
from lw3dsim.describe.windows import Margins, Padding, count_windows, margins
from lw3dsim.errors import ShapeError

Function = Literal["relu", "relu6", "sigmoid", "hard_sigmoid", "tanh", "swish", "hard_swish", "gelu"]


class Layer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every layer has: a name, the tensors that it reads, and the share of its outputs that are not zero."""

    name: str
    inputs: tuple[str, ...]
    density: Density = 1.0

    @property
    def kind(self) -> str:
        """The layer kind as written in a workload file."""
        return str(self.__struct_config__.tag)

    @property
    def streams(self) -> tuple[str, ...]:
        """The tensors that it works through position by position: all but those that serve it as weights."""
        return self.inputs

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Return the output shape, by default that of the only input; raise ShapeError when the inputs do not fit."""
        return _one(inputs, self.kind)

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002  # most kinds have none
        """Return the multiply-accumulates of the direct algorithm."""
        return 0

    def weights(self, inputs: tuple[Shape, ...]) -> int:  # noqa: ARG002  # most kinds have none
        """Return the number of kernel weights."""
        return 0

    def biases(self, inputs: tuple[Shape, ...]) -> int:  # noqa: ARG002  # most kinds have none
        """Return the number of biases that the hardware adds (batch norm folded)."""
        return 0

    def params(self, inputs: tuple[Shape, ...]) -> int:
        """Return the trained parameters: weights, biases, and scale and shift of a batch norm."""
        return self.weights(inputs) + self.biases(inputs)


class Conv3d(Layer, frozen=True, kw_only=True, tag_field="kind", tag="conv3d"):
    """3D convolution, kernel (K, R, S); batch norm is folded into weights and bias.

    ``weight_density`` is the share of weights that are not zero.
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

    @property
    def taps(self) -> int:
        """K * R * S."""
        return math.prod(self.kernel)

    def margins(self, shape: Shape) -> Margins:
        """Return the padding before and behind an input of ``shape``, along T, H and W."""
        return margins(self.padding, shape.extent, self.kernel, self.stride, self.dilation)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = _one(inputs, self.kind)
        for what, channels in (("input", shape.channels), ("out", self.out_channels)):
            if channels % self.groups:
                raise ShapeError(f"groups = {self.groups} does not divide the {channels} {what} channels")
        around = self.margins(shape)
        return Shape(self.out_channels, *count_windows(shape.extent, self.kernel, self.stride, around, self.dilation))

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:
        """See Layer."""
        return output.elements * (inputs[0].channels // self.groups) * self.taps

    def weights(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return self.out_channels * (inputs[0].channels // self.groups) * self.taps

    def biases(self, inputs: tuple[Shape, ...]) -> int:  # noqa: ARG002  # the signature of Layer
        """See Layer."""
        return self.out_channels if self.bias or self.batch_norm else 0

    def params(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return self.weights(inputs) + self.out_channels * (self.bias + 2 * self.batch_norm)


class Linear(Layer, frozen=True, kw_only=True, tag_field="kind", tag="linear"):
    """Fully connected layer on the flattened input."""

    out_features: Size
    bias: bool = True
    activation: Function | Literal["none"] = "none"
    weight_density: Density = 1.0

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        _one(inputs, self.kind)
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


class Pool3d(Layer, frozen=True, kw_only=True, tag_field="kind", tag="pool3d"):
    """Max or average pooling; ``kernel: global`` reduces T, H and W to one.

    With ``ceil_mode`` the last windows may reach beyond the padding. An average is taken over the window and its
    padding (never over what reaches beyond it), or without ``count_include_pad`` over the input alone.
    """

    mode: Literal["max", "avg"]
    kernel: Triple | Literal["global"]
    stride: Triple | None = None
    padding: Padding = (0, 0, 0)
    dilation: Triple = (1, 1, 1)
    ceil_mode: bool = False
    count_include_pad: bool = True

    def window(self, shape: Shape) -> tuple[int, int, int]:
        """Return the window (K, R, S) on an input of ``shape``."""
        return shape.extent if self.kernel == "global" else self.kernel

    def step(self, shape: Shape) -> tuple[int, int, int]:
        """Return the stride, by default the window."""
        return self.stride or self.window(shape)

    def margins(self, shape: Shape) -> Margins:
        """Return the padding before and behind an input of ``shape``, along T, H and W."""
        return margins(self.padding, shape.extent, self.window(shape), self.step(shape), self.dilation)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = _one(inputs, self.kind)
        window, around = self.window(shape), self.margins(shape)
        if any(2 * max(side) > k for side, k in zip(around, window, strict=True)):
            raise ShapeError(f"padding {by(tuple(map(max, around)))} is more than half of the pooling window")
        counts = count_windows(shape.extent, window, self.step(shape), around, self.dilation, is_ceiled=self.ceil_mode)
        return Shape(shape.channels, *counts)


class Add(Layer, frozen=True, kw_only=True, tag_field="kind", tag="add"):
    """Element-wise sum of two or more tensors of one shape."""

    activation: Function | Literal["none"] = "none"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        if len(inputs) < 2 or len(set(inputs)) > 1:
            raise ShapeError(f"add needs two or more tensors of one shape, not {', '.join(map(str, inputs))}")
        return inputs[0]


class Mul(Layer, frozen=True, kw_only=True, tag_field="kind", tag="mul"):
    """Element-wise product of two tensors of one shape."""

    activation: Function | Literal["none"] = "none"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        if len(inputs) != 2 or inputs[0] != inputs[1]:
            raise ShapeError(f"mul needs two tensors of one shape, not {', '.join(map(str, inputs))}")
        return inputs[0]


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

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002  # the signature of Layer
        """See Layer."""
        return output.elements

    def weights(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return inputs[0].channels

    def biases(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return inputs[0].channels


class Concat(Layer, frozen=True, kw_only=True, tag_field="kind", tag="concat"):
    """Concatenation along the channels."""

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        if len(inputs) < 2 or len({shape.extent for shape in inputs}) > 1:
            raise ShapeError(f"concat needs two or more tensors of one TxHxW, not {', '.join(map(str, inputs))}")
        return Shape(sum(shape.channels for shape in inputs), *inputs[0].extent)


class Trg(Layer, frozen=True, kw_only=True, tag_field="kind", tag="trg"):
    """Temporal residual gradient (paper 3.2): T-1 frame differences, then the mean over time."""


class Activation(Layer, frozen=True, kw_only=True, tag_field="kind", tag="activation"):
    """A stand-alone activation, where it could not be fused into its producer."""

    activation: Function = "relu"


AnyLayer = Conv3d | Linear | Pool3d | Add | Mul | Gate | BatchNorm | Concat | Trg | Activation


def _one(inputs: tuple[Shape, ...], kind: str) -> Shape:
    if len(inputs) != 1:
        raise ShapeError(f"{kind} reads one tensor, not {len(inputs)}")
    return inputs[0]
