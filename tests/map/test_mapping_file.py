"""Do saved mappings repeat a run to the bit, do edits change what they say, and is every wrong file refused?"""

from __future__ import annotations

import itertools
import json
import math
import re

import pytest
import yaml
from fused_groups import SMALL, any_mapping, chains, fusable
from hypothesis import given, settings
from hypothesis import strategies as st
from test_bad_input import refuse

from lw3dsim import simulate
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import InputError
from lw3dsim.map.group.floor import stage_weight_bits
from lw3dsim.map.group_fill import group_fill
from lw3dsim.map.mapping_file import parse_mapping
from lw3dsim.network.layouts import layouts_of
from lw3dsim.network.pipeline import map_network, resolve_design, resolve_network
from lw3dsim.report.text.loop_nest import make_nest
from lw3dsim.report.text.mapping_file import _word, entry_of, mapping_text
from lw3dsim.report.text.mapping_tables import traffic_rows, unit_text
from lw3dsim.schedule.group_work import GroupWork
from lw3dsim.tensor.layout import said_of

C3D = {"workload": "c3d", "input_size": "16x32x32"}

# A stem and a bottleneck with a shortcut; small, with every kind of unit.
TINY = """
name: tiny
inputs: {clip: {channels: 3, frames: 4, height: 12, width: 12}}
layers:
  - {name: trg, kind: trg}
  - {name: stem, kind: conv3d, out_channels: 32, kernel: [3, 3, 3], padding: [1, 1, 1], activation: relu}
  - {name: a, kind: conv3d, out_channels: 8, kernel: [3, 1, 1], padding: [1, 0, 0], activation: relu}
  - {name: b, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1], groups: 8}
  - {name: c, kind: conv3d, out_channels: 32, kernel: [1, 1, 1]}
  - {name: sum, kind: add, inputs: [c, stem], activation: relu}
  - {name: pool, kind: pool3d, mode: avg, kernel: [4, 2, 2]}
  - {name: fc, kind: linear, out_features: 10}
"""


def units_of(workload, transform=None, algorithm="direct", fusion="off", objective="latency", input_size=None):
    network = resolve_network(workload, transform, input_size, None)
    design = resolve_design("edge_base", (), None, None)
    return network, design, map_network(network, design, algorithm=algorithm, fusion=fusion, objective=objective)


def saved_text(network, design, policy, units):
    return mapping_text(network, design, policy, units, layouts_of(network, units, design))


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return str(path)


@pytest.fixture
def saved(cli, tiny, tmp_path):
    """The mapping file of the tiny network, to be edited."""
    path = tmp_path / "saved.yaml"
    assert cli("map", tiny, "--algorithm", "hfa", "--save", str(path)).exit_code == 0
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"transform": "fsb_c3d", "algorithm": "hfa"},
        {"algorithm": "auto"},
        {"algorithm": "winograd3d"},
        {"transform": "fsb_c3d", "algorithm": "hfa", "fusion": "auto", "objective": "dram_bytes"},
    ],
    ids=lambda options: "-".join(options.values()) or "direct",
)
def test_a_saved_mapping_repeats_the_run_to_the_bit(tmp_path, options):
    network, design, units = units_of(C3D["workload"], input_size=C3D["input_size"], **options)
    path = tmp_path / "mapping.yaml"
    path.write_text(saved_text(network, design, options.get("algorithm", "direct"), units))
    first, again = simulate(**C3D, **options), simulate(**C3D, **options, mapping=path)
    assert {key: value for key, value in again.data.items() if key != "config"} == {
        key: value for key, value in first.data.items() if key != "config"
    }
    assert len(again.config.mapping) == len(units)


