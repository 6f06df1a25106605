"""Rank all tilings of a layer by an estimate of what they cost: plain integer code.

Traffic and compute cycles are exact, but for those of a vector layer and for waits between
tiles. The latency is the larger of compute, DRAM and the turnaround of the buffer slots,
plus what nothing can hide. A tile that is moved behind one of another tensor opens its
first row only then. It only ranks: simulation decides.

Nothing is left out by guess: a tiling's steps are not costed only where it would lose to
those already kept by a bound: lanes as full, and ports as busy, as the parts of T, H and W allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.machine.records import VECTOR
from lw3dsim.map.layer.busy import least_busy, share_of, spread_over
from lw3dsim.map.layer.compute import compute_ticks
from lw3dsim.map.layer.room import have_two, held_slots, strip_of, tiles_fit, weights_fit
from lw3dsim.map.layer.tiling import (
    TILES_OUTER,
    WEIGHTS_OUTER,
    Tiling,
    input_bursts,
    input_repeats,
    least_input_bursts,
    least_row,
    line_of,
    output_bursts,
    row_visits,
    total_steps,
    weight_loads,
    weight_tiles,
    weight_tiles_loaded,
)

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.layer.busy import Share, Spread
    from lw3dsim.map.layer.compute import Costed
    from lw3dsim.map.layer.room import Strip
    from lw3dsim.map.layer.tiling import Line, Task

# More than any time or any number of bursts.
INFINITE = 1 << 62

# More than the candidate sizes along any axis.
SIZES = 512

# What a tick of the array costs beside its time is told in so many parts of a tick.
BUSY_PARTS = 1 << 10


class Kept(NamedTuple):
    """The best tilings so far, the best first: what they are ranked by, then what they are; INFINITE where none is.

    ``n`` to ``w`` are their places among the sizes of a layer's choices, which ``number`` counts through; ``ifmap``,
    ``weight`` and ``ofmap`` the slots of each buffer, which are filled in at last, as ``bound`` is.
    """

    first: Words
    second: Words
    third: Words
    number: Words
    latency: Words
    bursts: Words
    visits: Words
    bound: Words
    order: Words
    mode: Words
    n: Words
    c: Words
    t: Words
    h: Words
    w: Words
    ifmap: Words
    weight: Words
    ofmap: Words


class Aim(NamedTuple):
    """What tilings are kept for: the least ticks, a burst counted as ``burst_ticks``, and ``own_ticks`` of the mode.

    A tick in which the array works counts ``busy_parts`` of BUSY_PARTS of a tick more: its clock runs. A row that is
    opened counts ``row_ticks``. Or, where ``most`` is given (not INFINITE), the fewest bursts among all of at most
    ``most`` ticks. A burst of INFINITE ticks counts first, and ticks between equals.
    """

    burst_ticks: int
    own_ticks: int
    busy_parts: int
    row_ticks: int
    most: int


@kernel
def keep_nothing(kept: Kept) -> None:
    """Begin without any tilings."""
    for column in kept:
        for row in range(len(column)):
            column[row] = INFINITE


@kernel
def rank(task: Task, aim: Aim, costed: Costed, kept: Kept) -> None:
    """Offer every tiling that fits the buffers, in both loop orders, to ``kept``.

    ``costed`` is scratch. The whole of an axis comes first among its sizes and moves least: where even that would
    lose, the axis is not cut. Only along W a part may move less, where strides leave gaps.
    """
    choices, spread = task.choices, costed.spread
    row = least_row(choices.w)
    for n in range(len(choices.n.size)):
        for c in range(len(choices.c.size)):
            at = Tiling(n, c, 0, 0, 0)
            if not weights_fit(task, at):
                continue
            share = share_of(task.layer, task.array, choices.n.size[n], choices.c.size[c])
            if not may_win(task, at, row, busy_ticks(task, share, at, spread), aim, kept):
                continue
            for t in range(len(choices.t.size)):
                at = Tiling(n, c, t, 0, 0)
                if not may_win(task, at, row, busy_ticks(task, share, at, spread), aim, kept):
                    continue
                for h in range(len(choices.h.size)):
                    at = Tiling(n, c, t, h, 0)
                    busy = busy_ticks(task, share, at, spread)
                    if not may_win(task, at, row, busy, aim, kept):
                        continue
                    strip, line = strip_of(task, at), line_of(task.layer, choices, at)
                    for w in range(len(choices.w.size)):
                        if not tiles_fit(task, strip, w):
                            continue
                        # The more parts, the more often the pipeline fills.
                        least = busy + filling_ticks(task, strip, w)
                        if not is_worth(kept, aim, least, least, 0, 1):
                            break
                        offer(task, strip, line, share, Tiling(n, c, t, h, w), aim, costed, kept)


@kernel
def busy_ticks(task: Task, share: Share, at: Tiling, spread: Spread) -> int:
    """Return the ticks that tilings cut as ``at``, or further, compute at least; of a vector layer all pixels."""
    if task.layer.structure == VECTOR:
        return share.pixels * task.times.cycle
    waves, tiles = spread_over(task, at, spread)
    return least_busy(task.layer, task.array, share, waves, tiles) * task.times.cycle


@kernel
def filling_ticks(task: Task, strip: Strip, w: int) -> int:
    """Return the ticks in which all steps of a tiling fill the pipeline."""
    return strip.steps * task.choices.w.tiles[w] * task.array.fill_cycles * task.times.cycle


@kernel
def may_win(task: Task, at: Tiling, row: tuple[int, int], busy: int, aim: Aim, kept: Kept) -> bool:
    """Return whether a tiling that computes for ``busy`` ticks or more, cut as ``at`` or further, may be kept.

    Of a row of the input it moves at least the bursts, or pixels, of ``row``; every step fills the pipeline.
    """
    layer, choices = task.layer, task.choices
    compute = busy + total_steps(layer, choices, at) * task.array.fill_cycles * task.times.cycle
    # Many are out by now, before anything is looked up.
    if not is_worth(kept, aim, compute, compute, 0, 1):
        return False
    line = line_of(layer, choices, at)
    inputs = least_input_bursts(choices, line, at, row)
    bursts = min(
        input_repeats(layer, choices, at, WEIGHTS_OUTER) * inputs + weight_loads(layer, choices, at, WEIGHTS_OUTER),
        input_repeats(layer, choices, at, TILES_OUTER) * inputs + weight_loads(layer, choices, at, TILES_OUTER),
    )
    bursts += output_bursts(choices, line, at)
    least = max(compute * task.times.channels, bursts * task.times.burst)
    return is_worth(kept, aim, least, compute, bursts, task.times.channels)


@kernel
def offer(task: Task, strip: Strip, line: Line, share: Share, at: Tiling, aim: Aim, costed: Costed, kept: Kept) -> None:
    """Estimate one tiling in both orders; keep it if among the best."""
    layer, times, choices = task.layer, task.times, task.choices
    n_parts, columns = choices.n.parts[at.n], choices.w.tiles[at.w]
    tiles, stores, loads = strip.spatial * columns, strip.stores * columns, strip.loads * columns
    inputs, outputs = input_bursts(choices, line, at), output_bursts(choices, line, at)
    busy = busy_ticks(task, share, at, costed.spread)
    compute, is_exact = busy + filling_ticks(task, strip, at.w), 0
    # Loops that one tile leaves nothing of come in one order only; where the reduction is cut, both cost the same.
    is_single, is_alike = n_parts == 1 or tiles == 1, choices.c.parts[at.c] > 1
    for order in range(1 if is_single or is_alike else 2):
        repeats = input_repeats(layer, choices, at, order)
        weights = weight_loads(layer, choices, at, order)
        bursts = repeats * inputs + weights + outputs
        # Most are out by now, before anything is divided.
        fastest = max(compute * times.channels, bursts * times.burst)
        if not is_worth(kept, aim, fastest, compute, bursts, times.channels):
            continue
        of_weights = weight_tiles_loaded(layer, choices, at, order) if weights else 0
        turns = turns_of(layer.sources, repeats * loads, of_weights, stores)
        transfer = bursts * times.burst // times.channels + turns * times.opening
        first_weights = choices.first_weight_bursts[at.n * len(choices.c.size) + at.c]
        exposed = ceiling(inputs, loads) + first_weights + ceiling(outputs, stores)
        exposed = exposed * times.burst // times.channels
        if not is_worth(kept, aim, max(compute, transfer) + exposed, compute, bursts, 1):
            continue
        visits = row_visits(task, at, repeats, weights)
        transfer = max(transfer, visits * times.visit // times.channels)
        asked = repeats * loads * times.latency
        is_double = have_two(task, strip, at.w)
        waits = 0 if is_double else single_ticks(task, strip, at, order, repeats * inputs, weights, outputs)
        ticks = estimate(compute, transfer, asked, waits, task.limits.slots) + exposed
        if is_exact == 0 and is_worth(kept, aim, ticks, compute, bursts, 1):
            most = most_compute(kept, aim, transfer, asked, waits, exposed, bursts, task.limits.slots)
            compute = compute_ticks(task, at, most, costed)
            # Above ``most`` it is a bound, which may be too low for the other order.
            is_exact = 1 if compute <= most else 0
            ticks = estimate(compute, transfer, asked, waits, task.limits.slots) + exposed
        if is_worth(kept, aim, ticks, compute, bursts, 1):
            insert(kept, aim, ticks, compute, bursts, visits, order, task.mode, at)
            if is_alike and not is_single:
                insert(kept, aim, ticks, compute, bursts, visits, TILES_OUTER, task.mode, at)


@kernel
def turns_of(sources: int, loads: int, weights: int, stores: int) -> int:
    """Return how many tiles, of so many of each tensor, are moved behind a tile of another tensor, at most."""
    tiles, most = sources * loads + weights + stores, max(loads, weights, stores)
    return min(tiles, 2 * (tiles - most))


@kernel
def single_ticks(task: Task, strip: Strip, at: Tiling, order: int, inputs: int, weights: int, outputs: int) -> int:
    """Return the ticks of all bursts, and answers, of tiles of which only one fits: nothing computes meanwhile.

    Nor does it while tiles of the input are moved in front of these.
    """
    layer, times, choices = task.layer, task.times, task.choices
    held, columns = held_slots(task, strip, at), choices.w.tiles[at.w]
    stores, loads = strip.stores * columns, strip.loads * columns
    bursts = answers = opened = 0
    if held.ifmap == 1 and loads > 1:
        bursts += inputs
        answers += input_repeats(layer, choices, at, order) * loads
    if held.weight == 1 and weight_tiles(layer, choices, at) > 1:
        bursts += weights
        answers += weight_tiles_loaded(layer, choices, at, order)
        if held.ifmap > 1 and choices.c.parts[at.c] > 1:
            # Every step frees a slot of both, and of tiles asked for at once that of the input is moved first.
            bursts += inputs
    if held.ofmap == 1 and stores > 1:
        bursts += outputs
        opened = stores
    return bursts * times.burst // times.channels + answers * times.latency + opened * times.opening


@kernel
def estimate(compute: int, transfer: int, asked: int, waits: int, slots: int) -> int:
    """Return ticks. A slot is refilled only after its step: what loads, answers and computes shares the slots.

    The array ``waits`` for what has a single slot.
    """
    return max(compute + waits, transfer, (transfer + compute + asked) // slots)


@kernel
def most_compute(
    kept: Kept, aim: Aim, transfer: int, asked: int, waits: int, exposed: int, bursts: int, slots: int
) -> int:
    """Return the ticks of computing with which a tiling may still come before the last of ``kept``."""
    worst = kept.first[len(kept.first) - 1]
    most = aim.most - exposed
    if aim.burst_ticks == INFINITE:
        if bursts < worst:
            return INFINITE
        most = kept.second[len(kept.first) - 1] - aim.own_ticks - exposed
    elif aim.most == INFINITE:
        if worst == INFINITE:
            return INFINITE
        most = worst - aim.burst_ticks * bursts - aim.own_ticks - exposed
    most_busy = most if aim.busy_parts == 0 else ((most + 1) * BUSY_PARTS - 1) // (BUSY_PARTS + aim.busy_parts)
    return min(most_busy, most - waits, (most + 1) * slots - 1 - transfer - asked)


@kernel
def is_worth(kept: Kept, aim: Aim, ticks: int, busy: int, bursts: int, channels: int) -> bool:
    """Return whether a tiling that takes at least ``ticks`` / ``channels`` may come before the last of ``kept``.

    In ``busy`` ticks, at least, the array works.
    """
    worst = kept.first[len(kept.first) - 1]
    if aim.burst_ticks == INFINITE:
        least = kept.second[len(kept.first) - 1]
        return bursts < worst or (bursts == worst and ticks <= (least - aim.own_ticks) * channels)
    if aim.most == INFINITE:
        own = ticks_beside(aim, busy) + aim.burst_ticks * bursts
        return worst == INFINITE or ticks <= (worst - own) * channels
    return bursts <= worst and ticks <= aim.most * channels


@kernel
def ticks_beside(aim: Aim, busy: int) -> int:
    """Return what the mode and ``busy`` ticks of the array cost beside their time."""
    return aim.own_ticks if aim.busy_parts == 0 else aim.own_ticks + busy * aim.busy_parts // BUSY_PARTS


@kernel
def insert(
    kept: Kept, aim: Aim, ticks: int, busy: int, bursts: int, visits: int, order: int, mode: int, at: Tiling
) -> None:
    """Insert a tiling into ``kept``, where it is not yet, in the order of its first four columns; drop the last."""
    first, second, third = bursts, visits, ticks
    if aim.burst_ticks == INFINITE:
        second, third = ticks + aim.own_ticks, visits
    elif aim.most == INFINITE:
        first = ticks + aim.burst_ticks * bursts + aim.row_ticks * visits + ticks_beside(aim, busy)
        second, third = bursts, visits
    number = mode * 2 + order
    for i in at:
        number = number * SIZES + i
    row = len(kept.first)
    while row > 0 and comes_before(first, second, third, number, kept, row - 1):
        row -= 1
    if row == len(kept.first) or (row > 0 and kept.number[row - 1] == number):
        return
    for column in kept:
        for i in range(len(column) - 1, row, -1):
            column[i] = column[i - 1]
    kept.first[row], kept.second[row], kept.third[row], kept.number[row] = first, second, third, number
    kept.latency[row], kept.bursts[row], kept.visits[row] = ticks, bursts, visits
    kept.order[row], kept.mode[row] = order, mode
    kept.n[row], kept.c[row], kept.t[row], kept.h[row], kept.w[row] = at


@kernel
def comes_before(first: int, second: int, third: int, number: int, kept: Kept, row: int) -> bool:
    """Return whether a tiling comes before the one in ``row`` of ``kept``."""
    if first != kept.first[row]:
        return first < kept.first[row]
    if second != kept.second[row]:
        return second < kept.second[row]
    if third != kept.third[row]:
        return third < kept.third[row]
    return number < kept.number[row]
