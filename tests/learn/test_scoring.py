"""Is a trained network scored in the integers of a chip, on clips that neither trained nor calibrated it?"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lw3dsim import InputError, simulate
from lw3dsim.errors import OutputError

torch = pytest.importorskip("torch", reason="install lw3dsim[train] to run these tests")
pytest.importorskip("sklearn", reason="install lw3dsim[train] to run these tests")

from lw3dsim.exporting.network import Network  # noqa: E402  # there is none without torch
from lw3dsim.learn import score, train  # noqa: E402
from lw3dsim.learn.scoring import with_weights  # noqa: E402
from lw3dsim.network.pipeline import prepare  # noqa: E402
from lw3dsim.network.request import Options, make_request  # noqa: E402

NET = """
name: tiny
description: for tests
inputs: {clip: {channels: 1, frames: 6, height: 16, width: 16}}
parameters: {classes: 5}
layers:
  - {name: a, kind: conv3d, out_channels: 8, kernel: [3, 3, 3], padding: [1, 1, 1], batch_norm: true, activation: relu}
  - {name: b, kind: conv3d, out_channels: 16, kernel: [3, 3, 3], batch_norm: true, activation: relu}
  - {name: pool, kind: pool3d, mode: avg, kernel: global}
  - {name: fc, kind: linear, out_features: $classes}
