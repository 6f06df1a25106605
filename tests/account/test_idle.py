"""Do cycles say what the array does: multiply, or wait for what is too small for it?"""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim import explain, simulate


def layer_of(tmp_path, layer, clip=(64, 4, 8, 8), arch="array_16x16", algorithm="direct", overrides=()):
    path = tmp_path / "net.yaml"
    c, t, h, w = clip
    clip = {"channels": c, "frames": t, "height": h, "width": w}
    path.write_text(yaml.safe_dump({"name": "net", "inputs": {"clip": clip}, "layers": [{"name": "x", **layer}]}))
    return simulate(path, arch, algorithm=algorithm, overrides=overrides).data["layers"][0]


def conv(out, kernel=(1, 1, 1), **more):
    return {"kind": "conv3d", "out_channels": out, "kernel": list(kernel), **more}


FAST = ("dram.model=plain", "dram.bandwidth_gbps=1000", "dram.latency_ns=0")


def test_one_pixel_leaves_all_columns_but_one_idle(tmp_path):
    layer = layer_of(tmp_path, {"kind": "linear", "out_features": 64}, (512, 1, 1, 1), overrides=FAST)
    cycles = layer["cycles_breakdown"]
    # 4 groups of 16 rows, 512 inputs each: 2048 cycles of 16 of 256 multipliers.
    assert (cycles["multiply"], cycles["idle_lanes"]) == (128, 1920)
    assert layer["bound_by"] == "idle_lanes"
    assert layer["idle"] == "15 of 16 columns idle: 1 pixel"


def test_few_output_channels_leave_rows_idle(tmp_path):
    # 256 pixels on 16 columns: 16 cycles for each of 64 inputs; 4 of 16 rows have a channel.
    layer = layer_of(tmp_path, conv(4), overrides=FAST)
    cycles = layer["cycles_breakdown"]
    assert (cycles["multiply"], cycles["idle_rows"]) == (256, 768)
    assert (layer["bound_by"], layer["idle"]) == ("idle_rows", "12 of 16 rows idle: 4 output channels")


def test_groups_too_wide_for_the_rows_left_leave_rows_idle(tmp_path):
    # With one slot a step more is filled in sight: all in one.
    layer = layer_of(tmp_path, conv(22, groups=2), overrides=(*FAST, "buffers.slots=1"))
    assert layer["idle"] == "5 of 16 rows idle: 2 groups of 11 output channels, 1 side by side"


def test_coordinates_that_do_not_fill_a_pe_leave_multipliers_idle(tmp_path):
    # F(4,3) has 6 coordinates: a PE of 8 multipliers holds one tile. 8x8x1 tiles on 4 lanes: 16 cycles.
    overrides = (*FAST, "pe.rows=8", "pe.cols=4", "pe.mults_per_pe=8", "transforms.input_coords_per_cycle=1024")
    layer = layer_of(tmp_path, conv(8, (3, 1, 1), padding=[1, 0, 0]), algorithm="hfa", overrides=overrides)
    cycles = layer["cycles_breakdown"]
    assert (cycles["multiply"], cycles["idle_multipliers"]) == (64 * 16 * 6 // 8, 64 * 16 * 2 // 8)
    assert layer["idle"] == "2 of 8 multipliers of a PE idle: F(4,3) tiles have 6 coordinates"


def test_few_input_channels_leave_an_adder_tree_idle(tmp_path):
    # 4 pixels on 4 columns of 8 multipliers: a round of 3 channels in adder trees beats 3 rounds on 4 of 32 lanes.
    ports = ("buffers.ifmap_port_bytes=512", "buffers.weight_port_bytes=512")
    overrides = (*FAST, *ports, "pe.rows=8", "pe.cols=4", "pe.mults_per_pe=8")
    layer = layer_of(tmp_path, conv(64, (3, 3, 3), padding=[1, 1, 1]), (3, 1, 2, 2), overrides=overrides)
    assert layer["idle"] == "5 of 8 multipliers of a PE idle: 3 input channels"


@pytest.mark.parametrize("kernel", [(3, 1, 1), (3, 3, 3)], ids=["3 cycles", "27 cycles"])
def test_the_shortest_steps_keep_their_shares(tmp_path, kernel):
    # One round of 8 channels in trees of 20, for 4 pixels on 4 columns and 2 rows: a cycle for each of the taps.
    ports = (f"buffers.{name}_port_bytes=512" for name in ("ifmap", "weight", "ofmap"))
    overrides = (*FAST, *ports, "pe.rows=2", "pe.cols=4", "pe.mults_per_pe=20", "layer_setup_cycles=0")
    taps = math.prod(kernel)
    layer = layer_of(tmp_path, conv(2, kernel, padding=[k // 2 for k in kernel]), (8, 1, 2, 2), overrides=overrides)
    assert layer["idle"] == "12 of 20 multipliers of a PE idle: 8 input channels"
    cycles = layer["cycles_breakdown"]
    assert (cycles["multiply"], cycles["idle_multipliers"]) == (taps * 8 // 20, taps - taps * 8 // 20)


def test_ragged_groups_leave_lanes_idle(tmp_path):
    # 17 pixels take two turns of 16 columns.
    layer = layer_of(tmp_path, conv(16), (64, 1, 1, 17), overrides=(*FAST, "buffers.slots=1"))
    cycles = layer["cycles_breakdown"]
    assert (cycles["multiply"], cycles["idle_lanes"]) == (68, 60)
    assert layer["idle"] == "7.5 of 16 columns idle: 1x1x17 pixels, in groups that leave lanes over"


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.sampled_from(["array_16x16", "edge_base"]))
def test_what_multiplies_is_what_is_used_of_the_multipliers(tmp_path_factory, n, c, width, arch):
    layer = layer_of(tmp_path_factory.mktemp("net"), conv(n), (c, 1, 3, width), arch)
    cycles = layer["cycles_breakdown"]
    assert sum(cycles.values()) == layer["latency_cycles"]
    assert min(cycles.values()) >= 0
    assert cycles["multiply"] <= layer["compute_bound_cycles"]
    if not cycles["sram_port"]:
        # Rounded down once for the layer, the bound up.
        assert cycles["multiply"] >= layer["compute_bound_cycles"] - 1


def test_explain_says_what_idles_and_what_helps(tmp_path):
    path = tmp_path / "net.yaml"
    clip = {"channels": 64, "frames": 1, "height": 1, "width": 1}
    layers = [{"name": "fc", "kind": "linear", "out_features": 1000}]
    path.write_text(yaml.safe_dump({"name": "net", "inputs": {"clip": clip}, "layers": layers}))
    explanation = explain(path, "array_16x16", overrides=FAST)
    (cause,) = explanation.causes()
    assert (cause["cause"], cause["layers"]) == ("idle_lanes", ("fc",))
    assert cause["words"] == "15 of 16 columns idle: 1 pixel"
    assert "pe.cols" in cause["helps"]
    assert cause["share"] == pytest.approx(1)
