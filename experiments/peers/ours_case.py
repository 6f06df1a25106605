"""Simulate one work with lw3dsim, mapping search included: ``python ours_case.py WORK INPUTS RECORD``.

Translations are loaded and another workload warms the process up, then every memory of functools is cleared:
the measured run is the first that sees the work. It is run once more, cleared again;
if that is much faster, something was compiled or remembered outside functools.
"""

from __future__ import annotations

import gc
import sys
from functools import cache
from pathlib import Path

from inputs import our_overrides
from measure import cpu_seconds, write_record

import lw3dsim
from lw3dsim.engine import compiled
from lw3dsim.map.kernels import TRANSLATION

ARCH = "array_16x16"
CACHED = type(cache(lambda: None))


def clear_caches() -> None:
    """Clear every ``functools`` cache of lw3dsim, wherever it is."""
    for candidate in gc.get_objects():
        if type(candidate) is CACHED and str(candidate.__module__).startswith("lw3dsim."):
            candidate.cache_clear()


def cold(workload: Path) -> tuple[float, list[int]]:
    """Simulate with cleared caches; return CPU seconds and the cycles of every layer."""
    clear_caches()
    start = cpu_seconds()
    result = lw3dsim.simulate(workload, arch=ARCH, overrides=our_overrides())
    seconds = cpu_seconds() - start
    return seconds, [int(cycles) for cycles in result.layers["latency_cycles"]]


def main() -> None:
    """Warm up, run twice, leave the record of the first."""
    work, inputs, record = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    compiled.load()
    if not TRANSLATION.functions:
        raise RuntimeError
    cold(inputs / "warm_up.yaml")
    seconds, cycles = cold(inputs / f"{work}.yaml")
    again, _ = cold(inputs / f"{work}.yaml")
    write_record(record, "lw3dsim", seconds, cycles, cpu_s_again=again)


if __name__ == "__main__":
    main()
