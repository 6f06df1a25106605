"""Nodes of ONNX for what attention is made of: products of tensors, softmax, layer norms, moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.describe.workload import LayerNorm, Matmul, Permute, Rearrange, Reshape, Softmax
from lw3dsim.exporting.onnx_nodes import AXES, write

if TYPE_CHECKING:
    from lw3dsim.exporting.onnx_nodes import Writer

__all__ = ["write"]


@write.register(Softmax)
def _softmax(layer: Softmax, writer: Writer) -> None:
    channels, *extent = writer.network.shapes[layer.name]
    if layer.groups == 1:
        writer.node(layer, "Softmax", layer.inputs, axis=1)
        return
    apart = writer.integers([0, layer.groups, channels // layer.groups, *extent])
    apart = writer.node(layer, "Reshape", [*layer.inputs, apart], "apart")
    shares = writer.node(layer, "Softmax", [apart], "shares", axis=2)
    writer.node(layer, "Reshape", [shares, writer.integers([0, channels, *extent])])


@write.register(LayerNorm)
def _layer_norm(layer: LayerNorm, writer: Writer) -> None:
    """Add a norm of the last dimension, which channels are made, by a factor of one."""
    channels, *extent = writer.network.shapes[layer.name]
    each = channels // layer.groups
    apart = writer.node(layer, "Reshape", [*layer.inputs, writer.integers([0, layer.groups, each, *extent])], "apart")
    last = writer.node(layer, "Transpose", [apart], "last", perm=[0, 1, 3, 4, 5, 2])
    ones = writer.constant(np.ones(each, dtype=np.float32))
    made = writer.node(layer, "LayerNormalization", [last, ones], "norm", axis=-1, epsilon=layer.epsilon)
    first = writer.node(layer, "Transpose", [made], "first", perm=[0, 1, 5, 2, 3, 4])
    writer.node(layer, "Reshape", [first, writer.integers([0, channels, *extent])])


@write.register(Matmul)
def _matmul(layer: Matmul, writer: Writer) -> None:
    """Add a product of positions by channels, in front of which stand frames and heads that have their own."""
    shape, scale = writer.network.shapes[layer.name], layer.scale
    values, others = (_rows(layer, writer, i) for i in (0, 1))
    columns = others if layer.transpose else writer.node(layer, "Transpose", [others], "rows", perm=[0, 1, 2, 4, 3])
    positions = writer.node(layer, "Transpose", [values], "positions", perm=[0, 1, 2, 4, 3])
    product = writer.node(layer, "MatMul", [positions, columns], "product")
    if scale != 1:
        product = writer.node(layer, "Mul", [product, writer.constant(np.array(scale, dtype=np.float32))], "scaled")
    # N, T, heads, positions, channels
    turned = writer.node(layer, "Transpose", [product], "channels", perm=[0, 2, 4, 1, 3])
    writer.node(layer, "Reshape", [turned, writer.integers([0, *shape])])


def _rows(layer: Matmul, writer: Writer, i: int) -> str:
    """Return an input as N x T x heads x C x positions."""
    channels, frames, height, width = writer.shapes(layer)[i]
    own = frames if layer.by_frame else 1
    sizes = [0, layer.heads, channels // layer.heads, own, frames * height * width // own]
    apart = writer.node(layer, "Reshape", [layer.inputs[i], writer.integers(sizes)], f"apart_{i}")
    return writer.node(layer, "Transpose", [apart], f"heads_{i}", perm=[0, 3, 1, 2, 4])


@write.register(Permute)
def _permute(layer: Permute, writer: Writer) -> None:
    writer.node(layer, "Transpose", layer.inputs, perm=[0, *(AXES[name] for name in layer.order)])


@write.register(Reshape)
def _reshape(layer: Reshape, writer: Writer) -> None:
    writer.node(layer, "Reshape", [*layer.inputs, writer.integers([0, *layer.shape])])


@write.register(Rearrange)
def _rearrange(layer: Rearrange, writer: Writer) -> None:
    apart = writer.node(layer, "Reshape", [*layer.inputs, writer.integers([0, *layer.sizes])], "apart")
    turned = writer.node(layer, "Transpose", [apart], "turned", perm=[0, *(place + 1 for place in layer.order)])
    writer.node(layer, "Reshape", [turned, writer.integers([0, *layer.shape])])
