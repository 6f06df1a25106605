"""Builds a core and its test bench with Verilator, and runs programs on it."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from lw3dsim.base.output import check_folder, make_folder, naming
from lw3dsim.base.values import Value
from lw3dsim.errors import InputError
from lw3dsim.parts import alone_in
from lw3dsim.rtl.fields import FIELD_BITS, PLACES, declared
from lw3dsim.rtl.transforms import transform_modules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.notes import CoreProgram

TOP = "lw_bench"
RUNTIME = ("verilated", "verilated_threads")
# Compilers take more than twice as long over twice as large a function.
STATEMENTS = 300
# Memories that the bench fills by itself; a shared one has a port for that.
BUFFERS, TABLES = "g_buffers__DOT__", "g_tables__DOT__"
MEMORIES = {
    "IFMAP_EVEN": f"{BUFFERS}u_ifmap__DOT__u_even__DOT__words",
    "IFMAP_ODD": f"{BUFFERS}u_ifmap__DOT__u_odd__DOT__words",
    "WEIGHT_MEMORY": f"{BUFFERS}u_weight__DOT__words",
    "BIAS_MEMORY": "u_biases__DOT__words",
    "TABLE_MEMORY": f"{TABLES}u_tables__DOT__held",
}


class Log(Value, frozen=True, kw_only=True):
    """What a core did: when steps started, ended and drained, first products of waves, results, counts.

    A result is (cycle, address, count, word, sums), the last two in hexadecimal; what DMA has taken of intermediate
    tensors, ``left``, is (cycle, element, count, word).
    """

    starts: list[int]
    ends: list[int]
    drained: list[int]
    firsts: list[int]
    results: list[tuple[int, int, int, str, str]]
    left: list[tuple[int, int, int, str]]
    counts: dict[str, int]


def sources(core: Core) -> dict[str, str]:
    """Return the modules of a core by file name."""
    texts = {**_texts("sv"), **transform_modules(core)}
    return texts | {"lw_core.sv": texts["lw_core.sv"].replace("    // FIELDS", declared())}


def bench_files() -> dict[str, str]:
    """Return the files of the test bench, but for what it has to know of a core."""
    return _texts("bench")


def _texts(folder: str) -> dict[str, str]:
    found = [one for one in files("lw3dsim.rtl").joinpath(folder).iterdir() if one.is_file()]
    return {one.name: one.read_text(encoding="utf-8") for one in sorted(found, key=lambda one: one.name)}


def names_header(core: Core) -> str:
    """Return what the bench has to know of a core."""
    absent = [*([] if core.tables else [TABLES]), *([BUFFERS] if core.banks else [])]
    there = {name: signal for name, signal in MEMORIES.items() if not signal.startswith(tuple(absent))}
    lines = [f"#define {name} root->{TOP}__DOT__core__DOT__{signal}" for name, signal in there.items()]
    sizes = {
        "IFMAP_WORD": core.ifmap_word, "WEIGHT_WORD": core.weight_word, "BIAS_WORD": core.bias_bits * core.rows,
        "OFMAP_WORD": core.results * core.activation, "OUT_SUM_BITS": core.picked * (core.result_bits + 2),
        "RESULT_BITS": core.activation, "SUM_BITS": core.result_bits + 2,
        "WAVE_BITS": FIELD_BITS * PLACES, "FILES": core.rows * core.cols * core.mults,
        "LANES": core.vector_lanes, "SHARED": int(core.banks > 0),
    }  # fmt: skip
    return "\n".join([*lines, *(f"#define {name} {size}" for name, size in sizes.items()), ""])


def verilator() -> str:
    """Return the Verilator that is installed. Raises InputError where there is none."""
    found = shutil.which("verilator")
    if found is None:
        raise InputError("verilator is not installed; `lw3dsim rtl check` needs it (Debian: apt-get install verilator)")
    return found


def build(core: Core, folder: Path) -> Path:
    """Return the bench of ``core``, built under ``folder`` where it is not yet, by one process at a time."""
    # Tools run in the folder, and find it by its name from anywhere.
    folder = folder.resolve()
    tool, texts = verilator(), {**sources(core), **bench_files(), "names.h": names_header(core)}
    parameters = [f"-G{name}={value}" for name, value in core.parameters.items()]
    key = hashlib.sha256(repr((sorted(texts.items()), parameters)).encode()).hexdigest()[:16]
    made = check_folder(folder / f"core_{key}", {})
    bench = made / "bench"
    if not bench.exists():
        make_folder(made)
        with alone_in(made):
            # Another may have built it meanwhile.
            if not bench.exists():
                _make(bench, tool, texts, parameters)
    return bench


def _make(bench: Path, tool: str, texts: dict[str, str], parameters: list[str]) -> None:
    """Build ``bench`` of these files, in its folder."""
    made = bench.parent
    for name, text in texts.items():
        _write(made / name, text)
    arguments = ["--cc", "-O3", "--x-assign", "0", "--x-initial", "0", "-Wno-fatal", "-Wno-WIDTH", "--Mdir", "obj"]
    arguments += ["--output-split-cfuncs", str(STATEMENTS)]
    modules = [name for name in texts if name.endswith(".sv")]
    _called([tool, *arguments, "--top-module", TOP, *parameters, *modules], made)
    _compile(made, _compiler(tool), _runtime(tool, made.parent))
    (made / "new").rename(bench)


def _write(path: Path, text: str) -> None:
    with naming(path):
        path.write_text(text, encoding="utf-8")


def _compile(made: Path, compiler: list[str], runtime: list[Path]) -> None:
    """Compile what Verilator has made: what runs once, hardly, and what runs in every cycle, side by side.

    Each is in one, as the headers take longer than a small core.
    """
    parts = sorted(part.name for part in (made / "obj").glob("V*.cpp"))
    once = [part for part in parts if part.endswith("__Slow.cpp")]
    pieces = {"once": once, "always": [*(part for part in parts if part not in once), "bench.cpp"]}
    for name, included in pieces.items():
        text = "".join(f'#include "{part}"\n' for part in included)
        _write(made / f"{name}.cpp", text)
    compiler = [*compiler, "-I.", "-Iobj"]
    hardly = {"once": ["-O0"], "always": []}
    commands = [[*compiler, *hardly[name], "-c", f"{name}.cpp", "-o", f"{name}.o"] for name in pieces]
    with ThreadPoolExecutor(len(pieces)) as pool:
        list(pool.map(_called, commands, [made] * len(pieces)))
    _called([*compiler, *(f"{name}.o" for name in pieces), *map(str, runtime), "-pthread", "-o", "new"], made)


def _compiler(tool: str) -> list[str]:
    root = subprocess.run(  # noqa: S603  # the tool that is installed
        [tool, "--getenv", "VERILATOR_ROOT"], capture_output=True, text=True, check=True
    ).stdout.strip()
    include = f"{root}/include"
    given = shlex.split(os.environ.get("CXXFLAGS", ""))
    switches = [f"-D{name}=0" for name in ("VM_COVERAGE", "VM_SC", "VM_TRACE")]
    return [
        os.environ.get("CXX", "g++"),
        "-std=gnu++17",
        "-O1",
        *given,
        *switches,
        f"-I{include}",
        f"-I{include}/vltstd",
    ]


def _runtime(tool: str, folder: Path) -> list[Path]:
    """Return Verilator's own part of every bench, compiled once."""
    compiler = _compiler(tool)
    include = Path(compiler[-2].removeprefix("-I"))
    objects = [folder / f"{name}.o" for name in RUNTIME]
    for one in objects:
        if not one.exists():
            new = one.with_suffix(f".{os.getpid()}")
            _called([*compiler, "-c", str(include / f"{one.stem}.cpp"), "-o", str(new)], folder)
            new.rename(one)
    return objects


