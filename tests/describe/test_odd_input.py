"""Is every odd but legal input answered by sane numbers?"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from written import CONV, POOL, net

from lw3dsim.errors import InputError
from lw3dsim.explore.export import form_of

# fmt: off
POINT = "kind: conv3d, out_channels: 8, kernel: [1, 1, 1]"
ODD = {  # layers; channels, frames, side of the clip
    "one frame": ([CONV, f"{POOL}: [1, 2, 2]", "name: f, kind: linear, out_features: 9"], (3, 1, 32)),
    "pointwise only": ([f"name: a, {POINT}", f"name: b, {POINT}"], (8, 4, 8)),
    "one element": ([f"name: a, {POINT}"], (1, 1, 1)), "trg of one frame": (["name: g, kind: trg", CONV], (8, 1, 8)),
    "groups": ([f"{CONV}, groups: 4"], (12, 4, 8)), "global pool": ([f"{POOL}: global"], (37, 7, 9)),
    "depthwise": ([f"{CONV}, groups: 8"], (8, 4, 8)), "dilation": ([f"{CONV}, dilation: [2, 2, 2]"], (8, 9, 16)),
    "stride over kernel": ([f"name: a, {POINT}, stride: [3, 3, 3]"], (8, 9, 17)),
    "padding over kernel": ([f"name: a, {POINT}, padding: [3, 5, 5]"], (8, 4, 8)),
    "prime channels": ([CONV.replace("8", "37"), CONV.replace("8", "41").replace("a,", "b,", 1)], (37, 5, 13)),
    "large linear": (["name: f, kind: linear, out_features: 10"], (64, 16, 28)),
    "padded pool": ([f"{POOL}: [3, 3, 3], stride: [2, 2, 2], padding: [1, 1, 1]"], (8, 4, 8)),
    "add of three": ([CONV, CONV.replace("a,", "b,", 1), "name: s, kind: add, inputs: [a, b, clip]"], (8, 4, 8)),
}
TINY = "--set|pe={rows: 1, cols: 1, mults_per_pe: 1, acc_depth: 1}"
HUGE = "--set|pe={rows: 1024, cols: 1024, mults_per_pe: 1024, acc_depth: 4096}"
RUNS = [TINY, HUGE, "--arch|winograd3d", "--transform|fsb,trg|--algorithm|hfa"]
RUNS += [f"--algorithm|{name}|--m1|{m}|--m2|{m}" for name in ("hfa", "winograd3d", "nested", "auto") for m in (1, 8)]
# fmt: on


@pytest.mark.parametrize("options", RUNS)
@pytest.mark.parametrize("name", ODD)
def test_an_odd_but_legal_network_gives_sane_numbers(cli_json, tmp_path, name, options):
    layers, (channels, frames, side) = ODD[name]
    shape = f"channels: {channels}, frames: {frames}, height: {side}, width: {side}"
    (tmp_path / "odd.yaml").write_text(net(*layers, head=f"name: t\ninputs:\n  clip: {{{shape}}}\nlayers:\n"))
    data = cli_json("simulate", str(tmp_path / "odd.yaml"), *options.split("|"), "--format", "json")
    breakdowns = ("cycles_breakdown", "energy_breakdown_pj", "dram_bytes_breakdown")
    for figures in (*data["layers"], data["totals"] | {key: data[key] for key in breakdowns}):
        dram = figures["dram_read_bytes"] + figures["dram_write_bytes"]
        assert figures["executed_mults"] >= figures["ideal_mults"]
        assert dram >= figures["compulsory_bytes"] > 0
        assert figures["latency_cycles"] >= figures["compute_bound_cycles"] > 0
        assert figures["latency_cycles"] >= figures["dram_bound_cycles"] > 0
        assert sum(figures["cycles_breakdown"].values()) == figures["latency_cycles"]
        assert sum(figures["dram_bytes_breakdown"].values()) == dram
        energy = math.fsum(figures["energy_breakdown_pj"].values())
        assert energy == pytest.approx(figures["energy_pj"], rel=1e-9)
        assert min(min(figures[key].values()) for key in breakdowns) >= 0


@pytest.mark.parametrize("workload", ["c3d", "c3d_paper", "slowfast_r50_4x16", "slowfast_r50_8x8"])
def test_every_transform_takes_every_shipped_workload(cli, cli_json, workload):
    for transform in cli_json("list", "--format", "json")["transforms"]:
        assert cli("show", workload, "--transform", transform, "--format", "json").exit_code == 0


def test_a_tensor_in_too_many_runs_names_the_way_out(cli, tmp_path):
    network = tmp_path / "big.yaml"
    network.write_text(
        "name: big\ninputs: {x: {channels: 64, frames: 64, height: 1080, width: 1920}}\n"
        "layers:\n  - {name: a, kind: conv3d, out_channels: 64, kernel: [3, 3, 3], padding: [1, 1, 1]}\n"
    )
    refused = cli("simulate", str(network))
    assert refused.exit_code == 2
    assert "runs of bursts" in refused.stderr
    assert "plain" in refused.stderr
    assert cli("simulate", str(network), "--set", "dram.model=plain").exit_code == 0


def test_the_name_of_an_output_is_not_echoed_whole():
    with pytest.raises(InputError, match=r"ends in \.csv or \.parquet") as refused:
        form_of(Path("x" * 5000))
    assert len(str(refused.value)) < 400
