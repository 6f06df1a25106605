"""The operators of a workload as modules: each takes the tensors that its layer reads, N x C x T x H x W."""

from __future__ import annotations

from functools import partial, singledispatch
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

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
    Copy,
    Gate,
    Interleave,
    LayerNorm,
    Linear,
    Matmul,
    Mul,
    Pad,
    Permute,
    Pool3d,
    Rearrange,
    Reshape,
    RunningMean,
    Slice,
    Softmax,
    TemporalShift,
    Trg,
    Upsample,
)
from lw3dsim.errors import InputError
from lw3dsim.exporting.pools import around_of, pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from lw3dsim.describe.workload import AnyLayer, Shape

# Of a tensor N x C x T x H x W.
AXES = {name: 1 + axis for axis, name in enumerate(DIMENSIONS)}

FUNCTIONS: dict[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "hard_sigmoid": nn.Hardsigmoid,
    "tanh": nn.Tanh,
    "swish": nn.SiLU,
    "hard_swish": nn.Hardswish,
    "gelu": nn.GELU,
    "gelu_tanh": partial(nn.GELU, approximate="tanh"),
}


class Convolution(nn.Conv3d):
    """A convolution, and behind it the batch norm and the activation of its layer."""

    def __init__(self, layer: Conv3d, shape: Shape) -> None:
        around = layer.margins(shape)
        is_even = all(before == behind for before, behind in around)
        super().__init__(
            shape.channels,
            layer.out_channels,
            layer.kernel,
            stride=layer.stride,
            padding=tuple(before for before, _ in around) if is_even else 0,
            dilation=layer.dilation,
            groups=layer.groups,
            bias=layer.bias,
        )
        # Where there is more behind than before, zeros are put around the input first.
        self.around = () if is_even else around_of(around)
        self.norm = nn.BatchNorm3d(layer.out_channels) if layer.batch_norm else nn.Identity()
        self.activation = FUNCTIONS[layer.activation]()

    def forward(self, values: Tensor) -> Tensor:
        """Return the output of the layer."""
        values = functional.pad(values, self.around) if self.around else values
        return self.activation(self.norm(super().forward(values)))


class TransposedConvolution(nn.ConvTranspose3d):
    """A transposed convolution, and behind it the batch norm and the activation of its layer."""

    def __init__(self, layer: ConvTranspose3d, shape: Shape) -> None:
        around = as_margins(layer.padding)
        is_even = all(before == behind for before, behind in around)
        super().__init__(
            shape.channels,
            layer.out_channels,
            layer.kernel,
            stride=layer.stride,
            padding=tuple(before for before, _ in around) if is_even else 0,
            output_padding=layer.output_padding,
            groups=layer.groups,
            bias=layer.bias,
        )
        # Where there is more behind than before, it is cut off the output.
        self.around = () if is_even else tuple(-side for side in around_of(around))
        self.norm = nn.BatchNorm3d(layer.out_channels) if layer.batch_norm else nn.Identity()
        self.activation = FUNCTIONS[layer.activation]()

    def forward(self, values: Tensor) -> Tensor:
        """Return the output of the layer."""
        values = super().forward(values)
        return self.activation(self.norm(functional.pad(values, self.around) if self.around else values))


class FullyConnected(nn.Linear):
    """A linear layer on the flattened input, N x C x 1 x 1 x 1 behind it."""

    def __init__(self, layer: Linear, shape: Shape) -> None:
        super().__init__(shape.elements, layer.out_features, bias=layer.bias)
        self.activation = FUNCTIONS[layer.activation]()

    def forward(self, values: Tensor) -> Tensor:
        """Return the output of the layer."""
        return self.activation(super().forward(values.flatten(1)))[:, :, None, None, None]


class Normalisation(nn.BatchNorm3d):
    """A batch norm that no convolution takes, and the activation behind it."""

    def __init__(self, layer: BatchNorm, shape: Shape) -> None:
        super().__init__(shape.channels)
        self.activation = FUNCTIONS[layer.activation]()

    def forward(self, values: Tensor) -> Tensor:
        """Return the output of the layer."""
        return self.activation(super().forward(values))


