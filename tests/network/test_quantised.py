"""Is a network in integers the network, to what its steps and its dropped bits cost?"""

from __future__ import annotations

import numpy as np
import pytest

from lw3dsim import InputError, load_workload
from lw3dsim.arithmetic.number import NUMBERS
from lw3dsim.base.values import replace
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.network.calibration import Calibration, arithmetic_of
from lw3dsim.network.given import given_weights, weight_size
from lw3dsim.network.pipeline import map_prepared, prepare
from lw3dsim.network.quantised import weighty
from lw3dsim.network.request import Options, make_request
from lw3dsim.network.widths import with_width

INT8, INT16 = NUMBERS["int8"], NUMBERS["int16"]

# Every kind of layer that can be quantised, sums of tensors of unlike steps among them.
NET = """
name: net
description: for tests
inputs: {clip: {channels: 3, frames: 4, height: 12, width: 12}}
layers:
  - {name: a, kind: conv3d, out_channels: 8, kernel: [3, 3, 3], padding: [1, 1, 1], batch_norm: true, activation: relu}
  - {name: trg, kind: trg}
  - {name: b, kind: conv3d, out_channels: 8, kernel: [3, 1, 1], padding: [1, 0, 0], activation: swish}
  - {name: sum, kind: add, inputs: [a, b], activation: relu}
  - {name: norm, kind: batch_norm, activation: relu6}
  - {name: product, kind: mul, inputs: [norm, a]}
  - {name: first, kind: slice, inputs: product, dim: frames, start: 0, stop: 2}
  - {name: last, kind: slice, inputs: product, dim: frames, start: 2, stop: 4}
  - {name: other, kind: conv3d, inputs: last, out_channels: 4, kernel: [1, 3, 3], padding: [0, 1, 1], bias: true}
  - {name: both, kind: concat, inputs: [first, other]}
  - {name: shuffle, kind: channel_shuffle, groups: 2}
  - {name: max, kind: pool3d, mode: max, kernel: [1, 2, 2]}
  - {name: mean, kind: pool3d, mode: avg, kernel: global}
  - {name: fc, kind: linear, out_features: 5}
"""


# Products of computed tensors, what is taken over channels, a transposed convolution.
ATTENTION = """
name: attention
description: for tests
inputs: {clip: {channels: 3, frames: 4, height: 12, width: 12}}
layers:
  - {name: a, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], stride: [1, 4, 4], padding: [0, 1, 1]}
  - {name: first, kind: layer_norm}
  - {name: scaled, kind: batch_norm}
  - {name: q, kind: conv3d, inputs: scaled, out_channels: 8, kernel: [1, 1, 1]}
  - {name: k, kind: conv3d, inputs: scaled, out_channels: 8, kernel: [1, 1, 1]}
  - {name: v, kind: conv3d, inputs: scaled, out_channels: 8, kernel: [1, 1, 1]}
  - {name: scores, kind: matmul, inputs: [q, k], transpose: true, heads: 2, scale: 0.5}
  - {name: shares, kind: softmax, groups: 2}
  - {name: mixed, kind: matmul, inputs: [shares, v], heads: 2}
  - {name: sum, kind: add, inputs: [a, mixed]}
  - {name: norm, kind: layer_norm}
  - {name: mean, kind: pool3d, mode: avg, kernel: global}
  - {name: share, kind: conv3d, out_channels: 8, kernel: [1, 1, 1], activation: sigmoid}
  - {name: gate, kind: gate, inputs: [norm, share]}
  - {name: up, kind: conv_transpose3d, out_channels: 4, kernel: [1, 2, 2], stride: [1, 2, 2]}
  - {name: last, kind: pool3d, mode: avg, kernel: global}
  - {name: fc, kind: linear, out_features: 5}
"""


def setting(text=NET, number=INT8, seed=0, **options):
    network = parse_workload(text, "net.yaml")
    random = np.random.default_rng(seed)
    weights = {}
    for layer in network.layers:
        inputs = network.input_shapes(layer)
        if layer.weights(inputs):
            size = weight_size(network, layer)
            channels, count = network.shapes[layer.name].channels, int(np.prod(size[1:]))
            weights[f"{layer.name}.weight"] = random.normal(0, 0.8 / np.sqrt(count), size)
            if layer.kind == "batch_norm":
                weights[f"{layer.name}.weight"] = random.uniform(0.5, 1.5, size)
            # Channels of very unlike sizes, as folding leaves them.
            weights[f"{layer.name}.weight"] *= np.exp(random.normal(0, 0.4, size[0]))[:, None, None, None, None]
            if layer.biases(inputs):
                weights[f"{layer.name}.bias"] = random.normal(0, 0.2, channels)
    prepared = prepare(make_request(network, Options(weights=weights, dtype=number.name, **options)))
    prepared = replace(prepared, design=with_width(prepared.design, number))
    clips = [{"clip": random.normal(0, 1, (3, 4, 12, 12))} for _ in range(12)]
    readers = given_weights(prepared).readers
    return prepared, weighty(prepared.network, {name: read() for name, read in readers.items()}), clips


def made(prepared, float_network, clips, number=INT8):
    """The network in integers, calibrated on half of the clips, and its SQNR in dB on the others."""
    network = Calibration(float_network, number, clips[:6]).quantised(map_prepared(prepared), prepared.design)
    signal = noise = 0.0
    for clip in clips[6:]:
        (wanted,) = (float_network.tensors(clip)[name] for name in network.outputs)
        (got,) = network(clip).values()
        signal, noise = signal + np.square(wanted).sum(), noise + np.square(wanted - got).sum()
    return network, 10 * np.log10(signal / noise)


