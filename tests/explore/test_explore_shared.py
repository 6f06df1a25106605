"""Do several processes share one study in a real PostgreSQL server without losing or doubling a point?"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from explore_helpers import exported, start, write_space
from test_bad_input import refuse

from lw3dsim.explore.kept import was_given_up
from lw3dsim.explore.storages import database

FEW = "  pe.rows: [2, 4]\n  winograd.m1: {int: [1, 4]}\n  buffers.ifmap_kib: {log2: [4, 32]}\n"
FEWER = 32
RUNNING, FAIL = optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.FAIL


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


def test_four_processes_share_a_study_and_two_are_killed(url, cli, cli_json, tmp_path):
    space = write_space(tmp_path, parameters=FEW)
    runs = [start("dse", "run", space, "--storage", url, "--workers", "1", "--resume") for _ in range(4)]
    with database(url) as storage:
        victims = [killed_at_a_point(runs, storage, finished) for finished in (0, FEWER // 3)]
    said = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [-signal.SIGKILL if run in victims else 0 for run in runs], said
    rows = exported(cli, space, url, tmp_path)
    assert [int(row["index"]) for row in rows] == list(range(FEWER))
    assert len({row["point"] for row in rows}) == FEWER
    alone = tmp_path / "alone"
    assert cli("dse", "run", space, "--storage", str(alone)).exit_code == 0
    assert exported(cli, space, alone, tmp_path) == rows
    fronts = [cli_json("dse", "front", space, "--storage", str(at), "--format", "json") for at in (url, alone)]
    assert fronts[0]["hypervolume"] == fronts[1]["hypervolume"] > 0
    first, second = ([point["point"] for point in front["points"]] for front in fronts)
    assert first == second
    with database(url) as storage:
        trials = optuna.load_study(study_name="small", storage=storage).get_trials(deepcopy=False)
    # Every point was told once; claims of the dead, and those that came second, are failed and count nothing:
    # a process may be killed between what it found and the state that keeps it.
    kept = [trial for trial in trials if not was_given_up(trial)]
    told = [trial.user_attrs["point"] for trial in kept if "outcome" in trial.user_attrs]
    assert sorted(told) == sorted(row["point"] for row in rows)
    assert all(trial.state.is_finished() for trial in trials)
    given_up = {trial.user_attrs["process"]["pid"] for trial in trials if trial.state is FAIL}
    assert {victim.pid for victim in victims} <= given_up


def killed_at_a_point(runs, storage, finished):
    """Kill the first of ``runs`` that is seen to hold a claim once so many points are finished, and return it."""
    while True:
        trials = trials_of(storage)
        holders = {trial.user_attrs["process"]["pid"] for trial in trials if trial.state is RUNNING}
        living = [run for run in runs if run.poll() is None]
        assert living
        if sum("outcome" in trial.user_attrs for trial in trials) >= finished:
            for run in living:
                if run.pid in holders:
                    os.kill(run.pid, signal.SIGSTOP)
                    # What is still its own now that it does nothing more can only be freed by the others.
                    if any(
                        t.state is RUNNING and t.user_attrs["process"]["pid"] == run.pid for t in trials_of(storage)
                    ):
                        run.kill()
                        return run
                    os.kill(run.pid, signal.SIGCONT)
        time.sleep(0.02)


def trials_of(storage):
    try:
        study = storage.get_study_id_from_name("small")
    except KeyError:
        return []
    return storage.get_all_trials(study, deepcopy=False)


def test_connections_that_find_no_tables_make_them_together(url):
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        server.execute("CREATE DATABASE new")
    at_once = threading.Barrier(4)

    def connected():
        at_once.wait()
        with database(url.replace("/postgres", "/new")) as storage:
            return storage.get_all_studies()

    with ThreadPoolExecutor(4) as threads:
        assert [future.result() for future in [threads.submit(connected) for _ in range(4)]] == [[]] * 4


def test_learning_samplers_share_their_generations(url, cli, tmp_path):
    space = write_space(tmp_path, name="learnt")
    options = ("--sampler", "nsga2", "--batch", "5", "--trials", "20", "--seed", "1")
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
