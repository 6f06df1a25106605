"""Tensors and weights of widths of their own: do traffic, ports, energy and values follow them, and is it said?"""

import numpy as np
import pytest

import lw3dsim
from lw3dsim.describe.workload import Add, Conv3d, Pool3d, Shape, build_workload
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.describe.workload_text import workload_text
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.space_file import parse_space

X = Shape(32, 4, 16, 16)
ELEMENTS = X.elements


def conv(name, source, size=1, **keys):
    window = {"kernel": (1, size, size), "padding": (0, size // 2, size // 2)}
    return Conv3d(name=name, inputs=(source,), out_channels=32, **window, **keys)


def chain(first=None, second=None, size=1, **keys):
    """Two convolutions of ``size`` x ``size``, each with its fields."""
    layers = [conv("a", "x", size, **(first or {})), conv("b", "a", size, **(second or {}))]
    return build_workload(name="net", inputs={"x": X}, layers=layers, **keys)


def rows(network, **how):
    result = lw3dsim.simulate(network, **how)
    return result, {row.name: row for row in result.record.layers}


def test_a_tensor_moves_in_its_own_width_on_both_sides():
    _, plain = rows(chain())
    _, narrow = rows(chain({"activation_bits": 4}))
    assert plain["a"].dram_write_bytes - narrow["a"].dram_write_bytes == ELEMENTS // 2
    read = [each["b"].dram_bytes_breakdown.ifmap for each in (plain, narrow)]
    assert read == [ELEMENTS, ELEMENTS // 2]
    assert narrow["b"].dram_write_bytes == plain["b"].dram_write_bytes == ELEMENTS
    assert narrow["a"].compulsory_bytes == plain["a"].compulsory_bytes - ELEMENTS // 2


def test_weights_move_and_cost_in_their_own_width():
    wide, plain = rows(chain())
    result, narrow = rows(chain({"weight_bits": 4}))
    assert plain["a"].dram_bytes - narrow["a"].dram_bytes == 32 * 32 // 2
    assert narrow["b"].dram_bytes == plain["b"].dram_bytes
    # A product of 8 by 4 bits, as the width of a multiplier says.
    energies = [one.energy.groupby(["layer", "component"])["energy_pj"].sum() for one in (wide, result)]
    before, after = (series["a", "multipliers"] for series in energies)
    assert 0.45 < after / before < 0.75
    assert energies[0]["b", "multipliers"] == energies[1]["b", "multipliers"]


def test_a_port_passes_more_elements_that_are_narrower():
    slow = {"overrides": ["buffers.ifmap_port_bytes=4"]}
    _, plain = rows(chain(), **slow)
    _, narrow = rows(chain({"activation_bits": 4}), **slow)
    assert narrow["a"].latency_cycles > 0.9 * plain["a"].latency_cycles
    assert narrow["b"].latency_cycles < 0.7 * plain["b"].latency_cycles


def test_a_design_is_as_large_as_the_widest_of_its_layers_asks():
    both = {"activation_bits": 16, "weight_bits": 16}
    areas = [
        lw3dsim.simulate(network, "edge_base").totals.area_mm2
        for network in (chain(), chain(both), chain(both, both, input_bits={"x": 16}))
    ]
    assert areas[0] < areas[1] <= areas[2]


@pytest.mark.parametrize("fusion", ["off", "auto"])
@pytest.mark.parametrize("algorithm", ["direct", "hfa"])
def test_values_are_those_that_the_widths_hold(fusion, algorithm):
    network = chain({"activation_bits": 4, "weight_bits": 3, "activation": "relu"}, {"activation_bits": 5}, size=3)
    result = lw3dsim.execute(network, algorithm=algorithm, fusion=fusion, objective="dram_bytes")
    assert result.exact
    assert 7 < np.abs(result.outputs["b"]).max() <= 15
    assert all(row.sqnr_db is None or row.sqnr_db > 250 for row in lw3dsim.execute(network, dtype="float64").layers)


def test_a_fused_group_keeps_tensors_in_their_own_width():
    how = {"fusion": "auto", "objective": "dram_bytes"}
    (plain,), (narrow,) = (
        lw3dsim.simulate(one, **how).record.layers for one in (chain(), chain({"activation_bits": 4}))
    )
    assert plain.name == narrow.name == "a+b"
    assert narrow.dram_bytes == plain.dram_bytes
    assert narrow.intermediate_write_bytes == plain.intermediate_write_bytes // 2
    (half,) = lw3dsim.simulate(chain(input_bits={"x": 4}), **how).record.layers
    assert plain.dram_bytes - half.dram_bytes == ELEMENTS // 2


def test_what_is_read_or_moved_together_is_in_the_widest_of_its_widths():
    layers = [
        conv("a", "x", activation_bits=4),
        conv("b", "x", activation_bits=6),
        Add(name="sum", inputs=("a", "b"), activation_bits=4),
        Pool3d(name="p", inputs=("sum",), mode="max", kernel=(1, 2, 2)),
    ]
    result, found = rows(build_workload(name="net", inputs={"x": X}, layers=layers))
    assert found["a"].dram_write_bytes == found["b"].dram_write_bytes == ELEMENTS * 6 // 8
    assert found["sum"].dram_write_bytes == ELEMENTS // 2
    assert found["p"].dram_bytes == ELEMENTS // 2 + ELEMENTS // 8
    assert result.record.notes == (
        "activations of 3 tensors have 4 and 6 bits, as net says of each",
        "a: taken as of 6 bits, as what is read or moved together",
    )


def test_what_the_command_line_sets_is_the_width_of_all():
    network = chain({"activation_bits": 4, "weight_bits": 4})
    result, found = rows(network, overrides=["precision.activation_bits=8"])
    _, weights = rows(chain({"weight_bits": 4}))
    assert found["a"].dram_bytes == weights["a"].dram_bytes
    assert result.record.notes == (
        "all activations have 8 bits, not the 4 that net says of some",
        "weights of 1 layer have 4 bits, as net says of each",
    )


def test_a_file_says_widths_and_keeps_them():
    network = chain({"activation_bits": 4}, {"weight_bits": 4}, 3, input_bits={"x": 6}, weight_bits=5)
    again = parse_workload(workload_text(network))
    assert again.layers == network.layers
    assert (again.input_bits, again.weight_bits) == ({"x": 6}, 5)
    passed = lw3dsim.transform.apply_transforms(network, "depthwise_pointwise")
    assert {layer.weight_bits for layer in passed.layers if layer.name.startswith("b.")} == {4}
    assert passed.input_bits == {"x": 6}


def test_a_sampled_input_is_as_wide_as_its_source():
    text = workload_text(chain(input_bits={"x": 6}))
    text = text.replace("layers:", "  y: {sample_of: x, frame_stride: 2}\nlayers:", 1)
    text += "  - {name: c, kind: activation, inputs: x}\n"
    assert parse_workload(text).input_bits == {"x": 6, "y": 6}


def test_a_point_of_a_space_costs_what_its_simulation_does(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(workload_text(chain({"activation_bits": 4}, {"weight_bits": 4})), encoding="utf-8")
    text = f"name: widths\nworkloads: [{{workload: {path}}}]\nobjectives: [dram_mb, area_mm2]\nparameters: "
    for parameters in ("{pe.rows: [8, 16], precision.activation_bits: [8, 16]}", "{pe.rows: [8, 16]}"):
        space = parse_space(text + parameters)
        evaluator = Evaluator(space)
        for choice in space.all_choices():
            point = space.point(choice)
            run = lw3dsim.simulate(path, overrides=list(point.overrides)).totals
            metrics = evaluator.evaluate(point).metrics
            assert metrics["area_mm2"] == run.area_mm2
            assert metrics["dram_mb"] == pytest.approx(run.dram_bytes / 1e6)
