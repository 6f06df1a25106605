"""Kinds of steps of a fused group: what they have in common, what they cost, what they wait for. Plain integer code.

And how long the array is busy with all of them, without unrolling any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.kernels import entry, kernel, read
from lw3dsim.machine.records import VECTOR, Array, Layer
from lw3dsim.machine.step import cost_step
from lw3dsim.machine.vector import vector_entry, vector_pace
from lw3dsim.map.group.weighing import seen_place
from lw3dsim.schedule.unroll_group import all_tiles, new_along, new_of, tile_indices

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.step import Costs
    from lw3dsim.machine.waves import Waves
    from lw3dsim.map.group.weighing import Seen
    from lw3dsim.schedule.unroll_group import GroupNest, GroupPlaces

# What steps of a kind have in common.
MARKS = 5


class OnArray(NamedTuple):
    """The stages of a group as layers on the array in their modes: a Layer and an Array each, behind each other."""

    layer: Words
    array: Words


@entry
def mark_group_steps(nest: GroupNest, places: GroupPlaces, marks: Words) -> None:
    """Fill in what steps of a kind have in common, mark behind mark: stage and sizes."""
    steps = len(places.stage)
    for i in range(steps):
        stage, t, h, w = places.stage[i], places.t[i], places.h[i], places.w[i]
        tensor = stage + 1
        marks[i], marks[steps + i] = stage, places.n[i]
        marks[2 * steps + i], marks[3 * steps + i] = new_along(nest.t, tensor, t), new_along(nest.h, tensor, h)
        marks[4 * steps + i] = new_along(nest.w, tensor, w)


@entry
def cost_group(
    on_array: OnArray, nest: GroupNest, places: GroupPlaces, example: Words, waves: Waves, costs: Costs
) -> None:
    """Fill in the ``costs``, all 0, of the kinds of steps; ``example`` names a step of each."""
    for i in range(len(example)):
        step, stage = example[i], places.stage[example[i]]
        layer, array = read(Layer, on_array.layer, stage), read(Array, on_array.array, stage)
        n, t, h, w = places.n[step], places.t[step], places.h[step], places.w[step]
        t, h, w = new_along(nest.t, stage + 1, t), new_along(nest.h, stage + 1, h), new_along(nest.w, stage + 1, w)
        cost_step(layer, array, n, layer.c, t, h, w, 1, 1, waves, costs, i)


@entry
def mark_waits(places: GroupPlaces, kind: Words, drain: Words, marks: Words) -> None:
    """Fill in, per step, its ``kind`` so far and behind these the drain that it waits for, given those of kinds.

    -1 where it waits for none, so that it may be loaded ahead.
    """
    steps = len(kind)
    for i in range(steps):
        marks[i], marks[steps + i] = kind[i], (drain[kind[i - 1]] if places.waits[i] and i > 0 else -1)


@entry
def busy_group(on_array: OnArray, nest: GroupNest, waves: Waves, seen: Seen) -> int:
    """Return the cycles that the array is busy with all stages; see busy_stage. ``seen``, of keys 0, is scratch."""
    cycles = 0
    for stage in range(len(nest.stages.n)):
        layer, array = read(Layer, on_array.layer, stage), read(Array, on_array.array, stage)
        cycles += busy_stage(layer, array, stage, nest, waves, seen)
    return cycles


@kernel
def busy_stage(layer: Layer, array: Array, stage: int, nest: GroupNest, waves: Waves, seen: Seen) -> int:
    """Return the cycles of all steps of a stage, and of waits for what they drain.

    Left out are waits for the step before where that is none of the stage before, and what loads ahead take longer.
    """
    stages, run = nest.stages, nest.stages.run[stage]
    most, total = nest.chunk[run], 0
    full, rest = layer.n // most, layer.n % most
    # Of the steps that read what the one before drains, the whole entry shows: of all, or of the first chunk.
    waits = nest.reads[stage] > 0
    follows = waits and stages.run[stage - 1] == run
    for tile in range(all_tiles(nest)):
        t, h, w = tile_indices(nest, tile)
        if new_of(nest, stage + 1, t, h, w) > 0:
            entry_full, of_full, drain_full = 0, 0, 0
            entry_rest, of_rest, drain_rest = 0, 0, 0
            if full:
                entry_full, of_full, drain_full = cycles_of(layer, array, stage, nest, most, t, h, w, waves, seen)
            if rest:
                entry_rest, of_rest, drain_rest = cycles_of(layer, array, stage, nest, rest, t, h, w, waves, seen)
            total += full * of_full + of_rest
            if follows:
                total += full * entry_full + entry_rest
            elif waits:
                total += entry_full if full else entry_rest
            if stage + 1 < len(stages.n) and nest.reads[stage + 1] > 0 and new_of(nest, stage + 2, t, h, w) > 0:
                if stages.run[stage + 1] == run:
                    total += full * drain_full + drain_rest
                else:
                    total += drain_rest if rest else drain_full
    return total


@kernel
def cycles_of(
    layer: Layer, array: Array, stage: int, nest: GroupNest, n: int, t: int, h: int, w: int, waves: Waves, seen: Seen
) -> tuple[int, int, int]:
    """Return the cycles of a step of n channels of a tile before its first product, from it on, and of its drain."""
    new_t, new_h = new_along(nest.t, stage + 1, t), new_along(nest.h, stage + 1, h)
    new_w = new_along(nest.w, stage + 1, w)
    if layer.structure == VECTOR:
        pace = vector_pace(layer, array, n, new_t, new_h, new_w, layer.c, 1, 1)
        return vector_entry(pace, array.fill_cycles), pace.head + pace.body, pace.drain
    place = seen_place(layer, array, stage, len(nest.stages.n), n, new_t, new_h, new_w, waves, seen)
    return seen.entry[place], seen.cycles[place], seen.drain[place]
