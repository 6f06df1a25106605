"""Attention comes in as products of every head and window, and computes what ONNX says, whatever its moves."""

import warnings

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from onnx_files import Net

import lw3dsim
from lw3dsim.describe.workload import LayerNorm, Matmul, Rearrange, Softmax
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.describe.workload_text import workload_text
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload

CHANNELS, HEADS, EACH = 12, 3, 4


def integers(net, *values):
    return net.values(np.array(values))


def by_head(net, data, *front):
    """Reshape (..., positions, channels) to (..., heads, positions, channels of each)."""
    apart = net.node("Reshape", [data, integers(net, *front, -1, HEADS, EACH)])
    rank = len(front)
    return net.node("Transpose", [apart], perm=[*range(rank), rank + 1, rank, rank + 2])


def attention(net, data, *front, bias=()):
    """Add an attention of positions (..., P, channels), with learned ``bias`` (shapes) on its scores."""
    rank = len(front)
    q, k, v = (by_head(net, net.node("MatMul", [data, net.weight(CHANNELS, CHANNELS)]), *front) for _ in range(3))
    q = net.node("Mul", [q, net.values(np.float32(0.5))])
    k = net.node("Transpose", [k], perm=[*range(rank + 1), rank + 2, rank + 1])
    scores = net.node("MatMul", [q, k])
    for shape in bias:
        scores = net.node("Add", [scores, net.weight(*shape)])
    shares = net.node("Softmax", [scores], axis=-1)
    made = net.node("MatMul", [shares, v])
    made = net.node("Transpose", [made], perm=[*range(rank), rank + 1, rank, rank + 2])
    made = net.node("Reshape", [made, integers(net, *front, -1, CHANNELS)])
    return net.node("MatMul", [made, net.weight(CHANNELS, CHANNELS)])


def normalised(net, data):
    return net.node("LayerNormalization", [data, net.weight(CHANNELS), net.weight(CHANNELS)], axis=-1)


def of_tokens():
    """A class token, positions that are learned, a norm, an attention of heads, a sum."""
    net = Net({"clip": [1, CHANNELS, 2, 2, 3]})
    flat = net.node("Reshape", ["clip", integers(net, 1, CHANNELS, -1)])
    tokens = net.node("Transpose", [flat], perm=[0, 2, 1])
    tokens = net.node("Concat", [net.weight(1, 1, CHANNELS), tokens], axis=1)
    tokens = net.node("Add", [tokens, net.weight(1, 13, CHANNELS)])
    made = attention(net, normalised(net, tokens), 1)
    net.node("Add", [tokens, made])
    net.node("Gather", [net.last, net.values(np.array(0))], axis=1)
    return net


def of_windows():
    """Windows of 2x2x2 of a clip whose channels come last, with positions of each head and masks of each window."""
    net = Net({"clip": [1, CHANNELS, 2, 4, 4]})
    last = net.node("Transpose", ["clip"], perm=[0, 2, 3, 4, 1])
    apart = net.node("Reshape", [last, integers(net, 1, 1, 2, 2, 2, 2, 2, CHANNELS)])
    windows = net.node("Transpose", [apart], perm=[0, 1, 3, 5, 2, 4, 6, 7])
    windows = net.node("Reshape", [windows, integers(net, 4, 8, CHANNELS)])
    made = attention(net, normalised(net, windows), 4, bias=[(1, HEADS, 8, 8), (4, 1, 8, 8)])
    back = net.node("Reshape", [made, integers(net, 1, 1, 2, 2, 2, 2, 2, CHANNELS)])
    back = net.node("Transpose", [back], perm=[0, 1, 4, 2, 5, 3, 6, 7])
    back = net.node("Reshape", [back, integers(net, 1, 2, 4, 4, CHANNELS)])
    net.node("Add", [last, back])
    return net


NETS = {"tokens": of_tokens, "windows": of_windows}


@pytest.fixture(params=NETS)
def attending(request, tmp_path):
    net = NETS[request.param]()
    return net, net.save(tmp_path / "net.onnx")


