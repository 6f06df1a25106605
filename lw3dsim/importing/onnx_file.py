"""Read an ONNX file as a graph.

Nothing that the file names is opened. Weights are not looked at before they are asked for: their shapes say all.
"""

from __future__ import annotations

import ast
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from lw3dsim.errors import InputError, one_line
from lw3dsim.importing.graph import FEW, INTEGER_BITS, Branch, Constant, Graph, Node
from lw3dsim.importing.onnx_checks import check_data, check_structure, in_order
from lw3dsim.importing.onnx_functions import written_out

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from lw3dsim.importing.graph import Dimension, Dimensions

# What is computed of constants where it has constants alone: arithmetic of sizes, axes and pads, nothing that grows
# out of bounds.
FOLDED = frozenset({
    "Abs", "Add", "And", "Cast", "CastLike", "Ceil", "Concat", "ConstantOfShape", "Div", "Equal", "Expand", "Flatten",
    "Floor", "Gather", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg", "Not",
    "Or", "Pow", "Range", "Reciprocal", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Round",
    "Shape", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Transpose", "Trilu", "Unsqueeze", "Where",
})  # fmt: skip


# The first version whose operators broadcast as they do today.
OLDEST = 7


def read_onnx(path: str | Path) -> Graph:
    """Return the graph of an ONNX file.

    Raises InputError for what is no ONNX file, an opset that the ``onnx`` package does not know, or a missing package.
    """
    shown = one_line(str(path), 200)
    try:
        import onnx
    except ImportError:
        raise InputError(f"{shown}: needs the package onnx; install it with: pip install 'lw3dsim[onnx]'") from None
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

    try:
        model = onnx.load_model(str(path), format="protobuf", load_external_data=False)
    except (OSError, DecodeError, ValueError, MemoryError) as error:
        why = type(error).__name__
        raise InputError(f"{shown}: is no ONNX file that can be read ({why}); export it again") from None
    if not model.graph.node:
        raise InputError(f"{shown}: is no ONNX file, or a network without a node; export it again")
    return _graph(model, shown)


def _graph(model: Any, shown: str) -> Graph:
    opset = _opset(model, shown)
    graph = model.graph
    check_structure(graph, shown)
    for one in graph.initializer:
        check_data(one, shown)
    constants = _constants(graph)
    inputs = {one.name: _dimensions(one, shown) for one in graph.input if one.name not in constants}
    recorded = {one.name: _recorded(one) for one in (*graph.value_info, *graph.output)}
    return Graph(
        name=graph.name or "onnx",
        nodes=tuple(_node(node, i, shown) for i, node in enumerate(in_order(written_out(model, shown, opset)))),
        inputs=inputs,
        outputs=tuple(one.name for one in graph.output),
        constants=constants,
        recorded={name: dims for name, dims in recorded.items() if dims is not None},
        opset=opset,
        input_bits={
            one.name: INTEGER_BITS[one.type.tensor_type.elem_type]
            for one in graph.input
            if one.name in inputs and one.type.tensor_type.elem_type in INTEGER_BITS
        },
    )


def _constants(graph: Any) -> dict[str, Constant]:
    constants = {one.name: _constant(one) for one in graph.initializer}
    return constants | {one.values.name: Constant(shape=tuple(one.dims)) for one in graph.sparse_initializer}


def _branch(graph: Any, shown: str) -> Branch:
    """Return a graph that a node has in an attribute."""
    for one in graph.initializer:
        check_data(one, shown)
    return Branch(
        nodes=tuple(_node(node, i, shown) for i, node in enumerate(graph.node)),
        outputs=tuple(one.name for one in graph.output),
        constants=_constants(graph),
        inputs={one.name: len(_recorded(one) or ()) for one in graph.input},
    )


def _opset(model: Any, shown: str) -> int:
    from onnx.defs import onnx_opset_version

    versions = {one.domain: int(one.version) for one in model.opset_import}
    version = versions.get("", versions.get("ai.onnx", 0))
    newest = onnx_opset_version()
    if not OLDEST <= version <= newest:
        raise InputError(
            f"{shown}: opset {version or 'of no number'} is not known; export with opset {OLDEST} to {newest}, "
            "or install a newer onnx"
        )
    return version


