"""Calls of the public Python API: arguments right, odd and wrong, and what is done with a result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .accelerators import SHIPPED
from .case import Case
from .invariants import check_execution, check_result
from .options import ALGORITHMS, TRANSFORMS
from .pool import ARCH, NET, SPACE, good_files
from .session import Outcome, parse_json

if TYPE_CHECKING:
    from random import Random

    from .session import Session

ODD = (
    "None", "True", "False", "0", "1", "-1", "2", "2.0", "2.5", "1e300", "float('nan')", "float('inf')", "10**30",
    "2j", "np.int64(2)", "np.int8(1)", "np.uint64(2)", "np.float64(2)", "np.bool_(True)", "np.array(2)",
    "np.array([1, 2])", "np.str_('fsb')", "Fraction(2)", "Decimal(2)", "''", "'2'", "' '", "'x'", "'fsb'", "b''",
    "b'fsb'", "[]", "['fsb']", "('fsb', 'trg')", "{'fsb'}", "{}", "{'a': 1}", "[None]", "[[]]", "(16, 32, 32)",
    "(4, 8, 8)", "[4, 8, 8]", "(4.0, 8, 8)", "(np.int64(4), 8, 8)", "(True, 8, 8)", "(4, 8)", "'4x8x8'", "object()",
    "object", "len", "lambda *a: None", "lambda: None", "print", "range(3)", "iter(['fsb'])", "(x for x in 'ab')",
    "Path('net.yaml')", "Path('missing.yaml')", "Path('.')", "Path()", "PurePosixPath('net.yaml')", "'net.yaml'",
    "'missing.yaml'", "'\\\\0'", "'a\\\\nb'", "'\\ud800'", "'x' * 5000", "StringIO('name: x')",
    "NotImplemented", "...", "ValueError('x')", "bytearray(b'x')", "memoryview(b'x')",
    "type('T', (), {'__str__': lambda s: 1})()", "Path('net.yaml').read_text()", "np", "lw3dsim", "'auto'",
    "['pe.rows=4']", "'pe.rows=4'", "{'pe.rows': 4}", "['pe.rows']", "[4]", "[('pe.rows', 4)]",
    "np.array(['pe.rows=4'])",
)  # fmt: skip
# What stands for a workload that has no file, or an accelerator.
NETWORK, DESIGN = "lw3dsim.load_workload('net.yaml')", "lw3dsim.load_arch('arch.yaml')"
RIGHT: dict[str, tuple[str, ...]] = {
    "workload": ("'net.yaml'", "Path('net.yaml')", NETWORK),
    "arch": ("'arch.yaml'", "Path('arch.yaml')", DESIGN, *map(repr, SHIPPED)),
    "transform": ("None", *map(repr, TRANSFORMS)),
    "algorithm": tuple(map(repr, ALGORITHMS)),
    "m1": ("None", "1", "4", "8"),
    "m2": ("None", "1", "4", "8"),
    "engine": ("'auto'", "'fast'", "'simpy'"),
    "input_size": ("None", "'4x8x8'", "'2x3x5'"),
    "classes": ("None", "3", "9"),
    "overrides": ("()", "['pe.rows=4']", "('dram.model=plain', 'clock_mhz=200')"),
    "clips": ("None", "1", "3"),
    "fusion": ("'off'", "'auto'"),
    "objective": ("'latency'", "'energy'", "'edp'", "'dram_bytes'", "'dram_bytes_only'"),
    "mapping": ("None", "'map.yaml'", "Path('map.yaml')"),
    "dtype": ("'int'", "'int8'", "'int16'", "'float32'", "'float64'"),
    "seed": ("0", "7", "2**32 - 1"),
    "weights": ("'file'", "'random'", "{}"),
    "inputs": ("None", "{}"),
    "progress": ("None", "lambda *a: None"),
    "out": ("'t.json'", "Path('t.json.gz')"),
    "slices": ("300_000", "100"),
    "layers": ("None", "'a'", "['a', 'b']"),
    "space": ("'space.yaml'", "Path('space.yaml')", "lw3dsim.dse.load_space('space.yaml')"),
    "storage": ("'study.journal'", "Path('study.journal')", "'sqlite:///study.db'"),
    "path": ("'new.csv'", "Path('new.parquet')"),
    "trials": ("None", "9"),
    "sampler": ("None", "'random'"),
    "workers": ("None", "1"),
    "batch": ("2", "64"),
    "bounds": ("None", "True"),
    "patience_s": ("60.0", "1"),
    "point_limit_s": ("None", "600"),
    "dask": ("None",),
    "result": ("'res'", "Path('res/result.json')"),
    "alpha": ("1", "0.5"),
    "middle": ("()", "(8, 16)"),
    "trg_layers": ("1", "2"),
    "density": ("1", "0.4"),
}
RUN = (
    "transform",
    "algorithm",
    "m1",
    "m2",
    "engine",
    "input_size",
    "classes",
    "overrides",
    "fusion",
    "objective",
    "batch",
    "mapping",
)
# By call: what comes first, and the arguments that may follow by name.
CALLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "simulate": ("workload", ("arch", *RUN, "clips", "progress")),
    "execute": ("workload", ("arch", *RUN, "dtype", "seed", "weights", "inputs", "progress")),
    "map_workload": ("workload", ("arch", *RUN, "layers", "progress")),
    "trace": ("workload", ("out", "arch", *RUN, "layers", "slices", "progress")),
    "explain": ("workload", ("arch", *(name for name in RUN if name not in ("engine", "mapping")), "progress")),
    "compare": ("workload", ("cases", "arch", "progress")),
    "default_cases": ("workload", ("arch",)),
    "load_workload": ("workload", ("input_size", "classes")),
    "load_arch": ("arch", ("overrides",)),
    "load_result": ("result", ()),
    "transform.read_pass": ("transform", ()),
    "transform.Fsb": ("alpha", ("middle", "path")),
    "transform.Trg": ("trg_layers", ("path", "density")),
    "to_onnx": ("workload", ("transform",)),
    "dse.load_space": ("space", ()),
    "dse.study": ("space", ("storage",)),
    "dse.status": ("space", ("storage",)),
    "dse.front": ("space", ("storage",)),
    "dse.points": ("space", ("storage",)),
    "dse.export": ("space", ("path", "storage")),
    "dse.report": ("space", ("path", "storage")),
    # The study is there already: whatever else is right, this is refused before it runs.
    "dse.run": (
        "space",
        ("trials", "sampler", "seed", "workers", "batch", "bounds", "patience_s", "point_limit_s", "dask", "progress"),
    ),
}
MAKES = ("dse.export", "dse.report", "dse.study", "dse.status", "dse.front", "dse.points", "trace")
CASE = (
    "Case(name={0})", "Case(name={0}, {1}={2})", "Case(name='a'), Case(name='b', {1}={2})",
    "Case(name='a'), Case(name='a')", "{0}", "Case(name='a'), {0}",
)  # fmt: skip
AFTER = (
    "",
    "",
    ".to_json()",
    ".layers",
    ".totals",
    ".totals[{0}]",
    ".energy_breakdown_pj[{0}]",
    ".config",
    ".energy",
    ".accesses",
    ".reuse",
    ".closeups",
    ".plot",
    "._repr_html_()",
    ".table",
    ".exact",
    ".rows()",
    ".report({0})",
    ".save({0})",
    ".text()",
    ".records()",
    ".report()",
    ".save({0}, {0})",
    ".text(lines={0})",
    ".to_json(form={0})",
    ".plot.cycles({0})",
    ".plot.dram(by={0})",
)
# Now and then, in a call.
BESIDE = ("colour={0}", "mapping=1, colour={0}", "alhpa={0}")


def make(rng: Random) -> Case:
    """Draw a call: most arguments right, one or two odd."""
    name = rng.choice(["simulate", "simulate", "compare", *CALLS])
    odd = 0.08 if rng.randrange(6) else 0.5
    first, fields = CALLS[name]
    words = [_argument(rng, first, odd)]
    always = ("path", "storage") if name.startswith("dse.") else ()
    words += [
        f"{field}={_argument(rng, field, odd * 2)}" for field in fields if field in always or rng.randrange(4) == 0
    ]
    if name == "dse.run":
        words.append("storage='study.journal'")
    if rng.random() < odd / 4:
        words = words[1:] if rng.randrange(2) else [*words, rng.choice(BESIDE).format(rng.choice(ODD))]
    text = f"lw3dsim.{name}({', '.join(words)})"
    after = rng.choice(AFTER).format(rng.choice(("'new.html'", "Path('new.html')", rng.choice(ODD))))
    files: dict[str, bytes | str] = {"net.yaml": NET, "arch.yaml": ARCH, "space.yaml": SPACE}
    files |= {own: good_files()[own] for own in ("map.yaml", "study.journal", "study.db")}
    return Case(files=files | {"res/result.json": good_files()["result0.json"]}, plan=(text, after), damaged=True)


def _argument(rng: Random, field: str, odd: float) -> str:
    if field == "cases":
        words = rng.choice(("'a'", "'b c'", *ODD)), rng.choice([*RUN, "arch"])
        return (
            "[" + rng.choice(CASE).format(*words, _argument(rng, words[1], odd)) + "]"
            if rng.randrange(5)
            else rng.choice(ODD)
        )
    return rng.choice(ODD) if rng.random() < odd else rng.choice(RIGHT[field])


def scope() -> dict[str, Any]:
    """Return the names that calls are written with."""
    import io
    import pathlib
    from decimal import Decimal
    from fractions import Fraction

    import numpy as np

    import lw3dsim
    from lw3dsim.comparison.compare import Case as CompareCase

    names = {"Path": pathlib.Path, "PurePosixPath": pathlib.PurePosixPath, "StringIO": io.StringIO}
    return {"lw3dsim": lw3dsim, "np": np, "Fraction": Fraction, "Decimal": Decimal, "Case": CompareCase, **names}


def run(session: Session, case: Case) -> None:
    """Make the call; where it is granted, look at the result."""
    text, after = case.plan
    names = scope()
    value = session.python(text, names, makes=text.startswith(tuple(f"lw3dsim.{name}(" for name in MAKES)))
    if isinstance(value, Outcome):
        return
    names["result"] = value
    if hasattr(value, "to_json"):
        data = parse_json(session.python("result.to_json()", names))
        if {"layers", "totals", "cycles_breakdown"} <= data.keys():
            check_result(data)
        elif str(data.get("dtype")).startswith("int"):
            check_execution(data)
    if after and hasattr(value, re.split(r"[(\[]", after)[0].removeprefix(".")):
        session.python(f"result{after}", names, makes=after.startswith((".report", ".save")))