def test_attention_computes_what_onnx_says(attending):
    net, path = attending
    (name,) = (name for name in load_workload(path).inputs if name == "clip")
    clip = np.random.default_rng(1).normal(size=[n.dim_value for n in net.inputs[0].type.tensor_type.shape.dim])
    (expected,) = ReferenceEvaluator(net.model()).run(None, {name: clip.astype(np.float32)})
    result = lw3dsim.execute(path, dtype="float64", inputs={name: clip[0]})
    (output,) = result.outputs.values()
    order = (0, 1) if expected.ndim == 2 else (0, 2, 3, 4, 1)
    assert np.allclose(
        output.reshape(1, *output.shape)[..., 0, 0, 0] if expected.ndim == 2 else output[None].transpose(order),
        expected,
        atol=1e-5,
    )
    assert not any("random" in layer.weights for layer in result.layers)


@pytest.mark.parametrize("shape", [(5, 5), (5,)], ids=["causal", "of columns"])
def test_masks_of_minus_infinity_are_of_a_number_that_a_softmax_makes_the_same_of(shape, tmp_path):
    net = Net({"tokens": [1, 5, CHANNELS]})
    normal = normalised(net, "tokens")
    scores = net.node("MatMul", [normal, net.node("Transpose", perm=[0, 2, 1])])
    mask = np.triu(np.full((5, 5), -np.inf, np.float32), 1)[0 if len(shape) == 1 else slice(None)]
    net.node("Add", [scores, net.values(mask)])
    net.node("MatMul", [net.node("Softmax", axis=-1), normal])
    path = net.save(tmp_path / "net.onnx")
    tokens = np.random.default_rng(1).normal(size=(1, 5, CHANNELS)).astype(np.float32)
    (expected,) = ReferenceEvaluator(net.model()).run(None, {"tokens": tokens})
    with warnings.catch_warnings(action="error"):
        result = lw3dsim.execute(path, dtype="float32", inputs={"tokens": tokens[0].T.reshape(CHANNELS, 5, 1, 1)})
        assert lw3dsim.execute(path, dtype="int8").exact
    (output,) = result.outputs.values()
    assert np.allclose(output.reshape(CHANNELS, 5).T, expected[0], atol=1e-5)
    assert not any(isinstance(layer, Rearrange) for layer in load_workload(path).layers)


def test_attention_in_integers_is_exact_on_every_engine(attending):
    _, path = attending
    assert lw3dsim.execute(path, dtype="int8").exact
    times = {lw3dsim.simulate(path, engine=engine).totals.latency_cycles for engine in ("fast", "simpy")}
    assert len(times) == 1


def test_heads_are_products_beside_each_other_and_windows_have_their_own(tmp_path):
    for make, by_frame, positions in ((of_tokens, False, 13), (of_windows, True, 8)):
        network = load_workload(make().save(tmp_path / "net.onnx"))
        scores, made = (layer for layer in network.layers if isinstance(layer, Matmul))
        assert (scores.heads, scores.transpose, scores.by_frame, scores.scale) == (HEADS, True, by_frame, 0.5)
        assert (made.heads, made.transpose, made.by_frame) == (HEADS, False, by_frame)
        windows = 4 if by_frame else 1
        assert network.layer_macs(scores) == network.layer_macs(made) == windows * positions**2 * CHANNELS
        (softmax,) = (layer for layer in network.layers if isinstance(layer, Softmax))
        assert softmax.groups == HEADS
        assert sum(isinstance(layer, LayerNorm) for layer in network.layers) == 1


def test_what_attention_does_in_place_moves_nothing(tmp_path):
    tokens = load_workload(of_tokens().save(tmp_path / "net.onnx"))
    assert not any(isinstance(layer, Rearrange) for layer in tokens.layers)
    windows = load_workload(of_windows().save(tmp_path / "net.onnx"))
    assert sum(isinstance(layer, Rearrange) for layer in windows.layers) == 2  # into windows, and back


def test_learned_tensors_are_parameters_whatever_the_size_of_the_clip(attending):
    _, path = attending
    network = load_workload(path)
    assert len(network.learned) == 2
    again = parse_workload(workload_text(network))
    assert (again.layers, again.inputs, again.learned) == (network.layers, network.inputs, network.learned)


def test_a_norm_of_several_dimensions_is_refused(tmp_path):
    net = Net({"clip": [1, 4, 2, 3, 3]})
    net.node("LayerNormalization", ["clip", net.weight(3, 3)], axis=-2)
    with pytest.raises(InputError, match="a norm of several dimensions"):
        load_workload(net.save(tmp_path / "net.onnx"))
