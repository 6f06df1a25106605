"""Do the shipped networks count what their publications count, and does the graph keep its rules?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim import load_workload
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.errors import InputError
from lw3dsim.report.text.network import network_record

# MMAction2 and PyTorchVideo model zoos; the 4x16 figure is a recount with lateral kernel 5.
PUBLISHED = [
    ("c3d", None, "conv_macs", 38.497e9, 0.0005e9),
    ("c3d", None, "params", 78.41e6, 0.005e6),
    ("slowfast_r50_8x8", "32x256x256", "macs", 65.71e9, 0.005e9),
    ("slowfast_r50_8x8", "32x256x256", "params", 34.57e6, 0.005e6),
    ("slowfast_r50_4x16", "32x256x256", "macs", 36.10e9, 0.005e9),
    ("slowfast_r50_4x16", "32x256x256", "params", 34.48e6, 0.005e6),
    ("c3d_paper", None, "conv_params", 27.656e6, 0.0005e6),
]


# Convolution and linear MACs (G) and parameters (M) as model zoos list them, at the clips of their tests, and what they
# count for every element of a batch norm: PySlowFast and torchvision nothing, PyTorchVideo from X3D on five operations.
ZOOS = [
    ("slow_r50", "8x256x256", 54.52, 32.45, 0),
    ("i3d_r50", "8x256x256", 37.53, 28.04, 5),
    ("csn_r101", "32x256x256", 75.62, 22.21, 5),
    ("slowfast_r101_8x8", "32x256x256", 127.20, 62.83, 5),
    ("x3d_s", "13x182x182", 2.96, 3.79, 5),
    ("x3d_m", "16x256x256", 6.72, 3.79, 5),
    ("x3d_m", "16x224x224", 4.73, 3.79, 0),
    ("r2plus1d_r18", "16x112x112", 40.519, 31.505325, 0),
    ("s3d", "16x224x224", 17.979, 8.320048, 0),
]


def products(network):
    return sum(network.layer_macs(layer) for layer in network.layers if layer.kind in ("conv3d", "linear"))


def normalised(network):
    return sum(network.shapes[layer.name].elements for layer in network.layers if getattr(layer, "batch_norm", False))


@pytest.mark.parametrize(("name", "size", "gmacs", "mparams", "per_norm"), ZOOS)
def test_shipped_network_counts_as_its_model_zoo(name, size, gmacs, mparams, per_norm):
    network = load_workload(name, input_size=size)
    # PyTorchVideo pools a clip of a test with the window of training: what stands behind is computed 2x2 times.
    behind = [layer for layer in network.layers if layer.name in ("head.fc1", "fc")]
    again = 3 * sum(map(network.layer_macs, behind)) if per_norm else 0
    counted = products(network) + per_norm * normalised(network) + again
    assert counted == pytest.approx(gmacs * 1e9, abs=0.005e9 if gmacs < 100 else 0.01e9)
    assert sum(map(network.layer_params, network.layers)) == pytest.approx(mparams * 1e6, abs=0.005e6)


def test_movinet_counts_as_published_with_its_gates_and_batch_norms():
    # 2.71 GFLOPs, 3.1 M parameters; its convolutions alone are 2.63.
    network = load_workload("movinet_a0")
    gates = sum(network.layer_macs(layer) for layer in network.layers if layer.kind == "gate")
    assert products(network) == pytest.approx(2.631e9, abs=0.0005e9)
    assert products(network) + gates + normalised(network) == pytest.approx(2.71e9, abs=0.005e9)
    assert sum(map(network.layer_params, network.layers)) == pytest.approx(3.1e6, abs=0.05e6)


def test_the_stream_of_movinet_is_its_base_with_convolutions_in_two_parts_and_two_means():
    """Same widths; kernels KxSxS as 1xSxS and Kx1x1, gates that see two means and squeeze to twice as many channels."""
    base, stream = load_workload("movinet_a0"), load_workload("movinet_a0_stream", input_size="50x172x172")
    widths = [
        sorted(layer.out_channels for layer in network.layers if layer.name.endswith(("expansion", "projection")))
        for network in (base, stream)
    ]
    assert widths[0] == widths[1]
    taps = {layer.name: layer.kernel for layer in base.layers if layer.name.endswith(".feature")}
    time = {layer.name.partition(".features")[0]: layer for layer in stream.layers if layer.name.endswith(".time")}
    assert {name.removesuffix(".feature") for name, (frames, *_) in taps.items() if frames > 1} == time.keys()
    for name, layer in time.items():
        assert layer.kernel == (taps[f"{name}.feature"][0], 1, 1)
        assert layer.margins(Shape(layer.out_channels, 50, 8, 8))[0] == (layer.kernel[0] - 1, 0)
    behind = sum(stream.layer_macs(layer) for layer in stream.layers if layer.name in ("head.fc1", "fc"))
    assert products(stream) - behind == pytest.approx(2.424e9, abs=0.0005e9)
    assert behind == 50 * (480 * 2048 + 2048 * 600)


def test_uneven_padding_halves_sizes_as_tensorflow_does():
    network = load_workload("movinet_a0")
    assert [network.shapes[f"block{i}.layer0.feature"].height for i in range(5)] == [43, 22, 11, 11, 6]
    feature = next(layer for layer in network.layers if layer.name == "block0.layer0.feature")
    assert feature.margins(Shape(24, 50, 86, 86)) == ((0, 0), (1, 2), (1, 2))


@pytest.mark.parametrize(("name", "size", "figure", "value", "tolerance"), PUBLISHED)
def test_shipped_network_counts_as_published(name, size, figure, value, tolerance):
    totals = network_record(load_workload(name, input_size=size))["totals"]
    assert totals[figure] == pytest.approx(value, abs=tolerance)


def test_c3d_keeps_the_published_shapes():
    shapes = load_workload("c3d").shapes
    assert shapes["pool5"] == Shape(512, 1, 4, 4)
    assert shapes["conv3b"] == Shape(256, 8, 28, 28)


def test_slowfast_pathways_meet_with_equal_frames():
    network = load_workload("slowfast_r50_8x8")
    assert network.shapes["slow_clip"] == Shape(3, 8, 224, 224)
    assert network.shapes["lateral1.conv"].frames == network.shapes["slow.stem.pool"].frames == 8
    assert network.shapes["join1"].channels == 64 + 16
    assert sum(layer.kind == "add" for layer in network.layers) == 2 * 16
    assert sum(layer.kind == "concat" for layer in network.layers) == 5


def test_sizes_and_classes_are_overridden():
    network = load_workload("c3d", input_size="32x128x128", classes=7)
    assert network.shapes["clip"] == Shape(3, 32, 128, 128)
    assert network.shapes["fc8"].channels == 7


@given(
    size=st.tuples(*[st.integers(1, 20)] * 3),
    kernel=st.tuples(*[st.integers(1, 5)] * 3),
    stride=st.tuples(*[st.integers(1, 4)] * 3),
    padding=st.tuples(*[st.integers(0, 3)] * 3),
    dilation=st.tuples(*[st.integers(1, 3)] * 3),
)
def test_convolution_output_counts_the_windows_that_fit(size, kernel, stride, padding, dilation):
    layer = Conv3d(
        name="x", inputs=("i",), out_channels=2, kernel=kernel, stride=stride, padding=padding, dilation=dilation
    )
    fits = [
        list(range(0, n + 2 * p - (k - 1) * d, s))
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    ]
    if all(fits):
        shape = Shape(3, *size)
        output = layer.output_shape((shape,))
        assert output == Shape(2, *map(len, fits))
        assert layer.macs((shape,), output) == output.elements * 3 * layer.taps
    else:
        with pytest.raises(InputError, match="larger than its padded input"):
            layer.output_shape((Shape(3, *size),))


NESTED = """
name: nested
inputs: {clip: {channels: 4, frames: 2, height: 8, width: 8}}
parameters: {width: 6}
blocks:
  unit:
    parameters: [channels]
    layers:
      - {name: a, kind: conv3d, out_channels: $channels, kernel: [1, 1, 1]}
      - {name: b, kind: add, inputs: [a, a]}
  pair:
    parameters: [channels]
    layers:
      - {name: one, block: unit, repeat: 2, with: {channels: $channels}}
      - {name: two, kind: concat, inputs: [one, input]}
