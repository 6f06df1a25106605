"""Is the module of a workload the workload: its shapes, its parameters, its values, with the same weights?"""

from __future__ import annotations

import copy
import math
import pickle
import re
from pathlib import Path
from random import Random

import numpy as np
import pytest
import yaml
from fuzz.networks import network as random_network
from hypothesis import given, settings
from hypothesis import strategies as st
from test_operators import OPERATORS, network_of

import lw3dsim
from lw3dsim import InputError, load_workload, to_torch
from lw3dsim.arithmetic.direct import compute
from lw3dsim.arithmetic.functions import FUNCTIONS
from lw3dsim.arithmetic.number import NUMBERS
from lw3dsim.describe.catalog import shipped_names
from lw3dsim.describe.moves import DIMENSIONS
from lw3dsim.describe.workload import (
    Add,
    BatchNorm,
    ChannelShuffle,
    Concat,
    Conv3d,
    Gate,
    Matmul,
    Mul,
    Pad,
    Permute,
    Pool3d,
    Reshape,
    Shape,
    Slice,
    Softmax,
    TemporalShift,
    Trg,
    build_workload,
)
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.errors import ShapeError
from lw3dsim.testing.networks import dense_network
from lw3dsim.transform.passes import apply_transforms

torch = pytest.importorskip("torch", reason="install lw3dsim[torch] to run these tests")

FLOAT = NUMBERS["float64"]


def folded(module):
    """Weights (N, C, K, R, S) and bias of a convolution, linear layer or batch norm, its batch norm folded."""
    norm = module if isinstance(module, torch.nn.BatchNorm3d) else getattr(module, "norm", None)
    scale, shift = 1.0, 0.0
    if isinstance(norm, torch.nn.BatchNorm3d):
        scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach().numpy()
        shift = norm.bias.detach().numpy() - norm.running_mean.numpy() * scale
    if norm is module:
        return np.asarray(scale)[:, None, None, None, None], shift
    weights = module.weight.detach().numpy()
    weights = weights.reshape(*weights.shape[:2], *(weights.shape[2:] or (1, 1, 1)))
    bias = 0.0 if module.bias is None else module.bias.detach().numpy()
    scale, bias = (np.broadcast_to(values, len(weights)) for values in (scale, bias * scale + shift))
    return weights * scale[:, None, None, None, None], bias


