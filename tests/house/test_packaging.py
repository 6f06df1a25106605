"""Does an installed wheel find its files from any directory, and does the lock hold what is asked for?"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from wheels import checkout, given_away, wheel_of

from lw3dsim.compiler.build import compilers
from lw3dsim.describe.catalog import SHELVES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return given_away(tmp_path_factory.getbasetemp())


def test_the_archive_of_sources_holds_the_c_of_the_kernels_and_a_wheel_is_built_of_it(given):
    archive, wheel = given
    with tarfile.open(archive) as members:
        names = {name.partition("/")[2] for name in members.getnames()}
    assert {"lw3dsim/base/_kernels.c", "lw3dsim/compiler/kernels.h", "lw3dsim/compiler/backend.py"} <= names
    made = zipfile.ZipFile(wheel).namelist()
    assert [name for name in made if "/_kernels" in name] == (["lw3dsim/base/_kernels.abi3.so"] if compilers() else [])


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="ziglang is not installed")
def test_a_wheel_is_made_for_another_processor(tmp_path, monkeypatch):
    monkeypatch.setenv("LW3DSIM_TARGET", "aarch64")
    wheel = wheel_of(checkout(tmp_path / "source"), tmp_path)
    assert wheel.name.endswith("-cp311-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64.whl")
    # The processor that an ELF file is for: 183 is AArch64.
    assert zipfile.ZipFile(wheel).read("lw3dsim/base/_kernels.abi3.so")[18] == 183


def test_without_a_compiler_a_wheel_has_no_extension_and_says_that_cpython_runs_the_kernels(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sh").symlink_to("/bin/sh")
    source = checkout(tmp_path / "source")
    code = f"""
from lw3dsim.compiler import backend, build
build._zig = list
print(backend.get_requires_for_build_wheel())
print(backend.build_wheel({str(tmp_path)!r}))
"""
    environment = {name: value for name, value in os.environ.items() if name != "CC"} | {"PATH": str(tools)}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=source, env=environment, check=True, capture_output=True, text=True
    )
    assert "ziglang>=0.13" in run.stdout
    assert "the kernels are not compiled, so CPython will run them, slowly: there is no C compiler" in run.stderr
    (wheel,) = tmp_path.glob("lw3dsim-*.whl")
    assert not any("/_kernels" in name for name in zipfile.ZipFile(wheel).namelist())


def test_a_wheel_works_outside_the_checkout(given, tmp_path):
    _, wheel = given
    if compilers() and sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        assert re.search(r"-cp311-abi3-manylinux_2_17_\w+\.manylinux2014_\w+\.whl$", wheel.name)
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)  # noqa: S202  # our own wheel
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(site)}
    code = "import lw3dsim, sys; from lw3dsim.cli.main import main; print(lw3dsim.__file__, file=sys.stderr); main()"

    def run(*args):
        return subprocess.run(
            [sys.executable, "-c", code, *args],
            cwd=outside,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )

    listed = run("list", "--format", "json")
    assert str(site) in listed.stderr.splitlines()[0]
    names = json.loads(listed.stdout)
    assert {"c3d", "slowfast_r50_8x8"} <= set(names["workloads"])
    result = json.loads(run("simulate", "c3d", "--input", "16x32x32", "--format", "json").stdout)
    assert result["totals"]["latency_cycles"] > 0


def test_what_a_wheel_ships_is_read_without_pyyaml(given, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(given[1]).extractall(site)  # noqa: S202  # our own wheel
    code = """
import sys
sys.modules["yaml"] = None
from lw3dsim.describe.catalog import SHELVES, shipped_folder
from lw3dsim.describe.source import parse_file, read_text
for name in SHELVES:
    for path in shipped_folder(name).glob("*.yaml"):
        print(path.name, sorted(parse_file(read_text(path), path.name).data))
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=True,
        capture_output=True,
        text=True,
    )
    shipped = {path.name for folder in SHELVES for path in (ROOT / folder).glob("*.yaml")}
    assert {line.split()[0] for line in run.stdout.splitlines()} == shipped


def locked(name):
    """Return the lines of a lock that name a package, each with its hashes."""
    text = (ROOT / ".ci" / name).read_text().replace("\\\n", "")
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


@pytest.mark.parametrize(("name", "extras"), [("lock.txt", ["dev"]), ("run_lock.txt", [])])
def test_a_lock_holds_one_release_with_hashes_of_everything_that_is_asked_for(name, extras):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = project["build-system"]["requires"] + project["project"]["dependencies"]
    asked += [one for extra in extras for one in project["project"]["optional-dependencies"][extra]]
    pins = [Requirement(line.split(" --hash")[0]) for line in locked(name)]
    here = {pin.name: pin for pin in pins if pin.marker is None or pin.marker.evaluate()}
    for requirement in map(Requirement, asked):
        (pin,) = here[requirement.name.lower()].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"make lock: {requirement} is asked for, {pin} is locked"


def test_every_package_is_shipped():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = {name for name in project["tool"]["setuptools"]["packages"] if "_shipped" not in name}
    assert shipped == {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("lw3dsim/**/__init__.py")}


def test_what_runs_is_what_is_worked_on():
    runs, all_of_it = (
        {re.split(" ;| --hash", line)[0].strip() for line in locked(f"{name}lock.txt")} for name in ("run_", "")
    )
    assert runs <= all_of_it


@pytest.mark.parametrize("lock", ["lock.txt", "run_lock.txt"])
def test_a_lock_names_no_place_to_fetch_from(lock):
    for line in locked(lock):
        name, *hashes = line.split(" --hash=")
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64} *", one) for one in hashes), name
        assert not re.search(r"://|@|--", name), name
