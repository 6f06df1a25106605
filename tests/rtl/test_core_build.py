"""Is a core that several ask for at once built once, and does each get it whole?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

TINY = """
name: tiny
inputs: {clip: {channels: 3, frames: 4, height: 8, width: 8}}
layers: [{name: point, kind: conv3d, out_channels: 4, kernel: 1}]
"""
SMALL = ("pe.rows=2", "pe.cols=1", "pe.mults_per_pe=1", "pe.acc_depth=2", "pe.pipeline_stages=5", "vector_lanes=2")


def test_two_processes_build_a_core_once(folder, tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    cores = tmp_path / "cores"
    cores.mkdir()
    # Verilator's own part, where it is built, takes half of the time.
    for made in folder.glob("*.o"):
        shutil.copy(made, cores)
    # The tool that is installed, which tells of every core that it translates.
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "verilator"
    tool.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/calls\nexec {shutil.which("verilator")} "$@"\n')
    tool.chmod(0o755)
    command = [sys.executable, "-m", "lw3dsim", "rtl", "check", str(tmp_path / "tiny.yaml"), "--arch", "edge_small"]
    command += [word for change in SMALL for word in ("--set", change)]
    command += ["--build", str(cores), "--format", "json"]
    path = f"{tool.parent}{os.pathsep}{os.environ['PATH']}"
    started = [
        subprocess.Popen(command, env={**os.environ, "PATH": path}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=900) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    first, second = (json.loads(output) for output, _ in said)
    assert first["equal"]
    assert first == second
    assert (tmp_path / "calls").read_text().split().count("--cc") == 1
