"""Operators that exporters write out as chains of others, and those that runtimes join, come in as what they are."""

import numpy as np
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx_encodings import CLIP
from onnx_files import Net

import lw3dsim
from lw3dsim.describe.workload import Activation, ChannelShuffle, Conv3d, Linear, Matmul, Softmax
from lw3dsim.importing.load import load_workload

DIMS = [1, 6, 4, 5, 5]


def number(net, value):
    return net.values(np.float32(value))


def gelu(net):
    x = net.last
    net.node("Div", [x, number(net, 2**0.5)])
    net.node("Erf")
    net.node("Add", [number(net, 1), net.last])
    net.node("Mul", [x, net.last])
    net.node("Mul", [net.last, number(net, 0.5)])


def gelu_by_tanh(net):
    x = net.last
    cube = net.node("Pow", [x, number(net, 3)])
    net.node("Mul", [cube, number(net, 0.044715)])
    net.node("Add", [x, net.last])
    net.node("Mul", [net.last, number(net, (2 / np.pi) ** 0.5)])
    net.node("Tanh")
    net.node("Add", [net.last, number(net, 1)])
    half = net.node("Mul", [number(net, 0.5), x])
    net.node("Mul", [half, f"t{len(net.nodes) - 2}_0"])


def hard_swish(net):
    x = net.last
    net.node("Add", [x, number(net, 3)])
    net.node("Clip", [net.last, number(net, 0), number(net, 6)])
    net.node("Mul", [x, net.last])
    net.node("Div", [net.last, number(net, 6)])


def swish(net):
    x = net.last
    net.node("Mul", [net.node("Sigmoid", [x]), x])


def swish_by_powers(net):
    x = net.last
    net.node("Exp", [net.node("Neg")])
    net.node("Add", [net.last, number(net, 1)])
    net.node("Div", [x, net.last])


def relu6(net):
    net.node("Min", [net.node("Relu"), number(net, 6)])


def nothing(net):
    net.node("Mul", [net.last, number(net, 4)])
    net.node("Mul", [net.last, number(net, 0.25)])


CHAINS = {
    "gelu": gelu,
    "gelu_tanh": gelu_by_tanh,
    "hard_swish": hard_swish,
    "swish": swish,
    "swish by powers": swish_by_powers,
    "relu6": relu6,
    "none": nothing,
}


def same_output(net, path):
    """Execute a network on the weights of its file; it makes what ONNX's reference makes."""
    clip = np.random.default_rng(0).uniform(-3, 3, [d.dim_value for d in net.inputs[0].type.tensor_type.shape.dim])
    clip = clip.astype(np.float32)
    (expected,) = ReferenceEvaluator(net.model()).run(None, {"clip": clip})
    result = lw3dsim.execute(net.save(path), dtype="float64", inputs={"clip": clip[0]}, fusion="auto")
    (made,) = result.outputs.values()
    assert np.allclose(made.ravel(), expected.ravel(), 1e-4, 1e-4)


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_is_the_activation_that_it_computes(name, tmp_path):
    net = Net({"clip": DIMS})
    net.node("Conv", [net.last, net.weight(4, 6, 1, 1, 1)])
    CHAINS[name](net)
    (layer,) = load_workload(net.save(tmp_path / "net.onnx")).layers
    assert isinstance(layer, Conv3d)
    assert layer.activation == name.partition(" ")[0]
    same_output(net, tmp_path / "net.onnx")


def test_a_chain_whose_inside_is_read_elsewhere_stays_apart(tmp_path):
    net = Net({"clip": DIMS})
    x = net.node("Conv", [net.last, net.weight(4, 6, 1, 1, 1)])
    sigmoid = net.node("Sigmoid", [x])
    net.node("Add", [net.node("Mul", [sigmoid, x]), sigmoid])
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert [layer.kind for layer in network.layers] == ["conv3d", "activation", "mul", "add"]
    same_output(net, tmp_path / "net.onnx")


def test_what_is_no_known_function_is_its_operators(tmp_path):
    net = Net({"clip": DIMS})
    x = net.node("Conv", [net.last, net.weight(4, 6, 1, 1, 1)])
    net.node("Mul", [x, number(net, 1.702)])
    net.node("Mul", [x, net.node("Sigmoid")])
    kinds = [layer.kind for layer in load_workload(net.save(tmp_path / "net.onnx")).layers]
    assert kinds == ["conv3d", "batch_norm", "mul"]  # the sigmoid is the batch norm's
    same_output(net, tmp_path / "net.onnx")


def positions(net, channels):
    """A 1x1x1 convolution whose output has its positions in one dimension."""
    net.node("Conv", [net.last, net.weight(channels, 6, 1, 1, 1)])
    return net.node("Reshape", [net.last, net.values(np.array([1, channels, -1]))])


