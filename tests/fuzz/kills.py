"""End commands that write at random moments, then run them again: nothing lost, doubled, half-written, left over.

``python -m tests.fuzz.kills --count 200 --seed 1``. After a kill, what stands under the name of an output is the whole
old file, the whole new one, or nothing. After the next run, all outputs are those of a run that nobody killed, and
nothing else is in the folder.
"""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .case import random_of
from .driver import prepare
from .pool import NET, SPACE, good_files
from .session import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

TRIALS = 24


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command that writes ``outputs``; ``before`` is one that has written older ones; ``inputs`` are pool files."""

    args: tuple[str, ...]
    outputs: tuple[str, ...]
    before: tuple[str, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()


_RESULT = tuple(
    f"out/{name}"
    for name in ("result.json", "layers.csv", "energy.csv", "accesses.csv", "report.html", "closeups.json")
)
_STUDY = (("study.journal", "study.journal"),)
_PLAIN = ("--set", "dram.model=plain")
JOBS: dict[str, Job] = {
    "simulate --out": Job(
        args=("simulate", "net.yaml", "--out", "out"),
        outputs=_RESULT,
        before=("simulate", "net.yaml", *_PLAIN, "--out", "out"),
    ),
    "compare --html": Job(
        args=("compare", "net.yaml", "--html", "page.html"),
        outputs=("page.html",),
        before=("compare", "net.yaml", *_PLAIN, "--html", "page.html"),
    ),
    "map --save": Job(
        args=("map", "net.yaml", "--save", "map.yaml"),
        outputs=("map.yaml",),
        before=("map", "net.yaml", "--fusion", "auto", "--save", "map.yaml"),
    ),
    "execute --out": Job(
        args=("execute", "net.yaml", "--out", "out"),
        outputs=("out/execution.json",),
        before=("execute", "net.yaml", "--seed", "1", "--out", "out"),
    ),
    "report": Job(
        args=("report", "res"),
        outputs=("res/report.html",),
        before=("report", "other", "--out", "res/report.html"),
        inputs=(("result0.json", "res/result.json"), ("result1.json", "other/result.json")),
    ),
    "dse export": Job(
        args=("dse", "export", "space.yaml", "--storage", "study.journal", "--out", "points.csv"),
        outputs=("points.csv",),
        inputs=_STUDY,
    ),
    "dse export .parquet": Job(
        args=("dse", "export", "space.yaml", "--storage", "study.journal", "--out", "points.parquet"),
        outputs=("points.parquet",),
        inputs=_STUDY,
    ),
    "dse report": Job(
        args=("dse", "report", "space.yaml", "--storage", "study.journal", "--out", "page.html"),
        outputs=("page.html",),
        inputs=_STUDY,
    ),
}
STUDIES = {"dse run (journal)": "study.journal", "dse run (SQLite)": "sqlite:///study.db"}
CACHES = "caches"
NAMES = (*JOBS, *STUDIES, CACHES)


class KillError(AssertionError):
    """What a kill has broken."""


def owe(holds: bool, what: str, *values: object) -> None:
    """Raise KillError unless something holds."""
    if not holds:
        raise KillError(f"{what}: {', '.join(map(str, values))}")


@contextlib.contextmanager
def _folder(inputs: tuple[tuple[str, str], ...] = ()) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lw3dsim-kill-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "net.yaml").write_bytes(NET)
        (folder / "space.yaml").write_bytes(SPACE)
        for source, target in inputs:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            (folder / target).write_bytes(good_files()[source])
        yield folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every file below ``folder``, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def forked(folder: Path, args: tuple[str, ...], environment: dict[str, str] | None = None) -> int:
    """Begin a command in a copy of this process, which has everything loaded; return its id."""
    process = os.fork()
    if process:
        return process
    code = 99
    try:
        os.setsid()
        os.chdir(folder)
        os.environ.update(environment or {})
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        from lw3dsim.cli.main import main

        main(list(args))
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        (folder / "traceback.txt").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def waited(process: int) -> int:
    """Return the exit code of a forked command."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kill_somewhere(rng: Random, process: int, folder: Path, seconds: float) -> None:
    """Kill at a random moment of the run, or shortly after the folder has first changed."""
    end = time.monotonic() + seconds * rng.random() * 1.05
    if rng.randrange(2):
        first, limit = _look(folder), time.monotonic() + seconds * 20
        while _look(folder) == first and time.monotonic() < limit and os.waitid(os.P_PID, process, _PEEK) is None:
            pass
        end = time.monotonic() + rng.random() * 0.01
    while time.monotonic() < end and os.waitid(os.P_PID, process, _PEEK) is None:
        time.sleep(0.0002)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)


