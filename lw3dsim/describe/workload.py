"""A workload: a graph of layers on named tensors of shape (C, T, H, W), with shapes inferred.

Every layer is a frozen value that knows its output shape, its multiply-accumulates
(MACs of the direct algorithm) and its trained parameters. :func:`build_workload`
orders the layers, infers every shape and refuses whatever does not fit.
"""

from __future__ import annotations

import math
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec

from lw3dsim.base.values import Value
from lw3dsim.errors import InputError, ShapeError, check_name, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Size = Annotated[int, msgspec.Meta(ge=1, le=65536)]
Extent = Annotated[int, msgspec.Meta(ge=1, le=8192)]
Margin = Annotated[int, msgspec.Meta(ge=0, le=8192)]
Triple = tuple[Extent, Extent, Extent]
Margins = tuple[Margin, Margin, Margin]
Function = Literal["none", "relu"]
Density = Annotated[float, msgspec.Meta(ge=0, le=1)]


MAX_ELEMENTS = 2**36


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
        return "x".join(map(str, self))


class Layer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every layer has: a name, the tensors that it reads, and the share of its outputs that are not zero."""

    name: str
    inputs: tuple[str, ...]
    density: Density = 1.0

    @property
    def kind(self) -> str:
        """The layer kind as written in a workload file."""
        return str(self.__struct_config__.tag)

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
    padding: Margins = (0, 0, 0)
    dilation: Triple = (1, 1, 1)
    groups: Size = 1
    bias: bool = False
    batch_norm: bool = False
    activation: Function = "none"
    weight_density: Density = 1.0

    @property
    def taps(self) -> int:
        """K * R * S."""
        return math.prod(self.kernel)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = _one(inputs, self.kind)
        for what, channels in (("input", shape.channels), ("out", self.out_channels)):
            if channels % self.groups:
                raise ShapeError(f"groups = {self.groups} does not divide the {channels} {what} channels")
        return Shape(self.out_channels, *_windows(shape, self.kernel, self.stride, self.padding, self.dilation))

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
    activation: Function = "none"
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
    """Max or average pooling; ``kernel: global`` reduces T, H and W to one."""

    mode: Literal["max", "avg"]
    kernel: Triple | Literal["global"]
    stride: Triple | None = None
    padding: Margins = (0, 0, 0)

    def window(self, shape: Shape) -> tuple[int, int, int]:
        """Return the window (K, R, S) on an input of ``shape``."""
        return shape.extent if self.kernel == "global" else self.kernel

    def step(self, shape: Shape) -> tuple[int, int, int]:
        """Return the stride, by default the window."""
        return self.stride or self.window(shape)

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        shape = _one(inputs, self.kind)
        if any(2 * p > k for p, k in zip(self.padding, self.window(shape), strict=True)):
            raise ShapeError(f"padding {_text(self.padding)} is more than half of the pooling window")
        out = _windows(shape, self.window(shape), self.step(shape), self.padding, (1, 1, 1))
        return Shape(shape.channels, *out)


class Add(Layer, frozen=True, kw_only=True, tag_field="kind", tag="add"):
    """Element-wise sum of two or more tensors of one shape."""

    activation: Function = "none"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """See Layer."""
        if len(inputs) < 2 or len(set(inputs)) > 1:
            raise ShapeError(f"add needs two or more tensors of one shape, not {', '.join(map(str, inputs))}")
        return inputs[0]


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

    activation: Literal["relu"] = "relu"


AnyLayer = Conv3d | Linear | Pool3d | Add | Concat | Trg | Activation


def _bounded(shape: Shape) -> Shape:
    if shape.elements > MAX_ELEMENTS:
        raise ShapeError(f"the output {shape} has more than 2^36 elements; lower the sizes")
    return shape


def _text(values: tuple[int, ...]) -> str:
    return "x".join(map(str, values))


def _one(inputs: tuple[Shape, ...], kind: str) -> Shape:
    if len(inputs) != 1:
        raise ShapeError(f"{kind} reads one tensor, not {len(inputs)}")
    return inputs[0]


def _windows(
    shape: Shape,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[int, int, int]:
    sizes = []
    for size, k, s, p, d in zip(shape.extent, kernel, stride, padding, dilation, strict=True):
        reach = (k - 1) * d + 1
        if reach > size + 2 * p:
            padded = _text(tuple(n + 2 * m for n, m in zip(shape.extent, padding, strict=True)))
            raise ShapeError(f"kernel {_text(kernel)} is larger than its padded input {padded} (TxHxW)")
        sizes.append((size + 2 * p - reach) // s + 1)
    return (sizes[0], sizes[1], sizes[2])


class Workload(Value, frozen=True, kw_only=True):
    """A verified layer graph: layers in execution order, the shape of every tensor, and its density.

    ``fsb_variant`` names the transform that is *the* FSB form of this network
    where the paper defines one; ``transforms`` records the passes applied.
    A density is the share of elements that are not zero.
    """

    name: str
    description: str
    source: str
    inputs: Mapping[str, Shape]
    layers: tuple[AnyLayer, ...]
    shapes: Mapping[str, Shape]
    densities: Mapping[str, float]
    fsb_variant: str = "fsb"
    transforms: tuple[str, ...] = ()

    def input_shapes(self, layer: Layer) -> tuple[Shape, ...]:
        """Return the shapes of the tensors that ``layer`` reads."""
        return tuple(self.shapes[name] for name in layer.inputs)

    def layer_macs(self, layer: Layer) -> int:
        """Return the direct-algorithm MACs of ``layer``."""
        return layer.macs(self.input_shapes(layer), self.shapes[layer.name])

    def layer_params(self, layer: Layer) -> int:
        """Return the trained parameters of ``layer``."""
        return layer.params(self.input_shapes(layer))

    def consumers(self, name: str) -> list[AnyLayer]:
        """Return the layers that read the tensor ``name``."""
        return [layer for layer in self.layers if name in layer.inputs]


def build_workload(
    *,
    name: str,
    inputs: Mapping[str, Shape],
    layers: Iterable[AnyLayer],
    description: str = "",
    source: str = "",
    fsb_variant: str = "fsb",
    transforms: tuple[str, ...] = (),
    input_densities: Mapping[str, float] | None = None,
    locate: Callable[[str], str] | None = None,
) -> Workload:
    """Order the layers, infer every shape and verify the graph.

    ``input_densities`` are 1 for inputs not named. ``locate`` gives the place of a layer (``file:line``) for messages.
    Raises InputError for duplicate names, dangling inputs, cycles and unread
    inputs, and ShapeError where shapes do not fit.
    """
    at = locate or (lambda layer: f"{name} {layer}")
    layers = list(layers)
    check_name("workload", name)
    for named in (*inputs, *(layer.name for layer in layers)):
        check_name(name, named)
    ordered = _ordered(inputs, layers, at)
    shapes = dict(inputs)
    for layer in ordered:
        try:
            shapes[layer.name] = _bounded(layer.output_shape(tuple(shapes[source] for source in layer.inputs)))
        except ShapeError as error:
            given = ", ".join(f"{source} {shapes[source]}" for source in layer.inputs)
            raise ShapeError(f"{at(layer.name)}: {error} (inputs, CxTxHxW: {given})") from None
    read = {source for layer in ordered for source in layer.inputs}
    for unread in inputs.keys() - read:
        raise InputError(f"{at(unread)}: no layer reads the input {unread!r}; remove it or use it")
    return Workload(
        name=name,
        description=description,
        source=source,
        inputs=dict(inputs),
        layers=tuple(ordered),
        shapes=shapes,
        densities={**dict.fromkeys(inputs, 1.0), **(input_densities or {}), **{x.name: x.density for x in ordered}},
        fsb_variant=fsb_variant,
        transforms=transforms,
    )


def _ordered(inputs: Mapping[str, Shape], layers: list[AnyLayer], at: Callable[[str], str]) -> list[AnyLayer]:
    by_name: dict[str, AnyLayer] = {}
    for layer in layers:
        if layer.name in by_name or layer.name in inputs:
            raise InputError(f"{at(layer.name)}: the name {layer.name!r} is used twice; rename one")
        by_name[layer.name] = layer
    known = by_name.keys() | inputs.keys()
    for layer in layers:
        if not layer.inputs:
            raise InputError(f"{at(layer.name)}: a layer needs at least one input")
        for source in layer.inputs:
            if source not in known:
                raise InputError(f"{at(layer.name)}: reads the unknown tensor {source!r}; {suggest(source, known)}")
    sorter = TopologicalSorter({layer.name: [n for n in layer.inputs if n in by_name] for layer in layers})
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        circle = error.args[1][::-1]
        raise InputError(f"{at(circle[0])}: the layers form a cycle: {' -> '.join(circle)}; break it") from None
    if _is_ordered(inputs, layers):
        return layers
    return [by_name[name] for name in order]


def _is_ordered(inputs: Mapping[str, Shape], layers: list[AnyLayer]) -> bool:
    seen = set(inputs)
    for layer in layers:
        if not seen.issuperset(layer.inputs):
            return False
        seen.add(layer.name)
    return True
