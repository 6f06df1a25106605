"""Room for mappings of a fused group that are listed, and what is known of the cheapest; kernels are plain integers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.caches import kept, lent
from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import kernel, kernels
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.group.fitting import Found
from lw3dsim.map.group.weighing import SEEN, Effort, Seen, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lw3dsim.base.arrays import Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.machine.waves import Waves
    from lw3dsim.map.group.fitting import Parts

# No slots: no chunks are noted yet.
NONE = -1

# Ways to have slots: as many as there are, or one, of weights and of the output.
WAYS = 4


class Best(NamedTuple):
    """The cheapest mappings that are surely of different time or steps: what each costs at most, NEVER for none.

    And its latency in parts, at least, by how much it may be more, and its steps.
    """

    cost: Words
    parts: Words
    error: Words
    steps: Words


class Room(NamedTuple):
    """What is filled, and what is written over on the way.

    ``chunks`` are the slots of the output, and chunks, that were noted last: for each of WAYS to have slots.
    """

    found: Found
    traffic: Traffic
    effort: Effort
    best: Best
    streamed: Words
    chunks: Words
    floors: Words
    waves: Waves
    seen: Seen


def make_room(parts: Parts, modes: int, size: int, keep: int) -> Room:
    """Return room for mappings made of ``parts``, and for one that is written over, their stages in so many ``modes``.

    Of the cheapest as many are noted as are to ``keep``.
    """
    return _room_for(len(parts.stages.n), len(parts.stages.start), len(parts.set_bits), modes, size + 1, keep)


def _room_for(stages: int, runs: int, sets: int, modes: int, size: int, keep: int) -> Room:
    work = kernels()
    return Room(
        found=work.rooms(Found, size)._replace(chunk=work.room(size * runs)),
        traffic=work.sheet(Traffic, size),
        effort=work.sheet(Effort, size * modes),
        best=Best._make(work.words([NEVER] * keep) for _ in Best._fields),
        streamed=work.empty(sets * (runs + 1)),
        chunks=work.empty(WAYS * (runs + 1)),
        floors=work.empty(stages),
        waves=empty_waves(work),
        seen=work.sheet(Seen, SEEN),
    )


def larger_room(parts: Parts, modes: int, room: Room) -> Room:
    """Return room for twice as many mappings as a ``room`` has, with what is known of the best."""
    return make_room(parts, modes, 2 * len(room.found.t), 0)._replace(best=room.best, seen=room.seen)


@contextmanager
def lent_room(parts: Parts, modes: int, size: int, keep: int) -> Iterator[Room]:
    """Lend such room, in which nothing is noted or seen yet: what is in it then is written over later."""
    work, stages, runs, sets = kernels(), len(parts.stages.n), len(parts.stages.start), len(parts.set_bits)
    of_sets = 1 << (sets - 1).bit_length()
    free = _free(stages, runs, of_sets, modes, size, keep, work)
    with lent(free, lambda: _room_for(stages, runs, of_sets, modes, size + 1, keep)) as room:
        nothing, unseen = [NEVER] * keep, Seen._make(room.seen).key
        for column in room.best:
            column[:] = nothing
        unseen[:] = work.empty(SEEN)
        yield room


@kept(128)
def _free(stages: int, runs: int, sets: int, modes: int, size: int, keep: int, work: Kernels) -> list[Room]:  # noqa: ARG001
    """Return what of such rooms nobody uses now."""
    return []


@kernel
def note_nothing(room: Room) -> None:
    """Note that there are no chunks yet."""
    for i in range(len(room.chunks)):
        room.chunks[i] = NONE


@kernel
def are_others(room: Room, runs: int, at: int, way: int) -> bool:
    """Return whether the chunks of mapping ``at`` were not noted last for any way to have slots; note them for one."""
    found, are_new = room.found, True
    for other in range(WAYS):
        noted = other * (runs + 1)
        are_alike = room.chunks[noted] == found.slots[at]
        for run in range(runs):
            are_alike = are_alike and room.chunks[noted + run + 1] == found.chunk[run * len(found.t) + at]
        are_new = are_new and not are_alike
    own = way * (runs + 1)
    room.chunks[own] = found.slots[at]
    for run in range(runs):
        room.chunks[own + run + 1] = found.chunk[run * len(found.t) + at]
    return are_new


@kernel
def lowest_of(room: Room, count: int) -> int:
    """Return what the cheapest of the first ``count`` mappings costs at least."""
    lowest = NEVER
    for i in range(count):
        lowest = min(lowest, room.found.cost[i])
    return lowest


@kernel
def drop_worse(room: Room, runs: int, modes: int, count: int, most: int) -> int:
    """Drop those of ``count`` mappings that cost more than ``most``; return how many are left."""
    left = 0
    for i in range(count):
        if room.found.cost[i] <= most:
            if left < i:
                move_mapping(room, runs, modes, i, left)
            left += 1
    return left


@kernel
def move_mapping(room: Room, runs: int, modes: int, source: int, to: int) -> None:
    """Put the mapping of a place in another."""
    found, traffic, effort = room.found, room.traffic, room.effort
    found.t[to], found.h[to], found.w[to] = found.t[source], found.h[source], found.w[source]
    found.resident[to], found.slots[to] = found.resident[source], found.slots[source]
    found.tile[to], found.cost[to] = found.tile[source], found.cost[source]
    for run in range(runs):
        found.chunk[run * len(found.t) + to] = found.chunk[run * len(found.t) + source]
    traffic.inputs[to], traffic.bursts[to] = traffic.inputs[source], traffic.bursts[source]
    traffic.loads[to], traffic.visits[to] = traffic.loads[source], traffic.visits[source]
    traffic.stores[to], traffic.exposed[to] = traffic.stores[source], traffic.exposed[source]
    traffic.window[to], traffic.turns[to] = traffic.window[source], traffic.turns[source]
    traffic.waits[to] = traffic.waits[source]
    for mode in range(modes):
        a, b = to * modes + mode, source * modes + mode
        effort.steps[a], effort.cycles[a], effort.drain[a] = effort.steps[b], effort.cycles[b], effort.drain[b]
        effort.all_passes[a], effort.passes[a] = effort.all_passes[b], effort.passes[b]
        effort.all_tiles[a], effort.tiles[a] = effort.all_tiles[b], effort.tiles[b]
