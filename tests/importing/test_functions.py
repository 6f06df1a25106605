"""Functions that a file defines, conditions that are known, and zeros that stand for no bias."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_encodings import AROUND, CLIP
from onnx_files import FLOAT, Net

from lw3dsim.describe.workload import Conv3d
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload


def block(*, calls="inner.Act", opset=17):
    """A function of a convolution and an activation, which is a function as well."""
    conv = helper.make_node("Conv", ["x", "w"], ["y"], name="conv", **AROUND)
    (steps,) = (one for one in conv.attribute if one.name == "strides")
    steps.CopyFrom(onnx.AttributeProto(name="strides", ref_attr_name="steps", type=onnx.AttributeProto.INTS))
    domain, op = calls.split(".")
    body = [conv, helper.make_node(op, ["y"], ["z"], domain=domain, name="act")]
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("inner", 1), helper.make_opsetid("own", 1)]
    return helper.make_function("own", "Block", ["x", "w"], ["z"], body, imports, ["steps"])


def called(tmp_path, *functions):
    """Save a network of two calls of a function."""
    net = Net(CLIP)
    for name, taken, steps in (("stem", 3, [1, 2, 2]), ("body", 8, [1, 1, 1])):
        net.node("Block", [net.last, net.weight(8, taken, 3, 3, 3)], name=name, domain="own", steps=steps)
    model = net.model()
    model.functions.extend(functions)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    return tmp_path / "net.onnx"


def acts(op="Relu", *, domain=""):
    node = helper.make_node(op, ["x"], ["y"], name="relu", domain=domain)
    return helper.make_function("inner", "Act", ["x"], ["y"], [node], [helper.make_opsetid("", 17)])


def test_a_function_is_what_it_does_at_each_call(tmp_path):
    layers = load_workload(called(tmp_path, block(), acts())).layers
    assert [(one.name, one.stride, one.activation) for one in layers if isinstance(one, Conv3d)] == [
        ("stem.conv", (1, 2, 2), "relu"), ("body.conv", (1, 1, 1), "relu"),
    ]  # fmt: skip
    assert len(layers) == 2


@pytest.mark.parametrize(
    ("functions", "says"),
    [
        ([block(), acts("Act", domain="inner")], "calls functions without an end"),
        ([block(opset=16), acts()], "function of opset 16 in a file of opset 17"),
        ([block()], r"inner\.Act of 1x8x8x8x8"),
    ],
)
def test_functions_that_are_not_taken_are_said_to_be(functions, says, tmp_path):
    with pytest.raises(InputError, match=says):
        load_workload(called(tmp_path, *functions))


def graph_of(op, name, inputs=("clip",), **attributes):
    node = helper.make_node(op, inputs, [f"{name} out"], name=name, **attributes)
    return helper.make_graph([node], name, [], [helper.make_tensor_value_info(f"{name} out", FLOAT, None)])


def chosen(net, condition):
    """Run one of two graphs, and a layer behind it."""
    branches = {"then_branch": graph_of("Relu", "yes"), "else_branch": graph_of("Sigmoid", "no")}
    net.node("If", [condition], **branches)
    net.node("MaxPool", kernel_shape=[2, 2, 2])
    return net


@pytest.mark.parametrize(("asked", "activation"), [(3, "relu"), (4, "sigmoid")])
def test_a_condition_on_shapes_is_known(asked, activation, tmp_path):
    net = Net(CLIP)
    channels = net.node("Gather", [net.node("Shape", ["clip"]), net.values(np.array(1))])
    net = chosen(net, net.node("Equal", [channels, net.values(np.array(asked))]))
    kinds = [(one.kind, getattr(one, "activation", "")) for one in load_workload(net.save(tmp_path / "n.onnx")).layers]
    assert kinds == [("activation", activation), ("pool3d", "")]


def test_a_condition_on_data_is_refused(tmp_path):
    net = Net(CLIP)
    net.inputs.append(helper.make_tensor_value_info("flag", TensorProto.BOOL, []))
    with pytest.raises(InputError, match="by what data is"):
        load_workload(chosen(net, "flag").save(tmp_path / "n.onnx"))


@pytest.mark.parametrize("behind", [[], [2]], ids=["N", "N x 2"])
@pytest.mark.parametrize("kind", ["initializer", "input"])
def test_zeros_that_are_made_for_a_bias_are_none(behind, kind, tmp_path):
    """As PyTorch's exporter writes conv2d and conv3d, where it is told not to optimize."""
    net = Net(CLIP)
    w = net.weight(8, 3, 3, 3, 3, kind=kind)
    size = net.node("Shape", [w], start=0, end=1)
    size = net.node("Concat", [size, net.values(np.array(behind, np.int64))], axis=0)
    padded = net.node("Pad", ["clip", net.values(np.array([0, 0, 1, 1, 1] * 2))])
    zero = net.node("CastLike", [net.values(np.float32(0)), padded])  # which looks at no element
    net.node("Conv", [padded, w, net.node("Expand", [zero, size])])
    (layer,) = load_workload(net.save(tmp_path / "n.onnx")).layers
    assert (layer.bias, layer.padding) == (False, (1, 1, 1))
    assert layer.out_channels == 8
