"""Branches that begin with one tensor: a group may hold several, which read it once and are stored, each to its end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.map.group.fusable import can_branch, can_fuse
from lw3dsim.map.group.partition import Fan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.partition import Path

# Branches of a fan at most, the first that read a tensor: what a group moves is a table by the layouts of all its ends.
WIDEST = 4


def fans_of(
    network: Workload,
    problems: Sequence[Problem],
    feeds: Mapping[int, Sequence[int]],
    aside: Collection[int],
    apart: Collection[int],
) -> list[Fan]:
    """Return the fans of a network whose links are ``feeds``, but for layers that stand ``aside`` or ``apart``.

    The one of most weights is the trunk of a fan: as it may have no room in a group, it may be cut.
    """
    fed = {u for sources in feeds.values() for u in sources}
    out = {*aside, *apart}
    found = []
    for readers in _readers(network):
        ways = [
            _branch(network, problems, feeds, i) for i in readers if i not in out and can_begin(network, problems, i)
        ]
        whole = [way for way in ways if way[-1] not in fed and out.isdisjoint(way)]
        trunks = [way for way in ways if out.isdisjoint(way) and can_fuse(problems[way[0]])]
        if trunks and len({*whole, *trunks}) > 1:
            trunk = max(trunks, key=lambda way: (way[-1] in fed, sum(_weights(problems[i]) for i in way), -way[0]))
            others = [way for way in whole if way != trunk][: WIDEST - 1]
            if others:
                found.append(Fan(trunk[0], tuple(others)))
    return found


def _readers(network: Workload) -> Iterator[list[int]]:
    """Yield, by tensor that several read, the numbers of the layers that do."""
    for name in (*network.inputs, *(layer.name for layer in (*network.layers, *network.views))):
        users = [user for user in network.consumers(name) if user not in network.views and user.streams == (name,)]
        if len(users) > 1:
            yield [network.number(user) for user in users]


def can_begin(network: Workload, problems: Sequence[Problem], i: int) -> bool:
    """Return whether a layer reads one tensor, in all channels, and can be beside another that reads it as well."""
    layer, problem = network.layers[i], problems[i]
    is_alone = len(layer.streams) == 1 and layer.is_local and not problem.state_frames
    return is_alone and problem.structure == "dense" and can_branch(problem)


def _branch(network: Workload, problems: Sequence[Problem], feeds: Mapping[int, Sequence[int]], i: int) -> Path:
    """Return the layers from ``i`` on of which each is read by the next alone, which reads nothing else."""
    found = [i]
    while True:
        users = network.consumers(network.layers[found[-1]].name)
        if len(users) != 1 or not _goes_on(network, problems, feeds, found[-1], users[0]):
            return tuple(found)
        found.append(network.number(users[0]))


def _goes_on(
    network: Workload, problems: Sequence[Problem], feeds: Mapping[int, Sequence[int]], before: int, layer: AnyLayer
) -> bool:
    if layer in network.views or len(layer.streams) != 1:
        return False
    v = network.number(layer)
    return list(feeds.get(v, ())) == [before] and not problems[v].whole_frames


def _weights(problem: Problem) -> int:
    return problem.n * problem.c * math.prod(problem.kernel) if problem.has_weights else 0
