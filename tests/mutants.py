"""Do the tests see a fault? Change one operator or number of the core at random, and run the tests of its subject.

``make mutants N=100 SEED=1`` draws N changes (*mutants*) from all that are possible in the rooms below. Each is written
into a copy of the package, whose tests then run until the first fails: the mutant is *killed*. One that *hangs* counts
as killed; one that no test sees *survives*, and is shown. What can change no figure is named in
``equivalent_mutants.yaml``, with the reason. Kernels run as CPython interprets them, so nothing is compiled anew.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "lw3dsim"

# The rooms whose figures count, and those tests of each that see values and take seconds as CPython interprets kernels.
ROOMS = {
    "account": "values_account values_schedule technology golden",
    "technology": "technology values_account golden",
    "schedule": "values_schedule values_fused values_step golden",
    "tensor": "values_step values_map values_schedule mapping golden",
    "machine": "values_step values_schedule values_map step mapping values_fused golden",
    "machine/widths.py": "values_map overflow golden",
    "map/layer": "values_step values_map values_schedule step mapping golden",
    "map/group": "values_fused values_map fused_groups golden",
    "map/group/partition.py": "values_fused golden",
    "map": "values_fused values_map mapping golden",
    "engine": "values_step engines steady golden",
    "dram": "values_account in_order contract_of_presets dram golden",
    "arithmetic": "values_arithmetic execution fused_execution overflow golden",
    "transform": "transforms contract_of_passes plugins algebra golden",
    "algebra": "algebra transforms golden",
    "explore/metrics.py": "values_explore",
    "explore/bounds.py": "values_explore explore_space",
}

# How much is tried, where code runs, and how a file is read: no figure depends on them.
LEFT_OUT = ("map/mapping_file.py", "engine/steady.py", "engine/periods.py")

# Not these: whole networks, and thousands of cases.
SLOW = (
    "network or every_case or peaks_lie_above or every_design or translation or can_be_kept or never_hurt or "
    "goes_round or never_overlap or answered_once or least_solution or never_shared or served_once or narrower_op or "
    "observed_ranges or estimated_sqnr or residuals or ramulator or dramsim3 or no_pair or more_of_a_resource or "
    "share_a_chip"
)

BINARY = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
}  # fmt: skip
COMPARISON = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "any": "all", "all": "any"}
NAMES |= {"ceil": "floor", "floor": "ceil", "cumsum": "asarray"}

# Seconds of a processor for the tests of a room without any mutant, and by the clock for one of them.
LONGEST = 200
PATIENCE = 10

# Characters that are shown in front of a change and behind it.
SHARED = 60

# In a copy: no search is run beforehand, CPython runs every kernel, and properties are tried on few examples.
PLUGIN = """
import sys, types
import hypothesis
from lw3dsim.base import kernels
kernels.NATIVE = kernels.INTERPRETED
sys.modules["lw3dsim.explore.warm"] = types.ModuleType("warm")
whole = hypothesis.settings.__init__
def few(self, parent=None, **options):
    whole(self, parent, **options | {"max_examples": 15, "deadline": None})
