"""Where to fuse: layers of a network cut into groups at the least cost.

Links where a tensor may stay on chip form trees, as such a tensor has a single reader.
Each tree is cut at its best by dynamic programming: the best cut of all that hangs on a
layer is the best group that ends in it, and the best cuts of what hangs on that group.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from lw3dsim.base.caches import once
from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

Path = tuple[int, ...]


class Ending(Value, frozen=True):
    """A path that ends in a layer, and the layers before it that hang on the path."""

    path: Path
    hanging: tuple[int, ...]


class Fan(Value, frozen=True):
    """Branches that begin with one tensor: the first layer of the ``trunk``, and all layers of each of the others."""

    trunk: int
    others: tuple[Path, ...]


class Trees(Value, frozen=True, dict=True, gc=True):
    """What may be fused: by layer the paths that end in it, the shortest first, and the layers that feed no other."""

    endings: tuple[tuple[Ending, ...], ...]
    roots: tuple[int, ...]

    @once
    def order(self) -> tuple[int, ...]:
        """All layers, each behind those that may hang on it."""
        found: dict[int, None] = {}

        def visit(v: int) -> None:
            for u in dict.fromkeys(u for ending in self.endings[v] for u in (*ending.path[:-1], *ending.hanging)):
                if u not in found:
                    visit(u)
            found[v] = None

        for v in range(len(self.endings)):
            if v not in found:
                visit(v)
        return tuple(found)

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
    layers: int,
    feeds: Mapping[int, Sequence[int]],
    longest: int,
    aside: Mapping[int, tuple[int, int]] | None = None,
    fans: Sequence[Fan] = (),
) -> Trees:
    """Return what may be fused of so many ``layers``, at most ``longest`` of them together.

    Layers ``aside``, each with the first layer of a chain beside it and where both meet, may be in a path right before
    the former: where both are in the path, or, if there is none with both, in any with the former. They hang on the
    other of these. Of ``fans`` any of the other branches may be in a path in front of the trunk, whole, and hang on
    its first layer.
    """
    beside = aside or {}
    apart = {one for one, (first, to) in beside.items() if not _are_together(first, to, feeds, longest)}
    alone = {v: [u for u in sources if u not in apart] for v, sources in feeds.items()}
    hangs = {v: list(sources) for v, sources in alone.items()}
    for one, (first, to) in beside.items():
        # What a layer aside makes goes to where both meet, though that may not take it over by itself.
        into = hangs.setdefault(first if one in apart else to, [])
        if one not in into:
            into.append(one)
    for fan in fans:
        hangs.setdefault(fan.trunk, []).extend(branch[-1] for branch in fan.others)
    fed = {u for sources in hangs.values() for u in sources}

    def ending(path: Path) -> Ending:
        return Ending(path, tuple(u for w in path for u in hangs.get(w, ()) if u not in path))

    def paths(v: int) -> Iterator[Path]:
        found = list(paths_to(v, alone, longest))
        for path in (*found, *fanned_out(found, fans, alone, longest)):
            yield path
            wider = widened(path, beside, apart)
            if wider != path:
                yield wider

    return Trees(
        tuple(tuple(map(ending, paths(v))) for v in range(layers)),
        tuple(v for v in range(layers) if v not in fed),
    )


def fanned_out(
    paths: Sequence[Path], fans: Sequence[Fan], feeds: Mapping[int, Sequence[int]], longest: int
) -> list[Path]:
    """Return what paths become with other branches of the fans whose trunks they have, the shortest first.

    What comes before a path is that of the first of its branches: of any that has it, where the trunk has none.
    """
    found = list(paths)
    for fan in fans:
        found += [wider for path in found for wider in _fan_out(path, fan, feeds, longest)]
    return sorted(found[len(paths) :], key=len)


def _fan_out(path: Path, fan: Fan, feeds: Mapping[int, Sequence[int]], longest: int) -> Iterator[Path]:
    """Yield a path with any of the other branches of a fan in front of its trunk."""
    if fan.trunk not in path:
        return
    at = path.index(fan.trunk)
    ways = [((), branch) for branch in fan.others]
    for own in itertools.product(*ways):
        within = tuple(itertools.chain(path[:at], *own, path[at:]))
        if any(own) and len(within) <= longest:
            yield within
            if at == 0:
                yield from _led(within, own, feeds, longest)


def _led(path: Path, own: Sequence[Path], feeds: Mapping[int, Sequence[int]], longest: int) -> Iterator[Path]:
    """Yield a path with what comes before one of its ``own`` branches, which is the first then."""
    for branch in own:
        left = longest - len(path)
        if branch and left > 0 and feeds.get(branch[0]):
            rest = tuple(i for i in path if i not in branch)
            for before in paths_to(branch[0], feeds, left + 1):
                if len(before) > 1:
                    yield (*before, *branch[1:], *rest)


def _are_together(first: int, to: int, feeds: Mapping[int, Sequence[int]], longest: int) -> bool:
    """Return whether a path has both of these layers."""
    return any(first in path for path in paths_to(to, feeds, longest))


def widened(path: Path, aside: Mapping[int, tuple[int, int]], apart: Collection[int] = ()) -> Path:
    """Return a path with all layers ``aside`` that may be in it; those ``apart`` do not need where they go to."""
    beside = {
        first: one
        for one, (first, to) in aside.items()
        if first in path and one not in path and (to in path or one in apart)
    }
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
        for v in self._trees.order:
            endings = self._own[v]
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
    least: dict[int, float] = {}
    known: dict[int, list[tuple[Ending, float]]] = {}
    for v in trees.order:
        costs = [(ending, cost(ending.path)) for ending in trees.endings[v]]
        known[v] = [(ending, own + sum(least[u] for u in ending.hanging)) for ending, own in costs if own is not None]
        least[v] = min(total for _, total in known[v])
    every = sum(least[v] for v in trees.roots)
    # What the best cut costs that has a layer, and all that hangs on it at its best: first known of roots.
    reached = [every if v in set(trees.roots) else math.inf for v in range(len(least))]
    found: dict[Path, float] = {}
    for v in reversed(trees.order):
        for ending, total in known[v]:
            found[ending.path] = reached[v] - least[v] + total
            for u in ending.hanging:
                reached[u] = min(reached[u], found[ending.path])
    return found
