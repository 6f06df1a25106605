"""How long an answer takes, in CPU time and by the clock: ``python experiments/speed.py``; minutes.

Each figure is the least of several, and stands beside that of the last release, from ``speed.csv``. Machines differ,
and the file says which they were taken on. What holds anywhere are ratios of figures that were taken in turns on one
machine: ``--against PYTHON`` takes the interpreter of an environment with another version. ``--save`` writes ours to
the file, ``--save-theirs`` those of the other version.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.engine.trace import Job
    from lw3dsim.schedule.program import Program

HERE = Path(__file__).resolve().parent
FILE = HERE / "speed.csv"
RUN = {"workload": "c3d", "transform": "fsb_c3d", "algorithm": "hfa"}
COMMAND = ["-m", "lw3dsim", "simulate", "c3d", "--transform", "fsb_c3d", "--algorithm", "hfa"]
STUDY = ["-m", "lw3dsim", "dse", "run", str(HERE / "tiles_and_pes.yaml"), "--no-bounds", "--workers", "1"]
# What is measured, in which words, in which unit, and how often.
MS, US = ("ms", 1e3), ("us", 1e6)
ROWS = {
    "numpy": ("python -c 'import numpy'", MS, 5),
    "first": ("a first run: nothing remembered", MS, 3),
    "later": ("a later run", MS, 5),
    "in_process": ("in process, nothing remembered", MS, 3),
    "point_in_order": ("a point of a study, in order", MS, 2),
    "point_at_random": ("a point of a study, at random", MS, 2),
    "point_fused": ("a point of a study, layers fused", MS, 1),
    "point_again": ("a point, all of its layers remembered", MS, 2),
    "engine": ("the engine, a run of bursts", US, 3),
    "study": ("a study of C3D, all 2160 designs", ("s", 1.0), 1),
}
# Of Linux, ``prctl(2)``.
PR_SET_CHILD_SUBREAPER = 36
POINTS = {"point_in_order": 60, "point_at_random": 20, "point_fused": 20, "point_again": 60}


def main() -> None:
    """Print the table, and save it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="PYTHON", help="take the figures beside ours with this interpreter")
    parser.add_argument("--save", metavar="MACHINE", help=f"write ours to {FILE.name}, with words for the machine")
    parser.add_argument("--save-theirs", metavar="MACHINE", help="write those of --against there instead")
    parser.add_argument("--rows", default=",".join(ROWS), help="take these alone, comma-separated")
    parser.add_argument("--inside", choices=ROWS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        print(json.dumps(inside(asked.inside)))
        return
    chosen = asked.rows.split(",")
    if unknown := set(chosen) - ROWS.keys():
        parser.error(f"no row is called {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    pythons = [sys.executable, *([asked.against] if asked.against else [])]
    ours, theirs = {}, saved()
    print(f"{'':40}{'CPU':>9}{'wall':>9}   {'':5}{'before':>9}{'wall':>9}{'CPU':>10}")
    with tempfile.TemporaryDirectory() as our_folder, tempfile.TemporaryDirectory() as their_folder:
        folders = (our_folder, their_folder)
        for row in chosen:
            both = list(zip(pythons, folders, strict=False))
            taken = [[measured(python, row, warm) for python, warm in both] for _ in range(ROWS[row][2])]
            ours[row] = least([each[0] for each in taken])
            if asked.against:
                theirs[row] = least([each[1] for each in taken])
            print(line(row, ours[row], theirs.get(row)), flush=True)
    if asked.save:
        save({**saved(), **ours}, asked.save)
    elif asked.save_theirs and asked.against:
        save(theirs, asked.save_theirs)


def measured(python: str, row: str, warm: str) -> tuple[float, float]:
    """Return the CPU and wall time of a row, in s, with an interpreter, which keeps what it compiles in ``warm``."""
    environment = {**os.environ, "LW3DSIM_CACHE_DIR": warm, "LW3DSIM_MAPPING_CACHE": "1"}
    if row == "numpy":
        return timed([python, "-c", "import numpy"], environment)
    if row == "first":
        with tempfile.TemporaryDirectory() as empty:
            return timed([python, *COMMAND], environment | {"LW3DSIM_CACHE_DIR": empty})
    if row == "later":
        timed([python, *COMMAND], environment)
        return timed([python, *COMMAND], environment)
    environment["LW3DSIM_MAPPING_CACHE"] = "0"
    if row == "study":
        with tempfile.TemporaryDirectory() as folder:
            return timed([python, *STUDY, "--storage", f"{folder}/study.journal"], environment)
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
    """Return the CPU and wall time of a command, and of all that it starts, in s."""
    _adopt()
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, env=environment, check=True, cwd="/", **quiet)  # noqa: S603  # ours
    wall = time.perf_counter() - begin
    with suppress(ChildProcessError):
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def _adopt() -> None:
    """Become the parent of those whose own has gone, where Linux lets us: of the server that forks the workers."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def inside(row: str) -> tuple[float, float]:
    """Return the CPU and wall time of a row that is measured in this process, in s: of a run, or of each point."""
    import lw3dsim
    import lw3dsim.explore.warm
    from lw3dsim.base.caches import forget

    if row == "in_process":
        return least([clocked(lambda: lw3dsim.simulate(**RUN).totals, forget) for _ in range(5)])
    if row == "engine":
        return of_engine()
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


def of_engine() -> tuple[float, float]:
    """Return the time of simulating the layers of C3D as they are mapped, in s, over the runs of bursts moved."""
    from lw3dsim.describe.clocks import make_clocks
    from lw3dsim.engine.memory import make_memory
    from lw3dsim.engine.run import simulate_job
    from lw3dsim.engine.trace import make_job
    from lw3dsim.network.pipeline import map_network, resolve_design, resolve_network

    design = resolve_design("edge_base", (), None, None)
    network = resolve_network(RUN["workload"], RUN["transform"], None, None)
    clocks = make_clocks(design)
    programs = [
        unit.run.work.program(design, clocks) for unit in map_network(network, design, algorithm=RUN["algorithm"])
    ]
    runs, taken = 0, []
    for _ in range(5):
        jobs = [
            (make_job(each, clocks.cycle_ticks), make_memory(each.regions, clocks), each.kinds) for each in programs
        ]
        runs = sum(_runs_moved(job, program) for (job, *_), program in zip(jobs, programs, strict=True))
        taken.append(clocked(lambda jobs=jobs: [simulate_job(*job, "fast") for job in jobs], lambda: None))
    cpu, wall = least(taken)
    return cpu / runs, wall / runs


def _runs_moved(job: Job, program: Program) -> int:
    """Return the runs of bursts that all transfers of a job move."""
    import numpy as np

    from lw3dsim.schedule import dma

    if hasattr(dma, "runs_of"):
        of_box = np.diff(dma.runs_of(program.regions).offsets).tolist()
    else:  # releases before
        of_box = [int(size) for region in program.regions for size in np.diff(region.runs().offsets)]
    return sum(of_box[box] for stream in (job.ifmap, job.weight, job.ofmap) for box in stream.box)


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
    name, (unit, per_s), _ = ROWS[row]
    text = f"{name:40}{_digits(ours[0] * per_s)}{_digits(ours[1] * per_s)} {unit:7}"
    if theirs is None:
        return text.rstrip()
    return f"{text}{_digits(theirs[0] * per_s)}{_digits(theirs[1] * per_s)}{theirs[0] / ours[0]:9.2f}x"


def _digits(value: float) -> str:
    return f"{value:9.{0 if value >= 100 else 1 if value >= 10 else 3}f}"


def saved() -> dict[str, tuple[float, float]]:
    """Return the figures of the last release."""
    if not FILE.exists():
        return {}
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["row"]: (float(row["cpu_s"]), float(row["wall_s"])) for row in rows}


def save(figures: dict[str, tuple[float, float]], machine: str) -> None:
    """Write figures to the file, with the class of machine that they were taken on."""
    rows = [f"# {machine}", "row,cpu_s,wall_s"]
    rows += [f"{row},{figures[row][0]:.4g},{figures[row][1]:.4g}" for row in ROWS if row in figures]
    half = FILE.with_suffix(".half")
    half.write_text("\n".join(rows) + "\n", encoding="utf-8")
    half.replace(FILE)


if __name__ == "__main__":
    main()
