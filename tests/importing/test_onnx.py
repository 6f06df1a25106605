"""Networks in ONNX come in as what they are, however they are written; or are refused in a sentence."""

import subprocess
import sys

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_encodings import CLIP, ENCODINGS, plain
from onnx_files import Net

import lw3dsim
from lw3dsim.describe.catalog import shipped_names
from lw3dsim.describe.workload import BatchNorm, Conv3d, Gate, Linear, Shape
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.describe.workload_text import workload_text
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload


def layers_of(network):
    """What the layers are, whatever they are called."""
    number = {name: f"input {i}" for i, name in enumerate(network.inputs)}
    number |= {layer.name: str(i) for i, layer in enumerate(network.layers)}
    return [
        msgspec.structs.replace(layer, name="x", inputs=tuple(number[name] for name in layer.inputs))
        for layer in network.layers
    ]


@pytest.mark.parametrize("make", ENCODINGS.values(), ids=ENCODINGS)
def test_every_encoding_is_the_same_network(make, tmp_path):
    assert len(ENCODINGS) >= 25
    network = load_workload(make().save(tmp_path / "net.onnx"))
    assert layers_of(network) == layers_of(load_workload(plain(Net(CLIP)).save(tmp_path / "plain.onnx")))
    assert network.shapes[network.layers[-1].name] == Shape(5, 1, 1, 1)


def test_a_batch_norm_becomes_part_of_the_convolution(tmp_path):
    network = load_workload(plain(Net(CLIP), folded=False).save(tmp_path / "net.onnx"))
    first = network.layers[0]
    assert (first.batch_norm, first.bias, first.activation) == (True, False, "relu")
    assert sum(network.layer_params(layer) for layer in network.layers[:1]) == 8 * 3 * 27 + 2 * 8


def test_names_are_the_paths_of_modules(tmp_path):
    network = load_workload(plain(Net(CLIP)).save(tmp_path / "net.onnx"))
    assert [layer.name for layer in network.layers[:2]] == ["stem.0", "body"]


def test_hostile_names_are_text(tmp_path):
    net = Net({"../../etc/passwd\n": [1, 3, 4, 4, 4]})
    net.node("Conv", [net.last, net.weight(2, 3, 1, 1, 1)], name="<script>\x1b[31m \u202e/Conv")
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert all(name.isprintable() and " " not in name for name in (*network.inputs, network.layers[0].name))


def squeezed(net):
    """Squeeze and excitation, a swish, two inputs, a shortcut."""
    net.node("Conv", ["clip", net.weight(8, 3, 1, 1, 1), net.weight(8)])
    stem = net.node("Relu")
    net.node("Conv", [stem, net.weight(8, 1, 3, 3, 3)], pads=[2, 1, 1, 0, 1, 1], group=8)
    deep = net.node("BatchNormalization", [net.last, *(net.weight(8) for _ in range(4))])
    net.node("ReduceMean", [deep], axes=[2, 3, 4])
    net.node("Conv", [net.last, net.weight(4, 8, 1, 1, 1), net.weight(4)])
    net.node("Relu")
    net.node("Conv", [net.last, net.weight(8, 4, 1, 1, 1), net.weight(8)])
    factors = net.node("Sigmoid")
    gated = net.node("Mul", [factors, deep])
    net.node("Mul", [gated, net.node("Sigmoid", [gated])])
    total = net.node("Add", [net.last, stem])
    other = net.node("Conv", ["other", net.weight(8, 3, 1, 1, 1)])
    net.node("Concat", [total, other], axis=1)
    return net


