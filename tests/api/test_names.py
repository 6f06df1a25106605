"""Is a name that could show as another refused wherever a user gives one?"""

from __future__ import annotations

import msgspec
import pytest

from lw3dsim import Case, InputError, compare, simulate
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.dataflow import Dataflow
from lw3dsim.describe.workload import build_workload
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.testing.networks import dense_network

# Reversed when shown; a line of its own; nothing to see; half a character.
ODD = ["a\u202eb", "a\nb", "a\u200bb", "a\ud800"]
SAYS = "holds a control character; remove it"


def built(name="net", layer="a", tensor="clip"):
    network = dense_network()
    first, *_ = network.layers
    (shape,) = network.inputs.values()
    return build_workload(
        name=name, inputs={tensor: shape}, layers=[msgspec.structs.replace(first, name=layer, inputs=(tensor,))]
    )


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_a_name_that_shows_as_another_is_refused(odd):
    design = msgspec.structs.replace(load_arch("edge_base"), name=odd)
    for give in (
        lambda: compare(dense_network(), [Case(name=odd)]),
        lambda: built(name=odd),
        lambda: built(layer=odd),
        lambda: built(tensor=odd),
        lambda: simulate(dense_network(), design),
    ):
        with pytest.raises(InputError) as caught:
            give()
        assert SAYS in str(caught.value)
        assert str(caught.value).isprintable()
    with pytest.raises(InputError, match=r"name is .* expected text of one line"):
        Dataflow(name=odd, description="", rows="tiles", cols="tiles")


@pytest.mark.parametrize("name", [None, "", 3, b"net"])
def test_a_name_is_text(name):
    for given in ({"name": name}, {"layer": name}):
        with pytest.raises(InputError, match="is no text; give one"):
            built(**given)


def test_a_name_in_a_file_is_refused_with_its_line():
    with pytest.raises(InputError, match=rf"^net.yaml:1 name: .*{SAYS}$"):
        parse_workload('name: "a\\u202eb"\n', "net.yaml")


def test_a_case_of_the_command_line_is_refused_by_its_option(cli):
    run = cli("compare", "c3d", "--case", "a\u202eb:")
    assert run.exit_code == 2
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "\u202e" not in run.stderr


def test_names_of_other_scripts_are_names():
    assert built(name="Netz für Vidéo", layer="层 1").layers[0].name == "层 1"


def test_a_name_of_any_length_is_answered_in_a_short_sentence():
    long = "layer" * 10_000
    network = dense_network()
    first, *_ = network.layers
    for wrong in (
        {"layers": [msgspec.structs.replace(first, name=long)] * 2},
        {"layers": [msgspec.structs.replace(first, name=long, inputs=(f"{long}0",))]},
        {"layers": [msgspec.structs.replace(first, name=long, inputs=(long,))]},
        {"inputs": {**network.inputs, long: next(iter(network.inputs.values()))}, "layers": network.layers},
    ):
        with pytest.raises(InputError) as caught:
            build_workload(**{"name": long, "inputs": network.inputs, **wrong})
        assert len(str(caught.value)) < 800
    text = "name: n\ninputs: {clip: {channels: 4, frames: 4, height: 4, width: 4}}\nlayers:\n"
    layer = f"  - {{name: {long[:400]}, kind: conv3d, out_channels: 4, kernel: 1}}\n"
    with pytest.raises(InputError, match="is used twice; rename one") as caught:
        parse_workload(text + 2 * layer, "net.yaml")
    assert len(str(caught.value)) < 300
