"""Loops that run a known number of times, written out, and lists of tensors: so PyTorch's older exporter splits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.base.values import Value, replace
from lw3dsim.importing.again import Again
from lw3dsim.importing.axes import Axes
from lw3dsim.importing.graph import Branch, Constant, Node
from lw3dsim.importing.tensors import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Graph

# How often a loop may run, each time of which is written out, and how many nodes a graph may have then.
MOST = 256
MOST_NODES = 200_000


class Listed(Value, frozen=True, kw_only=True):
    """A list of tensors of the graph, by name."""

    names: tuple[str, ...] = ()


def unroll(building: Building, node: Node) -> list[Meaning]:
    """Write a loop out, and all whose counts are constants of the file. Raises Again, and InputError where it can't."""
    given = [building.meaning(node, i) for i in (0, 1)]
    graph = _written(building, node, building.graph, given)
    constants: dict[str, Any] = dict(building.graph.constants)
    for one in building.graph.nodes:
        if one.op == "Constant":
            constants[one.outputs[0]] = next(iter(one.attributes.values()))
        known = [constants.get(name) for name in one.inputs[:2]]
        if one.op == "Loop" and one is not node and all(isinstance(each, Constant) for each in known):
            graph = _written(building, one, graph, known)
    raise Again(graph)


def _written(building: Building, node: Node, graph: Graph, given: Sequence[Any]) -> Graph:
    """Return a graph with a loop written out, whose count and condition are ``given``."""
    body, carried = node.attributes["body"], node.inputs[2:]
    times, condition = [None if one is None else one.values for one in given] if _are_known(given) else (None, None)
    if times is None:
        raise building.error(node, "runs a graph as often as data says; export the network with fixed control flow")
    count = int(np.ravel(times)[0]) if condition is None or bool(np.ravel(condition)[0]) else 0
    is_nested = any(isinstance(value, Branch) for one in body.nodes for value in one.attributes.values())
    is_long = count > MOST or len(graph.nodes) + count * len(body.nodes) > MOST_NODES
    if is_long or is_nested or len(body.outputs) != len(carried) + 1 or len(body.inputs) != len(carried) + 2:
        raise building.error(node, "runs too often, or a graph in a graph; export the network with fixed control flow")
    return _unrolled(graph, node, body, count)


def _are_known(given: Sequence[Any]) -> bool:
    """Return whether constants are single numbers, where they are given at all."""
    known = [one for one in given if one is not None]
    are_constant = all(isinstance(one, Constant) and one.values is not None for one in known)
    return are_constant and all(one.values.size == 1 for one in known)


def _unrolled(graph: Graph, node: Node, body: Branch, count: int) -> Graph:
    nodes, constants, now = list[Node](), dict(graph.constants), list(node.inputs[2:])
    for i in range(count):
        own = [*body.inputs, *body.constants, *(made for one in body.nodes for made in one.outputs)]
        names = {name: f"{node.name} {i}: {name}" for name in own if name}
        number, going, *taken = body.inputs
        constants |= {names[name]: one for name, one in body.constants.items()}
        constants[names[number]] = Constant(
            shape=(1,) * body.inputs[number], values=np.full((1,) * body.inputs[number], i)
        )
        constants[names[going]] = Constant(shape=(), values=np.array(True))
        names |= dict(zip(taken, now, strict=True))
        nodes += [_renamed(one, names) for one in body.nodes]
        goes_on, *now = (names.get(name, name) for name in body.outputs)
        nodes.append(Node(op="GoesOn", name=node.name, inputs=(goes_on,), outputs=(), attributes={}))
    nodes += [
        Node(op="Identity", name=node.name, inputs=(last,), outputs=(made,), attributes={})
        for last, made in zip(now, node.outputs, strict=True)
    ]
    place = graph.nodes.index(node)
    return replace(graph, nodes=(*graph.nodes[:place], *nodes, *graph.nodes[place + 1 :]), constants=constants)


def _renamed(node: Node, names: dict[str, str]) -> Node:
    inputs, outputs = (tuple(names.get(name, name) for name in one) for one in (node.inputs, node.outputs))
    raw = type(node.raw)()
    raw.CopyFrom(node.raw)
    for field, renamed in (("input", inputs), ("output", outputs)):
        del getattr(raw, field)[:]
        getattr(raw, field).extend(renamed)
    return replace(node, inputs=inputs, outputs=outputs, raw=raw)


def goes_on(building: Building, node: Node) -> list[Meaning]:
    """Check that a loop runs as often as it says."""
    condition = building.meaning(node, 0)
    values = condition.values if isinstance(condition, Constant) else None
    if values is None or not values.all():
        raise building.error(node, "ends a loop before its count; export the network with fixed control flow")
    return []


def listed(building: Building, node: Node) -> list[Any]:
    """Read a list that is made, or one that a tensor is put behind."""
    if node.op != "SequenceInsert":
        return [Listed(names=node.inputs)]
    known: Any = building.meaning(node, 0)
    if not isinstance(known, Listed) or len(node.inputs) > 2:
        raise building.error(node, "puts a tensor into a list otherwise than behind it; lw3dsim takes that alone")
    return [Listed(names=(*known.names, node.inputs[1]))]


def list_item(building: Building, node: Node) -> list[Any]:
    """Read a tensor of a list."""
    known: Any = building.meaning(node, 0)
    place = building.values(node, 1)
    if not isinstance(known, Listed) or place is None or not -len(known.names) <= int(place) < len(known.names):
        raise building.error(node, "takes a tensor that its list has not")
    meaning = building.meanings[known.names[int(place)]]
    return [replace(meaning, is_alone=False) if isinstance(meaning, Tensor | Axes) else meaning]
