"""Norms of the last dimension that are written out operator by operator, as exporters do before opset 17."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.importing.graph import Constant, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lw3dsim.importing.graph import Graph


class Norm(NamedTuple):
    """The places of nodes that are a norm of ``source``, the last of which makes it."""

    source: str
    epsilon: float
    places: frozenset[int]
    last: int


def with_norms(graph: Graph) -> Graph:
    """Return ``graph`` with one operator for each norm, where nothing else reads its insides."""
    if not any(node.op == "Sqrt" for node in graph.nodes):
        return graph
    written = _Written(graph)
    norms = {norm.last: norm for norm in written.norms()}
    gone = {place for norm in norms.values() for place in norm.places}
    nodes = list[Node]()
    for place, node in enumerate(graph.nodes):
        if (norm := norms.get(place)) is not None:
            given, said = (norm.source,), {"axis": -1, "epsilon": norm.epsilon}
            nodes.append(replace(node, op="LayerNormalization", inputs=given, attributes=said, raw=None))
        elif place not in gone:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes)) if norms else graph


class _Written:
    """Who makes what, and how often it is read."""

    def __init__(self, graph: Graph) -> None:
        self._nodes = graph.nodes
        self._makers = {name: i for i, node in enumerate(graph.nodes) for name in node.outputs}
        self._uses = Counter(name for node in graph.nodes for name in node.inputs)
        self._uses.update(graph.outputs)
        self._known = dict(graph.constants)
        for node in graph.nodes:
            value = node.attributes.get("value")
            if node.op == "Constant" and isinstance(value, Constant):
                self._known[node.outputs[0]] = value

    def norms(self) -> Iterator[Norm]:
        """Yield the norms of the last dimension."""
        for place, node in enumerate(self._nodes):
            found = self._norm(place, node) if node.op == "Div" else None
            if found is not None:
                yield found

    def _norm(self, last: int, node: Node) -> Norm | None:
        """Return the norm that a quotient is: what is less its mean, over the root of the mean of its squares."""
        centred, root = self._made("Sub", node.inputs[0]), self._made("Sqrt", node.inputs[1])
        total = self._made("Add", self._input(root, 0))
        epsilon = self._number(self._input(total, 1))
        variance = self._made("ReduceMean", self._input(total, 0))
        squares = self._made("Pow", self._input(variance, 0)) or self._made("Mul", self._input(variance, 0))
        source = self._input(centred, 0)
        mean = self._made("ReduceMean", self._input(centred, 1))
        both = {self._input(squares, 0), self._input(squares, 1)} if squares and squares.op == "Mul" else set()
        is_square = self._number(self._input(squares, 1)) == 2 or both == {node.inputs[0]}
        is_one = self._input(mean, 0) == source != "" and self._input(squares, 0) == node.inputs[0]
        if epsilon is None or not (is_square and is_one and self._is_last(mean) and self._is_last(variance)):
            return None
        inner = [one for one in (centred, root, total, variance, squares, mean) if one is not None]
        reads = Counter(name for one in (*inner, node) for name in one.inputs)
        if any(reads[one.outputs[0]] != self._uses[one.outputs[0]] for one in inner):
            return None
        return Norm(source, epsilon, frozenset(self._makers[one.outputs[0]] for one in inner), last)

    def _made(self, op: str, name: str) -> Node | None:
        node = self._nodes[self._makers[name]] if name in self._makers else None
        return node if node is not None and node.op == op else None

    @staticmethod
    def _input(node: Node | None, i: int) -> str:
        return node.inputs[i] if node is not None and i < len(node.inputs) else ""

    def _number(self, name: str) -> float | None:
        known = self._known.get(name)
        is_number = known is not None and known.values is not None and known.values.size == 1
        return float(np.ravel(known.values)[0]) if known is not None and is_number else None  # type: ignore[arg-type]

    def _is_last(self, node: Node | None) -> bool:
        """Return whether a mean is one of the last dimension, which stays."""
        if node is None or not node.attributes.get("keepdims", 1):
            return False
        said = node.attributes.get("axes")
        known = self._known.get(self._input(node, 1))
        axes = said if said is not None else None if known is None or known.values is None else known.values
        return axes is not None and list(np.ravel(axes)) == [-1]
