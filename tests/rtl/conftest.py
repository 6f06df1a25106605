"""Cores are built once, for later runs of the tests too, and only where there is Verilator."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from cores import built

# A core that is built here is called after its sources; of several, the newest stay.
BUILD = Path(__file__).resolve().parents[2] / "build" / "cores"
KEPT = 12
FLAGS = "-Og"


def built_at(core):
    """When a core was built; never, where another worker has just deleted it."""
    try:
        return core.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@pytest.fixture(scope="session")
def folder():
    """Where cores are built by these tools, hardly optimised: compiled about as fast as without, they run 14 x as."""
    if shutil.which("verilator") is None:
        pytest.skip("there is no Verilator here")
    tools = [[name, "--version"] for name in ("verilator", os.environ.get("CXX", "g++"))]
    said = [subprocess.run(tool, capture_output=True, check=True).stdout for tool in tools]
    made = BUILD / hashlib.sha256(repr((said, FLAGS)).encode()).hexdigest()[:16]
    made.mkdir(parents=True, exist_ok=True)
    for old in sorted(BUILD.glob("*/core_*"), key=built_at, reverse=True)[KEPT:]:
        # Another worker may be at it too.
        shutil.rmtree(old, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXXFLAGS", FLAGS)
        yield made


@pytest.fixture(scope="session")
def core_of(folder):
    """Of the name of a machine: the accelerator, its core, and the bench of that."""
    return cache(lambda name: built(name, folder))