def test_squeeze_and_excitation_swish_and_two_inputs_come_in(tmp_path):
    net = squeezed(Net({"clip": [1, 3, 4, 6, 6], "other": [1, 3, 4, 6, 6]}))
    network = load_workload(net.save(tmp_path / "net.onnx"))
    kinds = [layer.kind for layer in network.layers]
    assert kinds == ["conv3d", "conv3d", "pool3d", "conv3d", "conv3d", "gate", "add", "conv3d", "concat"]
    by_kind = {type(layer): layer for layer in network.layers}
    assert by_kind[Gate].activation == "swish"
    assert by_kind[Gate].inputs == (network.layers[1].name, network.layers[4].name)
    assert (network.layers[1].padding, network.layers[4].activation) == (((2, 0), 1, 1), "sigmoid")
    assert list(network.inputs) == ["clip", "other"]
    result = lw3dsim.execute(network, algorithm="auto", fusion="auto")
    assert result.exact


def one(op, inputs, dims=(1, 8, 4, 6, 6), opset=17, **attributes):
    """Import a network of one node between two convolutions of one channel group."""
    net = Net({"clip": list(dims)}, opset=opset)
    given = [net.last if isinstance(each, str) else net.values(np.asarray(each)) for each in inputs]
    net.node(op, given, **attributes)
    return net


KINDS = {
    "relu6": (lambda: one("Clip", ["data", np.float32(0), np.float32(6)]), "activation", {"activation": "relu6"}),
    "hard sigmoid": (
        lambda: one("HardSigmoid", ["data"], alpha=1 / 6, beta=0.5), "activation", {"activation": "hard_sigmoid"},
    ),
    "hard swish": (lambda: one("HardSwish", ["data"]), "activation", {"activation": "hard_swish"}),
    "a strided mean": (
        lambda: one("AveragePool", ["data"], kernel_shape=[1, 3, 3], strides=[1, 2, 2], pads=[0, 1, 1, 0, 1, 1]),
        "pool3d", {"mode": "avg", "count_include_pad": False, "padding": (0, 1, 1)},
    ),
    "a mean in time": (lambda: one("ReduceMean", ["data"], axes=[2]), "pool3d", {"kernel": (4, 1, 1)}),
    "same": (
        lambda: one("MaxPool", ["data"], kernel_shape=[2, 3, 3], strides=[2, 2, 2], auto_pad="SAME_LOWER"),
        "pool3d", {"padding": (0, (1, 0), (1, 0))},
    ),
    "a slice": (
        lambda: one("Slice", ["data", [1], [100], [2]]), "slice", {"dim": "frames", "start": 1, "stop": 4},
    ),
    "a pad": (
        lambda: one("Pad", ["data", [0, 0, 1, 0, 0, 0, 0, 0, 0, 2]]), "pad", {"padding": ((1, 0), 0, (0, 2))},
    ),
    "a scale": (lambda: one("Mul", ["data", np.ones((8, 1, 1, 1), np.float32)]), "batch_norm", {}),
    "a softmax": (lambda: one("Softmax", ["data"], axis=1), "softmax", {}),
    "a reshape": (
        lambda: one("Reshape", ["data", [1, 16, 2, 6, 6]]), "reshape", {"shape": (16, 2, 6, 6)},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "kind", "fields"), KINDS.values(), ids=KINDS)
def test_an_operator_becomes_the_layer_that_it_is(make, kind, fields, tmp_path):
    (layer,) = load_workload(make().save(tmp_path / "net.onnx")).layers
    assert layer.kind == kind
    assert {key: getattr(layer, key) for key in fields} == fields


def test_images_and_signals_are_clips_of_one_frame_or_one_pixel(tmp_path):
    image = Net({"x": [1, 3, 12, 10]})
    image.node("Conv", [image.last, image.weight(4, 3, 3, 5)], pads=[1, 2, 1, 2])
    network = load_workload(image.save(tmp_path / "image.onnx"))
    assert (network.layers[0].kernel, network.inputs["x"]) == ((1, 3, 5), Shape(3, 1, 12, 10))
    signal = Net({"x": [1, 3, 50]})
    signal.node("Conv", [signal.last, signal.weight(4, 3, 7)], strides=[2])
    network = load_workload(signal.save(tmp_path / "signal.onnx"))
    assert (network.layers[0].kernel, network.layers[0].stride) == ((7, 1, 1), (2, 1, 1))


