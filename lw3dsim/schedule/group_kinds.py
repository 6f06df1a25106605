"""A fused group drafted: unrolled, its steps told apart by what they have in common and wait for. Plain integer code.

And how long the array is busy with all of its steps, without unrolling any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.distinct import sort_rows
from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel, read
from lw3dsim.machine.records import VECTOR, Array, Layer
from lw3dsim.machine.step import cost_step
from lw3dsim.machine.vector import vector_entry, vector_pace
from lw3dsim.map.group.weighing import seen_place
from lw3dsim.schedule.group_nest import all_tiles, new_along, new_of, tile_indices
from lw3dsim.schedule.unroll import pass_port
from lw3dsim.schedule.unroll_group import position_bits, unroll_group, weight_tile_bits

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.step import Costs
    from lw3dsim.machine.waves import Waves
    from lw3dsim.map.group.weighing import Seen
    from lw3dsim.schedule.drawn import Ticks
    from lw3dsim.schedule.group_nest import GroupNest, GroupPlaces, Scratch
    from lw3dsim.schedule.unroll import Meeting, Sorts
    from lw3dsim.schedule.unroll_group import Room, Unrolled

# What steps have in common that cost the same, and those of a kind.
MARKS, WAITS = 5, 2


class OnArray(NamedTuple):
    """The stages of a group as layers on the array in their modes: a Layer and an Array each, behind each other."""

    layer: Words
    array: Words


@entry
def draw_group(
    nest: GroupNest, on_array: OnArray, room: Room, meeting: Meeting, made: Unrolled, scratch: Scratch, alike: Sorts
) -> tuple[int, int, int, int, int, int]:
    """Fill in ``made`` and which of its steps are ``alike``, all 0 but for marks.

    Return how many sorts of steps there are, and what :func:`unroll_group` returns.
    """
    steps, inputs, weights, outputs, misfit = unroll_group(nest, room, made, scratch)
    array = read(Array, on_array.array, 0)
    if meeting.ifmap:
        pass_port(made.ifmap.bits, array.ifmap_port_bits, array.ifmap_port_cycles, made.ifmap.words)
    if meeting.weight:
        pass_port(made.weight.bits, array.weight_port_bits, array.weight_port_cycles, made.weight.words)
    if meeting.ofmap:
        pass_port(made.ofmap.bits, array.ofmap_port_bits, array.ofmap_port_cycles, made.ofmap.words)
    mark_group_steps(nest, made.places, steps, alike.marks)
    sorts = sort_rows(
        alike.marks, len(alike.kind), steps, alike.buckets, alike.following, alike.example, alike.kind
    )  # fmt: skip
    return sorts, steps, inputs, weights, outputs, misfit


@kernel
def mark_group_steps(nest: GroupNest, places: GroupPlaces, steps: int, marks: Words) -> None:
    """Fill in what steps have in common that cost the same, mark behind mark: stage and sizes."""
    room = len(places.stage)
    for i in range(steps):
        stage, t, h, w = places.stage[i], places.t[i], places.h[i], places.w[i]
        tensor = stage + 1
        marks[i], marks[room + i] = stage, places.n[i]
        marks[2 * room + i], marks[3 * room + i] = new_along(nest.t, tensor, t), new_along(nest.h, tensor, h)
        marks[4 * room + i] = new_along(nest.w, tensor, w)


@entry
def settle_group(
    on_array: OnArray, nest: GroupNest, places: GroupPlaces, steps: int, alike: Sorts, waits: Sorts, waves: Waves,
    cycle: int, costs: Costs, ticks: Ticks,
) -> int:  # fmt: skip
    """Fill in the ``costs``, all 0, of what is ``alike``, and the kinds of so many ``steps``: by what they wait for.

    And what an engine needs of the kinds, a cycle in ticks. Return how many there are. ``waits`` are 0 but for marks.
    """
    cost_group(on_array, nest, places, alike.example, waves, costs)
    room = len(waits.kind)
    mark_waits(places, steps, alike.kind, costs.drain, waits.marks)
    # Alike steps are of different kinds where they wait for different drains.
    kinds = sort_rows(waits.marks, room, steps, waits.buckets, waits.following, waits.example, waits.kind)
    for i in range(kinds):
        step = waits.example[i]
        of = alike.kind[step]
        ticks.entry[i], ticks.load[i], ticks.tail[i] = costs.entry[of], costs.load[of], costs.tail[of]
        ticks.head[i], ticks.body[i], ticks.drain[i] = costs.head[of], costs.body[of], costs.drain[of]
        ticks.lead[i] = waits.marks[room + step]
    for column in (ticks.entry, ticks.load, ticks.tail, ticks.head, ticks.body, ticks.drain, ticks.lead):
        for i in range(kinds):
            column[i] *= cycle
    return kinds


@entry
def cost_group(
    on_array: OnArray, nest: GroupNest, places: GroupPlaces, example: Words, waves: Waves, costs: Costs
) -> None:
    """Fill in the ``costs``, all 0, of sorts of steps; ``example`` names a step of each."""
    for i in range(len(costs.head)):
        step, stage = example[i], places.stage[example[i]]
        layer, array = read(Layer, on_array.layer, stage), read(Array, on_array.array, stage)
        n, t, h, w = places.n[step], places.t[step], places.h[step], places.w[step]
        t, h, w = new_along(nest.t, stage + 1, t), new_along(nest.h, stage + 1, h), new_along(nest.w, stage + 1, w)
        cost_step(layer, array, n, layer.c, t, h, w, 1, 1, waves, costs, i)


@kernel
def mark_waits(places: GroupPlaces, steps: int, sort: Words, drain: Words, marks: Words) -> None:
    """Fill in, per step, its ``sort`` and behind these the drain that it waits for, given those of sorts.

    -1 where it waits for none, so that it may be loaded ahead.
    """
    room = len(sort)
    for i in range(steps):
        marks[i], marks[room + i] = sort[i], (drain[sort[i - 1]] if places.waits[i] and i > 0 else -1)


@entry
def busy_group(
    on_array: OnArray, nest: GroupNest, burst_bits: int, waves: Waves, seen: Seen
) -> tuple[int, int, int, int]:  # fmt: skip
    """Return the cycles that the array is busy with all stages, see busy_stage, and what is beside them at both ends.

    That is the cycles before the first product and those of the last drain, and the bursts, of so many bits, that the
    first step waits for, and that the last one leaves to be stored, at least. ``seen``, of keys 0, is scratch.
    """
    cycles, last = 0, len(nest.stages.n) - 1
    for stage in range(last + 1):
        layer, array = read(Layer, on_array.layer, stage), read(Array, on_array.array, stage)
        cycles += busy_stage(layer, array, stage, nest, waves, seen)
    first_entry, loaded = first_step(on_array, nest, burst_bits, waves, seen)
    layer, array = read(Layer, on_array.layer, last), read(Array, on_array.array, last)
    n, most = nest.stages.n[last], nest.chunk[nest.stages.run[last]]
    t, h, w = tile_indices(nest, all_tiles(nest) - 1)
    t, h, w = new_along(nest.t, last + 1, t), new_along(nest.h, last + 1, h), new_along(nest.w, last + 1, w)
    n -= (ceiling(n, most) - 1) * most
    _, _, drain = cycles_of(layer, array, last, last + 1, n, t, h, w, waves, seen)
    stored = ceiling(n * t * h * w * nest.stages.bits[last + 1], burst_bits)
    return cycles, first_entry + drain, loaded, stored


@kernel
def first_step(on_array: OnArray, nest: GroupNest, burst_bits: int, waves: Waves, seen: Seen) -> tuple[int, int]:
    """Return the cycles before the first product of all, and the bursts that it waits for, at least."""
    t, h, w = new_along(nest.t, 1, 0), new_along(nest.h, 1, 0), new_along(nest.w, 1, 0)
    if t * h * w == 0:
        return 0, 0
    stages, n = nest.stages, min(nest.chunk[0], nest.stages.n[0])
    layer, array = read(Layer, on_array.layer, 0), read(Array, on_array.array, 0)
    before, _, _ = cycles_of(layer, array, 0, len(stages.n), n, t, h, w, waves, seen)
    loaded = ceiling(new_of(nest, 0, 0, 0, 0) * position_bits(nest), burst_bits)
    loaded += ceiling(weight_tile_bits(stages, 0, n), burst_bits) if stages.has_weights[0] else 0
    return before, loaded


@kernel
def busy_stage(layer: Layer, array: Array, stage: int, nest: GroupNest, waves: Waves, seen: Seen) -> int:
    """Return the cycles of all steps of a stage, and of waits for what they drain.

    Left out are waits for the step before where that is none of the stage before, and what loads ahead take longer.
    """
    is_read = stage + 1 < len(nest.stages.n) and nest.reads[stage + 1] > 0
    total, own, left, of_t, of_h, of_w = 0, 0, 0, 0, 0, 0
    for t in range(nest.t.tiles[0]):
        for h in range(nest.h.tiles[0]):
            for w in range(nest.w.tiles[0]):
                new_t, new_h = new_along(nest.t, stage + 1, t), new_along(nest.h, stage + 1, h)
                new_w = new_along(nest.w, stage + 1, w)
                if new_t * new_h * new_w == 0:
                    continue
                # Most tiles are as large as the one before.
                if new_t != of_t or new_h != of_h or new_w != of_w:
                    of_t, of_h, of_w = new_t, new_h, new_w
                    own, left = busy_tile(layer, array, stage, nest, new_t, new_h, new_w, waves, seen)
                total += own
                if is_read and new_of(nest, stage + 2, t, h, w) > 0:
                    total += left
    return total


@kernel
def busy_tile(
    layer: Layer, array: Array, stage: int, nest: GroupNest, t: int, h: int, w: int, waves: Waves, seen: Seen
) -> tuple[int, int]:
    """Return what busy_stage adds up for t x h x w positions: the steps of the stage, and what waits for their drains.

    That is where the next stage reads them.
    """
    stages, run = nest.stages, nest.stages.run[stage]
    most, many = nest.chunk[run], len(nest.stages.n)
    full, rest = layer.n // most, layer.n % most
    entry_full, of_full, drain_full = 0, 0, 0
    entry_rest, of_rest, drain_rest = 0, 0, 0
    if full:
        entry_full, of_full, drain_full = cycles_of(layer, array, stage, many, most, t, h, w, waves, seen)
    if rest:
        entry_rest, of_rest, drain_rest = cycles_of(layer, array, stage, many, rest, t, h, w, waves, seen)
    own = full * of_full + of_rest
    # Of the steps that read what the one before drains, the whole entry shows: of all, or of the first chunk.
    if nest.reads[stage] > 0:
        if stages.run[stage - 1] == run:
            own += full * entry_full + entry_rest
        else:
            own += entry_full if full else entry_rest
    if stage + 1 < many and stages.run[stage + 1] == run:
        return own, full * drain_full + drain_rest
    return own, drain_rest if rest else drain_full


@kernel
def cycles_of(
    layer: Layer, array: Array, stage: int, stages: int, n: int, t: int, h: int, w: int, waves: Waves, seen: Seen
) -> tuple[int, int, int]:
    """Return the cycles of a step before its first product, from it on, and of its drain.

    The step is of n channels and t x h x w positions, in one of so many ``stages``.
    """
    if layer.structure == VECTOR:
        pace = vector_pace(layer, array, n, t, h, w, layer.c, 1, 1)
        return vector_entry(pace, array.fill_cycles), pace.head + pace.body, pace.drain
    place = seen_place(layer, array, stage, stages, n, t, h, w, waves, seen)
    return seen.entry[place], seen.cycles[place], seen.drain[place]
