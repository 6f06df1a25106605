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
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Path = tuple[int, ...]


class Ending(Value, frozen=True):
    """A path that ends in a layer, and the layers before it that hang on the path."""

    path: Path
    hanging: tuple[int, ...]


class Trees(Value, frozen=True):
    """What may be fused: by layer the paths that end in it, the shortest first, and the layers that feed no other."""

    endings: tuple[tuple[Ending, ...], ...]
    roots: tuple[int, ...]

    @property
    def paths(self) -> list[Path]:
        """All paths."""
        return [ending.path for endings in self.endings for ending in endings]


def paths_to(v: int, feeds: Mapping[int, Sequence[int]], longest: int) -> Iterator[Path]:
    """Yield all paths of at most ``longest`` layers that end in ``v``, the shortest first."""
    reached: list[Path] = [(v,)]
    for _ in range(longest):
        yield from reached
        reached = [(u, *path) for path in reached for u in feeds.get(path[0], ())]


def make_trees(
    layers: int, feeds: Mapping[int, Sequence[int]], longest: int, aside: Mapping[int, tuple[int, int]] | None = None
) -> Trees:
    """Return what may be fused of so many ``layers``, at most ``longest`` of them together.

    Layers ``aside`` may be in a path with two others beside: right before the first where the second is behind.
    """
    beside, hangs = aside or {}, {v: list(sources) for v, sources in feeds.items()}
    for one, (_, to) in beside.items():
        # What a layer aside makes goes to the second of these, though it may not take it over by itself.
        if one not in hangs.setdefault(to, []):
            hangs[to].append(one)
    fed = {u for sources in hangs.values() for u in sources}

    def ending(path: Path) -> Ending:
        return Ending(path, tuple(u for w in path for u in hangs.get(w, ()) if u not in path))

    def paths(v: int) -> Iterator[Path]:
        for path in paths_to(v, feeds, longest):
            yield path
            wider = widened(path, beside)
            if wider != path:
                yield wider

    return Trees(
        tuple(tuple(map(ending, paths(v))) for v in range(layers)),
        tuple(v for v in range(layers) if v not in fed),
    )


def widened(path: Path, aside: Mapping[int, tuple[int, int]]) -> Path:
    """Return a path with all layers ``aside`` that may be in it."""
    beside = {before: one for one, (before, to) in aside.items() if before in path and to in path and one not in path}
    return tuple(i for own in path for i in ([beside[own], own] if own in beside else [own]))


class Partition:
    """The cut of all layers into groups with the least summed cost, worked out anew where costs change.

    Of equal cuts, the one of shorter groups wins.
    """

    def __init__(self, trees: Trees, cost: Callable[[Path], float | None]) -> None:
        """Cut by the ``cost`` of paths: None where one can't be a group; of a single layer it never is."""
        layers = len(trees.endings)
        self._trees, self._cost = trees, cost
        self._own = [self._costs(v) for v in range(layers)]
        self._hanging = [{u for ending in endings for u in ending.hanging} for endings in trees.endings]
        self._least, self._chosen = [math.inf] * layers, [endings[0] for endings in trees.endings]
        self._settle(set(range(layers)))

    def renew(self, paths: Iterable[Path]) -> None:
        """Ask anew what these paths cost."""
        ends = {path[-1] for path in paths}
        for v in ends:
            self._own[v] = self._costs(v)
        self._settle(ends)

    def best(self) -> list[Path]:
        """Return the groups, ordered by their last layers."""
        return sorted(_groups(self._chosen, self._trees.roots), key=lambda group: group[-1])

    def _costs(self, v: int) -> list[tuple[Ending, float]]:
        """Return the endings in a layer that can be, and what each costs."""
        costs = [(ending, self._cost(ending.path)) for ending in self._trees.endings[v]]
        return [(ending, own) for ending, own in costs if own is not None]

    def _settle(self, asked: set[int]) -> None:
        """Choose the best ending of the layers that were ``asked``, and where what hangs on an ending has changed."""
        changed, cheapest = set[int](), self._least
        for v, endings in enumerate(self._own):
            if v not in asked and changed.isdisjoint(self._hanging[v]):
                continue
            best, least = None, math.inf
            for ending, own in endings:
                hanging = ending.hanging
                total = own + (cheapest[hanging[0]] if len(hanging) == 1 else sum([cheapest[u] for u in hanging]))
                if best is None or total < least:
                    best, least = ending, total
            if best is None:
                raise ValueError(f"layer {v} has no cost by itself")
            if least != self._least[v]:
                changed.add(v)
            self._least[v], self._chosen[v] = least, best


def _groups(chosen: Sequence[Ending], roots: Sequence[int]) -> Iterator[Path]:
    """Yield the chosen groups that hang on ``roots``."""
    left = list(roots)
    while left:
        ending = chosen[left.pop()]
        yield ending.path
        left += ending.hanging


def costs_with(trees: Trees, cost: Callable[[Path], float | None]) -> dict[Path, float]:
    """Return, for all paths that can be, what the best cut of all layers costs that has the path."""
    least: list[float] = []
    known: list[list[tuple[Ending, float]]] = []
    for endings in trees.endings:
        costs = [(ending, cost(ending.path)) for ending in endings]
        whole = [(ending, own + sum(least[u] for u in ending.hanging)) for ending, own in costs if own is not None]
        known.append(whole)
        least.append(min(total for _, total in whole))
    every = sum(least[v] for v in trees.roots)
    # What the best cut costs that has a layer, and all that hangs on it at its best: first known of roots.
    reached = [every if v in set(trees.roots) else math.inf for v in range(len(least))]
    found: dict[Path, float] = {}
    for v in reversed(range(len(least))):
        for ending, total in known[v]:
            found[ending.path] = reached[v] - least[v] + total
            for u in ending.hanging:
                reached[u] = min(reached[u], found[ending.path])
    return found
