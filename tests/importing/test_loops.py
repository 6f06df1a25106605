"""Loops that run a known number of times, and lists of tensors, are what they do."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_files import FLOAT, Net

from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload


def looping(times, *, going=True):
    """Halve a clip so often by a pool in a loop, as the body says whether it goes on."""
    nodes = [
        helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[1, 2, 2], strides=[1, 2, 2], name="halve"),
        helper.make_node("Identity", ["goes"], ["goes on"]),
    ]
    inputs = [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("x", FLOAT, None),
    ]
    outputs = [
        helper.make_tensor_value_info("goes on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("y", FLOAT, None),
    ]
    goes = helper.make_tensor("goes", TensorProto.BOOL, [], [going])
    net = Net({"clip": [1, 3, 2, 16, 16]})
    count = net.values(np.array(times)) if isinstance(times, int) else times
    body = helper.make_graph(nodes, "body", inputs, outputs, initializer=[goes])
    net.node("Loop", [count, "", "clip"], body=body)
    return net


@pytest.mark.parametrize("times", [1, 3])
def test_a_loop_is_written_out(times, tmp_path):
    network = load_workload(looping(times).save(tmp_path / "net.onnx"))
    assert [layer.kind for layer in network.layers] == ["pool3d"] * times
    assert network.shapes[network.layers[-1].name].width == 16 >> times


def as_data_says():
    net = looping(2)
    net.inputs.append(helper.make_tensor_value_info("count", TensorProto.INT64, [1, 1]))
    net.nodes[0].input[0] = "count"
    return net


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: looping(1 << 40), "runs too often"),
        (lambda: looping(2, going=False), "ends a loop before its count"),
        (as_data_says, "as often as data says"),
    ],
)
def test_a_loop_that_is_not_taken_is_said_to_be(make, says, tmp_path):
    with pytest.raises(InputError, match=says):
        load_workload(make().save(tmp_path / "net.onnx"))


def test_a_list_gives_what_was_put_in(tmp_path):
    net = Net({"clip": [1, 3, 2, 16, 16]})
    low, high = net.node("Relu", ["clip"]), net.node("Sigmoid", ["clip"])
    several = net.node("SequenceInsert", [net.node("SequenceConstruct", [low]), high])
    net.node("SequenceAt", [several, net.values(np.array(-1))])
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert network.layers[-1].activation == "sigmoid"
    net.node("SequenceAt", [several, net.values(np.array(2))])
    with pytest.raises(InputError, match="that its list has not"):
        load_workload(net.save(tmp_path / "other.onnx"))
