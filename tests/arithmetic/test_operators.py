"""Every operator of a workload: its shape, its work, what it moves at least, and what it computes."""

import math
from typing import get_args

import numpy as np
import pytest
from scipy import special

import lw3dsim
from lw3dsim.arithmetic.direct import compute
from lw3dsim.arithmetic.functions import Channels, activated, softmax
from lw3dsim.arithmetic.number import NUMBERS
from lw3dsim.describe.layer import Function
from lw3dsim.describe.workload import (
    Activation,
    Add,
    AnyLayer,
    BatchNorm,
    ChannelShuffle,
    Concat,
    Conv3d,
    ConvTranspose3d,
    Copy,
    Gate,
    Interleave,
    LayerNorm,
    Linear,
    Matmul,
    Mul,
    Pad,
    Permute,
    Pool3d,
    Rearrange,
    Reshape,
    RunningMean,
    Shape,
    Slice,
    Softmax,
    TemporalShift,
    Trg,
    Upsample,
    build_workload,
)  # fmt: skip
from lw3dsim.errors import ShapeError
from lw3dsim.transform.lowering import lowered

X, FACTORS, WIDE, MATRIX = Shape(8, 4, 9, 10), Shape(8, 1, 1, 1), Shape(24, 4, 9, 10), Shape(6, 2, 2, 2)
FLOAT, INT8 = NUMBERS["float64"], NUMBERS["int8"]


def layer_of(kind, *more, **keys):
    return kind(name="y", inputs=("x", *more), **keys)


