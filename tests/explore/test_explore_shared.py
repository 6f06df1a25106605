"""Do several processes share one study in a real PostgreSQL server without losing or doubling a point?"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from explore_helpers import exported, start, write_space
from test_bad_input import refuse
from test_explore_runs import children

from lw3dsim.explore.storages import database

SIZE = 144


def server_program(name):
    """Return a program of the PostgreSQL server: on the path, or where Debian keeps it; None where it is not."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or (str(places[0]) if places else None)


def unprivileged():
    """Return who to run the server as: it refuses to be run by root."""
    return {} if os.getuid() else {"user": pwd.getpwnam("nobody").pw_uid, "group": pwd.getpwnam("nobody").pw_gid}


def answers(port):
    import psycopg

    try:
        psycopg.connect(host="127.0.0.1", port=port, user="me", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def running(data):
    """Run a server of its own on a free port, with its files in ``data``, and yield the URL of a database."""
    who = unprivileged()
    if who:
        os.chown(data, who["user"], who["group"])
    options = {"check": True, "capture_output": True, "cwd": "/", **who}
    subprocess.run([server_program("initdb"), "-D", data, "-U", "me", "-A", "trust", "-E", "UTF8"], **options)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ["-p", str(port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off"]
    server = subprocess.Popen(
        [server_program("postgres"), "-D", data, *settings], cwd="/", stderr=subprocess.DEVNULL, **who
    )
    try:
        for _ in range(200):
            # It listens before it answers.
            if answers(port):
                break
            time.sleep(0.05)
        yield f"postgresql://me@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)


@pytest.fixture(scope="module")
def url():
    if server_program("initdb") is None:
        pytest.skip("no PostgreSQL server on this machine: install the package postgresql to run this test")
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL: install psycopg[binary] to run this test")
    # Not below the folder of the tests, which is closed to the user that the server runs as.
    with tempfile.TemporaryDirectory(prefix="lw3dsim-postgresql-") as data, running(data) as url:
        yield url


def test_four_processes_share_a_study_and_one_is_killed(url, cli, tmp_path):
    space = write_space(tmp_path)
    options = ("--storage", url, "--workers", "1", "--resume", "--patience", "2")
    runs = [start("dse", "run", space, *options) for _ in range(4)]
    victim = runs[1]
    with database(url) as storage:
        while not running_trials(storage) and victim.poll() is None:
            # Kill one while points are claimed and not finished.
            time.sleep(0.02)
    server = children(victim.pid)
    victim.kill()
    said = [run.communicate(timeout=100)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, -signal.SIGKILL, 0, 0], said
    assert server
    rows = exported(cli, space, url, tmp_path)
    assert [int(row["index"]) for row in rows] == list(range(SIZE))
    assert len({row["point"] for row in rows}) == SIZE
    alone = tmp_path / "alone"
    assert cli("dse", "run", space, "--storage", str(alone)).exit_code == 0
    assert exported(cli, space, alone, tmp_path) == rows
    with database(url) as storage:
        trials = optuna.load_study(study_name="small", storage=storage).get_trials(deepcopy=False)
    finished = [trial for trial in trials if "outcome" in trial.user_attrs]
    assert len(finished) == SIZE
    assert all(trial.state.is_finished() for trial in trials)


def running_trials(storage):
    try:
        study = storage.get_study_id_from_name("small")
    except KeyError:
        return []
    states = (optuna.trial.TrialState.RUNNING,)
    return storage.get_all_trials(study, deepcopy=False, states=states)


def test_learning_samplers_share_their_generations(url, cli, tmp_path):
    space = write_space(tmp_path, name="learnt")
    options = ("--sampler", "nsga2", "--batch", "10", "--trials", "40", "--seed", "1")
    shared = [start("dse", "run", space, "--storage", url, "--workers", "1", "--resume", *options) for _ in range(2)]
    said = [run.communicate(timeout=60)[1] for run in shared]
    assert [run.returncode for run in shared] == [0, 0], said
    assert cli("dse", "run", space, "--storage", str(tmp_path / "alone"), *options).exit_code == 0
    assert exported(cli, space, url, tmp_path) == exported(cli, space, tmp_path / "alone", tmp_path)


def test_a_shared_study_is_refused_and_resumed_like_a_local_one(url, cli, tmp_path):
    space = write_space(tmp_path, name="again")
    assert cli("dse", "run", space, "--storage", url, "--trials", "5", "--workers", "1").exit_code == 0
    refuse(cli("dse", "run", space, "--storage", url), "study again is there already|--resume")
    assert cli("dse", "run", space, "--storage", url, "--trials", "8", "--workers", "1", "--resume").exit_code == 0
    assert len(exported(cli, space, url, tmp_path)) == 8
    refuse(cli("dse", "front", space, "--storage", url.replace("/postgres", "/nothing")), "cannot be reached|nothing")


def test_sqlite_is_a_database_too(cli, tmp_path):
    space = write_space(tmp_path)
    url = f"sqlite:///{tmp_path}/study.db"
    assert cli("dse", "run", space, "--storage", url, "--trials", "6", "--workers", "1").exit_code == 0
    assert len(exported(cli, space, url, tmp_path)) == 6
