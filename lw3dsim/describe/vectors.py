"""Layers of the vector unit: pools, sums and products of tensors, activations, and the paper's TRG."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from lw3dsim.describe.layer import Function, Layer, only
from lw3dsim.describe.shape import Bits, Shape, Size, Triple, by
from lw3dsim.describe.windows import Margins, Padding, count_windows, margins
from lw3dsim.errors import ShapeError


class Pool3d(Layer, frozen=True, kw_only=True, tag_field="kind", tag="pool3d"):
    """Max or average pooling; ``kernel: global`` reduces T, H and W to one, ``kernel: frame`` H and W of every frame.

    With ``ceil_mode`` the last windows may reach beyond the padding. An average is taken over the window and its
    padding (never over what reaches beyond it), or without ``count_include_pad`` over the input alone.
    """

    mode: Literal["max", "avg"]
    kernel: Triple | Literal["global", "frame"]
    stride: Triple | None = None
    padding: Padding = (0, 0, 0)
    dilation: Triple = (1, 1, 1)
    ceil_mode: bool = False
    count_include_pad: bool = True

    def window(self, shape: Shape) -> tuple[int, int, int]:
        """Return the window (K, R, S) on an input of ``shape``."""
        if self.kernel == "frame":
            return 1, shape.height, shape.width
        return shape.extent if self.kernel == "global" else self.kernel

    def step(self, shape: Shape) -> tuple[int, int, int]:
        """Return the stride, by default the window."""
        return self.stride or self.window(shape)

    def margins(self, shape: Shape) -> Margins:
        """Return the padding before and behind an input of ``shape``, along T, H and W."""
        return margins(self.padding, shape.extent, self.window(shape), self.step(shape), self.dilation)

    def reached(self, shape: Shape) -> Margins:
        """Return what windows look at before and behind an input; rounded up, they reach beyond the padding."""
        windows = zip(
            self.output_shape((shape,)).extent,
            self.step(shape),
            self.window(shape),
            self.dilation,
            shape.extent,
            self.margins(shape),
            strict=True,
        )
        t, h, w = (
            (before, max((n - 1) * s + (k - 1) * d + 1 - size - before, 0)) for n, s, k, d, size, (before, _) in windows
        )
        return t, h, w

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = only(inputs, self.kind)
        window, around = self.window(shape), self.margins(shape)
        if any(2 * max(side) > k for side, k in zip(around, window, strict=True)):
            sizes = by(tuple(map(max, around)))
            raise ShapeError(f"padding {sizes} is more than half of the pooling window {by(window)}")
        counts = count_windows(shape.extent, window, self.step(shape), around, self.dilation, is_ceiled=self.ceil_mode)
        return Shape(shape.channels, *counts)


class Elementwise(Layer, frozen=True, kw_only=True):
    """What computes outputs from values at their own position, of tensors of one shape or with single positions.

    Where a tensor has one channel, frame, row or column and others have more, that one is there for all of them; one
    tensor at least has the shape of the output.
    """

    activation: Function | Literal["none"] = "none"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        given = ", ".join(map(str, inputs))
        if len(inputs) < 2:
            raise ShapeError(f"{self.kind} needs two tensors, not {given}")
        made = Shape(*(max(sizes) for sizes in zip(*inputs, strict=True)))
        fits = all(n in (1, whole) for shape in inputs for n, whole in zip(shape, made, strict=True))
        if not fits or made not in inputs:
            raise ShapeError(
                f"{self.kind} needs tensors of one shape, or with 1 in place of a size of the largest, not {given}"
            )
        return made


class Add(Elementwise, frozen=True, kw_only=True, tag_field="kind", tag="add"):
    """Element-wise sum of two or more tensors; see Elementwise for their shapes."""


class Mul(Elementwise, frozen=True, kw_only=True, tag_field="kind", tag="mul"):
    """Element-wise product of two tensors; see Elementwise for their shapes."""

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        if len(inputs) != 2:
            raise ShapeError(f"mul needs two tensors, not {', '.join(map(str, inputs))}")
        return super().output_shape(inputs)


class Trg(Layer, frozen=True, kw_only=True, tag_field="kind", tag="trg"):
    """Temporal residual gradient (paper 3.2): T-1 frame differences, then the mean over time."""


class RunningMean(Layer, frozen=True, kw_only=True, tag_field="kind", tag="running_mean"):
    """The mean of all frames up to its own, at every position (the cumulative average of MoViNet's streams)."""

    @property
    def is_local(self) -> bool:
        """See Layer."""
        return False


class Activation(Layer, frozen=True, kw_only=True, tag_field="kind", tag="activation"):
    """A stand-alone activation, where it could not be fused into its producer."""

    activation: Function = "relu"


class AmongChannels(Layer, frozen=True, kw_only=True):
    """What takes all channels of a position together, or those of each of ``groups`` (the heads of an attention)."""

    groups: Size = 1

    @property
    def is_local(self) -> bool:
        """See Layer."""
        return False

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = only(inputs, self.kind)
        if shape.channels % self.groups:
            raise ShapeError(f"groups = {self.groups} does not divide the {shape.channels} channels")
        return shape


class Softmax(AmongChannels, frozen=True, kw_only=True, tag_field="kind", tag="softmax"):
    """Softmax over the channels of every position, in three passes: the largest, the sum of powers, the quotients."""


class LayerNorm(AmongChannels, frozen=True, kw_only=True, tag_field="kind", tag="layer_norm"):
    """The channels of every position less their mean, over their deviation, in three passes: sum, squares, quotients.

    ``epsilon`` is added to the variance. Factors and summands per channel are a ``batch_norm`` behind it, which the
    last pass takes along where it alone reads this.
    """

    epsilon: Annotated[float, Meta(ge=0)] = 1e-5


class ScaledNorm(LayerNorm, frozen=True, kw_only=True, tag_field="kind", tag="scaled_norm"):
    """A layer norm with the batch norm behind it, as they are run: a factor and a summand more in the last pass."""

    weight_bits: Bits | None = None

    def weights(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return inputs[0].channels

    def biases(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer."""
        return inputs[0].channels
