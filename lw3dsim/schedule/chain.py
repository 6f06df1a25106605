"""All layers of a network behind each other, for one or more clips: one program for the engine.

DMA does not stop at a layer's border: the first tiles of the next layer are loaded
as soon as there is room for them. What holds an input tile back is that it must have
been stored: a layer reads a tensor when the last tile of the tensor has left the bus.
Of its weights the first tile comes ahead of that; the others are asked for with the
input, as in a layer alone, so that they are not in front of it and of what is stored.

Every buffer is a ring. Tiles enter and leave in order; it holds at most as many as
it has slots, of any sizes that fit into it together, whichever layers they belong to.
Within a layer this is the rule of slots of equal size, as the mapper cut the tiles
to fit those.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.map.arrays import padded
from lw3dsim.schedule.program import Kinds, Loads, Program, Stores
from lw3dsim.schedule.room import room_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Buffers
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.arrays import Ints
    from lw3dsim.map.mapping import Mapping
    from lw3dsim.map.problem import Problem
    from lw3dsim.schedule.program import Schedule

# No store to wait for, in any clip; -1 counts on to the last store of the clip before.
NONE = -2


@dataclass(frozen=True, kw_only=True)
class Link:
    """A layer of a chain: its schedule, and the layers before it, by number, whose outputs it reads.

    ``held_bits`` is what each output tile takes in the buffer: partial sums are wider than what is stored of them.
    """

    schedule: Schedule
    reads: tuple[int, ...]
    held_bits: Ints


@dataclass(frozen=True, kw_only=True)
class Chain(Program):
    """Layers behind each other, ``clips`` times over; clips take turns in the same tensors.

    ``lead`` configures a layer before its first step; the very first layer waits for
    ``setup_cycles`` instead, DMA as well.
    """

    clips: int

    @property
    def stores_per_clip(self) -> int:
        """Output tiles of a clip."""
        return len(self.ofmap.closes) // self.clips


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A layer and what lies before it: steps, stores, kinds, boxes and bursts.

    ``gate`` is the store that its input tiles wait for, or NONE.
    """

    schedule: Schedule
    held_bits: Ints
    step: int
    store: int
    kind: int
    box: int
    burst: int
    gate: int


def make_link(problem: Problem, mapping: Mapping, schedule: Schedule, reads: tuple[int, ...]) -> Link:
    """Return a mapped layer as a link of a chain."""
    bits = schedule.ofmap.bits
    if mapping.c < problem.c:
        bits = bits // problem.activation_bits * problem.accumulator_bits
    return Link(schedule=schedule, reads=reads, held_bits=bits)


def join(links: Sequence[Link], clips: int, buffers: Buffers, clocks: Clocks) -> Chain:
    """Return the chain of ``links``, all layers of a clip before those of the next."""
    places = _places(links, clocks)
    kind, kinds, lead = _kinds(places)
    kind = np.tile(kind, clips)
    kind[0] = links[0].schedule.kind[0]
    return Chain(
        clips=clips,
        kind=kind,
        kinds=kinds,
        lead=lead,
        ifmap=_loads(places, clips, "ifmap", buffers),
        weight=_loads(places, clips, "weight", buffers),
        ofmap=_stores(places, clips, buffers),
        setup_cycles=links[0].schedule.setup_cycles,
        regions=tuple(region.shifted(place.burst) for place in places for region in place.schedule.regions),
    )


def _places(links: Sequence[Link], clocks: Clocks) -> list[_Place]:
    places: list[_Place] = []
    step = store = kind = box = burst = 0
    last_store: list[int] = []
    for link in links:
        schedule = link.schedule
        places.append(
            _Place(
                schedule=schedule,
                held_bits=link.held_bits,
                step=step,
                store=store,
                kind=kind,
                box=box,
                burst=burst,
                gate=max((last_store[i] for i in link.reads), default=NONE),
            )
        )
        step += schedule.steps
        store += len(schedule.ofmap.closes)
        kind += len(schedule.kinds.head) + 1
        box += len(schedule.box_bursts)
        burst += padded(schedule.end_burst, clocks.stripe_bursts)
        last_store.append(store - 1)
    return places


