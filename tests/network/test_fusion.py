"""Does a network with fused groups keep every contract of a result, and what do groups buy?"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lw3dsim import simulate
from lw3dsim.network.chains import operands
from lw3dsim.network.pipeline import resolve_design, resolve_network
from lw3dsim.transform.algorithms import candidates

C3D = ("c3d", "--transform", "fsb_c3d", "--input", "16x56x56", "--format", "json")


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


@pytest.mark.parametrize("block", ["conv2a", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"])
def test_a_fused_block_moves_little_more_than_its_input_and_output(block):
    network = resolve_network("c3d", "fsb_c3d", None, None)
    design = resolve_design("edge_base", (), None, None)
    from lw3dsim.machine.problem import make_problem
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.layer.price import Price
    from lw3dsim.network.groups import run_group

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
