"""Are the layer lists of SCALE-Sim and Timeloop the same layers here, and is what is wrong said in one sentence?"""

import pytest

import lw3dsim
from lw3dsim.describe.workload import Shape
from lw3dsim.describe.workload_text import workload_text
from lw3dsim.errors import InputError

TOPOLOGY = """Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
stem, 32, 34, 7, 7, 3, 16, 2,

same, 15, 16, 3, 3, 16, 32, 1, 1:4,
thin DP, 13, 14, 3, 3, 32, 2, 1,
apart, 8, 8, 1, 1, 24, 10, 1,
apart, 8, 8, 3, 3, 10, 10, 1,
"""
PRODUCTS = "Layer, M, N, K,\nfirst, 64, 128, 32,\nsecond, 64, 10, 128, 2:4,\nheads, 16, 8, 4, 6,\n"
PROBLEM = """problem:
  version: 0.4
  shape:
    name: CNN-Layer
    dimensions: [C, M, R, S, N, P, Q]
    coefficients:
      - {name: Wstride, default: 2}
      - {name: Hstride, default: 1}
    data_spaces:
      - {name: Weights, projection: [[[C]], [[M]], [[R]], [[S]]]}
  instance: {C: 3, M: 96, R: 11, S: 7, N: 2, P: 55, Q: 54, Wdilation: 3}
"""
OLD = "problem:\n  shape: cnn-layer\n  R: 3\n  S: 3\n  P: 16\n  Q: 16\n  C: 8\n  M: 4\n  N: 1\n"
DEPTHWISE = (
    "problem:\n  shape: {name: dw, dimensions: [R, S, P, Q, C, N]}\n  instance: {R: 3, S: 3, P: 8, Q: 8, C: 24}\n"
)


IN_TIME = """problem:
  shape:
    name: "Conv3D"
    dimensions: [ R, S, T, P, Q, F, C, M, N ]
    coefficients:
    - {name: Dstride, default: 2}
    - {name: Ddilation, default: 1}
    data-spaces:
    - name: Outputs
      projection: [[[N]], [[M]], [[Q]], [[P]], [[F]]]
      read-write: True
  instance: {N: 1, C: 3, M: 64, R: 3, S: 5, T: 3, P: 20, Q: 22, F: 16}
"""
# With what a whole input of Timeloop has around it, and dimensions that tools split others into.
WHOLE = """architecture:
  nodes:
  - !Container {name: system}
constraints:
  targets:
  - {keep: !nothing , bypass: !all }
problem:
  version: 0.4
  instance: {N: 1, C: 8, M: 4, G: 2, R: 3, S: 3, P: 14, Q: 14, H: 16, W: 16, X: 1, Y: 1, Z: 1, Hstride: 1}
  shape:
    name: conv2D
    dimensions: [C, M, R, S, N, P, Q, X, Y, Z, G]
variables: {version: 0.4}
"""
MATRICES = """problem:
  shape: {name: GEMM, dimensions: [M, N, K]}
  M: 64
  N: 32
  K: 16
"""


def loaded(tmp_path, text, name):
    path = tmp_path / name
    path.write_text(text)
    return lw3dsim.load_workload(path)


def test_a_topology_is_a_chain_as_far_as_sizes_and_channels_say(tmp_path):
    network = loaded(tmp_path, TOPOLOGY, "small.csv")
    assert {layer.name: layer.inputs for layer in network.layers} == {
        "stem": ("input",), "same": ("stem",), "thin DP": ("same",), "apart": ("apart.input",), "apart_2": ("apart",),
    }  # fmt: skip
    assert network.shapes["stem"] == Shape(16, 1, 14, 15)  # windows are rounded up
    # `same` wants 15 x 16 of 14 x 15: a row and a column of zeros.
    assert network.shapes["same"] == Shape(32, 1, 13, 14)
    assert network.shapes["thin DP"] == Shape(64, 1, 11, 12)
    assert [layer.weight_density for layer in network.layers] == [1, 0.25, 1, 1, 1]


def test_macs_are_those_that_scale_sim_counts(tmp_path):
    network = loaded(tmp_path, TOPOLOGY, "small.csv")
    counted = [
        14 * 15 * 49 * 3 * 16, 13 * 14 * 9 * 16 * 32, 11 * 12 * 9 * 32 * 2, 64 * 24 * 10, 36 * 9 * 10 * 10,
    ]  # fmt: skip
    assert [network.layer_macs(layer) for layer in network.layers] == counted


def test_products_are_pixels_of_as_many_channels(tmp_path):
    network = loaded(tmp_path, PRODUCTS, "products.csv")
    assert [network.layer_macs(layer) for layer in network.layers] == [64 * 128 * 32, 64 * 10 * 128, 6 * 16 * 8 * 4]
    assert [layer.inputs[0] for layer in network.layers] == ["input", "first", "heads.input"]
    assert [layer.weight_density for layer in network.layers] == [1, 0.5, 1]


