"""Is a transposed convolution the same as the ordinary ones of its phases, on any machine, in count and in value?"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_operators import layer_of, network_of

import lw3dsim
from lw3dsim.arithmetic.direct import compute
from lw3dsim.arithmetic.number import NUMBERS
from lw3dsim.arithmetic.transposed import kernel_of
from lw3dsim.describe.workload import Conv3d, ConvTranspose3d, Shape, build_workload
from lw3dsim.errors import ShapeError
from lw3dsim.transform.lowering import lowered

FLOAT, INT8 = NUMBERS["float64"], NUMBERS["int8"]
X = Shape(8, 3, 6, 7)


@st.composite
def transposed(draw):
    """A transposed convolution with its input."""
    groups = draw(st.sampled_from([1, 2, 4]))
    stride = [draw(st.integers(1, 3)) for _ in range(3)]
    kernel = [draw(st.integers(s, s + 3)) for s in stride]
    layer = layer_of(
        ConvTranspose3d, out_channels=groups * draw(st.integers(1, 3)), kernel=tuple(kernel), stride=tuple(stride),
        padding=tuple((draw(st.integers(0, k)), draw(st.integers(0, k))) for k in kernel),
        output_padding=tuple(draw(st.integers(0, s - 1)) for s in stride), groups=groups, bias=draw(st.booleans()),
    )  # fmt: skip
    shape = Shape(4 * draw(st.integers(1, 2)), *(draw(st.integers(1, 5)) for _ in range(3)))
    try:
        layer.output_shape((shape,))
    except ShapeError:
        assume(False)  # padding leaves nothing
    return layer, shape


def in_phases(layer, values, weights, bias):
    """What the layers make that stand for ``layer``, with its weights."""
    tensors = {"x": values}
    for one in lowered(network_of(layer, [Shape(*values.shape)])).layers:
        kernel = kernel_of(one, weights) if one.kind == "conv_phase" else None
        sources = [tensors[name] for name in one.inputs]
        tensors[one.name] = compute(one, sources, kernel, None if kernel is None else bias, INT8)
    return tensors["y"]


@given(transposed(), st.integers(0, 99))
@settings(max_examples=60)
def test_phases_make_what_is_defined_and_multiply_no_zero(case, seed):
    layer, shape = case
    random = np.random.default_rng(seed)
    size = (shape.channels, layer.out_channels // layer.groups, *layer.kernel)
    values, weights = (random.integers(-9, 9, each) for each in (shape, size))
    bias = random.integers(-9, 9, layer.out_channels) if layer.bias else None
    expected = compute(layer, [values], weights, bias, INT8)
    assert expected.shape == layer.output_shape((shape,))
    assert np.array_equal(in_phases(layer, values, weights, bias), expected)
    network = network_of(layer, [shape])
    phases = [one for one in lowered(network).layers if one.kind == "conv_phase"]
    run = lowered(network)
    if len(phases) == np.prod(layer.stride):
        # Every weight is in one phase, so no tap is a zero that was put in.
        assert sum(map(run.layer_params, run.layers)) == network.layer_params(layer)
    assert sum(map(run.layer_macs, run.layers)) == network.layer_macs(layer)


@given(transposed(), st.integers(0, 99))
@settings(max_examples=30)
def test_it_is_that_of_pytorch(case, seed):
    torch = pytest.importorskip("torch", reason="install lw3dsim[torch] to run this test")
    layer, shape = case
    network = network_of(layer, [shape])
    torch.manual_seed(seed)
    module = lw3dsim.to_torch(network).double()
    inner = module.layer("y")
    x = torch.randn(1, *shape, dtype=torch.float64)
    bias = None if inner.bias is None else inner.bias.detach().numpy()
    expected = compute(layer, [x[0].numpy()], inner.weight.detach().numpy(), bias, FLOAT)
    np.testing.assert_allclose(module(x)[0].detach().numpy(), expected, atol=1e-9)
    assert sum(p.numel() for p in module.parameters()) == network.layer_params(layer)


@given(transposed(), st.sampled_from(["int8", "float64"]), st.sampled_from(["direct", "hfa"]))
@settings(max_examples=10)
def test_its_phases_are_executed_as_they_are_defined(case, dtype, algorithm):
    result = lw3dsim.execute(network_of(case[0], [case[1]]), algorithm=algorithm, dtype=dtype)
    assert all(row.exact or row.sqnr_db > 250 for row in result.layers)


@pytest.mark.parametrize("algorithm", ["direct", "auto"])
def test_it_is_executed_on_the_weights_of_its_module(algorithm):
    torch = pytest.importorskip("torch", reason="install lw3dsim[torch] to run this test")
    layer = layer_of(
        ConvTranspose3d, out_channels=6, kernel=(3, 4, 5), stride=(2, 2, 3), padding=(1, (0, 1), 2), groups=2,
        output_padding=(1, 0, 0), batch_norm=True, activation="swish",
    )  # fmt: skip
    network = network_of(layer, [X])
    torch.manual_seed(1)
    module = lw3dsim.to_torch(network).double().eval()
    module.layer("y").norm.running_var.uniform_(0.5, 2)
    module.layer("y").norm.weight.data.normal_()
    clip = torch.randn(1, *X, dtype=torch.float64)
    weights = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    result = lw3dsim.execute(
        network, algorithm=algorithm, dtype="float64", weights=weights, inputs={"x": clip[0].numpy()}
    )
    np.testing.assert_allclose(result.outputs["y"], module(clip)[0].detach().numpy(), atol=1e-9)


UP = layer_of(ConvTranspose3d, out_channels=16, kernel=(1, 4, 4), stride=(1, 2, 2), padding=(0, 1, 1), bias=True)


def test_a_decoder_doubles_its_positions_with_a_quarter_of_the_kernel_each():
    network = network_of(UP, [X])
    assert network.shapes["y"] == Shape(16, 3, 12, 14)
    assert network.layer_macs(UP) == X.elements * 16 * 16
    result = lw3dsim.simulate(network)
    assert [row.name for row in result.record.layers] == ["y.t0h0w0", "y.t0h0w1", "y.t0h1w0", "y.t0h1w1", "y"]
    assert [row.kind for row in result.record.layers] == [*["conv_phase"] * 4, "interleave"]
    assert result.totals.macs == result.totals.executed_mults == network.layer_macs(UP)
    assert result.totals.params == 8 * 16 * 16 + 16


@pytest.mark.parametrize("engine", ["fast", "simpy"])
def test_it_moves_what_is_compulsory_at_least(engine):
    result = lw3dsim.simulate(network_of(UP, [X]), engine=engine)
    assert sum(result.dram_bytes_breakdown.values()) >= X.elements + 16 * 3 * 12 * 14 + 8 * 16 * 16


def test_a_stride_of_one_is_one_convolution_that_is_fused():
    layers = [
        Conv3d(name="a", inputs=("x",), out_channels=8, kernel=(1, 1, 1)),
        ConvTranspose3d(name="b", inputs=("a",), out_channels=8, kernel=(1, 3, 3), padding=(0, 1, 1), bias=True),
    ]
    network = build_workload(name="two", inputs={"x": Shape(8, 2, 16, 16)}, layers=layers)
    assert lw3dsim.execute(network, fusion="auto").exact
    (row,) = lw3dsim.simulate(network, fusion="auto", objective="dram_bytes").record.layers
    assert row.name == "a+b"


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"kernel": (1, 1, 1), "stride": (1, 2, 2)}, "kernel 1x1x1 is smaller than stride 1x2x2"),
        ({"kernel": (1, 2, 2), "stride": (1, 2, 2), "output_padding": (0, 2, 0)}, "0x2x0 is not below stride 1x2x2"),
        ({"kernel": (1, 3, 3), "groups": 3}, "groups = 3 does not divide the 8 input channels"),
        ({"kernel": (1, 3, 3), "padding": (0, 9, 0)}, "leaves no output"),
    ],
)
def test_what_does_not_fit_is_refused(keys, says):
    with pytest.raises(ShapeError, match=says):
        network_of(layer_of(ConvTranspose3d, **({"out_channels": 8} | keys)), [X])
