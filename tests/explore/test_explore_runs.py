"""Does a study keep every finished point exactly once, whatever happens to the processes that run it?"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import sys
import time
from pathlib import Path

import optuna
import pytest
from explore_helpers import ROOT, command, completed, exported, kept_study, start, write_space
from test_bad_input import refuse

from lw3dsim import dse
from lw3dsim.errors import OutputError
from lw3dsim.explore.crew import DEATHS
from lw3dsim.explore.plan import Proposal
from lw3dsim.explore.progress import Display
from lw3dsim.explore.samplers import SAMPLERS
from lw3dsim.explore.space_file import load_space, parse_space
from lw3dsim.explore.study import read_study
from lw3dsim.explore.workers import Pool

SIZE = 144


def finish(cli, space, storage, *more):
    result = cli("dse", "run", space, "--storage", str(storage), *more)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Return a space, and all its points from one uninterrupted run."""
    return completed(tmp_path_factory.mktemp("complete"))


def test_exhaustive_finds_the_true_front(complete, cli_json):
    space, rows, storage = complete
    assert [int(row["index"]) for row in rows] == list(range(SIZE))
    assert len({row["point"] for row in rows}) == SIZE
    front = cli_json("dse", "front", space, "--storage", str(storage), "--format", "json")
    costs = {(float(r["latency_ms"]), float(r["energy_mj"])) for r in rows if r["state"] == "done"}
    best = {c for c in costs if not any(o != c and o[0] <= c[0] and o[1] <= c[1] for o in costs)}
    assert {(p["latency_ms"], p["energy_mj"]) for p in front["points"]} == best
    assert all(p["command"].startswith("lw3dsim simulate") for p in front["points"])


def test_bounds_discard_only_what_is_not_on_the_front(complete, cli, cli_json, tmp_path):
    space, _, storage = complete
    fronts = []
    for more, place in (([], storage), (["--no-bounds", "--workers", "1"], tmp_path / "plain")):
        if more:
            finish(cli, space, place, *more)
        data = cli_json("dse", "front", space, "--storage", str(place), "--format", "json")
        fronts.append((data["hypervolume"], [point["point"] for point in data["points"]]))
    assert fronts[0] == fronts[1]
    status = cli_json("dse", "status", space, "--storage", str(tmp_path / "plain"), "--format", "json")
    assert status["done"] == SIZE


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in ("exhaustive", "gp")])
def test_workers_and_interruptions_do_not_change_the_points(sampler, cli, tmp_path):
    space = write_space(tmp_path)
    options = ["--sampler", sampler, "--seed", "3", "--batch", "10"]
    finish(cli, space, tmp_path / "one", *options, "--workers", "1", "--trials", "45")
    finish(cli, space, tmp_path / "two", *options, "--workers", "2", "--trials", "17")
    finish(cli, space, tmp_path / "two", "--workers", "2", "--trials", "45", "--resume")
    rows = exported(cli, space, tmp_path / "one", tmp_path)
    assert rows == exported(cli, space, tmp_path / "two", tmp_path)
    assert len({row["point"] for row in rows}) == 45


def test_another_seed_gives_other_points(cli, tmp_path):
    space = write_space(tmp_path)
    for seed in ("1", "2"):
        finish(cli, space, tmp_path / seed, "--sampler", "random", "--seed", seed, "--trials", "8", "--workers", "1")
    first, second = (exported(cli, space, tmp_path / seed, tmp_path) for seed in ("1", "2"))
    assert {row["point"] for row in first} != {row["point"] for row in second}