def attended(layer, values, others):
    """The product that a ``matmul`` is, head by head and, where it is so, frame by frame."""
    (channels, *extent), (rows, *columns) = values.shape, others.shape
    frames = extent[0] if layer.by_frame else 1
    a = values.reshape(layer.heads, channels // layer.heads, frames, -1)
    b = others.reshape(layer.heads, rows // layer.heads, frames, math.prod(columns) // frames)
    made = np.einsum("hktp,hktn->hntp" if layer.transpose else "hktp,hntk->hntp", a, b)
    return layer.scale * made.reshape(-1, *extent)


def reference(network, module, tensors):
    """Every tensor of ``network``, computed directly, with the weights of ``module``."""
    for layer in network.layers:
        sources = [tensors[name] for name in layer.inputs]
        weights = bias = None
        if layer.kind in ("conv3d", "linear", "batch_norm"):
            weights, bias = folded(module.layer(layer.name))
        if layer.kind == "gate":
            weights = sources[1][..., None]
        if layer.kind == "matmul":
            tensors[layer.name] = attended(layer, *sources)
            continue
        tensors[layer.name] = compute(layer, sources, weights, bias, FLOAT)
    return tensors


def disturbed(module, seed):
    """Give batch norms other figures than those they begin with."""
    torch.manual_seed(seed)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm3d):
            for tensor in (part.weight.data, part.bias.data, part.running_mean):
                tensor.normal_()
            part.running_var.uniform_(0.5, 2)
    return module.double().eval()


def check(network, seed=0):
    """Run ``network`` both ways, and compare what every layer makes."""
    module, random = disturbed(to_torch(network), seed), np.random.default_rng(seed)
    assert sum(parameter.numel() for parameter in module.parameters()) == sum(map(network.layer_params, network.layers))
    clips = {name: random.normal(size=shape) for name, shape in network.inputs.items()}
    made = {}
    for layer in network.layers:
        module.layer(layer.name).register_forward_hook(
            lambda _, __, output, name=layer.name: made.__setitem__(name, output)
        )
    with torch.no_grad():
        output = module(**{name: torch.from_numpy(clip)[None] for name, clip in clips.items()})
    expected = reference(network, module, dict(clips))
    for layer in network.layers:
        assert tuple(made[layer.name].shape) == (1, *network.shapes[layer.name])
        np.testing.assert_allclose(made[layer.name][0].numpy(), expected[layer.name], rtol=1e-6, atol=1e-6)
    unread = {layer.name for layer in network.layers if not network.consumers(layer.name)}
    assert set(output) == unread if isinstance(output, dict) else {network.layers[-1].name} == unread


# Transposed convolutions have a test of their own, and a copy stands for what PyTorch can't be told.
TOLD = {name: case[:2] for name, case in OPERATORS.items() if case[0].kind not in ("conv_transpose3d", "copy")}


@pytest.mark.parametrize(("layer", "inputs"), TOLD.values(), ids=TOLD)
def test_an_operator_is_what_it_is_defined_as(layer, inputs):
    check(network_of(layer, inputs))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_random_networks_make_the_same_tensors(seed):
    tree = random_network(Random(seed), widest=9)  # noqa: S311
    check(parse_workload(yaml.safe_dump(tree, allow_unicode=True)), seed)


def drawn(draw):
    """A network in which every operator may follow every other."""
    shape = Shape(4 * draw(st.integers(1, 3)), *draw(st.tuples(*[st.integers(1, 6)] * 3)))
    layers, last = [], "x"

    def append(kind, *more, **keys):
        nonlocal shape, last
        layer = kind(name=f"l{len(layers)}", inputs=(last, *more), **keys)
        sources = [shape, *(shapes[name] for name in more)]
        shapes[layer.name] = shape = layer.output_shape(tuple(sources))
        layers.append(layer)
        last = layer.name

    def squeeze():
        nonlocal shape, last
        before, wide = last, shape
        append(Pool3d, mode="avg", kernel="global")
        append(Conv3d, out_channels=wide.channels, kernel=(1, 1, 1), bias=True, activation="sigmoid")
        factors, last, shape = last, before, wide
        append(Gate, factors, activation=draw(functions))

    shapes, functions = {"x": shape}, st.sampled_from(sorted(FUNCTIONS))
    steps = {
        "conv": lambda: append(
            Conv3d, out_channels=4 * draw(st.integers(1, 3)), kernel=draw(st.tuples(*[st.integers(1, 3)] * 3)),
            padding="same", groups=draw(st.sampled_from([1, 2, 4])), batch_norm=draw(st.booleans()),
            bias=draw(st.booleans()), activation=draw(functions),
        ),
        "batch_norm": lambda: append(BatchNorm, activation=draw(functions)),
        "squeeze": squeeze,
        "affinity": lambda: append(Matmul, last, transpose=True),
        "softmax": lambda: append(Softmax),
        "mul": lambda: append(Mul, last, activation=draw(functions)),
        "add": lambda: append(Add, last, last, activation=draw(functions)),
        "concat": lambda: append(Concat, last, dim=draw(st.sampled_from(DIMENSIONS))),
        "pad": lambda: append(Pad, padding=(1, (0, 1), 0)),
        "shift": lambda: append(TemporalShift, parts=2) if shape.channels > 1 else None,
        "shuffle": lambda: append(ChannelShuffle, groups=2) if shape.channels % 2 == 0 else None,
        "permute": lambda: append(Permute, order=tuple(draw(st.permutations(DIMENSIONS)))),
        "reshape": lambda: append(Reshape, shape=(shape.channels * shape.frames, 1, *shape[2:])),
        "slice": lambda: append(Slice, dim="height", stop=shape.height, step=2),
        "trg": lambda: append(Trg),
    }  # fmt: skip
    for step in draw(st.lists(st.sampled_from(sorted(steps)), min_size=1, max_size=6)):
        if step != "conv" or shape.channels % 4 == 0:
            steps[step]()
        if shape.elements > 4000:
            break
    return build_workload(name="drawn", inputs={"x": shapes["x"]}, layers=layers) if layers else None


@given(network=st.composite(drawn)(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_operators_behind_each_other_make_the_same_tensors(network, seed):
    if network is not None:
        check(network, seed)


@given(
    size=st.tuples(*[st.integers(4, 9)] * 3),
    kernel=st.tuples(*[st.integers(1, 4)] * 3),
    stride=st.tuples(*[st.integers(1, 3)] * 3),
    padding=st.just("same") | st.tuples(*[st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2))] * 3),
    mode=st.sampled_from(["max", "avg"]),
    dilation=st.sampled_from([(1, 1, 1), (1, 2, 1)]),
    flags=st.tuples(st.booleans(), st.booleans()),
)
@settings(max_examples=150)
def test_every_window_of_a_pool_is_the_same(size, kernel, stride, padding, mode, dilation, flags):
    layer = Pool3d(
        name="y", inputs=("x",), mode=mode, kernel=kernel, stride=stride, padding=padding, dilation=dilation,
        ceil_mode=flags[0], count_include_pad=flags[1],
    )  # fmt: skip
    try:
        network = network_of(layer, [Shape(2, *size)])
    except ShapeError:
        return
    check(network)


@pytest.mark.parametrize("name", shipped_names("workloads"))
def test_shipped_networks_have_their_shapes_and_parameters(name):
    network = load_workload(name)
    with torch.device("meta"):
        module = to_torch(network).eval()
        clips = [torch.empty(1, *shape) for shape in network.inputs.values()]
    seen = {}
    for layer in network.layers:
        module.layer(layer.name).register_forward_hook(
            lambda _, __, output, name=layer.name: seen.__setitem__(name, Shape(*output.shape[1:]))
        )
    module(*clips)
    assert seen == {layer.name: network.shapes[layer.name] for layer in network.layers}
    assert sum(parameter.numel() for parameter in module.parameters()) == sum(map(network.layer_params, network.layers))


@pytest.mark.parametrize("transform", ["fsb", "trg:layers=1", "fsb:alpha=0.5,trg:layers=1"])
def test_transforms_are_applied(transform):
    transformed = apply_transforms(dense_network(), transform)
    assert transformed.layers != dense_network().layers
    check(transformed)
    assert to_torch(dense_network(), transform).workload == transformed


def test_modules_are_called_as_layers_are():
    module = to_torch("slowfast_r50_8x8", "fasttrg")
    assert module.paths["slow.res3.rest.1.b"] == "slow.res3.rest.1.b"
    assert "slow.res3.rest.1.b.norm.running_var" in module.state_dict()
    # What a pass puts in front of a layer is called after it.
    assert type(module.fast.res2.first.a.trg) is type(module.layer("fast.res2.first.a.trg"))
    assert isinstance(module.fast.res2.first.a, torch.nn.Conv3d)


def test_names_that_modules_have_already_stay_apart():
    names = ["type", "a.norm", "a", "a..b", ".", "forward", "weight"]
    layers = [
        Conv3d(name=name, inputs=(before,), out_channels=2, kernel=(1, 1, 1), batch_norm=True)
        for before, name in zip(["x", *names], names, strict=False)
    ]
    network = build_workload(name="odd", inputs={"x": Shape(1, 2, 3, 3)}, layers=layers)
    check(network)
    module = to_torch(network)
    assert module.paths["type"] == "type_"
    assert module.paths["a.norm"] == "a.norm_"
    assert len(set(module.paths.values())) == len(names)


def test_a_module_is_trained_saved_and_copied():
    network = load_workload("x3d_s", input_size="2x32x32", classes=3)
    module = to_torch(network)
    loss = module(torch.randn(2, 3, 2, 32, 32)).flatten(1).square().sum()
    loss.backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):  # noqa: S301
        assert list(other.state_dict()) == list(module.state_dict())


def test_the_example_of_the_page_runs():
    text = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```py\n(.*?)```", text, re.DOTALL)
    exec(example, {"lw3dsim": lw3dsim, "torch": torch})  # noqa: S102


def test_inputs_that_do_not_fit_are_refused():
    module = to_torch(load_workload("slowfast_r50_8x8", input_size="32x32x32"))
    fast, slow = torch.zeros(1, 3, 32, 32, 32), torch.zeros(1, 3, 8, 32, 32)
    with pytest.raises(
        InputError, match=r"slowfast_r50_8x8 reads fast_clip, slow_clip; got 1 in order and by name none"
    ):
        module(fast)
    with pytest.raises(InputError, match=r"got 1 in order and by name fast_clip"):
        module(fast, fast_clip=fast)
    with pytest.raises(InputError, match=r"input slow_clip is 1x3x32x32x32; give N x 3x8x32x32"):
        module(fast, fast)
    assert module.eval()(fast, slow_clip=slow).shape == (1, 400, 1, 1, 1)
