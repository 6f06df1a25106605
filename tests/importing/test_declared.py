"""Inputs that are read in another order than N x C x T x H x W are declared in the order that they are read in."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from onnx_files import Net

import lw3dsim
from lw3dsim.describe.workload import Shape
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload


def clips(dims, *moves, images=False):
    """A convolution of an input that is moved in front of it."""
    net = Net({"clip": dims})
    for op, given in moves:
        if op == "Reshape":
            net.node(op, [net.last, net.values(np.array(given))])
        else:
            net.node(op, perm=given)
    net.node("Conv", [net.last, net.weight(4, 3, *((3, 3) if images else (1, 3, 3)))])
    return net


ORDERS = {
    "NTCHW": clips([1, 8, 3, 12, 10], ("Transpose", [0, 2, 1, 3, 4])),
    "NTHWC": clips([1, 8, 12, 10, 3], ("Transpose", [0, 4, 1, 2, 3])),
    "NTCHW as images": clips([1, 8, 3, 12, 10], ("Reshape", [-1, 3, 12, 10]), images=True),
    "images beside each other": clips([1, 24, 12, 10], ("Reshape", [-1, 3, 12, 10]), images=True),
    "a batch of images": clips([8, 3, 12, 10], images=True),
    "a batch of images, channels last": clips([8, 12, 10, 3], ("Transpose", [0, 3, 1, 2]), images=True),
}


@pytest.mark.parametrize("net", ORDERS.values(), ids=ORDERS)
def test_an_input_is_a_clip_in_whatever_order_it_is_read(net, tmp_path):
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert network.inputs == {"clip": Shape(3, 8, 12, 10)}
    (layer,) = network.layers
    assert (layer.kind, layer.kernel, network.shapes[layer.name]) == ("conv3d", (1, 3, 3), Shape(4, 8, 10, 8))


def test_the_same_numbers_come_of_it(tmp_path):
    path = ORDERS["images beside each other"].save(tmp_path / "net.onnx")
    clip = np.random.default_rng(0).standard_normal((3, 8, 12, 10)).astype(np.float32)
    result = lw3dsim.execute(path, dtype="float32", inputs={"clip": clip})
    (made,) = result.outputs.values()
    weights = lw3dsim.load_weights(path)
    (w,) = (array[:, :, 0] for name, array in weights.items() if name.endswith("weight"))
    windows = np.lib.stride_tricks.sliding_window_view(clip, (3, 3), axis=(2, 3))
    assert np.allclose(made, np.einsum("cthwrs,ncrs->nthw", windows, w), atol=1e-4)


def test_a_batch_of_clips_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"batch of 8; export the network for one clip, and say --batch 8"):
        load_workload(clips([8, 3, 4, 12, 10]).save(tmp_path / "net.onnx"))


@pytest.mark.parametrize("dims", [[1, 6, 8], [1, 3, 2, 8], [1, 3, 2, 2, 8]], ids=["rank 3", "rank 4", "rank 5"])
def test_tokens_are_declared_as_channels_by_positions_and_give_the_same_numbers(dims, tmp_path):
    net = Net({"tokens": dims})
    made = net.node("MatMul", ["tokens", net.weight(8, 8)])
    net.node("Add", [made, net.node("MatMul", ["tokens", net.weight(8, 8)])])
    path = net.save(tmp_path / "net.onnx")
    network = load_workload(path)
    assert [layer.kind for layer in network.layers] == ["conv3d", "conv3d", "add"]
    shape = network.inputs["tokens"]
    assert shape.channels == 8
    tokens = np.random.default_rng(0).standard_normal(dims).astype(np.float32)
    clip = np.moveaxis(tokens[0], -1, 0).reshape(8, *shape.extent)
    (mine,) = lw3dsim.execute(path, dtype="float32", inputs={"tokens": clip}).outputs.values()
    (theirs,) = ReferenceEvaluator(net.model()).run(None, {"tokens": tokens})
    assert np.allclose(mine, np.moveaxis(theirs[0], -1, 0).reshape(mine.shape), atol=1e-4)
