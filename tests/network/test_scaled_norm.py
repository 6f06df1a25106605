"""A layer norm and the factors behind it are run together: less moves, and the values are the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lw3dsim
from lw3dsim.describe.workload import Activation, BatchNorm, Conv3d, LayerNorm, Shape, build_workload
from lw3dsim.transform.lowering import lowered

X = Shape(32, 4, 8, 8)


def network_of(shape=X, function="none", groups=1, reader=None, **keys):
    layers = [
        Conv3d(name="a", inputs=("x",), out_channels=shape.channels, kernel=(1, 1, 1)),
        LayerNorm(name="n", inputs=("a",), groups=groups),
        BatchNorm(name="s", inputs=("n",), activation=function, **keys),
        Conv3d(name="z", inputs=("s",), out_channels=8, kernel=(1, 1, 1)),
        *([Activation(name="y", inputs=(reader,))] if reader else []),
    ]
    return build_workload(name="net", inputs={"x": shape}, layers=layers)


def test_a_pass_over_dram_is_saved_and_what_is_read_is_counted():
    together, apart = (lw3dsim.simulate(network) for network in (network_of(), network_of(function="relu")))
    rows = {row.name: row for row in together.record.layers}
    assert [row.kind for row in together.record.layers] == ["conv3d", "scaled_norm", "conv3d"]
    assert [row.kind for row in apart.record.layers] == ["conv3d", "layer_norm", "batch_norm", "conv3d"]
    # Three passes, an output, and a factor of 8 and a summand of 32 bits per channel.
    assert rows["s"].compulsory_bytes == 4 * X.elements + 32 * 5
    assert rows["s"].dram_bytes >= rows["s"].compulsory_bytes
    assert apart.totals.dram_bytes - together.totals.dram_bytes > 1.8 * X.elements
    assert together.totals.params == apart.totals.params


@pytest.mark.parametrize("more", [{"reader": "n"}, {"function": "swish"}])
def test_what_others_read_or_look_up_stays_apart(more):
    assert "scaled_norm" not in {layer.kind for layer in lowered(network_of(**more)).layers}


def test_the_factors_of_a_file_are_those_of_the_norm():
    random = np.random.default_rng(3)
    weights = {f"{name}.weight": random.normal(size=size) for name, size in
               (("a", (32, 32, 1, 1, 1)), ("s", 32), ("z", (8, 32, 1, 1, 1)))}  # fmt: skip
    bias, clip = random.normal(size=32), random.normal(size=X)
    result = lw3dsim.execute(
        network_of(), weights={**weights, "s.bias": bias}, inputs={"x": clip}, dtype="float64", arch="edge_small"
    )
    a = np.einsum("nc,cthw->nthw", weights["a.weight"][..., 0, 0, 0], clip)
    normed = (a - a.mean(axis=0)) / np.sqrt(a.var(axis=0) + 1e-5)
    scaled = normed * weights["s.weight"][:, None, None, None] + bias[:, None, None, None]
    expected = np.einsum("nc,cthw->nthw", weights["z.weight"][..., 0, 0, 0], scaled)
    assert np.allclose(result.outputs["z"], expected)
    # In integers of 16 bits about the same, in steps that say what they stand for.
    coded = lw3dsim.execute(network_of(), weights={**weights, "s.bias": bias}, inputs={"x": clip}, dtype="int16")
    assert coded.exact
    assert np.corrcoef(coded.outputs["z"].ravel(), expected.ravel())[0, 1] > 0.9999


@settings(max_examples=15)
@given(
    st.tuples(st.sampled_from([8, 24, 40]), st.integers(1, 3), st.integers(2, 9), st.integers(2, 9)),
    st.sampled_from([1, 2]), st.sampled_from([1, 3]), st.sampled_from([None, 4, 16]), st.sampled_from(["off", "auto"]),
)  # fmt: skip
def test_engines_agree_and_values_are_exact(shape, groups, batch, bits, fusion):
    network, how = network_of(Shape(*shape), groups=groups, weight_bits=bits), {"batch": batch, "fusion": fusion}
    fast, simpy = (lw3dsim.simulate(network, "edge_small", engine=engine, **how) for engine in ("fast", "simpy"))
    assert fast.totals == simpy.totals
    assert all(row.dram_bytes >= row.compulsory_bytes for row in fast.record.layers)
    assert lw3dsim.execute(network, "edge_small", dtype="int8", **how).exact
