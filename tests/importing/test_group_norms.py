"""Norms of groups of channels over their positions compute what they say, however they are written."""

import numpy as np
import pytest
from onnx_files import Net

import lw3dsim
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload

CLIP = [1, 6, 2, 4, 3]


def instances(net):
    net.node("InstanceNormalization", [net.last, net.weight(6), net.weight(6)], epsilon=1e-3)
    return 6


def groups(net):
    net.node("GroupNormalization", [net.last, net.weight(6), net.weight(6)], num_groups=3, epsilon=1e-3)
    return 3


def by_reshape(net):
    """As PyTorch's older exporter writes a group norm."""
    ones, zeros = net.values(np.ones(3, np.float32)), net.values(np.zeros(3, np.float32))
    net.node("Reshape", [net.last, net.values(np.array([0, 3, -1]))])
    net.node("InstanceNormalization", [net.last, ones, zeros], epsilon=1e-3)
    net.node("Reshape", [net.last, net.values(np.array(CLIP))])
    net.node("Mul", [net.last, net.weight(6, 1, 1, 1)])
    net.node("Add", [net.last, net.weight(6, 1, 1, 1)])
    return 3


@pytest.mark.parametrize("write", [instances, groups, by_reshape])
def test_a_norm_of_groups_computes_what_it_says(write, tmp_path):
    net = Net({"clip": CLIP}, opset=21)
    net.node("Relu")
    count = write(net)
    path = net.save(tmp_path / "net.onnx")
    kinds = [layer.kind for layer in load_workload(path).layers]
    assert kinds == ["activation", "reshape", "layer_norm", "reshape", "batch_norm"]
    clip = np.random.default_rng(0).standard_normal(CLIP[1:])
    (made,) = lw3dsim.execute(path, dtype="float64", inputs={"clip": clip}).outputs.values()
    x = np.maximum(clip, 0).reshape(count, -1)
    w = [np.frombuffer(one.raw_data, np.float32) for one in net.initializers if one.name.startswith("w")]
    normed = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-3)
    wanted = normed.reshape(CLIP[1:]) * w[0][:, None, None, None] + w[1][:, None, None, None]
    assert np.allclose(made, wanted, atol=1e-6)
    run = {layer.kind: layer for layer in lw3dsim.simulate(path).record.layers}
    assert run["layer_norm"].latency_cycles > 0


@pytest.mark.parametrize(
    ("dims", "count", "says"),
    [([1, 6, 8, 56, 56], 3, "normalises 150528 elements"), ([1, 6, 2, 4, 3], 4, "4 groups of 6 channels")],
)
def test_a_norm_that_is_not_taken_is_said_to_be(dims, count, says, tmp_path):
    net = Net({"clip": dims}, opset=21)
    net.node("GroupNormalization", [net.last, net.weight(6), net.weight(6)], num_groups=count)
    with pytest.raises(InputError, match=says):
        load_workload(net.save(tmp_path / "net.onnx"))
