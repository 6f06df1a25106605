"""Good files to start from, made once by the product itself: a mapping, results, and a study in either storage."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from click.testing import CliRunner

from .case import folder_of_its_own, write_files

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
    ("--batch", "3", "--algorithm", "auto"),
    ("--fusion", "auto", "--objective", "energy"),
    ("--set", "dram.model=plain"),
)


@cache
def good_files() -> dict[str, bytes]:
    """Return by name: ``study.journal`` and ``study.db`` of SPACE, ``map.yaml`` of NET, ``result0.json`` and so on."""
    files: dict[str, bytes] = {}
    with folder_of_its_own() as folder:
        write_files(folder, {"net.yaml": NET, "space.yaml": SPACE})
        for storage in ("study.journal", "sqlite:///study.db"):
            _keep_study(storage)
        _run("map", "net.yaml", "--fusion", "auto", "--save", "map.yaml")
        for number, words in enumerate(RUNS):
            _run("simulate", "net.yaml", *words, "--out", f"out{number}")
            files[f"result{number}.json"] = Path(f"out{number}/result.json").read_bytes()
        for own in ("study.journal", "study.db", "map.yaml"):
            files[own] = Path(own).read_bytes()
    return files


def _run(*args: str) -> None:
    from lw3dsim.cli.main import main

    result = CliRunner().invoke(main, list(args))
    if result.exit_code:
        raise RuntimeError(f"{args}: {result.output}") from result.exception


def _keep_study(storage: str) -> None:
    """Keep the first points of a study of SPACE, in this process, as ``dse run`` does with others."""
    from lw3dsim.explore.evaluate import Evaluator
    from lw3dsim.explore.plan import Plan
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space_file import load_space
    from lw3dsim.explore.study import begun
    from lw3dsim.explore.wanted import Wanted

    space = load_space("space.yaml")
    evaluator = Evaluator(space)
    with begun(space, storage, Wanted(trials=POINTS, sampler="random")) as store:
        proposals = Plan(space, "random", 0, batch=store.settings.batch).ask()[:POINTS]
        store.claim(proposals)
        for proposal in proposals:
            outcome = evaluator.evaluate(proposal.point)
            store.finish(Record(index=proposal.index, point=proposal.point, outcome=outcome, notes=proposal.notes))


@cache
def records() -> tuple[bytes, ...]:
    """Return the lines of the good journal."""
    return tuple(good_files()["study.journal"].splitlines(keepends=True))


@cache
def results() -> tuple[str, ...]:
    """Return the good results as JSON text."""
    texts = [content.decode() for name, content in sorted(good_files().items()) if name.startswith("result")]
    return tuple(json.dumps(json.loads(text)) for text in texts)
