"""Simulate one work with lw3dsim, mapping search included: ``python ours_case.py WORK INPUTS RECORD``.

Another workload warms the process up, then every memory of functools is cleared
before each of the measured runs, but for those of ``technology``: the macros of the SRAM and the unit energies
are the machine's, and ZigZag keeps what CACTI told it of them as well. The first run is recorded beside the
median: if it is much slower, something was compiled or remembered outside functools.
"""

from __future__ import annotations

import gc
import sys
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from inputs import our_overrides
from measure import cpu_seconds, write_record

import lw3dsim

ARCH = "array_16x16"
CACHED = type(cache(lambda: None))
RUNS = 7


def caches() -> list[Any]:
    """Return every ``functools`` cache of lw3dsim, wherever it is, but for tables of the technology."""
    found = [o for o in gc.get_objects() if type(o) is CACHED and str(o.__module__).startswith("lw3dsim.")]
    return [cache for cache in found if not str(cache.__module__).startswith("lw3dsim.technology.")]


def cold(workload: Path, memories: list[Any]) -> tuple[float, list[int]]:
    """Simulate with cleared ``memories``; return CPU seconds and the cycles of every layer."""
    for memory in memories:
        memory.cache_clear()
    start = cpu_seconds()
    result = lw3dsim.simulate(workload, arch=ARCH, overrides=our_overrides())
    seconds = cpu_seconds() - start
    return seconds, [int(cycles) for cycles in result.layers["latency_cycles"]]


def main() -> None:
    """Warm up, run, leave the record of the median."""
    work, inputs, record = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    lw3dsim.simulate(inputs / "warm_up.yaml", arch=ARCH, overrides=our_overrides())
    memories = caches()
    cold(inputs / "warm_up.yaml", memories)
    runs = [cold(inputs / f"{work}.yaml", memories) for _ in range(RUNS)]
    seconds = [each for each, _ in runs]
    write_record(record, "lw3dsim", median(seconds), runs[0][1], cpu_s_first=seconds[0])


if __name__ == "__main__":
    main()
