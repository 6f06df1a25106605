"""Are the best neighbours fused, and does a network with fused groups keep every contract of a result?"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim import execute, simulate
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.machine.problem import problem_of
from lw3dsim.map.group.partition import Partition, costs_with, make_trees, paths_to, widened
from lw3dsim.network import fusion
from lw3dsim.network.apart import map_layers
from lw3dsim.network.chains import branches, can_wait, group_along, links, operands, reads, stored_of, trees_of
from lw3dsim.network.forest import forest_of
from lw3dsim.network.layouts import free_blocks
from lw3dsim.network.pipeline import resolve_design, resolve_network
from lw3dsim.transform.algorithms import candidates

C3D = ("c3d", "--transform", "fsb_c3d", "--input", "16x56x56", "--format", "json")

BOTTLENECK = """
name: bottleneck
inputs:
  clip: {channels: 32, frames: 4, height: 16, width: 16}
layers:
  - {name: r.a, kind: conv3d, out_channels: 8, kernel: [3, 1, 1], padding: [1, 0, 0], activation: relu}
  - {name: r.b, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1], activation: relu}
  - {name: r.c, kind: conv3d, out_channels: 32, kernel: [1, 1, 1]}
  - {name: r.sum, kind: add, inputs: [r.c, clip], activation: relu}
  - {name: s.c, kind: conv3d, inputs: r.sum, out_channels: 16, kernel: [1, 1, 1]}
  - {name: s.short, kind: conv3d, inputs: r.sum, out_channels: 16, kernel: [3, 1, 1], padding: [1, 0, 0]}
  - {name: s.sum, kind: add, inputs: [s.c, s.short]}
  - {name: pool, kind: pool3d, mode: max, kernel: [1, 2, 2]}
"""


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


@settings(deadline=None, max_examples=150)
@given(trees())
def test_no_other_cut_is_cheaper(tree):
    layers, feeds, longest, cost = tree
    chosen = Partition(make_trees(layers, feeds, longest), cost.get).best()
    assert sorted(i for path in chosen for i in path) == list(range(layers))
    allowed = [path for path, value in cost.items() if value is not None]
    least = min(sum(cost[path] for path in cut) for cut in cuts(frozenset(range(layers)), allowed))
    assert sum(cost[path] for path in chosen) == least


@settings(deadline=None, max_examples=100)
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


@settings(deadline=None, max_examples=150)
@given(trees())
def test_what_a_cut_costs_with_a_path_is_the_least_of_all_cuts_that_have_it(tree):
    layers, feeds, longest, cost = tree
    allowed = [path for path, value in cost.items() if value is not None]
    every = [set(cut) for cut in cuts(frozenset(range(layers)), allowed)]
    found = costs_with(make_trees(layers, feeds, longest), cost.get)
    assert found == {path: min(sum(cost[one] for one in cut) for cut in every if path in cut) for path in allowed}


@settings(deadline=None, max_examples=100)
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


def problems_alone(network):
    return [run.work.problem for run in map_layers(network, resolve_design("edge_base", (), None, None))]


def linked(text):
    network = resolve_network(parse_workload(text), None, None, None)
    problems = problems_alone(network)
    number = {layer.name: i for i, layer in enumerate(network.layers)}
    names = {i: name for name, i in number.items()}
    return network, {
        names[v]: {names[u] for u in sources} for v, sources in links(network, problems).items() if sources
    }


def test_only_tensors_with_a_single_user_stay_on_chip():
    network, feeds = linked(BOTTLENECK)
    # r.sum is read twice: on the way to s.sum one of its users stands beside the other.
    assert feeds == {
        "r.b": {"r.a"}, "r.c": {"r.b"}, "r.sum": {"r.c"}, "s.short": {"r.sum"}, "s.sum": {"s.c", "s.short"},
        "pool": {"s.sum"},
    }  # fmt: skip
    layers = {layer.name: layer for layer in network.layers}
    chain = [layers[name] for name in ("r.a", "r.b", "r.c", "r.sum")]
    assert operands(chain) == ("none", "none", "none", "input")
    assert operands([layers["r.c"], layers["r.sum"]]) == ("none", "dram")
    assert operands([layers["s.short"], layers["s.sum"]]) == ("none", "dram")


RESIDUAL = """
name: residual
inputs:
  clip: {channels: 16, frames: 2, height: 12, width: 12}
