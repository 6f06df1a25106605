"""Does an installed wheel find its workloads and accelerators from any directory?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


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
