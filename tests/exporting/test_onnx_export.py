"""Is a workload in ONNX what it is in YAML: does it come back, is it valid, does it compute the same?"""

from random import Random

import numpy as np
import onnx
import pytest
import yaml
from canonical import canonical
from fuzz.networks import network as random_network
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

import lw3dsim
from lw3dsim.describe.catalog import shipped_names
from lw3dsim.describe.workload import Conv3d, Shape, build_workload
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.errors import InputError
from lw3dsim.exporting.onnx_model import onnx_bytes, to_onnx
from lw3dsim.importing.load import load_workload


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
@settings(deadline=None, max_examples=100)
def test_random_networks_come_back(seed, tmp_path_factory):
    tree = random_network(Random(seed), widest=9)  # noqa: S311
    network = parse_workload(yaml.safe_dump(tree, allow_unicode=True))
    assert canonical(back(network, tmp_path_factory.mktemp("net"))) == canonical(network)
