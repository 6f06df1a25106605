"""Do accesses by level say what the counters and the energies of a run say, tensor by tensor and unit by unit?

That they sum to both in every shipped case is asked with the other invariants (``lw3dsim.testing.accounts``).
"""

from __future__ import annotations

import pytest

import lw3dsim
from lw3dsim.account.accesses import LEVELS, reuses, summed_accesses

# 2 x 2 outputs of 4 channels from 3: no border is ragged, no sum is cut.
NETWORK = """
name: tiny
inputs: {clip: {channels: 3, frames: 1, height: 8, width: 8}}
layers:
  - {name: a, kind: conv3d, out_channels: 4, kernel: [1, 1, 1]}
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("accesses") / "tiny.yaml"
    path.write_text(NETWORK)
    return lw3dsim.simulate(path)


@pytest.fixture(scope="module")
def fused():
    return lw3dsim.simulate("c3d_small", transform="fsb_c3d", algorithm="hfa", fusion="auto")


def row(rows, *place):
    return next(one for one in rows if one.place == place)


def test_a_pointwise_layer_is_what_one_counts(tiny):
    rows, (layer,) = tiny.record.accesses, tiny.record.layers
    assert rows == layer.accesses
    mults = 3 * 4 * 64
    assert layer.executed_mults == mults
    for tensor in ("ifmap", "weight"):
        registers = row(rows, "operand_registers", tensor, "array")
        assert (registers.reads, registers.writes, registers.read_bytes) == (mults, mults, mults)
    # Every input is brought once, every output leaves once: bytes of 8 bits.
    assert row(rows, "ifmap_sram", "ifmap", "dma").write_bytes == 3 * 64
    assert row(rows, "weight_sram", "weight", "dma").write_bytes == 3 * 4
    assert row(rows, "ofmap_sram", "ofmap", "dma").read_bytes == 4 * 64
    assert row(rows, "ofmap_sram", "ofmap", "drain").write_bytes == 4 * 64
    # Every word of 64 bytes counts, however little of it is filled.
    for one in (one for one in rows if one.level.endswith("_sram")):
        assert 64 * (one.reads + one.writes) >= one.bytes
    dram = row(rows, "dram", "ofmap", "dma")
    assert (dram.writes * 64, dram.reads) == (dram.write_bytes, 0)
    assert not [one for one in rows if one.tensor in ("partial_sum", "intermediate") and one.level == "ofmap_sram"]


def test_energies_of_a_level_are_those_of_its_causes(tiny):
    (layer,) = tiny.record.layers
    causes = layer.energy_causes_pj
    assert row(layer.accesses, "ifmap_sram", "ifmap", "dma").energy_pj == causes.ifmap_sram.dma
    assert row(layer.accesses, "ofmap_sram", "ofmap", "drain").energy_pj == causes.ofmap_sram.array
    assert row(layer.accesses, "accumulators", "partial_sum", "array").energy_pj == causes.accumulators.compute
    staged = [one.energy_pj for one in layer.accesses if one.level == "staging"]
    assert len(staged) == 2
    assert sum(staged) == pytest.approx(causes.staging.compute, rel=1e-12)


def test_intermediate_tensors_of_a_group_are_told_from_its_output(fused):
    groups = [layer for layer in fused.record.layers if layer.kind == "fused"]
    assert groups
    for layer in groups:
        inside = row(layer.accesses, "ofmap_sram", "intermediate", "drain")
        assert inside.write_bytes == layer.intermediate_write_bytes > 0
        read = row(layer.accesses, "ofmap_sram", "intermediate", "array")
        assert read.energy_pj == layer.energy_causes_pj.ofmap_sram.intermediate_reads


def test_the_network_is_the_sum_of_its_layers_from_far_to_near(fused):
    record, frame = fused.record, fused.accesses
    order = [LEVELS.index(one.level) for one in record.accesses]
    assert order == sorted(order)
    for one in record.accesses:
        same = frame[(frame.level == one.level) & (frame.tensor == one.tensor) & (frame.by == one.by)]
        assert (same.reads.sum(), same.writes.sum()) == (one.reads, one.writes)
        assert same.energy_pj.sum() == pytest.approx(one.energy_pj, rel=1e-12)
    assert frame.columns.tolist() == [
        "layer", "level", "tensor", "by", "reads", "writes", "read_bytes", "write_bytes", "energy_pj",
    ]  # fmt: skip


def test_reuse_is_what_leaves_a_level_over_what_came(fused):
    rows = fused.record.accesses
    found = {(one.level, one.tensor): one.reuse for one in fused.record.reuse}
    read, written = row(rows, "ifmap_sram", "ifmap", "array"), row(rows, "ifmap_sram", "ifmap", "dma")
    assert found["ifmap_sram", "ifmap"] == read.read_bytes / written.write_bytes
    used, staged = row(rows, "operand_registers", "weight", "array"), row(rows, "staging", "weight", "array")
    assert found["staging", "weight"] == used.write_bytes / staged.write_bytes
    assert {*zip(fused.reuse.level, fused.reuse.tensor, strict=True)} == set(found)
    assert reuses(()) == ()


def test_a_sparse_layer_accesses_what_is_not_gated(tmp_path):
    path = tmp_path / "sparse.yaml"
    path.write_text(NETWORK.replace("width: 8}", "width: 8, density: 0.5}"))
    rows = lw3dsim.simulate(path).record.accesses
    assert row(rows, "operand_registers", "ifmap", "array").reads == 3 * 4 * 64 // 2
    assert row(rows, "accumulators", "partial_sum", "array").writes == 3 * 4 * 64 // 2


def test_sums_keep_what_layers_have_of_each_place(tiny):
    once = tiny.record.accesses
    twice = summed_accesses([once, once])
    assert [one.place for one in twice] == [one.place for one in once]
    assert [one.bytes for one in twice] == [2 * one.bytes for one in once]
