"""The mapper of fused groups: all mappings that fit, ranked by what they move and take.

DRAM bursts are counted exactly as the schedule moves them, capacities as it fills them;
latency is estimated. The caller simulates the best few and takes the best by simulation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.caches import kept
from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value, replace
from lw3dsim.errors import MappingError
from lw3dsim.map.group.candidates import (
    Candidates,
    fit_tiles,
    gathered_into,
    lent_tiles,
    parts_within,
    unlisted,
)
from lw3dsim.map.group.cost import GroupCost, Scales, make_scales
from lw3dsim.map.group.fitting import Found as FoundColumns
from lw3dsim.map.group.group import GroupMapping  # noqa: TC001  # decoded when remembered
from lw3dsim.map.group.listing import list_cheapest
from lw3dsim.map.group.pricing import LEAST, MOST
from lw3dsim.map.group.rooms import larger_room, lent_room, make_room
from lw3dsim.map.group.shortlist import shortlist
from lw3dsim.map.group.tables import lent_scratch, limits_of, tables_of
from lw3dsim.map.group.tiles import Gauge
from lw3dsim.map.group.weighing import Effort, Modes, Traffic
from lw3dsim.tensor.layout import block_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Floats, Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.group.candidates import Fits, Gathered
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.group.lying import Lying
    from lw3dsim.map.group.pricing import Aim, Rates
    from lw3dsim.map.group.rooms import Room
    from lw3dsim.map.layer.price import Price


# Mappings that are simulated, at most, unless the caller wants more.
CANDIDATES = 5

# Of groups of fewer steps so many times as many mappings are bounded and simulated: where beginnings and ends weigh,
# estimates are less sure of the best, and simulating takes no time.
SHORT, MORE = 64, 2

# A bound in floats, against what sums of floats are rounded by.
ROUNDED = 1 - 1e-9

# Mappings that there is room for at first: more may be among the best at a time where many cost about the same.
FIRST_ROOM = 1 << 7


class Plan(Value, frozen=True, kw_only=True):
    """A mapping of a group, and the channel blocks in which its tensors in DRAM lie then.

    Behind those of its input and its output are those of what it stores besides, and of second operands.
    """

    mapping: GroupMapping
    input_block: int
    output_block: int
    other_blocks: tuple[int, ...] = ()

    @property
    def blocks(self) -> tuple[int, ...]:
        """All of these blocks, as a group has them."""
        return self.input_block, self.output_block, *self.other_blocks

    def laid_out(self, group: Group) -> Group:
        """Return the ``group`` with its tensors in DRAM in these blocks."""
        return _laid_out(group, self.blocks)


@kept(4096)
def _laid_out(group: Group, blocks: tuple[int, ...]) -> Group:
    # Mappings that lie alike are of one group: what follows from it is worked out once.
    return group.lying(blocks)


class Found(Value, frozen=True, kw_only=True):
    """A mapping of a group: the DRAM bytes that it moves; its cycles, and those of the array alone, as estimated."""

    plan: Plan
    dram_bytes: int
    cycles: float
    busy: float


def search_group(
    group: Group,
    arch: Accelerator,
    clocks: Clocks,
    price: Price,
    *,
    keep: int = CANDIDATES,
    more: int = 1,
    lies: tuple[Blocks, ...] | None = None,
    enough: float = math.inf,
) -> list[Found]:
    """Return the ``keep`` cheapest mappings of ``group``, or all, best first; none where all cost more than ``enough``.

    They are so many times ``more`` where the best is SHORT. Where it ``lies`` is given, its tensors in DRAM are in the
    best of these channel blocks instead of its own.

    Raises MappingError when none fits, or where a stage has nothing to compute: such a layer runs by itself.
    """
    group = with_seconds(group, lies)
    tables = tables_of([group], arch)
    with lent_scratch(len(group.stages), len(group.runs), tables, arch, group.stages[0].sources) as own:
        begun = begin(gathered_into(own, tables, arch), group, arch, clocks, price, lies)
        candidates = find_cheapest(begun, keep, enough)
        if candidates is None:
            if enough == math.inf:
                raise MappingError("buffers", "no tile of the fused group fits the buffers")
            return []
        found = best_of(candidates, begun.scales, keep)
        if more > 1 and is_short(group, found):
            candidates = find_cheapest(begun, more * keep, math.inf)
            assert candidates is not None  # noqa: S101  # there are some
            found = best_of(candidates, begun.scales, more * keep)
        return found


def best_of(candidates: Candidates, scales: Scales, keep: int) -> list[Found]:
    """Return the ``keep`` cheapest of ``candidates``, best first."""
    priced = price_candidates(candidates, scales)
    return [priced.found(i) for i in cheapest(priced, keep)]


def is_short(group: Group, found: Sequence[Found]) -> bool:
    """Return whether the best mapping that was ``found`` has few steps."""
    return found[0].plan.mapping.steps(group) < SHORT


def check_busy(of: Fits | Gathered) -> None:
    """Raise MappingError where a stage has nothing to compute."""
    if not of.is_busy:
        raise MappingError("group", "a stage of the fused group has nothing to compute")


def in_usual_chunks(group: Group, arch: Accelerator) -> Group:
    """Return ``group`` with its output in chunks of whole blocks of any usual size, however it lies."""
    usual = tuple(block_sizes(arch.dram.channel_block, group.channels[-1]))
    return replace(group.in_blocks(output_block=usual[0]), free=((), usual, *group.free[2:]))


def enumerate_group(
    group: Group, arch: Accelerator, clocks: Clocks, price: Price, lies: tuple[Blocks, ...] | None = None
) -> Priced:
    """Return all candidates of ``group`` that fit the buffers of ``arch``, with what they cost; see search_group."""
    group = with_seconds(group, lies)
    fits = fit_tiles(group, arch)
    scales = make_scales(group, fits, arch, clocks, price, lies)
    return price_candidates(list_all(fits, scales), scales)


def with_seconds(group: Group, lies: tuple[Blocks, ...] | None) -> Group:
    """Return ``group`` with second operands from DRAM where it ``lies``: slices of them are whole blocks.

    Where one may lie in several blocks, these are taken to be whole ones of the smallest.
    """
    if lies is None or not group.seconds:
        return group
    seconds = tuple(min(blocks, key=abs) for blocks in lies[-len(group.seconds) :])
    if seconds == group.own_blocks[-len(seconds) :]:
        return group
    return replace(group.in_blocks(seconds=seconds), free=group.free)


class Weighed(NamedTuple):
    """What mappings are weighed on as kernels take it: modes and prices in integers."""

    lying: Lying
    modes: Modes
    rates: Rates
    aim: Aim

    @classmethod
    def of(cls, scales: Scales, scale: float) -> Weighed:
        """Return ``scales`` as kernels take them, costs ``scale`` times as high."""
        return cls(scales.lying, scales.plain_modes(scale), scales.rates, scales.aim(scale))

    def gauge(self, fits: Fits) -> Gauge:
        """Return what the tiles of a group are bounded by."""
        return Gauge(fits.limits, fits.floor, self.rates, self.aim, self.lying.burst_bits, 1)


class Begun(NamedTuple):
    """What a search begins with, however many mappings it keeps: what they are made of, and all they are weighed on.

    Costs are counted in integers, ``scale`` times as high.
    """

    scales: Scales
    weighed: Weighed
    fits: Fits
    scale: float


def begin(
    of: Gathered, group: Group, arch: Accelerator, clocks: Clocks, price: Price, lies: tuple[Blocks, ...] | None
) -> Begun:
    """Begin a search ``of`` what mappings of a group are made of; raise MappingError where a stage computes nothing."""
    check_busy(of)
    limits = limits_of(arch)
    fits = unlisted(of, limits, parts_within(of, limits))
    scales = make_scales(group, fits, arch, clocks, price, lies)
    scale = _scale_of(fits, scales)
    return Begun(scales, Weighed.of(scales, scale), fits, scale)


def _scale_of(fits: Fits, scales: Scales) -> float:
    """Return by how much costs are higher in integers."""
    least = scales.least(fits.cycles, fits.bits)
    return LEAST / least if least else 0.0


def find_cheapest(begun: Begun, keep: int, enough: float) -> Candidates | None:
    """Return candidates with the ``keep`` cheapest of all tiles among them; None where all cost over ``enough``."""
    fits, (lying, modes, *_) = begun.fits, begun.weighed
    work, many, gauge = kernels(), len(modes.stage), begun.weighed.gauge(fits)
    setup = begun.scales.price.cycle * begun.scales.setup_cycles
    # Costs are rounded down.
    most = math.ceil(min(max(enough - setup, 0.0) * begun.scale, MOST)) + 1 if enough < math.inf else NEVER
    with lent_tiles(fits) as (tiles, order), lent_room(fits.parts, many, FIRST_ROOM, keep) as room:
        while True:
            count, cost = work(list_cheapest)(
                fits.parts, fits.ways, gauge, fits.is_square, lying, modes, most, tiles, order, room
            )
            if count >= 0:
                return taken(fits, room, many, count, cost) if count else None
            room = larger_room(fits.parts, many, room)


def list_all(fits: Fits, scales: Scales) -> Candidates:
    """Return all candidates, set by set of resident stages and tile by tile."""
    modes, size = len(scales.modes), fits.count * len(fits.parts.set_bits)
    weighed = Weighed.of(scales, _scale_of(fits, scales))
    room, count, most = fill_room(fits, lowest_first(fits), weighed, make_room(fits.parts, modes, size, 0))
    return taken(fits, room, modes, count, most)


def fill_room(fits: Fits, order: Ints, weighed: Weighed, room: Room) -> tuple[Room, int, int]:
    """List mappings of the tiles ``order`` in a ``room``, or a larger one; return it, how many, and what these cost.

    What is known of the best already stays so. No more than the last is what any of the best costs at least, in
    integers; NEVER where there are fewer than ``room.best`` has places.
    """
    work, places, many = kernels(), kernels().words(order), len(order)
    while True:
        count, most = work(shortlist)(
            fits.parts, fits.tiles, places, many, fits.limits, fits.floor, *weighed, NEVER, room
        )
        if count >= 0:
            return room, count, most
        room = larger_room(fits.parts, len(weighed.modes.stage), room)


def taken(fits: Fits, room: Room, modes: int, count: int, most: int) -> Candidates:
    """Return the candidates of the first ``count`` places of a room that cost no more than ``most`` at least."""
    *columns, chunk = map(np.asarray, room.found)
    *_, resident, _, tile, cost = columns
    chosen = np.flatnonzero(cost[:count] <= most)
    chosen = chosen[np.lexsort((tile[chosen], resident[chosen]))]
    chunks = chunk.reshape(len(fits.parts.stages.start), -1)[:, chosen]
    efforts = np.asarray(room.effort).reshape(len(Effort._fields), -1, modes)[:, chosen]
    return Candidates(
        parts=fits.parts,
        found=FoundColumns._make([*(column[chosen].tolist() for column in columns), chunks.ravel().tolist()]),
        traffic=Traffic._make(np.asarray(room.traffic)[:, chosen]),
        effort=Effort._make(efforts.reshape(len(efforts), -1)),
        count=len(chosen),
        ifmap_bits=fits.limits.ifmap_bits,
        has_operands=any(fits.parts.stages.reads_dram),
    )


def lowest_first(fits: Fits) -> Ints:
    """Return all tiles that are listed, those of the lowest cost first."""
    return np.argsort(np.asarray(fits.tiles.cost[: fits.count]), kind="stable")


def bound_tiles(fits: Fits, arch: Accelerator, clocks: Clocks, price: Price) -> Floats:
    """Return what no mapping of a tile costs less than, by tile, but for adder trees."""
    cycles, bits = (np.asarray(column[: fits.count]) for column in (fits.tiles.cycles, fits.tiles.bits))
    moved = bits / 8
    moving = moved / clocks.burst_bytes * (clocks.burst_ticks / clocks.dram.channels / clocks.cycle_ticks)
    least = price.cycle * (np.maximum(cycles, moving) + arch.layer_setup_cycles) + price.dram_byte * moved
    least += price.busy * cycles
    return np.asarray(least * ROUNDED, dtype=np.float64)


class Priced(Value, frozen=True, kw_only=True):
    """Candidates with their figures: cycles, bytes moved, and the cost of these, of the array's work and of trees."""

    candidates: Candidates
    lying: Lying
    costs: GroupCost
    cycles: Floats
    moved: Ints
    cost: Floats

    def __len__(self) -> int:
        return len(self.candidates)

    def mapping(self, i: int) -> GroupMapping:
        """Return candidate ``i``."""
        return self.candidates.mapping(i, self.costs.parallel(i))

    def found(self, i: int) -> Found:
        """Return candidate ``i`` with its figures."""
        first, last, *others = self.candidates.blocks(i, self.lying)
        plan = Plan(mapping=self.mapping(i), input_block=first, output_block=last, other_blocks=tuple(others))
        busy, cycles = float(self.costs.busy[i]), float(self.cycles[i])
        return Found(plan=plan, dram_bytes=int(self.moved[i]), cycles=cycles, busy=busy)


