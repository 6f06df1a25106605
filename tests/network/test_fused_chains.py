"""Which tensors stay on chip inside a group, which are stored besides, and which layers stand before others?"""

from __future__ import annotations

import pytest

from lw3dsim import execute, simulate
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.map.group.partition import widened
from lw3dsim.network.apart import map_layers
from lw3dsim.network.chains import branches, can_wait, links, operands, reads, stored_of, trees_of
from lw3dsim.network.pipeline import resolve_design, resolve_network

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
