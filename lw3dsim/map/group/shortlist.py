"""The few mappings of a fused group that may be among the best: plain integer code.

What mappings cost is a sum of floats; here it is bounded in integers from both sides, closely. What costs more at least
than as many others as are wanted cost at most is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.map.group.bounding import bound_cycles, moved_weights
from lw3dsim.map.group.choosing import Slots, choose_chunks, size_tile, stream_rest, with_share
from lw3dsim.map.group.fitting import stored_bits
from lw3dsim.map.group.pricing import PARTS, cost_of, least_cost, saves_slots
from lw3dsim.map.group.rooms import WAYS, are_others, drop_worse, lowest_of, note_nothing
from lw3dsim.map.group.tiles import least_weights
from lw3dsim.map.group.weighing import read_bursts, stored_bursts, weigh_stage, weigh_traffic

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.fitting import Floor, Found, Limits, Parts, Tiles
    from lw3dsim.map.group.lying import Lying
    from lw3dsim.map.group.pricing import Aim, Rates
    from lw3dsim.map.group.rooms import Best, Room
    from lw3dsim.map.group.weighing import Effort, Modes, Traffic

# What roundings of a latency add up to at most, beside those of stages, in parts.
ROUNDINGS = 8


@entry
def shortlist(
    parts: Parts, fit: Tiles, order: Words, many: int, limits: Limits, floor: Floor, lying: Lying, modes: Modes,
    rates: Rates, aim: Aim, enough: int, room: Room,
) -> tuple[int, int]:  # fmt: skip
    """List mappings of ``many`` tiles, the first of ``order``, with all that is among the best; return how many.

    And what none of the best costs more than, at least: of those listed, what does may be left out. The best are as
    many as ``room.best`` has places; without any, all that fits is listed. What is noted there of a shortlist of some
    of the tiles bounds all from the beginning. -1: there is not enough room. None are listed where tiles that cost no
    more than ``enough`` have only mappings that do, and those of others may as well.
    """
    count, most, is_cheap = 0, worst_of(room.best), False
    stream_rest(parts, limits, room.streamed)
    for place in range(many):
        tile = order[place]
        if fit.cost[tile] > enough and not is_cheap:
            if lowest_of(room, count) > enough:
                return 0, most
            is_cheap = True
        compute = fit.cycles[tile] * PARTS
        if least_cost(rates, aim, compute, fit.bits[tile] // lying.burst_bits) > most:
            continue
        size_tile(parts, limits, fit, tile)
        ways = WAYS if limits.slots > 1 and saves_slots(rates, aim, fit.cycles[tile]) else 1
        reads, stored = read_bursts(parts, lying, fit, tile), stored_bits(parts, fit, tile)
        for back in range(len(parts.set_bits)):
            resident = len(parts.set_bits) - 1 - back
            least = stored + least_weights(parts, fit, tile, resident)
            if least_cost(rates, aim, compute, reads + least // lying.burst_bits) > most:
                # Sets that take less stream no less.
                break
            weights = moved_weights(parts, floor, fit, tile, resident)
            if least_cost(rates, aim, compute, reads + (stored + weights) // lying.burst_bits) > most:
                continue
            moving = reads + weights // lying.burst_bits
            note_nothing(room)
            for share in range(1, max(limits.shares, 2)):
                own = with_share(limits, share)
                for way in range(ways):
                    if way and least_cost(rates, aim, compute, moving + stored // lying.burst_bits) > most:
                        break
                    count, most = offer_chunks(
                        parts, fit, own, floor, lying, modes, rates, aim, moving, tile, resident, way, count, most, room
                    )
                    if count < 0:
                        return -1, most
    return count, most


@kernel
def offer_chunks(
    parts: Parts, fit: Tiles, limits: Limits, floor: Floor, lying: Lying, modes: Modes, rates: Rates, aim: Aim,
    moving: int, tile: int, resident: int, way: int, count: int, most: int, room: Room,
) -> tuple[int, int]:  # fmt: skip
    """List mappings of a tile and a set of weights that stay, which move so many bursts beside the output at least.

    Those of the same chunks as were noted last are listed already. Return how many are listed then, -1 where there is
    not enough room, and what none of the best costs more than. Chunks of weights, and of the output, fit as often as
    there are slots, or only once, in one of four ways.
    """
    runs, slots = len(parts.stages.start), Slots(slots_in(limits, way % 2), slots_in(limits, way // 2))
    cap = parts.chunks.begin[runs] - 1
    while cap >= 0:
        if count == len(room.found.t):
            count = drop_worse(room, runs, len(modes.stage), count, most)
        if count == len(room.found.t):
            return -1, most
        place_set(fit, tile, resident, room.found, count)
        if not choose_chunks(parts, fit, limits, room.streamed, room.found, count, cap, slots):
            break
        if cap == parts.chunks.begin[runs] - 1 and not are_others(room, runs, count, way):
            break
        bursts, _ = stored_bursts(parts, lying, room.found, count)
        cap = fewer_than(parts, lying, room.found, count)
        if weigh_set(parts, floor, lying, modes, rates, aim, moving + bursts, most, room, count):
            most = min(most, worst_of(room.best))
            count += 1
    return count, most


@kernel
def slots_in(limits: Limits, is_single: int) -> int:
    """Return the slots that there are, or one."""
    return 1 if is_single else limits.slots


@kernel
def place_set(fit: Tiles, tile: int, resident: int, found: Found, to: int) -> None:
    """Fill in, as mapping ``to``, a tile and a set of weights that stay."""
    found.t[to], found.h[to], found.w[to] = fit.t[tile], fit.h[tile], fit.w[tile]
    found.resident[to], found.tile[to] = resident, tile


@kernel
def fewer_than(parts: Parts, lying: Lying, found: Found, at: int) -> int:
    """Return the place of the largest smaller chunk that stores the output of a mapping in fewer bursts; -1: none."""
    runs = len(parts.stages.start)
    begin = parts.chunks.begin[runs - 1]
    own = found.chunk[(runs - 1) * len(found.t) + at] - begin
    smaller = lying.fewer[own * len(parts.w.tile) + found.w[at]]
    return begin + smaller if smaller >= 0 else -1


@kernel
def weigh_set(
    parts: Parts, floor: Floor, lying: Lying, modes: Modes, rates: Rates, aim: Aim, moving: int, most: int, room: Room,
    at: int,
) -> bool:  # fmt: skip
    """Weigh mapping ``at``, which moves so many bursts at least; return whether it may cost no more than ``most``."""
    compute = bound_cycles(parts, floor, room.found, at, room.floors) * PARTS
    if least_cost(rates, aim, compute, moving) > most:
        return False
    room.found.cost[at] = weigh(parts, lying, modes, rates, aim, compute, most, room, at)
    return room.found.cost[at] <= most


@kernel
def traffic_parts(rates: Rates, traffic: Traffic, at: int) -> tuple[int, int]:
    """Return the parts in which mapping ``at`` moves all, and those of what nothing hides."""
    transfer = max(traffic.bursts[at] * rates.burst, traffic.visits[at] * rates.visit) * PARTS // rates.channels
    transfer += traffic.stores[at] * rates.turnaround * PARTS
    return transfer // rates.cycle, traffic.exposed[at] * rates.burst * PARTS // (rates.channels * rates.cycle)


@kernel
def turn_parts(rates: Rates, traffic: Traffic, at: int, compute: int, last: int) -> int:
    """Return the parts in which mapping ``at`` computes and moves what takes turns with that in a single slot.

    Of those in which it computes, ``last`` are of the last stage: what it stores meets those of all others.
    """
    stores = traffic.turns[at] * rates.burst * PARTS // (rates.channels * rates.cycle)
    loads = traffic.waits[at] * rates.burst * PARTS // (rates.channels * rates.cycle)
    return last + max(stores, compute - last) + loads


@kernel
def weigh(
    parts: Parts, lying: Lying, modes: Modes, rates: Rates, aim: Aim, compute: int, most: int, room: Room, at: int
) -> int:
    """Return what mapping ``at`` costs at least, given what it computes at least; note what it costs at most.

    Fill in what it moves, and its effort, unless it costs more than ``most`` anyway.
    """
    weigh_traffic(parts, lying, room.found, at, rates, room.streamed, room.traffic)
    transfer, exposed = traffic_parts(rates, room.traffic, at)
    in_turn = turn_parts(rates, room.traffic, at, compute, room.floors[len(room.floors) - 1] * PARTS)
    bound = cost_of(aim, max(in_turn, transfer) + exposed, compute, room.traffic.bursts[at]) + aim.trees
    if bound > most:
        return bound
    return weigh_stages(parts, modes, rates, aim, compute, transfer, exposed, most, room, at)


@kernel
def weigh_stages(
    parts: Parts, modes: Modes, rates: Rates, aim: Aim, compute: int, transfer: int, exposed: int, most: int,
    room: Room, at: int,
) -> int:  # fmt: skip
    """Fill in the effort of mapping ``at``; return what it costs at least, and note what it costs at most.

    Stages are left out once it costs more than ``most`` by those before; ``compute`` is what all take at least.
    """
    error = trees = most_trees = first = last = steps = mode = 0
    traffic = room.traffic
    while mode < len(modes.stage):
        stage = modes.stage[mode]
        least, longest, own_trees, more_trees = weigh_either(parts, modes, aim, mode, room, at)
        steps += room.effort.steps[at * len(modes.stage) + mode]
        mode += count_modes(modes, mode)
        first, last = first if stage else least, least
        compute += least - room.floors[stage] * PARTS
        error += longest - least
        trees += own_trees
        most_trees += more_trees
        bound = cost_of(aim, max(compute, transfer) + exposed, compute, traffic.bursts[at]) + aim.trees
        if bound > most:
            return bound
    at_once = max(compute, transfer) + exposed
    transfer = max(transfer, turn_parts(rates, traffic, at, compute, last))
    if 2 * traffic.window[at] > rates.window_bits or rates.single_slot:
        loading = traffic.inputs[at] * rates.burst * PARTS // rates.channels
        loading += traffic.loads[at] * rates.answer * PARTS
        transfer = max(transfer, loading // rates.cycle + first)
    latency = max(compute, transfer) + exposed
    longest = latency + error + ROUNDINGS
    if longest < aim.parts and traffic.bursts[at] < aim.bursts:
        at_most = longest * (aim.part + 1) + traffic.bursts[at] * (aim.burst + 1) + most_trees
        at_most += (compute + error + ROUNDINGS) * (aim.busy + 1) if aim.busy else 0
        # Where the memory is divided otherwise, the same mapping may wait for no window: it counts once.
        note(room.best, at_most, at_once, longest - at_once, steps)
    return cost_of(aim, latency, compute, traffic.bursts[at]) + trees


@kernel
def count_modes(modes: Modes, mode: int) -> int:
    """Return the modes of the stage whose first is ``mode``."""
    return 2 if mode + 1 < len(modes.stage) and modes.stage[mode + 1] == modes.stage[mode] else 1


@kernel
def weigh_either(parts: Parts, modes: Modes, aim: Aim, mode: int, room: Room, at: int) -> tuple[int, int, int, int]:
    """Fill in the effort of mapping ``at`` in all modes of a stage, whose first is ``mode``.

    Return the parts that it takes at least and at most in the cheaper mode, and what trees cost at least and at most.
    """
    weigh_stage(parts, modes, mode, room.found, at, room.waves, room.seen, room.effort)
    least, most = stage_parts(modes, mode, room.effort, at)
    if count_modes(modes, mode) == 1:
        return least, most, 0, 0
    weigh_stage(parts, modes, mode + 1, room.found, at, room.waves, room.seen, room.effort)
    others_least, others_most = stage_parts(modes, mode + 1, room.effort, at)
    # Each is less than one too low.
    trees, part = modes.trees[mode + 1], aim.part + aim.busy
    if others_most * (part + 2) + trees + 1 < least * part:
        return others_least, others_most, trees, trees + 1
    if others_least * part + trees >= most * (part + 2):
        return least, most, 0, 0
    # Which is the cheaper is too close to tell.
    return min(least, others_least), max(most, others_most), min(trees, 0), max(trees + 1, 0)


@kernel
def stage_parts(modes: Modes, mode: int, effort: Effort, number: int) -> tuple[int, int]:
    """Return the parts that all steps of a stage of a mapping take at least in a mode, and at most."""
    at = number * len(modes.stage) + mode
    passes = effort.cycles[at] * effort.all_passes[at] * PARTS // effort.passes[at]
    tiles, total = effort.tiles[at], effort.all_tiles[at]
    own = passes // tiles * total + passes % tiles * total // tiles
    waits = effort.drain[at] if modes.reads_back[mode] else 0
    own += effort.steps[at] * (modes.fill[mode] + waits) * PARTS
    return own, own + total // tiles + 2


@kernel
def note(best: Best, cost: int, parts: int, error: int, steps: int) -> None:
    """Note a mapping if it is among the cheapest; of those that may be alike in time and steps only one counts."""
    for i in range(len(best.cost)):
        if best.cost[i] <= cost and may_be_alike(best, i, parts, error, steps):
            return
    worst = 0
    for i in range(len(best.cost)):
        if best.cost[i] < NEVER and may_be_alike(best, i, parts, error, steps):
            best.cost[i] = NEVER
        if best.cost[i] > best.cost[worst]:
            worst = i
    if len(best.cost) and cost < best.cost[worst]:
        best.cost[worst], best.parts[worst], best.error[worst], best.steps[worst] = cost, parts, error, steps


@kernel
def may_be_alike(best: Best, i: int, parts: int, error: int, steps: int) -> bool:
    """Return whether what is noted at a place may take the same time in the same steps."""
    return best.steps[i] == steps and abs(best.parts[i] - parts) <= best.error[i] + error


@kernel
def worst_of(best: Best) -> int:
    """Return what a mapping that is left out must cost more than: NEVER where there are too few."""
    most = 0 if len(best.cost) else NEVER
    for i in range(len(best.cost)):
        most = max(most, best.cost[i])
    return most
