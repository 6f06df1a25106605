"""Do rows of PEs take channels of several groups, and what does it cost?"""

from __future__ import annotations

import pytest
import yaml
from test_bad_input import refuse

from lw3dsim import execute, load_arch, simulate
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.problem import make_problem, on_rows, plain_layer, side_by_side
from lw3dsim.machine.step import Costs, array_step
from lw3dsim.machine.waves import BINDINGS, cost_waves, empty_waves
from lw3dsim.map.mapping_file import load_mapping
from lw3dsim.network.pipeline import map_network, resolve_design, resolve_network
from lw3dsim.report.text.mapping_tables import unit_text
from lw3dsim.transform.algorithms import candidates

DESIGNS = ("array_16x16", "edge_base", "edge_direct", "edge_large", "edge_small", "eyeriss_like", "winograd3d")


def network(tmp_path, *layers, channels=64):
    """A network of 3x3x3 convolutions (out channels, groups) that all read a clip of 8x14x14."""
    conv = {"kind": "conv3d", "kernel": [3, 3, 3], "padding": [1, 1, 1], "inputs": ["clip"]}
    data = {
        "name": "net",
        "inputs": {"clip": {"channels": channels, "frames": 8, "height": 14, "width": 14}},
        "layers": [
            {"name": f"x{i}", "out_channels": n, "groups": groups, **conv} for i, (n, groups) in enumerate(layers)
        ],
    }
    path = tmp_path / "net.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def cycles(path, arch, algorithm="direct"):
    return simulate(path, arch, algorithm=algorithm).totals["latency_cycles"]


@pytest.mark.parametrize("arch", DESIGNS)
@pytest.mark.parametrize("multiplier", [2, 3])
def test_a_channel_multiplier_takes_no_longer_than_as_many_depthwise_layers(tmp_path, arch, multiplier):
    together = cycles(network(tmp_path, (64 * multiplier, 64)), arch)
    apart = cycles(network(tmp_path, *[(64, 64)] * multiplier), arch)
    # It reads its input from DRAM once; on the array it takes the same passes, or reads fewer inputs in one.
    assert together <= apart * 1.05


@pytest.mark.parametrize("arch", DESIGNS)
def test_groups_divide_the_work_of_a_dense_layer_and_its_time(tmp_path, arch):
    dense = cycles(network(tmp_path, (64, 1)), arch)
    # Groups read inputs of their own, and a port of four elements binds.
    rest = 0.09 if arch == "eyeriss_like" else 0.02
    for groups in (4, 16, 32):
        assert cycles(network(tmp_path, (64, groups)), arch) <= dense * (1.4 / groups + rest)


def test_winograd_transforms_the_input_of_a_group_once_for_all_its_channels(tmp_path):
    # 64 channels of 4x7x7 tiles F(2x2x2, 3x3x3).
    run = map_network(
        resolve_network(network(tmp_path, (128, 64)), None, None, None),
        resolve_design("winograd3d", (), 2, None),
        algorithm="winograd3d",
    )[0].run
    assert run.work.problem.abreast == 2
    assert run.events.input_tiles == 64 * 4 * 7 * 7


def step(n, c, groups, array, tile):
    """The cycles and events of a step of a direct 3x3x3 layer: group after group, 3 channels abreast, 1 abreast."""
    layer = Conv3d(name="x", inputs=("i",), out_channels=n, kernel=(3, 3, 3), padding=(1, 1, 1), groups=groups)
    shape = Shape(c, *tile)
    arch = load_arch("array_16x16", overrides=array)
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), candidates(layer, "direct", 4, 4)[0], arch)
    costs = []
    for way in (problem, side_by_side(problem, 3), side_by_side(problem, 1)):
        words, table = empty_waves(INTERPRETED), INTERPRETED.columns(Costs, 1)
        plain, machine = plain_layer(way), plain_array(make_machine(way, arch, "pixel"))
        cost_waves(plain, machine, way.n, way.c, *tile, 1, 1, words)
        array_step(plain, machine, way.c, 1, 1, words, table, 0)
        costs.append({name: column[0] for name, column in table._asdict().items()})
    return costs


