"""What mappings of a fused group cost at least, in integers, by what they compute and move: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.layer.price import Price

# Latencies are counted in so many parts of a cycle.
PARTS = 16

# What all mappings of a group that is searched cost at least.
LEAST = 1 << 48

# A price is next to none beside another that is so many times as high.
SLIGHT = 16

# Cycles in which what begins and ends weighs.
FEW_CYCLES = 1 << 14

# Where costs are cut off.
MOST = 1 << 60


class Rates(NamedTuple):
    """Ticks of a burst over all channels, of a visit of a row, of turning the bus, of an answer and of a cycle.

    ``window_bits`` are those of the input buffer; with ``single_slot`` nothing is loaded beside what is used.
    """

    burst: int
    channels: int
    visit: int
    turnaround: int
    answer: int
    cycle: int
    window_bits: int
    single_slot: int


class Aim(NamedTuple):
    """What a part of a cycle and a burst cost, rounded down; more of either than ``parts`` and ``bursts`` is too much.

    A part of a cycle in which the array works costs ``busy`` more, likewise. Trees cost at least ``trees``.
    """

    part: int
    busy: int
    burst: int
    parts: int
    bursts: int
    trees: int


# With these nothing costs anything.
FREE_RATES = Rates(0, 1, 0, 0, 0, 1, 0, 0)
FREE = Aim(0, 0, 0, 0, 0, 0)


@kernel
def saves_slots(rates: Rates, aim: Aim, cycles: int) -> bool:
    """Return whether fewer slots than there are are looked at: they save bursts, and others are waited for.

    That is where a burst has a price, and not next to none beside that of the time it takes; and where a group computes
    for so few ``cycles`` at least that larger chunks save time, as the array fills less often.
    """
    if cycles < FEW_CYCLES:
        return True
    return SLIGHT * aim.burst * rates.channels * rates.cycle >= aim.part * PARTS * rates.burst


@kernel
def needs_slots(rates: Rates, aim: Aim, cycles: int) -> bool:
    """Return whether fewer slots are surely not looked at, on whatever scale prices are rounded to integers."""
    slight = (SLIGHT + 1) * aim.burst * rates.channels * rates.cycle < aim.part * PARTS * rates.burst
    return cycles >= FEW_CYCLES and slight


@kernel
def least_cost(rates: Rates, aim: Aim, compute: int, bursts: int) -> int:
    """Return what a mapping costs at least that computes for so many parts, and moves so many ``bursts``."""
    return least_exposed(rates, aim, compute, bursts, 0)


@kernel
def least_exposed(rates: Rates, aim: Aim, compute: int, bursts: int, exposed: int) -> int:
    """Return the same where nothing hides so many of the bursts: those that come first, or go last."""
    moving, alone = bursts_in_parts(rates, bursts), bursts_in_parts(rates, exposed)
    return cost_of(aim, max(compute, moving) + alone, compute, bursts) + aim.trees


@kernel
def bursts_in_parts(rates: Rates, bursts: int) -> int:
    """Return the parts of a cycle in which so many bursts move."""
    return bursts * rates.burst * PARTS // (rates.channels * rates.cycle)


@kernel
def cost_of(aim: Aim, parts: int, compute: int, bursts: int) -> int:
    """Return what a latency, the parts in which the array works, and bursts cost at least."""
    of_array = min(compute, aim.parts) * aim.busy if aim.busy else 0
    return min(parts, aim.parts) * aim.part + of_array + min(bursts, aim.bursts) * aim.burst


@kernel
def cycles_up_to(aim: Aim, most: int) -> int:
    """Return the most cycles of the array that cost up to ``most`` by themselves; NEVER where that is cut off."""
    each, parts = aim.part + aim.busy, aim.parts
    if each > 0 and most < MOST:
        parts = (most - aim.trees) // each
    return parts // PARTS if parts < aim.parts else NEVER


def aim_of(price: Price, clocks: Clocks, scale: float, trees: Sequence[float]) -> Aim:
    """Return prices in integers, ``scale`` times as high, rounded down; of ``trees``, by stage, what they save."""
    part, busy = (int(cost / PARTS * scale) for cost in (price.cycle, price.busy))
    burst = int(price.dram_byte * clocks.burst_bytes * scale)
    saved = sum(min(int(cost * scale // 1), 0) for cost in trees)
    return Aim(part, busy, burst, MOST // (part + busy + 1), MOST // (burst + 1), saved)