def price_candidates(candidates: Candidates, scales: Scales) -> Priced:
    """Return candidates with what they cost on ``scales``."""
    costs, price, clocks = scales.weigh(candidates), scales.price, scales.clocks
    cycles = costs.latency / clocks.cycle_ticks + scales.setup_cycles
    moved = costs.bursts * clocks.burst_bytes
    trees = np.zeros(len(candidates))
    for flags, cost in zip(costs.in_channels, scales.trees, strict=True):
        if cost:
            trees += flags * cost
    return Priced(
        candidates=candidates,
        lying=scales.lying,
        costs=costs,
        cycles=cycles,
        moved=moved,
        cost=price.cycle * cycles + price.busy * costs.busy + price.dram_byte * moved + trees,
    )


def cheapest(priced: Priced, keep: int) -> list[int]:
    """Return the positions of the cheapest.

    Of candidates that take the same time in the same steps, only the cheapest is offered, unless all are.
    """
    cost, costs = priced.cost, priced.costs
    if keep >= len(cost):
        return list(map(int, np.lexsort((costs.steps, cost))))
    order = np.lexsort((costs.bursts, cost, costs.steps, costs.latency))
    latency, steps, is_new = costs.latency[order], costs.steps[order], np.ones(len(order), dtype=bool)
    is_new[1:] = (latency[1:] != latency[:-1]) | (steps[1:] != steps[:-1])
    distinct = order[is_new]
    # Of equal ones the first.
    return list(map(int, distinct[np.lexsort((distinct, costs.steps[distinct], cost[distinct]))][:keep]))
