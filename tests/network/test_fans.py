"""Are several branches of one tensor in a group wherever they can be, and is what they make what their layers do?"""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from plain_space import cuts
from test_fewest import MOST_LAYOUTS, TINY, asked, fewest_by_trying

from lw3dsim import execute, simulate
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.workload import Conv3d, Pool3d, Shape, build_workload
from lw3dsim.machine.problem import problem_of
from lw3dsim.map.group.partition import Fan, Partition, make_trees, paths_to
from lw3dsim.network.chains import group_along, stored_of, trees_of
from lw3dsim.network.fans import WIDEST
from lw3dsim.network.fewest import fewest_units, find_fewest
from lw3dsim.transform.algorithms import candidates


@st.composite
def fanned_trees(draw):
    """Links of a few layers, the other branches of a fan whose trunk is one of them, and a cost of every path."""
    trunk = draw(st.integers(1, 4))
    feeds, layers = {i: [i - 1] for i in range(1, trunk)}, trunk
    first, others = draw(st.integers(0, trunk - 1)), []
    for _ in range(draw(st.integers(1, 3))):
        branch = tuple(range(layers, layers + draw(st.integers(1, 2))))
        feeds |= {v: [u] for u, v in itertools.pairwise(branch)}
        others.append(branch)
        layers += len(branch)
    if first == 0 and draw(st.booleans()):
        # What all begin with is taken over by one of the branches.
        before = tuple(range(layers, layers + draw(st.integers(1, 2))))
        feeds |= {v: [u] for u, v in itertools.pairwise((*before, draw(st.sampled_from(others))[0]))}
        layers += len(before)
    trees = make_trees(layers, feeds, draw(st.integers(2, 6)), fans=[Fan(first, tuple(others))])
    cost = {path: draw(st.integers(0, 20)) if len(path) == 1 else draw(st.integers(0, 40)) for path in trees.paths}
    return trees, feeds, first, others, cost


@settings(max_examples=150)
@given(fanned_trees())
def test_no_other_cut_of_branches_is_cheaper(tree):
    trees, _, _, _, cost = tree
    layers = frozenset(range(len(trees.endings)))
    chosen = Partition(trees, cost.get).best()
    assert sorted(i for path in chosen for i in path) == sorted(layers)
    least = min(sum(cost[path] for path in cut) for cut in cuts(layers, list(cost)))
    assert sum(cost[path] for path in chosen) == least


@settings(max_examples=150)
@given(fanned_trees(), st.integers(2, 6))
def test_any_branches_that_are_whole_go_with_any_beginning_of_the_trunk(tree, longest):
    trees, feeds, first, others, _ = tree
    paths = make_trees(len(trees.endings), feeds, longest, fans=[Fan(first, tuple(others))]).paths
    assert len(paths) == len(set(paths))
    wanted = {frozenset(path) for v in range(len(trees.endings)) for path in paths_to(v, feeds, longest)}
    led = {branch: [path for path in paths_to(branch[-1], feeds, 9) if set(branch) <= set(path)] for branch in others}
    for path in [path for path in wanted if first in path]:
        for some in itertools.product(*([(), *led[branch]] for branch in others)):
            # Only what begins with the trunk has room for what is before another branch.
            if any(some) and (min(path) == first or set(some) <= {(), *others}):
                wanted = wanted | {path.union(*some)}
    assert {frozenset(path) for path in paths} == {path for path in wanted if len(path) <= longest}


