"""Programs: arrays over steps for the engine, and a table of step kinds for the accounts.

A step waits for its input and weight tiles, computes (*head*, then *body*), and
drains; see ``docs/timing.md`` for when each may start. Steps of equal size share
a *kind*, so cycles and events are computed and stored once per kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.caches import once
from lw3dsim.base.values import Value, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Flags, Ints, Words
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.schedule.dma import Activations, Weights


# The lead of a step whose first round may be loaded while the step before is fed for the last time.
AHEAD = -1


class Loops(Value, frozen=True, kw_only=True):
    """The loop nest unrolled: the index of every loop at every step."""

    g: Ints
    n: Ints
    t: Ints
    h: Ints
    w: Ints
    c: Ints
    is_first: Flags
    is_last: Flags


class Loads(Value, frozen=True, kw_only=True):
    """Tiles that DMA brings into one buffer, in order: the first and last step that use each, its box, its bits there.

    ``after`` is the step whose end makes room for it, ``gate`` the store that must have left the bus; -1: none.
    ``words`` are the cycles in which the array pauses for it, as it passes the only port of the buffer.
    """

    first: Ints
    last: Ints
    box: Ints
    bits: Ints
    after: Ints
    gate: Ints
    words: Ints


class Stores(Value, frozen=True, kw_only=True):
    """Tiles that DMA takes out of the output buffer, in order: the steps that open and close each, its box, its bits.

    A tile takes room when step ``opens`` starts, until its store has left the bus; the store may start when step
    ``closes`` has drained. ``after`` is the store that makes room for it; -1: none. ``words`` are as of Loads.
    """

    opens: Ints
    closes: Ints
    box: Ints
    bits: Ints
    after: Ints
    words: Ints


class Kinds(Value, frozen=True, dict=True, gc=True):
    """Cycles and events per kind of step.

    ``entry`` are the cycles before the first product; where the step before is fed for its last ``tail``
    meanwhile, only what ``load`` takes longer shows. ``head`` are the cycles before the first drain may be wanted,
    ``body`` the rest of the step's computation, ``drain`` what is left to drain when the step has computed.
    ``multiply``, ``vector``, ``sram_port``, ``transform`` and ``drain_stall``
    attribute head + body. Of the cycles that the multipliers bind, ``row_cycles`` are those of rows that
    work, of ``rows``; ``lane_cycles`` those of lanes that work, of ``rows`` x ``lanes``; ``products``
    those of multipliers that work, of ``multipliers``. The others are events. All these are filled in by
    ``machine/step.py``, as ``Costs``; besides, ``wait`` are the cycles, a part of its ``lead``, that a step waits for
    the drain of the step before.
    """

    entry: Ints
    load: Ints
    tail: Ints
    rows: Ints
    lanes: Ints
    multipliers: Ints
    head: Ints
    body: Ints
    drain: Ints
    drain_stall: Ints
    multiply: Ints
    vector: Ints
    sram_port: Ints
    transform: Ints
    row_cycles: Ints
    lane_cycles: Ints
    products: Ints
    mults: Ints
    accumulations: Ints
    tree_adds: Ints
    ifmap_read_bits: Ints
    weight_read_bits: Ints
    ofmap_read_bits: Ints
    ofmap_write_bits: Ints
    intermediate_read_bits: Ints
    intermediate_write_bits: Ints
    ifmap_read_words: Ints
    weight_read_words: Ints
    partial_words: Ints
    result_words: Ints
    intermediate_read_words: Ints
    intermediate_write_words: Ints
    staged_inputs: Ints
    input_tiles: Ints
    weight_kernels: Ints
    output_tiles: Ints
    vector_ops: Ints
    wait: Ints

    @classmethod
    def of(cls, costs: Sequence[Words] | Ints, wait: Ints) -> Kinds:
        """Return the kinds of steps that take these ``costs``, rows as of ``Costs``, and ``wait``."""
        table = np.concatenate((np.asarray(costs, dtype=np.int64), wait[None]))
        kinds = cls(*table)
        kinds.__dict__["table"] = table
        return kinds

    @once
    def table(self) -> Ints:
        """All columns, a row for each."""
        return np.array([getattr(self, name) for name in names_of(self)])

    def counts(self, kind: Ints) -> Ints:
        """Return how many of the steps of these ``kind`` are of each kind."""
        return np.bincount(kind, minlength=len(self.head))

    def totals(self, counts: Ints) -> list[dict[str, int]]:
        """Return the sum of every column, by its name, over so many steps of each kind, for each row of ``counts``."""
        names = names_of(self)
        return [dict(zip(names, row, strict=True)) for row in (counts @ self.table.T).tolist()]


class Program(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """What an engine runs: a ``kind`` per step, the kinds, and the tiles of three streams.

    ``lead`` are the cycles, by kind, that a step is entered after the end of the one before
    at the earliest; AHEAD where it may be loaded before that. Boxes are numbered through all ``regions``. Of what is
    stored ``besides_bits`` are of tensors which later steps read as well.
    """

    kind: Ints
    kinds: Kinds
    lead: Ints
    ifmap: Loads
    weight: Loads
    ofmap: Stores
    setup_cycles: int
    regions: tuple[Activations | Weights, ...]
    besides_bits: int = 0

    @property
    def stage_programs(self) -> tuple[Program, ...]:
        """The steps of each layer that takes part."""
        return (self,)

    @property
    def stage_totals(self) -> list[dict[str, int]]:
        """By layer that takes part, the sum of every Kinds column over its steps."""
        return [self.totals]

    @property
    def besides_words(self) -> int:
        """Words in which drains write what is stored of tensors which later steps read as well."""
        return 0

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.kind)

    @once
    def box_bursts(self) -> Ints:
        """Bursts moved per box."""
        return np.concatenate([region.box_bursts for region in self.regions])

    def bursts(self, stream: Loads | Stores) -> Ints:
        """Return the DRAM bursts of every tile of ``stream``."""
        return np.asarray(self.box_bursts[stream.box], dtype=np.int64)

    @property
    def end_burst(self) -> int:
        """The first burst behind all regions."""
        return max(region.end for region in self.regions)

    @once
    def stream_bursts(self) -> tuple[Ints, Ints, Ints]:
        """The DRAM bursts of every tile of inputs, weights and outputs."""
        return self.bursts(self.ifmap), self.bursts(self.weight), self.bursts(self.ofmap)

    @once
    def moved_bursts(self) -> tuple[int, int, int]:
        """DRAM bursts of inputs, weights and outputs."""
        ifmap, weight, ofmap = self.stream_bursts
        return int(ifmap.sum()), int(weight.sum()), int(ofmap.sum())

    @property
    def total_bursts(self) -> int:
        """DRAM bursts of all streams."""
        return sum(self.moved_bursts)

    def bound_ticks(self, clocks: Clocks) -> int:
        """Return the larger of what the array is busy and what DRAM is busy: no engine can be faster."""
        led = np.where(self.lead < 0, 0, self.lead + self.kinds.entry)[self.kind]
        led[0] = max(self.lead[self.kind[0]], 0) + self.kinds.entry[self.kind[0]]
        busy = self.setup_cycles + int(led.sum()) + self.total("head") + self.total("body")
        return max(busy * clocks.cycle_ticks, clocks.bound_ticks(self.total_bursts))

    @once
    def counts(self) -> Ints:
        """How many steps are of each kind."""
        return self.kinds.counts(self.kind)

    def total(self, event: str) -> int:
        """Return the sum of a Kinds column over all steps."""
        return self.totals[event]

    @once
    def totals(self) -> dict[str, int]:
        """The sum of every Kinds column over all steps, by its name."""
        (totals,) = self.kinds.totals(self.counts[None])
        return totals


class Schedule(Program, frozen=True, kw_only=True):
    """The program of one layer, with the loop indices of its steps; regions are its inputs, weights and outputs.

    ``counted`` are the bursts of every box, which kernels count while they unroll.
    """

    loops: Loops
    counted: Ints

    @once
    def box_bursts(self) -> Ints:
        """Bursts moved per box."""
        return self.counted
