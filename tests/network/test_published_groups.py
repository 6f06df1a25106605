"""Networks that others have published fused: do their groups move little more than inputs, weights and outputs?"""

from __future__ import annotations

import pytest
import yaml

from lw3dsim import execute, simulate

CONV = "{{name: {}, kind: conv3d, out_channels: {}, kernel: [1, {k}, {k}], padding: [0, {p}, {p}], bias: false}}"


def conv(name, out, size):
    """A line of a workload: a dense layer of one frame, no biases."""
    return "  - " + CONV.format(name, out, k=size, p=size // 2) + "\n"


def fsrcnn(height, width):
    """FSRCNN (Dong et al. 2016), factor 2; its last layer makes the four pixels of every position."""
    sizes = (("extract", 56, 5), ("shrink", 12, 1), *((f"map{i}", 12, 3) for i in range(4)), ("expand", 56, 1))
    head = f"name: fsrcnn\ninputs: {{image: {{channels: 1, frames: 1, height: {height}, width: {width}}}}}\nlayers:\n"
    return head + "".join(conv(*one) for one in (*sizes, ("deconv", 4, 5)))


POOL = "  - {{name: {}, kind: pool3d, mode: max, kernel: [1, 2, 2], stride: [1, 2, 2]}}\n"
VGG_E = (
    "name: vgg_e\ninputs: {image: {channels: 3, frames: 1, height: 224, width: 224}}\nlayers:\n"
    + conv("conv1_1", 64, 3) + conv("conv1_2", 64, 3) + POOL.format("pool1") + conv("conv2_1", 128, 3)
    + conv("conv2_2", 128, 3) + POOL.format("pool2") + conv("conv3_1", 256, 3)
)  # fmt: skip
BOTTLENECKS = (
    "name: res2\ninputs: {s0: {channels: 256, frames: 4, height: 56, width: 56}}\nlayers:\n"
    + "".join(
        conv(f"a{i}", 64, 1) + conv(f"b{i}", 64, 3) + conv(f"c{i}", 256, 1)
        + f"  - {{name: s{i}, kind: add, inputs: [c{i}, s{i - 1}]}}\n"
        for i in (1, 2)
    )
)  # fmt: skip
LARGE = ("pe.rows=16", "pe.mults_per_pe=128", "buffers.ofmap_kib=1024")


@pytest.mark.parametrize(
    ("network", "overrides", "moved", "compulsory"),
    [
        # Whole rows of 960 pixels: what is above are the ends of the bursts of weights. With less room, four columns.
        (fsrcnn(540, 960), LARGE, 2_605_824, 2_605_528),
        (fsrcnn(540, 960), LARGE[:2], 2_709_504, 2_605_528),
        # Whole rows, all weights stay: each of 224 rows of 672 bytes ends in the middle of a burst of 64.
        (VGG_E, ("buffers.weight_kib=640", "buffers.ofmap_kib=512"), 1_515_200, 1_508_032),
        (BOTTLENECKS, (), 7_135_232, 6_561_792),
    ],
)  # fmt: skip
def test_a_published_group_moves_little_more_than_is_compulsory(tmp_path, network, overrides, moved, compulsory):
    path = tmp_path / "network.yaml"
    path.write_text(network)
    result = simulate(str(path), fusion="auto", objective="dram_bytes", overrides=overrides)
    (group,) = result.record.layers
    assert (group.dram_bytes, group.compulsory_bytes) == (moved, compulsory)


@pytest.fixture
def small(tmp_path):
    """A small FSRCNN, and options under which it is one group whose tiles warm up."""
    path = tmp_path / "network.yaml"
    path.write_text(fsrcnn(30, 40))
    sizes = ("buffers.ifmap_kib=1", "buffers.ofmap_kib=24", "buffers.weight_kib=16")
    return str(path), {"objective": "dram_bytes", "overrides": sizes}


def test_tiles_that_warm_up_compute_what_layers_do_one_by_one(small):
    network, options = small
    fused = simulate(network, fusion="auto", **options)
    assert any("warmed up" in layer.mapping for layer in fused.record.layers)
    assert execute(network, fusion="auto", **options).exact


def test_a_mapping_file_says_which_tiles_warm_up(cli, small, tmp_path):
    network, options = small
    sizes = [part for one in options["overrides"] for part in ("--set", one)]
    path, options = tmp_path / "mapping.yaml", {**options, "engine": "simpy"}
    text = cli("map", network, "--fusion", "auto", "--objective", "dram_bytes", *sizes, "--save", str(path)).stdout
    assert "to warm up, " in text
    (unit,) = (unit for unit in yaml.safe_load(path.read_text())["units"] if "group" in unit)
    assert unit["warm_up"]
    found, again = simulate(network, fusion="auto", **options), simulate(network, mapping=path, **options)
    assert [(one.name, one.mapping, one.dram_bytes, one.latency_cycles) for one in again.record.layers] == [
        (one.name, one.mapping, one.dram_bytes, one.latency_cycles) for one in found.record.layers
    ]
    path.write_text(path.read_text().replace("    warm_up: true\n", ""))
    # Without tiles in front of it the first one is too large.
    refused = cli("simulate", network, *sizes, "--mapping", str(path))
    assert refused.exit_code == 2
    assert "needs" in refused.output