# Layer, what it reads, what it makes, its MACs.
OPERATORS = {
    "even kernel, same": (layer_of(Conv3d, out_channels=8, kernel=(1, 4, 4), padding="same"), [X], X, 2880 * 8 * 16),
    "causal": (
        layer_of(Conv3d, out_channels=8, kernel=(3, 1, 1), padding=((2, 0), 0, 0), activation="swish"), [X], X,
        2880 * 8 * 3,
    ),
    "strided, same": (
        layer_of(Conv3d, out_channels=4, kernel=(3, 3, 3), stride=(1, 2, 2), padding="same"), [X], Shape(4, 4, 5, 5),
        4 * 4 * 25 * 8 * 27,
    ),
    "of groups, dilated": (
        layer_of(Conv3d, out_channels=4, kernel=(2, 3, 3), dilation=(2, 1, 3), groups=2, bias=True), [X],
        Shape(4, 2, 7, 4), 4 * 56 * 4 * 18,
    ),
    "depthwise": (
        layer_of(Conv3d, out_channels=8, kernel=(3, 3, 3), padding=(1, 1, 1), groups=8, activation="hard_swish"), [X],
        X, 2880 * 27,
    ),
    "pointwise": (
        layer_of(Conv3d, out_channels=5, kernel=(1, 1, 1), batch_norm=True), [X], Shape(5, 4, 9, 10), 1800 * 8,
    ),
    "transposed": (
        layer_of(ConvTranspose3d, out_channels=4, kernel=(1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1), bias=True),
        [X], Shape(4, 4, 17, 19), 4 * 8 * 4 * 25 * 28,
    ),
    "transposed, in time and groups": (
        layer_of(
            ConvTranspose3d, out_channels=6, kernel=(4, 2, 2), stride=(2, 1, 2), output_padding=(1, 0, 0), groups=2,
            activation="relu",
        ),
        [X], Shape(6, 11, 10, 20), 6 * 4 * 22 * 20 * 20,
    ),
    "linear": (layer_of(Linear, out_features=5, activation="tanh"), [X], Shape(5, 1, 1, 1), 5 * 2880),
    "matmul": (layer_of(Matmul, "w"), [X, MATRIX], Shape(6, 4, 9, 10), 360 * 6 * 8),
    "matmul, transposed": (
        layer_of(Matmul, "w", transpose=True), [Shape(6, 4, 9, 10), MATRIX], X, 360 * 8 * 6,
    ),
    "matmul of heads": (
        layer_of(Matmul, "w", heads=2, scale=0.5), [Shape(16, 4, 9, 10), MATRIX], Shape(6, 4, 9, 10), 360 * 6 * 8,
    ),
    "matmul of heads, transposed": (
        layer_of(Matmul, "w", heads=2, transpose=True, scale=0.25), [X, Shape(8, 2, 2, 2)],
        Shape(16, 4, 9, 10), 360 * 16 * 4,
    ),
    "matmul by frame": (
        layer_of(Matmul, "w", heads=2, transpose=True, by_frame=True), [X, Shape(8, 4, 3, 4)], Shape(24, 4, 9, 10),
        360 * 24 * 4,
    ),
    "gate": (layer_of(Gate, "w", activation="hard_swish"), [X, FACTORS], X, 2880),
    "batch_norm": (layer_of(BatchNorm, activation="relu"), [X], X, 2880),
    "max, ceil": (
        layer_of(Pool3d, mode="max", kernel=(2, 2, 2), stride=(2, 2, 2), ceil_mode=True), [X], Shape(8, 2, 5, 5), 0,
    ),
    "max, dilated": (
        layer_of(Pool3d, mode="max", kernel=(2, 3, 3), stride=(1, 1, 1), dilation=(2, 2, 3)), [X], Shape(8, 2, 5, 4), 0,
    ),
    "avg, ceil": (
        layer_of(Pool3d, mode="avg", kernel=(2, 3, 3), stride=(2, 2, 2), padding=(0, 1, 1), ceil_mode=True), [X],
        Shape(8, 2, 5, 6), 0,
    ),
    "avg, without padding": (
        layer_of(Pool3d, mode="avg", kernel=(1, 3, 3), stride=(1, 1, 1), padding="same", count_include_pad=False), [X],
        X, 0,
    ),
    "global": (layer_of(Pool3d, mode="avg", kernel="global"), [X], FACTORS, 0),
    "add": (layer_of(Add, "w", activation="relu6"), [X, X], X, 0),
    "mul": (layer_of(Mul, "w", activation="gelu"), [X, X], X, 0),
    "add, a row for all": (layer_of(Add, "w"), [X, Shape(8, 4, 1, 10)], X, 0),
    "add, a frame first": (layer_of(Add, "w", activation="relu"), [Shape(8, 1, 9, 10), X], X, 0),
    "mul, a map for all channels": (layer_of(Mul, "w", activation="sigmoid"), [X, Shape(1, 4, 9, 10)], X, 0),
    "mul, one number": (layer_of(Mul, "w"), [X, Shape(1, 1, 1, 1)], X, 0),
    "mul, factors": (layer_of(Mul, "w"), [FACTORS, X], X, 2880),
    **{
        f"activation {function}": (layer_of(Activation, activation=function), [X], X, 0)
        for function in get_args(Function)
    },
    "softmax": (layer_of(Softmax), [X], X, 0),
    "softmax of groups": (layer_of(Softmax, groups=4), [X], X, 0),
    "layer_norm": (layer_of(LayerNorm), [X], X, 0),
    "layer_norm of groups": (layer_of(LayerNorm, groups=2, epsilon=1e-3), [X], X, 0),
    "trg": (layer_of(Trg), [X], X, 0),
    "running_mean": (layer_of(RunningMean), [X], X, 0),
    "mean of every frame": (layer_of(Pool3d, mode="avg", kernel="frame"), [X], Shape(8, 4, 1, 1), 0),
    "concat": (layer_of(Concat, "w"), [X, WIDE], Shape(32, 4, 9, 10), 0),
    "concat in time": (layer_of(Concat, "w", dim="frames"), [X, X], Shape(8, 8, 9, 10), 0),
    "slice of channels": (layer_of(Slice, dim="channels", start=2, stop=7, step=2), [X], Shape(3, 4, 9, 10), 0),
    "slice of rows": (layer_of(Slice, dim="height", start=1, stop=8), [X], Shape(8, 4, 7, 10), 0),
    "every other frame": (layer_of(Slice, dim="frames", stop=4, step=2), [X], Shape(8, 2, 9, 10), 0),
    "pad": (layer_of(Pad, padding=(1, (0, 2), 3)), [X], Shape(8, 6, 11, 16), 0),
    "copy": (layer_of(Copy, of="Odd"), [X], X, 0),
    "channel_shuffle": (layer_of(ChannelShuffle, groups=4), [X], X, 0),
    "temporal_shift": (layer_of(TemporalShift, parts=4), [X], X, 0),
    "temporal_shift, past": (layer_of(TemporalShift, parts=4, direction="past"), [X], X, 0),
    "interleave": (
        layer_of(Interleave, "w", "v", "u", apart=(1, 2, 2)),
        [X, Shape(8, 4, 9, 9), Shape(8, 4, 8, 10), Shape(8, 4, 8, 9)], Shape(8, 4, 17, 19), 0,
    ),
    "upsample, nearest": (layer_of(Upsample, scale=(1, 2, 3)), [X], Shape(8, 4, 18, 30), 0),
    "upsample, linear": (layer_of(Upsample, size=(4, 11, 20), mode="linear"), [X], Shape(8, 4, 11, 20), 0),
    "permute": (layer_of(Permute, order=("frames", "channels", "width", "height")), [X], Shape(4, 8, 10, 9), 0),
    "rearrange": (
        layer_of(Rearrange, sizes=(8, 2, 2, 3, 3, 10), order=(2, 4, 0, 1, 3, 5), shape=(6, 8, 2, 30)), [X],
        Shape(6, 8, 2, 30), 0,
    ),
    "reshape": (layer_of(Reshape, shape=(16, 1, 18, 10)), [X], Shape(16, 1, 18, 10), 0),
}  # fmt: skip
EVERY = pytest.mark.parametrize(("layer", "inputs", "output", "macs"), OPERATORS.values(), ids=OPERATORS)
EACH = pytest.mark.parametrize(("layer", "inputs"), [case[:2] for case in OPERATORS.values()], ids=OPERATORS)


