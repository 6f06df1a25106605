"""The layers of a workload as nodes of a graph in ONNX, tensors N x C x T x H x W."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from lw3dsim.describe.moves import DIMENSIONS
from lw3dsim.describe.windows import as_margins
from lw3dsim.describe.workload import (
    Activation,
    Add,
    BatchNorm,
    ChannelShuffle,
    Concat,
    Conv3d,
    ConvTranspose3d,
    Gate,
    Linear,
    Mul,
    Pad,
    Pool3d,
    RunningMean,
    Slice,
    TemporalShift,
    Trg,
    Upsample,
)
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.moves import Dimension
    from lw3dsim.describe.windows import Margins
    from lw3dsim.describe.workload import AnyLayer, Shape, Workload

BATCH = "N"
# Of a tensor N x C x T x H x W.
AXES = {name: 1 + axis for axis, name in enumerate(DIMENSIONS)}

NORM = ("weight", "bias", "running_mean", "running_var")

# Activations that are one operator, and its attributes.
FUNCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "tanh": ("Tanh", {}),
    "hard_swish": ("HardSwish", {}),
    "gelu": ("Gelu", {}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
}


class Writer:
    """A graph that grows layer by layer; weights are its inputs, or drawn where there is a ``seed``."""

    def __init__(self, network: Workload, seed: int | None) -> None:
        self.network = network
        self.random = None if seed is None else np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.constants: dict[bytes, Any] = {}
        self.names = {*network.inputs, *(layer.name for layer in network.layers)}

    def free(self, name: str) -> str:
        """Return a name that nothing else has, as near to ``name`` as can be."""
        while name in self.names:
            name += "_"
        self.names.add(name)
        return name

    def shapes(self, layer: AnyLayer) -> tuple[Shape, ...]:
        """Return the shapes that a layer reads."""
        return self.network.input_shapes(layer)

    def node(self, layer: AnyLayer, op: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Add a node of a layer, which makes the layer's tensor or another ``output`` of it; return what it makes."""
        made = self.free(f"{layer.name}/{output}") if output else layer.name
        name = f"{layer.name}/{output or op}"
        node = helper.make_node(op, list(inputs), [made], name=name, **attributes)
        # As PyTorch's exporter says of which module a node is.
        scopes = node.metadata_props.add()
        scopes.key, scopes.value = "pkg.torch.onnx.name_scopes", repr(["", layer.name, name])
        self.nodes.append(node)
        return made

    def finished(self, layer: AnyLayer, op: str, inputs: Sequence[str], **attributes: Any) -> None:
        """Add the last node of a layer, and the activation behind it."""
        function = getattr(layer, "activation", "none")
        if function == "none":
            self.node(layer, op, inputs, **attributes)
        else:
            self.activated(layer, self.node(layer, op, inputs, "linear", **attributes), function)

    def activated(self, layer: AnyLayer, tensor: str, function: str) -> None:
        """Add the activation of a layer, which makes its tensor."""
        if function == "swish":
            self.node(layer, "Mul", [tensor, self.node(layer, "Sigmoid", [tensor], "sigmoid")])
        elif function == "relu6":
            bounds = [self.constant(np.float32(bound)) for bound in (0, 6)]
            self.node(layer, "Clip", [tensor, *bounds])
        else:
            op, attributes = FUNCTIONS[function]
            self.node(layer, op, [tensor], **attributes)

    def constant(self, value: Any) -> str:
        """Return the name of a constant, which all that read the same one share."""
        array = np.asarray(value)
        key = f"{array.dtype}{array.shape}".encode() + array.tobytes()
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, self.free(f"constant_{len(self.constants)}"))
        return str(self.constants[key].name)

    def integers(self, values: Sequence[int]) -> str:
        """Return the name of a constant list of integers."""
        return self.constant(np.array(values, dtype=np.int64))

    def weight(self, name: str, *shape: int, taken: int = 0) -> str:
        """Return the name of weights: an input of the graph, or drawn for sums of so many ``taken`` products."""
        name = self.free(name)
        if self.random is None:
            self.weights.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
            return name
        if name.endswith(("running_var", "norm.weight")):
            values = self.random.uniform(0.5, 1.5, shape)
        else:
            values = self.random.normal(0, math.sqrt(2 / taken) if taken else 0.1, shape)
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def normalised(self, layer: AnyLayer, tensor: str, prefix: str, channels: int) -> None:
        """Add the batch norm of a layer, and its activation."""
        parts = [
            self.weight(f"{prefix}.{part}", channels) for part in ("weight", "bias", "running_mean", "running_var")
        ]
        self.finished(layer, "BatchNormalization", [tensor, *parts])

    def graph(self) -> Any:
        """Return the graph."""
        network, drawn = self.network, self.random is not None
        read = {name for layer in network.layers for name in layer.inputs}
        for name in network.learned:
            self.weights.append(self._learned(name, network.shapes[name]))
        inputs = [self._tensor(name, shape) for name, shape in network.inputs.items() if name not in network.learned]
        outputs = [self._tensor(x.name, network.shapes[x.name]) for x in network.layers if x.name not in read]
        initializers = [*self.constants.values(), *(self.weights if drawn else [])]
        inputs += [] if drawn else self.weights
        return helper.make_graph(self.nodes, network.name, inputs, outputs, initializer=initializers)

    def _learned(self, name: str, shape: Shape) -> Any:
        """Return a learned tensor: an input of the graph, or drawn as embeddings of positions begin."""
        if self.random is None:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *shape])
        return numpy_helper.from_array(self.random.normal(0, 0.02, (1, *shape)).astype(np.float32), name)

    def _tensor(self, name: str, shape: Shape) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])


