"""Is a training what was asked for: the same for the same seed, whole after a kill, no worse than chance allows?"""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
import time

import numpy as np
import pytest

from lw3dsim import InputError, OutputError, execute, load_workload
from lw3dsim.learn.curves import Score, scored
from lw3dsim.learn.options import as_splits
from lw3dsim.learn.schedule import Descent

torch = pytest.importorskip("torch", reason="install lw3dsim[train] to run these tests")
pytest.importorskip("sklearn", reason="install lw3dsim[train] to run these tests")

from lw3dsim.exporting.network import Network  # noqa: E402  # there is none without torch
from lw3dsim.learn import train  # noqa: E402
from lw3dsim.learn.modules import new_network  # noqa: E402

NET = """
name: tiny
description: for tests
inputs: {clip: {channels: 1, frames: 4, height: 12, width: 12}}
parameters: {classes: 5}
layers:
  - {name: conv, kind: conv3d, out_channels: 6, kernel: [3, 3, 3], padding: [1, 1, 1], batch_norm: true,
     activation: relu}
  - {name: pool, kind: pool3d, mode: max, kernel: [2, 2, 2]}
  - {name: fc, kind: linear, out_features: $classes}
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "tiny.yaml"
    path.write_text(NET)
    return path


@pytest.fixture(autouse=True)
def few_clips(monkeypatch):
    monkeypatch.setattr("lw3dsim.learn.digits.HELD_OUT", {"validation": 20, "test": 30})


def weights(folder):
    with np.load(folder / "weights.npz") as file:
        return {name: file[name].tobytes() for name in file.files}


def test_one_seed_is_one_result_however_often_it_was_interrupted(net, tmp_path):
    asked = {"clips": 100, "batch": 20, "epochs": 3}

    class Stop(Exception):  # noqa: N818  # no error
        pass

    def stop_at(step):
        def progress(done, _):
            if done == step:
                raise Stop

        return progress

    whole = train(net, out=tmp_path / "whole", **asked)
    for step in (2, 7, 8, 15):
        with pytest.raises(Stop):
            train(net, out=tmp_path / "parts", resume=True, checkpoint_s=0, progress=stop_at(step), **asked)
    parts = train(net, out=tmp_path / "parts", resume=True, **asked)
    assert weights(tmp_path / "whole") == weights(tmp_path / "parts")
    assert parts.epochs == whole.epochs
    for name in ("curves.csv", "training.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    train(net, out=tmp_path / "other", seed=1, **asked)
    assert weights(tmp_path / "other") != weights(tmp_path / "whole")


def test_a_training_that_is_killed_twice_ends_with_the_same_weights(net, tmp_path):
    asked = {"clips": 60, "batch": 10, "epochs": 20, "checkpoint_s": 0}
    words = [word for name, value in asked.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, "-m", "lw3dsim", "train", str(net), *words, "--resume", "--out", tmp_path / "killed"]
    checkpoint, inode = tmp_path / "killed" / "checkpoint.npz", None
    for _ in range(2):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            seen = set()
            while len(seen) < 4:  # some steps further than the last one got
                assert process.poll() is None
                inode = checkpoint.stat().st_ino if checkpoint.exists() else inode
                seen.add(inode)
                time.sleep(0.001)
            process.kill()
        assert not (tmp_path / "killed" / "weights.npz").exists()
    train(net, out=tmp_path / "killed", resume=True, **asked)
    train(net, out=tmp_path / "whole", **asked)
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    names = ["checkpoint.npz", "curves.csv", "training.json", "weights.npz"]
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == names


def test_what_is_written_is_read_by_execute_and_says_the_same(net, tmp_path):
    trained = train(net, out=tmp_path, clips=40, batch=20, epochs=2)
    clip = np.random.default_rng(0).normal(size=(1, 4, 12, 12)).astype(np.float32)
    network = load_workload(net, classes=20)
    made = execute(network, dtype="float64", weights=tmp_path / "weights.npz", inputs={"clip": clip})
    with torch.no_grad():
        wanted = trained.network(torch.from_numpy(clip)[None]).numpy()[0]
    np.testing.assert_allclose(made.outputs["fc"], wanted, atol=1e-5)
    rows = list(csv.DictReader((tmp_path / "curves.csv").read_text().splitlines()))
    record = json.loads((tmp_path / "training.json").read_text())
    assert [int(row["epoch"]) for row in rows] == [1, 2]
    assert [float(row["train_loss"]) for row in rows] == [epoch["train_loss"] for epoch in record["epochs"]]
    assert record["test_clips"] == 30
    assert record["parameters"] == sum(map(network.layer_params, network.layers))


def test_passes_are_applied_and_named(net, tmp_path):
    trained = train(net, "trg:layers=1", out=tmp_path, clips=20, batch=20, epochs=1)
    assert trained.transforms == ("trg:layers=1",)
    assert "conv.trg" in trained.network.paths


def test_motion_is_learnt_and_a_single_frame_tells_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("lw3dsim.learn.digits.HELD_OUT", {"validation": 20, "test": 400})
    network = """