"""
NARROW = ["precision.transformed_data_bits=8", "precision.transformed_weight_bits=8", "precision.shifts=calibrated"]
NESTED = {"algorithm": "nested", "m1": 2, "m2": 2, "clips": 60, "calibration": 10}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.yaml").write_text(NET)
    train(folder / "tiny.yaml", out=folder / "out", clips=400, epochs=3)
    return folder / "tiny.yaml", folder / "out" / "weights.npz"


def test_answers_of_integers_are_those_of_the_network_and_narrowing_is_told(trained):
    net, weights = trained
    whole, narrow = (score(net, weights=weights, overrides=overrides, **NESTED) for overrides in ([], NARROW))
    assert whole.clips == narrow.clips == 60
    assert whole.float_top1 == narrow.float_top1
    assert whole.agreement > 0.9
    assert all(layer.sqnr_db is None and layer.data_shift == 0 for layer in whole.layers)
    assert [layer.name for layer in narrow.layers] == ["a", "b", "fc"]
    for layer in narrow.layers[:2]:
        assert layer.algorithm.startswith("nested")
        assert (layer.data_bits, layer.weight_bits) == (8, 8)
        assert layer.estimated_db == pytest.approx(layer.sqnr_db, abs=3)
    assert narrow.sqnr_db < whole.sqnr_db


def test_a_simulation_estimates_as_the_calibration_that_it_is_given(trained, tmp_path, cli):
    net, weights = trained
    file = tmp_path / "seen.npz"
    record = score(net, weights=weights, overrides=NARROW, save_calibration=file, **NESTED)
    asked = {"algorithm": "nested", "m1": 2, "m2": 2, "classes": 20}
    seen = simulate(net, calibration=file, overrides=NARROW, **asked).record
    estimated = [layer.estimated_db for layer in record.layers]
    assert [layer.sqnr_db for layer in seen.layers if layer.name in {"a", "b", "fc"}] == pytest.approx(estimated)
    assert seen.totals.sqnr_db != simulate(net, overrides=NARROW, **asked).totals.sqnr_db
    # What loses nothing is exact.
    assert simulate(net, calibration=file, **asked).totals.sqnr_db is None
    words = ("simulate", str(net), "--calibration", str(file), "--set", NARROW[0], "--algorithm", "nested")
    refused = cli(*words, "--m2", "4")
    assert refused.exit_code == 2
    assert "calibration: has nothing on a as nested" in refused.stderr
    with pytest.raises(InputError, match="calibration: is none that"):
        simulate(net, calibration=weights, overrides=NARROW, **asked)
    wide = [*NARROW, "precision.activation_bits=9", "precision.weight_bits=9"]
    with pytest.raises(InputError, match="is of codes of 8 bits, a has 9"):
        simulate(net, calibration=file, overrides=wide, **asked)
    with pytest.raises(OutputError, match="not a calibration"):
        score(net, weights=weights, save_calibration=weights, **NESTED)


def test_shifts_of_the_worst_case_cost_more(trained):
    net, weights = trained
    worst, calibrated = (score(net, weights=weights, overrides=asked, **NESTED) for asked in (NARROW[:2], NARROW))
    assert (worst.shifts, calibrated.shifts) == ("worst_case", "calibrated")
    assert worst.sqnr_db < calibrated.sqnr_db - 3


def test_floating_point_answers_as_the_trained_module(trained):
    net, weights = trained
    prepared = prepare(make_request(str(net), Options(weights=weights, classes=20)))
    own = Network(prepared.written)
    with np.load(weights) as file:
        own.load_state_dict({name: torch.from_numpy(file[name]) for name in file.files})
    clips = np.random.default_rng(0).normal(size=(3, 1, 6, 16, 16)).astype(np.float32)
    answers = [with_weights(prepared).tensors({"clip": clip})["fc"].ravel() for clip in clips]
    with torch.no_grad():
        np.testing.assert_allclose(answers, own.eval()(torch.from_numpy(clips)).flatten(1).numpy(), atol=1e-5)


def test_the_command_writes_what_the_function_returns(trained, tmp_path, cli):
    net, weights = trained
    words = ("--algorithm", "nested", "--m1", "2", "--m2", "2", "--clips", "20", "--calibration", "4")
    given = ("score", str(net), "--weights", str(weights), *words, "--set", NARROW[0], "--out", str(tmp_path))
    said = cli(*given)
    assert said.exit_code == 0, said.stderr
    assert "20 clips of moving_digits: top-1 0." in said.stdout
    record = json.loads((tmp_path / "score.json").read_text())
    again = score(net, weights=weights, overrides=NARROW[:1], **(NESTED | {"clips": 20, "calibration": 4}))
    assert record == again.as_dict()
    assert math.isfinite(record["sqnr_db"])
    (tmp_path / "score.json").write_text("mine")
    refused = cli(*given)
    assert refused.exit_code == 2
    assert "holds text, not a score" in refused.stderr


def test_integers_have_the_bits_of_the_accelerator_unless_others_are_asked_for(trained):
    net, weights = trained
    few = {"precision.activation_bits": 3, "precision.weight_bits": 3}
    scores = [score(net, weights=weights, **NESTED, **how) for how in ({}, {"overrides": few}, {"dtype": "int16"})]
    assert [one.dtype for one in scores] == ["int8", "int3", "int16"]
    # Of more than 8 bits what is left is clips that are larger than those that calibrated.
    assert scores[1].sqnr_db < scores[0].sqnr_db - 10
    assert scores[0].sqnr_db < scores[2].sqnr_db
    assert score(net, weights=weights, **NESTED, overrides=few, dtype="int8") == scores[0]


def test_what_cannot_be_scored_is_refused(trained, cli):
    net, weights = trained
    for changed, says in (
        ({"fusion": "auto"}, "fusion = 'auto': a network is scored with 'off' alone"),
        ({"batch": 2}, "batch = 2: a network is scored with 1 alone"),
        ({"overrides": ["precision.shifts=some"]}, "precision.shifts"),
        ({"overrides": ["precision.weight_bits=4"]}, "precision.weight_bits = 4: .* activations have 8 bits"),
        ({"weights": {"a.weight": np.zeros((8, 1, 3, 3, 3))}}, r"weights: b\.weight is missing"),
        ({"workload": "c3d_small"}, r"unknown weights 'a\.norm\.bias'"),
    ):
        with pytest.raises(InputError, match=says):
            score(**({"workload": net, "weights": weights, **NESTED} | changed))
    assert "--weights" in cli("score", str(net)).stderr
