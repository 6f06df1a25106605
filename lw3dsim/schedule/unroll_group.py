"""A fused group unrolled into steps, the tiles of three streams, and steps that are alike: plain integer code.

Every tile passes through all runs of stages, every run takes its chunks of channels in turn, every chunk passes through
the stages of the run. Stages that have nothing to compute for a tile are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.schedule.group_nest import GroupPlaces, all_tiles, box_of_tile, new_along, new_at, new_of, tile_indices
from lw3dsim.schedule.group_stores import store_outputs

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.fitting import Stages
    from lw3dsim.schedule.group_nest import GroupNest, Scratch
    from lw3dsim.schedule.unroll import Loaded, Stored


class Room(NamedTuple):
    """What tiles share: the bits of a burst, of the input and the weight buffer, and the slots of all three."""

    burst_bits: int
    ifmap_bits: int
    weight_bits: int
    slots: int
    ofmap_slots: int


class Unrolled(NamedTuple):
    """The steps and tiles of a group, with room for more, and the bursts of every weight tile."""

    places: GroupPlaces
    ifmap: Loaded
    weight: Loaded
    ofmap: Stored
    weight_bursts: Words


# Whether all tiles fit, or the buffer in which they do not.
FIT, IFMAP, WEIGHT = 0, 1, 2


@entry
def unroll_group(nest: GroupNest, room: Room, made: Unrolled, scratch: Scratch) -> tuple[int, int, int, int, int]:
    """Fill in ``made``; return how many steps, inputs, weights and outputs there are, and where tiles do not fit.

    Words of ``scratch`` are 0.
    """
    places, ifmap, weight, misfit = made.places, made.ifmap, made.weight, FIT
    steps = place_steps(nest, places)
    inputs, readers = load_inputs(nest, places, steps, ifmap, scratch)
    free_inputs(nest, places, ifmap, inputs, readers, scratch)
    if not wait_for_room(ifmap, inputs, room.ifmap_bits, scratch.freed):
        misfit = IFMAP
    wait_for_slots(ifmap, inputs, room.slots, scratch)
    for step in range(steps):
        scratch.freed[step] = 0
    size_weights(nest, room.burst_bits, made.weight_bursts)
    weights = load_weights(nest, places, steps, weight, scratch)
    if misfit == FIT and not wait_for_room(weight, weights, room.weight_bits, scratch.freed):
        misfit = WEIGHT
    wait_for_slots(weight, weights, room.slots, scratch)
    first_output = input_boxes(nest) + len(made.weight_bursts)
    outputs = store_outputs(nest, places, steps, first_output, room.ofmap_slots, made.ofmap, scratch)
    return steps, inputs, weights, outputs, misfit


@kernel
def place_steps(nest: GroupNest, places: GroupPlaces) -> int:
    """Fill in the places of all steps; return how many they are."""
    stages, step = nest.stages, 0
    for tile in range(all_tiles(nest)):
        t, h, w = tile_indices(nest, tile)
        for run in range(len(stages.start)):
            channels, most = stages.channels[stages.stop[run]], nest.chunk[run]
            for chunk in range(ceiling(channels, most)):
                for stage in range(stages.start[run], stages.stop[run]):
                    if new_of(nest, stage + 1, t, h, w) == 0:
                        continue
                    places.tile[step], places.t[step], places.h[step], places.w[step] = tile, t, h, w
                    places.stage[step], places.chunk[step] = stage, chunk
                    places.n[step] = min(most, channels - chunk * most)
                    places.waits[step] = 1 if nest.reads[stage] > 0 and (chunk == 0 or stage > stages.start[run]) else 0
                    step += 1
    return step


@kernel
def input_boxes(nest: GroupNest) -> int:
    """Return the number of boxes of the input and of the operands from DRAM: one per tile of each, and slice."""
    return boxes_before(nest, len(nest.stages.n))


@kernel
def boxes_before(nest: GroupNest, stage: int) -> int:
    """Return how many boxes the input and the operands of stages before ``stage`` have."""
    count = 1
    for i in range(stage):
        if nest.stages.reads_dram[i]:
            count += ceiling(nest.stages.n[i], nest.chunk[nest.stages.run[i]]) if nest.sliced else 1
    return count * all_tiles(nest)


@kernel
def load_inputs(nest: GroupNest, places: GroupPlaces, steps: int, loads: Loaded, scratch: Scratch) -> tuple[int, int]:
    """List the tiles of the input, and of operands from DRAM, in the order in which steps need them.

    Return how many they are, and how many tiles read the input: some may read only what stays of those before.
    """
    stages, chunks, count, readers = nest.stages, most_chunks(nest), 0, 0
    for step in range(steps):
        stage, tile = places.stage[step], places.tile[step]
        # A slice takes turns with others, a whole tile with other tiles.
        turn = turn_of(nest, places, step, chunks) if nest.sliced else tile
        if stages.reads_dram[stage]:
            if places.chunk[step] == 0 or nest.sliced:
                box = boxes_before(nest, stage) + places.chunk[step] * all_tiles(nest) + box_of_tile(nest, places, step)
                channels = places.n[step] if nest.sliced else stages.n[stage]
                bits = new_at(nest, places, step, stage + 1) * channels * stages.bits[stage]
                note(loads, count, step, box, bits, turn, scratch)
                scratch.operand[stage] = count
                count += 1
            loads.last[scratch.operand[stage]] = step
        elif nest.reads[stage] == 0 or nest.adds[stage] == 0:
            if readers == 0 or places.tile[scratch.first[readers - 1]] != tile:
                bits = new_at(nest, places, step, 0) * position_bits(nest)
                scratch.first[readers], scratch.load[readers] = step, -1
                if bits > 0:
                    note(loads, count, step, box_of_tile(nest, places, step), bits, turn, scratch)
                    scratch.load[readers] = count
                    count += 1
                readers += 1
            scratch.last[readers - 1] = step
    return count, readers


@kernel
def note(loads: Loaded, tile: int, step: int, box: int, bits: int, turn: int, scratch: Scratch) -> None:
    """Note a load that a step is the first to use; neighbours of one ``turn`` share slots as if they were one tile."""
    loads.first[tile], loads.last[tile], loads.box[tile], loads.bits[tile] = step, step, box, bits
    loads.after[tile], loads.gate[tile], scratch.turn[tile] = -1, -1, turn


@kernel
def position_bits(nest: GroupNest) -> int:
    """Return what a position of the input takes in all channels, of all tensors that are read like one."""
    return nest.stages.channels[0] * nest.stages.sources * nest.stages.bits[0]


@kernel
def free_inputs(
    nest: GroupNest, places: GroupPlaces, loads: Loaded, count: int, readers: int, scratch: Scratch
) -> None:
    """Fill in what goes of the inputs with which step, and the last step that uses each.

    An operand goes with the last step of its stage, of an input tile what the next does not retain. The last tile that
    uses an input is as far away in the loops as along the innermost axis.
    """
    each, tiles = position_bits(nest), all_tiles(nest)
    for i in range(count):
        if loads.box[i] >= tiles:
            scratch.freed[loads.last[i]] += loads.bits[i]
    for reader in range(readers):
        step, last = scratch.first[reader], scratch.last[reader]
        held = new_at(nest, places, step, 0) + retained_at(nest, places, step)
        if reader + 1 < readers and is_followed(nest, places, step, scratch.first[reader + 1]):
            held -= retained_at(nest, places, scratch.first[reader + 1])
        scratch.freed[last] += held * each
        if scratch.load[reader] >= 0:
            user, until = reader, places.tile[step] + tiles_ahead(nest, places, step)
            while user + 1 < readers and places.tile[scratch.first[user + 1]] <= until:
                user += 1
            loads.last[scratch.load[reader]] = scratch.last[user]


@kernel
def retained_at(nest: GroupNest, places: GroupPlaces, step: int) -> int:
    """Return the positions of the input that a tile retains: those along one axis times the new ones of the others."""
    t, h, w = places.t[step], places.h[step], places.w[step]
    new_t, new_h, new_w = new_along(nest.t, 0, t), new_along(nest.h, 0, h), new_along(nest.w, 0, w)
    return nest.t.retained[t] * new_h * new_w + new_t * nest.h.retained[h] * new_w + new_t * new_h * nest.w.retained[w]


@kernel
def is_followed(nest: GroupNest, places: GroupPlaces, step: int, following: int) -> bool:
    """Return whether the tile of the step ``following`` may retain something of that of ``step``."""
    return (
        (nest.t.most_retained[0] > 0 and places.t[following] > places.t[step])
        or (nest.h.most_retained[0] > 0 and places.h[following] > places.h[step])
        or (nest.w.most_retained[0] > 0 and places.w[following] > places.w[step])
    )


@kernel
def tiles_ahead(nest: GroupNest, places: GroupPlaces, step: int) -> int:
    """Return how many tiles on the last one is that uses any of the new input of a step's tile."""
    t, h, w = places.t[step], places.h[step], places.w[step]
    return nest.t.last[t] - t + nest.h.last[h] - h + nest.w.last[w] - w