@st.composite
def networks(draw):
    """Two or three branches that begin with a clip, or what a layer makes of it, their layers in any order."""
    now = Shape(draw(st.sampled_from([9, 12])), 1, draw(st.integers(3, 5)), draw(st.integers(3, 5)))
    inputs, before = {"x": now}, []

    def grow(name, source, now, kinds):
        common, kind = {"name": name, "inputs": (source,)}, draw(st.sampled_from(kinds))
        if kind == "pool" and min(now.extent[1:]) > 1:
            layer = Pool3d(mode="max", kernel=(1, 2, 2), stride=(1, 2, 2), **common)
        elif kind in ("pool", "depthwise"):
            groups = now.channels
            layer = Conv3d(out_channels=groups, groups=groups, kernel=(1, 3, 3), padding=(0, 1, 1), **common)
        else:
            window = {"kernel": (1, 3, 3), "padding": (0, 1, 1)} if kind == "wide" else {"kernel": (1, 1, 1)}
            layer = Conv3d(out_channels=draw(st.sampled_from([9, 12])), **window, **common)
        return layer, layer.output_shape((now,))

    origin = "x"
    if draw(st.booleans()):
        layer, now = grow("before", "x", now, ["wide", "point", "depthwise", "pool"])
        before, origin = [layer], "before"
    branches = []
    for number in range(draw(st.integers(2, 3 - len(before)))):
        source, shape, layers = origin, now, []
        for i in range(draw(st.integers(1, 2))):
            layer, shape = grow(
                f"b{number}{i}", source, shape, ["wide", "point", *(["depthwise", "pool"] if i else [])]
            )
            source = layer.name
            layers.append(layer)
        branches.append(layers)
    turns = draw(st.permutations([number for number, layers in enumerate(branches) for _ in layers]))
    left = [iter(layers) for layers in branches]
    return build_workload(name="random", inputs=inputs, layers=[*before, *(next(left[number]) for number in turns)])


def problems_of(network):
    return [problem_of(network, layer, candidates(layer, "direct", 2, 2)[0], TINY) for layer in network.layers]


@settings(max_examples=100)
@given(networks())
def test_in_any_cut_of_branches_units_read_what_units_before_have_made(network):
    problems, nowhere = problems_of(network), dict.fromkeys(network.shapes, ())
    paths = trees_of(network, problems, TINY, ()).paths
    known = [path for path in paths if len(path) == 1 or group_along(network, problems, path, nowhere) is not None]
    assert any(len({network.layers[i].inputs for i in path}) < len(path) for path in known)
    for cut in cuts(set(range(len(problems))), known):
        there = set(network.inputs)
        for path in sorted(cut, key=lambda path: path[-1]):
            layers = [network.layers[i] for i in path]
            assert {name for layer in layers for name in layer.inputs} - {layer.name for layer in layers} <= there
            there |= {layers[-1].name, *(layers[tensor - 1].name for tensor in stored_of(network, layers))}
        # What nothing reads is the output of the network.
        assert {layer.name for layer in network.layers if not network.consumers(layer.name)} <= there


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks())
def test_no_cut_mappings_and_layouts_of_branches_move_less_and_these_move_as_much(network):
    free = asked(network).blocks
    assume(math.prod(map(len, free.values())) <= MOST_LAYOUTS)
    found = find_fewest(asked(network))
    assert found.dram_bytes == fewest_by_trying(network, free)
    units = fewest_units(asked(network), found, "auto")
    assert sum(unit.run.dram_bytes for unit in units) == found.dram_bytes


def test_of_many_branches_only_so_many_are_in_a_group():
    layers = [Conv3d(name=f"b{i}", inputs=("x",), out_channels=4, kernel=(1, 1, 1)) for i in range(WIDEST + 2)]
    network = build_workload(name="wide", inputs={"x": Shape(4, 1, 4, 4)}, layers=layers)
    assert max(map(len, trees_of(network, problems_of(network), TINY, ()).paths)) == WIDEST


