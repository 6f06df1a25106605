"""Is a file that can't be written named, by commands and in Python, and is nothing of it left?"""

from __future__ import annotations

import errno
import os
import resource
from contextlib import contextmanager

import pytest
from explore_helpers import written_places
from test_bad_input import refuse
from test_foreign_files import snapshot, words

from lw3dsim import OutputError, map_workload
from lw3dsim.base.forms import BEGUN
from lw3dsim.base.output import save_files, writing
from lw3dsim.cli.main import _one_sentence

# What writes files into the folder {}.
COMMANDS = [
    "compare {net} --html {}/page.html",
    "dse export {space} --storage {study} --out {}/points.csv",
    "dse prove {space} --storage {study} --minutes 0 --out {}/proof",
    "dse report {space} --storage {study} --out {}/page.html",
    "execute {net} --out {}/new/result",
    "map {net} --save {}/mapping.yaml",
    "new workload mine --out {}/mine.yaml",
    "report {result} --out {}/page.html",
    "rtl export --arch edge_small --out {}/new/rtl",
    "simulate {net} --out {}/new/result",
    "trace {net} --out {}/trace.json",
    "trace {net} --out {}/trace.json.gz",
]


@contextmanager
def no_file_larger_than(size):
    """Let the system refuse to write more than ``size`` bytes into a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return written_places(tmp_path_factory.mktemp("ours"))


def folder_in(parent, name):
    folder = parent / name
    folder.mkdir()
    return folder


@pytest.mark.parametrize("line", COMMANDS)
def test_a_file_that_has_no_room_is_named_and_nothing_is_left(cli, places, tmp_path, line):
    whole = folder_in(tmp_path, "whole")
    result = cli(*words(line, whole, places))
    assert result.exit_code == 0, result.stderr
    sizes = {path.relative_to(whole): path.stat().st_size for path in whole.rglob("*") if path.is_file()}
    for most in (0, max(sizes.values()) // 2):
        folder = folder_in(tmp_path, f"of_{most}")
        with no_file_larger_than(most):
            said = refuse(cli(*words(line, folder, places)))
        large = [folder / name for name, size in sizes.items() if size > most]
        assert any(f"{name}: cannot be written ({os.strerror(errno.EFBIG)})" in said for name in large), said
        assert snapshot(folder) == {}


def test_a_page_of_a_study_that_has_no_room_leaves_no_folder(cli, places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with no_file_larger_than(0):
        said = refuse(cli("dse", "report", places["space"], "--storage", places["study"]))
    assert "cannot be written" in said
    assert snapshot(tmp_path) == {}


def test_python_raises_what_it_promises(places, tmp_path):
    mappings = map_workload(places["net"])
    with no_file_larger_than(0), pytest.raises(OutputError, match=r"mine\.yaml: cannot be written"):
        mappings.save(tmp_path / "mine.yaml")
    assert snapshot(tmp_path) == {}


def test_of_several_files_the_one_without_room_is_named_and_folders_that_were_there_stay(tmp_path):
    (tmp_path / "old").mkdir()
    files = {tmp_path / name: (BEGUN, b"x" * size) for name, size in {"old/a": 3, "old/new/b": 9, "c": 3}.items()}
    with no_file_larger_than(5), pytest.raises(OutputError, match=r"/old/new/b: cannot be written"):
        save_files(files)
    assert snapshot(tmp_path) == {"old": b"(none)"}
    save_files(files)
    assert {path: path.read_bytes() for path in files} == {path: data for path, (_, data) in files.items()}


def test_what_else_goes_wrong_while_a_file_is_written_is_told_as_it_is(tmp_path):
    def write():
        with writing(tmp_path / "file", BEGUN) as file:
            file.write(b"that has no room")
            raise ZeroDivisionError

    with no_file_larger_than(0), pytest.raises(ZeroDivisionError):
        write()
    assert snapshot(tmp_path) == {}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), FileNotFoundError("a template")])
def test_standard_output_is_not_blamed_for_what_is_not_written_there(error):
    with pytest.raises(type(error)) as raised, _one_sentence():
        raise error
    assert raised.value is error
