"""The schedule of a fused group worked out column by column in NumPy, for tests to hold the kernels against."""

from __future__ import annotations

import numpy as np

from lw3dsim.base.arrays import arrays_of, parts
from lw3dsim.base.distinct import distinct
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.base.values import names_of, replace
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.step import Costs, cost_step
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.layer.mapping import weight_tile_bits
from lw3dsim.schedule.fused import GroupSteps, stage_machines
from lw3dsim.schedule.program import Kinds, Loads, Stores
from lw3dsim.schedule.room import release_steps, release_stores


def columns_of(group, mapping, arch, meeting):
    """The places, loads, stores, kinds and their table of a group, where DMA and the array are ``meeting``."""
    axes = mapping.axes(group)
    steps = _steps(group, mapping, axes)
    tiles = axes[0].tiles * axes[1].tiles * axes[2].tiles
    # Of operands that are sliced, every chunk of channels is a box of its own.
    inputs = [tiles * (len(_chunks(group, mapping, i)) if i and mapping.sliced else 1) for i, _, _ in group.dram_inputs]
    weights = sum(len(_weight_bits(group, mapping, i)) for i in range(len(group.stages)))
    boxes = np.cumsum([0, *inputs, weights, 0]).tolist()
    ifmap = _ifmap(group, mapping, axes, steps, boxes, arch.buffers)
    weight = _weight(group, mapping, steps, boxes[-3], arch.buffers)
    ofmap = _stores(group, mapping, axes, steps, boxes[-2])
    machines = stage_machines(group, mapping, arch)
    # A group that reads nothing else from DRAM is alone in a single slot of the input buffer.
    alone = {"ifmap"} if arch.buffers.slots == 1 and "dram" not in group.operands else set()
    loads = {"ifmap": ifmap, "weight": weight, "ofmap": ofmap}
    for name in set(meeting) - alone:
        port = getattr(machines[0], f"{name}_port")
        loads[name] = replace(loads[name], words=-(-loads[name].bits * port.per_cycles // port.bits))
    return steps, *loads.values(), *_kinds(group, machines, axes, steps)


def _steps(group, mapping, axes):
    """Unroll tiles, runs, chunks and the stages of a run; leave out stages that have nothing to compute for a tile."""
    rows = []
    for run, size in zip(group.runs, mapping.chunks, strict=True):
        for number, channels in enumerate(parts(group.channels[run.stop], size).tolist()):
            rows += [(i, number, channels, group.sources[i] > 0 and (number == 0 or i > run.start)) for i in run]
    tiles = dict(zip("thw", (axis.tiles for axis in axes), strict=True))
    index = np.indices([tiles[name] for name in mapping.loops], dtype=np.int64).reshape(3, -1)
    at = dict(zip(mapping.loops, index, strict=True))
    tile = np.repeat(np.arange(index.shape[1]), len(rows))
    stage, chunk, n, waits = (np.tile(column, index.shape[1]) for column in np.array(rows, dtype=np.int64).T)
    new = np.stack([_at(axes, [at[name] for name in "thw"], i + 1).prod(axis=0) for i in range(len(group.stages))])
    some = new[stage, tile] > 0
    tile = tile[some]
    return GroupSteps(
        tile=tile,
        at=(at["t"][tile], at["h"][tile], at["w"][tile]),
        stage=stage[some],
        chunk=chunk[some],
        n=n[some],
        waits=waits[some] != 0,
    )


def _at(axes, at, tensor):
    """Return the new positions of ``tensor`` along T, H, W at the tiles ``at``, as three rows."""
    return np.stack([axis.new[tensor][index] for axis, index in zip(axes, at, strict=True)])


def _weight_bits(group, mapping, i):
    """Return the bits of the weight tiles of stage ``i``, a chunk of channels each; none where it has no weights."""
    stage = group.stages[i]
    if not stage.has_weights:
        return np.zeros(0, dtype=np.int64)
    return weight_tile_bits(stage, parts(stage.n, mapping.chunks[group.run_of(i)]), np.array(stage.c), True)


def _chunks(group, mapping, i):
    """Return the channels of every chunk of stage ``i``."""
    return parts(group.stages[i].n, mapping.chunks[group.run_of(i)])


def _ifmap(group, mapping, axes, steps, boxes, buffers):
    """Return the tiles of the input, and of the operands of additions where they come from DRAM.

    Of an input tile, that makes room which no later tile needs, when the last step that
    reads the tile has ended.
    """
    loads = [_input_loads(group, axes, steps)]
    operands = [i for i, operand in enumerate(group.operands) if operand == "dram"]
    loads += [_operand_loads(group, mapping, axes, steps, i) for i in operands]
    first, last, box, bits, freed_at, freed = (
        np.concatenate([np.asarray(load[k]) + (boxes[r] if k == 2 else 0) for r, load in enumerate(loads)])
        for k in range(6)
    )
    order = np.argsort(first)
    first, bits = first[order], bits[order]
    after = room_for(first, bits, freed_at, freed, buffers.capacity_bits["ifmap"], "ifmap")
    # Slices take turns with what comes for other chunks, whole tiles with those of other tiles.
    run = np.array([number for number, stages in enumerate(group.runs) for _ in stages])[steps.stage[first]]
    chunk = (steps.tile[first] * len(group.runs) + run) * (int(steps.chunk.max()) + 1) + steps.chunk[first]
    return Loads(
        first=first,
        last=last[order],
        box=box[order],
        bits=bits,
        after=np.maximum(after, release_sets(first, chunk if mapping.sliced else steps.tile[first], buffers.slots)),
        gate=np.full(len(first), -1, dtype=np.int64),
        words=np.zeros(len(first), dtype=np.int64),
    )


def _input_loads(group, axes, steps):
    """Return, per tile of tensor 0, its first and last step, box and bits, and per tile when how many bits go."""
    reads = np.zeros(len(steps.stage), dtype=bool)
    for i, (source, operand) in enumerate(zip(group.sources, group.operands, strict=True)):
        if source == 0 or operand == "input":
            reads |= steps.stage == i
    begins, ends, tile = _first_and_last(np.flatnonzero(reads), steps.tile)
    at = [index[begins] for index in steps.at]
    scale = group.channels[0] * group.stages[0].activation_bits * group.stages[0].sources
    bits = _at(axes, at, 0).prod(axis=0) * scale
    box = np.asarray(np.ravel_multi_index(tuple(at), tuple(axis.tiles for axis in axes)), dtype=np.int64)
    # The last tile that uses each is as far away in the loops as along the axis that is innermost.
    ahead = sum(
        (np.asarray(axis.cuts.last)[index] - index for axis, index in zip(axes, at, strict=True)), np.zeros_like(tile)
    )
    last = ends[np.searchsorted(tile, tile + ahead, "right") - 1]
    stays = _retained(axes, at) * scale
    is_next = np.r_[_continues(axes, at), False]
    freed = stays + bits - np.where(is_next, np.r_[stays[1:], 0], 0)
    some = bits > 0
    return begins[some], last[some], box[some], bits[some], ends, freed


def _retained(axes, at):
    """Return the retained positions of tensor 0 at the tiles ``at``: those of one axis times the new of the others."""
    total = np.zeros_like(at[0])
    for d, axis in enumerate(axes):
        part = axis.retained[0][at[d]]
        for e, other in enumerate(axes):
            if e != d:
                part = part * other.new[0][at[e]]
        total = total + part
    return total


def _continues(axes, at):
    """Return which tiles are followed by one that may retain something of theirs, along the axis of kept halos."""
    follows = np.zeros(len(at[0]) - 1, dtype=bool)
    for axis, index in zip(axes, at, strict=True):
        if axis.retained[0].any():
            follows |= index[1:] > index[:-1]
    return follows


def _operand_loads(group, mapping, axes, steps, i):
    """Return the same for the second operand of addition ``i``: a tile as large as its new outputs, or its slices."""
    users = np.flatnonzero(steps.stage == i)
    begins, ends = (users, users) if mapping.sliced else _first_and_last(users, steps.tile)[:2]
    at, stage = [index[begins] for index in steps.at], group.stages[i]
    channels = steps.n[begins] if mapping.sliced else stage.n
    bits = _at(axes, at, i + 1).prod(axis=0) * (channels * stage.activation_bits)
    tiles = tuple(axis.tiles for axis in axes)
    box = np.ravel_multi_index((steps.chunk[begins], *at), (len(_chunks(group, mapping, i)), *tiles))
    return begins, ends, np.asarray(box, dtype=np.int64), bits, ends, bits


def _first_and_last(users, tile):
    """Return the first and the last of the steps ``users`` in every tile that has any, and the tile."""
    of = tile[users]
    starts = np.flatnonzero(np.r_[True, of[1:] != of[:-1]])
    return users[starts], users[np.r_[starts[1:], len(users)] - 1], of[starts]


def _weight(group, mapping, steps, first_box, buffers):
    """Return the weight tiles: every chunk of a resident stage once, of the others for every tile anew."""
    bits = [_weight_bits(group, mapping, i) for i in range(len(group.stages))]
    offset = np.cumsum([0, *map(len, bits)])[:-1]
    has_weights = np.array([len(of_stage) > 0 for of_stage in bits])
    users = np.flatnonzero(has_weights[steps.stage])
    tile = offset[steps.stage[users]] + steps.chunk[users]
    stays = np.array(mapping.resident)[steps.stage[users]]
    final = np.zeros(sum(map(len, bits)), dtype=np.int64)
    np.maximum.at(final, tile, users)
    is_first = np.zeros(len(users), dtype=bool)
    is_first[np.unique(tile, return_index=True)[1]] = True
    loaded = ~stays | is_first
    first, tile, stays = users[loaded], tile[loaded], stays[loaded]
    sizes = np.concatenate(bits)[tile]
    after = room_for(first, sizes, first[~stays], sizes[~stays], buffers.capacity_bits["weight"], "weight")
    # The stages of a run share slots: a chunk of all of them is what they take turns with.
    run = np.array([number for number, stages in enumerate(group.runs) for _ in stages])[steps.stage[first]]
    number = (steps.tile[first] * len(group.runs) + run) * (int(steps.chunk.max()) + 1) + steps.chunk[first]
    return Loads(
        first=first,
        last=np.where(stays, final[tile], first),
        box=first_box + tile,
        bits=sizes,
        after=np.maximum(after, release_sets(first, number, buffers.slots)),
        gate=np.full(len(first), -1, dtype=np.int64),
        words=np.zeros(len(first), dtype=np.int64),
    )


def _stores(group, mapping, axes, steps, first_box):
    """Return the tiles of the output and of what is stored besides, in the order of the steps that begin them."""
    streams = [_ofmap(group, mapping, axes, steps, first_box)]
    box = first_box + -(-group.channels[-1] // mapping.chunks[-1]) * int(np.prod([axis.tiles for axis in axes]))
    for tensor in group.stored:
        streams.append(_besides(group, axes, steps, tensor, box))
        box += int(np.prod([axis.tiles for axis in axes]))
    order = np.argsort(np.concatenate([stream.opens for stream in streams]))
    ends = np.cumsum([0, *(len(stream.opens) for stream in streams)])
    # Where a store of a stream is among all.
    place = np.argsort(order)
    after = [
        np.where(stream.after < 0, -1, place[begin + np.maximum(stream.after, 0)])
        for stream, begin in zip(streams, ends, strict=False)
    ]
    columns = {name: np.concatenate([getattr(one, name) for one in streams])[order] for name in names_of(Stores)}
    return Stores(**columns | {"after": np.concatenate(after)[order]})


def _besides(group, axes, steps, tensor, first_box):
    """Return the tiles of a tensor that is stored besides: of each what no tile before had, axis by axis."""
    begins, ends, _ = _first_and_last(np.flatnonzero(steps.stage == tensor - 1), steps.tile)
    at = [index[begins] for index in steps.at]
    owned = []
    for axis in axes:
        had, counts = set(), []
        for first, new in zip(axis.first[tensor].tolist(), axis.new[tensor].tolist(), strict=True):
            own = set(range(first, first + new)) - had
            had |= own
            counts.append(len(own))
        owned.append(np.array(counts))
    positions = np.prod([counts[index] for counts, index in zip(owned, at, strict=True)], axis=0)
    return Stores(
        opens=begins,
        closes=ends,
        box=first_box + np.ravel_multi_index(at, [axis.tiles for axis in axes]),
        bits=positions * group.channels[tensor] * group.stages[tensor - 1].activation_bits,
        after=np.arange(len(begins)) - 1,
        words=np.zeros(len(begins), dtype=np.int64),
    )


def _ofmap(group, mapping, axes, steps, first_box):
    closes = np.flatnonzero(steps.stage == len(group.stages) - 1)
    at = [index[closes] for index in steps.at]
    shape = (-(-group.channels[-1] // mapping.chunks[-1]), *(axis.tiles for axis in axes))
    bits = steps.n[closes] * _at(axes, at, len(group.stages)).prod(axis=0) * group.stages[-1].activation_bits
    return Stores(
        opens=closes,
        closes=closes,
        box=first_box + np.ravel_multi_index((steps.chunk[closes], *at), shape),
        bits=bits,
        after=release_stores(len(closes), mapping.ofmap_slots),
        words=np.zeros(len(closes), dtype=np.int64),
    )


def _costed(stage, machine, channels, outputs):
    """The columns of kinds of so many ``channels`` and outputs, of all input channels."""
    layer, array, waves = plain_layer(stage), plain_array(machine), empty_waves(INTERPRETED)
    costs = INTERPRETED.columns(Costs, len(channels))
    for i, (n, t, h, w) in enumerate(zip(channels.tolist(), *outputs.tolist(), strict=True)):
        cost_step(layer, array, n, stage.c, t, h, w, 1, 1, waves, costs, i)
    return arrays_of(costs)


def _kinds(group, machines, axes, steps):
    """Return the kind of every step and the table of kinds: stage by stage, then by the drain that is waited for."""
    kind = np.zeros(len(steps.tile), dtype=np.int64)
    tables = []
    for i, (stage, machine) in enumerate(zip(group.stages, machines, strict=True)):
        own = np.flatnonzero(steps.stage == i)
        at = [index[own] for index in steps.at]
        outputs = _at(axes, at, i + 1)
        example, of_step = distinct([steps.n[own], *outputs])
        step = own[example]
        costed = _costed(stage, machine, steps.n[step], outputs[:, example])
        kind[own] = of_step + sum(len(table.head) for table in tables)
        tables.append(Kinds(wait=np.zeros(len(step), dtype=np.int64), **costed))
    columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in names_of(Kinds)}
    before = np.concatenate((np.zeros(1, dtype=np.int64), columns["drain"][kind[:-1]]))
    # The first step of all waits for none.
    lead = np.where(steps.waits & (np.arange(len(kind)) > 0), before, -1)
    example, of_step = distinct([kind, lead])
    columns = {name: values[kind[example]] for name, values in columns.items()}
    return of_step, Kinds(**columns | {"wait": np.maximum(lead[example], 0)})


def room_for(first, bits, freed_at, freed, capacity, name):
    """Return, per tile of ``bits``, the step whose end makes room for it; -1 where there is room from the start.

    Tiles come in order; the step ``freed_at[i]`` gives back ``freed[i]`` bits. Raises MappingError where a tile would
    have to wait for a step that is not before its ``first``.
    """
    order = np.argsort(freed_at, kind="stable")
    given = np.concatenate(([0], np.cumsum(freed[order])))
    leave = np.searchsorted(given, np.cumsum(bits) - capacity)
    fits = leave < len(given)
    after = np.where(leave > 0, np.append(freed_at[order], -1)[np.where(fits, leave, 0) - 1], -1)
    if not fits.all() or (after >= first).any():
        raise MappingError(f"buffers.{name}_kib", "the tiles of a fused group do not fit together")
    return np.asarray(after, dtype=np.int64)


def release_sets(first, number, slots):
    """Return ``after`` of tiles that share slots with the neighbours of equal ``number``, as if these were one tile."""
    begins = np.flatnonzero(np.diff(number, prepend=number[:1] - 1))
    sizes = np.diff(np.append(begins, len(first)))
    return np.repeat(release_steps(first[begins], slots), sizes)
