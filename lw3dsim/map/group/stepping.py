"""What the stages of a fused group take at least step by step, whichever chunks these take: plain integer code.

That is closer than what all lanes multiply, as the waves of a step have what they have of ports and drains. It takes
longer to find: it is looked at where that decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import NEVER, ceiling
from lw3dsim.base.kernels import kernel, read
from lw3dsim.machine.pace import FOR_DRAIN, FOR_LOAD, first_wave, wait
from lw3dsim.machine.records import Array, Layer
from lw3dsim.machine.waves import LAST_SORT
from lw3dsim.map.group.bounding import chunked_cycles, in_proportion
from lw3dsim.map.group.fitting import all_positions, kept_bits, largest_up_to, most_units, some_tiles, units_of
from lw3dsim.map.group.pricing import PARTS, least_exposed
from lw3dsim.map.group.tiles import roomiest
from lw3dsim.map.group.weighing import in_rings, is_parted, see_step, step_key

if TYPE_CHECKING:
    from lw3dsim.machine.waves import Waves
    from lw3dsim.map.group.fitting import Floor, Parts, Tiles
    from lw3dsim.map.group.tiles import Gauge
    from lw3dsim.map.group.weighing import Seen


class Steps(NamedTuple):
    """Room to cost steps of so many ``kinds`` of layers, and those that have been; without any none are looked at.

    ``seen`` are the ``cycles`` of a step and those in which the next such one is loaded; what is not of each, beyond
    that, before the first is their ``load``. What is left to ``drain`` is 0 where nothing is read back.
    """

    waves: Waves
    seen: Seen
    kinds: int


@kernel
def cost_of_steps(parts: Parts, gauge: Gauge, fit: Tiles, at: int, steps: Steps, enough: int) -> int:
    """Return what tile ``at`` costs at least, whose figures are filled in; ``enough`` or more where that is no more."""
    stages, floor, i, j, k = parts.stages, gauge.floor, fit.t[at], fit.h[at], fit.w[at]
    kept, bursts = kept_bits(stages, parts.t, parts.h, parts.w, i, j, k), fit.bits[at] // gauge.burst_bits
    # The input of the first tile comes before the array works.
    first = all_positions(parts.t, parts.h, parts.w, i, j, k, 0) * stages.channels[0] * stages.sources * stages.bits[0]
    exposed = first // gauge.burst_bits // fit.tiles[at]
    cycles, size = fit.cycles[at], 0
    cost = least_exposed(gauge.rates, gauge.aim, cycles * PARTS, bursts, exposed)
    # Last stages first: their tiles are much the same in more groups.
    for back in range(len(stages.n)):
        stage = len(stages.n) - 1 - back
        run = stages.run[stage]
        if stage == stages.stop[run] - 1:
            size = roomiest(parts, gauge.limits, kept, i, j, k, run, gauge.slots)
        if floor.is_vector[stage] == 0:
            most = min(size, floor.largest[stage])
            known = floor_of_chunks(parts, floor, i, j, k, stage, most)
            cycles += max(least_of_chunks(parts, floor, i, j, k, stage, most, steps) - known, 0)
            cost = least_exposed(gauge.rates, gauge.aim, cycles * PARTS, bursts, exposed)
            if cost >= enough:
                break
    return cost


@kernel
def floor_of_chunks(parts: Parts, floor: Floor, i: int, j: int, k: int, stage: int, size: int) -> int:
    """Return what a stage takes at least of the ways i, j and k, in chunks of up to ``size`` channels."""
    tiles = some_tiles(parts.t, parts.h, parts.w, i, j, k, stage + 1)
    return chunked_cycles(parts, floor, i, j, k, stage, size, tiles)


@kernel
def least_of_chunks(parts: Parts, floor: Floor, i: int, j: int, k: int, stage: int, size: int, steps: Steps) -> int:
    """Return the cycles of the steps of a stage in the best of its modes and chunks of up to ``size`` channels.

    Of chunks that fill all rows in every pass the largest are best: waves are alike, and steps begin and end least
    often.
    """
    chunks, run, best, is_filled = parts.chunks, parts.stages.run[stage], NEVER, 0
    place = largest_up_to(chunks, run, size)
    while place >= chunks.begin[run]:
        chunk = chunks.size[place]
        fills = floor.is_even[stage] == 1 and chunk % floor.rows == 0
        if not (fills and is_filled):
            if best < NEVER and floor_of_chunks(parts, floor, i, j, k, stage, chunk) >= best:
                break
            for mode in range(floor.modes[stage]):
                best = min(best, cycles_of_steps(parts, floor, i, j, k, stage, chunk, mode, steps))
        is_filled = 1 if fills else is_filled
        place -= 1
    return best


@kernel
def cycles_of_steps(
    parts: Parts, floor: Floor, i: int, j: int, k: int, stage: int, chunk: int, mode: int, steps: Steps
) -> int:
    """Return the cycles that all steps of a stage take at least in a mode and in chunks of so many channels.

    They are in proportion to those of the largest tile. Passes of channels that fill all rows are alike: one is costed.
    """
    t, h, w, n, rows, seen = parts.t, parts.h, parts.w, parts.stages.n[stage], floor.rows, steps.seen
    most = most_units(t, h, w, parts.units, i, j, k, stage)
    if most == 0:
        return 0
    passes, alike = ceiling(chunk, rows), floor.is_even[stage] == 1 and chunk % rows == 0
    place = place_of_step(parts, floor, i, j, k, stage, rows if alike else chunk, mode, steps)
    cycles = seen.load[place] + seen.cycles[place] * (passes if alike else 1)
    cycles = cycles * (n // chunk * passes + ceiling(n % chunk, rows)) // passes
    times = some_tiles(t, h, w, i, j, k, stage + 1) * ceiling(n, chunk)
    fills = times * (floor.fill[stage] + seen.drain[place])
    return in_proportion(units_of(t, h, w, parts.units, i, j, k, stage), most, cycles) + fills


@kernel
def place_of_step(
    parts: Parts, floor: Floor, i: int, j: int, k: int, stage: int, channels: int, mode: int, steps: Steps
) -> int:
    """Return where what the largest step of a stage takes stands, of so many channels; it is costed if it isn't yet."""
    t, h, w, seen = parts.t, parts.h, parts.w, steps.seen
    size_t = t.most_new[(stage + 1) * len(t.tile) + i]
    size_h = h.most_new[(stage + 1) * len(h.tile) + j]
    size_w = w.most_new[(stage + 1) * len(w.tile) + k]
    apart, kind = rings_apart(parts, floor.reads[stage], j, k), 2 * floor.kind[stage] + mode
    key = step_key(6 * steps.kinds, 3 * kind + apart, channels, size_t, size_h, size_w)
    place = key % len(seen.key)
    if seen.key[place] != key:
        layer, array = read(Layer, floor.layers, floor.layer[stage]), read(Array, floor.arrays, kind)
        see_step(layer, in_rings(array, apart), channels, size_t, size_h, size_w, key, steps.waves, seen)
        tell_passes(steps, place, array.reads_back)
    return place


@kernel
def tell_passes(steps: Steps, place: int, reads_back: int) -> None:
    """Make of a step that has just been costed what each pass takes of one that repeats it."""
    waves, seen = steps.waves, steps.seen
    first = first_wave(waves)
    waits = wait(waves, FOR_DRAIN, LAST_SORT, first) + wait(waves, FOR_LOAD, LAST_SORT, first)
    # What passes that are fewer in a step wait for, or load, is no less.
    waits = min(waits, seen.load[place])
    seen.load[place], seen.cycles[place] = seen.load[place] - waits, seen.cycles[place] + waits
    if reads_back == 0:
        seen.drain[place] = 0


@kernel
def rings_apart(parts: Parts, tensor: int, j: int, k: int) -> int:
    """Return how many axes of a tensor lie apart at least, which lies in rings where halos are kept; -1: none."""
    if tensor < 0:
        return 0
    return 2 if is_parted(parts.w, tensor, k, -1) else 1 if is_parted(parts.h, tensor, j, -1) else 0
