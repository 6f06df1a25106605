"""Are designs judged by what a network answers in their integers: measured once for each arithmetic, and kept?"""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from lw3dsim import InputError, dse
from lw3dsim.base.values import replace
from lw3dsim.errors import OutputError
from lw3dsim.explore.answers import Kept, Memory
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.metrics import METRICS, cost
from lw3dsim.explore.space_file import load_space, parse_space
from lw3dsim.explore.study import remembering

pytest.importorskip("sklearn", reason="install scikit-learn to run these tests")

from lw3dsim.learn import examination, score

NET = """
name: tiny
description: for tests
inputs: {clip: {channels: 1, frames: 4, height: 12, width: 12}}
parameters: {classes: 20}
layers:
  - {name: conv, kind: conv3d, out_channels: 6, kernel: [3, 3, 3], padding: [1, 1, 1], activation: relu}
  - {name: pool, kind: pool3d, mode: avg, kernel: [2, 4, 4]}
  - {name: fc, kind: linear, out_features: $classes}
"""
SPACE = """
name: small
arch: edge_small
workloads:
  - {workload: %s, algorithm: nested, accuracy: {weights: weights.npz, clips: 30, calibration: 6}}
parameters:
  winograd.m2: [2, 4]
  precision.transformed_data_bits: [null, 6]
  precision.shifts: [worst_case, calibrated]
  pe.rows: [2, 4]
objectives: [latency_ms, agreement]
constraints: {accuracy: {min: 0.01}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("space")
    (folder / "tiny.yaml").write_text(NET)
    random = np.random.default_rng(2)
    np.savez(
        folder / "weights.npz",
        **{
            "conv.weight": random.normal(size=(6, 1, 3, 3, 3)),
            "fc.weight": random.normal(size=(20, 108)),
            "fc.bias": np.zeros(20),
        },
    )
    (folder / "small.yaml").write_text(SPACE % (folder / "tiny.yaml"))
    return folder


@pytest.fixture
def asked(monkeypatch):
    """How often a network was had answer."""
    counts = []
    own = examination.Examination.answers
    monkeypatch.setattr(examination.Examination, "answers", lambda self, *given: counts.append(1) or own(self, *given))
    return counts


def outcomes(space):
    evaluator = Evaluator(space)
    return {choice: evaluator.evaluate(space.point(choice)) for choice in space.all_choices()}


def test_designs_that_compute_alike_are_measured_once_and_a_new_process_not_at_all(folder, asked, tmp_path):
    space = remembering(load_space(folder / "small.yaml"), str(tmp_path / "small.journal"))
    found = outcomes(space)
    assert all(outcome.state == "done" for outcome in found.values())
    # Whole: one. Narrow: two tiles, two kinds of shifts.
    assert len(asked) == 5
    lines = (tmp_path / "small.answers").read_text().split()
    assert len(lines) == 5
    (tmp_path / "small.answers").write_text("\n" + "\n\n".join(lines) + '\n\n{"asked": "killed he')
    asked.clear()
    assert {c: o.metrics for c, o in outcomes(space).items()} == {c: o.metrics for c, o in found.items()}
    assert not asked
    assert {o.metrics["agreement"] for o in found.values()} != {1.0}


def test_a_design_answers_as_score_says_without_torch(folder, asked, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    space = load_space(folder / "small.yaml")
    point = space.point(space.choice_of({
        "winograd.m2": 4, "precision.transformed_data_bits": 6, "precision.shifts": "calibrated", "pe.rows": 2,
    }))  # fmt: skip
    outcome = Evaluator(space).evaluate(point)
    record = score(
        folder / "tiny.yaml", weights=folder / "weights.npz", arch="edge_small", algorithm="nested",
        overrides=list(point.overrides), clips=30, calibration=6,
    )  # fmt: skip
    assert outcome.metrics["agreement"] == record.agreement
    assert outcome.metrics["accuracy"] == record.top1
    assert asked


def test_agreement_is_predicted_without_a_clip_answered(folder, asked):
    text = (folder / "small.yaml").read_text().replace("agreement]", "predicted_agreement]")
    (folder / "predicted.yaml").write_text(text.partition("constraints")[0])
    found = outcomes(load_space(folder / "predicted.yaml"))
    assert not asked
    measured = outcomes(load_space(folder / "small.yaml"))
    off = [one.metrics["predicted_agreement"] - measured[c].metrics["agreement"] for c, one in found.items()]
    assert max(map(abs, off)) < 0.5
    assert np.mean(np.abs(off)) < 0.15
    assert len({one.metrics["predicted_agreement"] for one in found.values()}) == 5
    overflowing = "parameters:\n  precision.accumulator_bits: [14]\n  precision.overflow: [wrap]\n"
    (folder / "wraps.yaml").write_text(text.partition("constraints")[0].replace("parameters:\n", overflowing))
    space = load_space(folder / "wraps.yaml")
    outcome = Evaluator(space).evaluate(space.point(next(iter(space.all_choices()))))
    assert outcome.state == "infeasible"
    assert "its sums may overflow" in outcome.reason


def test_a_study_has_the_measured_objective(folder, tmp_path):
    study = dse.run(folder / "small.yaml", storage=tmp_path / "study.journal", workers=1)
    assert len(study.records) == 16
    assert (tmp_path / "study.answers").is_file()
    assert max(record.outcome.metrics["agreement"] for record in study.front) > 0.7
    assert cost("agreement", cost("agreement", 0.25)) == 0.25
    assert METRICS["agreement"].best == 1
    assert study.settings.reference[1] == 1  # agreement counts from 0


def test_what_is_no_file_of_answers_is_left_as_it_is(tmp_path):
    path = tmp_path / "mine.answers"
    path.write_text("my notes\n")
    with pytest.raises(OutputError, match="holds no answers of a study"):
        Memory(path).find("x")
    assert path.read_text() == "my notes\n"
    path.unlink()
    one, other = Memory(path), Memory(path)
    assert other.find("x") is None
    one.keep(Kept("x", 0.5, 0.25))
    assert other.find("x") == Kept("x", 0.5, 0.25)
    assert json.loads(path.read_text())["agreement"] == 0.5


def test_spaces_that_can_measure_nothing_are_refused(folder, cli):
    text = SPACE % (folder / "tiny.yaml")
    for old, new, says in (
        (
            ", accuracy: {weights: weights.npz, clips: 30, calibration: 6}",
            "",
            "agreement is measured: give its accurac",
        ),
        ("weights.npz", "none.npz", "none.npz cannot be read"),
        ("clips: 30", "clips: 0", "accuracy.clips"),
        ("nested,", "nested, fusion: auto,", "agreement is measured with fusion off alone"),
        ("  pe.rows: [2, 4]", "  run.batch: [1, 2]", "agreement is measured with batch 1 alone"),
    ):
        assert old in text
        with pytest.raises(InputError, match=says):
            parse_space(text.replace(old, new), str(folder / "small.yaml"))
    (folder / "bad.yaml").write_text(text.replace("agreement]", "agreements]"))
    refused = cli("dse", "run", str(folder / "bad.yaml"))
    assert refused.exit_code == 2
    assert "did you mean 'agreement'" in refused.stderr


def test_widths_that_differ_cannot_be_scored(folder):
    space = load_space(folder / "small.yaml")
    loaded = replace(space, arch="edge_small")
    point = replace(loaded.point((0, 0, 0, 0)), values=(("precision.weight_bits", 6),))
    outcome = Evaluator(loaded).evaluate(point)
    assert outcome.state == "infeasible"
    assert "a network is scored in integers of one width" in outcome.reason
