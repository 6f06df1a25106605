"""Figures of small runs as they are today: ``python tests/golden.py`` writes them anew into ``data/golden.jsonl``.

They say that a figure moved, not that it is right: figures by hand are in the tests of values. Whoever moves one
says before, after and why under "Numbers change". Networks and accelerators were drawn by the fuzzer, once, and are
kept with their figures: what it draws today need not be what it drew. ``python tests/golden.py draw`` draws others.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml

import lw3dsim
from lw3dsim.base.values import fields_of
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.dram.replay import replay
from lw3dsim.dram.trace import Trace

FILE = Path(__file__).parent / "data" / "golden.jsonl"

# How many of each, and the seconds that one may take.
RUNS, EXECUTIONS, SLOWEST = 90, 40, 0.25

REQUESTS = 400


def figures(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the figures of a case, whose files are written into ``folder``."""
    if case["kind"] == "replay":
        return _replayed(**case["options"])
    given = {}
    for name in ("workload", "arch"):
        given[name] = case[name]
        if isinstance(case[name], dict):
            given[name] = str(folder / f"{name}.yaml")
            Path(given[name]).write_text(yaml.safe_dump(case[name], sort_keys=False), encoding="utf-8")
    run = lw3dsim.simulate if case["kind"] == "simulate" else lw3dsim.execute
    result = run(**given, **case["options"])
    data = _rounded(json.loads(result.to_json()))
    data.pop("config", None)
    own = {"sha256": hashlib.sha256(json.dumps(data).encode()).hexdigest()}
    if case["kind"] == "simulate":
        return {"totals": data["totals"], "cycles": [layer["latency_cycles"] for layer in data["layers"]]} | own
    return {"sqnr_db": [layer.get("sqnr_db") for layer in data["layers"]]} | own


def _rounded(value: Any) -> Any:
    """Return plain data with amounts to nine digits: the last are the library's, and the processor's."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def _replayed(standard: str, seed: int, **options: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    kind = DRAM_STANDARDS[standard]
    row_bytes = kind.banks * kind.columns * kind.bus_bits // 8
    runs = np.repeat(rng.integers(0, 6 * row_bytes // 64, REQUESTS // 4) * 64, 4)
    trace = Trace(name="random", addresses=runs + np.arange(REQUESTS) % 4 * 64, writes=rng.random(REQUESTS) < 0.4)
    result = replay(kind, trace, **options)
    return _rounded({"cycles": result.cycles, "counts": fields_of(result.counts), "energy": fields_of(result.energy)})


def cases() -> list[dict[str, Any]]:
    """Return what is kept."""
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def drawn() -> list[dict[str, Any]]:
    """Return cases that are quick, without their figures."""
    rng = Random(2026)  # noqa: S311  # not for secrecy
    found = [
        {"kind": "replay", "options": {"standard": name, "seed": seed, "refresh": refresh, **more}}
        for seed, (name, kind) in enumerate(DRAM_STANDARDS.items())
        for refresh in ("all-bank", *(["per-bank"] if kind.trefi_pb else []))
        for more in ({}, {"channels": 2, "queue": 4, "request_bytes": 100})
    ]
    for kind, count in (("simulate", RUNS), ("execute", EXECUTIONS)):
        kept = 0
        while kept < count:
            case = _drawn(rng, kind)
            begin = time.process_time()
            try:
                with tempfile.TemporaryDirectory() as folder:
                    figures(case, Path(folder))
            except lw3dsim.InputError:
                continue
            if time.process_time() - begin < SLOWEST:
                found.append(case)
                kept += 1
    return found


def _drawn(rng: Random, kind: str) -> dict[str, Any]:
    from fuzz.accelerators import SHIPPED, accelerator
    from fuzz.networks import network
    from fuzz.options import ALGORITHMS, TRANSFORMS

    options: dict[str, Any] = {
        "transform": rng.choice([None, None, *TRANSFORMS]),
        "algorithm": rng.choice(ALGORITHMS),
        "fusion": rng.choice(["off", "auto"]),
        "objective": rng.choice(["latency", "latency", "energy", "edp", "dram_bytes"]),
    }
    overrides = []
    if rng.randrange(3) == 0:
        overrides.append("dram.model=" + rng.choice(["plain", "fr_fcfs"]))
    if rng.randrange(4) == 0:
        overrides += [f"precision.accumulator_bits={rng.choice([12, 16, 20])}"]
        overrides += ["precision.overflow=" + rng.choice(["widen", "saturate", "wrap"])]
    if kind == "simulate" and rng.randrange(3) == 0:
        options["clips"] = rng.randint(2, 3)
    if kind == "execute":
        options |= {"dtype": rng.choice(["int8", "int8", "int16"]), "seed": rng.randrange(100)}
    arch = rng.choice([*SHIPPED, None, None, None, None]) or accelerator(rng)
    return {
        "kind": kind,
        "workload": network(rng, widest=12),
        "arch": arch,
        "options": options | {"overrides": overrides},
    }


def main() -> None:
    """Write the file anew, with the same cases, or with others."""
    found = drawn() if sys.argv[1:] == ["draw"] else cases()
    lines = []
    for case in found:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(json.dumps(case | {"figures": figures(case, Path(folder))}))
    part = FILE.with_suffix(".part")
    part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    part.replace(FILE)


if __name__ == "__main__":
    os.environ["LW3DSIM_MAPPING_CACHE"] = "0"
    main()
