"""Do the workers of a Dask cluster find the points that local ones find, whatever becomes of them?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from explore_helpers import ROOT, completed, exported, start, write_space
from test_bad_input import refuse
from test_explore_limits import SPACE

from lw3dsim._version import __version__
from lw3dsim.explore import remote
from lw3dsim.explore.crew import DEATHS
from lw3dsim.explore.evaluate import Question
from lw3dsim.explore.plan import Proposal
from lw3dsim.explore.space_file import load_space, parse_space

pytest.importorskip("distributed", reason="install lw3dsim[distributed] to run these tests")

SIZE = 144

# What stands in a worker for an installation of another version, and for none.
OTHER = '__version__ = "0.0.9"'
NONE = "raise ModuleNotFoundError"
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "LW3DSIM_MAPPING_CACHE": "0",
}


@contextmanager
def process(*words, **environment):
    """Run a command of Dask's, with its children in a group of their own."""
    child = subprocess.Popen(
        [sys.executable, "-m", "dask", *words],
        env=os.environ | ENVIRONMENT | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Not the folder of the tests, whose packages would come before those of the environment.
        cwd="/",
        start_new_session=True,
    )
    try:
        yield child
    finally:
        with_all(child, signal.SIGKILL)
        child.wait()


def with_all(child, number):
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return


@contextmanager
def scheduling(folder):
    """Run a scheduler on a free port; yield its process and its address."""
    file = folder / "scheduler.json"
    with process(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file
    ) as child:
        while not file.exists() or not file.read_text():
            time.sleep(0.05)
            assert child.poll() is None
        yield child, json.loads(file.read_text())["address"]


def working(address, *more, **environment):
    return process("worker", address, "--nthreads", "1", "--no-dashboard", *more, **environment)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Return the scheduler of a cluster of two workers, each of which is started anew when it dies."""
    with scheduling(tmp_path_factory.mktemp("cluster")) as (_, address), working(address, "--nworkers", "2"):
        yield address


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Return a space, and all its points by local workers."""
    space, points, _ = completed(tmp_path_factory.mktemp("complete"))
    return space, points


def workers_of(address):
    """Return the process ids of a cluster's workers."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return dict(client.run(os.getpid))


def lines_of(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def begun(run, storage, lines=12):
    """Wait until so many lines are in a study's journal."""
    while lines_of(storage) < lines:
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)


@pytest.mark.parametrize("sampler", ["exhaustive", "nsga2"])
def test_a_cluster_finds_the_points_that_local_workers_find(address, cli, tmp_path, sampler):
    space = write_space(tmp_path)
    options = ("--sampler", sampler, "--seed", "3", "--batch", "10", "--trials", "45")
    for name, crew in (("near", ("--workers", "1")), ("far", ("--dask", address))):
        told = cli("dse", "run", space, "--storage", str(tmp_path / name), *options, *crew)
        assert told.exit_code == 0, told.stderr
        assert "45 of 45 points are finished" in told.stderr
        assert "worker tcp" not in told.stderr
    rows = exported(cli, space, tmp_path / "near", tmp_path)
    assert rows == exported(cli, space, tmp_path / "far", tmp_path)
    assert len({row["point"] for row in rows}) == 45


def test_a_study_survives_the_workers_of_a_cluster(address, complete, cli, tmp_path):
    space, rows = complete
    storage = tmp_path / "study"
    run = start("dse", "run", space, "--storage", storage, "--dask", address)
    begun(run, storage)
    # Both that it began with, one after the other; those that stand in for them are others.
    killed = workers_of(address)
    for lines, pid in zip((12, 60), killed.values(), strict=True):
        begun(run, storage, lines)
        os.kill(pid, signal.SIGKILL)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 0, said
    for number in killed:
        assert f"note: small: worker {number} is gone; what it had goes to others" in said
    assert exported(cli, space, storage, tmp_path) == rows


def test_an_interrupt_finishes_what_the_cluster_has_and_a_local_run_goes_on(address, complete, cli, tmp_path):
    space, rows = complete
    storage = tmp_path / "study"
    run = start("dse", "run", space, "--storage", storage, "--dask", address)
    begun(run, storage)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert "--resume` goes on" in said
    assert "Traceback" not in said
    assert len(exported(cli, space, storage, tmp_path)) < SIZE
    assert cli("dse", "run", space, "--storage", str(storage), "--resume", "--workers", "1").exit_code == 0
    assert exported(cli, space, storage, tmp_path) == rows


def test_a_point_that_takes_too_long_on_a_cluster_is_stopped(address, cli, tmp_path):
    space, storage = tmp_path / "s.yaml", tmp_path / "study"
    space.write_text(SPACE % "slowfast_r50_8x8" + "reference: {latency_ms: 1000}\n")
    run = ("dse", "run", str(space), "--storage", str(storage), "--no-bounds", "--dask", address)
    told = cli(*run, "--point-limit", "0.1")
    assert told.exit_code == 0, told.stderr
    assert "3 points failed" in told.stderr
    assert "took longer than 0.1 s, the limit of a point, and was stopped" in told.stderr


