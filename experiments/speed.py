"""How long an answer takes, in seconds of CPU and of the clock: ``python experiments/speed.py``; minutes.

Each figure is the least of several, and stands beside that of the last release, from ``speed.csv``. Machines differ:
what holds anywhere are ratios of figures that were taken in turns on one machine, which ``--against PYTHON``, the
interpreter of an environment with another version, takes; ``--save`` writes the file anew.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
FILE = HERE / "speed.csv"
RUN = {"workload": "c3d", "transform": "fsb_c3d", "algorithm": "hfa"}
COMMAND = ["-m", "lw3dsim", "simulate", "c3d", "--transform", "fsb_c3d", "--algorithm", "hfa"]
# What is measured, in which words, and how often.
ROWS = {
    "numpy": ("python -c 'import numpy'", 5),
    "first": ("a first run: nothing remembered", 3),
    "later": ("a later run", 5),
    "in_process": ("in process, nothing remembered", 3),
    "point_in_order": ("a point of a study, in order", 2),
    "point_at_random": ("a point of a study, at random", 2),
    "point_fused": ("a point of a study, layers fused", 1),
    "point_again": ("a point, all of its layers remembered", 2),
}
POINTS = {"point_in_order": 60, "point_at_random": 20, "point_fused": 6, "point_again": 60}


def main() -> None:
    """Print the table, and save it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="PYTHON", help="take the figures beside ours with this interpreter")
    parser.add_argument("--save", action="store_true", help=f"write ours to {FILE.name}")
    parser.add_argument("--inside", choices=ROWS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        print(json.dumps(inside(asked.inside)))
        return
    ours, theirs = {}, saved()
    print(f"{'':40}{'CPU s':>9}{'wall s':>9}{'before':>11}{'wall s':>9}{'CPU':>10}")
    for row, (_, times) in ROWS.items():
        pythons = [sys.executable, *([asked.against] if asked.against else [])]
        taken = [[measured(python, row) for python in pythons] for _ in range(times)]
        ours[row] = least([pair[0] for pair in taken])
        if asked.against:
            theirs[row] = least([pair[1] for pair in taken])
        print(line(row, ours[row], theirs.get(row)), flush=True)
    if asked.save:
        save(ours)


def measured(python: str, row: str) -> tuple[float, float]:
    """Return the CPU and wall time of a row, in s, with an interpreter."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "LW3DSIM_CACHE_DIR": home, "LW3DSIM_MAPPING_CACHE": "1"}
        if row == "numpy":
            return timed([python, "-c", "import numpy"], environment)
        if row in {"first", "later"}:
            first = timed([python, *COMMAND], environment)
            return first if row == "first" else timed([python, *COMMAND], environment)
        environment["LW3DSIM_MAPPING_CACHE"] = "0"
        told = subprocess.run(  # noqa: S603  # ourselves
            [python, str(HERE / "speed.py"), "--inside", row],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        cpu, wall = json.loads(told.stdout)
        return cpu, wall


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the CPU and wall time of a command, in s."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, env=environment, check=True, cwd="/", **quiet)  # noqa: S603  # ours
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def inside(row: str) -> tuple[float, float]:
    """Return the CPU and wall time of a row that is measured in this process, in s: of a run, or of each point."""
    import lw3dsim
    import lw3dsim.explore.warm
    from lw3dsim.base.caches import forget

    if row == "in_process":
        return least([clocked(lambda: lw3dsim.simulate(**RUN), forget) for _ in range(5)])
    from lw3dsim.explore.evaluate import Evaluator
    from lw3dsim.explore.space_file import parse_space

    text = (HERE / "tiles_and_pes.yaml").read_text(encoding="utf-8")
    if row == "point_fused":
        text = text.replace("algorithm: hfa}", "algorithm: hfa, fusion: auto}")
    space, count = parse_space(text), POINTS[row]
    chosen = list(itertools.islice(space.all_choices(), count))
    if row in {"point_at_random", "point_fused"}:
        draw = random.Random(5)  # noqa: S311  # the same points each time
        chosen = [space.canonical(tuple(draw.randrange(size) for size in space.sizes)) for _ in range(count)]
    points, evaluator = [space.point(choice) for choice in chosen], Evaluator(space)

    def evaluate() -> None:
        for point in points:
            evaluator.evaluate(point)

    cpu, wall = clocked(evaluate, forget)
    if row == "point_again":
        cpu, wall = clocked(evaluate, lambda: None)
    return cpu / count, wall / count


def clocked(work: Callable[[], object], before: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU and wall time of ``work``, in s, after what is done ``before``."""
    before()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def least(times: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the least CPU and the least wall time."""
    return min(cpu for cpu, _ in times), min(wall for _, wall in times)


def line(row: str, ours: tuple[float, float], theirs: tuple[float, float] | None) -> str:
    """Return a line of the table."""
    text = f"{ROWS[row][0]:40}{ours[0]:9.3f}{ours[1]:9.3f}"
    return text if theirs is None else f"{text}{theirs[0]:11.3f}{theirs[1]:9.3f}{theirs[0] / ours[0]:9.2f}x"


def saved() -> dict[str, tuple[float, float]]:
    """Return the figures of the last release."""
    if not FILE.exists():
        return {}
    with FILE.open(encoding="utf-8", newline="") as file:
        return {row["row"]: (float(row["cpu_s"]), float(row["wall_s"])) for row in csv.DictReader(file)}


def save(figures: dict[str, tuple[float, float]]) -> None:
    """Write figures to the file."""
    rows = ["row,cpu_s,wall_s", *(f"{row},{cpu:.4f},{wall:.4f}" for row, (cpu, wall) in figures.items())]
    half = FILE.with_suffix(".half")
    half.write_text("\n".join(rows) + "\n", encoding="utf-8")
    half.replace(FILE)


if __name__ == "__main__":
    main()
