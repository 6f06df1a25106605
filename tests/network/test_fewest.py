"""Is what a network states as its fewest DRAM bytes the least of all cuts, mappings and layouts, and what it moves?"""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from plain_space import cuts
from shipped_networks import SMALL

from lw3dsim import simulate
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Conv3d, Mul, Pool3d, Shape, build_workload
from lw3dsim.errors import MappingError
from lw3dsim.machine.problem import problem_of
from lw3dsim.map.group.search import enumerate_group, in_usual_chunks
from lw3dsim.map.layer.price import BYTES_ONLY
from lw3dsim.network.chains import can_wait, group_along, group_of, stored_of, trees_of
from lw3dsim.network.fewest import Asked, fewest_units, find_fewest
from lw3dsim.network.layers import fewest_bytes, fewest_bytes_of, laid
from lw3dsim.network.runs import bare, seen_by
from lw3dsim.network.units import moved_of
from lw3dsim.transform.algorithms import candidates

SIZES = ("buffers.ifmap_kib=2", "buffers.weight_kib=2", "buffers.ofmap_kib=2", "pe.rows=4")
TINY = load_arch("edge_small", overrides=SIZES)
MOST_LAYOUTS = 5000


@st.composite
def networks(draw, channels=(9, 12), most=4):
    """Two to four layers, each of which reads any tensor before it, adds two that are alike, or scales columns."""
    shapes = {"x": Shape(draw(st.sampled_from(channels)), 1, draw(st.integers(3, 6)), draw(st.integers(3, 7)))}
    layers = []
    for i in range(draw(st.integers(2, most))):
        name, source = f"l{i}", draw(st.sampled_from(sorted(shapes)[-2:]))
        alike = [other for other in shapes if other != source and shapes[other] == shapes[source]]
        common = {"name": name, "inputs": (source,)}
        kind = draw(st.sampled_from(["wide", "point", "point", "depthwise", "pool", "add", "add", "scale"]))
        if kind == "add" and alike:
            layer = Add(name=name, inputs=(source, draw(st.sampled_from(alike))))
        elif kind == "pool" and min(shapes[source].extent[1:]) > 1:
            layer = Pool3d(mode="max", kernel=(1, 2, 2), stride=(1, 2, 2), **common)
        elif kind == "scale" and min(shapes[source].extent[1:]) > 1:
            mean = Pool3d(name=f"p{i}", mode="avg", kernel=(1, shapes[source].height, 1), inputs=(source,))
            shapes[mean.name] = mean.output_shape((shapes[source],))
            layers.append(mean)
            layer = Mul(name=name, inputs=tuple(draw(st.permutations([source, mean.name]))))
        elif kind == "depthwise":
            many = shapes[source].channels
            layer = Conv3d(out_channels=many, groups=many, kernel=(1, 3, 3), padding=(0, 1, 1), **common)
        else:
            window = {"kernel": (1, 3, 3), "padding": (0, 1, 1)} if kind == "wide" else {"kernel": (1, 1, 1)}
            layer = Conv3d(out_channels=draw(st.sampled_from(channels)), **window, **common)
        shapes[name] = layer.output_shape(tuple(shapes[one] for one in layer.inputs))
        layers.append(layer)
    return build_workload(name="random", inputs={"x": shapes["x"]}, layers=layers)


def asked(network, arch=TINY, fuses=True):
    return Asked(network=network, arch=arch, policy="direct", fuses=fuses, fixed={}, given={})


def moved_at_least(network, problems, path, lies):
    """Return what a path moves with its ends in these blocks, at least: of all mappings of a group, one by one."""
    if len(path) == 1:
        problem = laid(problems[path[0]], lies)
        return fewest_bytes_of(problem, seen_by(problem, bare(TINY)))
    layers = [network.layers[i] for i in path]
    group = group_of(layers, [problems[i] for i in path], stored=stored_of(network, layers))
    if group.idle_stages:
        return math.inf
    laid_out = group.lying(lies)
    whole = tuple((block,) for block in laid_out.own_blocks)
    every = enumerate_group(in_usual_chunks(laid_out, TINY), bare(TINY), make_clocks(TINY), BYTES_ONLY, whole)
    return min(every.moved.tolist(), default=math.inf)