class Applied(nn.Module):
    """A function of tensors that nothing is trained of, and the activation behind it."""

    def __init__(self, function: Callable[..., Tensor], activation: str = "none") -> None:
        super().__init__()
        self.function = function
        self.activation = FUNCTIONS[activation]()

    def forward(self, *sources: Tensor) -> Tensor:
        """Return the output of the layer."""
        return self.activation(self.function(*sources))


@singledispatch
def operator(layer: AnyLayer, inputs: tuple[Shape, ...]) -> nn.Module:
    """Return the module of a ``layer`` that reads tensors of the shapes ``inputs``."""
    raise NotImplementedError(f"no module for a layer of kind {layer.kind}")


@operator.register(Conv3d)
def _convolution(layer: Conv3d, inputs: tuple[Shape, ...]) -> nn.Module:
    return Convolution(layer, inputs[0])


@operator.register(ConvTranspose3d)
def _transposed(layer: ConvTranspose3d, inputs: tuple[Shape, ...]) -> nn.Module:
    return TransposedConvolution(layer, inputs[0])


@operator.register(Linear)
def _linear(layer: Linear, inputs: tuple[Shape, ...]) -> nn.Module:
    return FullyConnected(layer, inputs[0])


@operator.register(BatchNorm)
def _batch_norm(layer: BatchNorm, inputs: tuple[Shape, ...]) -> nn.Module:
    return Normalisation(layer, inputs[0])


@operator.register(Pool3d)
def _pool(layer: Pool3d, inputs: tuple[Shape, ...]) -> nn.Module:
    return pool(layer, inputs[0])


