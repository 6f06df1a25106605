"""Transposed convolutions, and the ordinary ones that they are made of: one for every phase of their stride.

Along an axis output o of a kernel of K taps, with stride s and b positions of padding before, is the sum over the
inputs i and the taps k with i * s + k = o + b. So outputs phi, phi + s, phi + 2s, ... see the same taps, every s-th
from (phi + b) mod s on: an ordinary convolution with a part of the kernel, in which no zero is multiplied (Shi et al.,
"Is the deconvolution layer the same as a convolutional layer?", 2016).
"""

from __future__ import annotations

import itertools
import math
from typing import Literal, NamedTuple

from lw3dsim.describe.layer import Function, Layer
from lw3dsim.describe.products import Conv3d, Filters
from lw3dsim.describe.shape import Bits, Density, Shape, Size, Triple, by
from lw3dsim.describe.windows import Margin, Margins, Sides, as_margins
from lw3dsim.errors import ShapeError

AXES = "thw"


class Part(NamedTuple):
    """What a phase has along an axis: ``outputs``, its ``taps`` from the ``first`` on, and ``before`` as padding."""

    outputs: int
    first: int
    taps: int
    before: int


class ConvTranspose3d(Filters, Layer, frozen=True, kw_only=True, tag_field="kind", tag="conv_transpose3d"):
    """Transposed 3D convolution: every input adds the kernel (K, R, S), times itself, to outputs a stride apart.

    ``padding`` is cut off the output, before and behind; ``output_padding`` is added behind it. Weights are, as in
    PyTorch, C x N/groups x K x R x S; batch norm is folded into weights and bias.
    """

    out_channels: Size
    kernel: Triple
    stride: Triple = (1, 1, 1)
    padding: Sides = (0, 0, 0)
    output_padding: tuple[Margin, Margin, Margin] = (0, 0, 0)
    groups: Size = 1
    bias: bool = False
    batch_norm: bool = False
    activation: Function | Literal["none"] = "none"
    weight_density: Density = 1.0
    weight_bits: Bits | None = None

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = self.read(inputs)
        sizes = []
        around = as_margins(self.padding)
        for axis in range(3):
            kernel, stride, more = self.kernel[axis], self.stride[axis], self.output_padding[axis]
            if kernel < stride:
                raise ShapeError(
                    f"kernel {by(self.kernel)} is smaller than stride {by(self.stride)}: outputs in between would be "
                    f"of no input; raise the kernel, or use upsample"
                )
            if more and more >= stride:
                raise ShapeError(f"output_padding {by(self.output_padding)} is not below stride {by(self.stride)}")
            sizes.append((shape.extent[axis] - 1) * stride + kernel + more - sum(around[axis]))
        if min(sizes) < 1:
            raise ShapeError(f"padding {self.padding} leaves no output of {by(self.kernel)} taps over {shape}")
        return Shape(self.out_channels, *sizes)

    def parts(self, shape: Shape) -> tuple[tuple[Part, ...], ...]:
        """Return what each phase takes of an input of ``shape``, along T, H and W."""
        extent, around = self.output_shape((shape,)).extent, as_margins(self.padding)
        return tuple(
            tuple(_part(made, kernel, stride, before, phase) for phase in range(min(stride, made)))
            for made, kernel, stride, (before, _) in zip(extent, self.kernel, self.stride, around, strict=True)
        )

    def phases(self, shape: Shape) -> tuple[Phase, ...]:
        """Return the convolutions that make every stride-th output of an input of ``shape``, along W first."""
        return tuple(
            Phase(
                name=f"{self.name}.{_place(at)}",
                inputs=self.inputs,
                density=self.density,
                out_channels=self.out_channels,
                kernel=_triple([part.taps for part in parts]),
                groups=self.groups,
                bias=self.bias,
                batch_norm=self.batch_norm,
                activation=self.activation,
                weight_density=self.weight_density,
                activation_bits=self.activation_bits,
                weight_bits=self.weight_bits,
                of=self.name,
                is_first=not any(at),
                first=_triple([part.first for part in parts]),
                apart=self.stride,
                outputs=_triple([part.outputs for part in parts]),
                before=_triple([part.before for part in parts]),
            )
            for at, parts in _product(self.parts(shape))
        )

    def macs(self, inputs: tuple[Shape, ...], output: Shape) -> int:  # noqa: ARG002  # the signature of Layer
        """See Layer: those of all phases."""
        each = (sum(part.outputs * part.taps for part in parts) for parts in self.parts(inputs[0]))
        return math.prod(each) * self.out_channels * (inputs[0].channels // self.groups)


class Phase(Conv3d, frozen=True, kw_only=True, tag_field="kind", tag="conv_phase"):
    """A convolution with a part of the kernel of a transposed one.

    It is the layer ``of``; of its kernel this has the taps from ``first`` on that are ``apart``, the last of them
    first, and it makes ``outputs`` along T, H and W. Its windows begin ``before`` positions before the input.
    ``is_first`` says whether it has the first output: the biases, which all phases add, are its parameters.
    """

    of: str
    is_first: bool
    first: tuple[int, int, int]
    apart: Triple
    outputs: Triple
    before: tuple[int, int, int]

    def margins(self, shape: Shape) -> Margins:
        """See Conv3d; less than 0 where windows leave out inputs at that side."""
        sizes = zip(self.before, self.outputs, self.kernel, shape.extent, strict=True)
        t, h, w = ((before, outputs + taps - 1 - before - size) for before, outputs, taps, size in sizes)
        return t, h, w

    def params(self, inputs: tuple[Shape, ...]) -> int:
        """See Layer: all phases have the same biases, which count once."""
        return Conv3d.params(self, inputs) if self.is_first else self.weights(inputs)


def _part(made: int, kernel: int, stride: int, before: int, phase: int) -> Part:
    """Return what a phase has along an axis of ``made`` outputs; see the top of this module."""
    outputs = -(-(made - phase) // stride)
    whole, first = divmod(phase + before, stride)
    taps = -(-(kernel - first) // stride)
    return Part(outputs=outputs, first=first, taps=taps, before=taps - 1 - whole)


def _product(parts: tuple[tuple[Part, ...], ...]) -> list[tuple[tuple[int, ...], tuple[Part, ...]]]:
    places = itertools.product(*(range(len(along)) for along in parts))
    return [(at, tuple(along[i] for along, i in zip(parts, at, strict=True))) for at in places]


def _place(at: tuple[int, ...]) -> str:
    """Return the name of a phase: its number along every axis, ``t0h1w0``."""
    return "".join(f"{axis}{i}" for axis, i in zip(AXES, at, strict=True))


def _triple(values: list[int]) -> tuple[int, int, int]:
    t, h, w = values
    return t, h, w