@pytest.mark.parametrize(
    ("text", "reads", "makes", "macs"),
    [
        (PROBLEM, Shape(3, 2, 60, 139), Shape(96, 2, 54, 55), 3 * 96 * 11 * 7 * 2 * 55 * 54),
        (OLD, Shape(8, 1, 18, 18), Shape(4, 1, 16, 16), 256 * 4 * 8 * 9),
        (IN_TIME, Shape(3, 33, 26, 22), Shape(64, 16, 22, 20), 16 * 22 * 20 * 64 * 3 * 45),
        (WHOLE, Shape(16, 1, 16, 16), Shape(8, 1, 14, 14), 196 * 8 * 8 * 9),
        (MATRICES, Shape(16, 1, 64, 1), Shape(32, 1, 64, 1), 64 * 32 * 16),
        (DEPTHWISE, Shape(24, 1, 10, 10), Shape(24, 1, 8, 8), 64 * 24 * 9),
    ],
)
def test_a_problem_is_its_loops(tmp_path, text, reads, makes, macs):
    network = loaded(tmp_path, text, "problem.yaml")
    (layer,) = network.layers
    assert (network.inputs["input"], network.shapes[layer.name]) == (reads, makes)
    assert network.layer_macs(layer) == macs


@pytest.mark.parametrize(("text", "name"), [(TOPOLOGY, "a.csv"), (PRODUCTS, "b.csv"), (PROBLEM, "c.yaml")])
def test_it_runs_and_is_written_as_a_workload(tmp_path, text, name):
    network = loaded(tmp_path, text, name)
    assert lw3dsim.simulate(network).totals.macs == sum(map(network.layer_macs, network.layers))
    again = loaded(tmp_path, workload_text(network), "again.yaml")
    assert (again.layers, again.shapes) == (network.layers, network.shapes)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TOPOLOGY,
        TOPOLOGY.replace("\n", "\r\n"),
        TOPOLOGY.replace("Num Filter", "Num Filters").replace("IFMAP Height", "IFMAP  Height"),
        TOPOLOGY.replace(", ", "   ,").replace("Strides,", "Strides, Sparsity,"),
        TOPOLOGY.replace("Strides,", "Stride height, Stride width,").replace(", 2,\n", ", 2, 2,\n").replace(
            ", 1,\n", ", 1, 1,\n").replace(", 1, 1:4,", ", 1, 1, 1:4,"),
    ],
    ids=["byte order mark", "lines of DOS", "plural", "sparsity in the header", "two strides"],
)  # fmt: skip
def test_topologies_are_read_as_people_write_them(tmp_path, text):
    assert loaded(tmp_path, text, "same.csv").layers == loaded(tmp_path, TOPOLOGY, "same.csv").layers


def test_it_is_executed_exactly(tmp_path):
    assert lw3dsim.execute(loaded(tmp_path, TOPOLOGY, "a.csv"), algorithm="auto").exact


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("", "t.csv", "t.csv:1 the file is empty"),
        ("a, b,\n1, 2,\n", "t.csv", "t.csv:1 is no header of a SCALE-Sim topology; expected Layer name"),
        (TOPOLOGY.partition("\n")[0], "t.csv", "t.csv: has 0 layers"),
        (TOPOLOGY + "end, 8, 8, 0, 1, 4, 4, 1,\n", "t.csv", "t.csv:8 filter height: 0 is no whole number from 1"),
        (TOPOLOGY + "end, 8, 8,\n", "t.csv", "t.csv:8 filter height: nothing is no whole number"),
        (TOPOLOGY + "end, 8, 8, 9, 1, 4, 4, 1,\n", "t.csv", "t.csv:8 filter height: 9 is larger than the IFMAP, 8"),
        (TOPOLOGY + "end, 8, 8, 1, 1, 4, 4, 1, 4:2,\n", "t.csv", "t.csv:8 sparsity: 4:2 keeps more than there are"),
        (PRODUCTS + "end, 1, x, 3,\n", "t.csv", "t.csv:5 n: x is no whole number"),
        (PROBLEM.replace("C: 3", "C: three"), "t.yaml", "t.yaml:11 problem.C: three is no whole number"),
        (PROBLEM.replace("Wdilation", "Wdilations"), "t.yaml", "problem.instance.Wdilations: is no bound"),
        (PROBLEM.replace("[C, M,", "[C, U,"), "t.yaml", "t.yaml:5 problem.shape.dimensions: 'U' is no dimension"),
        (PROBLEM.replace("P: 55, ", ""), "t.yaml", "t.yaml:11 problem.instance: lacks the bound P"),
        (OLD.replace("cnn-layer", "gemm"), "t.yaml", "t.yaml:2 problem.shape: 'gemm' is no shape of a convolution"),
        (IN_TIME.replace("N: 1", "N: 8"), "t.yaml", "t.yaml:12 problem.instance.N: 8 clips of a 3D convolution"),
        (WHOLE.replace("X: 1", "X: 2"), "t.yaml", "X: 2 in a dimension that a convolution has not: only 1"),
        (MATRICES.replace("  K: 16\n", ""), "t.yaml", "lacks the bound K"),
        (PROBLEM.replace("C: 3", "C: {{c}}"), "t.yaml", "t.yaml:11 is a template, which Timeloop fills in"),
        ("problem: 3\n", "t.yaml", "t.yaml:1 problem: expected a mapping"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_place(tmp_path, text, name, says):
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, text, name)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sizes_are_those_of_the_list(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TOPOLOGY)
    with pytest.raises(InputError, match="lists layers of fixed sizes; leave it out"):
        lw3dsim.load_workload(path, input_size="1x8x8")
