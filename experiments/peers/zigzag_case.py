"""Map one work with ZigZag: ``python zigzag_case.py WORK INPUTS RECORD``, in its own environment, ``bin`` on PATH.

Matrix products go to the LOMA mapper. 3D convolutions go to SALSA, as LOMA would try
every order of eight loops; SALSA anneals at random: the seed is fixed.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
from measure import cpu_seconds, write_record
from zigzag.api import get_hardware_performance_zigzag

ENGINE = {"c3d_gemm": "loma", "c3d_3d": "salsa"}
SEED = 0


def run(workload: Path, out: Path, engine: str) -> list[int]:
    """Map a workload for latency; return the cycles of every layer."""
    _, _, (total, *_) = get_hardware_performance_zigzag(
        str(workload),
        str(workload.with_name("machine.yaml")),
        str(workload.with_name("mapping.yaml")),
        opt="latency",
        temporal_mapping_search_engine=engine,
        dump_folder=str(out),
        loma_show_progress_bar=False,
    )
    return [int(layer.latency_total2) for layer, _ in total[1]]


def main() -> None:
    """Warm up (the first run of a machine also calls CACTI), run, leave the record."""
    work, inputs, record = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    out = Path(record).parent / "zigzag_reports"
    run(inputs / "warm_up.yaml", out, ENGINE[work])
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002  # the generator that SALSA draws from
    start = cpu_seconds()
    cycles = run(inputs / f"{work}.yaml", out, ENGINE[work])
    write_record(record, "zigzag-dse", cpu_seconds() - start, cycles)


if __name__ == "__main__":
    main()
