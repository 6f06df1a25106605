"""Cores are built once, and only where there is Verilator."""

from __future__ import annotations

import shutil
from functools import cache

import pytest
from cores import built


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where cores are built, without optimising: compiling takes longer than what they run."""
    if shutil.which("verilator") is None:
        pytest.skip("there is no Verilator here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXXFLAGS", "-O0")
        yield tmp_path_factory.mktemp("cores")


@pytest.fixture(scope="session")
def core_of(folder):
    """Of the name of a machine: the accelerator, its core, and the bench of that."""
    return cache(lambda name: built(name, folder))
