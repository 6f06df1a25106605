"""Where to fuse: layers of a network cut into groups at the least cost.

Links where a tensor may stay on chip form trees, as such a tensor has a single reader.
Each tree is cut at its best by dynamic programming: the best cut of all that hangs on a
layer is the best group that ends in it, and the best cuts of what hangs on that group.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Path = tuple[int, ...]


class Ending(Value, frozen=True):
    """A path that ends in a layer, and the layers before it that hang on the path."""

    path: Path
    hanging: tuple[int, ...]


class Trees(Value, frozen=True):
    """What may be fused: by layer the paths that end in it, the shortest first, and the layers that feed no other."""

    endings: tuple[tuple[Ending, ...], ...]
    roots: tuple[int, ...]


def paths_to(v: int, feeds: Mapping[int, Sequence[int]], longest: int) -> Iterator[Path]:
    """Yield all paths of at most ``longest`` layers that end in ``v``, the shortest first."""
    reached: list[Path] = [(v,)]
    for _ in range(longest):
        yield from reached
        reached = [(u, *path) for path in reached for u in feeds.get(path[0], ())]


def make_trees(layers: int, feeds: Mapping[int, Sequence[int]], longest: int) -> Trees:
    """Return what may be fused of so many ``layers``, at most ``longest`` of them together."""
    fed = {u for sources in feeds.values() for u in sources}

    def ending(path: Path) -> Ending:
        return Ending(path, tuple(u for w in path for u in feeds.get(w, ()) if u not in path))

    return Trees(
        tuple(tuple(map(ending, paths_to(v, feeds, longest))) for v in range(layers)),
        tuple(v for v in range(layers) if v not in fed),
    )


def best_partition(trees: Trees, cost: Callable[[Path], float | None]) -> list[Path]:
    """Return the cut of all layers into groups with the least summed ``cost``, ordered by their last layers.

    ``cost`` of a path is None where it can't be a group; of a single layer it never is.
    Of equal cuts, the one of shorter groups wins.
    """
    costs: list[float] = []
    chosen: list[Ending] = []
    for v, endings in enumerate(trees.endings):
        best, least = None, math.inf
        for ending in endings:
            own = cost(ending.path)
            if own is None:
                continue
            total = own + sum([costs[u] for u in ending.hanging])
            if best is None or total < least:
                best, least = ending, total
        if best is None:
            raise ValueError(f"layer {v} has no cost by itself")
        costs.append(least)
        chosen.append(best)
    return sorted(_groups(chosen, trees.roots), key=lambda group: group[-1])


def _groups(chosen: Sequence[Ending], roots: Sequence[int]) -> Iterator[Path]:
    """Yield the chosen groups that hang on ``roots``."""
    left = list(roots)
    while left:
        ending = chosen[left.pop()]
        yield ending.path
        left += ending.hanging