def _pads(margins: Margins) -> list[int]:
    """Return what stands before T, H and W, then what stands behind them."""
    return [before for before, _ in margins] + [behind for _, behind in margins]


@singledispatch
def write(layer: AnyLayer, writer: Writer) -> None:
    """Add the nodes of a ``layer``. Raises InputError for what ONNX has no operators for."""
    raise InputError(
        f"{writer.network.name}: layer {layer.name} ({layer.kind}) has no form in ONNX; "
        "export the network before it is transformed"
    )


@write.register(Conv3d)
def _conv(layer: Conv3d, writer: Writer) -> None:
    if layer.kind != "conv3d":
        write.dispatch(object)(layer, writer)
    (shape,) = writer.shapes(layer)
    taken = shape.channels // layer.groups
    weight = writer.weight(f"{layer.name}.weight", layer.out_channels, taken, *layer.kernel, taken=taken * layer.taps)
    windows = {"kernel_shape": layer.kernel, "strides": layer.stride, "dilations": layer.dilation}
    _weighted(layer, writer, "Conv", weight, pads=_pads(layer.margins(shape)), group=layer.groups, **windows)


@write.register(ConvTranspose3d)
def _transposed(layer: ConvTranspose3d, writer: Writer) -> None:
    (shape,) = writer.shapes(layer)
    made = layer.out_channels // layer.groups
    weight = writer.weight(f"{layer.name}.weight", shape.channels, made, *layer.kernel, taken=shape.channels)
    windows = {"kernel_shape": layer.kernel, "strides": layer.stride, "output_padding": layer.output_padding}
    pads = _pads(as_margins(layer.padding))
    _weighted(layer, writer, "ConvTranspose", weight, pads=pads, group=layer.groups, **windows)


def _weighted(layer: Conv3d | ConvTranspose3d, writer: Writer, op: str, weight: str, **attributes: Any) -> None:
    """Add a convolution, its batch norm and its activation."""
    bias = [writer.weight(f"{layer.name}.bias", layer.out_channels)] if layer.bias else []
    inputs = [layer.inputs[0], weight, *bias]
    if layer.batch_norm:
        product = writer.node(layer, op, inputs, "product", **attributes)
        writer.normalised(layer, product, f"{layer.name}.norm", layer.out_channels)
    else:
        writer.finished(layer, op, inputs, **attributes)


@write.register(Linear)
def _linear(layer: Linear, writer: Writer) -> None:
    taken = writer.shapes(layer)[0].elements
    weight = writer.weight(f"{layer.name}.weight", layer.out_features, taken, taken=taken)
    bias = [writer.weight(f"{layer.name}.bias", layer.out_features)] if layer.bias else []
    flat = writer.node(layer, "Flatten", layer.inputs, "flat", axis=1)
    product = writer.node(layer, "Gemm", [flat, weight, *bias], "product", transB=1)
    writer.finished(layer, "Unsqueeze", [product, writer.integers([2, 3, 4])])


@write.register(BatchNorm)
def _batch_norm(layer: BatchNorm, writer: Writer) -> None:
    writer.normalised(layer, layer.inputs[0], layer.name, writer.shapes(layer)[0].channels)


@write.register(Pool3d)
def _pool(layer: Pool3d, writer: Writer) -> None:
    (shape,) = writer.shapes(layer)
    around, window = layer.margins(shape), layer.window(shape)
    op = "MaxPool" if layer.mode == "max" else "AveragePool"
    if window == shape.extent and not any(map(any, around)):
        writer.node(layer, f"Global{op}", layer.inputs)
        return
    how: dict[str, Any] = {"count_include_pad": int(layer.count_include_pad)} if layer.mode == "avg" else {}
    writer.node(
        layer, op, layer.inputs, kernel_shape=window, strides=layer.step(shape), pads=_pads(around),
        dilations=layer.dilation, ceil_mode=int(layer.ceil_mode), **how,
    )  # fmt: skip


@write.register(Activation)
def _activation(layer: Activation, writer: Writer) -> None:
    writer.activated(layer, layer.inputs[0], layer.activation)