layers:
  - {name: p, block: pair, with: {channels: $width}}
  - {name: last, kind: conv3d, out_channels: 3, kernel: [1, 3, 3], inputs: p}
"""


def test_blocks_nest_repeat_and_name_their_layers():
    network = parse_workload(NESTED)
    assert [layer.name for layer in network.layers] == [
        "p.one.0.a",
        "p.one.0.b",
        "p.one.1.a",
        "p.one.1.b",
        "p.two",
        "last",
    ]
    assert network.layers[2].inputs == ("p.one.0.b",)
    assert network.layers[4].inputs == ("p.one.1.b", "clip")
    assert network.layers[5].inputs == ("p.two",)
    assert network.shapes["p.two"].channels == 6 + 4


def test_layers_may_be_listed_in_any_order():
    text = """
name: shuffled
inputs: {x: {channels: 1, frames: 1, height: 4, width: 4}}
layers:
  - {name: second, kind: activation, inputs: first}
  - {name: first, kind: conv3d, out_channels: 2, kernel: [1, 1, 1], inputs: x}
"""
    assert [layer.name for layer in parse_workload(text).layers] == ["first", "second"]


def test_numbers_in_yaml_are_what_they_look_like():
    text = (
        "name: n\ninputs: {x: {channels: 1, frames: 1, height: 4, width: %s}}\nlayers: [{name: a, kind: activation}]\n"
    )
    assert parse_workload(text % "10").shapes["x"].width == 10
    for odd in ("010", "1:30", "1_0", "0x10"):
        with pytest.raises(InputError, match="not a readable value"):
            parse_workload(text % odd)


def test_every_fsb_variant_is_a_transform():
    from typing import get_args

    from lw3dsim.describe.workload_file import FsbVariant
    from lw3dsim.transform.passes import PASSES

    assert set(get_args(FsbVariant)) <= set(PASSES)
