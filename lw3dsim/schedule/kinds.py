"""What DMA takes from steps at the only port of a buffer, and what that makes of their costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import arrays_of
from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Collection

    from lw3dsim.base.arrays import Ints
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.step import Costs
    from lw3dsim.schedule.program import Loads, Stores


class StolenCycles(Value, frozen=True, kw_only=True):
    """Per step: cycles for which DMA holds the only port of a buffer while the array wants it."""

    computing: Ints
    draining: Ints


def stolen_cycles(
    machine: Machine, meeting: Collection[str], steps: int, ifmap: Loads, weight: Loads, ofmap: Stores
) -> StolenCycles:
    """Return the cycles that DMA takes from the array at the only port of the buffers where they are ``meeting``.

    A tile's transfer is paid by the step that first uses it, or whose drain closes it. The
    first tile comes before the array runs, the last leaves after.
    """
    computing, draining = np.zeros(steps, dtype=np.int64), np.zeros(steps, dtype=np.int64)
    for name, stream, port in (("ifmap", ifmap, machine.ifmap_port), ("weight", weight, machine.weight_port)):
        if name in meeting:
            np.add.at(computing, stream.first[1:], port.cycles(stream.bits[1:]))
    if "ofmap" in meeting:
        np.add.at(draining, ofmap.closes[:-1], machine.ofmap_port.cycles(ofmap.bits[:-1]))
    return StolenCycles(computing=computing, draining=draining)


def columns_of(costs: Costs, stolen: StolenCycles) -> dict[str, Ints]:
    """Return the columns of Kinds but ``wait``: cycles that DMA takes from the array are the port's."""
    columns = arrays_of(costs)
    columns["head"] = columns["head"] + stolen.computing
    columns["drain"] = columns["drain"] + stolen.draining
    columns["sram_port"] = columns["sram_port"] + stolen.computing
    return columns