@pytest.mark.parametrize(
    "extra",
    [
        ("--fusion", "auto"),
        ("--engine", "simpy"),
        ("--set", "dram.model=fr_fcfs"),
        # Nothing but direct fits these accumulators, and the note says so.
        ("--algorithm", "nested", "--set", "pe.acc_depth=2"),
    ],
)
def test_what_the_command_line_saves_it_simulates_again(cli, cli_json, tiny, tmp_path, extra):
    path = tmp_path / "mapping.yaml"
    algorithm = () if "--algorithm" in extra else ("--algorithm", "hfa")
    options = (tiny, *algorithm, *extra)
    assert cli("map", *options, "--save", str(path)).exit_code == 0
    first = cli_json("simulate", *options, "--format", "json")
    again = cli_json("simulate", *options, "--mapping", str(path), "--format", "json")
    assert again["totals"] == first["totals"]
    assert again["layers"] == first["layers"]
    shown, fixed = (cli("map", *options, *more) for more in ((), ("--mapping", str(path))))
    assert fixed.stdout == shown.stdout


def test_what_a_file_leaves_out_is_mapped_as_usual(cli, tiny, tmp_path):
    path = tmp_path / "part.yaml"
    assert cli("map", tiny, "--layer", "stem", "--layer", "b", "--save", str(path)).exit_code == 0
    assert [unit["layer"] for unit in yaml.safe_load(path.read_text())["units"]] == ["stem", "b"]
    first, again = simulate(tiny), simulate(tiny, mapping=path)
    assert again.data["layers"] == first.data["layers"]


def test_an_edited_tile_changes_exactly_that_layer(saved, tiny):
    options = {"algorithm": "hfa"}
    path = saved
    before = simulate(tiny, **options, mapping=path).data["layers"]
    data = yaml.safe_load(path.read_text())
    data["units"][1]["tile"] |= {"n": 16, "h": 5}
    path.write_text(yaml.safe_dump(data))
    after = simulate(tiny, **options, mapping=path).data["layers"]
    assert [a["name"] for a, b in zip(after, before, strict=True) if a != b] == ["stem"]
    assert after[1]["mapping"].startswith("n16 ")
    assert after[1]["steps"] != before[1]["steps"]


def test_an_edited_layout_changes_exactly_the_users_of_the_tensor(saved, tiny):
    before = simulate(tiny, algorithm="hfa", mapping=saved).data["layers"]
    data = yaml.safe_load(saved.read_text())
    assert data["layouts"].keys() == {"clip", "trg", "stem", "a", "b", "c", "sum", "pool"}
    data["layouts"]["a"] = 3
    saved.write_text(yaml.safe_dump(data))
    result = simulate(tiny, algorithm="hfa", mapping=saved)
    after = result.data["layers"]
    assert [one["name"] for one, other in zip(after, before, strict=True) if one != other] == ["a", "b"]
    assert (after[2]["output_layout"], after[3]["input_layout"]) == ("C/3 T H W 3",) * 2
    assert all(a["layout_extra_bytes"] > b["layout_extra_bytes"] for a, b in zip(after[2:4], before[2:4], strict=True))
    assert result.config.layouts["a"] == 3


def test_a_mapping_in_packed_rows_that_is_saved_runs_again_to_the_same_figures(tiny):
    network, design, units = units_of(tiny, fusion="auto", objective="dram_bytes_only")
    text = saved_text(network, design, "direct", units)
    lying = {name: block for name, block in yaml.safe_load(text)["layouts"].items() if "packed" in str(block)}
    assert lying["clip"] == "3 packed"
    file = parse_mapping(text)
    assert {name: said_of(file.layouts[name]) for name in lying} == lying
    again = map_network(network, design, fusion="auto", file=file)
    assert [unit.run.events for unit in again] == [unit.run.events for unit in units]
    assert [unit.run.latency_cycles for unit in again] == [unit.run.latency_cycles for unit in units]