def network_of(layer, inputs):
    """A network of one layer."""
    return build_workload(name="one", inputs=dict(zip(layer.inputs, inputs, strict=True)), layers=[layer])


@EVERY
def test_shapes_and_work_are_those_of_the_operator(layer, inputs, output, macs):
    network = network_of(layer, inputs)
    assert network.shapes["y"] == output
    run = lowered(network)
    assert sum(map(run.layer_macs, run.layers)) == macs


@EVERY
@pytest.mark.parametrize("engine", ["fast", "simpy"])
def test_what_an_operator_moves_is_compulsory_at_least(layer, inputs, output, macs, engine):
    result = lw3dsim.simulate(network_of(layer, inputs), algorithm="hfa", engine=engine)
    # Slices and pools may leave out what no output looks at; what is read of a slice is what is written.
    read = math.prod(output) if layer.kind in ("slice", "pool3d") else sum(math.prod(shape) for shape in inputs)
    factors = network_of(layer, inputs).layer_params(layer) if layer.macs(tuple(inputs), output) else 0
    assert sum(result.dram_bytes_breakdown.values()) >= read + math.prod(output) + factors
    assert result.totals.latency_cycles > 0
    assert result.totals.macs == macs


@EACH
@pytest.mark.parametrize("dtype", ["int8", "float64"])
def test_an_operator_is_executed_as_it_is_defined(layer, inputs, dtype):
    result = lw3dsim.execute(network_of(layer, inputs), algorithm="auto", dtype=dtype)
    assert all(row.exact or row.sqnr_db > 250 for row in result.layers)
    assert dtype != "int8" or result.exact