@write.register(Gate)
@write.register(Mul)
def _product(layer: Gate | Mul, writer: Writer) -> None:
    writer.finished(layer, "Mul", layer.inputs)


@write.register(Add)
def _add(layer: Add, writer: Writer) -> None:
    writer.finished(layer, "Add" if len(layer.inputs) == 2 else "Sum", layer.inputs)


@write.register(Trg)
def _trg(layer: Trg, writer: Writer) -> None:
    frames = writer.shapes(layer)[0].frames
    (source,) = layer.inputs
    if frames == 1:
        writer.node(layer, "Identity", [source])  # there is no difference, and the mean is itself
        return
    following = _cut(layer, writer, source, "frames", 1, frames, "following")
    own = _cut(layer, writer, source, "frames", 0, frames - 1, "own")
    differences = writer.node(layer, "Sub", [following, own], "differences")
    mean = writer.node(layer, "ReduceMean", [source, writer.integers([2])], "mean", keepdims=1)
    writer.node(layer, "Concat", [differences, mean], axis=2)


@write.register(RunningMean)
def _running_mean(layer: RunningMean, writer: Writer) -> None:
    frames = writer.shapes(layer)[0].frames
    sums = writer.node(layer, "CumSum", [*layer.inputs, writer.integers([2])], "sums")
    counts = writer.constant(np.arange(1, frames + 1, dtype=np.float32).reshape(-1, 1, 1))
    writer.node(layer, "Div", [sums, counts])


@write.register(Concat)
def _concat(layer: Concat, writer: Writer) -> None:
    writer.node(layer, "Concat", layer.inputs, axis=AXES[layer.dim])


@write.register(Slice)
def _slice(layer: Slice, writer: Writer) -> None:
    _cut(layer, writer, layer.inputs[0], layer.dim, layer.start, layer.stop, step=layer.step)


def _cut(
    layer: AnyLayer, writer: Writer, source: str, dim: Dimension, start: int, stop: int, output: str = "", step: int = 1
) -> str:
    """Add every ``step``-th position of a dimension from ``start`` on, up to but without ``stop``."""
    bounds = [writer.integers([bound]) for bound in (start, stop, AXES[dim], step)]
    return writer.node(layer, "Slice", [source, *bounds], output)


@write.register(Pad)
def _pad(layer: Pad, writer: Writer) -> None:
    before, behind = zip(*as_margins(layer.padding), strict=True)
    writer.node(layer, "Pad", [*layer.inputs, writer.integers([0, 0, *before, 0, 0, *behind])])


@write.register(ChannelShuffle)
def _shuffle(layer: ChannelShuffle, writer: Writer) -> None:
    channels, *extent = writer.shapes(layer)[0]
    apart = writer.integers([0, layer.groups, channels // layer.groups, *extent])
    apart = writer.node(layer, "Reshape", [*layer.inputs, apart], "apart")
    turned = writer.node(layer, "Transpose", [apart], "turned", perm=[0, 2, 1, 3, 4, 5])
    writer.node(layer, "Reshape", [turned, writer.integers([0, channels, *extent])])


@write.register(TemporalShift)
def _shift(layer: TemporalShift, writer: Writer) -> None:
    channels, frames, *_ = writer.shapes(layer)[0]
    part = channels // layer.parts
    (source,) = layer.inputs
    sides, shifts = [], [("next", [0] * 7 + [1, 0, 0], 1), ("last", [0, 0, 1] + [0] * 7, 0)]
    for i, (output, pads, start) in enumerate(shifts[layer.direction == "past" :]):
        cut = _cut(layer, writer, source, "channels", i * part, (i + 1) * part, output)
        padded = writer.node(layer, "Pad", [cut, writer.integers(pads)], f"{output}_padded")
        sides.append(_cut(layer, writer, padded, "frames", start, start + frames, f"from_{output}"))
    moved = len(sides) * part
    own = [_cut(layer, writer, source, "channels", moved, channels, "own")] if moved < channels else []
    writer.node(layer, "Concat", [*sides, *own], axis=1)


@write.register(Upsample)
def _upsample(layer: Upsample, writer: Writer) -> None:
    (shape,) = writer.shapes(layer)
    nearest = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    how = nearest if layer.mode == "nearest" else {"coordinate_transformation_mode": "half_pixel"}
    made = writer.network.shapes[layer.name]
    if all(more % size == 0 for more, size in zip(made, shape, strict=True)):
        times = [1, *(more / size for more, size in zip(made, shape, strict=True))]
        to = ["", writer.constant(np.array(times, dtype=np.float32))]
    else:
        to = ["", "", writer.integers([1, *made])]  # of one clip: a scale of 11 / 6 is rounded
    writer.node(layer, "Resize", [*layer.inputs, *to], mode=layer.mode, **how)
