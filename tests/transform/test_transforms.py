"""Do the passes rewrite as the paper says, on any workload?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim import Case, compare, load_workload, simulate
from lw3dsim.describe.catalog import shipped_names
from lw3dsim.describe.workload import Conv3d, Shape, build_workload
from lw3dsim.report.text.network import network_record
from lw3dsim.transform import DepthwisePointwise, Fsb, MergeBottlenecks
from lw3dsim.transform.algorithms import candidates
from lw3dsim.transform.passes import PASSES, apply_transforms, unchanged_passes


def totals(name, transform="", algorithm="direct", size=None):
    network = apply_transforms(load_workload(name, input_size=size), transform)
    return network_record(network, algorithm)["totals"]


def dense(c, n, kernel, stride=(1, 1, 1), size=(8, 16, 16)):
    padding = tuple(k // 2 for k in kernel)
    layer = Conv3d(name="conv", inputs=("x",), out_channels=n, kernel=kernel, stride=stride, padding=padding, bias=True)
    return build_workload(name="one", inputs={"x": Shape(c, *size)}, layers=[layer])


@given(
    c=st.integers(1, 64),
    n=st.integers(1, 64),
    middle=st.integers(1, 64),
    kernel=st.tuples(st.integers(2, 3), st.integers(1, 3), st.integers(2, 3)),
    stride=st.tuples(*[st.integers(1, 2)] * 3),
)
def test_fsb_has_the_paper_s_weights_and_keeps_the_shape(c, n, middle, kernel, stride):
    before = dense(c, n, kernel, stride)
    after = Fsb(middle=(middle,)).apply(before)
    k, r, s = kernel
    weights = middle * c * k + middle * r * s + middle * n  # paper 3.3
    if weights < n * c * k * r * s:
        assert network_record(after)["totals"]["weights"] == weights
        assert after.shapes[after.layers[-1].name] == before.shapes["conv"]
        assert [layer.name for layer in after.layers] == ["conv.temporal", "conv.depthwise", "conv.pointwise"]
        assert after.layers[0].stride == (stride[0], 1, 1)
        assert after.layers[1].stride == (1, *stride[1:])
        assert [layer.dilation for layer in after.layers] == [(1, 1, 1)] * 3
    else:
        assert after.layers == before.layers


@pytest.mark.parametrize(("rewrite", "kernel"), [(Fsb(), (3, 3, 3)), (DepthwisePointwise(), (1, 3, 3))])
def test_rewritten_kernels_are_dense_and_reach_as_far_as_before(rewrite, kernel):
    reach = {"dilation": (2 if kernel[0] > 1 else 1, 3, 2), "padding": (0, 3, 2)}
    layer = Conv3d(
        name="conv", inputs=("x",), out_channels=64, kernel=kernel, density=0.5, weight_density=0.25, **reach
    )
    before = build_workload(name="net", inputs={"x": Shape(64, 8, 8, 8)}, layers=[layer])
    *inner, last = rewrite.apply(before).layers
    assert [each.weight_density for each in (*inner, last)] == [1.0] * (len(inner) + 1)
    # What lies between is dense; the output is as sparse as it was.
    assert [each.density for each in (*inner, last)] == [*[1.0] * len(inner), 0.5]
    assert tuple(map(max, *(each.dilation for each in (*inner, last)))) == layer.dilation
    assert all(d == 1 or k > 1 for each in (*inner, last) for d, k in zip(each.dilation, each.kernel, strict=True))


def test_a_bottleneck_becomes_one_dense_convolution():
    layers = [
        Conv3d(name="a", inputs=("x",), out_channels=8, kernel=(3, 1, 1), padding=(1, 0, 0), activation="relu"),
        Conv3d(name="b", inputs=("a",), out_channels=8, kernel=(1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        Conv3d(name="c", inputs=("b",), out_channels=32, kernel=(1, 1, 1)),
        Conv3d(name="d", inputs=("c",), out_channels=4, kernel=(1, 3, 3)),
    ]
    before = build_workload(name="net", inputs={"x": Shape(16, 4, 8, 8)}, layers=layers)
    merged, rest = MergeBottlenecks().apply(before).layers
    assert (merged.name, merged.inputs, merged.out_channels) == ("c", ("x",), 32)
    assert (merged.kernel, merged.stride, merged.padding) == ((3, 3, 3), (1, 2, 2), (1, 1, 1))
    # Nothing pointwise follows the last: it stays.
    assert rest == layers[3]


def test_typical_block_shrinks_by_the_printed_factor():
    # Paper 3.3: {64, 64, 3, 3, 3} with alpha = 1 shrinks 6.5 times.
    before, after = dense(64, 64, (3, 3, 3)), Fsb().apply(dense(64, 64, (3, 3, 3)))
    ratio = network_record(before)["totals"]["weights"] / network_record(after)["totals"]["weights"]
    assert ratio == pytest.approx(6.5, abs=0.05)


def test_fsb_c3d_has_the_rates_of_table_4():
    before = network_record(load_workload("c3d_paper"))
    after = network_record(apply_transforms(load_workload("c3d_paper"), "fsb_c3d"))
    rates = {}
    for layer in before["layers"]:
        if layer["kind"] == "conv3d":
            parts = [x["weights"] for x in after["layers"] if x["name"].split(".")[0] == layer["name"]]
            rates[layer["name"]] = layer["weights"] / sum(parts)
    assert [round(rate, 1) for rate in rates.values()] == [1.0, 10.5, 10.7, 13.4, 10.7, 6.7, 6.7, 6.7]
    assert after["totals"]["conv_weights"] == pytest.approx(3.73e6, abs=0.005e6)
    assert [layer["name"] for layer in after["layers"] if layer["kind"] == "trg"] == [
        "conv1a.trg",
        "conv2a.temporal.trg",
    ]


@pytest.mark.parametrize(
    ("transform", "algorithm", "paper", "tolerance"),
    [("", "direct", 199.9, 0.03), ("fsb_c3d", "direct", 27.6, 0.08), ("fsb_c3d", "hfa", 18.1, 0.02)],
)
def test_ideal_multiplications_meet_table_1(transform, algorithm, paper, tolerance):
    assert totals("c3d_paper", transform, algorithm)["conv_ideal_mults"] / 1e9 == pytest.approx(paper, rel=tolerance)


def test_3d_winograd_is_exactly_eight_times_fewer():
    direct, winograd = totals("c3d_paper"), totals("c3d_paper", algorithm="winograd3d")
    assert direct["conv_ideal_mults"] == 8 * winograd["conv_ideal_mults"]


@pytest.mark.parametrize("name", [name for name in PASSES if name != "fsb_c3d"])
@pytest.mark.parametrize("workload", ["slowfast_r50_4x16", "slowfast_r50_8x8"])
def test_every_pass_leaves_a_network_of_equal_output(workload, name):
    before = load_workload(workload)
    after = apply_transforms(before, name)
    assert after.layers != before.layers
    assert after.shapes["fc"] == before.shapes["fc"]
    assert after.transforms == (name,)


@pytest.mark.parametrize("workload", shipped_names("workloads"))
def test_passes_compose(workload):
    network = apply_transforms(load_workload(workload), "fsb:alpha=0.5,trg:layers=3")
    assert network.transforms == ("fsb:alpha=0.5", "trg:layers=3")
    assert sum(layer.kind == "trg" for layer in network.layers) == 3


def test_slow_path_variants_leave_the_fast_path_alone():
    before = load_workload("slowfast_r50_8x8")
    after = apply_transforms(before, "slowfsb")
    fast = [layer for layer in before.layers if layer.name.startswith("fast")]
    assert [layer for layer in after.layers if layer.name.startswith("fast")] == fast
    depthwise = [x for x in after.layers if isinstance(x, Conv3d) and x.groups > 1]
    assert len(depthwise) == 16
    assert all(x.name.endswith(".b") for x in depthwise)


def test_trg_reads_the_tensor_and_the_shortcut_keeps_it():
    network = apply_transforms(load_workload("slowfast_r50_8x8"), "fasttrg")
    by_name = {layer.name: layer for layer in network.layers}
    assert by_name["fast.res2.first.a"].inputs == ("fast.res2.first.a.trg",)
    assert by_name["fast.res2.first.shortcut"].inputs == ("fast.stem.pool",)


def conv(kernel, stride=(1, 1, 1), dilation=(1, 1, 1)):
    return Conv3d(name="x", inputs=("i",), out_channels=4, kernel=kernel, stride=stride, dilation=dilation)


@pytest.mark.parametrize(
    ("layer", "policy", "label"),
    [
        (conv((3, 1, 1)), "hfa", "winograd1d F(4,3)"),
        (conv((1, 3, 3)), "hfa", "winograd2d F(4,3)xF(4,3)"),
        (conv((1, 1, 1)), "hfa", "direct"),
        (conv((3, 3, 3)), "hfa", "direct"),
        (conv((3, 3, 3)), "winograd3d", "winograd3d F(4,3)xF(4,3)xF(4,3)"),
        (conv((5, 3, 3)), "winograd3d", "direct"),
        (conv((5, 3, 3)), "nested", "nested F(4,5)xF(4,3)xF(4,3)"),
        (conv((3, 1, 1), stride=(1, 2, 2)), "hfa", "winograd1d F(4,3)"),
        (conv((3, 1, 1), stride=(2, 1, 1)), "hfa", "direct"),
        (conv((1, 3, 3), dilation=(1, 2, 2)), "hfa", "direct"),
        (conv((1, 9, 9)), "hfa", "direct"),
    ],
)
def test_a_policy_takes_winograd_where_it_applies(layer, policy, label):
    assert candidates(layer, policy, 4, 4)[0].label == label


@pytest.mark.parametrize(
    "layer",
    [
        conv((2, 3, 3), stride=(2, 1, 1), dilation=(2, 1, 1)),
        conv((3, 2, 2), stride=(1, 2, 2), dilation=(1, 2, 2)),
        conv((1, 3, 3), stride=(1, 2, 2), dilation=(1, 2, 2)),
    ],
)
def test_a_kernel_both_strided_and_dilated_is_not_split(layer):
    assert all(a.taps == 1 or not a.is_winograd for a in candidates(layer, "auto", 4, 4))


def test_a_dilation_along_an_axis_that_the_kernel_does_not_take_hinders_no_split():
    # Of a kernel of 3 frames nothing is dilated along H and W: two phases of 2 taps, F(4,2) has 5 coordinates.
    offered = {a.label for a in candidates(conv((3, 1, 1), stride=(2, 1, 1), dilation=(1, 2, 2)), "auto", 4, 4)}
    assert offered == {"direct", "winograd1d F(4,2) in 2 phases"}


def test_a_refused_winograd_says_why():
    assert "stride" in candidates(conv((3, 1, 1), stride=(2, 1, 1)), "hfa", 4, 4)[0].reason
    assert "m + r - 1" in candidates(conv((1, 9, 9)), "hfa", 4, 4)[0].reason
    assert not candidates(conv((1, 1, 1)), "hfa", 4, 4)[0].reason
    # One axis of two is enough.
    assert candidates(conv((1, 3, 3), stride=(1, 2, 1)), "hfa", 2, 2)[0].reason == "stride 1x2x1"
    assert candidates(conv((1, 3, 3), dilation=(1, 1, 2)), "hfa", 2, 2)[0].reason == "dilation 1x1x2"
    # One output a tile takes as many products as direct; it is refused where that is so along all axes of the kernel.
    (one,) = candidates(conv((3, 1, 1)), "hfa", 1, 2)
    assert (one.kind, one.reason) == ("direct", "m = 1 saves nothing")
    assert candidates(conv((3, 3, 3)), "nested", 1, 2)[0].label == "nested F(1,3)xF(2,3)xF(2,3)"


def test_a_transformed_operand_is_zero_where_all_that_it_sums_up_are():
    (direct,) = candidates(conv((3, 1, 1)), "direct", 2, 2)
    assert direct.active_share(0.5, 0.25) == 0.125
    (temporal,) = candidates(conv((3, 1, 1)), "hfa", 2, 2)
    # F(2,3): coordinates sum up 2 inputs each, and 1, 3, 3 and 1 weights.
    one, three = 0.25, 1 - 0.75**3
    assert temporal.active_share(0.5, 0.25) == pytest.approx((1 - 0.5**2) * (one + three) / 2)
    (spatial,) = candidates(conv((1, 3, 3)), "hfa", 2, 2)
    # In two dimensions 4 inputs, and 1, 3 or 9 weights in 4, 8 and 4 of 16 coordinates.
    nine = 1 - 0.75**9
    assert spatial.active_share(0.5, 0.25) == pytest.approx((1 - 0.5**4) * (4 * one + 8 * three + 4 * nine) / 16)
    assert spatial.active_share(1.0, 1.0) == 1.0


@pytest.mark.parametrize(
    ("kernel", "stride", "label", "mults"),
    [
        # Per output and channel: F(4x4, 2x2) has 25 coordinates in 4 phases; F(4x4, 4x4) 49 in 4; F(4, 2) 5 in 4.
        ((1, 3, 3), (1, 2, 2), "winograd2d F(4,2)xF(4,2) in 4 phases", 100 / 16),
        ((1, 7, 7), (1, 2, 2), "winograd2d F(4,4)xF(4,4) in 4 phases", 196 / 16),
        ((7, 1, 1), (4, 1, 1), "winograd1d F(4,2) in 4 phases", 20 / 4),
    ],
)
def test_auto_may_split_strided_kernels_into_phases(kernel, stride, label, mults):
    offered = {a.label: a for a in candidates(conv(kernel, stride=stride), "auto", 4, 4)}
    assert float(offered[label].mults_per_output) == mults
    assert label not in {a.label for a in candidates(conv(kernel, stride=stride), "hfa", 4, 4)}


def test_a_mapping_file_may_spell_out_what_a_pass_has_by_default(cli, tmp_path):
    file = tmp_path / "mapping.yaml"
    options = ("c3d", "--input", "16x16x16", "--transform", "trg:layers=2")
    assert cli("map", *options, "--save", str(file)).exit_code == 0
    text = file.read_text(encoding="utf-8")
    assert "transforms: [trg]\n" in text
    for spelled, code in (('"trg:layers=2"', 0), ('"trg:layers=3"', 2), ("nothing", 2)):
        file.write_text(text.replace("[trg]", f"[{spelled}]"), encoding="utf-8")
        assert cli("simulate", *options, "--mapping", str(file)).exit_code == code


def pair(kernels, strides, c=16, n=32, between=24):
    """Two convolutions, one along time and one in space."""
    layers = [
        Conv3d(
            name=name, inputs=(source,), out_channels=out, kernel=kernel, stride=stride, batch_norm=True,
            padding=tuple(k // 2 for k in kernel), activation="relu",
        )
        for name, source, out, kernel, stride in zip("ab", "xa", (between, n), kernels, strides, strict=True)
    ]  # fmt: skip
    return build_workload(name="pair", inputs={"x": Shape(c, 8, 16, 16)}, layers=layers)


SPACE, TIME = (1, 3, 3), (3, 1, 1)


@pytest.mark.parametrize(
    ("kernels", "strides"), [((SPACE, TIME), ((1, 2, 2), (2, 1, 1))), ((TIME, SPACE), ((2, 1, 1), (1, 2, 2)))]
)
def test_fsb_takes_a_pair_in_either_order_as_the_convolution_that_it_is(kernels, strides):
    before = pair(kernels, strides)
    after = Fsb(alpha=0.5).apply(before)
    assert [layer.name for layer in after.layers] == ["b.temporal", "b.depthwise", "b.pointwise"]
    assert [layer.kernel for layer in after.layers] == [TIME, SPACE, (1, 1, 1)]
    assert [layer.stride for layer in after.layers[:2]] == [(2, 1, 1), (1, 2, 2)]
    assert after.shapes["b.pointwise"] == before.shapes["b"]
    assert network_record(after)["totals"]["weights"] == 16 * (3 * 16 + 9 + 32)
    assert after.layers[-1].activation == "relu"


def test_fsb_leaves_a_pair_whose_middle_is_read_elsewhere():
    network = pair((SPACE, TIME), ((1, 1, 1), (1, 1, 1)))
    also = Conv3d(name="c", inputs=("a",), out_channels=4, kernel=(1, 1, 1))
    network = build_workload(name="net", inputs=network.inputs, layers=[*network.layers, also])
    assert Fsb().apply(network).layers == network.layers


def test_fsb_says_which_convolutions_it_left_and_why():
    assert unchanged_passes(load_workload("x3d_s"), "fsb") == [
        "transform fsb changes no layer of x3d_s: its 116 convolutions are 1 along time or space alone, of no pair or "
        "bottleneck, 27 depthwise (separable already), 88 pointwise"
    ]
    assert unchanged_passes(dense(3, 4, (2, 1, 2)), "fsb")[0].endswith("are 1 KxRxS that would have no fewer weights")
    assert "begins with q" in unchanged_passes(load_workload("c3d"), "fsb:path=q")[0]
    assert unchanged_passes(load_workload("c3d"), "fsb") == []


def test_a_result_keeps_what_a_pass_left():
    notes = simulate("x3d_s", transform="fsb", input_size="4x32x32").record.notes
    assert notes == tuple(unchanged_passes(load_workload("x3d_s"), "fsb"))


def test_a_comparison_names_the_layers_on_which_a_fast_algorithm_is_slower():
    cases = [Case(name="base"), Case(name="fast", algorithm="hfa"), Case(name="best", algorithm="auto")]
    compared = compare("movinet_a0", cases)
    base, fast, _ = ({x.name: x.latency_cycles for x in result.record.layers} for result in compared.results)
    slower = [name for name, cycles in fast.items() if cycles > base[name]]
    (note,) = [note for note in compared.notes()[1] if "takes longer" in note]
    assert slower
    assert slower[0] in note
    assert note.endswith("auto chooses by layer")
    assert not any("takes longer" in note for notes in (compared.notes()[0], compared.notes()[2]) for note in notes)