@EACH
def test_an_operator_is_executed_the_same_in_a_fused_group(layer, inputs):
    before = Conv3d(name="x", inputs=("clip",), out_channels=inputs[0].channels, kernel=(1, 1, 1))
    behind = Conv3d(name="z", inputs=("y",), out_channels=8, kernel=(1, 1, 1))
    given = {"clip": inputs[0], **dict(zip(layer.inputs[1:], inputs[1:], strict=True))}
    network = build_workload(name="three", inputs=given, layers=[before, layer, behind])
    result = lw3dsim.execute(network, algorithm="direct", fusion="auto")
    assert result.exact
    views = lw3dsim.simulate(network, fusion="auto").record.views
    assert sum(row.name.count("+") + 1 for row in result.layers) + len(views) == len(lowered(network).layers)


def test_every_kind_of_layer_is_held_to_this():
    assert {type(case[0]) for case in OPERATORS.values()} == set(get_args(AnyLayer))


def tensor(shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


def test_functions_are_those_of_their_names():
    x = np.linspace(-8, 8, 301)
    expected = {
        "relu": np.maximum(x, 0),
        "relu6": np.clip(x, 0, 6),
        "sigmoid": special.expit(x),
        "tanh": np.tanh(x),
        "swish": x * special.expit(x),
        "gelu": x * special.ndtr(x),
        "hard_sigmoid": np.clip(x / 6 + 0.5, 0, 1),
        "hard_swish": x * np.clip(x / 6 + 0.5, 0, 1),
    }
    for name, values in expected.items():
        assert np.allclose(activated(x, name, FLOAT, 0), values, atol=1e-12), name


def test_integers_are_looked_up_to_half_a_code():
    codes, step = np.arange(-127, 128), 8 / 128
    swish = activated(codes, "swish", INT8, 0)
    assert np.abs(swish * step - codes * step * special.expit(codes * step)).max() <= step / 2
    sigmoid = activated(codes * 16, "sigmoid", INT8, 4)
    assert np.abs(sigmoid / 127 - special.expit(codes * step)).max() <= 0.5 / 127


def test_softmax_is_that_of_all_channels_in_floats_and_integers():
    values = tensor((10, 2, 3, 3))
    assert np.allclose(softmax(values, Channels(values), FLOAT), special.softmax(values, axis=0))
    codes = np.random.default_rng(1).integers(-127, 128, (10, 2, 3, 3))
    expected = special.softmax(codes * 8 / 128, axis=0)
    assert np.abs(softmax(codes, Channels(codes), INT8) / 127 - expected).max() < 1 / 127


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("mode", ["max", "avg"])
def test_pools_look_at_the_input_and_average_over_what_counts(mode, include):
    values = tensor((2, 3, 7, 8))
    layer = layer_of(
        Pool3d, mode=mode, kernel=(2, 3, 3), stride=(1, 2, 3), padding=(1, (1, 0), 1), ceil_mode=True,
        count_include_pad=include,
    )  # fmt: skip
    output = compute(layer, [values], None, None, FLOAT)
    t, h, w = output.shape[1:]
    # Along H 5 positions are left for steps of 2, along W 7 for steps of 3, of which the last would begin outside.
    assert (t, h, w) == (4, 4, 3)
    bounds = [(3, 1, 1), (7, 1, 0), (8, 1, 1)]
    for at in np.ndindex(t, h, w):
        spans = [
            range(i * s - p, i * s - p + k) for i, s, p, k in zip(at, (1, 2, 3), (1, 1, 1), (2, 3, 3), strict=True)
        ]
        inside = [[j for j in span if 0 <= j < n] for span, (n, _, _) in zip(spans, bounds, strict=True)]
        window = values[np.ix_(range(2), *inside)]
        counted = [
            [j for j in span if -before <= j < n + behind]
            for span, (n, before, behind) in zip(spans, bounds, strict=True)
        ]
        size = math.prod(map(len, counted if include else inside))
        expected = window.max(axis=(1, 2, 3)) if mode == "max" else window.sum(axis=(1, 2, 3)) / size
        assert np.allclose(output[(slice(None), *at)], expected)


def test_moves_put_values_where_their_names_say():
    values = tensor((8, 4, 9, 10))
    shuffled = compute(layer_of(ChannelShuffle, groups=4), [values], None, None, FLOAT)
    assert [int(np.argwhere((values == channel).all(axis=(1, 2, 3)))[0, 0]) for channel in shuffled] == [
        0, 2, 4, 6, 1, 3, 5, 7,
    ]  # fmt: skip
    moved = compute(layer_of(TemporalShift, parts=4), [values], None, None, FLOAT)
    assert np.array_equal(moved[:2, :3], values[:2, 1:])
    assert not moved[:2, 3].any()
    assert np.array_equal(moved[2:4, 1:], values[2:4, :3])
    assert not moved[2:4, 0].any()
    assert np.array_equal(moved[4:], values[4:])
    order = ("width", "frames", "channels", "height")
    assert compute(layer_of(Permute, order=order), [values], None, None, FLOAT)[3, 2, 1, 0] == values[1, 2, 0, 3]


def test_attention_multiplies_every_position_by_a_tensor():
    x, w = tensor((8, 4, 9, 10)), tensor((6, 2, 2, 2), seed=2)
    network = network_of(layer_of(Matmul, "w"), [Shape(*x.shape), Shape(*w.shape)])
    matrix = w.reshape(6, 8)[..., None, None, None]
    output = compute(network.layers[0], [x, w], matrix, None, FLOAT)
    assert np.allclose(output, np.einsum("nc,cthw->nthw", w.reshape(6, 8), x))


@pytest.mark.parametrize(
    ("layer", "inputs", "says"),
    [
        (layer_of(Gate, "w"), [X, X], "factors Cx1x1x1"),
        (layer_of(Mul, "w"), [X, Shape(4, 4, 9, 10)], "one shape, or with 1 in place of a size of the largest"),
        (layer_of(Add, "w"), [FACTORS, Shape(1, 4, 9, 10)], "one shape, or with 1 in place of a size of the largest"),
        (layer_of(Upsample), [X], "neither scale nor size is given"),
        (layer_of(Upsample, size=(4, 9, 9)), [X], "4x9x9 is smaller than the input 4x9x10"),
        (layer_of(Interleave, "w", apart=(2, 1, 1)), [X, WIDE], "does not make one tensor"),
        (layer_of(Matmul, "w"), [WIDE, MATRIX], "6 x 8 from 6x2x2x2 does not take the channels of 24x4x9x10"),
        (layer_of(Concat, "w", dim="frames"), [X, WIDE], "one size but for their frames"),
        (layer_of(Slice, dim="frames", stop=5), [X], "frames 0 to 5 are not in 8x4x9x10"),
        (layer_of(ChannelShuffle, groups=3), [X], "groups = 3 does not divide the 8 channels"),
        (layer_of(Reshape, shape=(8, 4, 9, 9)), [X], "8x4x9x9 does not have the 2880 elements"),
        (layer_of(Permute, order=("frames",) * 4), [X], "each of channels, frames, height, width once"),
        (layer_of(TemporalShift, parts=9), [X], "8 channels do not have 9 parts"),
    ],
    ids=lambda value: value.kind if hasattr(value, "kind") else "",
)
def test_what_does_not_fit_is_refused(layer, inputs, says):
    with pytest.raises(ShapeError, match=says):
        network_of(layer, inputs)


def test_published_cases_have_their_sizes():
    pool = layer_of(Pool3d, mode="max", kernel=(2, 2, 2), stride=(2, 2, 2), ceil_mode=True)
    assert pool.output_shape((Shape(4, 8, 9, 9),)) == Shape(4, 4, 5, 5)
    same = layer_of(Conv3d, out_channels=8, kernel=(1, 4, 4), padding="same")
    assert same.output_shape((Shape(8, 2, 8, 8),)) == Shape(8, 2, 8, 8)
