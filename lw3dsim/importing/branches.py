"""Conditions that are known before a network runs: the one of two graphs that runs takes the place of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.importing.graph import Branch, Constant, Node

if TYPE_CHECKING:
    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Graph


class Chosen(Exception):  # noqa: N818  # it is no error: the graph is read again
    """A ``node`` runs one ``branch``, as is known once what stands before it was read."""

    def __init__(self, node: Node, branch: Branch) -> None:
        super().__init__(node.name)
        self.node, self.branch = node, branch


def choose(building: Building, node: Node) -> list[Meaning]:
    """Say which branch runs. Raises Chosen, and InputError where the condition depends on data."""
    condition = building.meaning(node, 0)
    if not isinstance(condition, Constant) or condition.values is None or condition.values.size != 1:
        raise building.error(node, "runs one of two graphs by what data is; export the network with fixed control flow")
    branch = node.attributes["then_branch" if bool(np.ravel(condition.values)[0]) else "else_branch"]
    if len(branch.outputs) != len(node.outputs):
        raise building.error(node, f"gives {len(node.outputs)} tensors of a graph that makes {len(branch.outputs)}")
    raise Chosen(node, branch)


def put_in(graph: Graph, chosen: Chosen) -> Graph:
    """Return a graph with the nodes of a branch in place of the one that runs it."""
    place, branch = graph.nodes.index(chosen.node), chosen.branch
    named = tuple(
        Node(op="Identity", name=chosen.node.name, inputs=(inner,), outputs=(outer,), attributes={})
        for inner, outer in zip(branch.outputs, chosen.node.outputs, strict=True)
    )
    nodes = (*graph.nodes[:place], *branch.nodes, *named, *graph.nodes[place + 1 :])
    return replace(graph, nodes=nodes, constants={**graph.constants, **branch.constants})
