"""Whether an ONNX graph is one at all: who makes what, of which types, with what arguments.

ONNX's own checker is not asked: it refuses weights without their data, and answers in paragraphs.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

from lw3dsim.errors import InputError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


# Types of ONNX of which several elements share a byte: (U)INT4, FLOAT4E2M1, (U)INT2.
PACKED = frozenset({21, 22, 23, 25, 26})
# Operators that take any number of inputs have a limit beyond it.
MANY = 1000


def check_structure(graph: Any, shown: str) -> None:
    """Raise InputError unless every tensor of a ``graph`` has one name, one maker and a type of numbers."""
    initializers = [*(one.name for one in graph.initializer), *(one.values.name for one in graph.sparse_initializer)]
    inputs, outputs = [one.name for one in graph.input], [one.name for one in graph.output]
    for what, names in (("inputs", inputs), ("initializers", initializers), ("outputs", outputs)):
        _check_once(f"{shown}: two {what} are called", names)
    made = [name for node in graph.node for name in node.output if name]
    _check_once(f"{shown}: two nodes make the tensor", made)
    _check_once(f"{shown}: a node makes what is an input or an initializer,", [*made, *{*inputs, *initializers}])
    if not outputs:
        raise InputError(f"{shown}: the network has no output; export it again")
    known = {*made, *inputs, *initializers}
    for name in outputs:
        if name not in known:
            raise InputError(f"{shown}: no node makes the output {one_line(name)}; export the network again")
    for one in graph.input:
        _check_numbers(one, shown)


def in_order(nodes: Sequence[Any]) -> list[Any]:
    """Return nodes each behind what it reads, as ONNX asks for and not every tool writes; those of a cycle as last.

    Nodes whose order is right keep it.
    """
    makers = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    sources = [sorted({makers[name] for name in node.input if name in makers}) for node in nodes]
    if all(source < i for i, given in enumerate(sources) for source in given):
        return list(nodes)
    waits, readers = [len(given) for given in sources], [list[int]() for _ in nodes]
    for i, given in enumerate(sources):
        for source in given:
            readers[source].append(i)
    ready, made = [i for i, count in enumerate(waits) if not count], list[int]()
    while ready:  # the first in the file goes first
        made.append(heapq.heappop(ready))
        for reader in readers[made[-1]]:
            waits[reader] -= 1
            if not waits[reader]:
                heapq.heappush(ready, reader)
    return [nodes[i] for i in (*made, *(i for i, count in enumerate(waits) if count))]


def check_data(tensor: Any, shown: str) -> None:
    """Raise InputError for a tensor whose data is of another size than it says; it may have none."""
    from onnx import helper

    held = len(tensor.raw_data)
    try:
        wanted = math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except KeyError:
        return
    is_packed = tensor.data_type in PACKED
    if held and held != wanted and not is_packed:
        text = f"has {held} bytes of data where its dimensions need {wanted}"
        raise InputError(f"{shown}: initializer {one_line(tensor.name)} {text}; export the network again")


def _check_once(what: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise InputError(f"{what} {one_line(name)}; every tensor has one name and one maker: export it again")


def _check_numbers(one: Any, shown: str) -> None:
    """Raise InputError for an input that is no tensor of numbers."""
    from onnx import TensorProto

    if not one.type.HasField("tensor_type"):
        raise InputError(f"{shown}: input {one_line(one.name)} is no tensor; export the network with tensors alone")
    kind = one.type.tensor_type.elem_type
    if kind in (TensorProto.STRING, TensorProto.COMPLEX64, TensorProto.COMPLEX128):
        name = TensorProto.DataType.Name(kind)
        raise InputError(f"{shown}: input {one_line(one.name)} is of {name}; lw3dsim takes real numbers and integers")


def operator_fault(node: Any, opset: int) -> str | None:
    """Return what is wrong with the number of inputs or the attributes of an operator of ONNX; None where it fits.

    Attributes that another version of ONNX has are left to those who read them.
    """
    schema = _schema(node.op_type, opset) if node.domain in ("", "ai.onnx") else None
    if schema is None:
        return None
    count = len(node.input)
    if not schema.min_input <= count <= schema.max_input:
        most = f" to {schema.max_input}" if schema.max_input < MANY else " or more"
        return f"has {count} inputs, not {schema.min_input}{most if schema.min_input < schema.max_input else ''}"
    given = {one.name: one.type for one in node.attribute}
    for name, attribute in schema.attributes.items():
        if attribute.required and name not in given:
            return f"lacks the attribute {name}"
        if name in given and given[name] not in (int(attribute.type.value), 0):
            return f"has {name} of another type than {attribute.type.name}"
    return None


@cache
def _schema(op: str, opset: int) -> Any:
    """Return what an operator takes in a version of ONNX; None where that has none of the name."""
    from onnx import defs

    try:
        return defs.get_schema(op, max_inclusive_version=opset, domain="")
    except defs.SchemaError:
        return None
