"""Gates of an exported core: what its Makefile makes in Yosys, and how large that is in the cells of a library."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# A module of `stat`, and a line of it that counts cells.
MODULE = re.compile(r"^=== (\S+) ===$", re.MULTILINE)
CELL = re.compile(r"^ {5}(\S+) +(\d+)$", re.MULTILINE)
# Flip-flops stay those of Yosys; enables are taken for clock gates, which are not counted.
FLIP_FLOP, FLIP_FLOP_CELL = re.compile(r"\$_DFFE?_[NP]+_"), "DFFPOSX1"
TRANSFORMS = ("lw_input_transform", "lw_output_transform", "lw_weight_transform")


class Synthesis(NamedTuple):
    """What came of gates for a core: CPU seconds, the most memory (MiB), and what was said where it failed."""

    cpu_s: float
    memory_mib: float
    found: str


def synthesised(folder: Path, cpu_s: int, library: Path | None = None) -> Synthesis:
    """Make gates of a core as its Makefile says, of a library's cells, for so many CPU seconds at most."""
    flags = [f"FLAGS=-liberty {library}"] if library else []
    limited = ["bash", "-c", f'ulimit -t {cpu_s}; exec make synth "$@"', "make", *flags]
    log = folder / "synth.log"
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(limited, cwd=folder, stdout=subprocess.DEVNULL, stderr=said)
        # What this one and its own took, and not what others did before.
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    failed = log.read_text(encoding="utf-8").strip()[-500:] or f"not done in {cpu_s} CPU seconds"
    return Synthesis(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, failed if process.returncode else "")


def cells_by_module(text: str) -> dict[str, dict[str, int]]:
    """Return the cells of every module that `stat` lists, those that it instantiates among them."""
    _, *parts = MODULE.split(text.partition("=== design hierarchy ===")[0])
    return {
        name: {kind: int(many) for kind, many in CELL.findall(body)}
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


def cell_areas(library: str) -> dict[str, float]:
    """Return the area of each cell of a library, um2."""
    cells = re.findall(r"^cell \((\w+)\) \{.*?area : ([\d.]+);", library, re.MULTILINE | re.DOTALL)
    return {name: float(area) for name, area in cells}


def area_um2(modules: Mapping[str, Mapping[str, int]], top: str, areas: Mapping[str, float]) -> tuple[float, float]:
    """Return the area of a core without its memories, and what transform units take of it.

    Raises KeyError for a cell that the library has not.
    """

    @cache
    def inside(name: str) -> tuple[float, float]:
        each = [(many, *of(kind)) for kind, many in modules[name].items()]
        area = sum(many * whole for many, whole, _ in each)
        is_transform = any(part in TRANSFORMS for part in name.split("\\"))
        return area, area if is_transform else sum(many * transforms for many, _, transforms in each)

    def of(kind: str) -> tuple[float, float]:
        if kind in modules:
            return inside(kind)
        if "lw_" in kind:
            return 0.0, 0.0
        return areas[FLIP_FLOP_CELL if FLIP_FLOP.fullmatch(kind) else kind], 0.0

    return inside(top)


def cell_count(modules: Mapping[str, Mapping[str, int]], top: str) -> int:
    """Return how many cells a core has, each memory as one."""

    @cache
    def inside(name: str) -> int:
        return sum(many * (inside(kind) if kind in modules else 1) for kind, many in modules[name].items())

    return inside(top)