def test_a_pass_over_several_groups_counted_by_hand():
    # 6 groups of 2 -> 3 channels on 8 rows, 4 columns; tile 1x4x4 in one group of the array (16 accumulators).
    array = ["pe.rows=8", "pe.cols=4", "pe.acc_depth=4", "buffers.ifmap_port_bytes=4", "buffers.weight_port_bytes=32",
             "pe.staging_elements=324", "pe.staging_weights=27"]  # fmt: skip
    apart, three, single = step(18, 12, 6, array, (1, 4, 4))
    # Patch: 3x6x6 positions; a port of 4 bytes; 27 taps x 16 tiles / 4 lanes.
    taps, port = 27 * 4, 3 * 6 * 6 // 4

    def computing(cost):
        return sum(cost[name] for name in BINDINGS)

    # One group of the layer: 3 rows, 2 rounds of one input.
    assert computing(apart) == 2 * max(taps, port)
    # 2 groups side by side (6 rows): 3 passes of 2 rounds, 2 inputs a round.
    assert computing(three) == 3 * 2 * max(taps, 2 * port)
    assert three["ifmap_read_bits"] == 12 * 3 * 6 * 6 * 8
    # 1 channel of each of 6 groups at a time (6 rows): 3 turns of 2 rounds, 6 inputs a round, each read 3 times.
    # The port takes longer, but has nothing to load beside the last round.
    assert computing(single) == 3 * 2 * 6 * port - (6 * port - taps)
    assert single["ifmap_read_bits"] == 3 * three["ifmap_read_bits"]
    for cost in (three, single):
        assert cost["mults"] == 18 * 16 * 27 * 2
        assert cost["weight_read_bits"] == 18 * 2 * 27 * 8
    assert 6 * apart["mults"] == three["mults"]


def test_ways_that_are_no_faster_are_left_out():
    # 5 channels a group on 16 rows: 3 groups (15 rows) in one pass of 5, or 16 groups one channel at a time in 5 turns.
    layer = Conv3d(name="x", inputs=("i",), out_channels=320, kernel=(1, 1, 1), groups=64)
    shape, arch = Shape(64, 1, 4, 4), load_arch("array_16x16")
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), candidates(layer, "direct", 4, 4)[0], arch)
    assert [(way.structure, way.abreast) for way in on_rows(problem, 16)] == [
        ("dense", 1),
        ("grouped", 5),
        ("grouped", 1),
    ]
    # Of 64 groups: 22 passes of 3, or 4 x 5. With two groups in all, one channel at a time is no use.
    two = Conv3d(name="x", inputs=("i",), out_channels=10, kernel=(1, 1, 1), groups=2)
    problem = make_problem(two, (Shape(2, 1, 4, 4),), Shape(10, 1, 4, 4), candidates(two, "direct", 4, 4)[0], arch)
    assert [way.abreast for way in on_rows(problem, 16) if way.structure == "grouped"] == [5]


@pytest.mark.parametrize("algorithm", ["direct", "winograd3d"])
@pytest.mark.parametrize(("out", "groups"), [(128, 64), (64, 16), (40, 8), (96, 32)])
def test_groups_side_by_side_are_executed_exactly(tmp_path, algorithm, out, groups):
    path = network(tmp_path, (out, groups))
    assert execute(path, algorithm=algorithm).exact


MAPPED = """
units:
  - {layer: x0, tile: {n: 96, c: 2, t: 8, h: 7, w: 14}, abreast: 3, slots: {ifmap: 2, weight: 2, ofmap: 2}}
"""


def test_a_mapping_file_says_how_groups_lie_on_the_rows(tmp_path):
    path, mapping = network(tmp_path, (96, 32)), tmp_path / "mapping.yaml"
    mapping.write_text(MAPPED)
    net = resolve_network(path, None, None, None)
    unit = map_network(net, resolve_design("edge_base", (), None, None), file=load_mapping(mapping))[0]
    assert (unit.run.work.problem.structure, unit.run.work.problem.abreast) == ("grouped", 3)
    text = " ".join(unit_text(net, unit, load_arch("edge_base")).split())
    assert "for g in 16" in text
    assert "2 of 32 groups, each with an input of its own, side by side on 8 rows of PEs" in text


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (
            "abreast: 3",
            "abreast: 2",
            "mapping.yaml:3 units[0].abreast = 2: groups have 3 channels, rows are 8; give 1, 3",
        ),
        ("n: 96", "n: 4", "mapping.yaml:3 units[0].tile.n = 4: with abreast give whole groups: a multiple of 3"),
        ("c: 2", "c: 1", "mapping.yaml:3 units[0].tile.c = 1: with abreast x0 is summed up at once: give 2"),
    ],
)
def test_a_mapping_that_parts_a_group_is_refused(cli, tmp_path, before, after, complaint):
    path, mapping = network(tmp_path, (96, 32)), tmp_path / "mapping.yaml"
    mapping.write_text(MAPPED.replace(before, after))
    refuse(cli("simulate", str(path), "--mapping", str(mapping)), complaint)
