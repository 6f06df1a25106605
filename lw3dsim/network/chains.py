"""Chains of layers that can be a fused group: which layers may be neighbours, and where each finds what it reads."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from lw3dsim.map.group.group import Group, can_fuse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lw3dsim.account.simulated import LayerRun
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Operand


def links(network: Workload, runs: Sequence[LayerRun]) -> dict[int, list[int]]:
    """Return, per layer, the layers before it whose output it could take over on chip: it reads it alone, or first.

    Others that read it must be additions; see :func:`can_wait`.
    """
    number = {layer.name: i for i, layer in enumerate(network.layers)}
    feeds: dict[int, list[int]] = {}
    for v, layer in enumerate(network.layers):
        if not can_follow(layer, runs[v].work.problem):
            continue
        sources = [number[name] for name in dict.fromkeys(layer.streams) if name in number]
        alone = [u for u in sources if _is_first(network, layer, network.layers[u].name)]
        if len(set(layer.inputs)) == len(layer.inputs) and not network.spreads(layer):
            feeds[v] = [u for u in alone if can_lead(network.layers[u], runs[u].work.problem)]
    return feeds


def _is_first(network: Workload, layer: AnyLayer, name: str) -> bool:
    """Return whether a layer is the first or only user of a tensor, and the others add it."""
    first, *others = network.consumers(name)
    return first == layer and all(_adds(network, name, user) for user in others)


def _adds(network: Workload, name: str, layer: AnyLayer) -> bool:
    """Return whether a layer adds a tensor to another, or multiplies both, element by element."""
    is_pair = len(set(layer.streams)) == len(layer.inputs) == 2
    return is_pair and name in layer.streams and not network.spreads(layer)


def without(feeds: Mapping[int, list[int]], apart: Collection[int]) -> dict[int, list[int]]:
    """Return links without those from and to the layers ``apart``."""
    return {v: [u for u in sources if u not in apart] for v, sources in feeds.items() if v not in apart}


def can_lead(layer: AnyLayer, problem: Problem) -> bool:
    """Return whether a layer can be the first of a group."""
    return layer.is_local and can_fuse(problem)


def can_follow(layer: AnyLayer, problem: Problem) -> bool:
    """Return whether a layer can be a later one of a group: frames of the clip before are not on chip."""
    return can_lead(layer, problem) and len(layer.streams) <= 2 and not problem.state_frames


def group_of(layers: Sequence[AnyLayer], problems: Sequence[Problem]) -> Group:
    """Return the group of ``layers``, whose ``problems`` are these."""
    return Group(tuple(problems), operands(layers, looks_back=problems[0].state_frames > 0))


def operands(layers: Sequence[AnyLayer], *, looks_back: bool = False) -> tuple[Operand, ...]:
    """Return where each layer of a group finds its second operand.

    The input of a group that ``looks_back`` has frames of the clip before in front: what is added of it is read anew.
    """
    found: list[Operand] = ["none"]
    reads = [] if looks_back else list(layers[0].streams)
    made = {layer.name: number for number, layer in enumerate(layers, start=1)}
    for before, layer in itertools.pairwise(layers):
        others = [name for name in layer.streams if name != before.name]
        inner = [made[name] for name in others if name in made]
        found.append("none" if not others else "input" if others == reads else inner[0] if inner else "dram")
    return tuple(found)


def can_wait(network: Workload, layers: Sequence[AnyLayer], problems: Sequence[Problem]) -> bool:
    """Return whether all that read what a chain of ``layers`` makes on the way are in it."""
    names = {layer.name for layer in layers}
    pairs = zip(layers, problems[1:], strict=False)
    return all(can_stay(network, before.name, problem, names) for before, problem in pairs)


def can_stay(network: Workload, name: str, after: Problem, inside: Collection[str]) -> bool:
    """Return whether a tensor can stay on chip for all its users, layers ``inside`` a chain.

    The next, ``after`` it, must read it in all channels where others, additions, wait for theirs.
    """
    users = network.consumers(name)
    others = [user for user in users if _adds(network, name, user)]
    is_inside = all(user.name in inside for user in users)
    return len(users) == 1 or (after.structure == "dense" and is_inside and len(others) == len(users) - 1)