def children(pid):
    """Return the processes that ``pid`` has started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def test_killed_workers_are_replaced_and_killed_runs_resumed(complete, cli, tmp_path):
    """Kill workers, and at last the run itself, with SIGKILL; all points are there once, as if nothing had been."""
    space, rows, _ = complete
    storage, generator, kills = tmp_path / "study", random.Random(7), 0  # noqa: S311  # repeatable
    for round_ in range(6):
        run = start("dse", "run", space, "--storage", storage, "--workers", "2", "--resume")
        goal, spared = lines_of(storage) + generator.randrange(8, 30), DEATHS - 1
        while run.poll() is None and (lines_of(storage) < goal or round_ == 5):
            time.sleep(generator.uniform(0.01, 0.05))
            victims = [pid for server in children(run.pid) for pid in children(server)]
            # Fewer than would make a point that was under way each time count as failed.
            if victims and spared and lines_of(storage) > 12 and generator.random() < 0.2:
                os.kill(generator.choice(victims), signal.SIGKILL)
                kills, spared = kills + 1, spared - 1
        run.kill()
        run.communicate()
    assert run.returncode == 0
    assert kills > 2
    found = exported(cli, space, storage, tmp_path)
    assert found == rows
    trials = optuna.load_study(study_name="small", storage=journal(storage)).get_trials(deepcopy=False)
    assert len(trials) == SIZE


def lines_of(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def journal(path):
    from lw3dsim.explore.journal import Journal

    return optuna.storages.JournalStorage(Journal(path))


def proposals_of(space, count):
    return [Proposal(index=i, point=space.point(space.numbered(i)), notes={}, front=()) for i in range(count)]


def test_a_point_that_kills_its_workers_fails_and_the_others_go_on():
    space = parse_space(
        "name: s\nworkloads: [{workload: c3d}]\nparameters: {pe.rows: [4, 8]}\nobjectives: [latency_ms]\n"
    )
    deadly, other = proposals_of(space, 2)
    with Pool(space, 1) as pool:
        pool.begin(with_bounds=False)
        pool.give([deadly], 0)
        for _ in range(DEATHS):
            while not pool.ready:
                assert pool.collect(0.05) == []
            os.kill(pool.pids[0], signal.SIGKILL)
            assert pool.collect(10) == []
        ((proposal, outcome),) = pool.collect(0)
        assert (proposal, outcome.state) == (deadly, "failed")
        assert "exit code -9" in outcome.reason
        pool.give([other], pool.takers[0])
        done = []
        while not done:
            done = pool.collect(10)
    assert [(proposal.index, outcome.state) for proposal, outcome in done] == [(1, "done")]


def test_workers_that_cannot_start_end_the_run(tmp_path):
    space = load_space(write_space(tmp_path))
    with Pool(space, 1) as pool:
        pool.begin(with_bounds=False)
        pool.give(proposals_of(space, 1), 0)
        for _ in range(DEATHS - 1):
            os.kill(pool.pids[0], signal.SIGKILL)
            pool.collect(10)
        os.kill(pool.pids[0], signal.SIGKILL)
        with pytest.raises(OutputError, match="can't be started"):
            pool.collect(10)


def test_an_interrupt_finishes_what_is_under_way(complete, cli, tmp_path):
    space, rows, _ = complete
    storage = tmp_path / "study"
    run = start("dse", "run", space, "--storage", storage, "--workers", "2")
    while not storage.exists() or storage.read_bytes().count(b"\n") < 12:
        time.sleep(0.02)
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=20)
    assert run.returncode == 0, said
    assert "--resume" in said
    assert "Traceback" not in said
    assert len(exported(cli, space, storage, tmp_path)) < SIZE
    finish(cli, space, storage, "--resume", "--workers", "1")
    assert exported(cli, space, storage, tmp_path) == rows


def test_an_existing_study_is_not_touched_without_resume(complete, cli, tmp_path):
    space, _, storage = complete
    before = storage.read_bytes()
    refuse(cli("dse", "run", space, "--storage", str(storage)), "study small is there already|--resume")
    other = write_space(tmp_path, more="constraints: {area_mm2: {max: 3}}\n")
    refuse(cli("dse", "run", other, "--storage", str(storage), "--resume"), "of another space")
    refuse(cli("dse", "front", other, "--storage", str(storage)), "of another space")
    again = ("dse", "run", space, "--storage", str(storage), "--resume")
    refuse(cli(*again, "--sampler", "tpe"), "--sampler tpe|begun with exhaustive")
    refuse(cli(*again, "--no-bounds"), "--no-bounds: the study|begun with --bounds;")
    assert storage.read_bytes() == before


def test_a_study_of_another_version_or_program_is_refused(complete, cli, tmp_path):
    space, _, storage = complete
    old = tmp_path / "old"
    old.write_bytes(storage.read_bytes().replace(b'"version":"', b'"version":"0.0.'))
    refuse(cli("dse", "status", space, "--storage", str(old)), "made by lw3dsim 0.0.")
    foreign = tmp_path / "foreign"
    backend = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(foreign)))
    optuna.create_study(study_name="small", storage=backend).add_trial(optuna.trial.create_trial(value=1.0))
    refuse(cli("dse", "run", space, "--storage", str(foreign), "--resume"), "not a journal of lw3dsim")
    shared = f"sqlite:///{tmp_path}/shared.db"
    kept_study(write_space(tmp_path, parameters="  pe.rows: [2]\n", name="ours"), shared)
    optuna.create_study(study_name="small", storage=shared).add_trial(optuna.trial.create_trial(value=1.0))
    refuse(cli("dse", "run", space, "--storage", shared, "--resume"), "not made by lw3dsim")


def test_a_corrupted_journal_is_refused_and_left_alone(complete, cli, tmp_path):
    space, _, storage = complete
    lines = storage.read_bytes().splitlines(keepends=True)
    for damage, parts in (
        ([*lines[:5], b'{"op_code": 4, "oops\n', *lines[6:]], ":6 is no record of a journal"),
        ([*lines[:7], b'{"op_code": 77, "worker_id": "me"}\n', *lines[7:]], ":8 is no record of a journal"),
        ([*lines, b'{"hello": 1}\n'], f":{len(lines) + 1} is no record of a journal"),
        ([b"\x00" * 60 + b"\n", *lines], "not a journal of lw3dsim"),
        ([b"[1]\n", *lines], "holds JSON, not a journal of lw3dsim"),
    ):
        broken = tmp_path / "broken"
        broken.write_bytes(b"".join(damage))
        before = broken.read_bytes()
        refuse(cli("dse", "run", space, "--storage", str(broken), "--resume"), parts)
        refuse(cli("dse", "front", space, "--storage", str(broken)), parts)
        assert broken.read_bytes() == before


def test_a_line_cut_short_is_mended(complete, cli, tmp_path):
    space, rows, storage = complete
    cut = tmp_path / "cut"
    cut.write_bytes(storage.read_bytes()[:-40])
    assert len(exported(cli, space, cut, tmp_path)) == SIZE - 1
    finish(cli, space, cut, "--resume", "--workers", "1")
    assert exported(cli, space, cut, tmp_path) == rows


def test_two_runs_do_not_write_one_journal(complete, cli):
    import fcntl

    space, _, storage = complete
    with storage.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refuse(cli("dse", "run", space, "--storage", str(storage), "--resume"), "another process is running this study")


def test_a_full_disk_loses_nothing(complete, cli, tmp_path):
    """A file size limit stands for the disk: a write beyond it fails with an error as on a full one."""
    space, rows, _ = complete
    storage = tmp_path / "study"

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    run = start("dse", "run", space, "--storage", storage, "--workers", "1", preexec_fn=limit)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 2, said
    assert said.strip().splitlines()[-1].startswith(f"Error: {storage}: cannot be used (File too large)")
    kept = exported(cli, space, storage, tmp_path)
    assert [row["point"] for row in kept] == [row["point"] for row in rows[: len(kept)]]
    assert 0 < len(kept) < SIZE
    finish(cli, space, storage, "--resume", "--workers", "1")
    assert exported(cli, space, storage, tmp_path) == rows


BAD_STORAGE = {
    "postgresql://nobody@127.0.0.1:9/none": "cannot be reached|Connection refused",
    "postgresql://me:secret@127.0.0.1:9/none": "cannot be reached|postgresql://me@127.0.0.1:9/none",
    "nosuch://host/name": "no database URL",
    "mysql://host/name": "needs a driver that is not installed",
    "/proc/nothing/study": "cannot be used",
    "/proc": "is a folder",
}


@pytest.mark.parametrize("storage", BAD_STORAGE)
def test_a_storage_that_is_none_is_refused(cli, tmp_path, storage):
    line = refuse(cli("dse", "run", write_space(tmp_path), "--storage", storage), BAD_STORAGE[storage])
    assert "secret" not in line
    refuse(cli("dse", "status", write_space(tmp_path), "--storage", str(tmp_path / "none")), "no study is there")


@pytest.mark.parametrize("arguments", [["sampler", "best"], ["--sampler", "gp"], ["--trials", "0"], ["--workers", "x"]])
def test_wrong_options_are_refused(cli, tmp_path, arguments):
    if arguments[-1] == "gp" and "torch" in sys.modules:
        pytest.skip("torch is there")
    options = [*arguments[:-2], "--" + arguments[0].removeprefix("--"), arguments[1]]
    refuse(cli("dse", "run", write_space(tmp_path), "--storage", str(tmp_path / "s"), *options), arguments[0])


def test_constraints_that_nothing_keeps_are_said(cli, tmp_path):
    space = write_space(tmp_path, more="constraints: {area_mm2: {max: 0.001}, sram_kib: {max: 1}}\n")
    result = finish(cli, space, tmp_path / "study", "--workers", "1", "--trials", "12")
    assert "none keeps area_mm2 <= 0.001" in result.stderr
    front = cli("dse", "front", space, "--storage", str(tmp_path / "study"))
    assert "none keeps" in front.stdout
    page = cli("dse", "report", space, "--storage", str(tmp_path / "study"), "--out", str(tmp_path / "page.html"))
    assert page.exit_code == 0
    assert "none keeps" in (tmp_path / "page.html").read_text()


def test_every_view_of_a_study_agrees(complete, cli, cli_json, tmp_path):
    import pandas as pd

    space, rows, storage = complete
    study = read_study(load_space(space), str(storage))
    status = cli_json("dse", "status", space, "--storage", str(storage), "--format", "json")
    assert status["finished"] == len(rows) == status["done"] + status["discarded"] + status["infeasible"]
    assert status["hypervolume"] == pytest.approx(study.history()[-1][1], rel=1e-12)
    shares = [share for _, share in study.history()]
    assert shares == sorted(shares)
    for name in ("points.csv", "points.parquet"):
        assert cli("dse", "export", space, "--storage", str(storage), "--out", str(tmp_path / name)).exit_code == 0
    plain, binary = pd.read_csv(tmp_path / "points.csv"), pd.read_parquet(tmp_path / "points.parquet")
    assert list(plain["point"]) == list(binary["point"]) == [record.point.id for record in study.records]
    assert plain["on_front"].sum() == status["front"]
    refuse(cli("dse", "export", space, "--storage", str(storage), "--out", str(tmp_path / "x.txt")), ".parquet")
    lines = cli("dse", "front", space, "--storage", str(storage), "--commands").stdout.splitlines()
    assert lines == list(plain[plain["on_front"]].sort_values(["latency_ms", "energy_mj", "point"])["command"])
    shown = cli("dse", "front", space, "--storage", str(storage), "--point", study.front[0].point.id)
    assert lines[0] in shown.stdout
    refuse(cli("dse", "front", space, "--storage", str(storage), "--point", "zz"), "no finished point")
    page = tmp_path / "page.html"
    assert cli("dse", "report", space, "--storage", str(storage), "--out", str(page)).exit_code == 0
    text = page.read_text()
    for word in (
        "Parallel coordinates",
        "Hypervolume over points",
        "Importance of parameters",
        '"title":"winograd.m1"',
    ):
        assert word in text
    assert "https://" not in text.partition("</script>")[2]


def test_the_study_is_one_of_optuna(complete):
    _, rows, storage = complete
    study = optuna.load_study(study_name="small", storage=journal(storage))
    assert study.metric_names == ["latency_ms", "energy_mj"]
    states = {"done": "COMPLETE", "infeasible": "PRUNED", "discarded": "PRUNED", "failed": "FAIL"}
    by_id = {trial.user_attrs["point"]: trial for trial in study.trials}
    for row in rows:
        trial = by_id[row["point"]]
        assert trial.state.name == states[row["state"]]
        assert str(trial.params["pe.rows"]) == row["pe.rows"]
        if row["state"] == "done":
            found = [float(row[name]) for name in ("latency_ms", "energy_mj")]
            assert trial.values == found  # noqa: PD011  # no frame


def test_help_of_the_search_imports_nothing_heavy():
    code = (
        "import sys; sys.argv=['lw3dsim','dse','run','--help']\n"
        "from lw3dsim.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy={'numpy','pandas','plotly','optuna','sqlalchemy'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    import subprocess

    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert json.dumps(command("dse"))


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200, None])
def test_the_front_shows_whole_ids_and_figures_at_any_width(complete, cli, cli_json, monkeypatch, width):
    space, _, storage = complete
    points = cli_json("dse", "front", space, "--storage", str(storage), "--format", "json")["points"]
    monkeypatch.setattr("lw3dsim.report.terminal.terminal_width", lambda: width)
    lines = cli("dse", "front", space, "--storage", str(storage)).stdout.splitlines()
    by_id = {point["point"]: point for point in points}
    rows = [line.split() for line in lines if line.split()[:1] and line.split()[0] in by_id]
    assert rows
    for identity, latency, energy, *_ in rows:
        assert float(latency.replace(",", "")) == pytest.approx(by_id[identity]["latency_ms"], rel=5e-4)
        assert float(energy.replace(",", "")) == pytest.approx(by_id[identity]["energy_mj"], rel=5e-4)
        assert cli("dse", "front", space, "--storage", str(storage), "--point", identity).exit_code == 0


def test_designs_that_cost_the_same_are_counted_apart_everywhere(cli, cli_json, tmp_path):
    # Neither objective depends on the window in which the peak of power is taken.
    parameters = "  pe.rows: [2, 4]\n  power_window_us: [1, 2, 3]\n"
    space, storage = write_space(tmp_path, parameters), tmp_path / "study"
    finish(cli, space, storage, "--workers", "1", "--no-bounds")
    args = (space, "--storage", str(storage))
    status = cli_json("dse", "status", *args, "--format", "json")
    assert status["front"] == 3 * status["distinct_front"] > 0
    said = f"{status['front']} ({status['distinct_front']} but for equal ones)"
    assert f"{said} are on the front" in cli("dse", "status", *args).stdout
    assert f"6 of 6 points, {said} on the front" in repr(dse.study(space, storage=storage))
    shown = cli("dse", "front", *args).stdout
    assert shown.count("+2") == status["distinct_front"]
    assert len(dse.front(space, storage=storage)) == status["front"]
    page = dse.report(space, tmp_path / "page.html", storage=storage).read_text()
    assert f"{said} designs" in page


def test_status_names_the_design_of_each_best_figure(complete, cli, cli_json):
    space, rows, storage = complete
    data = cli_json("dse", "status", space, "--storage", str(storage), "--format", "json")
    shown = cli("dse", "status", space, "--storage", str(storage)).stdout
    for name, identity in data["best_points"].items():
        (row,) = (row for row in rows if row["point"] == identity)
        assert float(row[name]) == data["best"][name] == min(float(row[name]) for row in rows if row[name])
        assert f"by {identity}" in shown


def test_a_run_shows_the_figures_of_one_design_and_its_start_up_apart(complete, cli, tmp_path):
    space, _, _ = complete
    told = finish(cli, space, tmp_path / "study", "--workers", "2").stderr
    assert told.startswith("small: workers start ...\n")
    rows = exported(cli, space, tmp_path / "study", tmp_path)
    pattern = r"least latency_ms (\S+) \(with energy_mj (\S+)\)"
    latency, energy = (float(text.replace(",", "")) for text in re.search(pattern, told).groups())
    designs = [(float(row["latency_ms"]), float(row["energy_mj"])) for row in rows if row["latency_ms"]]
    assert any((latency, energy) == pytest.approx(design, rel=1e-3) for design in designs)
    assert latency == pytest.approx(min(design[0] for design in designs), rel=1e-3)


def test_a_log_has_no_line_twice_while_no_point_is_finished(complete, capsys, monkeypatch):
    study = read_study(load_space(complete[0]), str(complete[2]))
    monkeypatch.setattr("lw3dsim.explore.progress.LINE_EVERY_S", 0.0)
    with Display(study.space, 2, study.settings.reference, 0) as display:
        for record in study.records[:2]:
            display.tick()
            display.tick()
            display.show(record)
    start, *lines = capsys.readouterr().err.splitlines()
    assert start == "small: workers start ..."
    assert [line.split()[0] for line in lines] == ["0/2", "1/2", "2/2"]


def test_a_study_that_is_asked_for_fewer_points_than_it_has_shows_all(tmp_path, cli):
    space, journal = write_space(tmp_path), tmp_path / "small.journal"
    asked = ("dse", "run", space, "--storage", str(journal), "--workers", "1", "--sampler", "random")
    assert cli(*asked, "--trials", "6").exit_code == 0
    fewer = cli(*asked, "--trials", "2", "--resume")
    assert fewer.exit_code == 0
    assert "6 of 6 points are finished" in fewer.stderr
    status = dse.status(space, storage=journal)
    assert (status.finished, status.wanted) == (6, 6)
    first, how, *best = repr(status).splitlines()
    assert first.startswith(f"small: 6 of 6 points, {status.front} on the front, in ")
    assert how.startswith("random, seed 0; ")
    assert [line.partition(":")[0] for line in best] == ["best latency_ms", "best energy_mj"]


def test_status_names_a_best_design_that_nothing_beats_and_counts_designs(cli_json, tmp_path):
    # Area is the same for all; one objective of mappings costs less energy than the others.
    parameters = (
        "  run.objective: [dram_bytes, latency, energy]\n"
        "  run.fusion: ['off', auto]\n"
        "  dram.refresh: {values: [all-bank, per-bank], when: {run.fusion: auto}}\n"
    )
    space = write_space(tmp_path, parameters=parameters, objectives="[area_mm2, energy_mj, latency_ms]")
    loaded = kept_study(space, tmp_path / "tied.journal", points=9)
    status = cli_json("dse", "status", space, "--storage", str(tmp_path / "tied.journal"), "--format", "json")
    front = {record.point.id for record in read_study(loaded, str(tmp_path / "tied.journal")).front}
    assert set(status["best_points"].values()) <= front
    assert status["choices"] == status["finished"] == 9
