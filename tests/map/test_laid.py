"""Is the cut with layouts, worked out layer by layer, the cheapest of all cuts under all layouts?"""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_space import cuts

from lw3dsim.map.group.laid import LaidPartition, Table
from lw3dsim.map.group.partition import make_trees

LAYOUTS = 2


@st.composite
def cases(draw):
    """Layers that read one or two before them, which may be linked; costs of paths by the layouts of their ends."""
    layers = draw(st.integers(1, 7))
    reads = [draw(st.integers(-1, v - 1)) for v in range(layers)]
    feeds, fed = {}, set()
    for v in range(layers):
        sources = [reads[v]] if reads[v] >= 0 and draw(st.booleans()) else []
        sources += [u for u in range(v) if u != reads[v] and draw(st.integers(0, 3)) == 0]
        feeds[v] = [u for u in sources if u not in fed][:2]
        fed.update(feeds[v])
    trees = make_trees(layers, feeds, draw(st.integers(1, 4)))
    # A tensor that is free has an axis in the tables of those that read it first, and of its writer.
    free = {v for v in range(-1, layers) if draw(st.booleans())}
    costs = {}
    for path in trees.paths:
        if len(path) > 1 and draw(st.integers(0, 3)) == 0:
            continue
        names = tuple(sorted({name(u) for u in (reads[path[0]], path[-1]) if u in free}))
        values = [draw(st.integers(0, 9)) + (len(path) > 1) for _ in range(LAYOUTS ** len(names))]
        costs[path] = Table(names, np.array(values, dtype=float).reshape([LAYOUTS] * len(names)))
    users = {name(u): {v for v in range(layers) if reads[v] == u or v == u} for u in free}
    return trees, costs, {tensor: those for tensor, those in users.items() if those}


def name(tensor):
    return f"t{tensor + 1}"


def priced(paths, costs, layouts):
    return sum(float(costs[path].cost[tuple(layouts[tensor] for tensor in costs[path].tensors)]) for path in paths)


def cheapest(trees, costs, users):
    """Try every cut under all layouts."""
    named, layers = sorted(users), set(range(len(trees.endings)))
    return min(
        priced(paths, costs, dict(zip(named, numbers, strict=True)))
        for paths in cuts(layers, list(costs))
        for numbers in itertools.product(range(LAYOUTS), repeat=len(named))
    )


@settings(max_examples=300)
@given(cases())
def test_no_cut_under_any_layouts_costs_less(case):
    trees, costs, users = case
    least, paths, layouts = LaidPartition(trees, costs.get, users).best()
    assert sorted(i for path in paths for i in path) == list(range(len(trees.endings)))
    assert least == priced(paths, costs, layouts) == cheapest(trees, costs, users)


@settings(max_examples=100)
@given(cases(), st.data())
def test_costs_that_change_count_once_they_are_asked_for_anew(case, data):
    trees, costs, users = case
    partition = LaidPartition(trees, costs.get, users)
    changed = data.draw(st.sets(st.sampled_from(sorted(costs)), max_size=4))
    for path in changed:
        costs[path] = Table(costs[path].tensors, costs[path].cost + data.draw(st.integers(1, 5)))
    partition.renew(changed)
    assert partition.best()[0] == cheapest(trees, costs, users)


def test_what_nobody_can_be_part_of_costs_infinitely_much():
    table = Table((), np.array(math.inf))
    trees = make_trees(2, {1: [0]}, 2)
    own = {(0,): Table((), np.array(1.0)), (1,): Table((), np.array(2.0)), (0, 1): table}
    assert LaidPartition(trees, own.get, {}).best() == (3.0, [(0,), (1,)], {})