@pytest.mark.parametrize(
    ("layouts", "parts"),
    [
        ("{q: 1}", "m.yaml:1 layouts.q: tiny has no such tensor"),
        ("{stem: 4, c: 8}", "m.yaml:1 layouts.c = 8: c lies like stem, as a layer reads both; give both 4"),
        ("{fc: 4}", "layouts.fc: a vector, or a part of what"),
        ("{a: 9}", "m.yaml:1 layouts.a = 9: a has 8 channels; give 1 to 8"),
        ("{a: 0}", "layouts.a = 0: expected a whole number of channels"),
        ("{a: b}", "layouts.a = 'b': expected a whole number"),
        ("{a: 9 packed}", "m.yaml:1 layouts.a = 9 packed: a has 8 channels; give 1 to 8"),
        ("{a: 0 packed}", "layouts.a = '0 packed': expected a whole number of channels, 1 to"),
        ("{a: b packed}", "layouts.a = 'b packed': expected a whole number"),
        ("{a: ٨ packed}", "layouts.a = '٨ packed': expected a whole number"),
        ("{a: " + 5000 * "9" + " packed}", "9 packed': expected a whole number"),
        ("{a: -8}", "layouts.a = -8: expected a whole number of channels"),
        ("[a]", "layouts = ['a']"),
    ],
)
def test_a_layout_that_can_not_be_is_refused(cli, tiny, tmp_path, layouts, parts):
    path = tmp_path / "m.yaml"
    path.write_text(f"layouts: {layouts}\n{layer()}")
    refuse(cli("simulate", tiny, "--mapping", str(path)), parts)


def test_fixed_groups_run_without_fusion_and_fixed_layers_stay_alone(tiny, tmp_path):
    path = tmp_path / "group.yaml"
    path.write_text(
        "units:\n"
        "  - group: [{layer: a, resident: true}, {layer: b, resident: true}]\n"
        "    tile: {t: 4, h: 5, w: 12}\n    kept: h\n    chunks: [8]\n    ofmap_slots: 2\n"
    )
    names = [layer["name"] for layer in simulate(tiny, mapping=path).data["layers"]]
    assert names == ["trg", "stem", "a+b", "c", "sum", "pool", "fc"]
    fused = simulate(tiny, fusion="auto", objective="dram_bytes")
    assert fused.data["layers"][0]["name"].startswith("trg+stem+")
    path.write_text(
        "units:\n  - layer: stem\n    tile: {n: 8, c: 3, t: 4, h: 4, w: 12}\n"
        "    slots: {ifmap: 1, weight: 1, ofmap: 1}\n"
    )
    apart = simulate(tiny, fusion="auto", objective="dram_bytes", mapping=path).data["layers"]
    assert [layer["name"] for layer in apart][:2] == ["trg", "stem"]
    assert any(layer["kind"] == "fused" for layer in apart)


@pytest.mark.parametrize("fusion", ["off", "auto"])
def test_fixed_mappings_compute_what_the_network_computes(cli, cli_json, tiny, tmp_path, fusion):
    path = tmp_path / "mapping.yaml"
    assert cli("map", tiny, "--fusion", fusion, "--save", str(path)).exit_code == 0
    data = cli_json("execute", tiny, "--mapping", str(path), "--format", "json")
    assert data["exact"]
    assert any(layer["kind"] == "fused" for layer in data["layers"]) == (fusion == "auto")


CASES = [
    ({"workload": "c3d", "input_size": "16x32x32", "transform": "fsb_c3d", "algorithm": "hfa"}, 100),
    ({"workload": "c3d", "input_size": "16x32x32", "transform": "fsb_c3d", "algorithm": "hfa", "fusion": "auto"}, 100),
]


