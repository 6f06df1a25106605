"""Is compiled code kept where its user alone can change it, and made anew when that is not so?"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from lw3dsim.base import native
from lw3dsim.base.native import Translation
from lw3dsim.errors import InputError

SMALL = """
from lw3dsim.base.kernels import kernel
from lw3dsim.base.native import Translation

TEST = Translation("the test")

@kernel
def plus(a, b):
    return a + b

@kernel(entry=TEST)
def twice(x):
    return plus(x, x)
"""


@pytest.fixture
def translate(tmp_path, monkeypatch, capsys):
    """Translate a small module as a new process would; return whether a translation was found, and what was said."""
    monkeypatch.setattr(native, "cache_folder", lambda: tmp_path / "cache" / "lw3dsim")

    def run(umask=0o022, place="."):
        source = tmp_path / place / "small.py"
        source.parent.mkdir(exist_ok=True)
        source.write_text(SMALL)
        spec = importlib.util.spec_from_file_location("small", source)
        small = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "small", small)
        spec.loader.exec_module(small)
        before = os.umask(umask)
        try:
            is_found = small.TEST.is_cached
            assert small.TEST.of(small.twice)(21) == 42
        finally:
            os.umask(before)
        return is_found, capsys.readouterr().err

    return run


def kept_files(tmp_path):
    return {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nb*")}


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o000])
def test_what_was_kept_is_loaded_without_a_word_whatever_the_umask(translate, tmp_path, umask):
    found, said = translate(umask)
    assert not found
    assert said == "compiling the test, once for this machine ...\n"
    before = kept_files(tmp_path)
    assert translate(umask) == (True, "")
    assert kept_files(tmp_path) == before


def test_a_copy_of_the_sources_elsewhere_finds_what_was_made(translate, tmp_path):
    translate(place="here")
    before = kept_files(tmp_path)
    assert before
    assert translate(place="there") == (True, "")
    assert kept_files(tmp_path) == before


def parts(tmp_path):
    """Return what could be tampered with: the package's folder, the translation's, and a file in it."""
    (folder,) = (tmp_path / "cache" / "lw3dsim").iterdir()
    folder.chmod(0o755)
    return {"all": folder.parent, "one": folder, "file": next(folder.rglob("*.nbi"))}


@pytest.mark.parametrize("part", ["all", "one", "file"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_what_others_may_write_is_not_loaded(translate, tmp_path, part, mode):
    translate()
    whole, path = parts(tmp_path)["all" if part == "all" else "one"], parts(tmp_path)[part]
    path.chmod(path.stat().st_mode | mode)
    before = kept_files(tmp_path)
    alone = f"compiling the test for this process alone: {whole} may be written by other users; remove it\n"
    assert translate() == (False, alone)
    assert kept_files(tmp_path) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="a file can be given away by root alone")
@pytest.mark.parametrize("part", ["all", "one", "file"])
def test_what_belongs_to_another_user_is_not_loaded(translate, tmp_path, part):
    translate()
    whole, path = parts(tmp_path)["all" if part == "all" else "one"], parts(tmp_path)[part]
    os.chown(path, 12345, -1)
    found, said = translate()
    assert not found
    assert said.startswith(f"compiling the test for this process alone: {whole} belongs to another user; remove it")
    assert said.count("\n") == 1


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [b"", b"\x80\x04", b"garbage" * 100], ids=["empty", "cut", "foreign"])
def test_what_is_damaged_is_made_anew(translate, tmp_path, suffix, damage):
    translate()
    (path,) = (tmp_path / "cache").rglob(f"*twice*.{suffix}")
    path.write_bytes(damage)
    assert translate() == (True, "")
    assert len(path.read_bytes()) > len(damage)


def test_another_version_of_the_compiler_has_a_folder_of_its_own(monkeypatch):
    def folder():
        return Translation("the test")._folder  # noqa: SLF001

    here = folder()
    assert folder() == here
    monkeypatch.setattr(native, "version", lambda _: "0.0")
    assert folder() != here


def test_what_is_kept_lies_where_the_environment_says(monkeypatch):
    def folder(**environment):
        for name in ("LW3DSIM_CACHE_DIR", "XDG_CACHE_HOME"):
            monkeypatch.setenv(name, environment.get(name, ""))
        native.cache_folder.cache_clear()
        return str(native.cache_folder())

    try:
        monkeypatch.setenv("HOME", "/home/me")
        assert folder() == "/home/me/.cache/lw3dsim"
        assert folder(XDG_CACHE_HOME="/x") == "/x/lw3dsim"
        assert folder(XDG_CACHE_HOME="/x", LW3DSIM_CACHE_DIR="/l") == "/l/lw3dsim"
        assert folder(XDG_CACHE_HOME="relative") == "/home/me/.cache/lw3dsim"
        with pytest.raises(InputError, match="LW3DSIM_CACHE_DIR = 'relative': is not an absolute path"):
            folder(LW3DSIM_CACHE_DIR="relative")
        monkeypatch.setattr(Path, "expanduser", lambda _: (_ for _ in ()).throw(RuntimeError))
        assert folder().endswith(f"/lw3dsim-{os.geteuid()}")
    finally:
        native.cache_folder.cache_clear()
