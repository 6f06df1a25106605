"""A network that is executed on the weights of its file makes what the file makes, by ONNX's own reference."""

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx_encodings import CLIP, ENCODINGS, plain
from onnx_files import Net
from test_exact import of_integers, of_scales_found_on_the_way, of_two_scales
from test_onnx import squeezed

import lw3dsim
from lw3dsim.errors import InputError

CLOSE = 1e-5


def clips_of(net):
    """Clips for a network, by the names that its graph has for them."""
    random, initial = np.random.default_rng(1), {one.name for one in net.initializers}
    sizes = {x.name: [d.dim_value or 1 for d in x.type.tensor_type.shape.dim] for x in net.inputs}
    return {name: random.uniform(-1, 1, dims).astype(np.float32) for name, dims in sizes.items() if name not in initial}


def difference(net, path, **options):
    """How far an execution is from the reference, relative to the largest output; and the result."""
    if any("QuantizeLinear" in node.op_type or node.op_type == "DequantizeLinear" for node in net.nodes):
        net.opset = 19  # the first that the reference has them of
    clips = clips_of(net)
    expected = ReferenceEvaluator(net.model()).run(None, clips)[0]
    own = {name: clip[0] for name, clip in clips.items()}
    result = lw3dsim.execute(net.save(path), **{"dtype": "float32", "inputs": own, **options})
    (made,) = result.outputs.values()
    return np.abs(made.ravel() - expected.ravel()).max() / np.abs(expected).max(), result


# Whose weights are there, as numbers in floating point, and that the reference can compute.
WITHOUT = ("stripped of data", "transposed and stripped", "graph inputs", "in another file", "joined by a runtime")
KEPT = [name for name in ENCODINGS if name not in (*WITHOUT, "of two scales", "of integers", "of scales on the way")]


@pytest.mark.parametrize("name", KEPT)
def test_every_encoding_computes_what_it_says(name, tmp_path):
    error, result = difference(ENCODINGS[name](), tmp_path / "net.onnx")
    assert error < CLOSE
    assert {layer.weights for layer in result.layers} == {"file", ""}


def two_paths():
    return squeezed(Net({"clip": [1, 3, 4, 6, 6], "other": [1, 3, 4, 6, 6]}))


def scaled():
    """Batch norms, factors and summands, before a convolution and behind it, by all operators that say such."""
    net = Net(CLIP)
    net.node("Sub", [net.last, net.weight(3, 1, 1, 1)])
    net.node("Div", [net.last, net.values(np.float32(0.7))])
    net.node("Conv", [net.last, net.weight(8, 3, 3, 3, 3), net.weight(8)], pads=[1] * 6)
    net.node("Add", [net.last, net.weight(1, 8, 1, 1, 1)])
    net.node("BatchNormalization", [net.last, *(net.weight(8) for _ in range(4))], epsilon=0.01)
    net.node("Sub", [net.last, net.values(np.float32(3))])
    net.node("Relu")
    net.node("BatchNormalization", [net.last, *(net.weight(8) for _ in range(4))])
    net.node("Mul", [net.values(np.float32(0.3)), net.last])
    net.node("GlobalAveragePool")
    net.node("Flatten")
    net.node("Gemm", [net.last, net.weight(8, 5), net.weight(5)], alpha=0.5, beta=2.0)
    net.node("Div", [net.last, net.values(np.float32(0.7))])
    return net


FORMS = {
    "a batch norm": lambda: plain(Net(CLIP), folded=False),
    "squeeze and excitation": two_paths,
    "factors": scaled,
    "dequantised": lambda: of_two_scales_of_weights(Net(CLIP)),
}


def of_two_scales_of_weights(net):
    """A scale and a zero per channel of the weights."""
    w = net.weight(8, 3, 3, 3, 3, kind="dequantised")
    node = net.nodes[-1]
    node.input[1] = net.values(np.linspace(0.01, 0.02, 8, dtype=np.float32))
    node.input[2] = net.values(np.arange(8, dtype=np.int8))
    node.attribute.add(name="axis", type=2, i=0)
    net.node("Conv", [net.last, w], pads=[1] * 6)
    net.node("Relu")
    return net


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("options", [{}, {"algorithm": "hfa"}, {"algorithm": "hfa", "fusion": "auto"}], ids=str)
def test_what_is_folded_in_has_its_real_values(make, options, tmp_path):
    error, result = difference(make(), tmp_path / "net.onnx", **options)
    assert error < CLOSE
    assert not any("random" in layer.weights for layer in result.layers)


def test_weights_that_are_not_there_are_drawn_and_said_to_be(tmp_path, cli):
    path = plain(Net(CLIP, stripped=True)).save(tmp_path / "net.onnx")
    result = lw3dsim.execute(path)
    assert {layer.weights for layer in result.layers} == {"random", ""}
    path = plain(Net(CLIP), weights="input").save(tmp_path / "inputs.onnx")
    said = cli("execute", str(path)).output
    assert "weights of the network's own file, but drawn in 2 of 3 layers that have any" in said
    net = plain(Net(CLIP))
    for tensor in net.initializers[:1]:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/nowhere/at/all")
    said = cli("execute", str(net.save(tmp_path / "net.onnx"))).output
    assert "weights of the network's own file, but drawn in 1 of 3 layers that have any" in said