@operator.register(Activation)
def _activation(layer: Activation, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return FUNCTIONS[layer.activation]()


@operator.register(Softmax)
def _softmax(layer: Softmax, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return nn.Softmax(dim=1) if layer.groups == 1 else Applied(partial(_softmax_of, groups=layer.groups))


@operator.register(LayerNorm)
def _layer_norm(layer: LayerNorm, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(partial(_normalised, groups=layer.groups, epsilon=layer.epsilon))


@operator.register(Matmul)
def _matmul(layer: Matmul, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(partial(_multiplied, layer=layer))


@operator.register(Gate)
@operator.register(Mul)
def _product(layer: Gate | Mul, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(torch.mul, layer.activation)


@operator.register(Add)
def _add(layer: Add, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(_sum, layer.activation)


@operator.register(Trg)
def _trg(layer: Trg, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(_differences)


@operator.register(RunningMean)
def _running_mean(layer: RunningMean, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(_averaged)


@operator.register(Concat)
def _concat(layer: Concat, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(partial(_joined, axis=AXES[layer.dim]))


@operator.register(Slice)
def _slice(layer: Slice, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(partial(_sliced, axis=AXES[layer.dim], at=slice(layer.start, layer.stop, layer.step)))


@operator.register(Pad)
def _pad(layer: Pad, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(partial(functional.pad, pad=around_of(as_margins(layer.padding))))


@operator.register(ChannelShuffle)
def _shuffle(layer: ChannelShuffle, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(partial(_shuffled, groups=layer.groups))


@operator.register(TemporalShift)
def _shift(layer: TemporalShift, inputs: tuple[Shape, ...]) -> nn.Module:
    part = inputs[0].channels // layer.parts
    return Applied(partial(_shifted, ahead=0 if layer.direction == "past" else part, part=part))


@operator.register(Interleave)
def _interleave(layer: Interleave, inputs: tuple[Shape, ...]) -> nn.Module:
    return Applied(partial(_interleaved, layer=layer, size=layer.output_shape(inputs)))


@operator.register(Upsample)
def _upsample(layer: Upsample, inputs: tuple[Shape, ...]) -> nn.Module:
    size = layer.output_shape(inputs).extent
    how = {"mode": "nearest"} if layer.mode == "nearest" else {"mode": "trilinear", "align_corners": False}
    return Applied(partial(functional.interpolate, size=size, **how))


@operator.register(Permute)
def _permute(layer: Permute, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(partial(torch.permute, dims=(0, *(AXES[name] for name in layer.order))))


@operator.register(Rearrange)
def _rearrange(layer: Rearrange, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(partial(_rearranged, layer=layer))


@operator.register(Copy)
def _unknown(layer: Copy, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    raise InputError(f"{layer.name} stands for {layer.of}, which is not known; put an operator of the workload there")


@operator.register(Reshape)
def _reshape(layer: Reshape, inputs: tuple[Shape, ...]) -> nn.Module:  # noqa: ARG001
    return Applied(partial(_reshaped, shape=layer.shape))


def _multiplied(values: Tensor, matrix: Tensor, *, layer: Matmul) -> Tensor:
    """Return a row for each position: of every head, and of every frame where these have matrices of their own."""
    rows, others = (_by_head(each, layer) for each in (values, matrix))
    columns = others if layer.transpose else others.transpose(-1, -2)
    product = (rows.transpose(-1, -2) @ columns).transpose(-1, -2)
    product = product * layer.scale if layer.scale != 1 else product
    if layer.by_frame:
        product = product.flatten(2, 3) if layer.heads > 1 else product
        return product.transpose(1, 2).unflatten(3, values.shape[3:])
    return (product.flatten(1, 2) if layer.heads > 1 else product).unflatten(2, values.shape[2:])


def _by_head(values: Tensor, layer: Matmul) -> Tensor:
    """Return a tensor N (x T) (x heads) x C x positions."""
    flat = values.flatten(3).transpose(1, 2) if layer.by_frame else values.flatten(2)
    return flat.unflatten(-2, (layer.heads, -1)) if layer.heads > 1 else flat


def _softmax_of(values: Tensor, *, groups: int) -> Tensor:
    return values.unflatten(1, (groups, -1)).softmax(2).flatten(1, 2)


def _normalised(values: Tensor, *, groups: int, epsilon: float) -> Tensor:
    apart = values.unflatten(1, (groups, -1)) if groups > 1 else values
    last = apart.movedim(2 if groups > 1 else 1, -1)
    made = functional.layer_norm(last, last.shape[-1:], eps=epsilon).movedim(-1, 2 if groups > 1 else 1)
    return made.flatten(1, 2) if groups > 1 else made


def _sum(first: Tensor, *others: Tensor) -> Tensor:
    for other in others:
        first = first + other
    return first


def _differences(values: Tensor) -> Tensor:
    """Return T-1 differences of neighbouring frames, then the mean over time."""
    mean = values.mean(2, keepdim=True)
    return torch.cat([values[:, :, 1:] - values[:, :, :-1], mean], 2) if values.shape[2] > 1 else mean


def _joined(*sources: Tensor, axis: int) -> Tensor:
    return torch.cat(sources, axis)


def _sliced(values: Tensor, *, axis: int, at: slice) -> Tensor:
    return values[(slice(None),) * axis + (at,)]


def _shuffled(values: Tensor, *, groups: int) -> Tensor:
    return values.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def _shifted(values: Tensor, *, ahead: int, part: int) -> Tensor:
    """Return ``ahead`` of the channels from the next frame, ``part`` from the last one, the rest from its own."""
    moved, frame = ahead + part, (0, 0, 0, 0)
    following = [functional.pad(values[:, :ahead], (*frame, 0, 1))[:, :, 1:]] if ahead else []
    last = functional.pad(values[:, ahead:moved], (*frame, 1, 0))[:, :, :-1]
    own = [values[:, moved:]] if moved < values.shape[1] else []
    return torch.cat([*following, last, *own], 1)


def _averaged(values: Tensor) -> Tensor:
    """Return the mean of all frames up to each."""
    counts = torch.arange(1, values.shape[2] + 1, dtype=values.dtype, device=values.device)
    return torch.cumsum(values, 2) / counts.reshape(-1, 1, 1)


def _interleaved(*sources: Tensor, layer: Interleave, size: Shape) -> Tensor:
    result = sources[0].new_empty((len(sources[0]), *size))
    for number, source in enumerate(sources):
        t, h, w = (slice(first, None, apart) for first, apart in zip(layer.place(number), layer.apart, strict=True))
        result[:, :, t, h, w] = source
    return result


def _reshaped(values: Tensor, *, shape: tuple[int, ...]) -> Tensor:
    return values.reshape(-1, *shape)


def _rearranged(values: Tensor, *, layer: Rearrange) -> Tensor:
    apart = values.reshape(-1, *layer.sizes).permute(0, *(place + 1 for place in layer.order))
    return apart.reshape(-1, *layer.shape)