def _called(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise InputError(f"{command[0]} is not installed; a core is built with it (CXX names another compiler)")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  # made here
    if done.returncode:
        raise InputError(f"{Path(command[0]).name} could not build the core: {done.stderr.strip()[-1000:]}")


def written(program: CoreProgram, expected: Iterable[str] = ()) -> str:
    """Return a program as the bench reads it, with lines of what it should compare."""
    lines, now = [f"limit {program.limit}"], -1
    lines += [f"wave {wave:x}" for wave in program.waves]
    for one in program.happenings:
        if one.cycle != now:
            lines.append(f"at {one.cycle}")
            now = one.cycle
        lines.append(f"{one.kind} {one.number} {one.word:x}")
    return "\n".join([*lines, *expected, ""])


def run(bench: Path, program: CoreProgram) -> Log:
    """Run a program on a bench, in a folder of its own: several may run on one."""
    with tempfile.TemporaryDirectory() as folder:
        text, log = Path(folder, "program.txt"), Path(folder, "log.txt")
        _write(text, written(program))
        done = subprocess.run([bench, text, log], capture_output=True, text=True, check=False)  # noqa: S603  # built here
        if done.returncode not in (0, 3):
            raise InputError(f"the bench failed ({done.returncode}): {done.stderr.strip()[-500:]}")
        return read_log(log.read_text(encoding="utf-8"))


def read_log(text: str) -> Log:
    """Return a log of the bench."""
    times: dict[str, list[int]] = {"start": [], "end": [], "drained": [], "first": []}
    results, left, counts = [], [], {}
    for line in text.splitlines():
        kind, *rest = line.split()
        if kind == "count":
            counts[rest[0]] = int(rest[1])
        elif kind == "result":
            results.append((int(rest[0]), int(rest[1]), int(rest[2]), rest[3], rest[4]))
        elif kind == "left":
            left.append((int(rest[0]), int(rest[1]), int(rest[2]), rest[3]))
        else:
            times[kind].append(int(rest[0]))
    return Log(
        starts=times["start"], ends=times["end"], drained=times["drained"], firsts=times["first"], results=results,
        left=left, counts=counts,
    )  # fmt: skip
