"""The schedule of a fused group: every tile through all stages, then the next tile.

Engines see steps, tiles and kinds as for a single layer. A step that reads what the step
before it drains waits for that drain, as a part of its ``lead``.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.arrays import arrays_of
from lw3dsim.base.caches import kept, once
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import make_machine, shared_ports
from lw3dsim.machine.step import Costs
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.group.mode import make_mode
from lw3dsim.map.group.orders import orders
from lw3dsim.map.group.weighing import SEEN, Seen
from lw3dsim.schedule.dma import Activations, Weights, runs_of
from lw3dsim.schedule.drawn import Ticks
from lw3dsim.schedule.group_kinds import MARKS, WAITS, OnArray, busy_group, cost_group, draw_group, settle_group
from lw3dsim.schedule.group_nest import GroupPlaces
from lw3dsim.schedule.group_regions import regions_of
from lw3dsim.schedule.group_room import empty_group, make_nest
from lw3dsim.schedule.program import Kinds, Loads, Program, Stores
from lw3dsim.schedule.unroll import Loaded, Meeting, Sorts, Stored
from lw3dsim.schedule.unroll_group import FIT, IFMAP, Room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Flags, Ints, Words
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.microarchitecture import Machine, Parallel
    from lw3dsim.map.group.cutting import GroupAxis
    from lw3dsim.map.group.group import Group, GroupMapping
    from lw3dsim.map.group.orders import Order
    from lw3dsim.tensor.runs import Runs


class GroupSteps(Value, frozen=True, kw_only=True):
    """Per step of a group its tile, and its place in the tile (stage, chunk of channels, and their number).

    ``at`` are the tile's indices along T, H, W. ``waits`` marks steps that read what the step before them drains.
    """

    tile: Ints
    at: tuple[Ints, Ints, Ints]
    stage: Ints
    chunk: Ints
    n: Ints
    waits: Flags


class GroupSchedule(Program, frozen=True, kw_only=True):
    """The program of a fused group; regions are its input, operands, weights, output, and what else it stores."""

    places: GroupSteps
    stored: tuple[int, ...]

    @property
    def stage_programs(self) -> tuple[Program, ...]:
        """The steps of each stage."""
        return tuple(self.of_stage(stage) for stage in range(int(self.places.stage.max()) + 1))

    @once
    def stage_totals(self) -> list[dict[str, int]]:
        """See Program."""
        kinds, stages = len(self.kinds.head), int(self.places.stage.max()) + 1
        counts = np.bincount(self.places.stage * kinds + self.kind, minlength=stages * kinds)
        return self.kinds.totals(counts.reshape(stages, kinds))

    @property
    def besides_words(self) -> int:
        """See Program."""
        totals = self.stage_totals if self.stored else []
        return sum(totals[tensor - 1]["intermediate_write_words"] for tensor in self.stored)

    def of_stage(self, stage: int) -> Program:
        """Return the steps of one stage, which move nothing."""
        none = np.zeros(0, dtype=np.int64)
        loads = Loads(first=none, last=none, box=none, bits=none, after=none, gate=none, words=none)
        stores = Stores(opens=none, closes=none, box=none, bits=none, after=none, words=none)
        return Program(
            kind=self.kind[self.places.stage == stage],
            kinds=self.kinds,
            lead=self.lead,
            ifmap=loads,
            weight=loads,
            ofmap=stores,
            setup_cycles=0,
            regions=self.regions,
        )


class GroupDraft(NamedTuple):
    """A fused group that is drafted; see :class:`lw3dsim.schedule.build.Drafted`.

    ``places`` have room for more. Steps that are ``alike`` cost the same; those of a kind wait for the same, too.
    """

    arch: Accelerator
    clocks: Clocks
    places: GroupPlaces
    kind: Words
    ifmap: Loaded
    weight: Loaded
    ofmap: Stored
    alike: Words
    example: Words
    costs: Costs
    ticks: Ticks
    regions: tuple[Activations | Weights, ...]
    bursts: Words
    stored: tuple[int, ...]
    besides_bits: int

    @property
    def steps(self) -> int:
        """See Drafted."""
        return len(self.kind)

    def list_runs(self, page: int) -> Runs:
        """See Drafted."""
        return runs_of(self.regions, page)

    def schedule(self) -> GroupSchedule:
        """See Drafted."""
        example = np.asarray(self.example, dtype=np.int64)
        sort = np.asarray(self.alike, dtype=np.int64)[example]
        costs = np.asarray(self.costs, dtype=np.int64)[:, sort]
        lead = np.asarray(self.ticks.lead, dtype=np.int64) // self.clocks.cycle_ticks
        return GroupSchedule(
            kind=np.asarray(self.kind, dtype=np.int64),
            kinds=Kinds.of(costs, wait=np.maximum(lead, 0)),
            lead=lead,
            ifmap=Loads(**arrays_of(self.ifmap)),
            weight=Loads(**arrays_of(self.weight)),
            ofmap=Stores(**arrays_of(self.ofmap)),
            setup_cycles=self.arch.layer_setup_cycles,
            regions=self.regions,
            places=_steps(kernels().beginning(GroupPlaces, self.places, self.steps)),
            stored=self.stored,
            besides_bits=self.besides_bits,
        )


def build_group_schedule(group: Group, mapping: GroupMapping, arch: Accelerator, clocks: Clocks) -> GroupSchedule:
    """Return the schedule of ``group`` under ``mapping``; see :func:`draft_group`."""
    return draft_group(group, mapping, arch, clocks).schedule()


def draft_group(group: Group, mapping: GroupMapping, arch: Accelerator, clocks: Clocks) -> GroupDraft:
    """Return what an engine needs of ``group`` under ``mapping``.

    Its tensors lie behind each other in DRAM, each from a whole stripe of all banks on. Raises MappingError where
    tiles do not fit the input or the weight buffer.
    """
    work, burst_bytes, unlaid = kernels(), clocks.burst_bytes, group.unlaid
    axes = mapping.axes(unlaid)
    nest, on_array = make_nest(unlaid, mapping, axes), _on_array(unlaid, mapping, axes, arch)
    made, scratch, room = empty_group(unlaid, mapping, axes)
    alike, waits = _sorts(room)
    sorts, steps, inputs, weights, outputs, misfit = work(draw_group)(
        nest, on_array, _shared(arch, burst_bytes, mapping.ofmap_slots), _meeting(group, arch), made, scratch, alike
    )
    if misfit != FIT:
        name = "ifmap" if misfit == IFMAP else "weight"
        raise MappingError(f"buffers.{name}_kib", "the tiles of a fused group do not fit together")
    costs, ticks, waves = work.sheet(Costs, sorts), work.sheet(Ticks, steps), empty_waves(work)
    kinds = work(settle_group)(
        on_array, nest, made.places, steps, alike, waits, waves, clocks.cycle_ticks, costs, ticks
    )
    regions = regions_of(group, mapping, axes, made.weight_bursts, clocks)
    return GroupDraft(
        arch=arch,
        clocks=clocks,
        places=made.places,
        kind=waits.kind[:steps],
        ifmap=work.beginning(Loaded, made.ifmap, inputs),
        weight=work.beginning(Loaded, made.weight, weights),
        ofmap=work.beginning(Stored, made.ofmap, outputs),
        alike=alike.kind,
        example=waits.example[:kinds],
        costs=costs,
        ticks=work.beginning(Ticks, ticks, kinds),
        regions=regions,
        bursts=work.joined([region.box_bursts for region in regions]),
        stored=group.stored,
        besides_bits=unlaid.besides_bits,
    )


def _sorts(steps: int) -> tuple[Sorts, Sorts]:
    """Return room to tell so many steps apart by what they have in common, and by what they wait for."""
    each = steps, steps, steps, steps
    words = kernels().carved((MARKS * steps, *each, WAITS * steps, *each), is_empty=True)
    return Sorts._make(words[:5]), Sorts._make(words[5:])


@kept(4096)
def _shared(arch: Accelerator, burst_bytes: int, ofmap_slots: int) -> Room:
    capacity_bits = arch.buffers.capacity_bits
    return Room(
        burst_bits=8 * burst_bytes,
        ifmap_bits=capacity_bits["ifmap"],
        weight_bits=capacity_bits["weight"],
        slots=arch.buffers.slots,
        ofmap_slots=ofmap_slots,
    )


def _meeting(group: Group, arch: Accelerator) -> Meeting:
    """Return where DMA and the array meet.

    Stages share the buffers: what one of them uses meets what is moved for another, even with one slot. Only the input
    buffer may be filled while no stage reads it: where there is one tile of it, and no operand of a later stage.
    """
    shared = shared_ports(arch)
    fills = arch.buffers.slots > 1 or "dram" in group.operands
    return Meeting(int("ifmap" in shared and fills), int("weight" in shared), int("ofmap" in shared))


def stage_machines(group: Group, mapping: GroupMapping, arch: Accelerator) -> list[Machine]:
    """Return the array as every stage uses it: tensors inside the group are read and written at the output buffer."""
    found = orders(group, mapping, mapping.axes(group), arch)
    return [_stage_machine(group, mapping, arch, i, order) for i, order in enumerate(found)]


def _stage_machine(group: Group, mapping: GroupMapping, arch: Accelerator, i: int, order: Order) -> Machine:
    """Return the array as stage ``i`` uses it, which finds what it reads in an ``order``."""
    return make_machine(
        group.stages[i],
        arch,
        mapping.parallel[i],
        reads_back=group.reads_back(i),
        keeps=i < len(group.stages) - 1,
        adders=group.adders,
        apart=order.apart,
        block=order.block,
    )


class Busy(NamedTuple):
    """The ``cycles`` that the array is busy with a group at least, its configuration included, and what is beside them.

    Before the first product and behind the last the array takes ``alone`` cycles; the first step waits for ``loaded``
    bursts at least, and the last leaves ``stored`` ones.
    """

    cycles: int
    alone: int
    loaded: int
    stored: int

    def least_ticks(self, clocks: Clocks) -> int:
        """Return ticks that no simulation of the group beats."""
        at_ends = (self.loaded + self.stored) * clocks.least_burst_ticks // clocks.dram.channels
        answer = clocks.answer_ticks if self.loaded else 0
        return (self.cycles + self.alone) * clocks.cycle_ticks + at_ends + answer


def busy_cycles(group: Group, mapping: GroupMapping, arch: Accelerator) -> Busy:
    """Return how long the array is busy with ``group``; see busy_stage."""
    return busy_under(group, [mapping], arch)[0]


def busy_under(group: Group, mappings: Sequence[GroupMapping], arch: Accelerator) -> list[Busy]:
    """Return the same under each of ``mappings``."""
    work, burst_bits = kernels(), 8 * make_clocks(arch).burst_bytes
    waves, busy, found = empty_waves(work), work(busy_group), list[Busy]()
    seen: dict[tuple[tuple[Parallel, ...], tuple[Order, ...]], tuple[OnArray, Seen]] = {}
    for mapping in mappings:
        axes = mapping.axes(group)
        # Steps of a size take as long in every mapping in these modes whose tensors lie alike.
        known = mapping.parallel, orders(group, mapping, axes, arch)
        if known not in seen:
            seen[known] = _in_modes(group, *known, arch), work.sheet(Seen, SEEN)
        on_array, steps = seen[known]
        cycles, *ends = busy(on_array, make_nest(group, mapping, axes), burst_bits, waves, steps)
        found.append(Busy(arch.layer_setup_cycles + cycles, *ends))
    return found


def stage_totals(group: Group, mapping: GroupMapping, arch: Accelerator) -> list[dict[str, int]]:
    """Return, by stage, the sums of the costs of all its steps by name; none is unrolled."""
    axes, places, counts = mapping.axes(group), list[tuple[int, ...]](), list[int]()
    for i, stage in enumerate(group.stages):
        most = mapping.chunks[group.run_of(i)]
        channels = [(most, stage.n // most), (stage.n % most, 1)]
        for cut in itertools.product(*(axis.sorts[i + 1] for axis in axes), channels):
            counts.append(math.prod(times for _, times in cut))
            places.append((*(place for place, _ in cut[:3]), i, cut[3][0]))
    chosen = [row for row, times in enumerate(counts) if times and places[row][-1]]
    places, counts = [places[row] for row in chosen], [counts[row] for row in chosen]
    work, many = kernels(), len(counts)
    t, h, w, of, n = list(map(work.words, zip(*places, strict=True)))
    costs, none = work.columns(Costs, many), work.empty(many)
    steps = GroupPlaces(tile=none, t=t, h=h, w=w, stage=of, chunk=none, n=n, waits=none)
    on_array, nest = _on_array(group, mapping, axes, arch), make_nest(group, mapping, axes)
    work(cost_group)(on_array, nest, steps, work.words(range(many)), empty_waves(work), costs)
    each, stages = np.array(costs) * np.array(counts), np.array([place[3] for place in places])
    sums = [each[:, stages == i].sum(axis=1).tolist() for i in range(len(group.stages))]
    return [dict(zip(Costs._fields, total, strict=True)) for total in sums]


def _on_array(group: Group, mapping: GroupMapping, axes: Sequence[GroupAxis], arch: Accelerator) -> OnArray:
    """Return the stages of a group, each in its mode, and the array as it is used in that."""
    return _in_modes(group, mapping.parallel, orders(group, mapping, axes, arch), arch)


@kept(4096)
def _in_modes(group: Group, of_stages: tuple[Parallel, ...], found: tuple[Order, ...], arch: Accelerator) -> OnArray:
    work, last = kernels(), len(group.stages) - 1
    stages = enumerate(zip(group.stages, of_stages, strict=True))
    modes = [
        make_mode(stage, arch, parallel, group.reads_back(i), i < last, group.adders, found[i])
        for i, (stage, parallel) in stages
    ]
    return OnArray(
        layer=work.joined([mode.layer for mode in modes]),
        array=work.joined([mode.array for mode in modes]),
    )


def _steps(places: GroupPlaces) -> GroupSteps:
    columns = arrays_of(places)
    at = columns.pop("t"), columns.pop("h"), columns.pop("w")
    return GroupSteps(at=at, waits=columns.pop("waits") != 0, **columns)