@pytest.mark.parametrize(("number", "least"), [(INT8, 25), (INT16, 70)])
def test_integers_are_the_network_to_what_their_steps_cost(number, least):
    prepared, float_network, clips = setting(number=number)
    # Scored on the clips that calibrate: nothing saturates.
    _, db = made(prepared, float_network, 2 * clips[:6], number)
    assert db > least


@pytest.mark.parametrize(("number", "least"), [(INT8, 15), (INT16, 50)])
def test_products_of_computed_tensors_are_the_network_too(number, least):
    prepared, float_network, clips = setting(ATTENTION, number)
    network, db = made(prepared, float_network, 2 * clips[:6], number)
    assert db > least
    unit = {stage.layer.name: stage.step for stage in network.stages}
    assert (unit["shares"], unit["norm"]) == (1 / number.largest, 8 / 2 ** (number.bits - 1))
    narrow = ["precision.accumulator_bits=12", "precision.overflow=wrap"]
    prepared, float_network, clips = setting(ATTENTION, number, overrides=narrow)
    with pytest.raises(InputError, match="its products of two computed tensors may overflow"):
        made(prepared, float_network, clips, number)


def test_all_steps_are_known_and_those_of_weights_are_per_channel():
    prepared, float_network, clips = setting()
    network, _ = made(prepared, float_network, clips)
    stages = {stage.layer.name: stage for stage in network.stages}
    assert len(stages) == len(float_network.order)
    for name in ("a", "b", "other", "fc", "norm"):
        assert len(np.unique(stages[name].own_step)) == len(stages[name].own_step)
        assert (np.abs(stages[name].weights.reshape(len(stages[name].weights), -1)).max(axis=1) == 127).all()
    for name in ("max", "shuffle", "first"):  # no value becomes larger: no step changes
        assert stages[name].step == stages[stages[name].layer.inputs[0]].step
        assert stages[name].after is None


def test_fast_algorithms_in_full_width_change_nothing():
    answers = {}
    for algorithm in ("direct", "hfa", "nested"):
        prepared, float_network, clips = setting(algorithm=algorithm, m1=2, m2=4)
        network, _ = made(prepared, float_network, clips)
        answers[algorithm] = network(clips[7])["fc"]
        assert all(stage.shifts is None for stage in network.stages)
    assert np.array_equal(answers["direct"], answers["hfa"])
    assert np.array_equal(answers["direct"], answers["nested"])


def test_calibrated_shifts_lose_less_than_the_worst_case_and_taps_less_than_tensors():
    narrow = ["precision.transformed_data_bits=9", "precision.transformed_weight_bits=9"]
    db = {}
    for how in (("calibrated", "tap"), ("calibrated", "tensor"), ("worst_case", "tap"), ("worst_case", "tensor")):
        asked = [*narrow, f"precision.shifts={how[0]}", f"precision.shifts_per={how[1]}"]
        prepared, float_network, clips = setting(algorithm="nested", m1=2, m2=4, overrides=asked)
        network, db[how] = made(prepared, float_network, clips)
        narrowed = {stage.layer.name for stage in network.stages if stage.estimated_db is not None}
        assert narrowed == {"a"}
    assert db["calibrated", "tap"] > db["worst_case", "tap"] > db["worst_case", "tensor"]
    assert db["calibrated", "tap"] > db["calibrated", "tensor"] > db["worst_case", "tensor"]


def test_designs_share_answers_where_they_compute_alike():
    def arithmetic(*overrides, **options):
        prepared, *_ = setting(algorithm="nested", overrides=list(overrides), **({"m1": 2, "m2": 4} | options))
        return arithmetic_of(map_prepared(prepared), prepared.design, INT8)

    narrow = "precision.transformed_data_bits=9"
    assert arithmetic() == arithmetic(m1=4, m2=2) == arithmetic("precision.shifts=calibrated") == ("int8",)
    assert arithmetic(narrow) == arithmetic(narrow, "pe.rows=4") != arithmetic()
    others = {
        arithmetic(narrow),
        arithmetic(narrow, m1=4),
        arithmetic("precision.transformed_data_bits=8"),
        arithmetic(narrow, "precision.shifts=calibrated"),
        arithmetic(narrow, "precision.shifts_per=tensor"),
        arithmetic(narrow, "precision.accumulator_bits=16", "precision.overflow=saturate"),
        arithmetic("precision.accumulator_bits=16", "precision.overflow=saturate"),
        arithmetic("precision.accumulator_bits=16", "precision.overflow=wrap"),
    }
    assert len(others) == 8


def test_sums_that_overflow_are_those_of_the_schedule():
    prepared, float_network, clips = setting(overrides=["precision.accumulator_bits=14", "precision.overflow=wrap"])
    network, _ = made(prepared, float_network, clips)
    assert {stage.layer.name for stage in network.stages if stage.whole is not None} >= {"a", "b"}
    whole, _ = made(*setting())
    assert not np.array_equal(network(clips[7])["fc"], whole(clips[7])["fc"])


def test_what_cannot_be_quantised_is_refused_and_so_are_weights_that_are_missing():
    network = parse_workload(NET + "  - {name: mean_so_far, kind: running_mean, inputs: max}\n", "net.yaml")
    with pytest.raises(InputError, match="mean_so_far of net: a layer of kind running_mean cannot be quantised yet"):
        weighty(network, dict.fromkeys((layer.name for layer in network.layers), (None, None)))
    with pytest.raises(InputError, match=r"weights: conv1a\.weight is missing; give the weights of all layers"):
        weighty(load_workload("c3d_small"), {})