name: control
description: for tests
inputs: {{clip: {{channels: 1, frames: {frames}, height: 16, width: 16}}}}
parameters: {{classes: 5}}
layers:
  - {{name: a, kind: conv3d, out_channels: 16, kernel: [{frames}, 5, 5], batch_norm: true, activation: relu}}
  - {{name: b, kind: conv3d, out_channels: 32, kernel: [1, 3, 3], batch_norm: true, activation: relu}}
  - {{name: pool, kind: pool3d, mode: avg, kernel: global}}
  - {{name: fc, kind: linear, out_features: $classes}}
"""
    shares = {}
    for frames in (1, 6):
        path = tmp_path / f"{frames}.yaml"
        path.write_text(network.format(frames=frames))
        trained = train(path, out=tmp_path / str(frames), clips=400, epochs=6, lr=0.05)
        shares[frames] = trained.test_top1
    # One of twenty, and three deviations of 400 clips.
    chance = 1 / 20 + 3 * math.sqrt(1 / 20 * 19 / 20 / 400)
    assert shares[1] < chance < shares[6]


def test_weights_begin_as_large_as_keeps_the_size_of_values():
    network = load_workload("c3d_small", input_size="4x16x16")
    module = new_network(network, 0)
    assert isinstance(module, Network)
    assert float(module.conv3a.weight.detach().std()) == pytest.approx(math.sqrt(2 / (27 * 32)), rel=0.05)
    assert float(module.fc4.weight.detach().std()) == pytest.approx(math.sqrt(1 / 64), rel=0.05)
    assert not module.fc4.bias.any()


@pytest.mark.parametrize(
    ("schedule", "warmup", "rates"),
    [
        ("cosine", 0, [1.0, 0.8535533905932737, 0.5, 0.14644660940672627]),
        ("step", 0, [1.0, 1.0, 0.1, 0.1]),
        ("step", 1, [1 / 3, 2 / 3, 0.1, 0.1]),
    ],
)
def test_learning_rates_rise_and_fall_as_scheduled(schedule, warmup, rates):
    descent = Descent(
        lr=1, momentum=0.9, weight_decay=0, schedule=schedule, step_epochs=1, warmup_epochs=warmup, epochs=2, steps=2
    )
    assert [descent.rate(epoch, step) for epoch in range(2) for step in range(2)] == pytest.approx(rates)


def test_answers_are_scored_by_their_rank():
    logits = np.zeros((3, 7), dtype=np.float32)
    logits[0, 3], logits[1, :5] = 1, 1
    score = scored(logits, np.array([3, 4, 5]))
    assert (score.clips, score.first, score.five) == (3, 1, 2)
    losses = [math.log(6 + math.e) - 1, math.log(2 + 5 * math.e) - 1, math.log(7)]
    assert score.loss == pytest.approx(sum(losses))
    assert score.plus(score) == Score(6, pytest.approx(2 * sum(losses)), 2, 4)


def test_a_training_is_neither_overwritten_nor_resumed_as_another(net, tmp_path):
    asked = {"clips": 20, "batch": 20, "epochs": 1, "out": tmp_path}
    train(net, **asked)
    before = weights(tmp_path)
    with pytest.raises(InputError, match="holds a training, 1 epochs of it done; resume it, or give another folder"):
        train(net, **asked)
    with pytest.raises(InputError, match=r"is of a training with lr = 0.05, not 0.5"):
        train(net, resume=True, lr=0.5, **asked)
    with pytest.raises(InputError, match=r"is of a training with network = "):
        train(net, "trg:layers=1", resume=True, **asked)
    checkpoint = tmp_path / "checkpoint.npz"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[:300] + whole[400:])
    with pytest.raises(InputError, match=r"checkpoint.npz: is no checkpoint \(\w+\); delete it to begin anew"):
        train(net, resume=True, **asked)
    checkpoint.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"checkpoint.npz: holds text, not a checkpoint"):
        train(net, resume=True, **asked)
    checkpoint.write_bytes(whole)
    (tmp_path / "curves.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"curves.csv: holds text, not a table of epochs"):
        train(net, **asked)
    assert weights(tmp_path) == before


def test_a_training_that_diverges_says_so(net, tmp_path):
    with pytest.raises(InputError, match=r"lr = 100: the loss is no number any more in epoch \d+; give less"):
        train(net, out=tmp_path, clips=60, batch=10, epochs=30, lr=100, weight_decay=1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--data", "nowhere"), "data nowhere: there is no such folder; give moving_digits"),
        (("--lr", "-1"), "--lr -1.0: expected a number from 0 to 100"),
        (("--schedule", "cos"), "unknown schedule 'cos'; did you mean 'cosine'"),
        (("--splits", "1,4"), "--splits '1,4': expected splits of UCF-101"),
        (("--device", "cuda"), "device cuda: PyTorch finds no GPU here"),
        (("--input", "4x12"), "--input '4x12': expected frames, height and width"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(net, tmp_path, cli, words, says):
    if "cuda" in words and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    result = cli("train", str(net), "--out", str(tmp_path / "out"), *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_network_without_an_output_per_class_is_refused(tmp_path):
    path = tmp_path / "five.yaml"
    path.write_text(NET.replace("$classes", "5"))
    network = load_workload(path)
    with pytest.raises(InputError, match=r"ends with fc 5x1x1x1; the data has 20 classes, and takes one output each"):
        train(network, out=tmp_path / "out")


@pytest.mark.parametrize("given", ["1,2", [2, 1], (1, 2), "2, 1"])
def test_splits_are_numbers_in_any_form(given):
    assert as_splits("splits", given) == (1, 2)