layers:
  - {name: stem, kind: conv3d, out_channels: 32, kernel: [1, 3, 3], padding: [0, 1, 1], activation: relu}
  - {name: r.a, kind: conv3d, out_channels: 8, kernel: [1, 1, 1], activation: relu}
  - {name: r.b, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1], activation: relu}
  - {name: r.c, kind: conv3d, out_channels: 32, kernel: [1, 1, 1]}
  - {name: r.sum, kind: add, inputs: [r.c, stem], activation: relu}
  - {name: s.a, kind: conv3d, out_channels: 8, kernel: [3, 1, 1], padding: [1, 0, 0], activation: relu}
  - {name: s.c, kind: conv3d, out_channels: 32, kernel: [1, 1, 1]}
  - {name: s.sum, kind: add, inputs: [r.sum, s.c], activation: relu}
  - {name: left, kind: conv3d, inputs: s.sum, out_channels: 4, kernel: [1, 1, 1]}
  - {name: right, kind: conv3d, inputs: s.sum, out_channels: 4, kernel: [1, 1, 1]}
  - {name: both, kind: concat, inputs: [left, right]}
"""


def test_a_tensor_that_an_addition_waits_for_stays_on_chip_and_is_stored_where_not_all_its_users_are_inside():
    network, feeds = linked(RESIDUAL)
    assert feeds == {
        "r.a": {"stem"}, "r.b": {"r.a"}, "r.c": {"r.b"}, "r.sum": {"r.c"}, "s.a": {"r.sum"}, "s.c": {"s.a"},
        "s.sum": {"s.c"}, "left": {"s.sum"},
    }  # fmt: skip
    runs = map_layers(network, resolve_design("edge_base", (), None, None))
    chain, problems = list(network.layers[:8]), [run.work.problem for run in runs[:8]]
    assert operands(chain) == ("none", "none", "none", "none", 1, "none", "none", 5)
    stores = {(0, 8): (), (1, 8): (), (0, 4): (1,), (4, 8): (), (3, 6): (2,), (5, 8): ()}
    for (begin, end), stored in stores.items():
        assert can_wait(network, chain[begin:end], problems[begin:end])
        assert stored_of(network, chain[begin:end]) == stored


ASKEW = """
name: askew
inputs:
  clip: {channels: 8, frames: 1, height: 6, width: 6}
layers:
  - {name: stem, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1]}
  - {name: a, kind: conv3d, inputs: stem, out_channels: 8, kernel: [1, 1, 1]}
  - {name: side, kind: conv3d, inputs: stem, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1], groups: 8}
  - {name: b, kind: conv3d, inputs: a, out_channels: 8, kernel: [1, 1, 1]}
  - {name: sum, kind: add, inputs: [b, side]}
"""


def test_a_group_with_two_outputs_computes_what_its_layers_do_in_fewer_bytes(tmp_path):
    workload, mapping = tmp_path / "askew.yaml", tmp_path / "mapping.yaml"
    workload.write_text(ASKEW.replace("inputs: a,", "inputs: a, activation: relu,"))
    mapping.write_text(
        "units:\n  - group:\n    - {layer: stem, resident: true}\n    - {layer: a, resident: true}\n"
        "    tile: {t: 1, h: 2, w: 6}\n    kept: h\n    chunks: [8, 8]\n    ofmap_slots: 2\n"
    )
    found = [simulate(workload, "edge_base", mapping=mapping, engine=engine, clips=2) for engine in ("auto", "simpy")]
    assert found[0].totals == found[1].totals
    apart = simulate(workload, "edge_base", clips=2)
    (group,) = [layer for layer in found[0].data["layers"] if layer["kind"] == "fused"]
    # What it makes and stores, once each, in whole bursts; that a reads comes from no DRAM.
    assert group["name"] == "stem+a"
    assert group["dram_bytes_breakdown"]["ofmap"] >= 2 * 8 * 6 * 6
    assert found[0].totals.dram_bytes < apart.totals.dram_bytes
    assert execute(workload, "edge_base", mapping=mapping).exact


def test_a_tensor_is_stored_on_the_way_only_for_layers_behind_the_chain():
    network, feeds = linked(ASKEW)
    assert feeds["a"] == {"stem"}
    layers, problems = list(network.layers), problems_alone(network)
    short, long = [0, 1], [0, 1, 3]
    assert can_wait(network, [layers[i] for i in short], [problems[i] for i in short])
    assert stored_of(network, [layers[i] for i in short]) == (1,)
    # What stands between reads the stem before b runs.
    assert not can_wait(network, [layers[i] for i in long], [problems[i] for i in long])


PROJECTED = """
name: projected
inputs:
  clip: {channels: 16, frames: 4, height: 12, width: 12}