@pytest.mark.parametrize(("options", "width"), CASES, ids=["layers", "groups"])
def test_nests_say_what_the_schedule_does(options, width):
    network, design, units = units_of(**options)
    clocks = make_clocks(design)
    for unit in units:
        nest, run = make_nest(unit, design), unit.run
        trips = math.prod(loop.trips for loop in nest.loops)
        assert all(fill.bits <= fill.capacity_bits for fill in nest.fill), unit.name
        assert sum(row.dram_bytes for row in traffic_rows(unit)[:-1]) == traffic_rows(unit)[-1].dram_bytes
        text = unit_text(network, unit, design)
        assert max(map(len, text.splitlines())) <= width
        assert text == unit_text(network, unit, design)
        if isinstance(run.work, GroupWork):
            group, mapping = run.work.group, run.work.mapping
            axes, steps = mapping.axes(group), 0
            assert trips == math.prod(axis.tiles for axis in axes)
            for stages, size in zip(group.runs, mapping.chunks, strict=True):
                active = (math.prod(int((axis.new[i + 1] > 0).sum()) for axis in axes) for i in stages)
                steps += sum(active) * -(-group.channels[stages.stop] // size)
            assert steps == run.steps
            continue
        assert trips == run.steps
        schedule = run.work.program(design, clocks)
        loads = {match[1]: int(match[2].replace(",", "")) for match in re.finditer(
            r"load (ifmap|weight) .*?([\d,]+) loads?\b", " ".join(text.split())
        )}  # fmt: skip
        assert loads["ifmap"] == len(schedule.ifmap.first)
        assert loads.get("weight", 0) == len(schedule.weight.first)
        tiles = {fill.buffer: fill.tile_bits for fill in nest.fill}
        assert tiles["ifmap"] == schedule.ifmap.bits.max()
        assert tiles["weight"] == schedule.weight.bits.max(initial=0)


@settings(max_examples=40)
@given(chains(), st.data())
def test_the_fill_of_a_group_is_what_the_mapper_allows(chain, data):
    group = fusable(chain)
    mapping, schedule, *_ = any_mapping(group, data)
    fills = {fill.buffer: fill for fill in group_fill(group, mapping, SMALL)}
    assert all(fill.bits <= fill.capacity_bits for fill in fills.values())
    of_output = schedule.places.stage[schedule.ofmap.closes] == len(group.stages) - 1
    assert fills["ofmap"].tile_bits == schedule.ofmap.bits[of_output].max()
    assert fills["ifmap"].tile_bits >= schedule.ifmap.bits.max()
    assert fills["weight"].bits >= schedule.weight.bits.max(initial=0)
    resident = sum(map(stage_weight_bits, itertools.compress(group.stages, mapping.resident)))
    assert fills["weight"].resident_bits == resident


# Why these lines: 64 channels fit the array's rows 8 at a time; 3 output rows need 5 of the input, so rows are loaded
# 1.62 times; the input stays for all kernels, 0.66 KiB each, which are small enough to come again for each of 11 tiles.
GOLDEN = """\
conv1a: conv3d 3x3x3, 3x16x32x32 -> 64x16x32x32, direct
  DRAM   for h in 11      3, last 2, of 32 rows
           load ifmap     3 x 16x5x32 (halos: 1.62 x) = 7.5 KiB, 11 loads, once each, stays for n
           for n in 8     8 of 64 output channels
             load weight  8x3 kernels of 3x3x3 = 0.66 KiB, 88 loads, each 11 times (anew for h)
  chip       compute      8 x 16x3x32 outputs; 88 steps
  DRAM       store ofmap  8 x 16x3x32, 88 stores
  array  for n in 1       8 of 8 channels, one a row of 8 rows of PEs
           for t in 3     6 or 5 of 16 outputs
             for c in 3   1 of 3 input channels, pixel-parallel
               multiply   27 taps x 6x3x32 outputs on 36 lanes (1 column), 432 cycles
  buffer   KiB   of  full  slots x KiB     DRAM        KiB  compulsory  ratio
  ifmap     15  128   12%      2 x 7.5     ifmap       104          48   2.17
  weight  1.33  128    1%     2 x 0.66     weight     60.5        5.31  11.39
  ofmap     24  256    9%       2 x 12     ofmap     1,024       1,024   1.00
                                           total   1,188.5    1,077.31   1.10
"""

NEST = """\
units:
  - layer: conv1a
    tile: {n: 8, c: 3, t: 16, h: 3, w: 32}
    order: tiles_outer
    slots: {ifmap: 2, weight: 2, ofmap: 2}
"""


def test_the_nest_of_a_layer_reads_as_it_runs(cli, tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text(NEST)
    options = ("--input", "16x32x32", "--layer", "conv1a", "--mapping", str(path))
    text = cli("map", "c3d", *options).stdout
    assert text.startswith(GOLDEN)
    cycles, bound = text.removeprefix(GOLDEN).splitlines()
    assert re.fullmatch(r"  [\d,]+ cycles in 88 steps, bound by multiply; DRAM takes \d+% of them at least", cycles)
    assert bound == "  no schedule on these buffers moves less than 1,077.31 KiB; this one 1.10 x that"
    record = json.loads(cli("map", "c3d", *options, "--format", "json").stdout)["units"][0]
    assert math.prod(loop["trips"] for loop in record["loops"]) == record["steps"] == 88
    assert record["mapping"] == {"layer": "conv1a"} | yaml.safe_load(NEST)["units"][0]


@settings(max_examples=200)
@given(st.text(min_size=1, max_size=8).filter(str.isprintable))
def test_any_printable_name_is_written_so_that_it_reads_back(name):
    assert yaml.safe_load(f"[{_word(name)}, {{{_word(name)}: 1}}]") == [name, {name: 1}]


LAYER = "  - layer: stem\n    tile: {n: 8, c: 3, t: 4, h: 4, w: 12}\n    slots: {ifmap: 1, weight: 1, ofmap: 1}\n"
GROUP = (
    "  - group:\n      - {layer: a}\n      - {layer: b}\n"
    "    tile: {t: 4, h: 4, w: 12}\n    chunks: [8]\n    ofmap_slots: 1\n"
)


def layer(old="", new="", name="stem"):
    return "units:\n" + LAYER.replace("stem", name).replace(old, new, 1)


def group(old="", new=""):
    return "units:\n" + GROUP.replace(old, new, 1)


WRONG = {
    "empty": ("", "m.yaml:1|empty"),
    "no units": ("units: []\n", "m.yaml:1 units = []"),
    "no YAML": ("units: [\n", "not valid YAML"),
    "neither": ("units:\n  - {tile: {n: 1}}\n", "m.yaml:2 units[0]|'layer' or the key 'group'"),
    "unknown key": (layer("tile", "tiles"), "m.yaml:3 units[0].tiles: unknown key|'tile'"),
    "missing key": (layer(", w: 12", ""), "m.yaml:3 units[0].tile: the key 'w' is missing"),
    "unknown layer": (layer("stem", "stam"), "m.yaml:2 units[0].layer: tiny has no layer 'stam'|did you mean 'stem'?"),
    "twice": (layer() + LAYER, "m.yaml:5 units[1].layer: stem is in the unit at|m.yaml:2 already"),
    "in a group too": (group("{layer: b}", "{layer: a}"), "m.yaml:4 units[0].group[1].layer: a is in the unit"),
    "zero": (layer("n: 8", "n: 0"), "m.yaml:3 units[0].tile.n = 0|from 1 to"),
    "no number": (layer("n: 8", "n: x"), "m.yaml:3 units[0].tile.n = 'x'"),
    "too many channels": (layer("n: 8", "n: 33"), "units[0].tile.n = 33: there are 32 output channels in stem; give 1"),
    "one frame": (layer("t: 4", "t: 2", "pool"), "units[0].tile.t = 2: there is 1 frame in pool; give 1"),
    "too many rows": (layer("h: 4", "h: 13"), "units[0].tile.h = 13: there are 12 rows in stem; give 1 to 12"),
    "window": (
        "units:\n" + LAYER.replace("stem", "pool").replace("c: 3, t: 4, h: 4, w: 12", "c: 5, t: 1, h: 4, w: 4"),
        "units[0].tile.c = 5: there are 4 window frames in pool",
    ),
    "frames of a trg": (
        layer("n: 8, c: 3, t: 4", "n: 3, c: 1, t: 2", name="trg"), "tile.t = 2: trg needs all frames at once; give 4"
    ),
    "slots": (layer("ifmap: 1", "ifmap: 3"), "m.yaml:4 units[0].slots.ifmap = 3: there are 2 slots (buffers.slots)"),
    "order": (layer("    tile", "    order: both\n    tile"), "m.yaml:3 units[0].order = 'both': not allowed"),
    "parallel": (layer("    tile", "    parallel: row\n    tile"), "units[0].parallel = 'row'|channel, pixel"),
    "no parallel channels": (
        layer("    tile", "    parallel: channel\n    tile", name="b").replace("c: 3", "c: 1"),
        "m.yaml:3 units[0].parallel = 'channel': only dense direct layers",
    ),
    "algorithm": (
        layer("    tile", "    algorithm: winograd3d F(4,3)\n    tile"),
        "m.yaml:3 units[0].algorithm = 'winograd3d F(4,3)': with --algorithm hfa stem can run direct; change it",
    ),
    "one group": (group("      - {layer: b}\n", ""), "units[0].group|a list of 2 to 16 values"),
    "no chain": (group("{layer: b}", "{layer: c}"), "m.yaml:4 units[0].group[1]: c does not read a: a group is"),
    "branch": (group("a}", "stem}").replace("b}", "sum}"), "m.yaml:3 units[0].group[0]: stem is read by a and sum"),
    "no stage": (
        group("a}", "pool}").replace("b}", "fc}"), "m.yaml:4 units[0].group[1]: fc can't be fused; see docs/fusion.md"
    ),
    "chunks": (group("[8]", "[8, 8]"), "m.yaml:6 units[0].chunks = [8, 8]: give one size per run: a+b"),
    "warms up alone": (
        group("    chunks", "    warm_up: true\n    chunks"),
        "m.yaml:6 units[0].warm_up = True: tiles warm up along the axis of kept halos; give kept: t, h or w",
    ),
    "large chunk": (group("[8]", "[9]"), "m.yaml:6 units[0].chunks[0] = 9: there are 8 channels in b; give 1 to 8"),
    "group tile": (group("h: 4", "h: 40"), "m.yaml:5 units[0].tile.h = 40: there are 12 rows in b"),
    "group algorithm": (
        group("a}", 'a, algorithm: "winograd1d F(2,3)"}'), "m.yaml:3 units[0].group[0].algorithm = 'winograd1d F(2,3)'"
    ),
    "nothing to keep": (
        group("a}", "c}").replace("b}", "sum, resident: true}").replace("[8]", "[32]"),
        "m.yaml:4 units[0].group[1].resident = True: sum has no weights",
    ),
    "sliced": (group("    chunks", "    sliced: null\n    chunks"), "m.yaml:6 units[0].sliced = null: expected true"),
    "no inputs": ("inputs: {}\n" + layer(), "m.yaml:1 inputs = none: the network has "),
    "workload": ("workload: other\n" + layer(), "m.yaml:1 workload = other: the network has tiny; give that workload"),
    "transforms": ("transforms: [fsb]\n" + layer(), "m.yaml:1 transforms = fsb: the network has none; give these"),
    "inputs": ("inputs: {clip: [3, 4, 9, 9]}\n" + layer(), "m.yaml:1 inputs = clip 3x4x9x9: the network has clip"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_mapping_file_is_answered_with_place_and_key(cli, tiny, tmp_path, name):
    text, parts = WRONG[name]
    path = tmp_path / "m.yaml"
    path.write_text(text)
    refuse(cli("simulate", tiny, "--algorithm", "hfa", "--mapping", str(path)), parts)


SMALL_BUFFERS = ("--set", "buffers.ifmap_kib=1", "--set", "buffers.weight_kib=1", "--set", "buffers.ofmap_kib=4")


@pytest.mark.parametrize(
    ("text", "overrides", "parts"),
    [
        (layer(), ("--set", "buffers.ifmap_kib=0.5"), "buffers.ifmap_kib"),
        (layer("h: 4", "h: 12"), SMALL_BUFFERS,
         "m.yaml:2 units[0]: stem needs 1.69 KiB of the ifmap buffer (1 x 1.69 KiB), edge_base has 1 KiB; lower"),
        (layer("h: 4", "h: 2").replace("n: 8", "n: 32"), ("--set", "buffers.weight_kib=1"),
         "stem needs 2.53 KiB of the weight buffer (1 x 2.53 KiB), edge_base has 1 KiB; lower tile sizes"),
        (layer("n: 8", "n: 32").replace("c: 3", "c: 1"), ("--set", "buffers.ofmap_kib=16"),
         "stem needs 24 KiB of the ofmap buffer (1 x 24 KiB), edge_base has 16 KiB"),
        (group(), ("--set", "buffers.ofmap_kib=4", "--set", "buffers.intermediate_share=0.5"),
         "m.yaml:2 units[0]: a+b needs 2.25 KiB of the intermediate buffer (1 x 2.25 KiB), edge_base has 2 KiB"),
        (group("a}", "a, resident: true}"), ("--set", "buffers.weight_kib=1"), ""),
        (group(), ("--set", "buffers.intermediate_share=0"), "can't fuse: buffers.intermediate_share is 0; raise it"),
        (layer("tile: {n: 8, c: 3, t: 4, h: 4, w: 12}", "tile: {n: 1, c: 1, t: 1, h: 1, w: 1}", name="stem"),
         ("--input", "512x512x512"), "units[0].tile: makes"),
        (group(), ("--clips", "2"), ""),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_answered_with_what_is_needed_and_there(cli, tiny, tmp_path, text, overrides, parts):
    path = tmp_path / "m.yaml"
    path.write_text(text)
    result = cli("simulate", tiny, *overrides, "--mapping", str(path))
    if parts:
        refuse(result, parts)
    else:
        assert result.exit_code == 0, result.stderr


def test_a_mapping_that_is_no_file_and_a_layer_that_is_none_are_refused(cli, tiny, tmp_path):
    refuse(cli("simulate", tiny, "--mapping", str(tmp_path)), "is not a regular file")
    refuse(cli("execute", tiny, "--mapping", str(tmp_path / "none.yaml")), "is not a regular file")
    refuse(cli("map", tiny, "--layer", "stam"), "unknown layer 'stam'|did you mean 'stem'?")
    refuse(cli("map", tiny, "--save", str(tmp_path)), "is a directory")
    with pytest.raises(InputError, match="units"):
        parse_mapping("workload: c3d\n")


def test_a_layer_may_run_direct_where_it_could_do_better(tiny, tmp_path):
    network, design, units = units_of(resolve_network(tiny, None, None, None), algorithm="hfa")
    entry = entry_of(units[2], design)
    assert entry.algorithm == "winograd1d F(4,3)"
    path = tmp_path / "direct.yaml"
    path.write_text(saved_text(network, design, "hfa", units[2:3]).replace('    algorithm: "winograd1d F(4,3)"\n', ""))
    chosen = simulate(tiny, algorithm="hfa").data["layers"][2]
    fixed = simulate(tiny, algorithm="hfa", mapping=path).data["layers"][2]
    assert fixed["algorithm"] == "direct"
    # Tiled as it was for Winograd, with all multiplications of the direct sum.
    assert fixed["mapping"] == chosen["mapping"]
    assert chosen["executed_mults"] < fixed["executed_mults"] == fixed["ideal_mults"] == fixed["macs"]


@pytest.mark.parametrize(("layout", "block"), [("cthw", 8), ("blocked", 16)])
def test_a_layout_against_that_of_the_accelerator_is_refused(cli, tmp_path, layout, block):
    file = tmp_path / "mapping.yaml"
    options = ("c3d", "--input", "16x16x16", "--set", f"dram.layout={layout}")
    assert cli("map", *options, "--save", str(file)).exit_code == 0
    assert cli("simulate", *options, "--mapping", str(file)).exit_code == 0
    stored = {"cthw": 1, "blocked": 8}[layout]
    text = file.read_text(encoding="utf-8")
    assert f"conv2a: {stored}\n" in text
    file.write_text(text.replace(f"conv2a: {stored}\n", f"conv2a: {block}\n"), encoding="utf-8")
    refused = cli("simulate", *options, "--mapping", str(file))
    assert refused.exit_code == 2
    assert f"dram.layout {layout} stores conv2a in blocks of {stored}" in refused.stderr