hypothesis.settings.__init__ = few
hypothesis.settings.register_profile("few", hypothesis.settings())
hypothesis.settings.load_profile("few")
"""


class Mutant(NamedTuple):
    """A change: its place, the line as it was and as it is (as ``ast.unparse`` writes them), the source with it."""

    file: str
    line: int
    function: str
    was: str
    now: str
    source: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.file, self.function, self.was, self.now


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in place of ``node``."""
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY and not isinstance(node.left, ast.List):
        yield ast.BinOp(node.left, BINARY[type(node.op)](), node.right)
        if isinstance(node.op, ast.Mult | ast.Div | ast.FloorDiv):
            yield node.left
    elif isinstance(node, ast.AugAssign) and type(node.op) in BINARY:
        yield ast.AugAssign(node.target, BINARY[type(node.op)](), node.value)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield ast.Compare(node.left, [COMPARISON[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield ast.Name(NAMES[node.id], node.ctx)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield ast.Attribute(node.value, NAMES[node.attr], node.ctx)


def places(node: ast.AST, function: str = "") -> Iterator[tuple[ast.AST, str, int, str]]:
    """Yield (parent, field, index or -1, function) of what decides a figure: no annotation, decorator or message."""
    name = getattr(node, "name", "") if isinstance(node, ast.FunctionDef | ast.ClassDef) else ""
    function = f"{function}.{name}".strip(".") if name else function
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params") or isinstance(
            node, ast.Raise | ast.Assert
        ):
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            is_flag = isinstance(child, ast.keyword) and child.arg in ("strict", "keepdims", "frozen", "kw_only")
            is_typing = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            if isinstance(child, ast.AST) and not is_flag and not is_typing and not isinstance(child, ast.JoinedStr):
                yield node, field, index if isinstance(value, list) else -1, function
                yield from places(child, function)


def sites(tree: ast.Module) -> list[tuple[ast.AST, str, int, str, ast.AST]]:
    """Return every change that is possible in a file, with its place."""
    found = []
    for parent, field, index, function in places(tree):
        value = getattr(parent, field)
        node = value[index] if index >= 0 else value
        found += [(parent, field, index, function, change) for change in changes(node)]
    return found


def mutant(file: str, number: int) -> Mutant:
    """Return mutant ``number`` of a file of the package."""
    tree = ast.parse((ROOT / PACKAGE / file).read_text(encoding="utf-8"))
    before = ast.unparse(tree).splitlines()
    parent, field, index, function, change = sites(tree)[number]
    value = getattr(parent, field)
    line = getattr(value[index] if index >= 0 else value, "lineno", 0)
    if index >= 0:
        value[index] = change
    else:
        setattr(parent, field, change)
    after = ast.unparse(ast.fix_missing_locations(tree)).splitlines()
    was, now = next(around(a.strip(), b.strip()) for a, b in zip(before, after, strict=True) if a != b)
    return Mutant(file, line, function, was, now, "\n".join(after) + "\n")


def around(was: str, now: str) -> tuple[str, str]:
    """Return two lines without what they share, but for a little in front and behind."""
    front = _shared(was, now)
    behind = _shared(was[front:][::-1], now[front:][::-1])
    begin = max(front - SHARED, 0)
    return tuple(line[begin : max(len(line) - behind + SHARED, 0)] for line in (was, now))


def _shared(a: str, b: str) -> int:
    return next((i for i, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), min(len(a), len(b)))


def room_of(file: str) -> str:
    """Return the most particular room of ROOMS that a file is in, or nothing."""
    return max((room for room in ROOMS if file.startswith(room)), key=len, default="")


def drawn(count: int, seed: int, rooms: str) -> list[Mutant]:
    """Return a random sample of all mutants of the rooms whose names begin with ``rooms``."""
    files = sorted(str(path.relative_to(ROOT / PACKAGE)) for path in (ROOT / PACKAGE).rglob("*.py"))
    everything = [
        (file, number)
        for file in files
        if room_of(file) and file.startswith(rooms) and file not in LEFT_OUT
        for number in range(len(sites(ast.parse((ROOT / PACKAGE / file).read_text(encoding="utf-8")))))
    ]
    print(f"{len(everything)} mutants are possible, {min(count, len(everything))} are tried")
    chosen = random.Random(seed).sample(everything, min(count, len(everything)))  # noqa: S311  # not for secrecy
    return [mutant(file, number) for file, number in chosen]


def copied() -> Path:
    """Return a fresh copy of what the tests run on."""
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    for name in (PACKAGE, "tests", "arch_configs", "workloads", "experiments", "pyproject.toml"):
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (folder / "interpreted.py").write_text(PLUGIN, encoding="utf-8")
    return folder


def outcome(folder: Path, room: str, limit: int) -> str:
    """Run the tests of a room in a copy and say whether they passed, failed, or took more than ``limit`` seconds.

    They have a process of their own, whose time on the processor counts: a busy machine makes nothing hang.
    """
    tests = [
        str(path.relative_to(ROOT))
        for name in ROOMS[room].split()
        for path in (ROOT / "tests").glob(f"*/test_{name}.py")
    ]
    options = ["-x", "-q", "-n0", "-p", "interpreted", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    child = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, "-k", f"not ({SLOW})", *tests],
        cwd=folder,
        env=os.environ
        | {
            "LW3DSIM_KERNELS": "interpreted",
            "PYTHONPATH": f"{folder}:{folder / 'tests'}:{folder / 'tests' / 'support'}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit, limit)),
    )
    try:
        status = child.wait(PATIENCE * limit)
    except subprocess.TimeoutExpired:
        status = -signal.SIGKILL
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return "passed" if status == 0 else "hung" if status in (-signal.SIGKILL, -signal.SIGXCPU) else "failed"


_copies: list[Path] = []


def _prepare() -> None:
    """Make the copy of this process."""
    _copies.append(copied())


def judged(case: Mutant, limits: dict[str, int]) -> str:
    """Return what becomes of a mutant."""
    (folder,) = _copies
    file, room = folder / PACKAGE / case.file, room_of(case.file)
    right, times = file.read_bytes(), file.stat()
    file.write_text(case.source, encoding="utf-8")
    # Bytecode was kept by the run that was timed; a mutant's must not take its place.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        return {"passed": "survived", "failed": "killed", "hung": "hung"}[outcome(folder, room, limits[room])]
    finally:
        file.write_bytes(right)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def timed(room: str) -> float:
    """Return the processor's time that the tests of a room take without any change, 0 where they fail."""
    before = processor_time()
    return processor_time() - before if outcome(_copies[0], room, LONGEST) == "passed" else 0.0


def processor_time() -> float:
    """Return the seconds that all processes which were waited for took of a processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def known() -> dict[tuple[str, str, str, str], str]:
    """Return the reasons why some mutants are equivalent."""
    text = (ROOT / "tests" / "equivalent_mutants.yaml").read_text(encoding="utf-8")
    return {(e["file"], e["function"], e["was"], e["now"]): e["reason"] for e in yaml.safe_load(text) or []}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rooms", default="", help="only files whose path in the package begins so")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    reasons = known()
    cases = drawn(options.count, options.seed, options.rooms)
    open_cases = [case for case in cases if case.key not in reasons]
    found = Counter(equivalent=len(cases) - len(open_cases))
    rooms = sorted({room_of(case.file) for case in open_cases})
    with ProcessPoolExecutor(options.jobs, initializer=_prepare) as pool:
        times = dict(zip(rooms, pool.map(timed, rooms), strict=True))
        for room in (room for room, taken in times.items() if not taken):
            print(f"the tests of {room} fail, or take more than {LONGEST} s, without any mutant: left out")
        open_cases = [case for case in open_cases if times[room_of(case.file)]]
        limits = {room: 20 + 3 * int(taken) for room, taken in times.items()}
        for case, verdict in zip(open_cases, pool.map(judged, open_cases, [limits] * len(open_cases)), strict=True):
            found[verdict] += 1
            print(f"{verdict:9} {case.file}:{case.line} {case.function}", flush=True)
            if verdict == "survived":
                print(f"  - {case.was}\n  + {case.now}", flush=True)
    tried = found["killed"] + found["hung"] + found["survived"]
    print(f"{dict(found)}: {100 * found['survived'] / max(tried, 1):.1f}% of {tried} survived")


if __name__ == "__main__":
    main()
