"""Map one chain with AccelForge's Fast and Fusiest Mapper: ``python accelforge_chains.py INPUT RECORD``.

On one thread, for the fewest bits to and from DRAM, which alone cost energy. Loops split an axis in factors of its
size, as they do unless told otherwise. The system ends this process after PATIENCE_S of CPU time.
"""

from __future__ import annotations

import json
import math
import resource
import sys
from importlib.metadata import version
from pathlib import Path

from accelforge import Spec
from accelforge.frontend.mapper.metrics import Metrics
from accelforge.mapper.FFM.main import map_workload_to_arch
from accelforge.util import set_n_parallel_jobs
from chain_inputs import PATIENCE_S
from measure import cpu_seconds

ENERGY = "Total<SEP>dynamic_energy"
MAPPING = "Total<SEP>mapping"
GRACE_S = 10  # from the signal to stop to the end


def lines(node: object, depth: int = 0) -> list[str]:
    """Return a mapping as text, a line per node."""
    parts = getattr(node, "nodes", None)
    text = type(node).__name__ if parts is not None else node.compact_str()  # type: ignore[attr-defined]
    return ["  " * depth + text] + [line for part in parts or () for line in lines(part, depth + 1)]


def main() -> None:
    """Map, print the mapping, leave the record."""
    source, record = sys.argv[1:3]
    set_n_parallel_jobs(1)
    start = cpu_seconds()
    limit = math.ceil(start) + PATIENCE_S
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + GRACE_S))
    spec = Spec.from_yaml(source)
    spec.mapper.metrics = Metrics.DYNAMIC_ENERGY
    found = map_workload_to_arch(spec, print_progress=False, eval_in_detail=False).data
    best = found.loc[found[ENERGY].idxmin()]
    measured = {"cpu_s": cpu_seconds() - start, "dram_bytes": round(float(best[ENERGY])) // 8}
    print("\n".join(lines(best[MAPPING]())))
    text = json.dumps({"version": version("accelforge"), **measured}, indent=1)
    Path(record).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
