"""Imported once, by the server that workers are forked from: what every worker needs, loaded."""

from __future__ import annotations

import gc

from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.explore import evaluate
from lw3dsim.network.pipeline import prepare, simulate_prepared
from lw3dsim.network.request import Request

__all__ = ["evaluate", "load"]

# Modules are imported when they are first needed: two layers that are worth fusing need all of them.
SMALL = """
name: small
inputs: {clip: {channels: 8, frames: 2, height: 8, width: 8}}
layers:
  - {name: first, kind: conv3d, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1]}
  - {name: second, kind: conv3d, out_channels: 8, kernel: [1, 1, 1]}
"""

# What a point leaves is freed as it goes, but for some ten objects that refer to themselves; what it keeps for others,
# thousands, would be looked at each time. So garbage is looked for once in so many objects.
RARELY = 1_000_000


def load() -> None:
    """Import and load what a run needs; it stays, so that no worker looks for garbage in it, or copies its pages."""
    asked = Request(workload=parse_workload(SMALL), fusion="auto", objective="dram_bytes")
    simulate_prepared(prepare(asked)).to_json()
    gc.freeze()
    gc.set_threshold(RARELY)


load()
