"""The operators of ONNX that are taken, and what each becomes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Softmax
from lw3dsim.importing import attention
from lw3dsim.importing.again import choose
from lw3dsim.importing.axes import Axes, unscaled
from lw3dsim.importing.building import Given
from lw3dsim.importing.graph import MASKED, Constant
from lw3dsim.importing.group_norms import group_norm
from lw3dsim.importing.joins import mapped, seen
from lw3dsim.importing.loops import Listed, goes_on, list_item, listed, unroll
from lw3dsim.importing.moves import gather, reshape, slice_, split, transpose
from lw3dsim.importing.patterns import concat, cumulated, div, sub
from lw3dsim.importing.pieces import Pieces
from lw3dsim.importing.products import einsum, gemm, matmul
from lw3dsim.importing.quantised import (
    FUNCTIONS,
    PLAIN,
    bounded,
    dynamic_quantize,
    fused_conv,
    fused_gemm,
    integer_conv,
    integer_matmul,
    plain,
    quantized_conv,
    quantized_gemm,
    quantized_matmul,
    scaled_matmul,
    stood_for,
)
from lw3dsim.importing.repeats import expand, tile
from lw3dsim.importing.sums import add, batch_norm, mul, shifted
from lw3dsim.importing.tensors import FLAT
from lw3dsim.importing.windows import conv, global_pool, mean, pad, pool, resize, transposed_conv
from lw3dsim.importing.writes import scatter, slice_write, sliced, transposed

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Node


def activation(building: Building, node: Node) -> list[Meaning]:
    """Read an activation, of a sum with a bias where the runtime has joined these."""
    function, data = _function(building, node), building.laid(node, 0)
    if isinstance(data, Axes):
        return [mapped(unscaled(building, node, data), lambda one: building.activated(node, one, function))]
    if node.op in ("BiasGelu", "FastGelu") and len(node.inputs) > 1 and node.inputs[1]:
        bias = building.constant(node, 1)
        data = data if bias is None else replace(shifted(building, node, data, bias), is_alone=True)
    return [building.activated(node, data, function)]


def _function(building: Building, node: Node) -> str:
    if node.op == "Gelu" and node.attributes.get("approximate", "none") == "tanh":
        return "gelu_tanh"
    if node.op == "BiasGelu":
        return "gelu"
    if node.op in FUNCTIONS:
        return FUNCTIONS[node.op]
    if node.op == "HardSigmoid":
        alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
        known = bounded(node.op, {"alpha": alpha, "beta": beta})
        why = f"alpha = {alpha:.3g}, beta = {beta:.3g}: lw3dsim has those of 1/6 and 1/2"
    else:
        low, high = (building.said(node, name, i) for i, name in enumerate(("min", "max"), start=1))
        low, high = (None if bound is None else float(bound) for bound in (low, high))
        known = bounded(node.op, {"min": low, "max": high})
        why = f"clips to {low} .. {high}; lw3dsim has relu (0, none) and relu6 (0, 6)"
    if known is None:
        raise building.error(node, why)
    return known


def same(building: Building, node: Node) -> list[Meaning]:
    """Read what changes no data: constants and inputs stay such."""
    meaning = building.meaning(node, 0)
    if isinstance(meaning, Given | Listed) or (isinstance(meaning, Constant) and node.op in ("Identity", "Dropout")):
        return [meaning]
    if isinstance(meaning, Constant):
        return [Constant(shape=meaning.shape, is_scale=meaning.is_scale)]
    return [seen(building, node, building.laid(node, 0))]


def cast_like(building: Building, node: Node) -> list[Meaning]:
    """Read a cast to the type of another tensor, which need not be known."""
    meaning = building.meaning(node, 0)
    return [meaning] if isinstance(meaning, Constant | Pieces) else same(building, node)


def never(building: Building, node: Node) -> list[Meaning]:
    """Read a question for what is no number: nothing that lw3dsim computes is."""
    dims = building.laid(node, 0).dims
    return [Constant(shape=dims, read=lambda: np.zeros(dims, dtype=bool))]


def where(building: Building, node: Node) -> list[Meaning]:
    """Read a choice by a constant: all of one, or data with a mask in front of a softmax."""
    condition = building.constant(node, 0)
    holds = None if condition is None else condition.array()
    if holds is None:
        raise building.error(node, "chooses by what is computed, or not in the file; lw3dsim takes constants")
    dims = np.broadcast_shapes(*(_dims(building, node, i) for i in range(3)))
    if (holds.all() or not holds.any()) and _dims(building, node, i := 1 if holds.all() else 2) == dims:
        return same(building, replace(node, inputs=(node.inputs[i],)))
    i, other = (1, building.meaning(node, 2)) if isinstance(building.meaning(node, 2), Constant) else (2, None)
    other = other or building.meaning(node, 1)
    number = other.values if isinstance(other, Constant) and other.values is not None else np.zeros(())
    is_mask = number.size == 1 and float(number.ravel()[0]) <= MASKED and _dims(building, node, i) == dims
    if not is_mask or isinstance(building.meaning(node, i), Constant):
        raise building.error(node, f"chooses element by element; lw3dsim takes masks of {MASKED:.0f} or less")
    kept = holds if i == 1 else ~holds
    name = f"{node.name}.mask"
    building.meanings[name] = Constant(shape=kept.shape, read=lambda: np.where(kept, 0, MASKED).astype(np.float32))
    return add(building, replace(node, op="Add", inputs=(node.inputs[i], name)))


def _dims(building: Building, node: Node, i: int) -> tuple[int, ...]:
    meaning = building.meaning(node, i)
    return meaning.shape if isinstance(meaning, Constant) else building.laid(node, i).dims


def dequantize(building: Building, node: Node) -> list[Meaning]:
    """Read integers as what they stand for: of data nothing, of weights the weights."""
    is_constant = isinstance(building.meaning(node, 0), Constant)
    if not is_constant or node.attributes.get("block_size", 0):
        return same(building, node)
    weights = stood_for(building, node, 0, scale=1, zero=2, axis=int(node.attributes.get("axis", 1)))
    return [weights] if weights is not None else []


def softmax(building: Building, node: Node) -> list[Meaning]:
    """Read a softmax over the channels."""
    data = building.laid(node, 0)
    axis = int(node.attributes.get("axis", -1 if building.graph.opset >= 13 else 1))  # since opset 13
    axis = building.axis(node, axis, len(data.dims))
    if building.graph.opset >= 13 and (isinstance(data, Axes) or data.labels[axis] not in ("C", FLAT)):
        return [attention.softmax(building, node, axis)]
    data = building.data(node, 0)
    label = data.labels[axis]
    # Before opset 13 all dimensions from the axis on are one.
    reached = data.size(label) if building.graph.opset >= 13 else math.prod(data.dims[axis:])  # since opset 13
    if label not in ("C", FLAT) or reached != data.shape.channels:
        raise building.error(node, "is a softmax over positions; lw3dsim has one over channels")
    return [building.add(node, Softmax, [data])]


def shape(building: Building, node: Node) -> list[Meaning]:
    """Read the dimensions of a tensor, which are constants here."""
    meaning = building.meaning(node, 0)
    weights = building.constant(node, 0) if building.is_weights(node.inputs[0]) else None
    laid = weights or (meaning if isinstance(meaning, Constant | Pieces) else building.laid(node, 0))
    dims: Any = laid.shape if isinstance(laid, Constant) else laid.dims
    dims = dims[int(node.attributes.get("start", 0)) : node.attributes.get("end")]
    return [Constant(shape=(len(dims),), values=np.array(dims, dtype=np.int64))]


def constant(building: Building, node: Node) -> list[Meaning]:  # noqa: ARG001  # as all handlers
    """Read a constant that stands in a node."""
    (value,) = node.attributes.values()
    if isinstance(value, Constant):
        return [value]
    values = np.array(value)
    return [Constant(shape=values.shape, values=values)]


def permute(building: Building, node: Node) -> list[Meaning]:
    """Read a permutation, of what is still being written as well."""
    meaning = building.meaning(node, 0)
    return [transposed(meaning, node)] if isinstance(meaning, Pieces) else transpose(building, node)


def cut(building: Building, node: Node) -> list[Meaning]:
    """Read slices, of what is still being written as well."""
    meaning = building.meaning(node, 0)
    return [sliced(building, node, meaning)] if isinstance(meaning, Pieces) else slice_(building, node)


def of_reals(building: Building, node: Node) -> list[Meaning]:
    """Read an operator of integers as that of the reals that they stand for."""
    if node.attributes.get("channels_last", 0):
        raise building.error(node, "has its channels last; export the network in the order NCTHW")
    asked = plain(node)
    return HANDLERS[asked.op](building, asked)


HANDLERS: dict[str, Callable[[Building, Node], list[Meaning]]] = {
    **dict.fromkeys((*FUNCTIONS, "BiasGelu", "HardSigmoid", "Clip"), activation),
    **dict.fromkeys(("MaxPool", "AveragePool"), pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), global_pool),
    **dict.fromkeys(("ReduceMean", "ReduceMax"), mean),
    **dict.fromkeys(("Identity", "Dropout", "Cast", "QuantizeLinear"), same),
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), reshape),
    **dict.fromkeys(("Add", "Sum"), add),
    "BatchNormalization": batch_norm,
    "Sub": sub,
    "CumSum": cumulated,
    "Div": div,
    **dict.fromkeys(PLAIN, of_reals),
    **dict.fromkeys(("DynamicQuantizeMatMul", "MatMulIntegerToFloat"), scaled_matmul),
    **dict.fromkeys(("GroupNormalization", "InstanceNormalization"), group_norm),
    "LayerNormalization": attention.layer_norm,
    "Loop": unroll,
    "MatMul": matmul,
    "SequenceAt": list_item,
    **dict.fromkeys(("SequenceConstruct", "SequenceEmpty", "SequenceInsert"), listed),
    "MatMulInteger": integer_matmul,
    "CastLike": cast_like,
    "Concat": concat,
    "Constant": constant,
    "Conv": conv,
    "ConvInteger": integer_conv,
    "ConvTranspose": transposed_conv,
    **dict.fromkeys(("Resize", "Upsample"), resize),
    "DequantizeLinear": dequantize,
    "DynamicQuantizeLinear": dynamic_quantize,
    "Einsum": einsum,
    "FusedConv": fused_conv,
    "FusedGemm": fused_gemm,
    "Gather": gather,
    "GoesOn": goes_on,
    "If": choose,
    "IsNaN": never,
    "Gemm": lambda building, node: [gemm(building, node, building.constant(node, 1), building.constant(node, 2))],
    "Mul": mul,
    "Pad": pad,
    "QGemm": quantized_gemm,
    "QLinearConv": quantized_conv,
    "QLinearMatMul": quantized_matmul,
    "Expand": expand,
    "ScatterND": scatter,
    "SliceWrite": slice_write,
    "Shape": shape,
    "Slice": cut,
    "Softmax": softmax,
    "Split": split,
    "Tile": tile,
    "Transpose": permute,
    "Where": where,
}
