"""Is a point that takes too long stopped, kept as failed, and never tried again?"""

from __future__ import annotations

import csv
import os
import signal
import time

import pytest

from lw3dsim.explore.plan import Proposal
from lw3dsim.explore.space_file import parse_space
from lw3dsim.explore.workers import Pool

SPACE = "name: s\nworkloads: [{workload: %s}]\nparameters: {pe.rows: [4, 8, 16]}\nobjectives: [latency_ms]\n"
LIMIT_S = 4.0


@pytest.fixture
def proposals():
    space = parse_space(SPACE % "c3d")
    return space, [Proposal(index=i, point=space.point(space.numbered(i)), notes={}, front=()) for i in range(3)]


def answers(pool, count):
    done = []
    while len(done) < count:
        done += pool.collect(10)
    return [(proposal.index, outcome.state) for proposal, outcome in done], [outcome.reason for _, outcome in done]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_point_that_hangs_is_stopped_and_the_others_are_evaluated(proposals, workers):
    space, (hanging, *others) = proposals
    # A worker has two points at hand: the one that hangs, and one behind it.
    others = others[: 2 * workers - 1]
    with Pool(space, workers, limit_s=LIMIT_S) as pool:
        pool.begin(with_bounds=False)
        while pool.ready < workers:
            assert pool.collect(0.05) == []
        begun, stopped = time.monotonic(), pool.pids[0]
        os.kill(stopped, signal.SIGSTOP)
        pool.give([hanging], 0)
        for proposal in others:
            pool.give([proposal], pool.takers[0])
        states, reasons = answers(pool, 1 + len(others))
        assert time.monotonic() - begun >= LIMIT_S
        assert sorted(states) == [(0, "failed"), *((proposal.index, "done") for proposal in others)]
        assert max(reasons) == "took longer than 4 s, the limit of a point, and was stopped"
        assert stopped not in pool.pids
        assert len(pool.pids) == workers


def test_the_clock_of_a_point_runs_from_the_answer_before_it(proposals):
    space, (first, second, _) = proposals
    with Pool(space, 1, limit_s=LIMIT_S) as pool:
        pool.begin(with_bounds=False)
        # Waiting for work, and at hand behind another point, no time passes.
        while not pool.ready:
            assert pool.collect(0.05) == []
        time.sleep(LIMIT_S)
        pool.give([first, second], 0)
        assert answers(pool, 2)[0] == [(0, "done"), (1, "done")]


def test_without_a_limit_a_point_may_take_any_time(proposals):
    space, (slow, *_) = proposals
    with Pool(space, 1) as pool:
        pool.begin(with_bounds=False)
        while not pool.ready:
            assert pool.collect(0.05) == []
        os.kill(pool.pids[0], signal.SIGSTOP)
        pool.give([slow], 0)
        assert pool.collect(1) == []
        os.kill(pool.pids[0], signal.SIGCONT)
        assert answers(pool, 1)[0] == [(0, "done")]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_study_keeps_what_was_stopped_and_a_resumed_one_does_not_try_it_again(cli, tmp_path, monkeypatch, workers):
    monkeypatch.setenv("LW3DSIM_MAPPING_CACHE", "0")
    space, storage, out = tmp_path / "s.yaml", tmp_path / "study", tmp_path / "points.csv"
    # A tenth of a second is too little to fuse a network of three hundred layers.
    space.write_text(SPACE % "csn_r101, fusion: auto" + "reference: {latency_ms: 1000}\n")
    at = (str(space), "--storage", str(storage))
    run = ("dse", "run", *at, "--no-bounds", "--workers", workers, "--point-limit", "0.1")
    told = cli(*run)
    assert told.exit_code == 0
    assert "3 of 3 points are finished" in told.stderr
    why = "took longer than 0.1 s, the limit of a point, and was stopped"
    assert f"3 points failed and are not on the front, whatever the design is worth ({why})" in told.stderr
    kept = storage.read_bytes()
    assert cli(*run, "--resume").exit_code == 0
    assert storage.read_bytes() == kept
    assert f"3 failed: {why}" in " ".join(cli("dse", "status", *at).stdout.split())
    assert "3 points failed" in cli("dse", "front", *at).stdout
    assert cli("dse", "export", *at, "--out", str(out)).exit_code == 0
    with out.open(newline="") as file:
        assert [(row["state"], row["reason"]) for row in csv.DictReader(file)] == 3 * [("failed", why)]


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "1e9"])
def test_a_limit_that_is_none_is_refused(cli, tmp_path, limit):
    (tmp_path / "s.yaml").write_text(SPACE % "c3d")
    told = cli("dse", "run", str(tmp_path / "s.yaml"), "--storage", str(tmp_path / "study"), "--point-limit", limit)
    assert told.exit_code == 2
    assert "--point-limit" in told.stderr
    assert "expected a number from 0.1 to 86400" in told.stderr
    assert not (tmp_path / "study").exists()
