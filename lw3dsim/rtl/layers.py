"""The program of a layer by itself, made from its schedule: what its steps are, and what DMA does when."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.place import Place
from lw3dsim.map.layer.mapping import output_axis
from lw3dsim.rtl.memories import memories
from lw3dsim.rtl.notes import Fresh, Happening, Notes, check_room
from lw3dsim.rtl.pauses import leave, pauses
from lw3dsim.rtl.program import Maker
from lw3dsim.rtl.vectors import VectorMaker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Ints
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.notes import CoreProgram
    from lw3dsim.rtl.subject import GroupSubject, Subject


def layer_program(subject: Subject, core: Core) -> CoreProgram:
    """Return the program of a layer."""
    schedule, trace, mapping, notes = subject.schedule, subject.trace, subject.mapping, Notes()
    maker = (Maker if subject.problem.has_weights else VectorMaker)(subject, core, notes)
    places = places_of(subject)
    ifmap_of, weight_of = (_tile_of(loads.first, len(places)) for loads in (schedule.ifmap, schedule.weight))
    arrives_i, arrives_w = (arrivals(subject, transfers.ready) for transfers in (trace.ifmap, trace.weight))
    first_i, first_w = set(schedule.ifmap.first.tolist()), set(schedule.weight.first.tolist())
    notes.happenings += pauses(subject.paused) + rooms(subject)
    store_of = {int(step): i for i, step in enumerate(schedule.ofmap.opens)}
    stores = _tile_of(schedule.ofmap.opens, len(places))
    own = memories(core, subject.buffers)
    ifmap, weight, ofmap = (own[name].begin for name in ("ifmap", "weight", "ofmap"))
    of_ifmap, of_weight = own["ifmap"].words // mapping.ifmap_slots, own["weight"].words // mapping.weight_slots
    of_ofmap, numbers = own["ofmap"].words // mapping.ofmap_slots, turns(subject)
    for step, place in enumerate(places):
        fresh = Fresh(step in first_i, step in first_w)
        tile_i, tile_w = int(ifmap_of[step]), int(weight_of[step])
        slot_i, slot_w = tile_i % mapping.ifmap_slots, max(tile_w, 0) % mapping.weight_slots
        maker.enter(place)
        before = len(notes.happenings)
        if fresh.ifmap:
            begin = ifmap + slot_i * of_ifmap
            end = maker.ifmap_image(place, begin, arrives_i[tile_i])
            check_room(subject.name, "ifmap", end - begin, of_ifmap)
            subject.paused.spread(notes.happenings, before, "ifmap", tile_i)
            notes.happenings.append(Happening(arrives_i[tile_i], "ifmap_tile", slot_i))
        if fresh.weight:
            begin = weight + slot_w * of_weight
            end = maker.weight_image(place, begin, arrives_w[tile_w])
            check_room(subject.name, "weight", end - begin, of_weight)
            subject.paused.spread(notes.happenings, before, "weight", tile_w)
            notes.happenings.append(Happening(arrives_w[tile_w], "weight_tile", slot_w))
        gate = int(schedule.ofmap.after[store_of[step]]) if step in store_of else -1
        begin = ofmap + int(stores[step]) % mapping.ofmap_slots * of_ofmap
        maker.next_word = maker.next_sums = begin
        ends = bool(schedule.loops.is_first[step]), bool(schedule.loops.is_last[step])
        results = len(notes.results)
        maker.step(
            place, ends, fresh, slots=slot_i | slot_w << 3, need_ifmap=tile_i + 1, need_weight=tile_w + 1,
            need_room=numbers.get(gate, 0),
        )  # fmt: skip
        check_room(subject.name, "ofmap", max(maker.next_word, maker.next_sums) - begin, of_ofmap)
        notes.leave(int(stores[step]), results)
    leave(subject, notes)
    return notes.program(subject.cycle(trace.finish), elements=0, slots=0)


def places_of(subject: Subject) -> list[Place]:
    """Return where the steps of a layer work."""
    problem, mapping, loops = subject.problem, subject.mapping, subject.schedule.loops
    axis = output_axis(problem, 0, mapping.t)
    indices = np.stack([getattr(loops, name) for name in "gnthwc"], axis=1).tolist()
    return [
        Place.of(problem, mapping, g, n, (int(axis.first[t]), int(axis.outputs[t])), (h, w), c)
        for g, n, t, h, w, c in indices
    ]


def arrivals(subject: Subject | GroupSubject, ready: Sequence[int] | Ints) -> list[int]:
    """Return the cycles in which DMA says that tiles have come: one behind the other.

    One of padding alone is there at once; before it is used, those before it have been.
    """
    cycles = [max(subject.cycle(at), subject.schedule.setup_cycles) for at in ready]
    return list(itertools.accumulate(cycles, max))


def rooms(subject: Subject | GroupSubject) -> list[Happening]:
    """Return when stores have left that make room for others."""
    ready, before = subject.trace.ofmap.ready, -subject.ahead - 1
    return [
        Happening(subject.paused.shifted(subject.cycle(ready[gate]), before), "room", number)
        for gate, number in turns(subject).items()
    ]


def turns(subject: Subject | GroupSubject) -> dict[int, int]:
    """Return, of stores that make room for others, how many of these have left with each."""
    ofmap, ready = subject.schedule.ofmap, subject.trace.ofmap.ready
    gates = sorted(ofmap.after[ofmap.after >= 0].tolist(), key=lambda gate: (ready[gate], gate))
    return {gate: number + 1 for number, gate in enumerate(gates)}


def _tile_of(first: Ints, steps: int) -> Ints:
    """Return the tile of every step, where tiles begin with the ``first``."""
    tiles = np.zeros(steps, dtype=np.int64)
    tiles[first] = 1
    return np.cumsum(tiles) - 1
