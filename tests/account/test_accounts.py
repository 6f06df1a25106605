"""Do the parts of the energy sum to their totals, each with the right cause, and does sparsity gate what it should?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from lw3dsim import load_arch, simulate
from lw3dsim.account.dram import MOVED
from lw3dsim.account.energy import ARRAY_CAUSES, COMPONENTS, TIMED
from lw3dsim.account.units import unit_costs
from lw3dsim.algebra.winograd import transform
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.errors import InputError
from lw3dsim.transform.algorithms import Algorithm
from lw3dsim.transform.passes import apply_transforms

CASES = [
    ("c3d", None, "direct", ()),
    ("c3d", "fsb_c3d", "hfa", ()),
    ("c3d", None, "winograd3d", ("winograd.weight_transform=onchip",)),
    ("slowfast_r50_4x16", "slowfsb", "auto", ("tech.arithmetic=aladdin", "tech.node_nm=22")),
    ("c3d", "fsb_c3d", "hfa", ("buffers.ifmap_banks=1", "buffers.ofmap_banks=1", "buffers.weight_banks=1")),
]

SMALL = """
name: small
inputs: {{clip: {{channels: 8, frames: {frames}, height: 12, width: 12{clip}}}}}
layers:
  - {{name: a, kind: conv3d, out_channels: 16, kernel: [3, 1, 1], padding: [1, 0, 0]{a}}}
  - {{name: b, kind: conv3d, out_channels: 16, kernel: [1, 3, 3], padding: [0, 1, 1]{b}}}
  - {{name: fc, kind: linear, out_features: 8{fc}}}
