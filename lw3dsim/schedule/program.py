"""The schedule of one layer: arrays over steps for the engine, and a table of step kinds for the accounts.

A step waits for its input and weight tiles, computes (*head*, then *body*), and
drains; see ``docs/timing.md`` for when each may start. Steps of equal size share
a *kind*, so cycles and events are computed and stored once per kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.arrays import Flags, Ints
    from lw3dsim.schedule.dma import Activations, Weights


@dataclass(frozen=True, kw_only=True)
class Loops:
    """The loop nest unrolled: the index of every loop at every step."""

    g: Ints
    n: Ints
    t: Ints
    h: Ints
    w: Ints
    c: Ints
    is_first: Flags
    is_last: Flags


@dataclass(frozen=True, kw_only=True)
class LoadStream:
    """Tiles that DMA brings into one buffer, in order.

    ``steps`` is the first step that uses each tile; a tile's slot is free again
    when the last step before the next tile's has computed. ``box`` is what of
    ``region`` a tile is, ``bits`` what it takes in the buffer.
    """

    steps: Ints
    box: Ints
    bits: Ints
    slots: int
    region: Activations | Weights

    @cached_property
    def bursts(self) -> Ints:
        """DRAM bursts of every tile."""
        return np.asarray(self.region.box_bursts[self.box], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class StoreStream:
    """Tiles that DMA takes out of the output buffer, in order.

    The slot of a tile is taken when step ``opens`` starts and free when its
    store has left the bus; the store may start when step ``closes`` has drained.
    """

    opens: Ints
    closes: Ints
    box: Ints
    bits: Ints
    slots: int
    region: Activations

    @cached_property
    def bursts(self) -> Ints:
        """DRAM bursts of every tile."""
        return np.asarray(self.region.box_bursts[self.box], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """Cycles and events per kind of step.

    ``head`` are the cycles before the first drain may be wanted, ``body`` the rest
    of the step's computation, ``drain`` what is left to drain when the step has
    computed. ``fill``, ``multiply``, ``vector``, ``sram_port``, ``transform`` and
    ``drain_stall`` attribute head + body. Events are as in Groups.
    """

    head: Ints
    body: Ints
    drain: Ints
    fill: Ints
    multiply: Ints
    vector: Ints
    sram_port: Ints
    transform: Ints
    drain_stall: Ints
    mults: Ints
    accumulations: Ints
    tree_adds: Ints
    ifmap_read_bits: Ints
    weight_read_bits: Ints
    ofmap_read_bits: Ints
    ofmap_write_bits: Ints
    input_tiles: Ints
    weight_kernels: Ints
    output_tiles: Ints
    vector_ops: Ints

    def total(self, event: str, kind: Ints) -> int:
        """Return the sum of a column over steps of these ``kind``."""
        counts = np.bincount(kind, minlength=len(self.head))
        return int((counts * getattr(self, event)).sum())


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """One layer's steps: their loop indices, ``kind`` per step, the kinds, and the three streams."""

    loops: Loops
    kind: Ints
    kinds: Kinds
    ifmap: LoadStream
    weight: LoadStream
    ofmap: StoreStream
    setup_cycles: int

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.kind)

    @property
    def regions(self) -> tuple[Activations | Weights, ...]:
        """What its streams move, in the order in which engines number the boxes."""
        return self.ifmap.region, self.weight.region, self.ofmap.region

    @cached_property
    def total_bursts(self) -> int:
        """DRAM bursts of all streams."""
        return int(self.ifmap.bursts.sum() + self.weight.bursts.sum() + self.ofmap.bursts.sum())

    def bound_ticks(self, clocks: Clocks) -> int:
        """Return the larger of what the array is busy and what DRAM is busy: no engine can be faster."""
        busy = self.setup_cycles + self.total("head") + self.total("body")
        return max(busy * clocks.cycle_ticks, clocks.bound_ticks(self.total_bursts))

    def total(self, event: str) -> int:
        """Return the sum of a Kinds column over all steps."""
        return self.kinds.total(event, self.kind)