@kernel
def wait_for_room(loads: Loaded, count: int, capacity: int, freed: Words) -> bool:
    """Let every load wait for the step whose end makes room for it; return whether that is always before its first.

    Loads come in order; with the end of each step the bits ``freed`` go.
    """
    taken = given = step = 0
    for i in range(count):
        taken += loads.bits[i]
        while given < taken - capacity:
            if step >= loads.first[i]:
                return False
            given += freed[step]
            step += 1
        loads.after[i] = step - 1
    return True


@kernel
def wait_for_slots(loads: Loaded, count: int, slots: int, scratch: Scratch) -> None:
    """Let every load wait until all that took its slots before has been used."""
    sets = 0
    for i in range(count):
        if i == 0 or scratch.turn[i] != scratch.turn[i - 1]:
            scratch.begin[sets] = loads.first[i]
            sets += 1
        if sets > slots:
            loads.after[i] = max(loads.after[i], scratch.begin[sets - slots] - 1)


@kernel
def weight_tile_bits(stages: Stages, stage: int, channels: int) -> int:
    """Return the bits of the weights and biases of so many output channels of a stage."""
    return channels * (stages.c[stage] * stages.kernel_bits[stage] + stages.bias_bits[stage])


@kernel
def size_weights(nest: GroupNest, burst_bits: int, bursts: Words) -> None:
    """Fill in the bursts of every weight tile, of stage after stage."""
    stages = nest.stages
    for stage in range(len(stages.n)):
        most = nest.chunk[stages.run[stage]]
        if stages.has_weights[stage]:
            for chunk in range(ceiling(stages.n[stage], most)):
                bits = weight_tile_bits(stages, stage, min(most, stages.n[stage] - chunk * most))
                bursts[nest.first_weight[stage] + chunk] = ceiling(bits, burst_bits)


