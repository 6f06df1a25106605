"""What tools write out operator by operator, or in an order or a form of their own, is what it stands for."""

import numpy as np
import pytest
from onnx_encodings import AROUND
from onnx_files import Net

import lw3dsim
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload


def tokens():
    """Tokens of 8 channels, which come last."""
    net = Net({"clip": [1, 8, 5]}, opset=13)
    net.node("Transpose", [net.node("Relu")], perm=[0, 2, 1])
    return net


def norm(net, *, square="Pow", axes=(-1,)):
    """Less its mean, over the root of its variance, as exporters write a layer norm before opset 17."""
    data = net.last
    mean = net.node("ReduceMean", [data], axes=list(axes))
    centred = net.node("Sub", [data, mean])
    squares = net.node(square, [centred, centred if square == "Mul" else net.values(np.float32(2))])
    variance = net.node("ReduceMean", [squares], axes=list(axes))
    root = net.node("Sqrt", [net.node("Add", [variance, net.values(np.float32(1e-3))])])
    net.node("Div", [centred, root])
    net.node("Mul", [net.last, net.weight(8)])
    net.node("Add", [net.last, net.weight(8)])
    return net


@pytest.mark.parametrize("square", ["Pow", "Mul"])
def test_a_layer_norm_that_is_written_out_is_one(square, tmp_path):
    net = norm(tokens(), square=square)
    path = net.save(tmp_path / "net.onnx")
    network = load_workload(path)
    assert [layer.kind for layer in network.layers] == ["activation", "layer_norm", "batch_norm"]
    x = np.random.default_rng(0).standard_normal((5, 8))
    (made,) = lw3dsim.execute(path, dtype="float64", inputs={"clip": x.T[:, :, None, None]}).outputs.values()
    w = [np.frombuffer(one.raw_data, np.float32) for one in net.initializers if tuple(one.dims) == (8,)]
    x = np.maximum(x, 0)
    wanted = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-3) * w[0] + w[1]
    assert np.allclose(made.reshape(8, 5), wanted.T, atol=1e-6)


def test_a_norm_whose_insides_are_read_is_refused(tmp_path):
    net = norm(tokens())
    with pytest.raises(InputError, match="reduces the channels"):
        load_workload(net.save(tmp_path / "net.onnx", net.last, net.nodes[2].output[0]))


def convolved(**how):
    net = Net({"clip": [1, 3, 4, 8, 8]})
    net.node("FusedConv", [net.last, net.weight(8, 3, 3, 3, 3)], domain="com.microsoft", **how, **AROUND)
    return net


@pytest.mark.parametrize(
    ("function", "numbers", "is_called"),
    [("Clip", [0.0, 6.0], "relu6"), ("HardSigmoid", [1 / 6, 0.5], "hard_sigmoid"), ("HardSwish", [], "hard_swish")],
)
def test_an_activation_with_numbers_in_a_convolution_is_known(function, numbers, is_called, tmp_path):
    how = {"activation_params": numbers} if numbers else {}
    (layer,) = load_workload(convolved(activation=function, **how).save(tmp_path / "net.onnx")).layers
    assert layer.activation == is_called


def test_other_numbers_of_an_activation_are_refused(tmp_path):
    net = convolved(activation="Clip", activation_params=[-1.0, 1.0])
    with pytest.raises(InputError, match="Clip of -1, 1 is not known"):
        load_workload(net.save(tmp_path / "net.onnx"))


def test_nodes_in_another_order_are_read_in_theirs(tmp_path):
    """As converters to half precision append their casts."""
    net = Net({"clip": [1, 3, 4, 8, 8]})
    net.node("Cast", to=10)
    net.node("Conv", [net.last, net.weight(8, 3, 1, 1, 1)])
    net.node("Relu")
    plain = load_workload(net.save(tmp_path / "a.onnx")).layers
    last = net.last
    net.nodes.append(net.nodes.pop(0))
    assert load_workload(net.save(tmp_path / "b.onnx", last)).layers == plain


def attending(hidden):
    """A softmax of products some of which a mask hides, with what PyTorch's exporter asks behind it."""
    net = Net({"tokens": [1, 2, 4, 4]})
    net.node("MatMul", [net.node("Relu"), net.node("Sigmoid", ["tokens"])])
    mask = np.where(hidden, -np.inf, 0).astype(np.float32)
    chosen = net.node("Where", [net.values(~hidden), net.last, net.values(np.float32(-np.inf))])
    shares = net.node("Softmax", [chosen], axis=-1)
    net.node("Where", [net.node("IsNaN", [shares]), net.values(np.float32(0)), shares])
    return net, mask


@pytest.mark.parametrize("hidden", [np.zeros((4, 4), bool), ~np.tri(4, dtype=bool)], ids=["nothing", "what comes"])
def test_a_mask_in_front_of_a_softmax_hides_what_it_says(hidden, tmp_path):
    net, mask = attending(hidden)
    path = net.save(tmp_path / "net.onnx")
    assert ("add" in [layer.kind for layer in load_workload(path).layers]) is bool(hidden.any())
    x = np.random.default_rng(0).standard_normal((2, 4, 4))
    (made,) = lw3dsim.execute(path, dtype="float64", inputs={"tokens": x[:, None]}).outputs.values()
    products = np.exp(np.maximum(x, 0) @ (1 / (1 + np.exp(-x))) + mask)
    wanted = products / products.sum(-1, keepdims=True)
    assert np.allclose(np.sort(made.ravel()), np.sort(wanted.ravel()), atol=1e-6)


def test_a_choice_of_elements_is_refused(tmp_path):
    net = Net({"clip": [1, 3, 4, 8, 8]})
    net.node("Where", [net.values(np.eye(8, dtype=bool)), net.last, net.values(np.float32(1))])
    with pytest.raises(InputError, match="chooses element by element"):
        load_workload(net.save(tmp_path / "net.onnx"))


def test_a_factor_behind_a_batch_norm_is_part_of_it(tmp_path):
    net = Net({"clip": [1, 3, 4, 8, 8]})
    net.node("Conv", [net.last, net.weight(8, 3, 1, 1, 1)])
    net.node("BatchNormalization", [net.last, *(net.weight(8) for _ in range(4))])
    plain = net.save(tmp_path / "plain.onnx")
    net.node("Mul", [net.last, net.values(np.float32(0.5))])
    path = net.save(tmp_path / "net.onnx")
    (layer,) = load_workload(path).layers
    assert layer.batch_norm
    halved, whole = ([*lw3dsim.load_weights(one).values()] for one in (path, plain))
    assert all(np.allclose(2 * one, other) for one, other in zip(halved, whole, strict=True))
