"""Does a group whose tensors inside are whole on chip pass weights once, what is added coming slice by slice?"""

from __future__ import annotations

import pytest
import yaml

from lw3dsim import execute, simulate

# Half a bottleneck deep in a network: small tensors, large weights, and a shortcut that comes from DRAM.
NETWORK = """
name: deep
inputs:
  x: {channels: 24, frames: 2, height: 4, width: 4}
  shortcut: {channels: 96, frames: 2, height: 4, width: 4}
layers:
  - {name: b, kind: conv3d, inputs: [x], out_channels: 24, kernel: [1, 3, 3], padding: [0, 1, 1], activation: relu}
  - {name: c, kind: conv3d, out_channels: 96, kernel: [1, 1, 1]}
  - {name: sum, kind: add, inputs: [c, shortcut], activation: relu}
"""
# A tile of all positions: 768 bytes of the input, and 3,072 of the shortcut, of which a slice of 16 channels has 512.
ONE_TILE = """
units:
  - group:
      - {layer: b}
      - {layer: c}
      - {layer: sum}
    tile: {t: 2, h: 4, w: 4}
    kept: none
    sliced: true
    chunks: [8, 16]
    ofmap_slots: 2
"""
SIZES = ("buffers.ifmap_kib=2", "buffers.weight_kib=6", "buffers.ofmap_kib=4")


@pytest.fixture
def deep(tmp_path):
    path = tmp_path / "deep.yaml"
    path.write_text(NETWORK)
    return str(path)


@pytest.fixture
def one_tile(tmp_path):
    path = tmp_path / "one_tile.yaml"
    path.write_text(ONE_TILE)
    return path


def test_a_mapping_file_lets_every_tensor_come_once(deep, one_tile):
    runs = [
        simulate(deep, "edge_small", overrides=SIZES, mapping=one_tile, engine=engine).record.layers
        for engine in ("fast", "simpy")
    ]
    assert runs[0] == runs[1]
    (group,) = runs[0]
    # But for whole bursts: weights of a chunk each end in the middle of one.
    assert group.compulsory_bytes <= group.dram_bytes < 1.05 * group.compulsory_bytes
    assert execute(deep, "edge_small", overrides=SIZES, mapping=one_tile).exact


def test_in_all_channels_the_same_tile_has_no_room(cli, deep, one_tile):
    sizes = [part for one in SIZES for part in ("--set", one)]
    one_tile.write_text(one_tile.read_text().replace("    sliced: true\n", ""))
    refused = cli("simulate", deep, "--arch", "edge_small", *sizes, "--mapping", str(one_tile))
    assert refused.exit_code == 2
    assert "needs 3.75 KiB of the ifmap buffer" in " ".join(refused.output.split())


def test_nothing_is_sliced_where_nothing_is_added(cli, deep, one_tile):
    one_tile.write_text(one_tile.read_text().replace("      - {layer: sum}\n", ""))
    refused = cli("simulate", deep, "--arch", "edge_small", "--mapping", str(one_tile))
    assert refused.exit_code == 2
    assert "sliced = True: no second operand of the group comes from DRAM" in " ".join(refused.output.split())


def test_the_search_finds_it_and_nothing_moves_less(deep, tmp_path, cli):
    options = {"fusion": "auto", "objective": "dram_bytes_only", "overrides": SIZES}
    found = simulate(deep, "edge_small", **options).record
    (group,) = found.layers
    assert "operands sliced" in group.mapping
    assert group.dram_bytes == found.totals.least_dram_bytes < 1.05 * group.compulsory_bytes
    assert execute(deep, "edge_small", **options).exact
    path, sizes = tmp_path / "found.yaml", [part for one in SIZES for part in ("--set", one)]
    asked = ("--arch", "edge_small", "--fusion", "auto", "--objective", "dram_bytes_only", *sizes)
    text = cli("map", deep, *asked, "--save", str(path)).stdout
    assert "for sum, a slice at a time" in text
    (unit,) = yaml.safe_load(path.read_text())["units"]
    assert unit["sliced"]
    (again,) = simulate(deep, "edge_small", overrides=SIZES, mapping=path).record.layers
    assert (again.mapping, again.dram_bytes) == (group.mapping, group.dram_bytes)
