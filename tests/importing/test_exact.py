"""What a file says in a way that is easily misread is read as ONNX means it, or refused."""

import numpy as np
import pytest
from onnx import helper
from onnx_files import Net

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Conv3d, Linear, Slice
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload


def loaded(net, tmp_path, *outputs, **given):
    return load_workload(net.save(tmp_path / "net.onnx", *outputs), **given)


def after(dims, *nodes, opset=17):
    """Make a network of a clip and nodes behind each other: the operator, its constants, its attributes."""
    net = Net({"clip": dims}, opset=opset)
    for op, constants, attributes in nodes:
        net.node(op, [net.last, *map(net.values, constants)], **attributes)
    return net


def test_a_vector_without_its_ones_is_no_gate(tmp_path):
    # 1x6 meets the width of 1x6x4x6x6, not its channels.
    net = Net({"clip": [1, 6, 4, 6, 6], "factors": [1, 6]})
    net.node("Mul", ["clip", "factors"])
    with pytest.raises(InputError, match="different shapes"):
        loaded(net, tmp_path)


def test_vectors_of_other_ranks_are_not_added(tmp_path):
    # 1x6x1x1x1 and 1x6 make 1x6x1x1x6.
    net = Net({"clip": [1, 6, 1, 1, 1], "other": [1, 6]})
    net.node("Add", ["clip", "other"])
    with pytest.raises(InputError, match="different shapes"):
        loaded(net, tmp_path)


@pytest.mark.parametrize("op", ["BatchNormalization", "MaxPool"])
def test_channels_that_come_last_are_not_taken_for_the_first(op, tmp_path):
    net = after([1, 6, 6, 6, 6], ("Relu", [], {}), ("Transpose", [], {"perm": [0, 2, 3, 4, 1]}))
    more = [net.weight(6) for _ in range(4)] if op == "BatchNormalization" else []
    net.node(op, [net.last, *more], **({} if more else {"kernel_shape": [1, 2, 2]}))
    with pytest.raises(InputError, match=r"net\.onnx: node"):
        loaded(net, tmp_path)


def test_a_reshape_that_moves_a_dimension_is_not_hidden_from_a_window(tmp_path):
    # 4x2x2x1 as 4x2x1x2: what was the height is the width of the pool.
    net = after([1, 4, 2, 2, 1], ("Reshape", [np.array([1, 4, 2, 1, 2])], {}))
    net.node("MaxPool", kernel_shape=[1, 1, 2])
    with pytest.raises(InputError, match="moved by a reshape"):
        loaded(net, tmp_path)


def test_tensors_in_different_orders_are_put_in_one_before_they_are_joined(tmp_path):
    net = Net({"clip": [1, 4, 4, 4, 4]})
    net.node("Transpose", perm=[0, 1, 2, 4, 3])
    net.node("Concat", [net.last, "clip"], axis=1)
    assert [layer.kind for layer in loaded(net, tmp_path).layers] == ["rearrange", "concat"]


def test_an_old_softmax_reaches_over_all_that_is_behind_its_axis(tmp_path):
    with pytest.raises(InputError, match="softmax over positions"):
        loaded(after([1, 8, 2, 3, 3], ("Softmax", [], {"axis": 1}), opset=11), tmp_path)
    assert loaded(after([1, 8], ("Softmax", [], {"axis": 1}), opset=11), tmp_path).layers[0].kind == "softmax"


def test_reading_a_shape_keeps_no_activation_apart(tmp_path):
    net = Net({"clip": [1, 3, 4, 4, 4]})
    made = net.node("Conv", [net.last, net.weight(4, 3, 1, 1, 1)])
    relu = net.node("Relu", [made])
    shape = net.node("Shape", [made])
    net.node("Reshape", [relu, shape])
    (layer,) = loaded(net, tmp_path).layers
    assert (layer.kind, layer.activation) == ("conv3d", "relu")


