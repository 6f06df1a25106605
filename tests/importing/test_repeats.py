"""Elements that are there several times: by a layer where no reader repeats them."""

import numpy as np
import pytest
from onnx_files import Net

import lw3dsim
from lw3dsim.describe.workload import Shape
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.describe.workload_text import workload_text
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload


def repeated(op, dims, given):
    net = Net({"clip": dims})
    net.node(op, [net.last, net.values(np.array(given))])
    return net


@pytest.mark.parametrize(
    ("op", "dims", "given", "kinds"),
    [
        ("Expand", [1, 4, 1, 1, 1], [1, 4, 3, 1, 1], ["upsample"]),
        ("Expand", [1, 4, 1, 2, 1], [1, 4, 3, 2, 5], ["upsample", "upsample"]),
        ("Tile", [1, 4, 2, 2, 2], [1, 1, 3, 1, 1], ["concat"]),
        ("Tile", [1, 4, 1, 2, 2], [1, 2, 3, 1, 1], ["concat", "upsample"]),
    ],
)
def test_a_layer_repeats_what_is_read_otherwise(op, dims, given, kinds, tmp_path):
    net = repeated(op, dims, given)
    path = net.save(tmp_path / "net.onnx")
    network = load_workload(path)
    assert sorted(layer.kind for layer in network.layers) == sorted(kinds)
    clip = np.random.default_rng(0).standard_normal(dims[1:]).astype(np.float32)
    wanted = np.broadcast_to(clip, given[1:]) if op == "Expand" else np.tile(clip, given[1:])
    (made,) = lw3dsim.execute(path, dtype="float32", inputs={"clip": clip}).outputs.values()
    assert np.array_equal(made, wanted)


def test_a_product_repeats_by_itself(tmp_path):
    net = Net({"clip": [1, 4, 3, 6, 6], "gate": [1, 4, 1, 1, 1]})
    wide = net.node("Expand", ["gate", net.values(np.array([1, 4, 3, 6, 6]))])
    net.node("Mul", ["clip", wide])
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert [(layer.kind, network.shapes[layer.name]) for layer in network.layers] == [("gate", Shape(4, 3, 6, 6))]


def test_a_batch_is_not_repeated(tmp_path):
    with pytest.raises(InputError, match="repeats"):
        load_workload(repeated("Tile", [1, 4, 2, 2, 2], [2, 1]).save(tmp_path / "net.onnx"))


def test_a_long_constant_that_is_joined_with_data_is_written_and_read(tmp_path):
    net = Net({"clip": [1, 8, 9000]})
    tokens = net.node("Transpose", [net.node("Relu")], perm=[0, 2, 1])
    places = net.node("Expand", [net.weight(1, 1, 8), net.values(np.array([1, 9000, 8]))])
    net.node("Add", [tokens, places])
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert [network.inputs[name] for name in network.learned] == [Shape(8, 9000, 1, 1)]
    assert parse_workload(workload_text(network)) == network


def test_no_more_copies_are_joined_than_a_network_needs(tmp_path):
    with pytest.raises(InputError, match="joins 1099511627776 copies"):
        load_workload(repeated("Tile", [1, 4, 2, 2, 2], [1, 1, 1 << 40, 1, 1]).save(tmp_path / "net.onnx"))


def test_what_is_taken_from_a_table_is_a_constant(tmp_path):
    net = Net({"clip": [1, 8, 70]})
    tokens = net.node("Transpose", [net.node("Relu")], perm=[0, 2, 1])
    rows = np.random.default_rng(0).integers(0, 600, 70)
    table = net.weight(600, 8)
    net.node("Add", [tokens, net.node("Gather", [table, net.values(rows)], axis=0)])
    path = net.save(tmp_path / "net.onnx")
    clip = np.zeros((8, 70, 1, 1), np.float32)
    (made,) = lw3dsim.execute(path, dtype="float32", inputs={"clip": clip}).outputs.values()
    (values,) = (np.frombuffer(one.raw_data, np.float32) for one in net.initializers if one.name == table)
    assert np.allclose(made.reshape(8, 70), values.reshape(600, 8)[rows].T)


def test_a_rotation_by_nothing_moves_nothing(tmp_path):
    net = Net({"clip": [1, 4, 2, 6, 6]})
    data = net.node("Relu")
    none, whole = (
        net.node("Slice", [data, *(net.values(np.array([n])) for n in (*part, 3))]) for part in ((6, 9), (0, 6))
    )
    net.node("Concat", [none, whole], axis=3)
    net.node("MaxPool", kernel_shape=[1, 2, 2])
    assert [layer.kind for layer in load_workload(net.save(tmp_path / "net.onnx")).layers] == ["activation", "pool3d"]
