"""Is the best cut of a network into groups found, of groups that are the same however they are found?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim import simulate
from lw3dsim.machine.problem import problem_of
from lw3dsim.map.group.partition import Partition, costs_with, make_trees, paths_to, widened
from lw3dsim.network import fusion
from lw3dsim.network.chains import group_along, trees_of
from lw3dsim.network.forest import forest_of
from lw3dsim.network.layouts import free_blocks
from lw3dsim.network.pipeline import resolve_design, resolve_network
from lw3dsim.transform.algorithms import candidates


@st.composite
def trees(draw):
    """Links of a few layers: each feeds one later layer or none; and a cost of every path."""
    layers = draw(st.integers(1, 7))
    feeds: dict[int, list[int]] = {}
    for u in range(layers - 1):
        v = draw(st.one_of(st.none(), st.integers(u + 1, layers - 1)))
        if v is not None:
            feeds.setdefault(v, []).append(u)
    longest = draw(st.integers(1, 4))
    paths = [path for v in range(layers) for path in paths_to(v, feeds, longest)]
    cost = {
        path: draw(st.integers(0, 20)) if len(path) == 1 else draw(st.none() | st.integers(0, 30)) for path in paths
    }
    return layers, feeds, longest, cost


@settings(max_examples=150)
@given(trees())
def test_no_other_cut_is_cheaper(tree):
    layers, feeds, longest, cost = tree
    chosen = Partition(make_trees(layers, feeds, longest), cost.get).best()
    assert sorted(i for path in chosen for i in path) == list(range(layers))
    allowed = [path for path, value in cost.items() if value is not None]
    least = min(sum(cost[path] for path in cut) for cut in cuts(frozenset(range(layers)), allowed))
    assert sum(cost[path] for path in chosen) == least


@settings(max_examples=100)
@given(trees(), st.data())
def test_no_other_cut_is_cheaper_where_layers_stand_aside(tree, data):
    layers, feeds, longest, cost = tree
    far = [path for path in cost if len(path) > 1]
    chain = data.draw(st.sampled_from(far)) if far else (0,)
    fed = {u for sources in feeds.values() for u in sources}
    free = [i for i in range(layers) if i not in fed and i not in feeds and i not in chain]
    unreached = [i for i in range(layers) if not any(i in path and chain[0] in path for path in cost)]
    to = data.draw(st.sampled_from([chain[-1], *unreached]))
    one = data.draw(st.sampled_from([i for i in free if i != to] or [None]))
    aside = {one: (chain[0], to)} if one is not None and far else {}
    for path in list(cost):
        if (wider := widened(path, aside, aside if to in unreached else ())) != path:
            cost[wider] = data.draw(st.integers(0, 30))
    chosen = Partition(make_trees(layers, feeds, longest, aside), cost.get).best()
    assert sorted(i for path in chosen for i in path) == list(range(layers))
    allowed = [path for path, value in cost.items() if value is not None]
    least = min(sum(cost[path] for path in cut) for cut in cuts(frozenset(range(layers)), allowed))
    assert sum(cost[path] for path in chosen) == least


@settings(max_examples=150)
@given(trees())
def test_what_a_cut_costs_with_a_path_is_the_least_of_all_cuts_that_have_it(tree):
    layers, feeds, longest, cost = tree
    allowed = [path for path, value in cost.items() if value is not None]
    every = [set(cut) for cut in cuts(frozenset(range(layers)), allowed)]
    found = costs_with(make_trees(layers, feeds, longest), cost.get)
    assert found == {path: min(sum(cost[one] for one in cut) for cut in every if path in cut) for path in allowed}


@settings(max_examples=100)
@given(trees(), st.data())
def test_a_cut_that_is_kept_up_to_date_is_the_one_made_anew(tree, data):
    layers, feeds, longest, cost = tree
    known = make_trees(layers, feeds, longest)
    partition = Partition(known, cost.get)
    for _ in range(3):
        changed = data.draw(st.lists(st.sampled_from(sorted(cost)), max_size=3))
        cost |= {path: data.draw(st.integers(0, 20)) for path in changed}
        partition.renew(changed)
        assert partition.best() == Partition(known, cost.get).best()


def cuts(left, paths):
    """All ways to cover the layers that are left by disjoint paths."""
    if not left:
        yield ()
        return
    first = min(left)
    for path in paths:
        if first in path and left.issuperset(path):
            for others in cuts(left - set(path), paths):
                yield (path, *others)


@settings(max_examples=40)
@given(st.data())
def test_designs_have_the_groups_of_one_forest_of_their_own_problems(data):
    name = data.draw(st.sampled_from(("c3d", "slowfast_small", "movinet_a0", "movinet_a0_stream")))
    network = resolve_network(name, "fsb_c3d" if name == "c3d" else None, None, None)
    for _ in range(2):
        arch = data.draw(st.sampled_from(("edge_base", "edge_small", "eyeriss_like")))
        design = resolve_design(arch, (), data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)))
        problems = [
            problem_of(network, layer, candidates(layer, "hfa", design.winograd.m1, design.winograd.m2)[0], design)
            for layer in network.layers
        ]
        apart, free = data.draw(st.sets(st.integers(0, 5))), free_blocks(network, design, ())
        forest = forest_of(network, problems, design, apart)
        assert forest.trees == trees_of(network, problems, design, apart)
        along = {path: group_along(network, problems, path, free) for path in forest.trees.paths}
        assert forest.groups_of(problems, free) == {path: one for path, one in along.items() if one}


def fused_c3d(objective):
    asked = {"transform": "fsb_c3d", "algorithm": "hfa", "input_size": "16x32x32"}
    return simulate("c3d", **asked, fusion="auto", objective=objective).to_json()


@pytest.mark.parametrize("objective", ["latency", "energy"])
def test_what_bounds_keep_out_of_the_best_cut_would_not_be_in_it(monkeypatch, objective):
    estimated, estimate = [], fusion.Judge.estimate

    def counted(judge, path):
        estimated.append(path)
        estimate(judge, path)

    def at_once(judge, path):
        if path in judge.bounded:
            judge.estimate(path)
        return judge.costs.get(path)

    monkeypatch.setattr(fusion.Judge, "estimate", counted)
    lazily, some = fused_c3d(objective), len(estimated)
    monkeypatch.setattr(fusion.Judge, "cost", at_once)
    assert fused_c3d(objective) == lazily
    assert 0 < some < len(estimated) - some


@pytest.mark.parametrize("objective", ["latency", "energy"])
def test_groups_that_are_tried_but_not_simulated_would_not_be_chosen(monkeypatch, objective):
    simulated, simulate_path = [], fusion.Judge.simulate

    def counted(judge, path):
        simulated.append(path)
        simulate_path(judge, path)

    def at_once(judge, path):
        judge.tried.add(path)
        judge.simulate(path)

    monkeypatch.setattr(fusion.Judge, "simulate", counted)
    lazily, some = fused_c3d(objective), len(simulated)
    monkeypatch.setattr(fusion.Judge, "try_group", at_once)
    assert fused_c3d(objective) == lazily
    eagerly = len(simulated) - some
    # Bounds know no energy.
    assert 0 < some < eagerly or (objective == "energy" and some == eagerly)
