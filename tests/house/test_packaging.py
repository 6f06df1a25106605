"""Does an installed wheel find its files from any directory, and does the lock hold what is asked for?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def test_a_wheel_works_outside_the_checkout(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("lw3dsim-*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
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
    assert str(site) in listed.stderr
    names = json.loads(listed.stdout)
    assert {"c3d", "slowfast_r50_8x8"} <= set(names["workloads"])
    result = json.loads(run("simulate", "c3d", "--input", "16x32x32", "--format", "json").stdout)
    assert result["totals"]["latency_cycles"] > 0


def locked():
    """Return the lines of the lock that name a package, each with its hashes."""
    text = (ROOT / ".ci" / "lock.txt").read_text().replace("\\\n", "")
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def test_the_lock_holds_one_release_with_hashes_of_everything_that_is_asked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = project["build-system"]["requires"] + project["project"]["dependencies"]
    asked += project["project"]["optional-dependencies"]["dev"]
    pins = [Requirement(line.split(" --hash")[0]) for line in locked()]
    here = {pin.name: pin for pin in pins if pin.marker is None or pin.marker.evaluate()}
    for requirement in map(Requirement, asked):
        (pin,) = here[requirement.name.lower()].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"make lock: {requirement} is asked for, {pin} is locked"


def test_the_lock_names_no_place_to_fetch_from():
    for line in locked():
        name, *hashes = line.split(" --hash=")
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64} *", one) for one in hashes), name
        assert not re.search(r"://|@|--", name), name
