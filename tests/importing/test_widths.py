"""A network of integers is run in the widths of its file, unless the caller sets others."""

import math

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_files import Net

import lw3dsim
from lw3dsim.base.values import replace
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.describe.workload_text import workload_text
from lw3dsim.errors import InputError
from lw3dsim.importing.load import load_workload
from lw3dsim.testing.networks import dense_network
from lw3dsim.transform.passes import apply_transforms

CLIP = {"clip": [1, 8, 4, 8, 8]}
SIGNED = {4: TensorProto.INT4, 8: TensorProto.INT8, 16: TensorProto.INT16}
SCALE = np.float32(0.1)


def stored(net, bits, *shape):
    """Name weights that are integers of so many bits."""
    name = f"q{len(net.initializers)}"
    net.initializers.append(helper.make_tensor(name, SIGNED[bits], shape, [1] * math.prod(shape)))
    return name


def both_ways(net, bits):
    """Quantise and dequantise the last tensor."""
    zero = stored(net, bits)
    for op in ("QuantizeLinear", "DequantizeLinear"):
        net.node(op, [net.last, net.values(SCALE), zero])


def dequantised(net, bits, *shape):
    last = net.last
    weights = net.node("DequantizeLinear", [stored(net, bits, *shape), net.values(SCALE)])
    net.last = last
    return weights


def in_pairs(data, *weights):
    """Make convolutions of weights that integers stand for, of data that they stand for where ``data`` has bits."""
    net = Net(CLIP, opset=21)
    for bits in weights:
        if data is not None:
            both_ways(net, data)
        net.node("Relu")
        weight = net.weight(8, 8, 3, 3, 3) if bits is None else dequantised(net, bits, 8, 8, 3, 3, 3)
        net.node("Conv", [net.last, weight], pads=[1] * 6)
    return net


def of_integers():
    """Make operators of integers: their zeros say what they make."""
    net = Net(CLIP)
    scale, zero = net.values(SCALE), net.values(np.uint8(128))
    net.node("QuantizeLinear", [net.last, scale, zero])
    weight = stored(net, 8, 8, 8, 3, 3, 3)
    net.node("QLinearConv", [net.last, scale, zero, weight, scale, stored(net, 8), scale, zero], pads=[1] * 6)
    net.node("QLinearGlobalAveragePool", [net.last, scale, zero, scale, zero])
    net.node("Flatten")
    net.node("QLinearMatMul", [net.last, scale, zero, stored(net, 8, 8, 5), scale, stored(net, 8), scale, zero])
    net.node("DequantizeLinear", [net.last, scale, zero])
    return net


def found_on_the_way():
    net = Net(CLIP)
    quantised, scale, zero = net.node("DynamicQuantizeLinear", outputs=3)
    net.node("ConvInteger", [quantised, stored(net, 8, 8, 8, 3, 3, 3), zero], pads=[1] * 6)
    net.node("Cast", to=1)
    net.node("Mul", [net.last, scale])
    return net


def faked():
    """Make weights that are stored as reals and rounded where they are read."""
    net = Net(CLIP)
    weight, last = net.weight(8, 8, 3, 3, 3), net.last
    net.last = weight
    both_ways(net, 8)
    net.node("Conv", [last, net.last], pads=[1] * 6)
    return net


def widths(net, tmp_path):
    network = load_workload(net.save(tmp_path / "net.onnx"))
    return network.activation_bits, network.weight_bits


@pytest.mark.parametrize(
    ("make", "bits"),
    [
        (lambda: in_pairs(8, 8), (8, 8)),
        (lambda: in_pairs(16, 8), (16, 8)),
        (lambda: in_pairs(8, 4), (8, 4)),
        (lambda: in_pairs(None, 4), (None, 4)),
        (lambda: in_pairs(None, None), (None, None)),
        (of_integers, (8, 8)),
        (found_on_the_way, (8, 8)),
        (faked, (None, 8)),
    ],
    ids=["8 and 8", "16 and 8", "8 and 4", "weights alone", "float", "integers", "dynamic", "rounded weights"],
)
def test_the_widths_of_a_file_are_those_of_its_integers(make, bits, tmp_path):
    assert widths(make(), tmp_path) == bits


