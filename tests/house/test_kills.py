"""Is anything lost, half-written or left over when a command that writes is killed with SIGKILL?

LW3DSIM_KILLS says at how many random moments each command is killed too; without it, only where it touches its folder.
"""

from __future__ import annotations

import fcntl
import os
import random
import time

import pytest
from explore_helpers import command, exported, start, write_space, written_places
from kills import kill_at_random, killed_at

from lw3dsim.base.output import check_folder
from lw3dsim.parts import part_file, remove_left_over

KILLS = int(os.environ.get("LW3DSIM_KILLS", "0"))

# What each command writes in {out}, the files that come of it, and the times it touches {out} at which it is killed:
# with the file to be written open, before it is renamed, and for several files between one renaming and the next.
WRITERS = {
    "simulate": (
        "simulate {net} --out {out}",
        {"result.json", "layers.csv", "energy.csv", "accesses.csv", "report.html", "closeups.json"},
        (8, 5),
    ),
    "execute": ("execute {net} --out {out}", {"execution.json"}, (3, 1)),
    "map": ("map {net} --save {out}/map.yaml", {"map.yaml"}, (3, 1)),
    "compare": ("compare {net} --html {out}/page.html", {"page.html"}, (3, 1)),
    "report": ("report {result} --out {out}/page.html", {"page.html"}, (1,)),
    "export CSV": ("dse export {space} --storage {study} --out {out}/points.csv", {"points.csv"}, (3, 1)),
    "export Parquet": ("dse export {space} --storage {study} --out {out}/points.parquet", {"points.parquet"}, (3, 1)),
    "report of a study": ("dse report {space} --storage {study} --out {out}/page.html", {"page.html"}, (3, 1)),
}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return written_places(tmp_path_factory.mktemp("ours"))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", WRITERS)
def test_a_killed_command_leaves_whole_files_and_the_next_removes_the_rest(cli, places, tmp_path, name):
    line, files, steps = WRITERS[name]
    out = tmp_path / "out"
    out.mkdir()
    words = line.format(out=out, **places).split()
    assert cli(*words).exit_code == 0
    whole = contents(out)
    assert set(whole) == files
    left = 0
    for step in steps:
        assert killed_at(words, out, step)
        found = contents(out)
        assert {key: found[key] for key in files} == whole
        left += len(found) - len(files)
    assert left > 0
    assert cli(*words).exit_code == 0
    assert contents(out) == whole
    generator = random.Random(1)  # noqa: S311  # repeatable
    for _ in range(KILLS):
        kill_at_random(command(*words), generator, 6)
        found = contents(out)
        assert {key: found[key] for key in files} == whole
    assert cli(*words).exit_code == 0
    assert contents(out) == whole


@pytest.mark.skipif(not KILLS, reason="takes minutes: set LW3DSIM_KILLS")
def test_a_study_that_is_killed_at_random_moments_loses_and_doubles_nothing(cli, tmp_path):
    space, generator = write_space(tmp_path), random.Random(2)  # noqa: S311  # repeatable
    out = tmp_path / "out"
    out.mkdir()
    words = ("dse", "run", space, "--storage", out / "study", "--workers", "1", "--resume")
    kept = 0
    for _ in range(KILLS):
        kill_at_random(command(*words), generator, 8)
        lines = (out / "study").read_bytes().count(b"\n") if (out / "study").exists() else 0
        assert lines >= kept
        kept = lines
    assert cli(*map(str, words)).exit_code == 0
    assert list(contents(out)) == ["study"]
    rows = exported(cli, space, out / "study", tmp_path)
    assert len({row["point"] for row in rows}) == len(rows) == 144


def test_a_study_that_is_killed_where_it_is_made_can_be_begun(cli, places, tmp_path):
    for storage in ("study", "sqlite"):
        out = tmp_path / storage
        out.mkdir()
        where = out / "study" if storage == "study" else f"sqlite:///{out}/study"
        words = ("dse", "run", places["space"], "--storage", where, "--workers", "1", "--resume", "--no-bounds")
        for step in (1, 4):
            killed_at(words, out, step)
        assert cli(*map(str, words)).exit_code == 0
        assert list(contents(out)) == ["study"]
        assert len(exported(cli, places["space"], where, tmp_path)) == 2


def test_a_living_process_keeps_its_files_and_foreign_names_are_kept(tmp_path):
    foreign = [".lw3dsim-0123456789ab.part.txt", "lw3dsim-0123456789ab.part", ".page.html.8231", ".lw3dsim-x.part"]
    for name in foreign:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".lw3dsim-0123456789ab.part").write_text("left over")
    (tmp_path / ".lw3dsim-aaaaaaaaaaaa.part").mkdir()
    with part_file(tmp_path) as (_, path):
        remove_left_over(tmp_path)
        assert path.exists()
        assert not (tmp_path / ".lw3dsim-0123456789ab.part").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*foreign, ".lw3dsim-aaaaaaaaaaaa.part"])


def test_what_a_killed_check_of_an_output_folder_leaves_is_gone_after_the_next(tmp_path):
    (tmp_path / ".lw3dsim-0123456789ab.part").write_text("")
    check_folder(tmp_path / "new" / "deep", {})
    assert not [*tmp_path.iterdir()]


def test_a_file_system_without_locks_is_written_to_and_not_tidied(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError("no locks here")

    left = tmp_path / ".lw3dsim-0123456789ab.part"
    left.write_text("perhaps someone's")
    monkeypatch.setattr(fcntl, "flock", unsupported)
    with part_file(tmp_path) as (file, path):
        file.write(b"x")
        path.replace(tmp_path / "x")
    remove_left_over(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [left.name, "x"]


def test_a_claim_of_a_killed_process_is_free_at_once(cli, tmp_path):
    space = write_space(tmp_path, parameters="  pe.rows: [2, 4, 8]\n  winograd.m1: {int: [1, 4]}\n")
    url = f"sqlite:///{tmp_path}/study.db"
    # Patience for longer than the test may take: what is taken over is known to be dead.
    words = ("dse", "run", space, "--storage", url, "--workers", "1", "--resume", "--patience", "3600")
    run = start(*words)
    while run.poll() is None and not claims(url):
        time.sleep(0.02)
    run.kill()
    run.communicate()
    assert claims(url)
    assert cli(*words).exit_code == 0
    assert len(exported(cli, space, url, tmp_path)) == 12


def claims(url):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        try:
            return connection.execute("SELECT count(*) FROM trials WHERE state = 'RUNNING'").fetchone()[0]
        except sqlite3.OperationalError:
            return 0