layers:
  - {name: stem, kind: conv3d, out_channels: 16, kernel: [1, 3, 3], padding: [0, 1, 1], activation: relu}
  - {name: r.short, kind: conv3d, out_channels: 32, kernel: [1, 1, 1], stride: [1, 2, 2]}
  - {name: r.a, kind: conv3d, inputs: stem, out_channels: 8, kernel: [3, 1, 1], padding: [1, 0, 0], activation: relu}
  - {name: r.b, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], stride: [1, 2, 2], padding: [0, 1, 1]}
  - {name: r.c, kind: conv3d, out_channels: 32, kernel: [1, 1, 1]}
  - {name: r.sum, kind: add, inputs: [r.c, r.short], activation: relu}
  - {name: s.a, kind: conv3d, out_channels: 8, kernel: [1, 1, 1], activation: relu}
  - {name: s.b, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1], activation: relu}
  - {name: s.c, kind: conv3d, out_channels: 32, kernel: [1, 1, 1]}
  - {name: s.sum, kind: add, inputs: [s.c, r.sum], activation: relu}
"""


def test_a_branch_stands_before_the_layer_that_reads_the_same():
    network, feeds = linked(PROJECTED)
    assert feeds["r.a"] == {"stem"}
    assert "r.short" not in feeds or not feeds["r.short"]
    all_problems = problems_alone(network)
    names = [layer.name for layer in network.layers]
    ours = {names[s]: (names[a], names[b]) for s, (a, b) in branches(network, all_problems).items()}
    assert ours == {"r.short": ("r.a", "r.sum")}
    assert widened((0, 2, 3, 4, 5), {1: (2, 5)}) == (0, 1, 2, 3, 4, 5)
    assert widened((0, 2, 3, 4), {1: (2, 5)}) == (0, 2, 3, 4)
    chain, problems = list(network.layers[:6]), all_problems[:6]
    assert reads(chain) == (0, 1, 1, 3, 4, 5)
    assert operands(chain) == ("none", "none", "none", "none", "none", 2)
    assert can_wait(network, chain, problems)
    assert can_wait(network, chain[1:], problems[1:])
    without = [i for i in range(6) if i != 1]
    assert not can_wait(network, [chain[i] for i in without], [problems[i] for i in without])


EXCITED = """
name: excited
inputs:
  clip: {channels: 16, frames: 4, height: 12, width: 12}
layers:
  - {name: stem, kind: conv3d, out_channels: 16, kernel: [1, 3, 3], padding: [0, 1, 1], activation: relu}
  - {name: r.a, kind: conv3d, out_channels: 8, kernel: [1, 1, 1], activation: relu}
  - {name: r.b, kind: conv3d, out_channels: 8, kernel: 3, stride: [1, 2, 2], padding: 1, groups: 8}
  - {name: r.pool, kind: pool3d, mode: avg, kernel: global}
  - {name: r.gate, kind: gate, inputs: [r.b, r.pool]}
  - {name: r.c, kind: conv3d, out_channels: 32, kernel: [1, 1, 1]}
  - {name: r.short, kind: conv3d, inputs: stem, out_channels: 32, kernel: [1, 1, 1], stride: [1, 2, 2]}
  - {name: r.sum, kind: add, inputs: [r.c, r.short], activation: relu}