def test_elements_taken_evenly_are_a_slice(tmp_path):
    network = loaded(after([1, 8, 9, 3, 3], ("Gather", [np.array([1, 4, 7])], {"axis": 2})), tmp_path)
    (layer,) = network.layers
    assert isinstance(layer, Slice)
    assert (layer.dim, layer.start, layer.stop, layer.step) == ("frames", 1, 8, 3)
    assert network.shapes[layer.name] == (8, 3, 3, 3)
    with pytest.raises(InputError, match="evenly"):
        loaded(after([1, 8, 9, 3, 3], ("Gather", [np.array([0, 1, 4])], {"axis": 2})), tmp_path)


def test_an_operator_of_another_domain_is_not_taken_for_its_namesake(tmp_path):
    net = Net({"clip": [1, 3, 4, 4, 4]})
    net.nodes.append(helper.make_node("Relu", ["clip"], ["y"], domain="acme"))
    with pytest.raises(InputError, match=r"acme\.Relu"):
        loaded(net, tmp_path, "y")


def test_nothing_large_is_computed_of_constants(tmp_path):
    net = Net({"clip": [1, 3, 4, 4, 4]})
    net.node("ConstantOfShape", [net.values(np.array([1 << 40]))])
    with pytest.raises(InputError, match="ConstantOfShape"):
        loaded(net, tmp_path)


def floating(net):
    net.node("Conv", [net.last, net.weight(8, 3, 3, 3, 3), net.weight(8)], pads=[1] * 6)
    net.node("Relu")
    net.node("GlobalAveragePool")
    net.node("Flatten")
    net.node("MatMul", [net.last, net.weight(8, 5)])
    return net


def of_two_scales(net):
    """Quantise and dequantise around everything."""

    def both():
        for op in ("QuantizeLinear", "DequantizeLinear"):
            net.node(op, [net.last, net.values(np.float32(0.1)), net.values(np.int8(0))])

    both()
    net.node("Conv", [net.last, net.weight(8, 3, 3, 3, 3, kind="dequantised"), net.weight(8)], pads=[1] * 6)
    net.node("Relu")
    both()
    net.node("GlobalAveragePool")
    both()
    net.node("Flatten")
    net.node("MatMul", [net.last, net.weight(8, 5, kind="dequantised")])
    return net


def of_integers(net):
    """Operators of integers, as a static quantisation writes them."""
    scale, zero = net.values(np.float32(0.1)), net.values(np.int8(0))
    net.node("QuantizeLinear", [net.last, scale, zero])
    w, bias = net.weight(8, 3, 3, 3, 3), net.weight(8)
    net.node("QLinearConv", [net.last, scale, zero, w, scale, zero, scale, zero, bias], pads=[1] * 6)
    net.node("Relu")
    net.node("DequantizeLinear", [net.last, scale, zero])
    net.node("GlobalAveragePool")
    net.node("Flatten")
    net.node("QLinearMatMul", [net.last, scale, zero, net.weight(8, 5), scale, zero, scale, zero])
    return net


def of_scales_found_on_the_way(net):
    """A dynamic quantisation: the scale of each tensor follows from its elements."""

    def product(op, weight, **attributes):
        q, scale, zero = net.node("DynamicQuantizeLinear", outputs=3)
        scale = net.node("Mul", [scale, net.values(np.float32(0.1))])
        net.node(op, [q, weight, zero, net.values(np.int8(0))], **attributes)
        net.node("Cast", to=1)
        net.node("Mul", [net.last, scale])

    product("ConvInteger", net.weight(8, 3, 3, 3, 3), pads=[1] * 6)
    net.node("Add", [net.last, net.weight(1, 8, 1, 1, 1)])
    net.node("Relu")
    net.node("GlobalAveragePool")
    net.node("Flatten")
    product("MatMulInteger", net.weight(8, 5))
    return net


@pytest.mark.parametrize("quantised", [of_two_scales, of_integers, of_scales_found_on_the_way])
def test_a_quantised_network_is_the_network_that_was_quantised(quantised, tmp_path):
    networks = [loaded(make(Net({"clip": [1, 3, 4, 8, 8]})), tmp_path) for make in (floating, quantised)]
    conv, _, linear = networks[1].layers
    assert isinstance(conv, Conv3d)
    assert isinstance(linear, Linear)
    assert conv.activation == "relu"
    plain, other = ([replace(layer, name="x", inputs=()) for layer in network.layers] for network in networks)
    assert plain == other
