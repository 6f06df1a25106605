"""Does the extension stand in for its own sources alone, and is it said where CPython runs the kernels instead?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lw3dsim.base import folders
from lw3dsim.base.native import extension
from lw3dsim.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
WORKLOAD = """
name: small
inputs: {clip: {channels: 8, frames: 2, height: 8, width: 8}}
layers:
  - {name: first, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1]}
"""
SLOWLY = "lw3dsim: CPython runs the kernels, some hundred times slower: "


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package, its extension included."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "lw3dsim", folder / "lw3dsim", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("arch_configs", "workloads"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "small.yaml").write_text(WORKLOAD)
    return folder


def run(folder, **environment):
    """Simulate a small network with the package of a folder; return exit code, JSON and what was said."""
    words = ["-m", "lw3dsim", "simulate", "small.yaml", "--format", "json"]
    there = os.environ | {"PYTHONPATH": str(folder)} | environment
    done = subprocess.run([sys.executable, *words], cwd=folder, env=there, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


@pytest.fixture(scope="module")
def expected(copy):
    if not extension().kernels:
        pytest.skip("no C compiler here")
    code, data, said = run(copy)
    assert (code, said) == (0, "")
    return data


def test_without_the_extension_figures_are_the_same_and_one_sentence_is_said(copy, expected):
    made = copy / "lw3dsim" / "base" / "_kernels.abi3.so"
    away = made.rename(copy / "away.so")
    try:
        code, data, said = run(copy)
    finally:
        away.rename(made)
    assert (code, data) == (0, expected)
    assert said.startswith(f"{SLOWLY}they were not compiled when the package was built (")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "file", ["map/layer/tiling.py", "compiler/kernels.h", "compiler/statements.py", "engine/fast_engine.py"]
)
def test_an_extension_of_other_sources_does_not_stand_in_for_them(copy, expected, file):
    source = copy / "lw3dsim" / file
    before = source.read_bytes()
    source.write_bytes(before + b"\n")
    try:
        code, data, said = run(copy)
    finally:
        source.write_bytes(before)
    assert (code, data) == (0, expected)
    assert said == f"{SLOWLY}their sources changed since they were compiled; install the package again\n"


def test_a_missing_source_is_a_changed_one(copy, expected):
    source = copy / "lw3dsim" / "compiler" / "kernels.h"
    before = source.read_bytes()
    source.unlink()
    try:
        code, data, said = run(copy)
    finally:
        source.write_bytes(before)
    assert (code, data, said.count("\n")) == (0, expected, 1)


def test_kernels_are_interpreted_on_request_without_a_word(copy, expected):
    assert run(copy, LW3DSIM_KERNELS="interpreted") == (0, expected, "")


def test_nonsense_is_refused_in_one_sentence(copy):
    code, data, said = run(copy, LW3DSIM_KERNELS="nonsense")
    assert (code, data) == (2, None)
    assert said == "Error: LW3DSIM_KERNELS = 'nonsense': is neither native nor interpreted\n"


def test_what_is_kept_lies_where_the_environment_says(monkeypatch):
    def folder(**environment):
        for name in ("LW3DSIM_CACHE_DIR", "XDG_CACHE_HOME"):
            monkeypatch.setenv(name, environment.get(name, ""))
        folders.cache_folder.cache_clear()
        return str(folders.cache_folder())

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
        folders.cache_folder.cache_clear()