"""


def small(frames=8, clip="", a="", b="", fc=""):
    return parse_workload(SMALL.format(frames=frames, clip=clip, a=a, b=b, fc=fc), "small.yaml")


@pytest.mark.parametrize(("workload", "passes", "algorithm", "overrides"), CASES)
def test_energy_by_layer_component_and_cause_closes(workload, passes, algorithm, overrides):
    result = simulate(workload, transform=passes, algorithm=algorithm, overrides=overrides)
    table = result.energy
    assert list(table.columns) == ["layer", "component", "cause", "energy_pj"]
    assert not table.duplicated(["layer", "component", "cause"]).any()
    assert (table["energy_pj"] > 0).all()
    assert math.fsum(table["energy_pj"]) == pytest.approx(result.totals["energy_pj"], rel=1e-12)
    for name, part in table.groupby("component")["energy_pj"]:
        assert math.fsum(part) == pytest.approx(result.energy_breakdown_pj[name], rel=1e-12)
    by_layer = dict(iter(table.groupby("layer")["energy_pj"]))
    for layer in result.data["layers"]:
        assert math.fsum(by_layer[layer["name"]]) == pytest.approx(layer["energy_pj"], rel=1e-12)
        for component, causes in layer["energy_causes_pj"].items():
            assert math.fsum(causes.values()) == pytest.approx(layer["energy_breakdown_pj"][component], rel=1e-12)


def test_causes_say_why():
    result = simulate("c3d", transform="fsb_c3d", algorithm="hfa", input_size="16x56x56")
    for layer in result.data["layers"]:
        cycles, bytes_of = layer["cycles_breakdown"], layer["dram_bytes_breakdown"]
        assert list(layer["energy_causes_pj"]) == list(COMPONENTS)
        for component, causes in layer["energy_causes_pj"].items():
            whole = layer["energy_breakdown_pj"][component]
            if not whole:
                continue
            if component in TIMED:
                shares = {cause: cycles[cause] / layer["latency_cycles"] for cause in causes}
                assert causes.keys() == {cause for cause, count in cycles.items() if count}
            elif component in MOVED:
                # Interface energy of a written byte differs from that of a read one.
                assert causes.keys() <= {"ifmap", "weight", "ofmap"}
                if component == "dram_io":
                    continue
                moved = sum(bytes_of[name] for name in causes)
                shares = {cause: bytes_of[cause] / moved for cause in causes}
            elif component == "clock":
                # The array's while it is fed, the vector unit's while that works.
                assert causes.keys() <= {*ARRAY_CAUSES, "vector"}
                continue
            else:
                tensors = {"ifmap", "weight", "ofmap"} if component == "wires" else set()
                assert causes.keys() <= {"dma", "array", "partial_sums", "compute"} | tensors
                continue
            for cause, value in causes.items():
                assert value == pytest.approx(whole * shares[cause])


def test_partial_sums_appear_only_where_channels_are_cut():
    wide = simulate("c3d", overrides=["buffers.ifmap_kib=8", "buffers.weight_kib=8"], input_size="16x32x32")
    found = {layer["name"]: layer["energy_causes_pj"]["ofmap_sram"] for layer in wide.data["layers"]}
    assert any("partial_sums" in causes for causes in found.values())
    assert "partial_sums" not in found["conv1a"]
    assert all("dma" in causes and "array" in causes for causes in found.values())


def test_density_changes_energy_of_multiplications_and_nothing_else():
    dense, sparse = (simulate(small(clip=d, a=d), algorithm="hfa") for d in ("", ", density: 0.5"))
    for one, other in zip(dense.data["layers"], sparse.data["layers"], strict=True):
        assert one["latency_cycles"] == other["latency_cycles"]
        assert one["executed_mults"] == other["executed_mults"]
        assert one["mapping"] == other["mapping"]
        changed = {
            name for name, value in one["energy_breakdown_pj"].items() if other["energy_breakdown_pj"][name] != value
        }
        gated = {"multipliers", "accumulators", "operand_registers"}
        assert changed == (gated if one["name"] in ("a", "b") else set())


def test_density_of_weights_and_inputs_multiply_in_a_direct_layer():
    dense = simulate(small())
    sparse = simulate(
        small(clip=", density: 0.5", a=", weight_density: 0.25, density: 0.0", fc=", weight_density: 0.5")
    )

    def ratio(layer, component):
        values = [
            next(x for x in result.data["layers"] if x["name"] == layer)["energy_breakdown_pj"][component]
            for result in (sparse, dense)
        ]
        return values[0] / values[1]

    assert ratio("a", "multipliers") == pytest.approx(0.125)
    assert ratio("a", "operand_registers") == pytest.approx(0.125)
    assert ratio("b", "multipliers") == 0
    assert ratio("fc", "multipliers") == pytest.approx(0.5)
    assert ratio("a", "ifmap_sram") == 1


@pytest.mark.parametrize(("data", "weight"), [(0.5, 1.0), (1.0, 0.3), (0.4, 0.6), (0.0, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize("m", [2, 4])
def test_transforms_fill_zeros_as_the_formula_says(m, data, weight):
    """Transform random sparse tiles and count the products that are not zero."""
    form = transform(m, 3)
    BT, G = (np.array(matrix, dtype=float) for matrix in (form.BT, form.G))
    random = np.random.default_rng(0)
    tiles = random.normal(size=(20_000, m + 2, m + 2)) * (random.random((20_000, m + 2, m + 2)) < data)
    kernels = random.normal(size=(20_000, 3, 3)) * (random.random((20_000, 3, 3)) < weight)
    products = (BT @ tiles @ BT.T) * (G @ kernels @ G.T)
    algorithm = Algorithm(kind="winograd2d", tile=(1, m, m), filter=(1, 3, 3))
    assert algorithm.active_share(data, weight) == pytest.approx((products != 0).mean(), abs=0.005)


def test_an_adder_tree_sums_up_zeros_too():
    results = [simulate(small(fc=w), overrides=["pe.rows=2", "pe.cols=1"]) for w in ("", ", weight_density: 0.5")]
    parts = [result.data["layers"][-1]["energy_breakdown_pj"] for result in results]
    assert "channel" in results[0].data["layers"][-1]["mapping"]
    assert parts[0]["accumulators"] == parts[1]["accumulators"]
    assert parts[0]["multipliers"] == 2 * parts[1]["multipliers"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ({"clip": ", density: 1.5"}, r"small.yaml:3 inputs.clip.density = 1.5"),
        ({"a": ", density: -0.1"}, r"small.yaml:5 .*density = -0.1"),
        ({"b": ", weight_density: half"}, r"small.yaml:6 .*weight_density"),
        ({"fc": ", weight_density: 2"}, r"small.yaml:7 .*weight_density = 2"),
    ],
)
def test_a_density_outside_0_to_1_is_refused(field, text):
    with pytest.raises(InputError, match=text):
        small(**field)


def test_passes_keep_the_density_of_tensors_and_make_dense_kernels():
    text = """