"""


def test_a_branch_whose_addition_is_out_of_reach_goes_with_the_layer_that_reads_the_same_and_is_stored():
    network, _ = linked(EXCITED)
    problems, names = problems_alone(network), [layer.name for layer in network.layers]
    ours = {names[s]: (names[a], names[b]) for s, (a, b) in branches(network, problems).items()}
    assert ours == {"r.short": ("r.a", "r.sum")}
    paths = trees_of(network, problems, load_arch("edge_base"), ()).paths
    chain = ("stem", "r.short", "r.a", "r.b")
    assert tuple(map(names.index, chain)) in paths
    assert not any({"r.short", "r.sum"} <= {names[i] for i in path} for path in paths)
    assert stored_of(network, [network.layers[names.index(name)] for name in chain]) == (2,)


def test_what_such_a_branch_makes_and_moves_is_what_its_layer_does_by_itself(cli, tmp_path):
    workload, mapping = tmp_path / "excited.yaml", tmp_path / "mapping.yaml"
    workload.write_text(EXCITED)
    small = load_arch("edge_base", overrides=("buffers.ifmap_kib=4", "buffers.weight_kib=8", "buffers.ofmap_kib=12"))
    for design in (small, "edge_base"):
        asked = {"fusion": "auto", "objective": "dram_bytes_only", "clips": 2}
        found, simpy = (simulate(workload, design, engine=engine, **asked) for engine in ("auto", "simpy"))
        assert found.totals == simpy.totals
        assert found.totals.dram_bytes == found.totals.least_dram_bytes
        assert execute(workload, design, fusion="auto", objective="dram_bytes_only").exact
        (group, *_) = found.data["layers"]
        assert group["name"] == "stem+r.short+r.a+r.b"
    # Of the output of the stem nothing is moved; what the branch makes is written, half as high and wide.
    weights = 16 * 16 * 9 + 16 * 32 + 16 * 8 + 8 * 27
    assert group["compulsory_bytes"] == 4 * (16 * 12 * 12 + 32 * 6 * 6 + 8 * 6 * 6) + weights
    options = ("--fusion", "auto", "--objective", "dram_bytes_only")
    assert cli("map", str(workload), *options, "--save", str(mapping)).exit_code == 0
    assert simulate(workload, "edge_base", mapping=mapping).totals.dram_bytes == found.totals.dram_bytes


@pytest.mark.parametrize("sizes", [("buffers.ifmap_kib=4", "buffers.weight_kib=8", "buffers.ofmap_kib=12"), ()])
def test_blocks_with_projections_are_one_group_and_compute_what_their_layers_do(cli, tmp_path, sizes):
    workload, mapping = tmp_path / "projected.yaml", tmp_path / "mapping.yaml"
    workload.write_text(PROJECTED)
    design = load_arch("edge_base", overrides=sizes)
    result = simulate(workload, design, fusion="auto", objective="dram_bytes", clips=2)
    assert result.data["layers"][0]["name"].startswith("stem+r.short+r.a+r.b+r.c+r.sum")
    assert result.totals.dram_bytes < simulate(workload, design, objective="dram_bytes").totals.dram_bytes
    options = ("--fusion", "auto", "--objective", "dram_bytes", *(part for size in sizes for part in ("--set", size)))
    assert cli("map", str(workload), *options, "--save", str(mapping)).exit_code == 0
    again = simulate(workload, design, mapping=mapping, engine="simpy", clips=2)
    assert again.totals == result.totals
    assert execute(workload, design, fusion="auto", objective="dram_bytes").exact


@pytest.mark.parametrize("sizes", [("buffers.ifmap_kib=4", "buffers.weight_kib=8", "buffers.ofmap_kib=12"), ()])
def test_residual_blocks_are_one_group_and_compute_what_their_layers_do(cli, tmp_path, sizes):
    workload, mapping = tmp_path / "residual.yaml", tmp_path / "mapping.yaml"
    workload.write_text(RESIDUAL)
    design = load_arch("edge_base", overrides=sizes)
    result = simulate(workload, design, fusion="auto", objective="dram_bytes", clips=2)
    apart = simulate(workload, design, objective="dram_bytes")
    assert any("r.c+r.sum+s.a+s.c+s.sum" in layer["name"] for layer in result.data["layers"])
    assert result.totals.dram_bytes < apart.totals.dram_bytes
    options = ("--fusion", "auto", "--objective", "dram_bytes", *(part for size in sizes for part in ("--set", size)))
    assert cli("map", str(workload), *options, "--save", str(mapping)).exit_code == 0
    again = simulate(workload, design, mapping=mapping, engine="simpy", clips=2)
    assert again.totals == result.totals
    assert execute(workload, design, fusion="auto", objective="dram_bytes").exact


@pytest.fixture(scope="module", params=["latency", "energy", "edp", "dram_bytes"])
def pair(request):
    """C3D's FSB form by itself, and fused for an objective."""
    made = {"transform": "fsb_c3d", "algorithm": "hfa", "input_size": "16x56x56"}
    return simulate("c3d", **made), simulate("c3d", **made, fusion="auto", objective=request.param), request.param