def test_layers_that_a_pass_made_are_drawn(tmp_path):
    path = plain(Net(CLIP)).save(tmp_path / "net.onnx")
    origins = [layer.weights for layer in lw3dsim.execute(path, transform="fsb").layers]
    assert origins[-1] == "file"
    assert "random" in origins


def test_the_same_seed_draws_what_no_file_holds(tmp_path):
    path = plain(Net(CLIP)).save(tmp_path / "net.onnx")
    network = lw3dsim.load_workload(path)
    drawn, ours = (lw3dsim.execute(given, weights="random") for given in (path, network))
    assert drawn == ours
    assert drawn.outputs != lw3dsim.execute(path).outputs
    assert "outputs" not in drawn.to_json()


def test_the_weights_of_a_file_are_arrays(tmp_path, cli):
    net = plain(Net(CLIP), folded=False)
    _, result = difference(net, tmp_path / "net.onnx")
    arrays = lw3dsim.load_weights(tmp_path / "net.onnx")
    assert {name: array.shape for name, array in arrays.items()} == {
        "stem.0.weight": (8, 3, 3, 3, 3), "stem.0.bias": (8,), "body.weight": (16, 8, 3, 3, 3), "body.bias": (16,),
        "Gemm_9.weight": (5, 16, 1, 1, 1), "Gemm_9.bias": (5,),
    }  # fmt: skip
    clips = {name: clip[0] for name, clip in clips_of(net).items()}
    network = lw3dsim.load_workload(tmp_path / "net.onnx")
    given = lw3dsim.execute(network, weights=arrays, inputs=clips, dtype="float32")
    assert given.outputs == result.outputs
    np.savez(tmp_path / "w.npz", **arrays)
    np.savez(tmp_path / "clips.npz", **clips)
    words = ("--dtype", "float32", "--weights", str(tmp_path / "w.npz"), "--inputs", str(tmp_path / "clips.npz"))
    assert "weights as given" in cli("execute", str(tmp_path / "net.onnx"), *words).output


WRONG = {
    "another layer": ({"weights": {"stem.weight": np.zeros(3)}}, "unknown weights 'stem.weight'"),
    "another size": ({"weights": {"stem.0.weight": np.zeros((8, 3, 3, 3))}}, "is 8x3x3x3; the layer takes 8x3x3x3x3"),
    "a bias alone": ({"weights": {"stem.0.bias": np.zeros(8)}}, "stem.0.weight is missing"),
    "text": ({"weights": {"stem.0.weight": "x"}}, "no array of real numbers"),
    "no numbers": ({"inputs": {"clip": np.full((3, 8, 16, 16), np.nan)}}, "not finite"),
    "another input": ({"inputs": {"x": np.zeros(1)}}, "unknown inputs 'x'"),
    "another clip": ({"inputs": {"clip": np.zeros((3, 8, 8, 8))}}, "is 3x8x8x8; the layer takes 3x8x16x16"),
    "no such file": ({"inputs": "clips.npz"}, "there is no such file"),
    "another word": ({"weights": "none"}, "file, random"),
}


@pytest.mark.parametrize(("given", "says"), WRONG.values(), ids=WRONG)
def test_arrays_that_do_not_fit_are_refused_in_a_sentence(given, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says) as refused:
        lw3dsim.execute(plain(Net(CLIP)).save(tmp_path / "net.onnx"), **given)
    assert len(str(refused.value).splitlines()) == 1


def test_a_damaged_file_of_arrays_is_refused(tmp_path, cli):
    path, damaged = plain(Net(CLIP)).save(tmp_path / "net.onnx"), tmp_path / "w.npz"
    np.savez(damaged, a=np.array([{}], dtype=object))
    for content in (damaged.read_bytes(), b"", b"PK", b"no archive"):
        damaged.write_bytes(content)
        done = cli("execute", str(path), "--weights", str(damaged))
        assert done.exit_code == 2
        assert "is no file of arrays" in done.output
        assert len(done.output.strip().splitlines()) == 1


@pytest.mark.parametrize("quantised", [of_two_scales, of_integers, of_scales_found_on_the_way])
def test_integers_of_weights_are_what_they_stand_for(quantised, tmp_path):
    net = quantised(Net({"clip": [1, 3, 4, 8, 8]}))
    arrays = lw3dsim.load_weights(net.save(tmp_path / "net.onnx"))
    stored = {tuple(one.dims): numpy_helper.to_array(one) for one in net.initializers}
    scale = np.float32(0.1)
    conv, *_, linear = (array for name, array in arrays.items() if name.endswith("weight"))
    assert np.allclose(conv, stored[8, 3, 3, 3, 3] * scale)
    assert np.allclose(linear[:, :, 0, 0, 0], stored[8, 5].T * scale)
