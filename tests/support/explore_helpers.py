"""A small network and space for the tests of the exploration."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

NET = """name: net
inputs: {x: {channels: 4, frames: 4, height: 8, width: 8}}
layers:
  - {name: a, kind: conv3d, out_channels: 8, kernel: [3, 1, 1], padding: [1, 0, 0]}
  - {name: b, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1], groups: 8}
"""
PARAMETERS = """  pe.rows: [2, 4, 8]
  winograd.m1: {int: [1, 4]}
  winograd.m2: {int: [1, 4]}
  buffers.ifmap_kib: {log2: [4, 16]}
"""
ROOT = Path(__file__).resolve().parents[2]


def write_space(folder, parameters=PARAMETERS, objectives="[latency_ms, energy_mj]", more="", name="small", net=NET):
    """Write a space of one small network and return its path."""
    (folder / "net.yaml").write_text(net)
    path = folder / "space.yaml"
    path.write_text(
        f"name: {name}\nworkloads:\n  - {{workload: {folder / 'net.yaml'}, algorithm: hfa}}\n"
        f"parameters:\n{parameters}objectives: {objectives}\n{more}"
    )
    return str(path)


def command(*args):
    """Return the command line as a process of its own runs it."""
    return [sys.executable, "-m", "lw3dsim", *map(str, args)]


def start(*args, **options):
    """Start the command line as a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command(*args), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options
    )


def exported(cli, space, storage, folder):
    """Return every finished point of a study as rows without their time, by index."""
    file = folder / "points.csv"
    result = cli("dse", "export", space, "--storage", str(storage), "--out", str(file))
    assert result.exit_code == 0, result.stderr
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def completed(folder):
    """Run a study of the small space with local workers; return the space, its points, and where the study is."""
    from click.testing import CliRunner

    from lw3dsim.cli.main import main

    def cli(*args):
        return CliRunner().invoke(main, list(args))

    space, study = write_space(folder), folder / "study"
    result = cli("dse", "run", space, "--storage", str(study), "--workers", "2")
    assert result.exit_code == 0, result.stderr
    return space, exported(cli, space, study, folder), study


def kept_study(space, where, *, points=None, sampler="exhaustive"):
    """Make a study without worker processes: the first ``points`` that the sampler proposes, or all."""
    from lw3dsim.explore.evaluate import Evaluator
    from lw3dsim.explore.plan import Plan
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space_file import load_space
    from lw3dsim.explore.study import begun
    from lw3dsim.explore.wanted import Wanted

    loaded = load_space(space)
    evaluator, plan = Evaluator(loaded), Plan(loaded, sampler, 0)
    with begun(loaded, str(where), Wanted(sampler=sampler, bounds=False)) as store:
        store.want(points or loaded.size)
        left = points or loaded.size
        while left and plan.can_ask():
            for proposal in plan.ask()[:left]:
                store.claim([proposal])
                outcome = evaluator.evaluate(proposal.point)
                record = Record(index=proposal.index, point=proposal.point, outcome=outcome, notes=proposal.notes)
                store.finish(record)
                plan.finish(record)
                left -= 1
    return loaded


def written_places(folder):
    """Write a network, a space, a study and a result into ``folder``; return their names by what they are."""
    from lw3dsim import simulate

    space = write_space(folder, parameters="  pe.rows: [2, 4]\n")
    kept_study(space, folder / "study")
    (folder / "result").mkdir()
    (folder / "result" / "result.json").write_text(simulate(str(folder / "net.yaml")).to_json())
    names = {"net": "net.yaml", "result": "result", "study": "study"}
    return {"space": space, **{key: str(folder / name) for key, name in names.items()}}