def test_a_point_that_workers_of_a_cluster_die_of_fails_and_the_others_go_on(address):
    from lw3dsim.explore.cluster import Cluster

    space = parse_space(SPACE % "c3d")
    deadly, other = (Proposal(index=i, point=space.point(space.numbered(i)), notes={}, front=()) for i in range(2))
    with Cluster(space, address) as crew:
        crew.begin(with_bounds=False)
        crew.give([deadly], crew.takers[0])
        for _ in range(DEATHS):
            (mate,) = (mate for mate in crew._mates.values() if mate.load)  # noqa: SLF001
            os.kill(workers_of(address)[mate.address], signal.SIGKILL)
            done = []
            while mate.address in crew._mates:  # noqa: SLF001
                done += crew.collect(0.05)
            while not done and not any(mate.load for mate in crew._mates.values()):  # noqa: SLF001
                done += crew.collect(0.05)
        ((proposal, outcome),) = done
        assert (proposal, outcome.state) == (deadly, "failed")
        assert f"{DEATHS} workers of the cluster died of it" in outcome.reason
        while not crew.takers:
            assert crew.collect(0.05) == []
        crew.give([other], crew.takers[0])
        done = []
        while not done:
            done = crew.collect(0.05)
        assert [(proposal.index, outcome.state) for proposal, outcome in done] == [(1, "done")]


def test_workers_that_cannot_evaluate_are_passed_over_and_a_run_without_others_is_refused(
    complete, cli, tmp_path, monkeypatch
):
    space, rows = complete
    # How long a scheduler that is gone is looked for.
    monkeypatch.setattr("lw3dsim.explore.cluster.REACH_S", 1.0)
    run = ("dse", "run", space, "--storage", str(tmp_path / "study"))
    none, other = (installed(tmp_path, name, text) for name, text in (("none", NONE), ("other", OTHER)))
    with (
        scheduling(tmp_path) as (scheduler, address),
        working(address, PYTHONPATH=none),
        working(address, PYTHONPATH=other),
    ):
        wait_for(address, 2)
        refuse(cli(*run, "--dask", address), "no worker of this cluster can evaluate points")
        assert not (tmp_path / "study").exists()
        with working(address):
            wait_for(address, 3)
            threading.Thread(target=killed_later, args=(scheduler, tmp_path / "study"), daemon=True).start()
            *notes, last = cli(*run, "--dask", address).stderr.splitlines()
    for why in (f"has no lw3dsim; install {__version__} there", f"has lw3dsim 0.0.9, and {__version__} runs the study"):
        assert [line.endswith(f"is given no points: it {why}") for line in notes].count(True) == 1
    assert last.startswith(f"Error: --dask {address}: the scheduler is gone, and did not answer for 1 s;")
    assert last.endswith("mend it, then run again with --resume")
    assert cli(*run, "--resume").exit_code == 0
    assert exported(cli, space, tmp_path / "study", tmp_path) == rows


def killed_later(scheduler, storage):
    """Kill a scheduler once some points of a study are finished."""
    while lines_of(storage) < 30:
        time.sleep(0.02)
    scheduler.kill()


def installed(folder, name, text):
    """Return a folder with a package of our name in it, whose version is what ``text`` makes it."""
    package = folder / name / "lw3dsim"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "_version.py").write_text(text)
    return str(folder / name)


def wait_for(address, count):
    while len(workers_of(address)) < count:
        time.sleep(0.1)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "what://is:1"])
def test_a_scheduler_that_cannot_be_reached_is_refused(cli, tmp_path, monkeypatch, address):
    monkeypatch.setattr("lw3dsim.explore.cluster.REACH_S", 0.3)
    told = cli("dse", "run", write_space(tmp_path), "--storage", str(tmp_path / "study"), "--dask", address)
    refuse(told, f"--dask {address}: the scheduler can't be reached|tcp://host:8786")
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("address", ["", "nowhere", "scheduler:8786", "tcp://", "tcp://a b:1"])
def test_what_is_no_address_is_refused(cli, tmp_path, address):
    told = cli("dse", "run", write_space(tmp_path), "--storage", str(tmp_path / "study"), "--dask", address)
    refuse(told, "--dask|expected the address of a scheduler, as tcp://host:8786")


def test_workers_of_both_kinds_are_refused(cli, tmp_path):
    told = cli("dse", "run", write_space(tmp_path), "--dask", "tcp://127.0.0.1:9", "--workers", "2")
    refuse(told, "--workers 2: a cluster has workers of its own")


def test_a_worker_that_reads_other_files_says_so(tmp_path):
    space = load_space(write_space(tmp_path))
    given = (space.text, space.path)
    assert "has other contents there" in remote.begin("s", *given, "another digest", None)
    (tmp_path / "net.yaml").rename(tmp_path / "gone.yaml")
    assert "net.yaml" in remote.begin("s", *given, space.digest, None)
    with pytest.raises(remote.UnknownStudyError):
        remote.evaluate("s", [], with_bounds=False)


def test_the_processes_of_a_study_end_with_it_or_when_they_are_idle(tmp_path, monkeypatch):
    space = load_space(write_space(tmp_path))
    questions = [Question(point=space.point(space.numbered(number))) for number in range(3)]
    assert remote.begin("s", space.text, space.path, space.digest, None) == ""
    (bench,) = remote._BENCHES.values()  # noqa: SLF001
    outcomes = remote.evaluate("s", questions, with_bounds=False)
    assert [outcome.state for outcome in outcomes] == ["done"] * 3
    ((pid,),) = [pool.pids for pool in bench._waiting]  # noqa: SLF001
    monkeypatch.setattr(remote, "IDLE_S", 0.1)
    again = remote.evaluate("s", questions, with_bounds=False)
    assert [outcome.metrics for outcome in again] == [outcome.metrics for outcome in outcomes]
    for _ in range(200):
        if not remote._BENCHES and not Path(f"/proc/{pid}").exists():  # noqa: SLF001
            return
        time.sleep(0.02)
    pytest.fail("a process is left")
