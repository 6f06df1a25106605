"""The groups that there may be in a network, worked out once for all designs that run the same kinds of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.base.values import Value
from lw3dsim.map.group.fusable import can_branch, can_fuse
from lw3dsim.network.chains import free_of, group_along, trees_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.group.partition import Path, Trees


class Forest(Value, frozen=True, kw_only=True):
    """What may be fused: the ``trees``, and the group along each of their paths that is one, with what it ``moves``.

    The groups are those of one design: others have the same ones of their own problems.
    """

    trees: Trees
    groups: Mapping[Path, Group]
    moves: Mapping[Path, tuple[str | None, ...]]

    def groups_of(self, problems: Sequence[Problem], free: Mapping[str, Blocks]) -> dict[Path, Group]:
        """Return the groups of these ``problems``, which move tensors in ``free`` blocks."""
        return {
            path: group.of_stages(
                tuple([problems[i] for i in path]),
                tuple([() if name is None else free[name] for name in self.moves[path]]),
            )
            for path, group in self.groups.items()
        }


class _Asked:
    """A network of ``problems`` on a design; equal to others of which it is the same what may be fused.

    ``told`` is all that tells: layers and shapes, whether problems can be in groups, and the layers ``apart``.
    """

    def __init__(
        self, network: Workload, problems: Sequence[Problem], arch: Accelerator, apart: Collection[int]
    ) -> None:
        self.network, self.problems, self.arch, self.apart = network, problems, arch, apart
        kinds = [(can_fuse(one), can_branch(one), one.structure, one.state_frames, one.out) for one in problems]
        shapes = network.layers, network.views, tuple(network.shapes.items())
        self.told = *shapes, tuple(kinds), tuple(sorted(apart)), arch.buffers.can_fuse

    def __hash__(self) -> int:
        return hash(self.told)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self.told == other.told


def forest_of(network: Workload, problems: Sequence[Problem], arch: Accelerator, apart: Collection[int]) -> Forest:
    """Return what of a network may be fused, whose layers are these ``problems``; those ``apart`` may not."""
    return _forest(_Asked(network, problems, arch, apart))


@kept(64)
def _forest(asked: _Asked) -> Forest:
    network, problems = asked.network, asked.problems
    trees = trees_of(network, problems, asked.arch, asked.apart)
    nowhere = dict.fromkeys(network.shapes, ())
    along = ((path, group_along(network, problems, path, nowhere)) for path in trees.paths)
    groups = {path: group for path, group in along if group is not None}
    moves = {path: free_of(network, path, group) for path, group in groups.items()}
    return Forest(trees=trees, groups=groups, moves=moves)