def test_bytes_that_become_reals_before_they_are_computed_with_are_no_width(tmp_path):
    net = Net({"clip": [1, 8, 4, 8, 8]})
    net.inputs[0].type.tensor_type.elem_type = TensorProto.UINT8
    net.node("Cast", to=1)
    net.node("Conv", [net.last, net.weight(8, 8, 3, 3, 3)], pads=[1] * 6)
    assert widths(net, tmp_path) == (None, None)


def test_integers_that_a_clip_is_of_are_a_width(tmp_path):
    net = Net(CLIP)
    net.inputs[0].type.tensor_type.elem_type = TensorProto.UINT8
    net.node("ConvInteger", [net.last, stored(net, 8, 8, 8, 3, 3, 3)], pads=[1] * 6)
    assert widths(net, tmp_path) == (8, 8)


def test_what_is_in_floating_point_is_taken_as_of_the_widest_and_that_is_said(tmp_path):
    path = in_pairs(16, None, 4).save(tmp_path / "net.onnx")
    network, says = load_workload(path), "weights of 4 bits and in floating point; the latter are taken as of 4"
    assert (network.activation_bits, network.weight_bits) == (16, 4)
    assert says in network.description
    assert any(says in note for note in lw3dsim.simulate(path).record.notes)


def test_a_clip_of_reals_has_the_width_that_it_is_quantised_to(tmp_path):
    net = Net(CLIP, opset=21)
    for bits in (8, 16, 8):
        both_ways(net, bits)
        net.node("Conv", [net.last, dequantised(net, 8, 8, 8, 3, 3, 3)], pads=[1] * 6)
    network = load_workload(net.save(tmp_path / "net.onnx"))
    assert (network.activation_bits, network.input_bits) == (16, {"clip": 8})


def test_every_layer_and_tensor_has_the_width_of_its_own_integers(tmp_path):
    net = in_pairs(16, 4, 8)
    both_ways(net, 4)
    net.node("Conv", [net.last, dequantised(net, 4, 8, 8, 3, 3, 3)], pads=[1] * 6)
    path = net.save(tmp_path / "net.onnx")
    network = load_workload(path)
    assert (network.activation_bits, network.weight_bits, network.input_bits) == (16, 8, {})
    *_, first, second, third = (layer for layer in network.layers if layer.kind == "conv3d")
    assert [layer.weight_bits for layer in (first, second, third)] == [4, None, 4]
    assert [layer.activation_bits for layer in (first, second, third)] == [None, 4, None]
    rows = {row.name: row for row in lw3dsim.simulate(path).record.layers}
    elements, weights = 8 * 4 * 8 * 8, 8 * 8 * 27
    assert rows[second.name].compulsory_bytes == 2 * elements + weights + elements // 2
    assert rows[third.name].compulsory_bytes == elements // 2 + weights // 2 + 2 * elements
    assert lw3dsim.execute(path, dtype="int16").exact
    assert parse_workload(workload_text(network)).layers == network.layers


def test_a_run_of_integers_is_that_of_reals_on_an_accelerator_of_these_widths(tmp_path):
    quantised = lw3dsim.simulate(in_pairs(16, 4).save(tmp_path / "net.onnx"))
    widths = {"precision.activation_bits": 16, "precision.weight_bits": 4}
    floating = lw3dsim.simulate(in_pairs(None, None).save(tmp_path / "float.onnx"), overrides=widths)
    assert floating.record.config.arch == quantised.record.config.arch
    assert [replace(layer, name="") for layer in quantised.record.layers] == [
        replace(layer, name="") for layer in floating.record.layers
    ]


def test_traffic_follows_the_widths(tmp_path):
    layers = {}
    for data, weight in ((8, 8), (16, 8), (8, 4)):
        result = lw3dsim.simulate(in_pairs(data, weight).save(tmp_path / f"net_{data}_{weight}.onnx"))
        layers[data, weight] = result.record.layers[-1]
    plain = layers[8, 8].dram_bytes_breakdown
    assert layers[16, 8].dram_bytes_breakdown.ofmap == 2 * plain.ofmap
    assert layers[16, 8].dram_bytes_breakdown.weight == plain.weight
    assert layers[8, 4].dram_bytes_breakdown.weight == pytest.approx(plain.weight / 2, abs=32)  # whole bursts
    more = layers[16, 8].compulsory_bytes - layers[8, 8].compulsory_bytes
    assert more == 2 * 8 * 4 * 8 * 8  # a byte for every element that is read or written


