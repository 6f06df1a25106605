"""Is a workload in ONNX what it is in YAML: does it come back, is it valid, does it compute the same?"""

from random import Random

import numpy as np
import onnx
import pytest
import yaml
from canonical import canonical, says_nothing
from fuzz.networks import network as random_network
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from one_operator import NETWORKS
from onnx.reference import ReferenceEvaluator

import lw3dsim
from lw3dsim.describe.catalog import shipped_names
from lw3dsim.describe.workload import Conv3d, Shape, build_workload
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.errors import InputError
from lw3dsim.exporting.onnx_model import onnx_bytes, to_onnx
from lw3dsim.importing.load import load_workload
from lw3dsim.transform.passes import apply_transforms


def back(network, tmp_path, **how):
    model = to_onnx(network, **how)
    onnx.checker.check_model(model, full_check=True)
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx_bytes(model))
    return load_workload(path)


@pytest.mark.parametrize("name", shipped_names("workloads"))
def test_a_shipped_network_comes_back(name, tmp_path):
    network = load_workload(name)
    again = back(network, tmp_path)
    assert canonical(again) == canonical(network)
    assert sum(map(again.layer_params, again.layers)) == sum(map(network.layer_params, network.layers))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_random_networks_come_back(seed, tmp_path_factory):
    tree = random_network(Random(seed), widest=9)  # noqa: S311
    network = parse_workload(yaml.safe_dump(tree, allow_unicode=True))
    assume(not says_nothing(network))
    assert canonical(back(network, tmp_path_factory.mktemp("net"))) == canonical(network)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_operator_comes_back(name, tmp_path):
    assert canonical(back(NETWORKS[name], tmp_path)) == canonical(NETWORKS[name])


def test_names_come_back_whatever_they_are(tmp_path):
    names = ["a/b", "a b", "conv/linear", "a.weight", "a", "a.norm.bias", "/", "constant_0"]
    layers = [
        Conv3d(name=name, inputs=(before,), out_channels=2, kernel=(1, 1, 1), bias=True, activation="relu6")
        for before, name in zip(["x", *names], names, strict=False)
    ]
    network = build_workload(name="odd", inputs={"x": Shape(1, 2, 3, 3)}, layers=layers)
    assert canonical(back(network, tmp_path)) == canonical(network)


@pytest.mark.parametrize("name", ["x3d_s", "slowfast_r50_8x8"])
def test_random_weights_are_those_that_execute_reads(name, tmp_path):
    network = load_workload(name, input_size="8x16x16" if name == "slowfast_r50_8x8" else "2x32x32", classes=5)
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx_bytes(to_onnx(network, weights="random", seed=3)))
    random = np.random.default_rng(0)
    clips = {name: random.normal(size=shape).astype("float32") for name, shape in network.inputs.items()}
    with np.errstate(all="ignore"):  # of the sigmoid of the reference
        (expected,) = ReferenceEvaluator(str(path)).run(None, {name: clip[None] for name, clip in clips.items()})
    result = lw3dsim.execute(path, dtype="float64", inputs=clips)
    (made,) = result.outputs.values()
    np.testing.assert_allclose(made, expected[0], rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_the_same_workload_gives_the_same_bytes():
    first, again, other = (
        onnx_bytes(to_onnx("x3d_s", weights="random", seed=seed, transform="fsb")) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert len(onnx_bytes(to_onnx("c3d"))) < 20_000


def test_passes_are_applied(tmp_path):
    again = back("c3d", tmp_path, transform="fsb")
    assert canonical(again) == canonical(apply_transforms(load_workload("c3d"), "fsb"))


def test_what_does_not_fit_into_a_file_is_refused():
    layer = Conv3d(name="y", inputs=("x",), out_channels=65536, kernel=(1, 1, 1))
    network = build_workload(name="wide", inputs={"x": Shape(16384, 1, 1, 1)}, layers=[layer])
    assert to_onnx(network)
    with pytest.raises(InputError, match="wide: weights of 4294967296 bytes do not fit into a file of ONNX"):
        to_onnx(network, weights="random")
    with pytest.raises(InputError, match="unknown weights 'file'; allowed: none, random"):
        to_onnx(network, weights="file")


def test_the_command_writes_what_the_function_makes(cli, tmp_path):
    done = cli("export", "x3d_s", "--onnx", str(tmp_path / "net.onnx"), "--input", "2x32x32")
    assert done.exit_code == 0, done.output
    network = load_workload("x3d_s", input_size="2x32x32")
    assert (tmp_path / "net.onnx").read_bytes() == onnx_bytes(to_onnx(network))
    assert cli("export", "x3d_s", "--onnx", str(tmp_path / "net.onnx")).exit_code == 0  # its own file is replaced
    (tmp_path / "other.onnx").write_bytes(b"\x08\x08 of another")
    done = cli("export", "x3d_s", "--onnx", str(tmp_path / "other.onnx"))
    assert done.exit_code == 2
    assert "not a model in ONNX that lw3dsim wrote" in done.output