_PEEK = os.WEXITED | os.WNOHANG | os.WNOWAIT


def _look(folder: Path) -> list[tuple[str, int]]:
    """Return names and sizes in ``folder`` and one level below."""
    seen = []
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            seen.append((entry.name, entry.stat(follow_symlinks=False).st_size))
            if entry.is_dir():
                seen += [(inner.name, inner.stat(follow_symlinks=False).st_size) for inner in os.scandir(entry.path)]
    return sorted(seen)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a job writes when nobody kills it, the older outputs, and how long it takes."""

    new: dict[str, bytes]
    old: dict[str, bytes]
    seconds: float


def reference(job: Job) -> Reference:
    """Run a job to its end."""
    with _folder(job.inputs) as folder:
        old: dict[str, bytes] = {}
        if job.before:
            owe(waited(forked(folder, job.before)) == 0, "the older outputs are written", job.before)
            old = {name: (folder / name).read_bytes() for name in job.outputs}
        begin = time.monotonic()
        code = waited(forked(folder, job.args))
        seconds = time.monotonic() - begin
        owe(code == 0, "a command ends well", job.args, code, *_traceback(folder))
        new = {name: (folder / name).read_bytes() for name in job.outputs}
    return Reference(new=new, old=old, seconds=seconds)


def _traceback(folder: Path) -> list[str]:
    path = folder / "traceback.txt"
    return [path.read_text()] if path.exists() else []


def kill_job(rng: Random, job: Job, known: Reference) -> None:
    """Kill a command, look at what it has left, run it again, look again."""
    with _folder(job.inputs) as folder:
        old = known.old if rng.randrange(2) else {}
        for name, content in old.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        given = files_of(folder)
        kill_somewhere(rng, forked(folder, job.args), folder, known.seconds)
        after = files_of(folder)
        for name, content in after.items():
            if name in job.outputs:
                owe(content in (old.get(name), known.new[name]), "no output is half-written", name, len(content))
        owe(all(after.get(name) is not None for name in given), "nothing is lost", given.keys() - after.keys())
        code = waited(forked(folder, job.args))
        owe(code == 0, "the next run ends well", code, *_traceback(folder))
        again = files_of(folder)
        for name, content in known.new.items():
            owe(again.get(name) == content, "the next run writes what an unkilled one does", name)
        owe(not (left := again.keys() - given.keys() - known.new.keys()), "nothing is left over", sorted(left))


def _study(storage: str, *more: str) -> list[str]:
    words = ["dse", "run", "space.yaml", "--storage", storage, "--trials", str(TRIALS), "--sampler", "random"]
    return [sys.executable, "-m", "lw3dsim", *words, "--workers", "2", "--patience", "0.5", *more]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def study_points(folder: Path, storage: str) -> dict[str, dict[str, str]]:
    """Return every point of a study by its index, without its time; refuse doubled ones."""
    code = waited(forked(folder, ("dse", "export", "space.yaml", "--storage", storage, "--out", "all.csv")))
    owe(code == 0, "a study can be exported", code)
    with (folder / "all.csv").open(newline="") as file:
        rows = [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]
    (folder / "all.csv").unlink()
    owe(len({row["point"] for row in rows}) == len(rows), "no point is doubled", len(rows))
    return {row["index"]: row for row in rows}


def run_study(folder: Path, storage: str, *more: str) -> float:
    """Run a study to its end; return how long it took."""
    begin = time.monotonic()
    command = _study(storage, *more)
    run = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    owe(run.returncode == 0, "a study ends well", run.returncode, run.stderr[-600:])
    return time.monotonic() - begin


def kill_study(rng: Random, storage: str, known: dict[str, dict[str, str]], seconds: float) -> None:
    """Kill a study once or twice, alone or with its workers, then let it end."""
    with _folder() as folder:
        given = files_of(folder).keys()
        finished: set[str] = set()
        for number in range(rng.choice([1, 1, 2])):
            more = ["--resume"] if number else []
            process = subprocess.Popen(
                _study(storage, *more),
                cwd=folder,
                env=_environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            time.sleep(seconds * rng.random())
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if rng.randrange(2) else os.kill)(process.pid, signal.SIGKILL)
            process.wait()
            own = [name for name in files_of(folder) if name.startswith("study.")]
            if own and _has_study(folder, storage):
                points = study_points(folder, storage)
                owe(finished <= points.keys(), "no finished point is lost", sorted(finished - points.keys()))
                finished = set(points)
        run_study(folder, storage, "--resume")
        points = study_points(folder, storage)
        owe(points == known, "a killed study ends as an unkilled one", sorted(points.keys() ^ known.keys()))
        allowed = {*given, storage.removeprefix("sqlite:///")}
        owe(not (left := files_of(folder).keys() - allowed), "nothing is left over", sorted(left))


def _has_study(folder: Path, storage: str) -> bool:
    """Return whether the study had been begun when it was killed."""
    return waited(forked(folder, ("dse", "status", "space.yaml", "--storage", storage))) == 0


def kill_caches(rng: Random, known: Reference) -> None:
    """Kill a run that fills the cache of mappings; the next run gives the same from what is left."""
    with _folder() as folder, tempfile.TemporaryDirectory() as cache:
        environment = {"LW3DSIM_CACHE_DIR": cache, "LW3DSIM_MAPPING_CACHE": "1"}
        args = JOBS["simulate --out"].args
        for _ in range(rng.choice([1, 2, 3])):
            process = forked(folder, args, environment)
            kill_somewhere(rng, process, Path(cache), known.seconds)
        code = waited(forked(folder, args, environment))
        owe(code == 0, "the next run ends well", code, *_traceback(folder))
        again = files_of(folder)
        for name, content in known.new.items():
            owe(again.get(name) == content, "a killed cache changes no result", name)
        left = [name for name in files_of(Path(cache)) if ".sqlite" not in name]
        owe(not left, "nothing is left over in the cache", left)


def kills(count: int, seed: int, names: tuple[str, ...] = NAMES) -> Iterator[tuple[str, str]]:
    """Kill ``count`` commands, in turn over ``names``; yield each with what it has broken, or nothing."""
    references = {name: reference(JOBS[name]) for name in JOBS if name in names or CACHES in names}
    studies: dict[str, tuple[dict[str, dict[str, str]], float]] = {}
    for name, storage in STUDIES.items():
        if name in names:
            with _folder() as folder:
                seconds = run_study(folder, storage)
                studies[name] = study_points(folder, storage), seconds
    for number in range(count):
        name = names[number % len(names)]
        rng = random_of(f"kill {name}", seed, number)
        try:
            if name in JOBS:
                kill_job(rng, JOBS[name], references[name])
            elif name in STUDIES:
                kill_study(rng, STUDIES[name], *studies[name])
            else:
                kill_caches(rng, references["simulate --out"])
        except KillError as error:
            yield name, str(error)
        else:
            yield name, ""


@click.command()
@click.option("--count", type=int, default=200, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--only", help="Commands to kill, comma-separated.")
def main(count: int, seed: int, only: str | None) -> None:
    """Kill commands that write at random moments; say what that breaks."""
    prepare()
    chosen = tuple(name for name in NAMES if only is None or name in only.split(","))
    done: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for name, what in kills(count, seed, chosen):
        done[name] += 1
        if what:
            broken[name] += 1
            click.echo(f"{name} ({done.total() - 1}): {what}")
    for name in chosen:
        click.echo(f"{name:<22}{done[name]:>6} kills{broken[name]:>6} broke something")
    click.echo(f"{done.total()} kills, {broken.total()} broke something")
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()