def test_fusion_is_no_worse_than_none(pair):
    alone, fused, objective = pair
    figures = {"latency": "latency_cycles", "energy": "energy_pj", "edp": "edp_js", "dram_bytes": "dram_read_bytes"}
    figure = figures[objective]
    assert fused.totals[figure] <= alone.totals[figure] * 1.002
    assert fused.totals["dram_read_bytes"] + fused.totals["dram_write_bytes"] < 0.8 * (
        alone.totals["dram_read_bytes"] + alone.totals["dram_write_bytes"]
    )
    for name in ("macs", "params"):
        assert fused.totals[name] == alone.totals[name]


def test_fused_groups_keep_the_invariants(pair):
    _, fused, _ = pair
    for layer in fused.data["layers"]:
        moved = layer["dram_read_bytes"] + layer["dram_write_bytes"]
        assert moved >= layer["compulsory_bytes"]
        assert layer["executed_mults"] >= layer["ideal_mults"]
        assert layer["latency_cycles"] >= max(layer["dram_bound_cycles"], layer["ideal_cycles"])
        assert sum(layer["cycles_breakdown"].values()) == layer["latency_cycles"]
        assert sum(layer["dram_bytes_breakdown"].values()) == moved
        assert math.isclose(sum(layer["energy_breakdown_pj"].values()), layer["energy_pj"])
        for component, causes in layer["energy_causes_pj"].items():
            assert math.isclose(math.fsum(causes.values()), layer["energy_breakdown_pj"][component], abs_tol=1e-6)
        is_fused = layer["kind"] == "fused"
        assert is_fused == ("+" in layer["name"]) == (layer["intermediate_write_bytes"] > 0)
        assert ("intermediate_reads" in layer["energy_causes_pj"]["ofmap_sram"]) == is_fused
    names = "+".join(layer["name"] for layer in fused.data["layers"])
    for layer in resolve_network("c3d", "fsb_c3d", None, None).layers:
        assert layer.name.rsplit(".", 1)[-1] in names


@settings(deadline=None, max_examples=40)
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
        assert forest.groups_of(network, problems, free) == {path: one for path, one in along.items() if one}


