"""What a network has again and again is written once, and reads back as the same network, names and all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim.describe.catalog import shipped_names
from lw3dsim.describe.workload import Activation, Add, Conv3d, Shape, build_workload
from lw3dsim.describe.workload_file import load_workload, parse_workload
from lw3dsim.describe.workload_text import workload_text

SHAPE = Shape(4, 4, 8, 8)
PARTS = ("0", "1", "2", "a", "b", "input", "block", "$x")


def layer(name, source, draw, known):
    kind = draw(st.sampled_from(["conv", "wide", "relu", "add"]))
    if kind == "add":
        return Add(name=name, inputs=(source, draw(st.sampled_from(known))))
    if kind == "relu":
        return Activation(name=name, inputs=(source,), activation=draw(st.sampled_from(["relu", "tanh"])))
    size = 3 if kind == "wide" else 1
    window = {"kernel": (size,) * 3, "padding": (size // 2,) * 3}
    return Conv3d(name=name, inputs=(source,), out_channels=4, **window, bias=draw(st.booleans()))


@st.composite
def networks(draw):
    """Modules within modules, some of them alike; layers read what is before them, or something else."""
    known, layers = ["clip"], []
    for stage in range(draw(st.integers(1, 3))):
        plan = draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3, unique=True))
        shape = [draw(st.booleans()) for _ in plan]
        for again in range(draw(st.integers(1, 3))):
            for part, is_deep in zip(plan, shape, strict=True):
                name = f"s{stage}.{again}.{part}" + (".x" if is_deep else "")
                source = known[-1] if draw(st.integers(0, 5)) else draw(st.sampled_from(known))
                layers.append(layer(name, source, draw, known))
                known.append(name)
    if not any("clip" in one.inputs for one in layers):
        layers[0] = Activation(name=layers[0].name, inputs=("clip",))
    return build_workload(name="net", inputs={"clip": SHAPE}, layers=layers)


@settings(max_examples=120)
@given(networks())
def test_every_network_reads_back_as_it_is(network):
    assert parse_workload(workload_text(network)) == network


@pytest.mark.parametrize("name", [name for name in shipped_names("workloads") if not name.startswith("c3d")])
def test_shipped_networks_are_short(name):
    network = load_workload(name)
    text = workload_text(network)
    assert "blocks:" in text
    assert len(text.splitlines()) < max(58, len(network.layers) / 2 + 3)


ALIKE = """
name: net
inputs: {clip: {channels: 4, frames: 4, height: 8, width: 8}}
layers:
  - {name: body.0.a, kind: conv3d, out_channels: 8, kernel: 3, padding: 1}
  - {name: body.0.b, kind: conv3d, out_channels: 4, kernel: 1}
  - {name: body.0.sum, kind: add, inputs: [body.0.b, clip]}
  - {name: body.1.a, kind: conv3d, inputs: body.0.sum, out_channels: 8, kernel: 3, padding: 1}
  - {name: body.1.b, kind: conv3d, out_channels: 4, kernel: 1}
  - {name: body.1.sum, kind: add, inputs: [body.1.b, body.0.sum]}
  - {name: other.a, kind: conv3d, inputs: body.1.sum, out_channels: 6, kernel: 3, padding: 1}
  - {name: other.b, kind: conv3d, out_channels: 4, kernel: 1}
  - {name: other.sum, kind: add, inputs: [other.b, body.1.sum]}
"""


def test_a_block_has_what_differs_as_parameters():
    lines = workload_text(parse_workload(ALIKE)).splitlines()
    at = lines.index("blocks:")
    assert lines[at:] == [
        "blocks:",
        "  body.0:",
        "    parameters: [a_out_channels]",
        "    layers:",
        "      - {name: a, kind: conv3d, out_channels: $a_out_channels, kernel: 3, padding: 1}",
        "      - {name: b, kind: conv3d, out_channels: 4, kernel: 1}",
        "      - {name: sum, kind: add, inputs: [b, input]}",
        "layers:",
        "  - {name: body, block: body.0, with: {a_out_channels: 8}, repeat: 2}",
        "  - {name: other, block: body.0, with: {a_out_channels: 6}}",
    ]
