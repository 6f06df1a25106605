"""Kinds of steps of a fused group: what they have in common, what they cost, what they wait for. Plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.kernels import entry, kernel
from lw3dsim.machine.step import cost_step
from lw3dsim.schedule.unroll_group import new_along

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.machine.step import Costs
    from lw3dsim.machine.waves import Waves
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.schedule.unroll import Stolen
    from lw3dsim.schedule.unroll_group import GroupNest, GroupPlaces

# What steps of a kind have in common.
MARKS = 10


@entry
def mark_group_steps(nest: GroupNest, places: GroupPlaces, stolen: Stolen, marks: Words) -> None:
    """Fill in what steps of a kind have in common, mark behind mark: stage, sizes, what is read, cycles lost to DMA."""
    steps = len(places.stage)
    for i in range(steps):
        stage, t, h, w = places.stage[i], places.t[i], places.h[i], places.w[i]
        is_vector, tensor = 0 if nest.stages.has_weights[stage] else 1, stage + 1
        marks[i], marks[steps + i] = stage, places.n[i]
        marks[2 * steps + i], marks[3 * steps + i] = new_along(nest.t, tensor, t), new_along(nest.h, tensor, h)
        marks[4 * steps + i] = new_along(nest.w, tensor, w)
        marks[5 * steps + i] = is_vector * needed_along(nest.t, stage, t)
        marks[6 * steps + i] = is_vector * needed_along(nest.h, stage, h)
        marks[7 * steps + i] = is_vector * needed_along(nest.w, stage, w)
        marks[8 * steps + i], marks[9 * steps + i] = stolen.computing[i], stolen.draining[i]


@kernel
def needed_along(cuts: Cuts, stage: int, tile: int) -> int:
    """Return the input positions along an axis that the new outputs of a stage look at."""
    return cuts.needed[stage * len(cuts.last) + tile]


@entry
def cost_stage(
    layer: Layer, array: Array, stage: int, nest: GroupNest, places: GroupPlaces, example: Words, waves: Waves,
    costs: Costs,
) -> None:  # fmt: skip
    """Fill in the ``costs``, all 0, of those kinds that are steps of a stage; ``example`` names one of each."""
    for i in range(len(example)):
        step, tensor = example[i], stage + 1
        if places.stage[step] != stage:
            continue
        n, t, h, w = places.n[step], places.t[step], places.h[step], places.w[step]
        read = n * needed_along(nest.t, stage, t) * needed_along(nest.h, stage, h) * needed_along(nest.w, stage, w)
        inputs, back = (layer.sources - array.reads_back) * read, array.reads_back * read
        t, h, w = new_along(nest.t, tensor, t), new_along(nest.h, tensor, h), new_along(nest.w, tensor, w)
        cost_step(layer, array, n, layer.c, t, h, w, inputs, back, 1, 1, waves, costs, i)


@entry
def mark_waits(places: GroupPlaces, kind: Words, drain: Words, marks: Words) -> None:
    """Fill in, per step, its ``kind`` so far and behind these the drain that it waits for, given those of kinds."""
    steps = len(kind)
    for i in range(steps):
        marks[i], marks[steps + i] = kind[i], (drain[kind[i - 1]] if places.waits[i] and i > 0 else 0)