def test_a_run_in_other_widths_than_those_of_the_accelerator_says_so(tmp_path, cli):
    path = in_pairs(16, 8).save(tmp_path / "net.onnx")
    (note,) = lw3dsim.simulate(path).record.notes
    assert note == "activations have 16 bits, as net says, in place of the 8 of edge_base"
    assert f"note: {note}" in cli("simulate", str(path), "--format", "json").stderr
    assert lw3dsim.simulate(path, arch="edge_base", overrides={"precision.activation_bits": 16}).record.notes == ()


@pytest.mark.parametrize("overrides", ["precision.activation_bits=8", "precision={activation_bits: 8}"])
def test_what_the_caller_sets_goes_before_what_the_file_says(overrides, tmp_path):
    path = in_pairs(16, 4).save(tmp_path / "net.onnx")
    result = lw3dsim.simulate(path, overrides=overrides)
    assert result.record.config.arch.precision.activation_bits == 8
    assert "activations have 8 bits, not the 16 of net" in result.record.notes
    loaded = lw3dsim.load_arch("edge_base")
    assert lw3dsim.simulate(path, arch=loaded).record.config.arch == loaded


def test_one_width_is_set_and_the_other_is_that_of_the_file(tmp_path):
    path = in_pairs(16, 4).save(tmp_path / "net.onnx")
    precision = lw3dsim.simulate(path, overrides="precision.activation_bits=8").record.config.arch.precision
    assert (precision.activation_bits, precision.weight_bits) == (8, 4)


def test_widths_are_written_and_read_and_kept_by_passes():
    network = dense_network()
    text = workload_text(network).replace("inputs:", "activation_bits: 16\nweight_bits: 4\ninputs:", 1)
    again = parse_workload(text)
    assert (again.activation_bits, again.weight_bits) == (16, 4)
    assert workload_text(again) == text
    assert parse_workload(workload_text(network)).activation_bits is None
    assert "_bits" not in workload_text(network)
    passed = apply_transforms(again, "fsb")
    assert passed.layers != again.layers
    assert (passed.activation_bits, passed.weight_bits) == (16, 4)
    with pytest.raises(InputError, match="weight_bits"):
        parse_workload(text.replace("weight_bits: 4", "weight_bits: 1"))


SPACE = """
name: of_integers
workloads: [%s]
parameters: {%s}
objectives: [latency_ms]
"""


def points(tmp_path, *workloads, parameters="pe.rows: [4, 8]", sampler="exhaustive"):
    name = str(len(list(tmp_path.glob("*.yaml"))))
    space, storage = tmp_path / f"{name}.yaml", tmp_path / f"{name}.journal"
    space.write_text(SPACE % (", ".join(f"{{workload: {path}}}" for path in workloads), parameters))
    lw3dsim.dse.run(space, storage=storage, sampler=sampler, workers=1)
    return lw3dsim.dse.points(space, storage=storage)


@pytest.mark.parametrize("sampler", ["exhaustive", "screening"])
def test_a_point_of_a_space_costs_what_its_simulation_does(sampler, tmp_path):
    path = in_pairs(16, 8).save(tmp_path / "net.onnx")
    runs = [lw3dsim.simulate(path, overrides={"pe.rows": rows}) for rows in (4, 8)]
    assert points(tmp_path, path, sampler=sampler)["latency_ms"].min() == min(run.totals.latency_ms for run in runs)


def test_networks_of_a_space_are_of_the_same_widths_or_these_are_set(tmp_path):
    both = [in_pairs(bits, 8).save(tmp_path / f"net_{bits}.onnx") for bits in (8, 16)]
    with pytest.raises(InputError, match="net_8, net_16 are in different widths"):
        points(tmp_path, *both)
    fixed = "precision.activation_bits: [16]}\nreference: {latency_ms: 1000"
    assert set(points(tmp_path, *both, parameters=fixed)["state"]) == {"done"}