@pytest.mark.parametrize("block", ["conv2a", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"])
def test_a_fused_block_moves_little_more_than_its_input_and_output(block):
    network = resolve_network("c3d", "fsb_c3d", None, None)
    design = resolve_design("edge_base", (), None, None)
    from lw3dsim.machine.problem import make_problem
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.layer.price import Price
    from lw3dsim.network.fusion import run_group

    layers = [layer for layer in network.layers if layer.name.startswith(f"{block}.") and "trg" not in layer.name]
    problems = tuple(
        make_problem(x, network.input_shapes(x), network.shapes[x.name], candidates(x, "hfa", 4, 4)[0], design)
        for x in layers
    )
    run = run_group(Group(problems, operands(layers)), design, Price(cycle=1e-6, dram_byte=1.0))
    c, m, n = problems[0].c, problems[0].n, problems[2].n
    positions = math.prod(problems[0].out)
    unfused = (c + 4 * m + n) * positions
    limit = (c + 4 * m + n) / (c + n)
    assert unfused / (run.events.dram_ifmap_bytes + run.events.dram_ofmap_bytes) >= 0.85 * limit


def test_the_command_line_fuses(cli_json):
    result = cli_json("simulate", *C3D, "--fusion", "auto", "--objective", "dram_bytes")
    assert result["config"]["fusion"] == "auto"
    names = [layer["name"] for layer in result["layers"] if layer["kind"] == "fused"]
    assert any(name.startswith("conv4b.pointwise+pool4+conv5a") for name in names)


def test_without_a_share_of_the_buffer_nothing_is_fused(cli_json):
    result = cli_json("simulate", *C3D, "--fusion", "auto", "--set", "buffers.intermediate_share=0")
    assert all(layer["kind"] != "fused" for layer in result["layers"])


# The slice leaves rows that the padding made: nothing is needed of the convolution.
IDLE = """
name: idle
inputs:
  clip: {channels: 3, frames: 2, height: 1, width: 2}
layers:
  - {name: made, kind: conv3d, out_channels: 4, kernel: 1}
  - {name: around, kind: pad, padding: [0, [2, 0], 1]}
  - {name: rest, kind: pool3d, mode: max, kernel: [1, 2, 1], stride: [1, 2, 1]}
"""

IDLE_MAPPING = """
units:
  - group: [{layer: made}, {layer: around}, {layer: rest}]
    tile: {t: 2, h: 1, w: 4}
    chunks: [4]
    ofmap_slots: 1
"""


def test_a_layer_of_which_nothing_is_needed_is_in_no_group(cli, tmp_path):
    workload, mapping = tmp_path / "idle.yaml", tmp_path / "mapping.yaml"
    workload.write_text(IDLE)
    mapping.write_text(IDLE_MAPPING)
    fused = simulate(workload, fusion="auto")
    assert [layer["name"] for layer in fused.data["layers"]] == ["made", "around+rest"]
    refused = cli("simulate", str(workload), "--mapping", str(mapping))
    assert refused.exit_code == 2
    assert "units[0].group[0]: nothing behind made needs any of its output; take it out" in refused.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--fusion", "on"), "on"),
        (("--set", "buffers.intermediate_share=1"), "intermediate_share"),
        (("--fusion", "auto", "--objective", "speed"), "speed"),
    ],
)
def test_what_can_not_be_is_refused(cli, options, text):
    result = cli("simulate", "c3d", "--input", "16x32x32", *options)
    assert result.exit_code == 2
    assert text in result.stderr


@pytest.mark.parametrize("objective", ["latency", "dram_bytes"])
def test_the_document_shows_what_the_tool_gives(objective):
    fused = simulate("c3d", transform="fsb_c3d", algorithm="hfa", fusion="auto", objective=objective)
    totals, moved = fused.totals, fused.dram_bytes_breakdown
    figures = (
        f"{totals['latency_ms']:.2f}",
        f"{totals['energy_pj'] / 1e9:.2f}",
        f"{sum(moved.values()) / 1e6:.1f}",
        f"{(moved['ifmap'] + moved['ofmap']) / 1e6:.1f}",
        f"{moved['weight'] / 1e6:.1f}",
    )
    page = Path(__file__).parents[2] / "docs" / "fusion.md"
    row = f"| fused, `--objective {objective}` | {' | '.join(figures)} |"
    assert row in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("network", "title"), [("movinet_a0", "MoViNet-A0"), ("r2plus1d_r18", "R(2+1)D-18")])
def test_the_document_shows_what_groups_of_several_outputs_move(network, title):
    fused = simulate(network, fusion="auto", objective="dram_bytes")
    page = (Path(__file__).parents[2] / "docs" / "fusion.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {title} |")]
    assert row.endswith(f"| {fused.totals.dram_bytes / 1e6:.1f} |")


@pytest.mark.parametrize("objective", ["energy", "edp", "dram_bytes"])
def test_an_objective_is_never_served_worse_than_by_mapping_for_latency(objective):
    figure = {"energy": "energy_pj", "edp": "edp_js"}.get(objective)
    runs = [
        simulate("c3d", "edge_small", "fsb_c3d", "hfa", input_size="16x32x32", objective=each)
        for each in ("latency", objective)
    ]
    costs = [run.totals[figure] if figure else sum(run.dram_bytes_breakdown.values()) for run in runs]
    assert costs[1] <= costs[0] * 1.0001