name: x
inputs:
  clip: {channels: 8, frames: 8, height: 8, width: 8, density: 0.3}
  slow: {sample_of: clip, frame_stride: 2}
layers:
  - {name: a, kind: conv3d, out_channels: 64, kernel: [3, 3, 3], inputs: clip, density: 0.4, weight_density: 0.5}
  - {name: b, kind: conv3d, out_channels: 8, kernel: [1, 1, 1], inputs: slow}
"""
    network = apply_transforms(parse_workload(text), "fsb:alpha=0.5,trg:layers=1:density=0.2")
    assert network.densities["clip"] == network.densities["slow"] == 0.3
    assert network.densities["a.temporal.trg"] == 0.2
    assert network.densities["a.pointwise"] == 0.4
    assert network.densities["a.depthwise"] == 1
    assert {layer.weight_density for layer in network.layers if layer.kind == "conv3d"} == {1.0}
    with pytest.raises(InputError, match="a number from 0 to 1"):
        apply_transforms(network, "trg:density=2")


def test_a_mean_over_frames_costs_a_multiplication_unless_it_is_a_shift():
    def vector_pj(frames):
        result = simulate(small(frames=frames), transform="trg:layers=1")
        layer = result.data["layers"][0]
        return layer["energy_breakdown_pj"]["vector"] / frames

    # 12-bit sums (8 + 4 bits) of 8 x 12 x 12 pixels, over the frames; Horowitz at 144 bits of product. That is rounded
    # and shifted in 24 bits, a sum in 12; 8 bits are chosen in steps of 8, 9, 11, 15 and 23, or in the first three.
    mux = 0.0023 * (0.9 / 1.1) ** 2
    product = 0.2 + (3.1 - 0.2) * (144 - 64) / (1024 - 64) + 0.075 + 66 * mux
    sums, shift = 8 * 144, 0.04 + 28 * mux
    assert vector_pj(12) - vector_pj(16) == pytest.approx(sums * (product / 12 - shift / 16))


@pytest.mark.parametrize("family", ["horowitz", "aladdin"])
def test_energy_is_count_times_the_unit_cost_that_is_printed(family):
    overrides = [f"tech.arithmetic={family}", "tech.node_nm=32"]
    costs = {
        (row.component, row.unit, row.per): row.value for row in unit_costs(load_arch("edge_base", overrides=overrides))
    }
    for layer in simulate("c3d", overrides=overrides, input_size="16x32x32").data["layers"]:
        mults, spent = layer["executed_mults"], layer["energy_breakdown_pj"]
        access = costs["operand_registers (direct)", "pJ", "8 bit register access"]
        assert spent["multipliers"] == pytest.approx(
            mults * costs["multipliers (direct)", "pJ", "8x8 bit multiplication"]
        )
        # Two operands, a product as wide as both, and sums of 32 bits: one of every 36 in adder trees.
        of_sums = 4 * access * layer["accumulations"] if "accumulations" in layer else 0
        assert spent["operand_registers"] >= mults * 4 * access + of_sums
