"""The fully separable block (paper 3.3) and the paper's other convolution rewrites.

A dense K x R x S convolution C -> N becomes temporal {M,C,K,1,1}, depthwise
{M,1,1,R,S}, pointwise {N,M,1,1,1}; stride, padding and dilation go to the part
that owns the dimension. Where a network is already split in time and space, the
1 x R x S part becomes depthwise and the pointwise convolution behind it does the
channel fusion; a pair of 1 x R x S and K x 1 x 1, in either order, with nothing
pointwise behind it is a K x R x S convolution in two parts, and what stood between
them goes. Rewritten kernels are dense, whatever the density of those that they stand
for; the last tensor of a chain keeps the density of the one that it replaces.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from msgspec import Meta

from lw3dsim.describe.windows import along, as_padding
from lw3dsim.describe.workload import Conv3d
from lw3dsim.transform.fields import PathPrefix
from lw3dsim.transform.passing import Rewrite

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lw3dsim.describe.windows import Padding
    from lw3dsim.describe.workload import AnyLayer, Workload

Alpha = Annotated[float, Meta(gt=0, le=64, description="M as a multiple of the output channels", examples=[0.5])]
Middle = Annotated[
    tuple[Annotated[int, Meta(ge=1, le=65_536)], ...],
    Meta(
        description="M of the replaced convolutions in order, instead of alpha; the last value repeats",
        examples=[(64, 128, 128)],
    ),
]


@dataclass(frozen=True)
class Fsb(Rewrite):
    """FSB for every dense KxRxS convolution, or pair 1xRxS and Kx1x1, that it makes smaller; and split bottlenecks."""

    name: ClassVar[str] = "fsb"
    alpha: Alpha = 1.0
    middle: Middle = ()
    path: PathPrefix = ""

    def chains(self, network: Workload) -> dict[str, list[AnyLayer]]:
        """See Rewrite."""
        chains: dict[str, list[AnyLayer]] = {}
        given = iter(self.middle)
        m = 0
        for layer in _convolutions(network, self.path):
            if _is_split_spatial(network, layer):
                chains[layer.name] = [msgspec.structs.replace(layer, groups=layer.out_channels, weight_density=1.0)]
                continue
            parts = _dense_parts(network, layer, chains.keys(), self.path)
            if not parts:
                continue
            m_next = next(given, m) if self.middle else max(1, round(self.alpha * layer.out_channels))
            chain = separable(_merged(network, parts), m_next)
            if _weights(chain, _channels(network, parts[0])) < sum(_own_weights(network, part) for part in parts):
                chains |= {part.name: [] for part in parts[:-1]} | {layer.name: chain}
                m = m_next
            elif self.middle:
                given = iter((m_next, *given))
        return chains

    def why_idle(self, network: Workload) -> str:
        """See Pass."""
        left = Counter(_why_left(network, layer) for layer in _convolutions(network, self.path))
        if not left:
            return f"no convolution has a name that begins with {self.path}" if self.path else "it has no convolution"
        return f"its {left.total()} convolutions are " + ", ".join(f"{n} {why}" for why, n in sorted(left.items()))


@dataclass(frozen=True)
class DepthwisePointwise(Rewrite):
    """1xRxS becomes depthwise + pointwise."""

    name: ClassVar[str] = "depthwise_pointwise"
    path: PathPrefix = ""

    def chains(self, network: Workload) -> dict[str, list[AnyLayer]]:
        """See Rewrite."""
        return {
            layer.name: _depthwise_then_pointwise(layer, _channels(network, layer))
            for layer in _convolutions(network, self.path)
            if layer.groups == 1 and layer.kernel[0] == 1 and layer.kernel[1:] != (1, 1)
            if _channels(network, layer) > 3
        }


@dataclass(frozen=True)
class MergeBottlenecks(Rewrite):
    """dense KxRxS instead of bottlenecks Kx1x1, 1xRxS, 1x1x1."""

    name: ClassVar[str] = "merge_bottlenecks"
    path: PathPrefix = ""

    def chains(self, network: Workload) -> dict[str, list[AnyLayer]]:
        """See Rewrite."""
        chains: dict[str, list[AnyLayer]] = {}
        for b in _convolutions(network, self.path):
            a = _single_producer(network, b)
            c = _pointwise_consumer(network, b)
            if a is None or c is None or b.kernel[1:] == (1, 1) or a.kernel[1:] != (1, 1) or b.kernel[0] != 1:
                continue
            dense = msgspec.structs.replace(
                c,
                inputs=a.inputs,
                kernel=(a.kernel[0], *b.kernel[1:]),
                stride=_product(a.stride, b.stride, c.stride),
                padding=_joined(network, a, b),
                dilation=(a.dilation[0], *b.dilation[1:]),
                weight_density=1.0,
            )
            chains |= {a.name: [], b.name: [], c.name: [dense]}
        return chains


def separable(layer: Conv3d, middle: int) -> list[AnyLayer]:
    """Return the three convolutions of the FSB that stands for ``layer``."""
    k, r, s = layer.kernel
    temporal = Conv3d(
        name=f"{layer.name}.temporal",
        inputs=layer.inputs,
        out_channels=middle,
        kernel=(k, 1, 1),
        stride=(layer.stride[0], 1, 1),
        padding=along(layer.padding, 0),
        dilation=(layer.dilation[0], 1, 1),
        activation_bits=layer.activation_bits,
        weight_bits=layer.weight_bits,
    )
    depthwise = Conv3d(
        name=f"{layer.name}.depthwise",
        inputs=(temporal.name,),
        out_channels=middle,
        kernel=(1, r, s),
        stride=(1, *layer.stride[1:]),
        padding=along(layer.padding, 1, 2),
        dilation=(1, *layer.dilation[1:]),
        groups=middle,
        activation_bits=layer.activation_bits,
        weight_bits=layer.weight_bits,
    )
    return [temporal, depthwise, _pointwise(layer, depthwise.name)]


def _depthwise_then_pointwise(layer: Conv3d, channels: int) -> list[AnyLayer]:
    depthwise = msgspec.structs.replace(
        layer,
        name=f"{layer.name}.depthwise",
        out_channels=channels,
        groups=channels,
        bias=False,
        density=1.0,
        weight_density=1.0,
    )
    return [depthwise, _pointwise(layer, depthwise.name)]


def _pointwise(layer: Conv3d, source: str) -> Conv3d:
    """Return the 1x1x1 convolution that ends a rewritten ``layer``, with its bias, norm and activation."""
    return Conv3d(
        name=f"{layer.name}.pointwise",
        inputs=(source,),
        out_channels=layer.out_channels,
        kernel=(1, 1, 1),
        bias=layer.bias,
        batch_norm=layer.batch_norm,
        activation=layer.activation,
        density=layer.density,
        activation_bits=layer.activation_bits,
        weight_bits=layer.weight_bits,
    )


def _convolutions(workload: Workload, path: str) -> list[Conv3d]:
    return [layer for layer in workload.layers if isinstance(layer, Conv3d) and layer.name.startswith(path)]


def _channels(workload: Workload, layer: Conv3d) -> int:
    return workload.input_shapes(layer)[0].channels


def _dense_parts(network: Workload, layer: Conv3d, taken: Collection[str], path: str) -> tuple[Conv3d, ...]:
    """Return what is a dense KxRxS convolution: ``layer``, or it and the one before it, which has the other axes."""
    if _is_dense_3d(layer):
        return (layer,)
    before = _single_producer(network, layer)
    if before is None or before.name in taken or not before.name.startswith(path):
        return ()
    kinds = (_is_along_time, _is_along_space)
    is_pair = any(first(before) and last(layer) for first, last in (kinds, kinds[::-1]))
    return (before, layer) if is_pair else ()


def _is_along_time(layer: Conv3d) -> bool:
    return layer.groups == 1 and layer.kernel[0] > 1 and layer.kernel[1:] == (1, 1)


def _is_along_space(layer: Conv3d) -> bool:
    return layer.groups == 1 and layer.kernel[0] == 1 and layer.kernel[1:] != (1, 1)


def _merged(network: Workload, parts: tuple[Conv3d, ...]) -> Conv3d:
    """Return the KxRxS convolution that a pair stands for; one alone is that."""
    if len(parts) == 1:
        return parts[0]
    before, last = parts
    time, space = (before, last) if _is_along_time(before) else (last, before)
    return msgspec.structs.replace(
        last,
        inputs=before.inputs,
        kernel=(time.kernel[0], *space.kernel[1:]),
        stride=_product(before.stride, last.stride),
        padding=_joined(network, time, space),
        dilation=(time.dilation[0], *space.dilation[1:]),
    )


def _is_dense_3d(layer: Conv3d) -> bool:
    return layer.groups == 1 and layer.kernel[0] > 1 and layer.kernel[1:] != (1, 1)


def _why_left(network: Workload, layer: Conv3d) -> str:
    """Return why FSB leaves a convolution as it is, as a count of such layers goes on."""
    if layer.groups == _channels(network, layer) > 1:
        return "depthwise (separable already)"
    if layer.groups > 1:
        return "with groups"
    if layer.kernel == (1, 1, 1):
        return "pointwise"
    if _is_dense_3d(layer):
        return "KxRxS that would have no fewer weights"
    if _dense_parts(network, layer, (), "") or _is_first_of_pair(network, layer):
        return "of pairs 1xRxS and Kx1x1 that would have no fewer weights"
    return "along time or space alone, of no pair or bottleneck"


def _is_first_of_pair(network: Workload, layer: Conv3d) -> bool:
    users = network.consumers(layer.name)
    return len(users) == 1 and isinstance(users[0], Conv3d) and len(_dense_parts(network, users[0], (), "")) > 1


def _is_split_spatial(workload: Workload, layer: Conv3d) -> bool:
    """Tell whether this is the dense 1 x R x S part, C -> C, in front of a pointwise convolution."""
    k, *space = layer.kernel
    square = layer.groups == 1 and layer.out_channels == _channels(workload, layer)
    return k == 1 and space != [1, 1] and square and _pointwise_consumer(workload, layer) is not None


def _pointwise_consumer(workload: Workload, layer: Conv3d) -> Conv3d | None:
    consumers = workload.consumers(layer.name)
    if len(consumers) == 1 and isinstance(consumers[0], Conv3d) and consumers[0].kernel == (1, 1, 1):
        return consumers[0]
    return None


def _single_producer(workload: Workload, layer: Conv3d) -> Conv3d | None:
    for producer in workload.layers:
        if producer.name == layer.inputs[0] and isinstance(producer, Conv3d):
            return producer if len(workload.consumers(producer.name)) == 1 else None
    return None


def _weights(chain: Sequence[AnyLayer], channels: int) -> int:
    total = 0
    for layer in chain:
        assert isinstance(layer, Conv3d)  # noqa: S101  # chains of this module are convolutions
        total += layer.out_channels * (channels // layer.groups) * layer.taps
        channels = layer.out_channels
    return total


def _joined(network: Workload, a: Conv3d, b: Conv3d) -> Padding:
    """Return the padding of ``a`` in time and of ``b`` in space."""
    of_a, of_b = (layer.margins(network.input_shapes(layer)[0]) for layer in (a, b))
    return as_padding((of_a[0], *of_b[1:]))


def _own_weights(network: Workload, layer: Conv3d) -> int:
    return layer.weights(network.input_shapes(layer))


def _product(*triples: tuple[int, int, int]) -> tuple[int, int, int]:
    t, h, w = (math.prod(values) for values in zip(*triples, strict=True))
    return (t, h, w)
