"""Operators of integers with their scales, and of a runtime that joins several in one."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Add
from lw3dsim.importing.axes import Axes
from lw3dsim.importing.graph import Constant
from lw3dsim.importing.products import gemm, product
from lw3dsim.importing.recipes import dequantised, derived, wide
from lw3dsim.importing.sums import shifted
from lw3dsim.importing.windows import convolved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Node
    from lw3dsim.importing.tensors import Tensor

# What runtimes write behind a convolution or a product, in the same operator.
FUNCTIONS = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "HardSwish": "hard_swish", "Gelu": "gelu", "Swish": "swish",
    "FastGelu": "gelu_tanh",
}  # fmt: skip

# Operators of integers that are those of reals, by which of their inputs are data.
PLAIN: dict[str, tuple[str, Sequence[int]]] = {
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearConcat": ("Concat", range(2, 3000, 3)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "QLinearMul": ("Mul", (0, 3)),
    "QLinearReduceMean": ("ReduceMean", (0,)),
    "QLinearSigmoid": ("Sigmoid", (0,)),
    "QLinearSoftmax": ("Softmax", (0,)),
}


def quantized_conv(building: Building, node: Node) -> list[Meaning]:
    """Read a convolution of integers with its scales."""
    weights, bias = stood_for(building, node, 3, scale=4, zero=5), building.constant(node, 8)
    return [convolved(building, node, weights, _of_products(building, node, bias))]


def _of_products(building: Building, node: Node, bias: Constant | None) -> Constant | None:
    """Return what a bias stands for that counts in products of data and weights."""
    if bias is None:
        return None
    scales = (building.constant(node, i) or Constant(shape=()) for i in (1, 4))
    return derived(lambda b, s, w: wide(b) * s.ravel() * w.ravel(), bias, *scales)


def integer_conv(building: Building, node: Node) -> list[Meaning]:
    """Read a convolution of integers."""
    return [convolved(building, node, stood_for(building, node, 1, zero=3), None)]


def stood_for(
    building: Building, node: Node, i: int, scale: int | None = None, zero: int | None = None, axis: int = 0
) -> Constant | None:
    """Return what the integers of input ``i`` stand for, by the inputs that are their scale and their zero."""
    weights = building.constant(node, i)
    scales, zeros = (None if place is None else building.constant(node, place) for place in (scale, zero))
    return None if weights is None else dequantised(weights, scales, zeros, axis)


def dynamic_quantize(building: Building, node: Node) -> list[Meaning]:
    """Read a quantisation whose scale and zero follow from the data: all that is known of them is that they are."""
    scale = Constant(shape=(), is_scale=True, read=partial(np.array, np.float32(1)))  # data stays what it stands for
    zero = Constant(shape=(), is_scale=True, read=partial(np.array, np.uint8(0)))
    return [building.view(node, building.data(node, 0)), scale, zero]


def quantized_matmul(building: Building, node: Node) -> list[Meaning]:
    """Read a product of integers with their scales."""
    return [product(building, node, 3, lambda node, i: stood_for(building, node, i, scale=4, zero=5, axis=1))]


def integer_matmul(building: Building, node: Node) -> list[Meaning]:
    """Read a product of integers."""
    return [product(building, node, 1, lambda node, i: stood_for(building, node, i, zero=3, axis=1))]


def plain(node: Node) -> Node:
    """Return the operator of reals that one of integers is."""
    op, places = PLAIN[node.op]
    return replace(node, op=op, inputs=tuple(node.inputs[i] for i in places if i < len(node.inputs)))


def quantized_gemm(building: Building, node: Node) -> list[Meaning]:
    """Read a linear layer of integers with its scales."""
    axis = 0 if node.attributes.get("transB", 0) else 1
    weights, bias = stood_for(building, node, 3, scale=4, zero=5, axis=axis), building.constant(node, 6)
    return [gemm(building, node, weights, _of_products(building, node, bias))]


def scaled_matmul(building: Building, node: Node) -> list[Meaning]:
    """Read a product of data that is quantised on the way: its scales are those of the weights."""
    places = (2, 3, 4) if node.op == "DynamicQuantizeMatMul" else (3, 5, 6)  # scale, zero, bias
    scale, zero, bias = places
    made = product(building, node, 1, lambda node, i: stood_for(building, node, i, scale=scale, zero=zero, axis=1))
    summand = building.constant(node, bias)
    if summand is None:
        return [made]
    if isinstance(made, Axes):
        raise building.error(node, "has a bias of a product of two computed tensors")
    return [shifted(building, node, made, summand)]


def fused_conv(building: Building, node: Node) -> list[Meaning]:
    """Read a convolution with a summand and an activation."""
    made = convolved(building, node, building.constant(node, 1), building.constant(node, 2))
    if len(node.inputs) > 3 and node.inputs[3]:  # data, weights, bias, summand
        made = building.add(node, Add, [made, building.data(node, 3)])
    return [joined(building, node, made)]


def fused_gemm(building: Building, node: Node) -> list[Meaning]:
    """Read a linear layer with its activation."""
    made = gemm(building, node, building.constant(node, 1), building.constant(node, 2))
    return [joined(building, node, made)]


def joined(building: Building, node: Node, made: Tensor) -> Tensor:
    """Return ``made`` behind the activation that a node joins to it."""
    function = str(node.attributes.get("activation", "Relu"))
    given = [float(one) for one in node.attributes.get("activation_params", ())]
    if function in FUNCTIONS:
        known: str | None = FUNCTIONS[function]
    else:
        names = {"Clip": ("min", "max"), "HardSigmoid": ("alpha", "beta")}.get(function, ())
        known = bounded(function, dict(zip(names, given, strict=False)))
    if known is None:
        said = f" of {', '.join(f'{one:.4g}' for one in given)}" if given else ""
        takes = ", ".join((*FUNCTIONS, "Clip (0, 6)", "HardSigmoid (1/6, 1/2)"))
        raise building.error(node, f"its activation {function}{said} is not known; lw3dsim has {takes}")
    building.change(made, activation=known)
    return made


def bounded(op: str, numbers: Mapping[str, float | None]) -> str | None:
    """Return which activation a ``Clip`` or a ``HardSigmoid`` of such numbers is; None where it is none."""
    if op == "HardSigmoid":
        alpha, beta = numbers.get("alpha", 0.2), numbers.get("beta", 0.5)
        is_known = alpha is not None and beta is not None and math.isclose(alpha, 1 / 6, rel_tol=1e-3)
        return "hard_sigmoid" if is_known and beta is not None and math.isclose(beta, 0.5) else None
    high = numbers.get("max")
    high = None if high is None or high > 1e30 else high
    is_known = op == "Clip" and numbers.get("min") == 0 and high in (6, None)
    return ("relu" if high is None else "relu6") if is_known else None
