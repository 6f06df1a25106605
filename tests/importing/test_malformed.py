"""Files that are no network, or no sound one, are refused in a sentence that says what is wrong with them."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_encodings import CLIP, plain
from onnx_files import Net

import lw3dsim
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload


def _node(model, op):
    return next(node for node in model.graph.node if node.op_type == op)


def _weights(model):
    return next(one for one in model.graph.initializer if len(one.dims) == 5)


def two_makers(model):
    model.graph.node[3].output[0] = model.graph.node[1].output[0]


def no_output(model):
    del model.graph.output[:]


def an_output_of_nobody(model):
    model.graph.output[0].name = "ghost"


def a_text(model):
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def a_sequence(model):
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, CLIP["clip"])
    model.graph.input[0].type.CopyFrom(helper.make_sequence_type_proto(tensor))


def weights_twice(model):
    model.graph.initializer.append(model.graph.initializer[0])


def the_first_opset(model):
    model.opset_import[0].version = 1


def attribute(op, name, value):
    def change(model):
        node = _node(model, op)
        for one in [one for one in node.attribute if one.name == name]:
            node.attribute.remove(one)
        if value is not None:
            node.attribute.append(helper.make_attribute(name, value))

    return change


def without_weights(model):
    del _node(model, "Conv").input[1:]


def with_half_of_the_data(model):
    weights = _weights(model)
    weights.raw_data = weights.raw_data[: len(weights.raw_data) // 2]


BAD = {
    two_makers: "two nodes make the tensor t1_0",
    no_output: "the network has no output",
    an_output_of_nobody: "no node makes the output ghost",
    a_text: "input clip is of STRING",
    a_sequence: "input clip is no tensor",
    weights_twice: "two initializers are called w0_1",
    the_first_opset: "opset 1 is not known; export with opset 7",
    attribute("Conv", "strides", [0, 1, 1]): r"stride = \(0, 1, 1\): expected a whole number from 1 to",
    attribute("Conv", "strides", [1.5, 1.0, 1.0]): "has strides of another type than INTS",
    attribute("Conv", "dilations", [1, 9000, 1]): r"dilation = \(1, 9000, 1\): expected a whole number from 1 to 8192",
    attribute("MaxPool", "kernel_shape", None): "lacks the attribute kernel_shape",
    without_weights: "has 1 inputs, not 2 to 3",
    with_half_of_the_data: "has 1296 bytes of data where its dimensions need 2592",
}


@pytest.mark.parametrize("change", BAD, ids=BAD.values())
def test_what_is_wrong_with_a_file_is_said(change, tmp_path):
    model, path = plain(Net(CLIP)).model(), tmp_path / "net.onnx"
    change(model)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=BAD[change]):
        load_workload(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_is_computed_with_weights_that_are_no_numbers(value, tmp_path):
    model, path = plain(Net(CLIP)).model(), tmp_path / "net.onnx"
    weights = _weights(model)
    values = numpy_helper.to_array(weights).copy()
    values.flat[3] = value
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=r"weights of .* are not all finite"):
        lw3dsim.execute(path, dtype="float32")


def test_biases_of_positions_come_stripped_of_their_data(tmp_path):
    net = Net({"clip": [1, 3, 2, 4, 4]}, stripped=True)
    net.node("Transpose", perm=[0, 2, 3, 4, 1])
    data = net.last
    net.node("MatMul", [data, net.weight(3, 8, kind="input")])
    net.node("Add", [net.last, net.weight(8, kind="input")])
    (layer,) = load_workload(net.save(tmp_path / "net.onnx")).layers
    assert (layer.kind, layer.out_channels, layer.bias) == ("conv3d", 8, True)


def test_a_convolution_is_called_by_its_weights_where_a_batch_norm_was_folded_into_it(tmp_path):
    net = Net({"clip": [1, 3, 2, 4, 4]})
    net.node("Conv", [net.last, net.weight(8, 3, 1, 1, 1)])
    model, path = net.model(), tmp_path / "net.onnx"
    model.graph.initializer[0].name = model.graph.node[0].input[1] = "stem.0.weight"
    model.graph.node[0].metadata_props.add(key="pkg.torch.onnx.name_scopes", value="['', 'stem', 'stem.1', 'norm']")
    path.write_bytes(model.SerializeToString())
    assert [layer.name for layer in load_workload(path).layers] == ["stem.0"]
