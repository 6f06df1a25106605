"""Traces of DRAM that several tests replay."""

from __future__ import annotations

import numpy as np

from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.dram.trace import Trace

LPDDR4, DDR4, LPDDR5 = (DRAM_STANDARDS[n] for n in ("lpddr4-3200-x32", "ddr4-2400-x64", "lpddr5-6400-x16"))


def trace_of(addresses, writes=False):
    addresses = np.asarray(addresses, dtype=np.int64)
    return Trace(name="made", addresses=addresses, writes=np.broadcast_to(writes, addresses.shape))