def non_local(net, *, by_letters):
    """A non-local block: every position looks at every other."""
    clip = net.last
    theta, phi, g = (positions_of(net, clip) for _ in range(3))
    if by_letters:
        net.node("Einsum", [theta, phi], equation="nct, ncp -> ntp")
    else:
        net.node("MatMul", [net.node("Transpose", [theta], perm=[0, 2, 1]), phi])
    net.node("Mul", [net.last, number(net, 8**-0.5)])
    weights = net.node("Softmax", axis=2)
    if by_letters:
        net.node("Einsum", [weights, g], equation="ntp,ncp->nct")
    else:
        net.node("MatMul", [weights, net.node("Transpose", [g], perm=[0, 2, 1])])
        net.node("Transpose", perm=[0, 2, 1])
    net.node("Reshape", [net.last, net.values(np.array([1, 8, *DIMS[2:]]))])
    net.node("Conv", [net.last, net.weight(6, 8, 1, 1, 1)])
    net.node("Add", [net.last, clip])
    return net


def positions_of(net, clip):
    net.last = clip
    return positions(net, 8)


@pytest.mark.parametrize("by_letters", [False, True])
def test_a_non_local_block_is_two_products_and_a_softmax(by_letters, tmp_path):
    net = non_local(Net({"clip": DIMS}), by_letters=by_letters)
    network = load_workload(net.save(tmp_path / "net.onnx"))
    products = [layer for layer in network.layers if isinstance(layer, Matmul)]
    assert [layer.transpose for layer in products] == [True, False]
    assert [network.shapes[layer.name] for layer in products] == [(100, 4, 5, 5), (8, 4, 5, 5)]
    assert sum(isinstance(layer, Softmax) for layer in network.layers) == 1
    assert [network.layer_macs(layer) for layer in products] == [100 * 100 * 8] * 2
    same_output(net, tmp_path / "net.onnx")


@pytest.mark.parametrize("extent", [[4, 5, 5], [5, 5]])
def test_channels_that_change_places_are_shuffled(extent, tmp_path):
    net = Net({"clip": [1, 6, *extent]})
    net.node("Conv", [net.last, net.weight(12, 6, *(1 for _ in extent))])
    net.node("Reshape", [net.last, net.values(np.array([1, 3, 4, *extent]))])
    net.node("Transpose", perm=[0, 2, 1, *range(3, 3 + len(extent))])
    net.node("Reshape", [net.last, net.values(np.array([1, 12, *extent]))])
    net.node("Conv", [net.last, net.weight(5, 12, *(1 for _ in extent))])
    network = load_workload(net.save(tmp_path / "net.onnx"))
    (shuffle,) = (layer for layer in network.layers if isinstance(layer, ChannelShuffle))
    assert shuffle.groups == 3
    same_output(net, tmp_path / "net.onnx")


MS = {"domain": "com.microsoft"}
SCALE, ZERO = np.float32(0.1), np.int8(0)


def quantised(net, op, names, *more, **attributes):
    """Write an operator of integers: of every tensor its scale and zero, and of what it makes."""
    pairs = [part for name in names for part in (name, net.values(SCALE), net.values(ZERO))]
    return net.node(op, [*pairs, net.values(SCALE), net.values(ZERO), *more], **MS, **attributes)


def test_operators_of_integers_are_those_of_reals(tmp_path):
    net = Net({"clip": [1, 6, 6, 6]})
    one = quantised(net, "QLinearSigmoid", ["clip"])
    two = quantised(net, "QLinearAveragePool", ["clip"], kernel_shape=[3, 3], pads=[1] * 4)
    product = quantised(net, "QLinearMul", [one, two])
    total = quantised(net, "QLinearAdd", [product, two])
    pairs = [part for name in (total, product) for part in (name, net.values(SCALE), net.values(ZERO))]
    net.node("QLinearConcat", [net.values(SCALE), net.values(ZERO), *pairs], axis=1, **MS)
    quantised(net, "QLinearGlobalAveragePool", [net.last])
    net.node("Flatten")
    given = [net.last, net.values(SCALE), net.values(ZERO), net.weight(12, 5), net.values(SCALE), net.values(ZERO)]
    net.node("QGemm", [*given, net.weight(5)], **MS)
    network = load_workload(net.save(tmp_path / "net.onnx"))
    kinds = ["activation", "pool3d", "mul", "add", "concat", "pool3d", "linear"]
    assert [layer.kind for layer in network.layers] == kinds


