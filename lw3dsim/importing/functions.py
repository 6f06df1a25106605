"""Chains of operators that together are one activation, as exporters write out a swish, a hard swish or a GELU.

What such a chain makes of one tensor and of numbers is a function of one number. It is worked out at some, and is the
activation that has the same values there, in whatever order it was written.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.importing.graph import Constant, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from lw3dsim.importing.graph import Graph

    Values = NDArray[Any]

# Where functions are compared: odd in number, beyond all bounds of the known ones.
AT = np.linspace(-9, 9, 145)
# The two GELUs differ by up to 5e-4; constants of files have 24 bits.
NEAR = 1e-5
# The longest chain has nine operators, the GELU by a tanh; and how many chains end in one tensor.
LONGEST, MOST = 12, 24


def _erf(x: Values) -> Values:
    return np.array([math.erf(one) for one in np.ravel(x)]).reshape(np.shape(x))


def _sigmoid(x: Values) -> Values:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


# Activations as operators: by what they make of AT.
KNOWN: dict[str, tuple[Values, Mapping[str, Any]]] = {
    "Identity": (AT, {}),
    "Relu": (np.maximum(AT, 0), {}),
    "Clip": (np.clip(AT, 0, 6), {"min": 0.0, "max": 6.0}),
    "Sigmoid": (_sigmoid(AT), {}),
    "Tanh": (np.tanh(AT), {}),
    "HardSigmoid": (np.clip(AT / 6 + 0.5, 0, 1), {"alpha": 1 / 6, "beta": 0.5}),
    "Swish": (AT * _sigmoid(AT), {}),
    "HardSwish": (AT * np.clip(AT / 6 + 0.5, 0, 1), {}),
    "Gelu": (0.5 * AT * (1 + _erf(AT / math.sqrt(2))), {}),
    "FastGelu": (0.5 * AT * (1 + np.tanh(math.sqrt(2 / math.pi) * (AT + 0.044715 * AT**3))), {}),
}


def _clip(node: Node, x: Values, *bounds: Values) -> Values:
    said: list[Any] = [*bounds, *(node.attributes.get(name) for name in ("min", "max")[len(bounds) :])]
    low, high = said
    return np.asarray(np.clip(x, -np.inf if low is None else low, np.inf if high is None else high))


def _hard_sigmoid(node: Node, x: Values) -> Values:
    return np.asarray(np.clip(node.attributes.get("alpha", 0.2) * x + node.attributes.get("beta", 0.5), 0, 1))


def _cast(node: Node, x: Values) -> Values:
    return x if node.attributes.get("to", 1) in (1, 10, 11, 16) else x * np.nan  # the types in floating point


OPERATORS: dict[str, Callable[..., Values]] = {
    "Abs": lambda _, x: np.abs(x),
    "Add": lambda _, x, y: x + y,
    "Cast": _cast,
    "Clip": _clip,
    "Div": lambda _, x, y: x / y,
    "Erf": lambda _, x: _erf(x),
    "Exp": lambda _, x: np.exp(x),
    "HardSigmoid": _hard_sigmoid,
    "Identity": lambda _, x: x,
    "Max": lambda _, x, y: np.maximum(x, y),
    "Min": lambda _, x, y: np.minimum(x, y),
    "Mul": lambda _, x, y: x * y,
    "Neg": lambda _, x: -x,
    "Pow": lambda _, x, y: x**y,
    "Reciprocal": lambda _, x: 1 / x,
    "Relu": lambda _, x: np.maximum(x, 0),
    "Sigmoid": lambda _, x: _sigmoid(x),
    "Sub": lambda _, x, y: x - y,
    "Tanh": lambda _, x: np.tanh(x),
}


class Chain(NamedTuple):
    """What operators, by their places in the graph, make of the tensor ``source``; of none, a number."""

    source: str
    values: Values
    nodes: frozenset[int]


def recognised(graph: Graph) -> Graph:
    """Return ``graph`` with one operator for each chain that is an activation, where nothing else reads its insides."""
    chains = _chains(graph)
    inside = _Insides(graph)
    put: dict[int, Node] = {}
    gone = set[int]()
    for place in reversed(range(len(graph.nodes))):
        node = graph.nodes[place]
        if place in gone or not chains.get(place):
            continue
        for chain in sorted(chains[place], key=lambda one: -len(one.nodes)):
            op = _known(chain.values) if len(chain.nodes) > 1 else None
            if op is not None and not chain.nodes & gone and inside.closed(chain.nodes, place):
                inputs, attributes = (chain.source,), KNOWN[op][1]
                put[place] = replace(node, op=op, inputs=inputs, attributes=attributes, raw=None)
                gone |= chain.nodes
                break
    nodes = (put.get(i, node) for i, node in enumerate(graph.nodes) if i in put or i not in gone)
    return replace(graph, nodes=tuple(nodes)) if put else graph


class _Insides:
    """Who reads what, by places."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._uses = Counter(name for node in graph.nodes for name in set(node.inputs))
        self._uses.update(graph.outputs)

    def closed(self, nodes: frozenset[int], last: int) -> bool:
        """Return whether all that ``nodes`` make, but the ``last``, is read by them alone."""
        own = Counter(name for i in nodes for name in set(self._graph.nodes[i].inputs))
        return all(own[name] == self._uses[name] for i in nodes - {last} for name in self._graph.nodes[i].outputs)


def _known(values: Values) -> str | None:
    """Return the operator that has such values."""
    if not np.isfinite(values).all():
        return None
    return next((op for op, (own, _) in KNOWN.items() if np.allclose(values, own, NEAR, NEAR)), None)


def _chains(graph: Graph) -> dict[int, list[Chain]]:
    """Return the chains that end at each place."""
    numbers = {name: float(number) for name, one in graph.constants.items() for number in _number(one)}
    made: dict[str, list[Chain]] = {}
    chains: dict[int, list[Chain]] = {}
    for place, node in enumerate(graph.nodes):
        if node.op == "Constant":
            numbers.update(
                (node.outputs[0], float(one)) for value in node.attributes.values() for one in _number(value)
            )
        elif node.op in OPERATORS and len(node.outputs) == 1:
            chains[place] = list(itertools.islice(_ending(node, place, numbers, made), MOST))
            made[node.outputs[0]] = chains[place]
    return chains


def _number(constant: object) -> Iterator[Any]:
    """Yield the number that a constant is; nothing where it is none, or more."""
    values = constant.values if isinstance(constant, Constant) else constant
    if isinstance(values, int | float):
        yield values
    elif isinstance(values, np.ndarray) and values.size == 1 and values.dtype.kind in "iuf":
        yield values.ravel()[0]


def _ending(node: Node, place: int, numbers: Mapping[str, float], made: Mapping[str, list[Chain]]) -> Iterator[Chain]:
    """Yield the chains that end in ``node``: its operands all follow from one tensor, or are numbers."""
    options = []
    for name in filter(None, node.inputs):
        if name in numbers:
            options.append([Chain("", np.asarray(numbers[name]), frozenset())])
        else:
            options.append([Chain(name, AT, frozenset()), *made.get(name, ())])
    for operands in itertools.product(*options):
        sources = {operand.source for operand in operands} - {""}
        nodes = frozenset[int]({place}).union(*(operand.nodes for operand in operands))
        if len(sources) == 1 and len(nodes) <= LONGEST:
            try:
                with np.errstate(all="ignore"):
                    values = OPERATORS[node.op](node, *(operand.values for operand in operands))
            except (TypeError, ValueError):  # operands in another number, attributes of another kind
                return
            yield Chain(sources.pop(), values, nodes)