def _dimensions(one: Any, shown: str) -> Dimensions:
    dims = _recorded(one)
    if dims is None:
        raise InputError(f"{shown}: input {one_line(one.name)} is a tensor of no known rank; export it with a shape")
    return dims


def _recorded(one: Any) -> Dimensions | None:
    """Return the dimensions that are recorded of a tensor, None where there are none."""
    kind = one.type.tensor_type
    if not one.type.HasField("tensor_type") or not kind.HasField("shape"):
        return None
    return tuple(_dimension(dim) for dim in kind.shape.dim)


def _dimension(dim: Any) -> Dimension:
    if dim.HasField("dim_value"):
        return int(dim.dim_value)
    return str(dim.dim_param) or None


def _constant(tensor: Any) -> Constant:
    """Return a constant; its values where they are few and in the file itself."""
    shape = tuple(int(size) for size in tensor.dims)
    bits = INTEGER_BITS.get(tensor.data_type)
    if math.prod(shape) > FEW:
        return Constant(shape=shape, read=partial(_values, tensor), bits=bits)
    return Constant(shape=shape, values=_values(tensor), bits=bits)


def _values(tensor: Any) -> NDArray[Any] | None:
    """Return the values of a tensor; None where they lie in another file, or it was stripped of them."""
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError):
        return None


def _node(node: Any, number: int, shown: str) -> Node:
    from onnx import AttributeProto, helper

    attributes: dict[str, Any] = {}
    for one in node.attribute:
        if one.type == AttributeProto.GRAPH and node.op_type in ("If", "Loop"):
            attributes[one.name] = _branch(one.g, shown)
            continue
        if one.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
            what = f"node {one_line(node.name or str(number))} ({one_line(node.op_type)})"
            raise InputError(f"{shown}: {what} runs a graph of its own; export the network with fixed control flow")
        is_tensor = one.type in (AttributeProto.TENSOR, AttributeProto.SPARSE_TENSOR)
        value = _constant(one.t) if is_tensor else helper.get_attribute_value(one)
        attributes[one.name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    path = _weights_path(node) or _module_path(node)
    is_known = node.domain in ("", "ai.onnx", "com.microsoft")
    return Node(
        op=node.op_type if is_known else f"{node.domain}.{node.op_type}",
        name=path or node.name or f"{node.op_type}_{number}",
        is_path=bool(path),
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=attributes,
        raw=node,
    )


def _weights_path(node: Any) -> str:
    """Return the module of the weights of a node of PyTorch's exporter; nothing where it has none.

    A convolution with its batch norm folded in says that it is the batch norm, but reads the weights of its own module.
    """
    is_weighted = node.op_type in ("Conv", "ConvTranspose", "Gemm") and len(node.input) > 1
    path = node.input[1].removesuffix(".weight") if is_weighted and _module_path(node) else ""
    return path if path and path != node.input[1] else ""


def _module_path(node: Any) -> str:
    """Return the module that PyTorch's exporter says a node is of; nothing where it does not."""
    for one in node.metadata_props:
        if one.key == "pkg.torch.onnx.name_scopes":
            try:
                scopes = ast.literal_eval(one.value)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                return ""
            modules = [scope for scope in scopes[:-1] if scope] if isinstance(scopes, list) else []
            return str(modules[-1]) if modules else ""
    return ""


def fold(node: Node, values: Iterable[Any], opset: int) -> list[Any]:
    """Return what a ``node`` makes of constants, by ONNX's own reference."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    names = [name for name in node.inputs if name]
    graph = helper.make_graph(
        [node.raw],
        "folded",
        [helper.make_value_info(name, helper.make_tensor_type_proto(0, None)) for name in dict.fromkeys(names)],
        [helper.make_value_info(name, helper.make_tensor_type_proto(0, None)) for name in node.outputs if name],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    return list(ReferenceEvaluator(model).run(None, dict(zip(names, values, strict=True))))
