"""Command lines: every command with options of its own and of others, their values right, odd and wrong."""

from __future__ import annotations

import itertools
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from .accelerators import PRESETS, SHIPPED
from .case import Case
from .damage import NUMBERS
from .invariants import check_execution, check_map, check_result
from .options import ALGORITHMS, TRANSFORMS, printable_word
from .pool import ARCH, NET, SPACE, good_files
from .session import parse_json

if TYPE_CHECKING:
    from random import Random

    from .session import Session

FILES = ("net.yaml", "arch.yaml", "space.yaml", "map.yaml", "study.journal", "study.db", "res/result.json", "trace.csv")
# What may be made or, being the product's own, replaced.
OUTPUTS = ("new", "new.html", "new.yaml", "new.csv", "new.parquet", "res/report.html", "results")
RIGHT: dict[str, tuple[str, ...]] = {
    "workload": ("net.yaml",) * 8,
    "arch": (*SHIPPED, "arch.yaml"),
    "overrides": (
        "pe.rows=4", "dram.model=plain", "clock_mhz=200", "buffers.ofmap_kib=2", "winograd.m1=3",
        "pe={rows: 1, cols: 1, mults_per_pe: 2}",
    ),
    "engine": ("auto", "fast", "simpy"),
    "transform": TRANSFORMS,
    "input_size": ("4x8x8", "1x1x1", "2x9x5", "3X4x5"),
    "algorithm": ALGORITHMS,
    "mapping": ("map.yaml",),
    "names": ("a", "b", "c"),
    "cases": ("a:", "b: --m1 2", "c: --fusion auto", "d: --transform fsb --algorithm hfa"),
    "dtype": ("int", "int8", "int16", "float32", "float64"),
    "preset": PRESETS,
    "trace": ("trace.csv",),
    "source": ("res", "res/result.json"),
    "space": ("space.yaml",) * 8,
    "storage": ("study.journal", "sqlite:///study.db"),
    "sampler": ("random", "exhaustive", "tpe", "nsga2", "nsga3", "qmc"),
    "point": ("214b35a4441a", "000000000000"),
    "html": ("new.html",),
    "out": ("new", "new.html", "new.csv", "new.parquet"),
    "save": ("new.yaml",),
}  # fmt: skip
TARGETS = ("html", "out", "save")
# Names that mean other files than what an option is for.
OTHERS = (
    *FILES,
    ".",
    "/",
    "res",
    "missing.yaml",
    "missing/x",
    "net.yaml/x",
    "-",
    "--",
    "https://x/y",
    "sqlite:///missing.db",
)


@cache
def commands() -> dict[str, click.Command]:
    """Return every command by its words."""
    from lw3dsim.cli.main import COMMANDS

    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command: click.Command = import_module(f"lw3dsim.cli.{name}_command").command
        inner = command.commands if isinstance(command, click.Group) else {"": command}
        found |= {f"{name} {verb}".strip(): one for verb, one in inner.items()}
    return found


def make(rng: Random) -> Case:
    """Draw a command line."""
    name = rng.choice(sorted(commands()))
    if name == "dse run" and rng.randrange(4):
        name = "dse status"
    words = name.split()
    for param in commands()[name].params:
        if isinstance(param, click.Argument):
            words.append(_value(rng, param) if rng.randrange(30) else "")
        elif param.required or rng.randrange(4) == 0:
            for _ in range(rng.choice([1, 2]) if param.multiple else 1):
                words += _option(rng, param)
    if name == "dse run":
        words += ["--trials", "9", "--workers", "1"]
    if rng.randrange(10) == 0:
        words.insert(
            rng.randrange(1, len(words) + 1),
            rng.choice(["--help", "-h", "--x", "-x", "--", "-", "extra", "--arch=", "--version", printable_word(rng)]),
        )
    if rng.randrange(25) == 0:
        del words[rng.randrange(len(words))]
    files: dict[str, bytes | str] = {"net.yaml": NET, "arch.yaml": ARCH, "space.yaml": SPACE}
    good = good_files()
    files |= {own: good[own] for own in ("map.yaml", "study.journal", "study.db")}
    files |= {"res/result.json": good["result0.json"], "trace.csv": b"addr_hex,op\n0,R\n40,W\n80,R\n"}
    return Case(files=files, plan=tuple(words), damaged=True)


def _option(rng: Random, param: click.Parameter) -> list[str]:
    flag = rng.choice([*param.opts, *param.secondary_opts])
    if isinstance(param, click.Option) and param.is_flag:
        return [flag]
    text = _value(rng, param)
    return [f"{flag}={text}"] if rng.randrange(3) == 0 else [flag, text]


def _value(rng: Random, param: click.Parameter) -> str:
    """Return a value of the parameter's own in most cases."""
    if rng.randrange(5) == 0:
        words = [printable_word(rng), str(rng.choice(NUMBERS)), rng.choice(OTHERS)]
        # Written to, these would be changed by right.
        return rng.choice(
            [word for word in words if param.name not in TARGETS or word not in (".", "/", "res")] or ["x"]
        )
    kind: Any = param.type
    if isinstance(kind, click.Choice):
        return str(rng.choice(list(kind.choices)))
    if isinstance(kind, click.IntRange | click.FloatRange):
        low, high = kind.min or 0, kind.max if kind.max is not None else 100
        return str(rng.choice([low, low, high, low - 1, high + 1, min(low + rng.randrange(9), high)]))
    return rng.choice(RIGHT.get(str(param.name), ("x",)))


def run(session: Session, case: Case) -> None:
    """Run the command line; check what is printed as JSON."""
    if _is_long(case.plan):
        return
    own = ("study.journal", "study.db") if case.plan[:2] == ("dse", "run") else ()
    asked = tuple(word for word in _targets(case.plan) if word not in case.files)
    outcome = session.cli(*case.plan, writes=(*OUTPUTS, *own, *asked))
    if outcome.code or not outcome.out.startswith("{") or "json" not in " ".join(case.plan):
        return
    data = parse_json(outcome.out)
    if "units" in data:
        check_map(data)
    elif {"layers", "totals", "cycles_breakdown"} <= data.keys():
        check_result(data)
    elif "dtype" in data and data["dtype"].startswith("int"):
        check_execution(data)


def _targets(words: tuple[str, ...]) -> list[str]:
    """Return the paths that a command line asks to write."""
    after = [value for flag, value in itertools.pairwise(words) if flag in ("--out", "--html", "--save")]
    # What is begun is called after its name.
    after += [f"{word}.yaml" for word in words[1:] if words[0] == "new"]
    return after + [word.split("=", 1)[1] for word in words if word.startswith(("--out=", "--html=", "--save="))]


def _is_long(words: tuple[str, ...]) -> bool:
    """Return whether a command line asks for work that takes its time by right."""
    large = [word for word in words if ("1000" in word or "6553" in word) and not word.startswith("--set")]
    names = {"c3d", "c3d_paper", "slowfast_r50_4x16", "slowfast_r50_8x8"}
    return (
        bool(names & set(words))
        or (bool(large) and bool({"simulate", "execute"} & set(words)))
        or "--trials" in words[:-4]
    )