def _kinds(places: Sequence[_Place]) -> tuple[Ints, Kinds, Ints]:
    """Return the kinds of a clip's steps, their table, and cycles of configuration by kind.

    The first step of every layer is of a kind of its own, the last of the layer's.
    """
    of_steps, rows, leads = [], [], []
    for place in places:
        schedule = place.schedule
        kinds = len(schedule.kinds.head)
        kind = schedule.kind + place.kind
        kind[0] = place.kind + kinds
        of_steps.append(kind)
        rows.append(np.append(np.arange(kinds), schedule.kind[0]))
        leads.append(np.append(schedule.lead, schedule.setup_cycles + schedule.lead[schedule.kind[0]]))
    columns = {
        field.name: np.concatenate(
            [getattr(place.schedule.kinds, field.name)[row] for place, row in zip(places, rows, strict=True)]
        )
        for field in fields(Kinds)
    }
    return np.concatenate(of_steps), Kinds(**columns), np.concatenate(leads)


def _loads(places: Sequence[_Place], clips: int, name: str, buffers: Buffers) -> Loads:
    """Return the tiles of a load stream."""
    streams: list[Loads] = [getattr(place.schedule, name) for place in places]
    firsts, lasts, gates = [], [], []
    for place, stream in zip(places, streams, strict=True):
        firsts.append(stream.first + place.step)
        lasts.append(stream.last + place.step)
        gates.append(np.full(len(stream.first), place.gate, dtype=np.int64))
        if name == "weight":
            gates[-1][:1] = NONE
        if _stops_at_borders(name, buffers):
            gates[-1][:] = place.store - 1
    steps, stores = _sizes(places)
    bits = np.tile(np.concatenate([stream.bits for stream in streams]), clips)
    last, gate = _repeated(lasts, clips, steps), _repeated(gates, clips, stores)
    return Loads(
        first=_repeated(firsts, clips, steps),
        last=last,
        box=_repeated([stream.box + place.box for place, stream in zip(places, streams, strict=True)], clips),
        bits=bits,
        after=room_after(bits, last, buffers.slots, buffers.capacity_bits[name]),
        gate=np.maximum(np.where(np.tile(np.concatenate(gates), clips) == NONE, -1, gate), -1),
    )


def _stops_at_borders(name: str, buffers: Buffers) -> bool:
    """Return whether DMA must not meet the array of another layer: a buffer has one bank for both.

    What it takes from the array within a layer is part of the schedule. Nothing computes before its input is there,
    so stopping the input is enough to let the last output leave alone.
    """
    if name == "weight":
        return buffers.weight_banks == 1
    return 1 in (buffers.ifmap_banks, buffers.ofmap_banks)


def _stores(places: Sequence[_Place], clips: int, buffers: Buffers) -> Stores:
    streams = [(place, place.schedule.ofmap) for place in places]
    steps, _ = _sizes(places)
    bits = np.tile(np.concatenate([place.held_bits for place in places]), clips)
    return Stores(
        opens=_repeated([stream.opens + place.step for place, stream in streams], clips, steps),
        closes=_repeated([stream.closes + place.step for place, stream in streams], clips, steps),
        box=_repeated([stream.box + place.box for place, stream in streams], clips),
        bits=bits,
        after=room_after(bits, np.arange(len(bits), dtype=np.int64), buffers.slots, buffers.capacity_bits["ofmap"]),
    )


def _sizes(places: Sequence[_Place]) -> tuple[int, int]:
    """Return the steps and the stores of a clip."""
    return sum(place.schedule.steps for place in places), sum(len(place.held_bits) for place in places)


def _repeated(layers: Sequence[Ints], clips: int, size: int = 0) -> Ints:
    """Return what all ``layers`` count once per clip, counting on by ``size``."""
    return (np.arange(clips, dtype=np.int64)[:, None] * size + np.concatenate(layers)).ravel()