def test_operators_that_a_runtime_joined_are_taken_apart(tmp_path):
    net = Net({"clip": [1, 6, 6, 6]})
    stem = net.node("Conv", [net.last, net.weight(6, 6, 1, 1)])
    given = [stem, net.weight(6, 6, 3, 3), net.weight(6), stem]
    net.node("FusedConv", given, pads=[1] * 4, activation="Relu", **MS)
    net.node("GlobalAveragePool")
    net.node("Flatten")
    net.node("BiasGelu", [net.last, net.weight(6)], **MS)
    net.node("FusedGemm", [net.last, net.weight(6, 5), net.weight(5)], activation="Tanh", **MS)
    net.node("DynamicQuantizeMatMul", [net.last, net.weight(5, 4), net.values(SCALE), "", net.weight(4)], **MS)
    network = load_workload(net.save(tmp_path / "net.onnx"))
    said = [(layer.kind, getattr(layer, "activation", "none")) for layer in network.layers]
    assert said == [
        ("conv3d", "none"), ("conv3d", "none"), ("add", "relu"), ("pool3d", "none"), ("batch_norm", "gelu"),
        ("linear", "tanh"), ("linear", "none"),
    ]  # fmt: skip
    assert isinstance(network.layers[-1], Linear)
    assert network.layers[-1].bias


def test_a_gelu_says_which_it_is(tmp_path):
    net = Net(CLIP, opset=20)
    net.node("Gelu", approximate="tanh")
    (layer,) = load_workload(net.save(tmp_path / "net.onnx")).layers
    assert isinstance(layer, Activation)
    assert layer.activation == "gelu_tanh"


def transposed(groups):
    net = Net({"clip": DIMS})
    w, more = net.weight(6, 4 // groups, 3, 4, 4), {"output_padding": [1, 0, 0], "group": groups}
    net.node("ConvTranspose", [net.last, w, net.weight(4)], strides=[2, 2, 2], pads=[1] * 6, **more)
    net.node("BatchNormalization", [net.last, *(net.weight(4) for _ in range(4))])
    net.node("Relu")
    return net


def test_transposed_convolutions_have_their_weights(tmp_path):
    net = transposed(1)
    (layer,) = load_workload(net.save(tmp_path / "net.onnx")).layers
    assert (layer.kind, layer.batch_norm, layer.activation) == ("conv_transpose3d", True, "relu")
    same_output(net, tmp_path / "net.onnx")


def test_a_norm_is_folded_into_the_groups_that_it_scales(tmp_path):
    net = transposed(2)
    stored = [numpy_helper.to_array(one) for one in net.initializers]
    gain, variance = stored[2], stored[5]
    factor = (gain / np.sqrt(variance + 1e-5)).reshape(2, 1, 2, 1, 1, 1)
    weights = lw3dsim.load_weights(net.save(tmp_path / "net.onnx"))
    (made,) = (array for name, array in weights.items() if name.endswith("weight"))
    assert np.allclose(made, (stored[0].reshape(2, 3, 2, 3, 4, 4) * factor).reshape(6, 2, 3, 4, 4))
    assert lw3dsim.execute(tmp_path / "net.onnx").exact


@pytest.mark.parametrize("other", [[1, 1, 4, 5, 5], [1, 6, 1, 1, 5], [1, 1, 1, 1, 1], [4, 1, 5]], ids=str)
@pytest.mark.parametrize("op", ["Add", "Mul"])
def test_what_has_one_element_in_a_dimension_is_there_for_all(op, other, tmp_path):
    net = Net({"clip": DIMS})
    clip = net.node("Relu")
    axes = [axis for axis, size in enumerate([1, 1, 1, 1, 1][: 5 - len(other)] + other) if size == 1 and axis]
    zeros, ones = np.zeros(len(axes), np.int64), np.ones(len(axes), np.int64)
    small = net.node("Slice", [clip, net.values(zeros), net.values(ones), net.values(np.array(axes))])
    if len(other) < 5:
        small = net.node("Squeeze", [small, net.values(np.array([0, 1]))])
    net.node(op, [small, clip])
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert network.shapes[network.layers[-1].name] == tuple(DIMS[1:])
    same_output(net, tmp_path / "net.onnx")


RESIZES = {
    "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    "nearest, centred": {"mode": "nearest"},
    "linear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
}


@pytest.mark.parametrize("attributes", RESIZES.values(), ids=RESIZES)
def test_resizes_are_upsampling(attributes, tmp_path):
    net = Net({"clip": DIMS})
    net.node("Resize", [net.last, "", net.values(np.array([1, 1, 1, 2, 2], np.float32))], **attributes)
    (layer,) = load_workload(net.save(tmp_path / "net.onnx")).layers
    assert (layer.kind, layer.scale, layer.mode) == ("upsample", (1, 2, 2), attributes["mode"])
    same_output(net, tmp_path / "net.onnx")
