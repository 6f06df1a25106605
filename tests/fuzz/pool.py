"""Good files to start from, made once by the product itself: a mapping, results, and a study in either storage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from .session import ROOT

NET = b"""name: net
inputs: {x: {channels: 4, frames: 4, height: 8, width: 8}}
parameters: {classes: 5}
layers:
  - {name: a, kind: conv3d, out_channels: 8, kernel: [3, 1, 1], padding: [1, 0, 0]}
  - {name: b, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1], groups: 8}
  - {name: c, kind: linear, out_features: $classes}
"""
ARCH = b"""name: mine
clock_mhz: 500
pe: {rows: 8, cols: 1, mults_per_pe: 36}
buffers: {ifmap_kib: 64, weight_kib: 64, ofmap_kib: 64}
"""
SPACE = b"""name: small
workloads:
  - {workload: net.yaml, algorithm: hfa}
parameters:
  pe.rows: [2, 4, 8]
  winograd.m1: {int: [1, 4]}
  buffers.ifmap_kib: {log2: [1, 16]}
  dram.model: [plain, in_order, null]
objectives: [latency_ms, energy_mj]
constraints: {area_mm2: {max: 100}}
"""
POINTS = 8
RUNS: tuple[tuple[str, ...], ...] = (
    (),
    ("--transform", "fsb", "--algorithm", "hfa"),
    ("--clips", "2", "--algorithm", "auto"),
    ("--fusion", "auto", "--objective", "energy"),
    ("--set", "dram.model=plain"),
)


@cache
def good_files() -> dict[str, bytes]:
    """Return by name: ``study.journal`` and ``study.db`` of SPACE, ``map.yaml`` of NET, ``result0.json`` and so on."""
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for own, content in (("net.yaml", NET), ("space.yaml", SPACE)):
            (folder / own).write_bytes(content)
        for storage in ("study.journal", "sqlite:///study.db"):
            _run(folder, "dse", "run", "space.yaml", "--storage", storage, "--trials", str(POINTS), "--workers", "1")
        _run(folder, "map", "net.yaml", "--fusion", "auto", "--save", "map.yaml")
        for number, words in enumerate(RUNS):
            _run(folder, "simulate", "net.yaml", *words, "--out", f"out{number}")
            files[f"result{number}.json"] = (folder / f"out{number}" / "result.json").read_bytes()
        for own in ("study.journal", "study.db", "map.yaml"):
            files[own] = (folder / own).read_bytes()
    return files


def _run(folder: Path, *args: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "lw3dsim", *args]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


@cache
def records() -> tuple[bytes, ...]:
    """Return the lines of the good journal."""
    return tuple(good_files()["study.journal"].splitlines(keepends=True))


@cache
def results() -> tuple[str, ...]:
    """Return the good results as JSON text."""
    texts = [content.decode() for name, content in sorted(good_files().items()) if name.startswith("result")]
    return tuple(json.dumps(json.loads(text)) for text in texts)
