"""Which neighbours to fuse: the cheapest cut of a layer graph into chains, by dynamic programming over cut points.

Layers are numbered in order. ``feeds[v]`` are the layers whose only user is v and whose
output v can take over on chip; a layer feeds one other at most, so these links make
trees, branches of the graph included. A group is a path along links. The best cut of the
tree above v is, over all paths that end in v, the path's cost and the best cuts of what hangs off it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Path = tuple[int, ...]


class _Cut(Value, frozen=True, kw_only=True):
    """The best cut of a tree: its cost and its groups."""

    cost: float
    groups: tuple[Path, ...]


def paths_to(v: int, feeds: Mapping[int, Sequence[int]], longest: int) -> Iterator[Path]:
    """Yield all paths of at most ``longest`` layers that end in ``v``, the shortest first."""
    reached: list[Path] = [(v,)]
    for _ in range(longest):
        yield from reached
        reached = [(u, *path) for path in reached for u in feeds.get(path[0], ())]


def best_partition(
    layers: int, feeds: Mapping[int, Sequence[int]], cost: Callable[[Path], float | None], longest: int
) -> list[Path]:
    """Return the cut of all layers into groups with the least summed ``cost``, ordered by their last layers.

    ``cost`` of a path is None where it can't be a group; of a single layer it never is.
    Of equal cuts, the one of shorter groups wins.
    """
    fed = {u for sources in feeds.values() for u in sources}
    cuts: dict[int, _Cut] = {}
    for v in range(layers):
        cuts[v] = _best_cut(v, feeds, cost, cuts, longest)
    groups = [group for v in range(layers) if v not in fed for group in cuts[v].groups]
    return sorted(groups, key=lambda group: group[-1])


def _best_cut(
    v: int,
    feeds: Mapping[int, Sequence[int]],
    cost: Callable[[Path], float | None],
    cuts: Mapping[int, _Cut],
    longest: int,
) -> _Cut:
    best: _Cut | None = None
    for path in paths_to(v, feeds, longest):
        own = cost(path)
        if own is None:
            continue
        hanging = [cuts[u] for w in path for u in feeds.get(w, ()) if u not in path]
        total = own + sum(cut.cost for cut in hanging)
        if best is None or total < best.cost:
            best = _Cut(cost=total, groups=(*(group for cut in hanging for group in cut.groups), path))
    if best is None:
        raise ValueError(f"layer {v} has no cost by itself")
    return best
