"""Do all shipped networks, and every kind of layer on every accelerator, keep the invariants of the model?"""

from __future__ import annotations

import pytest
from shipped_networks import KINDS, SMALL

from lw3dsim import compare, load_workload, simulate
from lw3dsim.describe.catalog import shipped_names
from lw3dsim.testing.accounts import check_accounts

ARCHS = shipped_names("arch_configs")


# One test for the four cases: layers that the cases share are mapped once.
@pytest.mark.parametrize(
    ("workload", "arch"),
    [(name, arch) for arch in ARCHS for name in (shipped_names("workloads") if arch == "edge_base" else KINDS)],
)
def test_invariants_hold_in_every_case(workload, arch):
    # The largest networks in full on the base design, smaller on the others.
    size = None if arch == "edge_base" else SMALL[workload]
    comparison = compare(load_workload(workload, input_size=size), arch=arch)
    assert comparison.names == ("baseline", "FSB", "FSB+hFA", "3D Winograd")
    for result in comparison.results:
        check_accounts(result)


def test_the_networks_of_every_accelerator_have_every_kind_of_layer():
    def kinds(names):
        loaded = (load_workload(name, input_size=SMALL[name]) for name in names)
        return {(layer.kind, getattr(layer, "groups", 1) > 1) for network in loaded for layer in network.layers}

    assert kinds(KINDS) == kinds(SMALL)


def test_a_single_multiplier_array_runs_c3d_near_its_floor():
    # 38.497 G MACs on 256 multipliers are 150.4 M cycles; ZigZag's best mappings for such an array take 171.8 M.
    result = simulate("c3d", arch="array_16x16", overrides=["dram.bandwidth_gbps=1000"])
    assert 150.4e6 < result.totals["latency_cycles"] < 175e6
    layers = result.layers.set_index("name")
    assert layers.loc["conv3b", "ideal_cycles"] == 43_352_064  # 256 -> 256, 8x28x28: Timeloop, AccelForge
    assert layers.loc["conv3b", "latency_cycles"] < 1.001 * 43_352_064
    # Rows are output channels and columns pixels, so three input channels cost nothing.
    assert layers.loc["conv1a", "latency_cycles"] < 1.01 * layers.loc["conv1a", "ideal_cycles"]


def test_the_same_run_twice_gives_the_same_bytes():
    from lw3dsim.network.layers import run_problem

    first = simulate("c3d", transform="fsb_c3d", algorithm="auto").to_json()
    run_problem.cache_clear()
    assert simulate("c3d", transform="fsb_c3d", algorithm="auto").to_json() == first


def test_auto_is_never_slower_than_any_single_choice():
    auto = simulate("c3d", transform="fsb_c3d", algorithm="auto").totals["latency_cycles"]
    for algorithm in ("direct", "hfa", "nested"):
        assert auto <= simulate("c3d", transform="fsb_c3d", algorithm=algorithm).totals["latency_cycles"]


def test_winograd_that_does_not_fit_runs_direct_and_says_why():
    result = simulate("c3d", arch="edge_direct", algorithm="winograd3d", input_size="16x56x56")
    conv = next(layer for layer in result.data["layers"] if layer["name"] == "conv2a")
    assert conv["algorithm"] == "direct"
    assert "accumulators" in conv["note"]


def test_onchip_weight_transform_moves_fewer_weights_and_adds_transforms():
    offline = simulate("c3d", algorithm="winograd3d")
    onchip = simulate("c3d", algorithm="winograd3d", overrides=["winograd.weight_transform=onchip"])
    assert onchip.dram_bytes_breakdown["weight"] < offline.dram_bytes_breakdown["weight"]
    assert onchip.energy_breakdown_pj["weight_transform"] > 0
    assert offline.energy_breakdown_pj["weight_transform"] == 0


def test_a_depthwise_layer_is_bound_by_transforms_in_winograd_and_by_words_or_multipliers_direct():
    """The figures of docs/winograd.md: C3D's conv2a.depthwise on edge_base with DRAM out of the way."""

    def cycles(algorithm, *overrides):
        ample = ["dram.bandwidth_gbps=1000", *overrides]
        result = simulate("c3d", transform="fsb_c3d", algorithm=algorithm, overrides=ample)
        layer = next(x for x in result.data["layers"] if x["name"] == "conv2a.depthwise")
        return layer["latency_cycles"], layer["bound_by"]

    twice = ("transforms.input_coords_per_cycle=72", "transforms.output_coords_per_cycle=72")
    assert cycles("direct") == (pytest.approx(169e3, rel=0.005), "sram_port")
    assert cycles("direct", "pe.staging_elements=512") == (pytest.approx(102e3, rel=0.005), "multiply")
    assert cycles("hfa") == (pytest.approx(201e3, rel=0.005), "transform")
    assert cycles("hfa", *twice)[0] == pytest.approx(101e3, rel=0.005)
