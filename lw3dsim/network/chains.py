"""Chains of layers that can be a fused group: which layers may be neighbours, and where each finds what it reads."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from lw3dsim.base.values import replace
from lw3dsim.map.group.fusable import can_branch, can_fuse
from lw3dsim.map.group.group import Group
from lw3dsim.map.group.partition import make_trees
from lw3dsim.network.fans import can_begin, fans_of
from lw3dsim.network.units import moved_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Blocks, Operand
    from lw3dsim.map.group.partition import Path, Trees

# Layers of a group at most.
LONGEST = 12


def links(network: Workload, problems: Sequence[Problem]) -> dict[int, list[int]]:
    """Return, per layer, the layers before it whose output it could take over on chip: it reads it alone, or first.

    Others that read it must be additions, or branches, or it is dense; see :func:`can_wait`.
    """
    number = {layer.name: i for i, layer in enumerate(network.layers)}
    aside = {network.layers[s].name for s in branches(network, problems)}
    feeds: dict[int, list[int]] = {}
    for v, layer in enumerate(network.layers):
        if not can_follow(layer, problems[v]):
            continue
        sources = [number[name] for name in dict.fromkeys(layer.streams) if name in number]
        is_dense = problems[v].structure == "dense"
        alone = [u for u in sources if _is_first(network, layer, network.layers[u].name, aside, is_dense)]
        if len(set(layer.inputs)) == len(layer.inputs) and not network.spreads(layer):
            feeds[v] = [u for u in alone if can_lead(network.layers[u], problems[u])]
    return feeds


def branches(network: Workload, problems: Sequence[Problem]) -> dict[int, tuple[int, int]]:
    """Return the layers by which a tensor takes a short cut to an addition, beside a chain of others, by number.

    With each goes the first layer of the chain, which reads the same, and the addition. Both ways begin with a dense
    layer.
    """
    number = {layer.name: i for i, layer in enumerate(network.layers)}
    found: dict[int, tuple[int, int]] = {}
    for v, layer in enumerate(network.layers):
        if len(set(layer.streams)) != 2 or not can_follow(layer, problems[v]):
            continue
        for name, other in itertools.permutations(layer.streams):
            s = number.get(name)
            if s is None or s in found or len(network.consumers(name)) > 1:
                continue
            if not can_begin(network, problems, s):
                continue
            first = _beginning(network, number, other, network.layers[s].streams[0])
            if first is not None and can_begin(network, problems, first) and can_fuse(problems[first]):
                found[s] = first, v
                break
    return found


def _beginning(network: Workload, number: Mapping[str, int], name: str, source: str) -> int | None:
    """Return the first layer that reads ``source`` on the way to the tensor ``name``, None where there is none."""
    left, seen = [name], set[str]()
    while left:
        if (name := left.pop()) not in number or name in seen:
            continue
        seen.add(name)
        layer = network.layers[number[name]]
        if layer.streams == (source,):
            return number[name]
        left += layer.streams
    return None


def _is_first(network: Workload, layer: AnyLayer, name: str, aside: Collection[str], is_dense: bool) -> bool:
    """Return whether a layer is the first user of a tensor, and dense, or the others add it, or are ``aside``."""
    users = [user for user in network.consumers(name) if user.name not in aside]
    return users[:1] == [layer] and (is_dense or all(_adds(network, name, user) for user in users[1:]))


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


def can_stand(layers: Sequence[AnyLayer], problems: Sequence[Problem], i: int) -> bool:
    """Return whether layer ``i`` of a chain can be in a group; strides may leave out what another layer looks at."""
    layer, problem = layers[i], problems[i]
    if any(k < s for k, s in zip(problem.kernel, problem.stride, strict=True)):
        alike = (j for j, other in enumerate(layers) if j != i and other.streams == layer.streams)
        is_seen = any(can_fuse(problems[j]) for j in alike)
        return is_seen and layer.is_local and can_branch(problem) and not problem.state_frames
    return can_follow(layer, problem) if i else can_lead(layer, problem)


def group_of(
    layers: Sequence[AnyLayer],
    problems: Sequence[Problem],
    free: tuple[Blocks, ...] = ((), ()),
    stored: tuple[int, ...] = (),
) -> Group:
    """Return the group of ``layers``, whose ``problems`` are these.

    Tensors between them are ``stored`` besides. Its input, its output and these may lie in ``free`` blocks.
    """
    found = reads(layers)
    others = operands(layers, looks_back=problems[0].state_frames > 0)
    return Group(tuple(problems), others, free, () if found == tuple(range(len(layers))) else found, stored)


def reads(layers: Sequence[AnyLayer]) -> tuple[int, ...]:
    """Return the tensor that each layer of a group reads: what the one before made, or, of a chain beside it, another.

    Tensor 0 is the input of the group, i + 1 what layer i makes.
    """
    found, made = [0], {layers[0].streams[0]: 0}
    for number, (before, layer) in enumerate(itertools.pairwise(layers), start=1):
        made[before.name] = number
        found.append(number if before.name in layer.streams else made[layer.streams[0]])
    return tuple(found)


def operands(layers: Sequence[AnyLayer], *, looks_back: bool = False) -> tuple[Operand, ...]:
    """Return where each layer of a group finds its second operand.

    The input of a group that ``looks_back`` has frames of the clip before in front: what is added of it is read anew.
    """
    found: list[Operand] = ["none"]
    own = [] if looks_back else list(layers[0].streams)
    made = {layer.name: number for number, layer in enumerate(layers, start=1)}
    for before, layer in itertools.pairwise(layers):
        others = [name for name in layer.streams if name != before.name and before.name in layer.streams]
        inner = [made[name] for name in others if name in made]
        found.append("none" if not others else "input" if others == own else inner[0] if inner else "dram")
    return tuple(found)


def can_wait(network: Workload, layers: Sequence[AnyLayer], problems: Sequence[Problem]) -> bool:
    """Return whether all that read what a chain of ``layers`` makes on the way find it, on chip or behind the chain."""
    is_read = all(is_next(layers, problems, i) for i in range(1, len(layers)))
    return is_read and all(can_stay(network, layers, problems, i) for i in range(len(layers) - 1))


def is_next(layers: Sequence[AnyLayer], problems: Sequence[Problem], i: int) -> bool:
    """Return whether layer ``i`` of a chain reads the one before, or as a dense layer what another has read before."""
    layer = layers[i]
    if layers[i - 1].name in layer.streams:
        return True
    known = [*(one.name for one in layers[:i]), *(layers[0].streams if not problems[0].state_frames else ())]
    is_alone = len(layer.streams) == 1 and len(layers[0].streams) == 1
    return is_alone and layer.streams[0] in known and problems[i].structure == "dense"


def can_stay(network: Workload, layers: Sequence[AnyLayer], problems: Sequence[Problem], i: int) -> bool:
    """Return whether what layer ``i`` of a chain makes can stay on chip for all of the chain that read it.

    The next layer must be dense where others use it: later ones of the chain, additions or dense layers, or layers
    that follow behind the chain, which read what is stored.
    """
    name = layers[i].name
    users = network.consumers(name)
    if len(users) == 1 and users[0] is layers[i + 1]:
        return True
    later = dict(zip(layers[i + 1 :], problems[i + 1 :], strict=True))
    return problems[i + 1].structure == "dense" and all(
        _adds(network, name, user) or (later[user].structure == "dense" and len(user.streams) == 1)
        if user in later
        else follows(network, layers, user)
        for user in users
    )


def follows(network: Workload, layers: Sequence[AnyLayer], user: AnyLayer) -> bool:
    """Return whether a ``user`` of a tensor, or all that read it through a view, are behind a chain of ``layers``.

    A chain runs where its last layer is.
    """
    own = network.readers(user.name) if user in network.views else (network.number(user),)
    return min(own, default=len(network.layers)) > network.number(layers[-1])


def stored_of(network: Workload, layers: Sequence[AnyLayer]) -> tuple[int, ...]:
    """Return the tensors that a chain of ``layers`` makes on the way and others read: they are stored besides."""
    found = []
    for number, (layer, following) in enumerate(itertools.pairwise(layers), start=1):
        users = network.consumers(layer.name)
        if users != [following] and not (users and all(user in layers for user in users)):
            found.append(number)
    return tuple(found)


def trees_of(network: Workload, problems: Sequence[Problem], arch: Accelerator, apart: Collection[int]) -> Trees:
    """Return what of a network may be fused, whose layers are these ``problems``; those ``apart`` may not."""
    feeds = without(links(network, problems), apart) if arch.buffers.can_fuse else {}
    aside = {s: those for s, those in branches(network, problems).items() if s not in apart}
    fans = fans_of(network, problems, feeds, aside, apart) if feeds else ()
    return make_trees(len(problems), feeds, LONGEST, aside, fans)


def group_along(network: Workload, problems: Sequence[Problem], path: Path, free: Mapping[str, Blocks]) -> Group | None:
    """Return the group of the layers of ``path``, what it moves in ``free`` blocks; None where there is none."""
    layers, own = [network.layers[i] for i in path], [problems[i] for i in path]
    if len(path) == 1 or not can_wait(network, layers, own):
        return None
    group = group_of(layers, own, stored=stored_of(network, layers))
    return replace(group, free=tuple(() if name is None else free[name] for name in free_of(network, path, group)))


def free_of(network: Workload, path: Path, group: Group) -> tuple[str | None, ...]:
    """Return the tensors that may lie in free blocks: the input and the output of a path's ``group``, what it stores.

    See :func:`lw3dsim.network.units.moved_of`.
    """
    return moved_of(network, [network.layers[i] for i in path], group)[: 2 + len(group.stored)]
