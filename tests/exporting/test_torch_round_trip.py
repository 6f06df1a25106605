"""Does a workload come back from the module that it was made into, and a module from the file it was written as?"""

from random import Random

import pytest
import yaml
from canonical import canonical, says_nothing
from fuzz.networks import network as random_network
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from one_operator import NETWORKS, X

from lw3dsim import from_torch, to_torch
from lw3dsim.describe.catalog import shipped_names
from lw3dsim.describe.workload import Pool3d, build_workload
from lw3dsim.describe.workload_file import load_workload, parse_workload
from lw3dsim.describe.workload_text import workload_text

torch = pytest.importorskip("torch")


def module_of(network):
    with torch.device("meta"):
        return to_torch(network)


def back(network):
    clips = {name: torch.empty(1, *shape, device="meta") for name, shape in network.inputs.items()}
    return from_torch(module_of(network), **clips)


def shapes_of(network):
    return {key: tuple(tensor.shape) for key, tensor in module_of(network).state_dict().items()}


@pytest.mark.parametrize("name", shipped_names("workloads"))
def test_a_shipped_network_comes_back(name):
    network = load_workload(name)
    again = back(network)
    assert canonical(again) == canonical(network)
    # From the module to a file and to a module again.
    written = parse_workload(workload_text(again))
    shapes = [
        {key: tuple(tensor.shape) for key, tensor in module_of(each).state_dict().items()}
        for each in (network, written)
    ]
    assert shapes[0] == shapes[1]


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_random_networks_come_back(seed):
    tree = random_network(Random(seed), widest=9)  # noqa: S311
    network = parse_workload(yaml.safe_dump(tree, allow_unicode=True))
    assume(not says_nothing(network))
    assert canonical(back(network)) == canonical(network)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_operator_comes_back(name):
    assert canonical(back(NETWORKS[name])) == canonical(NETWORKS[name])


def test_a_mean_that_pytorch_has_no_operator_for_comes_back_as_a_product_with_what_is_learned():
    layer = Pool3d(name="y", inputs=("x",), mode="avg", kernel=(2, 2, 2), dilation=(1, 2, 1), padding=((1, 0), 0, 0))
    network = back(build_workload(name="one", inputs={"x": X}, layers=[layer]))
    assert (network.layers[-1].kind, len(network.learned)) == ("mul", 1)
