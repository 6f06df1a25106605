"""The schedule of a fused group: every tile through all stages, then the next tile.

Engines see steps, tiles and kinds as for a single layer. A step that reads what the step
before it drains waits for that drain, as a part of its ``lead``.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import arrays_of, padded
from lw3dsim.base.caches import kept
from lw3dsim.base.distinct import distinct_rows
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.machine.step import Costs
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.group.boxes import group_input_boxes, group_output_boxes
from lw3dsim.map.group.group import KEPT
from lw3dsim.map.group.mode import make_mode
from lw3dsim.map.group.weighing import SEEN, Seen
from lw3dsim.schedule.dma import Activations, Weights
from lw3dsim.schedule.group_kinds import MARKS, OnArray, busy_group, cost_group, mark_group_steps, mark_waits
from lw3dsim.schedule.program import Kinds, Loads, Program, Stores
from lw3dsim.schedule.unroll import Loaded, Stored
from lw3dsim.schedule.unroll_group import FIT, IFMAP, GroupNest, GroupPlaces, Room, Scratch, Unrolled, unroll_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Flags, Ints, Table, Words
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.buffers import Buffers
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.microarchitecture import Machine, Parallel
    from lw3dsim.map.group.group import Group, GroupAxis, GroupMapping


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
    """The program of a fused group; regions are its input, operands of its additions, weights and output."""

    places: GroupSteps

    @property
    def stage_programs(self) -> tuple[Program, ...]:
        """The steps of each stage."""
        return tuple(self.of_stage(stage) for stage in range(int(self.places.stage.max()) + 1))

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


def build_group_schedule(group: Group, mapping: GroupMapping, arch: Accelerator, clocks: Clocks) -> GroupSchedule:
    """Return the schedule of ``group`` under ``mapping``.

    Its tensors lie behind each other in DRAM, each from a whole stripe of all banks on. Raises MappingError where
    tiles do not fit the input or the weight buffer.
    """
    axes = mapping.axes(group)
    nest = _nest(group, mapping, axes)
    made = _unrolled(group, mapping, nest, arch.buffers, clocks.burst_bytes)
    words, places = _port_words(group, made, _stage_machine(group, mapping, arch, 0), arch.buffers), made.places
    ifmap, weight = (Loads(**arrays_of(getattr(made, name)) | words[name]) for name in ("ifmap", "weight"))
    ofmap = Stores(**arrays_of(made.ofmap) | words["ofmap"])
    kind, kinds, lead = _kinds(_on_array(group, mapping, arch), nest, places)
    return GroupSchedule(
        kind=kind,
        kinds=kinds,
        lead=lead,
        ifmap=ifmap,
        weight=weight,
        ofmap=ofmap,
        setup_cycles=arch.layer_setup_cycles,
        regions=_regions(group, mapping, axes, made.weight_bursts, clocks),
        places=_steps(places),
    )


def _port_words(group: Group, made: Unrolled, machine: Machine, buffers: Buffers) -> dict[str, dict[str, Ints]]:
    """Return, by stream, the column ``words`` of tiles that meet the array; nothing for streams that do not.

    Stages share the buffers: what one of them uses meets what is moved for another, even with one slot.
    """
    found: dict[str, dict[str, Ints]] = {name: {} for name in ("ifmap", "weight", "ofmap")}
    for name in machine.shared_ports:
        if name != "ifmap" or _shares_window(group, buffers):
            bits = np.asarray(getattr(made, name).bits, dtype=np.int64)
            found[name]["words"] = getattr(machine, f"{name}_port").cycles(bits)
    return found


def _shares_window(group: Group, buffers: Buffers) -> bool:
    """Return whether the input buffer is filled while a stage reads it: for a later tile, or for a later stage."""
    return buffers.slots > 1 or "dram" in group.operands


def stage_machines(group: Group, mapping: GroupMapping, arch: Accelerator) -> list[Machine]:
    """Return the array as every stage uses it: tensors inside the group are read and written at the output buffer."""
    return [_stage_machine(group, mapping, arch, i) for i in range(len(group.stages))]


def _stage_machine(group: Group, mapping: GroupMapping, arch: Accelerator, i: int) -> Machine:
    """Return the array as stage ``i`` uses it."""
    return make_machine(
        group.stages[i],
        arch,
        mapping.parallel[i],
        reads_back=group.reads_back(i),
        keeps=i < len(group.stages) - 1,
        adders=group.adders,
        apart=_apart(group, mapping)[i],
    )


def rings(group: Group, mapping: GroupMapping) -> tuple[bool, ...]:
    """Return, by tensor, whether it lies in rings along the axis of kept halos: whether any of it stays for a tile."""
    if mapping.kept == "none":
        return (False,) * len(group.channels)
    axis = mapping.axes(group)[KEPT.index(mapping.kept)]
    return tuple(bool(stays.any()) for stays in axis.retained)


def _apart(group: Group, mapping: GroupMapping) -> tuple[int, ...]:
    """Return, by stage, how many axes of what it reads lie outside of rings."""
    are_rings = rings(group, mapping)
    return tuple(KEPT.index(mapping.kept) if are_rings[tensor] else 0 for tensor in group.sources)


def busy_cycles(group: Group, mapping: GroupMapping, arch: Accelerator) -> int:
    """Return the cycles that the array is busy with ``group`` at least, its configuration included; see busy_stage."""
    return busy_under(group, [mapping], arch)[0]


def busy_under(group: Group, mappings: Sequence[GroupMapping], arch: Accelerator) -> list[int]:
    """Return the same under each of ``mappings``."""
    work = kernels()
    waves, busy = empty_waves(work), list[int]()
    seen: dict[tuple[tuple[Parallel, ...], tuple[int, ...]], Seen] = {}
    for mapping in mappings:
        on_array = _on_array(group, mapping, arch)
        # Steps of a size take as long in every mapping in these modes that keeps halos alike.
        known = mapping.parallel, _apart(group, mapping)
        if known not in seen:
            seen[known] = work.columns(Seen, SEEN)
        nest = _nest(group, mapping, mapping.axes(group))
        busy.append(arch.layer_setup_cycles + work(busy_group)(on_array, nest, waves, seen[known]))
    return busy


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
    on_array, nest = _on_array(group, mapping, arch), _nest(group, mapping, axes)
    work(cost_group)(on_array, nest, steps, work.words(range(many)), empty_waves(work), costs)
    each, stages = np.array(costs) * np.array(counts), np.array([place[3] for place in places])
    sums = [each[:, stages == i].sum(axis=1).tolist() for i in range(len(group.stages))]
    return [dict(zip(Costs._fields, total, strict=True)) for total in sums]


def _on_array(group: Group, mapping: GroupMapping, arch: Accelerator) -> OnArray:
    """Return the stages of a group, each in its mode, and the array as it is used in that."""
    return _in_modes(group, mapping.parallel, _apart(group, mapping), arch)


@kept(4096)
def _in_modes(group: Group, of_stages: tuple[Parallel, ...], apart: tuple[int, ...], arch: Accelerator) -> OnArray:
    work, last = kernels(), len(group.stages) - 1
    stages = enumerate(zip(group.stages, of_stages, strict=True))
    modes = [
        make_mode(stage, arch, parallel, group.reads_back(i), i < last, group.adders, apart[i])
        for i, (stage, parallel) in stages
    ]
    return OnArray(
        layer=work.words([value for mode in modes for value in mode.layer]),
        array=work.words([value for mode in modes for value in mode.array]),
    )


def _tiles(nest: GroupNest) -> int:
    return math.prod(int(cuts.tiles[0]) for cuts in (nest.t, nest.h, nest.w))


def _nest(group: Group, mapping: GroupMapping, axes: Sequence[GroupAxis]) -> GroupNest:
    work, (t, h, w) = kernels(), axes
    chunk_of = [mapping.chunks[number] for number, run in enumerate(group.runs) for _ in run]
    tiles = [-(-s.n // n) if s.has_weights else 0 for s, n in zip(group.stages, chunk_of, strict=True)]
    return GroupNest(
        stages=group.plain,
        t=t.cuts,
        h=h.cuts,
        w=w.cuts,
        chunk=work.words(mapping.chunks),
        reads=group.links[0],
        adds=group.links[1],
        resident=work.words(mapping.resident),
        first_weight=work.words(list(itertools.accumulate(tiles, initial=0))),
        innermost=KEPT.index(mapping.kept) if mapping.kept != "none" else 2,
    )


def _unrolled(group: Group, mapping: GroupMapping, nest: GroupNest, buffers: Buffers, burst_bytes: int) -> Unrolled:
    """Return the steps and tiles of a group. Raises MappingError where tiles do not fit together."""
    made, scratch = _empty(group, mapping, nest)
    room = Room(
        burst_bits=8 * burst_bytes,
        ifmap_bits=buffers.capacity_bits["ifmap"],
        weight_bits=buffers.capacity_bits["weight"],
        slots=buffers.slots,
        ofmap_slots=mapping.ofmap_slots,
    )
    steps, inputs, weights, outputs, misfit = kernels()(unroll_group)(nest, room, made, scratch)
    if misfit != FIT:
        name = "ifmap" if misfit == IFMAP else "weight"
        raise MappingError(f"buffers.{name}_kib", "the tiles of a fused group do not fit together")
    return Unrolled(
        places=_beginning(made.places, steps),
        ifmap=_beginning(made.ifmap, inputs),
        weight=_beginning(made.weight, weights),
        ofmap=_beginning(made.ofmap, outputs),
        weight_bursts=made.weight_bursts,
    )


def _empty(group: Group, mapping: GroupMapping, nest: GroupNest) -> tuple[Unrolled, Scratch]:
    """Return room for the steps and tiles of a group as if every stage computed something for every tile."""
    work, tiles = kernels(), _tiles(nest)
    chunks = [-(-group.channels[run.stop] // size) for run, size in zip(group.runs, mapping.chunks, strict=True)]
    steps = tiles * sum(len(run) * count for run, count in zip(group.runs, chunks, strict=True))
    inputs, weight_tiles = tiles * len(group.dram_inputs), int(nest.first_weight[-1])
    loads = max(inputs, tiles * weight_tiles)
    made = Unrolled(
        places=work.columns(GroupPlaces, steps),
        ifmap=work.columns(Loaded, inputs),
        weight=work.columns(Loaded, tiles * weight_tiles),
        ofmap=work.columns(Stored, tiles * chunks[-1]),
        weight_bursts=work.empty(weight_tiles),
    )
    sizes = (steps, loads, loads, tiles, tiles, tiles, len(group.stages), weight_tiles)
    return made, Scratch._make(map(work.empty, sizes))


def _beginning(table: Table, count: int) -> Table:
    """Return so many of the first rows of a table of words."""
    return table._make([column[:count] for column in table])


def _steps(places: GroupPlaces) -> GroupSteps:
    columns = arrays_of(places)
    at = columns.pop("t"), columns.pop("h"), columns.pop("w")
    return GroupSteps(at=at, waits=columns.pop("waits") != 0, **columns)


def _kinds(on_array: OnArray, nest: GroupNest, places: GroupPlaces) -> tuple[Ints, Kinds, Ints]:
    """Return the kind of every step, the table of kinds, and their leads."""
    work, steps = kernels(), len(places.tile)
    marks = work.room(MARKS * steps)
    work(mark_group_steps)(nest, places, marks)
    example, sort = distinct_rows(marks, steps)
    costs = work.columns(Costs, len(example))
    work(cost_group)(on_array, nest, places, work.words(example), empty_waves(work), costs)
    columns = arrays_of(costs)
    # Alike steps are of different kinds where they wait for different drains.
    marks = work.room(2 * steps)
    work(mark_waits)(places, work.words(sort), work.words(columns["drain"]), marks)
    example, kind = distinct_rows(marks, steps)
    lead = np.asarray(marks, dtype=np.int64)[steps:][example]
    columns = {name: values[sort[example]] for name, values in columns.items()}
    return kind, Kinds(wait=np.maximum(lead, 0), **columns), lead


def _regions(
    group: Group, mapping: GroupMapping, axes: Sequence[GroupAxis], weight_bursts: Words, clocks: Clocks
) -> tuple[Activations | Weights, ...]:
    """Return inputs, weights and output, behind each other in DRAM."""
    regions: list[Activations | Weights] = []
    base = 0
    for stage, tensor, sources in group.dram_inputs:
        boxes = group_input_boxes(group, stage, tensor, axes, clocks.burst_bytes)
        each = padded(boxes.layout.bursts, clocks.stripe_bursts)
        regions.append(Activations(boxes=boxes, bases=tuple(base + i * each for i in range(sources))))
        base += sources * each
    weights = Weights(box_bursts=np.asarray(weight_bursts, dtype=np.int64), base=base)
    base += padded(weights.bursts, clocks.stripe_bursts)
    output = Activations(boxes=group_output_boxes(group, mapping, axes, clocks.burst_bytes), bases=(base,))
    return (*regions, weights, output)