@kernel
def load_weights(nest: GroupNest, places: GroupPlaces, steps: int, loads: Loaded, scratch: Scratch) -> int:
    """List the weight tiles, every chunk of a resident stage once, of the others for every tile anew.

    Return how many they are. The stages of a run share slots: a chunk of all of them is what they take turns with.
    """
    stages, chunks, first_box, count = nest.stages, most_chunks(nest), input_boxes(nest), 0
    for step in range(steps):
        stage, chunk = places.stage[step], places.chunk[step]
        if not stages.has_weights[stage]:
            continue
        number = nest.first_weight[stage] + chunk
        if nest.resident[stage] and scratch.held[number]:
            loads.last[scratch.held[number] - 1] = step
            continue
        bits = weight_tile_bits(stages, stage, places.n[step])
        note(loads, count, step, first_box + number, bits, turn_of(nest, places, step, chunks), scratch)
        count += 1
        if nest.resident[stage]:
            scratch.held[number] = count
        else:
            scratch.freed[step] += bits
    return count


@kernel
def turn_of(nest: GroupNest, places: GroupPlaces, step: int, chunks: int) -> int:
    """Return the number of a step's chunk among those of all tiles and runs, each of which has so many at most."""
    run = places.tile[step] * len(nest.stages.start) + nest.stages.run[places.stage[step]]
    return run * chunks + places.chunk[step]


@kernel
def most_chunks(nest: GroupNest) -> int:
    """Return the chunks of the run that has most of them."""
    most = 0
    for run in range(len(nest.chunk)):
        most = max(most, ceiling(nest.stages.channels[nest.stages.stop[run]], nest.chunk[run]))
    return most