def moved_along(network, problems, path):
    layers = [network.layers[i] for i in path]
    own = [problems[i] for i in path]
    group = group_of(layers, own, stored=stored_of(network, layers)) if len(path) > 1 else None
    return moved_of(network, layers, group)


def fewest_by_trying(network, free):
    problems = [problem_of(network, layer, candidates(layer, "direct", 2, 2)[0], TINY) for layer in network.layers]
    paths = [
        path
        for path in trees_of(network, problems, TINY, ()).paths
        if len(path) == 1 or can_wait(network, [network.layers[i] for i in path], [problems[i] for i in path])
    ]
    every, least, known = list(cuts(set(range(len(problems))), paths)), math.inf, {}
    tensors = {path: moved_along(network, problems, path) for path in paths}
    for chosen in itertools.product(*free.values()):
        blocks, moved = dict(zip(free, chosen, strict=True)), {}
        for path in paths:
            lies = tuple(blocks.get(network.laid_like.get(name)) for name in tensors[path])
            if (path, lies) not in known:
                known[path, lies] = moved_at_least(network, problems, path, lies)
            moved[path] = known[path, lies]
        least = min(least, *(sum(moved[path] for path in cut) for cut in every))
    return least


@settings(max_examples=100)
@given(networks())
def test_in_any_cut_units_read_what_units_before_have_made(network):
    problems = [problem_of(network, layer, candidates(layer, "direct", 2, 2)[0], TINY) for layer in network.layers]
    free: dict[str, tuple[int, ...]] = dict.fromkeys(network.shapes, ())
    paths = [
        path
        for path in trees_of(network, problems, TINY, ()).paths
        if len(path) == 1 or group_along(network, problems, path, free) is not None
    ]
    for cut in cuts(set(range(len(problems))), paths):
        there = set(network.inputs)
        for path in sorted(cut, key=lambda path: path[-1]):
            layers = [network.layers[i] for i in path]
            assert {name for layer in layers for name in layer.inputs} - {layer.name for layer in layers} <= there
            stored = stored_of(network, layers)
            # What is neither the output nor stored is read inside alone.
            there |= {layers[-1].name, *(layers[tensor - 1].name for tensor in stored)}


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks())
def test_no_cut_mappings_and_layouts_move_less_and_these_move_as_much(network):
    free = asked(network).blocks
    assume(math.prod(map(len, free.values())) <= MOST_LAYOUTS)
    try:
        found = find_fewest(asked(network))
    except MappingError:
        return
    # What layers by themselves may lie in is found beside the usual.
    free = {name: tuple({*blocks, found.blocks.get(name, blocks[0])}) for name, blocks in free.items()}
    assert found.dram_bytes == fewest_by_trying(network, free)
    units = fewest_units(asked(network), found, "auto")
    assert sum(unit.run.dram_bytes for unit in units) == found.dram_bytes


def any_block(channels):
    """Return all blocks of a tensor, and all with packed rows."""
    return [*range(1, channels + 1), *range(-channels, 0)]


def fewest_one_by_one(network, arch):
    """Return the fewest bytes of layers one by one, of all blocks of their tensors: tables of each, added up."""
    alike, listed = Counter(network.laid_like.values()), asked(network, arch).blocks
    # What is read together may lie in few blocks.
    tried = {name: any_block(network.shapes[name].channels) if alike[name] == 1 else listed[name] for name in alike}
    free = sorted(alike)
    total = np.zeros((1,) * len(free))
    for layer in network.layers:
        ends = [network.laid_like.get(name) for name in moved_of(network, [layer], None)]
        blocks = [tried[name] if name else [None] for name in ends]
        every = [fewest_bytes(network, layer, arch, "direct", lies)[0] for lies in itertools.product(*blocks)]
        table = np.reshape(every, [len(of) for of in blocks])
        if ends[0] and ends[1] and ends[0] > ends[1]:
            table = table.T
        if ends[0] and ends[0] == ends[1]:
            table = table.diagonal()
        shape = [1] * len(free)
        for name in filter(None, ends):
            shape[free.index(name)] = len(tried[name])
        total = total + table.reshape(shape)
    return total.min()


