"""The functions that an ONNX file defines for itself, written out where they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lw3dsim.errors import InputError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# How deep functions may call each other, and how many nodes they may make: a file could name more than a memory holds.
DEEPEST, MOST = 32, 200_000


def written_out(model: Any, shown: str, opset: int) -> list[Any]:
    """Return the nodes of a ``model`` with those of its own functions in place of their calls. Raises InputError."""
    if not model.functions:
        return list(model.graph.node)
    writing = _Writing(model, shown, opset)
    return list(writing.nodes(model.graph.node, 0))


class _Writing:
    """The functions of a model, and how many nodes they have made."""

    def __init__(self, model: Any, shown: str, opset: int) -> None:
        self._functions = {(one.domain, one.name): one for one in model.functions}
        self._shown, self._opset = shown, opset
        self._calls = self._made = 0

    def nodes(self, given: Iterable[Any], depth: int) -> Iterator[Any]:
        """Yield nodes, for each that calls a function the nodes of that."""
        for node in given:
            function = self._functions.get((node.domain, node.op_type))
            self._made += 1
            if depth > DEEPEST or self._made > MOST:
                raise self._error(node, "calls functions without an end; export the network without functions")
            if function is None:
                yield node
            else:
                yield from self.nodes(self._body(node, function), depth + 1)

    def _body(self, call: Any, function: Any) -> list[Any]:
        """Return the nodes of a function as they are at a call: with its tensors, its attributes and its name."""
        versions = {one.domain: int(one.version) for one in function.opset_import}
        if (own := versions.get("", versions.get("ai.onnx", self._opset))) != self._opset:
            raise self._error(call, f"is a function of opset {own} in a file of opset {self._opset}; export it again")
        self._calls += 1
        names = dict(zip(function.input, [*call.input, *[""] * len(function.input)], strict=False))
        names |= dict(zip(function.output, call.output, strict=False))
        given = {one.name: one for one in (*function.attribute_proto, *call.attribute)}
        lead = call.name or call.op_type
        body = [self._copy(node, f"call {self._calls}", names, given) for node in function.node]
        for node in body:
            node.name = f"{lead}/{node.name or node.op_type}"
            if not node.metadata_props:
                node.metadata_props.extend(call.metadata_props)
        return body

    def _copy(self, node: Any, call: str, names: dict[str, str], given: Mapping[str, Any]) -> Any:
        """Return a node of a function; tensors that only the function has are named after the ``call``."""
        made = type(node)()
        made.CopyFrom(node)
        for field in ("input", "output"):
            renamed = [names.setdefault(one, f"{call}: {one}") if one else "" for one in getattr(node, field)]
            del getattr(made, field)[:]
            getattr(made, field).extend(renamed)
        del made.attribute[:]
        for one in node.attribute:
            if not one.ref_attr_name:
                made.attribute.add().CopyFrom(one)
            elif one.ref_attr_name in given:  # one that the call leaves out is left out
                made.attribute.add().CopyFrom(given[one.ref_attr_name])
                made.attribute[-1].name = one.name
        for one in made.attribute:
            for graph in (one.g, *one.graphs) if one.type in (one.GRAPH, one.GRAPHS) else ():
                self._rename(graph, call, names, given)
        return made

    def _rename(self, graph: Any, call: str, names: dict[str, str], given: Mapping[str, Any]) -> None:
        """Let a graph in a node of a function read what the function does, by its name at the call."""
        own = {one.name for one in (*graph.input, *graph.initializer)}
        own |= {name for node in graph.node for name in node.output}
        known = {**names, **{name: f"{call}, inside: {name}" for name in own}}
        nodes = [self._copy(node, call, known, given) for node in graph.node]
        del graph.node[:]
        graph.node.extend(nodes)
        for one in (*graph.input, *graph.initializer, *graph.output):
            one.name = known.get(one.name, one.name)

    def _error(self, node: Any, why: str) -> InputError:
        return InputError(f"{self._shown}: node {one_line(node.name or node.op_type)} ({one_line(node.op_type)}) {why}")