def test_a_padding_in_front_of_a_convolution_is_its_own(tmp_path):
    net = one("Pad", ["data", [0, 0, 2, 0, 0, 0, 0, 0, 0, 0]])
    net.node("Conv", [net.last, net.weight(4, 8, 3, 3, 3)], pads=[0, 1, 1, 0, 1, 1])
    (layer,) = load_workload(net.save(tmp_path / "net.onnx")).layers
    assert layer.padding == ((2, 0), 1, 1)


def test_positions_have_a_linear_layer_each_where_channels_come_last(tmp_path):
    net = Net({"clip": [1, 8, 2, 3, 3]})
    net.node("Transpose", perm=[0, 2, 3, 4, 1])
    net.node("MatMul", [net.last, net.weight(8, 5)])
    net.node("Softmax", axis=-1)
    net.node("ReduceMean", axes=[1, 2, 3], keepdims=0)
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert [layer.kind for layer in network.layers] == ["conv3d", "softmax", "pool3d"]
    assert isinstance(network.layers[0], Conv3d)
    assert network.layers[0].out_channels == 5


def test_sums_and_products_with_constants_are_folded_or_stand_alone(tmp_path):
    net = Net(CLIP)
    net.node("Mul", [net.last, net.values(np.ones((1, 3, 1, 1, 1), np.float32))])
    net.node("Add", [net.last, net.values(np.float32(1))])
    net.node("Conv", [net.last, net.weight(4, 3, 1, 1, 1)])
    net.node("Add", [net.last, net.weight(4, 1, 1, 1)])
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert [type(layer) for layer in network.layers] == [BatchNorm, Conv3d]
    assert network.layers[1].bias


def test_open_dimensions_and_other_sizes_are_given(tmp_path):
    path = plain(Net({"clip": ["batch", 3, "T", 16, 16]})).save(tmp_path / "net.onnx")
    assert load_workload(path, dims={"T": 8}).inputs["clip"] == Shape(3, 8, 16, 16)
    assert load_workload(path, dims={"T": 8}, input_size="16x32x32").inputs["clip"] == Shape(3, 16, 32, 32)


def test_files_that_weights_lie_in_are_not_opened(tmp_path):
    net = plain(Net(CLIP))
    model = net.model()
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/nowhere/at/all")
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    assert isinstance(load_workload(tmp_path / "net.onnx").layers[-1], Linear)


def recorded(net, dims):
    net.recorded.append(helper.make_tensor_value_info(net.nodes[0].output[0], 1, dims))
    return net


def wrong(net, *shape):
    net.node("Conv", [net.last, net.weight(*shape)], name="/stem/Conv")
    return net


def strided(biases=8, **attributes):
    net = Net(CLIP)
    net.node("Conv", [net.last, net.weight(8, 3, 1, 1, 1), net.weight(biases)], **attributes)
    return net