@pytest.mark.parametrize("objective", ["latency", "energy"])
def test_what_bounds_keep_out_of_the_best_cut_would_not_be_in_it(monkeypatch, objective):
    def fused():
        return simulate("c3d", transform="fsb_c3d", algorithm="hfa", input_size="16x32x32", fusion="auto",
                        objective=objective).to_json()  # fmt: skip

    estimated, estimate = [], fusion.Judge.estimate

    def counted(judge, path):
        estimated.append(path)
        estimate(judge, path)

    def at_once(judge, path):
        if path not in judge.costs:
            bound(judge, path)
            judge.estimate(path)
        return judge.costs[path]

    monkeypatch.setattr(fusion.Judge, "estimate", counted)
    lazily, some = fused(), len(estimated)
    bound = fusion.Judge.cost
    monkeypatch.setattr(fusion.Judge, "cost", at_once)
    assert fused() == lazily
    assert 0 < some < len(estimated) - some


@pytest.mark.parametrize("objective", ["latency", "energy"])
def test_groups_that_are_tried_but_not_simulated_would_not_be_chosen(monkeypatch, objective):
    def fused():
        return simulate("c3d", transform="fsb_c3d", algorithm="hfa", input_size="16x32x32", fusion="auto",
                        objective=objective).to_json()  # fmt: skip

    simulated, simulate_path = [], fusion.Judge.simulate

    def counted(judge, path):
        simulated.append(path)
        simulate_path(judge, path)

    def at_once(judge, path):
        judge.tried.add(path)
        judge.simulate(path)

    monkeypatch.setattr(fusion.Judge, "simulate", counted)
    lazily, some = fused(), len(simulated)
    monkeypatch.setattr(fusion.Judge, "try_group", at_once)
    assert fused() == lazily
    eagerly = len(simulated) - some
    # Bounds know no energy.
    assert 0 < some < eagerly or (objective == "energy" and some == eagerly)


def test_every_layer_is_told_once_when_its_group_is_settled():
    told = []
    simulate("c3d", transform="fsb_c3d", input_size="16x32x32", fusion="auto", progress=lambda *done: told.append(done))
    done, whole = zip(*told, strict=True)
    assert list(done) == sorted(done)
    assert done[-1] == whole[-1]
    assert len(set(whole)) == 1


BLOCK = """
name: block
inputs:
  clip: {{channels: {channels}, frames: {frames}, height: {size}, width: {size}}}
layers:
  - {{name: conv, kind: conv3d, out_channels: {out}, kernel: [3, 3, 3], padding: [1, 1, 1], activation: relu}}
"""
POOL = "  - {name: pool, kind: pool3d, mode: max, kernel: [2, 2, 2]}\n"
HALF = ["buffers.ifmap_kib=64", "buffers.weight_kib=64", "buffers.ofmap_kib=128"]


@pytest.mark.parametrize(
    ("sizes", "pool", "overrides", "moved"),
    [
        ({"channels": 64, "out": 128, "frames": 16, "size": 56}, POOL, [], 4_149_888),
        ({"channels": 256, "out": 256, "frames": 8, "size": 28}, POOL, [], 2_823_680),
        ({"channels": 128, "out": 256, "frames": 8, "size": 28}, "", HALF, 3_171_840),
    ],
)
def test_blocks_move_no_more_than_under_mappings_made_by_hand(tmp_path, sizes, pool, overrides, moved):
    path = tmp_path / "block.yaml"
    path.write_text(BLOCK.format(**sizes) + pool)
    asked = {"transform": "fsb:alpha=0.5", "fusion": "auto", "objective": "dram_bytes", "overrides": overrides}
    assert simulate(str(path), **asked).totals.dram_bytes <= moved


def test_a_result_says_what_groups_move_and_the_least_of_their_space(cli, cli_json):
    options = ("--fusion", "auto", "--objective", "dram_bytes")
    layers = cli_json("simulate", *C3D, *options)["layers"]
    least = [layer["least_dram_bytes"] for layer in layers if layer["kind"] == "fused"]
    assert all(layer["least_dram_bytes"] <= layer["dram_read_bytes"] + layer["dram_write_bytes"] for layer in layers)
    said = cli("simulate", *C3D[:-2], *options).stdout
    assert f"no mappings move fewer than {sum(least):,}" in said
