"""The operators of ONNX that are taken, and what each becomes."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Add, BatchNorm, Conv3d, Gate, Linear, Mul, Softmax
from lw3dsim.importing.building import Given, Half
from lw3dsim.importing.graph import Constant
from lw3dsim.importing.moves import concat, gather, reshape, slice_, split, transpose
from lw3dsim.importing.recipes import Recipe, dequantised, derived, unit, wide
from lw3dsim.importing.tensors import FLAT, STANDARD, Tensor
from lw3dsim.importing.windows import conv, convolved, global_pool, mean, pad, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Node

FUNCTIONS = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "HardSwish": "hard_swish", "Gelu": "gelu", "Swish": "swish",
}  # fmt: skip
PRODUCTS = {"sigmoid": "swish", "hard_sigmoid": "hard_swish"}


def activation(building: Building, node: Node) -> list[Meaning]:
    """Read an activation; a sigmoid that is only multiplied by its own input waits for that."""
    function = _function(building, node)
    data = building.data(node, 0)
    readers = building.readers.get(node.outputs[0], [])
    is_half = (
        function in PRODUCTS and [reader.op for reader in readers] == ["Mul"] and building.uses[node.outputs[0]] == 1
    )
    if is_half and set(readers[0].inputs) == {node.inputs[0], node.outputs[0]}:
        own = data.is_chain and building.uses[node.inputs[0]] == 2  # this and the product
        return [Half(tensor=replace(data, is_alone=own), whole=PRODUCTS[function])]
    return [building.activated(node, data, function)]


def _function(building: Building, node: Node) -> str:
    if node.op in FUNCTIONS:
        return FUNCTIONS[node.op]
    if node.op == "HardSigmoid":
        alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
        if not (math.isclose(alpha, 1 / 6, rel_tol=1e-3) and math.isclose(beta, 0.5)):
            raise building.error(node, f"alpha = {alpha:.3g}, beta = {beta:.3g}: lw3dsim has those of 1/6 and 1/2")
        return "hard_sigmoid"
    low, high = building.said(node, "min", 1), building.said(node, "max", 2)
    bounds = (None if low is None else float(low), None if high is None or float(high) > 1e30 else float(high))
    if bounds not in ((0.0, 6.0), (0.0, None)):
        raise building.error(node, f"clips to {bounds[0]} .. {bounds[1]}; lw3dsim has relu (0, none) and relu6 (0, 6)")
    return "relu6" if bounds[1] == 6 else "relu"


def batch_norm(building: Building, node: Node) -> list[Meaning]:
    """Read a batch norm, into the convolution before it where nothing else reads that."""
    data, scale = building.data(node, 0), building.constant(node, 1)
    if data.labels[1:2] != ("C",) or scale is None or math.prod(scale.shape) != data.shape.channels:
        raise building.error(node, f"its scales are not of the {data.shape.channels} channels that it reads")
    shift, mean, variance = (building.constant(node, i) or Constant(shape=scale.shape) for i in (2, 3, 4))
    small = float(node.attributes.get("epsilon", 1e-5))
    factor = derived(lambda g, v: wide(g) / np.sqrt(wide(v) + small), scale, variance)
    summand = derived(lambda b, m, f: wide(b) - wide(m) * f, shift, mean, factor)
    return [_scaled(building, node, data, factor, summand)]


def _scaled(building: Building, node: Node, data: Tensor, factor: Constant, summand: Constant | None = None) -> Tensor:
    """Return ``data`` times a factor per channel: part of the convolution before it where nothing else reads that."""
    maker = building.maker(data, Conv3d)
    if maker is not None and not maker.batch_norm:
        building.change(data, batch_norm=True)
        building.fold_in(data, factor, summand)
        return building.view(node, data)
    return _norm(building, node, data, factor, summand)


def _norm(
    building: Building, node: Node, data: Tensor, factor: Constant | None = None, summand: Constant | None = None
) -> Tensor:
    """Return a layer of factors and summands."""
    made = building.add(node, BatchNorm, [data], recipe=unit(data.shape.channels))
    building.fold_in(made, factor, summand)
    return made


def gemm(building: Building, node: Node) -> list[Meaning]:
    """Read a linear layer."""
    data, weights, bias = building.data(node, 0), building.constant(node, 1), building.constant(node, 2)
    if weights is None or len(weights.shape) != 2 or node.attributes.get("transA", 0):
        raise building.error(node, "is no linear layer of constant weights")
    alpha, beta = float(node.attributes.get("alpha", 1)), float(node.attributes.get("beta", 1))
    is_turned = bool(node.attributes.get("transB", 0))
    rows = weights if is_turned else turned(weights)
    made = _linear(building, node, data, rows, bias)
    if alpha != 1 or (bias is not None and beta != 1):
        recipe = building.recipes[made.source]
        summand = None if bias is None else derived(lambda b: beta * wide(b), bias)
        recipe = replace(recipe, bias=None).scaled(Constant(shape=(), values=np.array(alpha)))
        building.recipes[made.source] = recipe if summand is None else recipe.shifted(summand)
    return [made]


def turned(weights: Constant) -> Constant:
    """Return a matrix whose rows are the columns of another."""
    return replace(derived(lambda w: w.T, weights), shape=weights.shape[::-1])


def matmul(building: Building, node: Node) -> list[Meaning]:
    """Read a product with constant weights: a linear layer, or one at every position."""
    return [_product(building, node, 1, building.constant)]


def _product(building: Building, node: Node, i: int, weights_of: Callable[[Node, int], Constant | None]) -> Tensor:
    """Return the product of the data of a node and its input ``i``, which ``weights_of`` gets."""
    if isinstance(building.meaning(node, 0), Constant | Given) and isinstance(building.meaning(node, i), Tensor):
        raise building.error(node, "multiplies weights by data; lw3dsim takes data by weights")
    data = building.data(node, 0)
    if isinstance(building.meaning(node, i), Tensor | Half):
        raise building.error(node, "multiplies two computed tensors; write that part as a matmul in YAML")
    weights = weights_of(node, i)
    if weights is None or len(weights.shape) != 2:
        raise building.error(node, "is no linear layer of constant weights")
    return _linear(building, node, data, turned(weights), None)


def _linear(building: Building, node: Node, data: Tensor, rows: Constant, bias: Constant | None) -> Tensor:
    """Return a linear layer of one row of weights per output."""
    out, taken = rows.shape
    last, recipe = data.labels[-1], Recipe(channels=out, taps=(taken, 1, 1, 1), weight=rows, bias=bias)
    if data.size(last) != taken or last not in ("C", FLAT) or (last == "C" and data.labels[1:2] == (FLAT,)):
        raise building.error(node, f"weights for {taken} inputs read {data.size(last)}")
    has_bias = bias is not None
    if last == FLAT or data.is_vector:
        made = building.add(node, Linear, [data], out_features=out, bias=has_bias, recipe=recipe)
        return replace(made, labels=STANDARD[2] if last == FLAT else data.labels)
    # At every position on its own.
    return building.add(node, Conv3d, [data], out_channels=out, kernel=(1, 1, 1), bias=has_bias, recipe=recipe)


def add(building: Building, node: Node) -> list[Meaning]:
    """Read a sum: of tensors, or of one and constants, which are a bias."""
    constants = [
        one for one in (building.meaning(node, i) for i in range(len(node.inputs))) if isinstance(one, Constant)
    ]
    if constants:
        (place,) = (i for i in range(len(node.inputs)) if building.meaning(node, i) is not constants[0])
        return [_shifted(building, node, building.data(node, place), constants[0])]
    data = [building.data(node, i) for i in range(len(node.inputs))]
    if len(data) == 1:
        return [building.view(node, data[0])]
    _check_alike(building, node, data)
    return [building.add(node, Add, data)]


def _shifted(building: Building, node: Node, data: Tensor, summand: Constant) -> Tensor:
    """Return ``data`` plus a summand per channel: the bias of the layer before it where nothing else reads that."""
    _check_per_channel(building, node, data, summand)
    maker = building.maker(data, Conv3d, Linear, BatchNorm)
    if maker is None:
        return _norm(building, node, data, summand=summand)
    if not isinstance(maker, BatchNorm) and not getattr(maker, "batch_norm", False):
        building.change(data, bias=True)
    building.fold_in(data, summand=summand)
    return building.view(node, data)


def _check_alike(building: Building, node: Node, data: Sequence[Tensor]) -> None:
    if len({one.shape for one in data}) > 1 or len({(one.dims, one.larger) for one in data}) > 1:
        raise building.error(node, "joins tensors of different shapes; lw3dsim adds and multiplies equal ones")


def _check_per_channel(building: Building, node: Node, data: Tensor, constant: Constant) -> None:
    """Raise InputError unless constants are one number, or one for each channel."""
    sizes = [size for size in constant.shape if size != 1]
    place = data.labels.index("C") if "C" in data.labels else len(data.labels) - 1
    from_end = len(data.labels) - place
    is_there = len(constant.shape) >= from_end and constant.shape[-from_end] == data.size(data.labels[place])
    if sizes and not (len(sizes) == 1 and is_there):
        raise building.error(node, "takes constants that are not one for each channel")


def mul(building: Building, node: Node) -> list[Meaning]:
    """Read a product: of a tensor and its own sigmoid, of two tensors, of one and factors, or of one and constants."""
    one, other = building.meaning(node, 0), building.meaning(node, 1)
    for half, whole in ((one, other), (other, one)):
        if isinstance(half, Half) and isinstance(whole, Tensor) and half.tensor.source == whole.source:
            return [building.activated(node, half.tensor, half.whole)]
    if isinstance(one, Constant) and isinstance(other, Constant):
        return [Constant(shape=np.broadcast_shapes(one.shape, other.shape), is_scale=one.is_scale or other.is_scale)]
    if isinstance(one, Constant) or isinstance(other, Constant):
        constant, data = (one, building.data(node, 1)) if isinstance(one, Constant) else (other, building.data(node, 0))
        assert isinstance(constant, Constant)  # noqa: S101  # one of them is
        return [_multiplied(building, node, data, constant)]
    data, factors = building.data(node, 0), building.data(node, 1)
    if data.is_vector and not factors.is_vector:
        data, factors = factors, data
    is_gate = factors.is_vector and factors.shape.channels == data.shape.channels and not data.is_vector
    if is_gate and _place(factors) == _place(data) and len(factors.labels) <= len(data.labels):
        return [building.add(node, Gate, [data, factors])]
    _check_alike(building, node, [data, factors])
    return [building.add(node, Mul, [data, factors])]


def _multiplied(building: Building, node: Node, data: Tensor, factor: Constant) -> Tensor:
    """Return ``data`` times a factor, one or one per channel."""
    _check_per_channel(building, node, data, factor)
    if not factor.is_scale:
        return _scaled(building, node, data, factor)
    building.fold_in(data, factor)
    return building.view(node, data)


def _place(tensor: Tensor) -> int:
    """Return where the channels stand, from the end; 0 where no dimension is theirs alone."""
    return tensor.labels[::-1].index("C") + 1 if "C" in tensor.labels else 0


def same(building: Building, node: Node) -> list[Meaning]:
    """Read what changes no data: constants and inputs stay such."""
    meaning = building.meaning(node, 0)
    if isinstance(meaning, Given) or (isinstance(meaning, Constant) and node.op in ("Identity", "Dropout")):
        return [meaning]
    if isinstance(meaning, Constant):
        return [Constant(shape=meaning.shape, is_scale=meaning.is_scale)]
    return [building.view(node, building.data(node, 0))]


def softmax(building: Building, node: Node) -> list[Meaning]:
    """Read a softmax over the channels."""
    data = building.data(node, 0)
    axis = int(node.attributes.get("axis", -1 if building.graph.opset >= 13 else 1))  # since opset 13
    label = data.labels[axis]
    # Before opset 13 all dimensions from the axis on are one.
    reached = data.size(label) if building.graph.opset >= 13 else math.prod(data.dims[axis:])  # since opset 13
    if label not in ("C", FLAT) or reached != data.shape.channels:
        raise building.error(node, "is a softmax over positions; lw3dsim has one over channels")
    return [building.add(node, Softmax, [data])]


def shape(building: Building, node: Node) -> list[Meaning]:
    """Read the dimensions of a tensor, which are constants here."""
    meaning = building.meaning(node, 0)
    dims: Any = meaning.shape if isinstance(meaning, Constant) else building.data(node, 0).dims
    dims = dims[int(node.attributes.get("start", 0)) : node.attributes.get("end")]
    return [Constant(shape=(len(dims),), values=np.array(dims, dtype=np.int64))]


def constant(building: Building, node: Node) -> list[Meaning]:  # noqa: ARG001  # as all handlers
    """Read a constant that stands in a node."""
    (value,) = node.attributes.values()
    if isinstance(value, Constant):
        return [value]
    values = np.array(value)
    return [Constant(shape=values.shape, values=values)]


def quantized_conv(building: Building, node: Node) -> list[Meaning]:
    """Read a convolution of integers with its scales."""
    weights, bias = _stood_for(building, node, 3, scale=4, zero=5), building.constant(node, 8)
    if bias is not None:
        scales = (building.constant(node, i) or Constant(shape=()) for i in (1, 4))
        bias = derived(lambda b, s, w: wide(b) * s.ravel() * w.ravel(), bias, *scales)
    return [convolved(building, node, weights, bias)]


def integer_conv(building: Building, node: Node) -> list[Meaning]:
    """Read a convolution of integers."""
    return [convolved(building, node, _stood_for(building, node, 1, zero=3), None)]


def dequantize(building: Building, node: Node) -> list[Meaning]:
    """Read integers as what they stand for: of data nothing, of weights the weights."""
    is_constant = isinstance(building.meaning(node, 0), Constant)
    if not is_constant or node.attributes.get("block_size", 0):
        return same(building, node)
    weights = _stood_for(building, node, 0, scale=1, zero=2, axis=int(node.attributes.get("axis", 1)))
    return [weights] if weights is not None else []


def _stood_for(
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


def less(building: Building, node: Node) -> list[Meaning]:
    """Read a difference or a quotient: of a tensor and constants, it is a sum or a product of them."""
    constant = building.meaning(node, 1)
    if not isinstance(constant, Constant):
        raise building.error(node, "takes two computed tensors; lw3dsim subtracts and divides by constants alone")
    if isinstance(building.meaning(node, 0), Constant):
        return [Constant(shape=np.broadcast_shapes(building.meaning(node, 0).shape, constant.shape))]  # type: ignore[union-attr]  # of a constant
    data = building.data(node, 0)
    if node.op == "Sub":
        return [_shifted(building, node, data, derived(lambda c: -wide(c), constant))]
    inverse = derived(lambda c: 1 / wide(c), constant)
    return [_multiplied(building, node, data, replace(inverse, is_scale=constant.is_scale))]


def quantized_matmul(building: Building, node: Node) -> list[Meaning]:
    """Read a product of integers with their scales."""
    return [_product(building, node, 3, lambda node, i: _stood_for(building, node, i, scale=4, zero=5, axis=1))]


def integer_matmul(building: Building, node: Node) -> list[Meaning]:
    """Read a product of integers."""
    return [_product(building, node, 1, lambda node, i: _stood_for(building, node, i, zero=3, axis=1))]


def fused_conv(building: Building, node: Node) -> list[Meaning]:
    """Read a convolution with its activation."""
    function = str(node.attributes.get("activation", "Relu"))
    if len(node.inputs) > 3 and node.inputs[3]:  # data, weights, bias, summand
        raise building.error(node, "adds a fourth input; export the network before it is optimised")
    if function not in FUNCTIONS:
        raise building.error(node, f"its activation {function} is not known; lw3dsim has {', '.join(FUNCTIONS)}")
    (made,) = conv(building, node)
    building.change(made, activation=FUNCTIONS[function])  # type: ignore[arg-type]  # a tensor
    return [made]


HANDLERS: dict[str, Callable[[Building, Node], list[Meaning]]] = {
    **dict.fromkeys((*FUNCTIONS, "HardSigmoid", "Clip"), activation),
    **dict.fromkeys(("MaxPool", "AveragePool"), pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), global_pool),
    **dict.fromkeys(("ReduceMean", "ReduceMax"), mean),
    **dict.fromkeys(("Identity", "Dropout", "Cast", "QuantizeLinear"), same),
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), reshape),
    **dict.fromkeys(("Add", "Sum"), add),
    "BatchNormalization": batch_norm,
    **dict.fromkeys(("Sub", "Div"), less),
    "MatMul": matmul,
    "MatMulInteger": integer_matmul,
    "Concat": concat,
    "Constant": constant,
    "Conv": conv,
    "ConvInteger": integer_conv,
    "DequantizeLinear": dequantize,
    "DynamicQuantizeLinear": dynamic_quantize,
    "FusedConv": fused_conv,
    "Gather": gather,
    "Gemm": gemm,
    "Mul": mul,
    "Pad": pad,
    "QLinearConv": quantized_conv,
    "QLinearMatMul": quantized_matmul,
    "Shape": shape,
    "Slice": slice_,
    "Softmax": softmax,
    "Split": split,
    "Transpose": transpose,
}
