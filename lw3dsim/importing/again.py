"""What is known of a graph only after a part of it was read, which is then read again with that in it.

Of a condition that is known, one branch takes the place of both. An input that is read in another order than N x C x T
x H x W, as clips of N x T x C x H x W, tokens or channels that come last, is declared in the order that it is read in.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.importing.graph import Branch, Constant, Node
from lw3dsim.importing.tensors import FIELDS, STANDARD, Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.importing.axes import Axes
    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Dimension, Graph


class Again(Exception):  # noqa: N818  # it is no error
    """What was read is to be read again, as this ``graph``."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph.name)
        self.graph = graph


def choose(building: Building, node: Node) -> list[Meaning]:
    """Let the branch whose condition holds take the place of a node. Raises InputError where that depends on data."""
    condition = building.meaning(node, 0)
    if not isinstance(condition, Constant) or condition.values is None or condition.values.size != 1:
        raise building.error(node, "runs one of two graphs by what data is; export the network with fixed control flow")
    branch = node.attributes["then_branch" if bool(np.ravel(condition.values)[0]) else "else_branch"]
    if len(branch.outputs) != len(node.outputs):
        raise building.error(node, f"gives {len(node.outputs)} tensors of a graph that makes {len(branch.outputs)}")
    raise Again(_put_in(building.graph, node, branch))


def _put_in(graph: Graph, node: Node, branch: Branch) -> Graph:
    place = graph.nodes.index(node)
    named = tuple(
        Node(op="Identity", name=node.name, inputs=(inner,), outputs=(outer,), attributes={})
        for inner, outer in zip(branch.outputs, node.outputs, strict=True)
    )
    nodes = (*graph.nodes[:place], *branch.nodes, *named, *graph.nodes[place + 1 :])
    return replace(graph, nodes=nodes, constants={**graph.constants, **branch.constants})


def declare(building: Building, data: Tensor, wanted: Sequence[str]) -> None:
    """Declare the input that ``data`` is a view of so that its dimensions are those that are ``wanted`` of it.

    Nothing where it is no such view, or was declared so already. Raises Again.
    """
    name = _input_of(building, data.source)
    own = [label for label in data.labels if data.size(label) > 1]
    asked = [label for label, old in zip(wanted, data.labels, strict=True) if data.size(old) > 1]
    if name is None or not set(own) | set(asked) <= FIELDS.keys() or len(set(own)) < len(own):
        return
    dims = building.meanings[name].dims  # type: ignore[union-attr]
    if len(dims) not in STANDARD:
        return
    called = dict(zip(own, asked, strict=True))
    # Where an axis of the input is to stand; those of one position keep what is left.
    labels = [called.get(label) for label in STANDARD[len(dims)]]
    left = iter([label for label in STANDARD[len(dims)][1:] if label not in labels])
    labels = ["N", *(label if label is not None else next(left, None) for label in labels[1:])]
    if sorted(map(str, labels)) != sorted(STANDARD[len(dims)]):
        return
    order = [labels.index(label) for label in STANDARD[len(dims)]]
    inverse = [order.index(i) for i in range(len(order))]
    turn = _node("Transpose", f"{name} as declared", name, perm=inverse)
    raise Again(_behind(building.graph, name, [building.graph.inputs[name][i] for i in order], [turn]))


def declare_last(building: Building, data: Tensor) -> None:
    """Declare an input of tokens, whose channels come last, as channels x positions; as :func:`declare` else."""
    declare(building, data, ("N", *STANDARD[len(data.labels)][2:], "C"))


def declare_frames(building: Building, data: Axes) -> None:
    """Declare an input of images beside each other, 1 x TC x H x W, as frames; as :func:`declare` else."""
    name = _input_of(building, data.source)
    batch, channels = data.axes[:2]
    if name is None or len(dims := building.graph.inputs[name]) != len(STANDARD[4]):
        return
    frames, size = (math.prod(atom.size for atom in axis) for axis in (batch, channels))
    if {atom.dim for atom in (*batch, *channels)} != {"C"} or batch[-1].step != size or frames * size != dims[1]:
        return
    clip, shape = f"{name} as declared", f"{name} in shape"
    turn = _node("Transpose", clip, name, perm=[0, 2, 1, 3, 4])
    flat = _node("Reshape", f"{name} in channels", clip, shape)
    given = {shape: Constant(shape=(4,), values=np.array([1, -1, *data.dims[2:]]))}
    raise Again(_behind(building.graph, name, [1, size, frames, *dims[2:]], [turn, flat], given))


def _input_of(building: Building, source: str) -> str | None:
    """Return which input of the graph a tensor of the workload is, where that was not declared anew yet."""
    names = (name for name in building.graph.inputs if f"{name} as declared" not in building.meanings)
    found = (name for name in names if getattr(building.meanings[name], "source", None) == source)
    return next(found, None)


def _behind(
    graph: Graph,
    name: str,
    dims: Sequence[Dimension],
    nodes: Sequence[Node],
    constants: Mapping[str, Constant] | None = None,
) -> Graph:
    """Return a graph whose input has other dimensions, and ``nodes`` behind it, what the last of them makes is read."""
    last = nodes[-1].outputs[0]
    readers = (replace(node, inputs=tuple(last if one == name else one for one in node.inputs)) for node in graph.nodes)
    return replace(
        graph, nodes=(*nodes, *readers), inputs={**graph.inputs, name: tuple(dims)},
        constants={**graph.constants, **(constants or {})},
    )  # fmt: skip


def _node(op: str, made: str, *inputs: str, **attributes: object) -> Node:
    return Node(op=op, name=made, inputs=inputs, outputs=(made,), attributes=attributes)