BAD = {
    "another shape on record": (
        lambda: recorded(plain(Net(CLIP)), [1, 8, 8, 9, 9]), "stem/stem.0/Conv", "records 1x8x8x9x9", "1x8x8x8x8",
    ),
    "weights of other channels": (lambda: wrong(Net(CLIP), 8, 4, 3, 3, 3), "weights for 4 channels read 3", "stem"),
    "strides of another rank": (
        lambda: strided(strides=[2, 2]), "2 strides of a window of 3 dimensions, not 3", "Conv",
    ),
    "pads of another rank": (lambda: strided(pads=[1] * 4), "4 pads of a window of 3 dimensions, not 6"),
    "biases of other channels": (lambda: strided(7), "has 7 biases for 8 channels", "Conv"),
    "weights of another rank": (lambda: wrong(Net(CLIP), 8, 3, 3, 3), "another rank", "Conv"),
    "a batch": (lambda: wrong(Net({"clip": [2, 3, 8, 8, 8]}), 8, 3, 1, 1, 1), "batch of 2"),
    "six dimensions": (lambda: one("Relu", ["data"], dims=(1, 1, 3, 8, 8, 8)), "6 dimensions"),
    "open frames": (lambda: plain(Net({"clip": [1, 3, "frames", 16, 16]})), "open dimension frames", "--dim frames=16"),
    "no frames": (lambda: plain(Net({"clip": [1, 3, 0, 16, 16]})), "has a size of 0 in dimension 2", "size from 1"),
    "an unknown operator": (lambda: one("LSTM", ["data"]), "LSTM", "1x8x4x6x6", "is not taken", "YAML"),
    "a clip of other bounds": (lambda: one("Clip", ["data", np.float32(-1), np.float32(1)]), "-1.0 .. 1.0", "relu6"),
    "a pad of ones": (
        lambda: one("Pad", ["data", [0] * 10, np.float32(1)]), "other values than zeros",
    ),
    "a sum of other shapes": (
        lambda: (net := one("Relu", ["data"]), net.node("MaxPool", kernel_shape=[2, 2, 2]),
                 net.node("Add", [net.last, "clip"]))[0], "different shapes",
    ),
    "a future opset": (lambda: one("Relu", ["data"], opset=999), "opset 999 is not known"),
    "a kernel that is too large": (lambda: wrong(Net(CLIP), 8, 3, 9, 3, 3), "larger than its padded input", "stem"),
    "a cycle": (
        lambda: (net := Net(CLIP), net.nodes.append(helper.make_node("Relu", ["b"], ["a"])),
                 net.nodes.append(helper.make_node("Relu", ["a"], ["b"])))[0], "reads b", "is made behind it: a cycle",
    ),
    "one matrix by several": (
        lambda: (net := Net({"clip": [1, 8, 4, 4]}), x := net.node("Relu"),
                 net.node("Slice", [x, *map(net.values, map(np.array, ([0], [1], [1])))]),
                 net.node("MatMul", [x, net.last]))[0],
        "one by several",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "says"), [(make, says) for make, *says in BAD.values()], ids=BAD)
def test_what_is_not_taken_is_said_in_a_sentence(make, says, tmp_path, cli):
    path = make().save(tmp_path / "net.onnx")
    done = cli("show", str(path))
    assert done.exit_code == 2
    assert all(word in done.output for word in (*says, "net.onnx"))
    assert "Traceback" not in done.output
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["1e5", "$channels", "true", "12"])
def test_a_network_with_such_a_name_reads_back_from_what_is_written(name, tmp_path):
    net = Net(CLIP)
    net.node("Relu", [net.last], name=name)
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert parse_workload(workload_text(network)) == network


def test_pads_whose_zeros_are_filled_in_are_read(tmp_path):
    """As PyTorch's older exporter writes F.pad."""
    net = Net({"clip": [1, 3, 8, 8]})
    zeros = net.node("ConstantOfShape", [net.values([4])], value=helper.make_tensor("zero", 7, [1], [0]))
    net.node("Pad", ["clip", net.node("Concat", [zeros, net.values([0, 0, 1, 2])], axis=0)])
    layer = load_workload(net.save(tmp_path / "net.onnx")).layers[-1]
    assert (layer.kind, layer.padding) == ("pad", (0, (0, 1), (0, 2)))


