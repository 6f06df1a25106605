"""Where to fuse and how tensors lie: cuts into groups, with a layout of every tensor in DRAM, as one choice.

What a group costs depends on how its input and its output lie; a tensor lies alike for the one that writes it and for
all that read it. So the cheapest cut of all that hangs on a layer is a table over the layouts of those tensors in it
that others use as well. Tables are joined along the trees of links, then from tree to tree; a tensor goes from them,
at its best, once nobody else uses it. The sum is the least over all cuts and all layouts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from lw3dsim.base.arrays import Floats
    from lw3dsim.map.group.partition import Ending, Path, Trees

# By tensor, the number of its layout.
Layouts = dict[str, int]


class Table(NamedTuple):
    """Costs by the layouts of ``tensors``, an axis for each, in the order of their names."""

    tensors: tuple[str, ...]
    cost: Floats

    def along(self, tensors: Sequence[str]) -> Floats:
        """Return the costs with an axis for each of more tensors."""
        return self.cost[tuple(slice(None) if name in self.tensors else None for name in tensors)]

    def at(self, layouts: Layouts) -> Floats:
        """Return the costs where some tensors lie so: an axis for each of the others."""
        return np.asarray(self.cost[tuple(layouts.get(name, slice(None)) for name in self.tensors)])

    def without(self, tensors: Collection[str]) -> Table:
        """Return the costs with some tensors at their best."""
        axes = tuple(i for i, name in enumerate(self.tensors) if name in tensors)
        left = tuple(name for name in self.tensors if name not in tensors)
        return Table(left, self.cost.min(axis=axes)) if axes else self

    def settle(self, layouts: Layouts) -> None:
        """Add the best layouts of the tensors that have none yet, of equal ones the first."""
        free = [name for name in self.tensors if name not in layouts]
        cost = self.at(layouts)
        for name, number in zip(free, np.unravel_index(int(cost.argmin()), cost.shape), strict=True):
            layouts[name] = int(number)


def added(tables: Sequence[Table]) -> Table:
    """Return the sums of costs."""
    tensors = tuple(sorted({name for table in tables for name in table.tensors}))
    total: Floats = np.zeros((1,) * len(tensors))
    for table in tables:
        total = total + table.along(tensors)
    return Table(tensors, total)


class Ended(NamedTuple):
    """An ending: what it costs with all that hangs on it, and what by the tensors that others use too."""

    ending: Ending
    table: Table
    outside: Table


class Node(NamedTuple):
    """A layer: what all that hangs on it costs, and which of the ``endings`` is the best where."""

    table: Table
    best: Table
    endings: list[Ended]


class LaidPartition:
    """The cheapest cut of all layers into groups with the layouts of all tensors, worked out anew where costs change.

    Of equal cuts, the one of shorter groups wins.
    """

    def __init__(
        self, trees: Trees, cost: Callable[[Path], Table | None], users: Mapping[str, Collection[int]]
    ) -> None:
        """Cut by the ``cost`` of paths: None where one can't be a group; of a single layer it never is.

        ``users`` are, by tensor, all layers that read or write it.
        """
        self._trees, self._cost = trees, cost
        self._nodes: dict[int, Node] = {}
        self._ended: dict[Path, Ended | None] = {}
        self._private = _private(trees, users)
        self._settle({ending.path for endings in trees.endings for ending in endings})

    def renew(self, paths: Iterable[Path]) -> None:
        """Ask anew what these paths cost."""
        self._settle(set(paths))

    def best(self) -> tuple[float, list[Path], Layouts]:
        """Return what the best cut costs, its groups, ordered by their last layers, and the layouts of tensors."""
        tables, joined = [self._nodes[v].table for v in self._trees.roots], list[Table]()
        joins = {name: _joined(tables, name) for name in {name for table in tables for name in table.tensors}}
        while joins:
            name = min(joins, key=lambda name: (joins[name], name))
            whole = added([table for table in tables if name in table.tensors])
            joined.append(whole)
            without = whole.without({name})
            tables = [table for table in tables if name not in table.tensors] + [without]
            del joins[name]
            # Only what was in a table with it is in another now.
            joins |= {other: _joined(tables, other) for other in without.tensors}
        layouts: Layouts = {}
        for whole in reversed(joined):
            whole.settle(layouts)
        return math.fsum(float(table.cost) for table in tables), self._groups(layouts), layouts

    def _groups(self, layouts: Layouts) -> list[Path]:
        """Return the chosen groups, and add the layouts of tensors that only these use."""
        chosen: list[Path] = []
        left = list(self._trees.roots)
        while left:
            node = self._nodes[left.pop()]
            ending, table, _ = node.endings[int(node.best.at(layouts))]
            table.settle(layouts)
            chosen.append(ending.path)
            left += ending.hanging
        return sorted(chosen, key=lambda path: path[-1])

    def _settle(self, asked: set[Path]) -> None:
        """Choose the best endings of layers where the costs of a path were ``asked``, or what hangs on it changed."""
        changed = set[int]()
        for v in self._trees.order:
            endings = self._trees.endings[v]
            anew = [one for one in endings if one.path in asked or not changed.isdisjoint(one.hanging)]
            if anew:
                self._ended |= {ending.path: self._end(v, ending) for ending in anew}
                before, node = self._nodes.get(v), self._node(v)
                self._nodes[v] = node
                if before is None or not np.array_equal(before.table.cost, node.table.cost):
                    changed.add(v)

    def _end(self, v: int, ending: Ending) -> Ended | None:
        own = self._cost(ending.path)
        if own is None:
            return None
        table = added([own, *(self._nodes[u].table for u in ending.hanging)])
        return Ended(ending, table, table.without(self._private[v]))

    def _node(self, v: int) -> Node:
        known = (self._ended[ending.path] for ending in self._trees.endings[v])
        endings = [ended for ended in known if ended is not None]
        if not endings:
            raise ValueError(f"layer {v} has no cost by itself")
        tensors = tuple(sorted({name for ended in endings for name in ended.outside.tensors}))
        costs = np.stack(np.broadcast_arrays(*(ended.outside.along(tensors) for ended in endings)))
        return Node(Table(tensors, costs.min(axis=0)), Table(tensors, costs.argmin(axis=0)), endings)


def _joined(tables: Sequence[Table], name: str) -> int:
    """Return how many tensors are in a table with one of this name, itself among them."""
    return len({other for table in tables if name in table.tensors for other in table.tensors})


def _private(trees: Trees, users: Mapping[str, Collection[int]]) -> list[set[str]]:
    """Return, by layer, the tensors that only it and all that may hang on it use."""
    used = [set[str]() for _ in trees.endings]
    for name, those in users.items():
        for v in those:
            used[v].add(name)
    under: dict[int, set[int]] = {}
    private = [set[str]() for _ in trees.endings]
    for v in trees.order:
        below = {u for ending in trees.endings[v] for u in (*ending.path, *ending.hanging)} - {v}
        under[v] = {v}.union(*(under[u] for u in below))
        private[v] = {name for u in under[v] for name in used[u] if under[v].issuperset(users[name])}
    return private
