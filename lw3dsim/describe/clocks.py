"""One integer time base for core and DRAM: what a cycle, a burst and a latency are in ticks.

A tick is the largest whole part of 1 ps in which the clock period of the DRAM is a whole number: 1 ps, or 1/3 ps
for a clock of 1200 MHz.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept, once
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.address_map import DEFAULT_MAPPING
from lw3dsim.describe.dram_standards import DRAM_PRESETS, DramStandard

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator, DramModel, Refresh


class DramSystem(Value, frozen=True, kw_only=True):
    """The channels outside the chip: their standard, how many, which model, and how addresses are spread."""

    standard: DramStandard
    channels: int
    model: DramModel
    mapping: str
    refresh: Refresh
    queue: int

    @property
    def page_bursts(self) -> int:
        """Bursts of one row of one bank."""
        return self.standard.columns // self.standard.burst_length

    @property
    def stripe_bursts(self) -> int:
        """Bursts of one row of every bank of every channel."""
        return self.channels * self.standard.banks * self.page_bursts


class Clocks(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """Durations in ticks, of which ``ticks_per_ps`` are one picosecond.

    ``clock_ticks`` is the clock of the DRAM. A channel moves ``burst_bytes`` in ``burst_ticks``, sustained, and never
    in less than ``least_burst_ticks``; ``latency_ticks`` pass from the end of a transfer on the bus to its data on
    chip, where the model is plain. For estimates, a row is opened every ``visit_ticks``, the first one of a tile
    ``opening_ticks`` behind the tile before it, and a store turns the bus round in ``turnaround_ticks``.
    """

    ticks_per_ps: int = 1
    cycle_ticks: int
    clock_ticks: int
    burst_ticks: int
    least_burst_ticks: int
    latency_ticks: int
    visit_ticks: int = 0
    opening_ticks: int = 0
    turnaround_ticks: int = 0
    dram: DramSystem

    @once
    def burst_bytes(self) -> int:
        """Bytes of a burst, the unit of every access."""
        return self.dram.standard.burst_bytes

    @property
    def answer_ticks(self) -> int:
        """The least time from the end of an idle memory's first transfer, at peak rate, to its data on chip."""
        is_plain = self.dram.model == "plain"
        return self.latency_ticks - (0 if is_plain else self.least_burst_ticks)

    @once
    def stripe_bursts(self) -> int:
        """What tensors are aligned to, in bursts."""
        return self.dram.stripe_bursts

    @property
    def in_order(self) -> Clocks:
        """The same without reordering."""
        is_reordering = self.dram.model == "fr_fcfs"
        return replace(self, dram=replace(self.dram, model="in_order")) if is_reordering else self

    def dram_clocks(self, cycles: int) -> int:
        """Return the whole clocks of all channels together in ``cycles`` of the core."""
        return self.dram.channels * cycles * self.cycle_ticks // self.clock_ticks

    def bound_ticks(self, bursts: int) -> int:
        """Return the time that ``bursts`` take at least, spread evenly over all channels."""
        return -(-bursts * self.least_burst_ticks // self.dram.channels)

    def refreshed_ticks(self, bursts: int) -> int:
        """Return the same, or more: where all banks are refreshed together, no burst comes until one is open again."""
        least, dram, of = self.bound_ticks(bursts), self.dram, self.dram.standard
        if dram.model == "plain" or dram.refresh != "all-bank":
            return least
        # Bursts of the busiest channel before the first refresh, and between two.
        before = -(-of.trefi // of.burst_clocks)
        between = -(-(of.trefi - of.trfc - of.trcd) // of.burst_clocks)
        left = -(-bursts // dram.channels) - before
        if left <= 0:
            return least
        refreshes = -(-left // between)
        last = left - (refreshes - 1) * between
        clocks = refreshes * of.trefi + of.trfc + of.trcd + (last - 1) * of.burst_clocks
        return max(least, clocks * self.clock_ticks)


def default_mapping(standard: DramStandard) -> str:
    """Return the address mapping of a design that names none: streams go round the bank groups."""
    return f"{DEFAULT_MAPPING}-bankgroup" if standard.bank_groups > 1 else DEFAULT_MAPPING


@kept(4096)
def make_clocks(arch: Accelerator) -> Clocks:
    """Return the time base of ``arch``; where they are not clocks, burst time and latency are rounded to ticks."""
    dram = arch.dram
    standard = DRAM_PRESETS.get(dram.preset)
    system = DramSystem(
        standard=standard,
        channels=dram.channels,
        model=dram.resolved_model,
        mapping=dram.mapping or default_mapping(standard),
        refresh=dram.refresh,
        queue=dram.queue,
    )
    ticks_per_ps, clock_ticks = standard.clock_ps.denominator, standard.clock_ps.numerator
    closed_row_ticks = (standard.trcd + standard.cl + standard.burst_clocks) * clock_ticks
    if system.model != "plain":
        # Bursts behind each other lie in other bank groups where the group is the lowest field but the channel.
        takes_turns = [name for name in system.mapping.split("-") if name != "channel"][-1] == "bankgroup"
        gap = standard.tccd_s if takes_turns else standard.tccd_l
        spaced = max(standard.burst_clocks, gap) * clock_ticks
        sustained = round(spaced / (1 - standard.trfc / standard.trefi))
        return Clocks(
            ticks_per_ps=ticks_per_ps,
            cycle_ticks=arch.cycle_ps * ticks_per_ps,
            clock_ticks=clock_ticks,
            burst_ticks=sustained,
            least_burst_ticks=standard.burst_clocks * clock_ticks,
            latency_ticks=closed_row_ticks,
            # Rows that follow each other seldom lie in all banks: taken as half of them.
            visit_ticks=max(2 * standard.trc // standard.banks, standard.trrd_s) * clock_ticks,
            # Tensors begin in the same bank, so tiles of several often follow each other in one.
            opening_ticks=standard.trc * clock_ticks,
            turnaround_ticks=(standard.cl + standard.turnaround + standard.twtr_l) * clock_ticks,
            dram=system,
        )
    gbps = standard.peak_gbps * standard.sustained_share if dram.bandwidth_gbps is None else dram.bandwidth_gbps
    burst_ticks = max(round(standard.burst_bytes * 1000 * ticks_per_ps / gbps), 1)
    return Clocks(
        ticks_per_ps=ticks_per_ps,
        cycle_ticks=arch.cycle_ps * ticks_per_ps,
        clock_ticks=clock_ticks,
        burst_ticks=burst_ticks,
        least_burst_ticks=burst_ticks,
        latency_ticks=closed_row_ticks if dram.latency_ns is None else round(dram.latency_ns * 1000 * ticks_per_ps),
        dram=system,
    )