CONTENTS = {"empty": b"", "text": b"no protobuf", "cut": b"\x08\x07", "ones": b"\xff" * 100}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_what_is_no_onnx_file_is_said_to_be_none(content, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no ONNX file"):
        load_workload(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = plain(Net(CLIP)).save(tmp_path / "net.onnx")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"net\.onnx"):
        load_workload(path)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"dims": {"frames": 8}}, "no dimension of an input is called"),
        ({"classes": 5}, "the classes of its weights"),
        ({"input_size": "8x8"}, "input_size"),
    ],
)
def test_wrong_sizes_of_a_network_are_refused(given, says, tmp_path):
    path = plain(Net(CLIP)).save(tmp_path / "net.onnx")
    with pytest.raises(InputError, match=says):
        load_workload(path, **given)


def test_a_clip_size_for_an_image_is_refused(tmp_path):
    image = Net({"x": [1, 3, 12, 10]})
    image.node("Conv", [image.last, image.weight(4, 3, 3, 5)])
    with pytest.raises(InputError, match="has images, of one frame; give 1x12x12"):
        load_workload(image.save(tmp_path / "image.onnx"), input_size="8x12x12")


@pytest.mark.parametrize("name", shipped_names("workloads"))
def test_a_workload_that_is_written_out_reads_back_as_it_is(name):
    network = load_workload(name)
    assert parse_workload(workload_text(network)) == network


def test_import_writes_a_workload_file(tmp_path, cli):
    path = plain(Net(CLIP)).save(tmp_path / "net.onnx")
    out = tmp_path / "net.yaml"
    assert cli("import", str(path), "--out", str(out)).exit_code == 0
    assert load_workload(out) == load_workload(path)
    assert cli("import", str(path), "--out", str(out)).exit_code == 0
    edited = out.read_text().replace("name: net", "name: mine")
    out.write_text(edited)
    kept = cli("import", str(path), "--out", str(out))
    assert (kept.exit_code, out.read_text()) == (2, edited)
    assert "with another text than would be written; give another --out, or --force" in kept.stderr
    assert cli("import", str(path), "--out", str(out), "--force").exit_code == 0
    assert load_workload(out) == load_workload(path)
    other = tmp_path / "other.yaml"
    other.write_text("mine")
    refused = cli("import", str(path), "--out", str(other))
    assert (refused.exit_code, other.read_text()) == (2, "mine")
    assert cli("import", str(path), "--dim", "T").exit_code == 2


def test_lw3dsim_is_imported_without_onnx():
    code = "import sys, lw3dsim; lw3dsim.load_workload('c3d'); print('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_cases_of_a_comparison_may_size_what_is_open(tmp_path, cli):
    path = plain(Net({"clip": [1, 3, "T", 16, 16]})).save(tmp_path / "net.onnx")
    cases = [lw3dsim.Case(name="short", dims="T=8"), lw3dsim.Case(name="long", dims={"T": 16})]
    short, long = lw3dsim.compare(path, cases).results
    assert short.record.layers[0].macs * 2 == long.record.layers[0].macs
    assert cli("compare", str(path), "--dim", "T=8", "--case", "a: --algorithm hfa", "--case", "b:").exit_code == 0
    assert lw3dsim.simulate(path, dims="T=8").record.layers == short.record.layers


SPACE = """
name: open
workloads: [{workload: net.onnx, dims: {T: %s}}]
parameters: {pe.rows: [4, 8]}
objectives: [latency_ms]
"""


def test_a_space_sizes_what_is_open(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain(Net({"clip": [1, 3, "T", 16, 16]})).save(tmp_path / "net.onnx")
    latencies = {}
    for frames in (8, 16):
        (tmp_path / "space.yaml").write_text(SPACE % frames)
        lw3dsim.dse.run("space.yaml", storage=f"{frames}.journal", sampler="exhaustive", workers=1)
        points = lw3dsim.dse.points("space.yaml", storage=f"{frames}.journal")
        latencies[frames] = points["latency_ms"].min()
    assert latencies[16] > latencies[8]
    (tmp_path / "space.yaml").write_text(SPACE % 0)
    with pytest.raises(InputError, match=r"space\.yaml:3 workloads"):
        lw3dsim.dse.load_space("space.yaml")
