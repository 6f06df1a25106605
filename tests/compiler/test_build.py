"""Does a build put only an extension of today's sources into the package?"""

from __future__ import annotations

import pytest
from setuptools import Distribution, Extension
from setuptools.errors import CompileError

from lw3dsim.compiler import build

OLD, NEW = ("0" * 64).encode(), ("f" * 64).encode()
NAME = "lw3dsim.base._kernels"


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The step that makes the extension of a package whose digest is NEW, with no compiler, in a folder of its own."""
    source = tmp_path / "_kernels.c"
    source.write_bytes(b'module("%s");' % NEW)
    (tmp_path / "beside" / "base").mkdir(parents=True)
    monkeypatch.setattr(build, "ROOT", tmp_path / "beside")
    monkeypatch.setattr(build, "write_source", lambda: source)
    monkeypatch.setattr(build, "compilers", list)
    command = build.BuildKernels(Distribution({"ext_modules": [Extension(NAME, [str(source)])]}))
    command.ensure_finalized()
    command.build_lib = str(tmp_path / "built")
    return command


@pytest.fixture
def made(command, tmp_path):
    """Where it is made."""
    path = tmp_path / "built" / command.get_ext_filename(NAME)
    path.parent.mkdir(parents=True)
    return path


def test_an_extension_of_other_sources_is_not_left_for_the_wheel(command, made):
    made.write_bytes(OLD)
    with pytest.raises(CompileError, match="there is no C compiler"):
        command.build_extension(command.extensions[0])
    assert list(made.parent.iterdir()) == []


def test_one_of_the_same_sources_stays_where_nothing_can_compile(command, made):
    made.write_bytes(NEW)
    with pytest.raises(CompileError, match="there is no C compiler"):
        command.build_extension(command.extensions[0])
    assert list(made.parent.iterdir()) == [made]


@pytest.mark.parametrize("before", [OLD, NEW])
def test_it_is_compiled_afresh_however_new_the_last_one_is(command, made, monkeypatch, before):
    made.write_bytes(before)
    monkeypatch.setattr(build, "compile_source", lambda _, to: to.write_bytes(NEW + b"afresh") and "")
    command.build_extension(command.extensions[0])
    assert list(made.parent.iterdir()) == [made]
    assert made.read_bytes() == NEW + b"afresh"
    assert (build.ROOT / "base" / made.name).read_bytes() == NEW + b"afresh"
