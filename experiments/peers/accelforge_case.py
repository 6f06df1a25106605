"""Map one work with AccelForge's Fast and Fusiest Mapper: ``python accelforge_case.py WORK INPUTS RECORD``.

Each layer is mapped by itself, for latency, on one thread. What the mapper joined is not evaluated a second time in
detail: that draws every mapping, which needs Graphviz, and changes neither mapping nor latency.
"""

from __future__ import annotations

import sys
from pathlib import Path

from accelforge import Spec
from accelforge.frontend.mapper.metrics import Metrics
from accelforge.mapper.FFM.main import map_workload_to_arch
from accelforge.util import set_n_parallel_jobs
from measure import cpu_seconds, write_record

LATENCY = "Total<SEP>latency"


def run(workload: Path) -> int:
    """Map the layer in a file; return its cycles."""
    spec = Spec.from_yaml(str(workload))
    spec.mapper.metrics = Metrics.LATENCY
    found = map_workload_to_arch(spec, print_progress=False, eval_in_detail=False)
    return round(float(found.data[LATENCY].min()))


def main() -> None:
    """Warm up, run, leave the record."""
    work, inputs, record = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    set_n_parallel_jobs(1)
    run(next(iter(sorted(inputs.glob("warm_up_*.yaml")))))
    start = cpu_seconds()
    cycles = [run(layer) for layer in sorted(inputs.glob(f"{work}_[0-9]*.yaml"))]
    write_record(record, "accelforge", cpu_seconds() - start, cycles)


if __name__ == "__main__":
    main()
