"""What mappings of a fused group take at least, stage by stage, and what of weights moves: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.map.group.fitting import chunk_of, most_units, some_tiles, units_of

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.fitting import Floor, Found, Parts, Tiles


@kernel
def bound_cycles(parts: Parts, floor: Floor, found: Found, at: int, of_stages: Words) -> int:
    """Return the cycles that mapping ``at`` takes at least: as its tile, with the chunks that it has.

    Those of each stage are filled in.
    """
    stages, t, h, w = parts.stages, parts.t, parts.h, parts.w
    i, j, k, cycles = found.t[at], found.h[at], found.w[at], 0
    for stage in range(len(stages.n)):
        chunk = chunk_of(parts, found, at, stage)
        whole, rest = stages.n[stage] // chunk, stages.n[stage] % chunk
        passes = whole * ceiling(chunk, floor.rows) + ceiling(rest, floor.rows)
        work = units_of(t, h, w, parts.units, i, j, k, stage)
        steps = some_tiles(t, h, w, i, j, k, stage + 1) * (whole + min(rest, 1))
        most = most_units(t, h, w, parts.units, i, j, k, stage)
        of_stages[stage] = least_cycles_of(floor, stage, work, most, passes, steps)
        cycles += of_stages[stage]
    return cycles


@kernel
def least_cycles_of(floor: Floor, stage: int, units: int, most: int, passes: int, steps: int) -> int:
    """Return the cycles that so many units of a stage take at least, in so many passes of channels each.

    Steps have up to so many, of which the last to be multiplied may leave lanes idle; for 0, none do.
    """
    times = units * passes
    by_pixel = multiplied(times, most, floor.pixel_work[stage], floor.pixel_lanes[stage])
    by_channel = multiplied(times, most, floor.channel_work[stage], floor.channel_lanes[stage])
    of_passes = max(min(by_pixel, by_channel), times * floor.pass_work[stage] // floor.pass_lanes[stage])
    return max(of_passes, units * floor.work[stage] // floor.lanes[stage]) + steps * floor.fill[stage]


@kernel
def multiplied(units: int, most: int, work: int, lanes: int) -> int:
    """Return the cycles in which units are multiplied, up to ``most`` in a step, in proportion to such a step."""
    if most == 0:
        return units * work // lanes
    each = ceiling(most, lanes) * work
    return units * (each // most) + units * (each % most) // most


@kernel
def moved_weights(parts: Parts, floor: Floor, fit: Tiles, at: int, resident: int) -> int:
    """Return the bits of weights that move of tile ``at`` where a set is resident."""
    i, j, k, stages, bits = fit.t[at], fit.h[at], fit.w[at], len(parts.stages.n), 0
    for stage in range(stages):
        if floor.weights[stage]:
            stays = parts.sets[resident * stages + stage]
            bits += floor.weights[stage] * (1 if stays else some_tiles(parts.t, parts.h, parts.w, i, j, k, stage + 1))
    return bits
