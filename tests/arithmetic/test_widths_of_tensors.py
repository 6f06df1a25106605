"""Tensors of any widths: are they executed in the bits of accelerator and network, under saved mappings too?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

import lw3dsim
from lw3dsim.describe.workload import Activation, Add, Conv3d, Pool3d, RunningMean, Shape, Softmax, build_workload
from lw3dsim.describe.workload_text import workload_text

X = Shape(6, 4, 8, 8)
BITS = st.sampled_from([2, 3, 4, 6, 8, 11, 16])


def network_of(layers, shape=X, **keys):
    return build_workload(name="net", inputs={"x": shape}, layers=layers, **keys)


def conv(name, source, size=(1, 3, 3), **keys):
    padding = tuple(k // 2 for k in size)
    return Conv3d(name=name, inputs=(source,), out_channels=8, kernel=size, padding=padding, bias=False, **keys)


def in_bits(activations, weights):
    return {"overrides": {"precision.activation_bits": activations, "precision.weight_bits": weights}}


def largest(bits):
    return 2 ** (bits - 1) - 1


def brought_to(bits, sums):
    """Sums shifted right, rounded half up, by as few bits as make the largest fit; what then is too large saturates."""
    shift = 0
    while np.abs(sums).max() >> shift > largest(bits):
        shift += 1
    rounded = np.floor(sums / 2**shift + 0.5).astype(int)
    return np.clip(rounded, -largest(bits), largest(bits))


def pointwise(values, weights):
    return np.tensordot(weights[:, :, 0, 0, 0], values, axes=1)


@given(BITS, BITS, st.integers(0, 99))
def test_sums_of_codes_are_brought_to_the_bits_of_activations(activations, weights, seed):
    random, most, heaviest = np.random.default_rng(seed), largest(activations), largest(weights)
    clip = random.integers(-most, most, tuple(X), endpoint=True)
    first, second = (random.integers(-heaviest, heaviest, (8, c, 1, 1, 1), endpoint=True) for c in (6, 8))
    network = network_of([conv("a", "x", (1, 1, 1)), conv("b", "a", (1, 1, 1))])
    given_tensors = {"inputs": {"x": clip}, "weights": {"a.weight": first, "b.weight": second}}
    result = lw3dsim.execute(network, "edge_small", **in_bits(activations, weights), **given_tensors)
    between = brought_to(activations, pointwise(clip, first))
    assert np.array_equal(result.outputs["b"], brought_to(activations, pointwise(between, second)))
    assert result.exact
    alike = activations == weights
    assert result.dtype == (f"int{activations}" if alike else f"int{activations} x int{weights}")


@given(BITS, BITS)
def test_drawn_clips_and_weights_fill_the_bits_and_no_more(activations, weights):
    layers = [
        Pool3d(name="same", inputs=("x",), mode="max", kernel=(1, 1, 1)),
        conv("a", "one", (1, 1, 1)),
    ]
    network = build_workload(name="net", inputs={"x": Shape(64, 4, 8, 8), "one": Shape(1, 1, 1, 1)}, layers=layers)
    how = {"inputs": {"one": np.ones((1, 1, 1, 1), int)}, **in_bits(activations, weights)}
    outputs = [lw3dsim.execute(network, "edge_small", seed=seed, **how).outputs for seed in range(9)]
    clips = np.stack([one["same"] for one in outputs])
    assert np.abs(clips).max() <= largest(activations)
    assert np.abs(clips).max() >= 0.99 * largest(activations)
    # Weights, each alone times one: shifted to the bits of activations where they are wider.
    drawn = np.abs(np.concatenate([one["a"] for one in outputs])).max()
    assert 0.8 * min(largest(weights), largest(activations)) <= drawn <= min(largest(weights), largest(activations))


@st.composite
def mixed(draw):
    """A network in which any tensor and any weights may have bits of their own."""

    def own(*keys):
        return {key: draw(BITS) for key in keys if draw(st.booleans())}

    function = draw(st.sampled_from(["none", "relu", "sigmoid", "swish"]))
    layers = [
        conv("a", "x", draw(st.sampled_from([(1, 3, 3), (3, 3, 3)])), activation=function, **own("activation_bits")),
        conv("b", "a", (3, 1, 1), **own("activation_bits", "weight_bits")),
        Add(name="c", inputs=("a", "b"), **own("activation_bits")),
        conv("d", "c", **own("weight_bits")),
    ]
    return network_of(layers, input_bits={"x": draw(BITS)} if draw(st.booleans()) else {})


@given(mixed(), BITS, BITS, st.sampled_from(["direct", "hfa", "winograd3d"]), st.sampled_from(["off", "auto"]))
def test_networks_of_any_widths_are_exact_and_fit_their_bits(network, activations, weights, algorithm, fusion):
    how = {"algorithm": algorithm, "m1": 2, "m2": 2, "fusion": fusion, "objective": "dram_bytes"}
    wide = {"precision.overflow": "widen", "precision.accumulator_bits": 48}
    # Widths that are not set but those of a loaded accelerator: tensors keep their own.
    arch = lw3dsim.load_arch("edge_base", overrides=in_bits(activations, weights)["overrides"] | wide)
    result = lw3dsim.execute(network, arch, **how)
    assert result.exact
    assert np.abs(result.outputs["d"]).max() <= largest(activations)


@pytest.mark.parametrize(("read", "made"), [(4, 4), (4, 8), (8, 4), (16, 6)])
def test_tables_take_and_give_codes_of_the_bits_of_what_is_made(read, made):
    layers = [
        Activation(name="s", inputs=("x",), activation="sigmoid", activation_bits=made),
        Softmax(name="m", inputs=("x",), activation_bits=made),
    ]
    clip = np.random.default_rng(read).integers(-largest(read), largest(read), tuple(X), endpoint=True)
    outputs = lw3dsim.execute(network_of(layers, input_bits={"x": read}), inputs={"x": clip}).outputs
    # A code of b bits stands for itself x 2^(4 - b); behind both functions the largest stands for 1.
    real, one = clip * 2.0 ** (4 - read), largest(made)
    assert np.abs(outputs["m"] - one * softmax(real, axis=0)).max() <= 1
    # In front of a table values are brought to its bits: some that are wider lose their last.
    codes = brought_to(made, clip)
    assert np.abs(outputs["s"] - one / (1 + np.exp(-codes * 2.0 ** (4 - made)))).max() <= 0.5


@pytest.mark.parametrize("bits", [3, 4, 12])
def test_running_means_keep_their_sums_in_frames_of_any_bits(bits):
    def network(frames):
        return network_of([RunningMean(name="m", inputs=("x",))], Shape(4, frames, 3, 3))

    how = {"arch": "edge_small", **in_bits(bits, 8)}
    stream = lw3dsim.execute(network(2), stream_state="all", clips=10, **how)
    assert stream.exact
    assert stream.outputs == lw3dsim.execute(network(20), **how).outputs


@pytest.mark.parametrize("widths", [(4, 2), (4, 8), (16, 16)])
@pytest.mark.parametrize("how", [{}, {"fusion": "auto"}, {"objective": "dram_bytes_only"}, {"algorithm": "hfa"}])
def test_mappings_of_any_widths_are_executed_as_they_were_saved(widths, how, tmp_path):
    network = network_of([conv("a", "x"), conv("b", "a", (3, 3, 3), activation_bits=6), conv("c", "b", (3, 1, 1))])
    # Of a loaded accelerator the bits are those of what says none of its own.
    arch = lw3dsim.load_arch("edge_small", **in_bits(*widths))
    asked = {"arch": arch, "algorithm": how.get("algorithm", "direct")}
    lw3dsim.map_workload(network, **asked | how).save(tmp_path / "saved.yaml")
    result = lw3dsim.execute(network, **asked, mapping=tmp_path / "saved.yaml")
    assert result.exact
    assert result.outputs == lw3dsim.execute(network, **asked).outputs
    assert len(result.layers) == len(lw3dsim.simulate(network, **asked, mapping=tmp_path / "saved.yaml").layers)


def test_a_mapping_that_fits_few_bits_alone_is_executed_in_these(tmp_path):
    """Tiles that fill buffers with elements of 4 bits have no room for these in 8."""
    network = network_of([conv("a", "x"), conv("b", "a")], Shape(32, 8, 28, 28))
    asked = {"arch": "edge_small", **in_bits(4, 4)}
    lw3dsim.map_workload(network, **asked, objective="dram_bytes_only").save(tmp_path / "saved.yaml")
    assert lw3dsim.execute(network, **asked, mapping=tmp_path / "saved.yaml").exact
    with pytest.raises(lw3dsim.InputError, match="buffer"):
        lw3dsim.execute(network, **asked, mapping=tmp_path / "saved.yaml", dtype="int8")


def test_a_type_that_is_asked_for_goes_before_the_bits_of_accelerator_and_network():
    network = network_of([conv("a", "x", activation_bits=4, weight_bits=11)], activation_bits=6)
    for dtype, bits in (("int", 4), ("int8", 4), ("int16", 4)):
        assert np.abs(lw3dsim.execute(network, dtype=dtype).outputs["a"]).max() <= largest(bits)
    assert [lw3dsim.execute(network, dtype=one).dtype for one in ("int", "int8", "float32")] == [
        "int6 x int8", "int8", "float32",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "bits"), [("precision.activation_bits", 17), ("precision.weight_bits", 32), ("precision.weight_bits", 64)]
)
def test_integers_that_are_too_wide_are_refused(cli, field, bits):
    asked = ("execute", "c3d_small", "--set", f"{field}={bits}")
    refused = cli(*asked)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"{field} = {bits}: integers of up to 16 bits are executed" in refused.stderr
    assert cli(*asked, "--dtype", "int16").exit_code == 0


def test_the_command_line_says_in_which_widths_it_executes(cli, cli_json, tmp_path):
    few = ("--set", "precision.activation_bits=4", "--set", "precision.weight_bits=3")
    assert cli_json("execute", "c3d_small", *few, "--format", "json")["dtype"] == "int4 x int3"
    assert "c3d_small on eyeriss_like, int16, seed 0" in cli("execute", "c3d_small", "--arch", "eyeriss_like").stdout
    path = tmp_path / "net.yaml"
    path.write_text(workload_text(network_of([conv("a", "x")], activation_bits=4)), encoding="utf-8")
    assert "activations have 4 bits, as net says" in cli("execute", str(path)).stderr
    assert "activations have" not in cli("execute", str(path), "--dtype", "int8").stderr