INCEPTION = """
name: inception
inputs:
  clip: {channels: 16, frames: 2, height: 12, width: 12}
layers:
  - {name: stem, kind: conv3d, out_channels: 32, kernel: [1, 3, 3], padding: [0, 1, 1], activation: relu}
  - {name: one, kind: conv3d, inputs: stem, out_channels: 16, kernel: 1}
  - {name: two.in, kind: conv3d, inputs: stem, out_channels: 16, kernel: 1}
  - {name: two.xy, kind: conv3d, out_channels: 32, kernel: [1, 3, 3], padding: [0, 1, 1]}
  - {name: three.in, kind: conv3d, inputs: stem, out_channels: 8, kernel: 1}
  - {name: three.xy, kind: conv3d, out_channels: 16, kernel: [1, 3, 3], padding: [0, 1, 1], activation: relu}
  - {name: three.t, kind: conv3d, out_channels: 16, kernel: [3, 1, 1], padding: [1, 0, 0]}
  - {name: join, kind: concat, inputs: [one, two.xy, three.t]}
  - {name: last, kind: conv3d, out_channels: 16, kernel: 1}
"""
SMALL = ("buffers.ifmap_kib=8", "buffers.weight_kib=4", "buffers.ofmap_kib=16")


@pytest.mark.parametrize("sizes", [SMALL, ()])
def test_a_module_of_several_branches_reads_its_input_once_and_computes_what_its_layers_do(cli, tmp_path, sizes):
    workload, mapping = tmp_path / "inception.yaml", tmp_path / "mapping.yaml"
    workload.write_text(INCEPTION)
    design, asked_for = load_arch("edge_base", overrides=sizes), {"fusion": "auto", "objective": "dram_bytes_only"}
    found, simpy = (simulate(workload, design, engine=engine, clips=2, **asked_for) for engine in ("auto", "simpy"))
    assert found.totals == simpy.totals
    assert found.totals.dram_bytes == found.totals.least_dram_bytes
    assert execute(workload, design, **asked_for).exact
    (group,) = (layer for layer in found.data["layers"] if "one" in layer["name"])
    assert all(name in group["name"] for name in ("two.in", "three.in", "three.t"))
    options = ("--fusion", "auto", "--objective", "dram_bytes_only", *(x for size in sizes for x in ("--set", size)))
    assert cli("map", str(workload), *options, "--save", str(mapping)).exit_code == 0
    again = simulate(workload, design, mapping=mapping, engine="simpy")
    assert again.totals.dram_bytes == found.totals.dram_bytes


def test_of_a_module_on_chip_nothing_moves_but_its_input_what_is_joined_and_weights(tmp_path):
    workload = tmp_path / "inception.yaml"
    workload.write_text(INCEPTION)
    (group, _) = simulate(workload, "edge_base", fusion="auto", objective="dram_bytes_only").data["layers"]
    kernels = 16 * 32 * 9 + 32 * 16 + 32 * 16 + 16 * 32 * 9 + 32 * 8 + 8 * 16 * 9 + 16 * 16 * 3
    assert group["compulsory_bytes"] == 2 * 12 * 12 * (16 + 16 + 32 + 16) + kernels
    assert group["dram_read_bytes"] + group["dram_write_bytes"] == group["compulsory_bytes"]


LAGGING = """
name: lagging
inputs:
  clip: {channels: 4, frames: 5, height: 6, width: 1}
layers:
  - {name: a, kind: conv3d, out_channels: 4, kernel: [3, 1, 1], padding: [1, 0, 0]}
  - {name: b, kind: conv3d, inputs: clip, out_channels: 4, kernel: [1, 3, 3], padding: [0, 1, 1]}
  - {name: join, kind: concat, inputs: [a, b]}
"""
TILED = """
units:
  - group: [{layer: a, resident: true}, {layer: b, resident: true}]
    tile: {t: %d, h: 6, w: 1}
    kept: w
    warm_up: true
    chunks: [4, 4]
    ofmap_slots: 2
"""


def test_input_that_no_layer_looks_at_when_it_comes_is_refused(cli, tmp_path):
    workload, mapping = tmp_path / "lagging.yaml", tmp_path / "mapping.yaml"
    workload.write_text(LAGGING)
    # In the first frame a has no next one yet, and in front of its only column b makes nothing.
    mapping.write_text(TILED % 1)
    text = "input comes for a tile in which no layer that reads it makes anything; give larger tiles"
    assert text in cli("simulate", str(workload), "--mapping", str(mapping)).output
    mapping.write_text(TILED % 5)
    assert execute(workload, "edge_base", mapping=mapping).exact