@settings(max_examples=8, suppress_health_check=[HealthCheck.filter_too_much])
@given(networks(channels=(5, 6, 9), most=3), st.sampled_from([(1, 1, 1), (1, 2, 2), (2, 1, 1), (4, 1, 4)]))
def test_no_layouts_in_any_blocks_move_less_where_layers_run_one_by_one(network, kib):
    names = ("ifmap", "weight", "ofmap")
    buffers = [f"buffers.{name}_kib={size}" for name, size in zip(names, kib, strict=True)]
    arch = load_arch("edge_small", overrides=(*buffers, "pe.rows=4"))
    try:
        found = find_fewest(asked(network, arch, fuses=False))
    except MappingError:
        return
    assert found.dram_bytes == fewest_one_by_one(network, arch)


@pytest.mark.parametrize(
    ("workload", "fusion"),
    [
        *itertools.product(["c3d_small", "slowfast_small"], ["off", "auto"]),
        ("movinet_a0_stream", "auto"),
    ],
)
def test_networks_mapped_for_bytes_only_move_what_they_say_is_the_least(workload, fusion):
    asked = {"arch": "edge_base", "fusion": fusion, "input_size": SMALL[workload]}
    totals = simulate(workload, objective="dram_bytes_only", **asked).totals
    assert totals.compulsory_bytes <= totals.least_dram_bytes == totals.dram_bytes
    for objective in ("latency", "dram_bytes"):
        other = simulate(workload, objective=objective, **asked).totals
        assert other.dram_bytes >= totals.dram_bytes
        assert other.least_dram_bytes is None


def test_a_network_of_which_a_file_says_the_mapping_states_no_least(cli, tmp_path):
    asked = {"input_size": SMALL["c3d_small"], "fusion": "auto", "objective": "dram_bytes_only"}
    assert cli("map", "c3d_small", "--input", SMALL["c3d_small"], "--save", tmp_path / "own.yaml").exit_code == 0
    assert simulate("c3d_small", "edge_base", mapping=tmp_path / "own.yaml", **asked).totals.least_dram_bytes is None


# Channels in and out that are no whole number of the usual blocks, and buffers that hold few of them.
TIGHT = {"buffers.ifmap_kib": 8, "buffers.weight_kib": 8, "buffers.ofmap_kib": 16}
ODD = {
    "all at once": (Shape(3, 3, 9, 7), 130, (3, 3, 3), "edge_small", {}),
    "of few": (Shape(300, 3, 9, 31), 17, (3, 3, 3), "edge_base", TIGHT),
    "in parts": (Shape(300, 3, 9, 31), 130, (3, 1, 1), "edge_base", TIGHT),
    "of one": (Shape(16, 4, 14, 14), 256, (1, 3, 3), "edge_small", TIGHT),
}


@pytest.mark.parametrize("objective", ["latency", "energy", "edp", "dram_bytes"])
@pytest.mark.parametrize("case", ODD)
def test_a_layer_of_odd_channels_moves_least_where_bytes_alone_count(case, objective):
    shape, channels, kernel, arch, overrides = ODD[case]
    padding = tuple(size // 2 for size in kernel)
    layer = Conv3d(name="l", inputs=("x",), out_channels=channels, kernel=kernel, padding=padding)
    network = build_workload(name="odd", inputs={"x": shape}, layers=[layer])
    least = simulate(network, arch, objective="dram_bytes_only", overrides=overrides).totals
    assert least.dram_bytes == least.least_dram_bytes
    assert least.dram_bytes <= simulate(network, arch, objective=objective, overrides=overrides).totals.dram_bytes
