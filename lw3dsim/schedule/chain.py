"""All layers of a network behind each other, for one or more clips: one program for the engine.

DMA does not stop at a layer's border: the first tiles of the next layer are loaded
as soon as there is room for them. What holds an input tile back is that it must have
been stored: a layer reads a tensor when the last tile of the tensor has left the bus.
Of its weights the first tile comes ahead of that; the others are asked for with the
input, as in a layer alone, so that they are not in front of it and of what is stored.

Every buffer is a ring. Tiles enter and leave in order; it holds at most as many as
it has slots, of any sizes that fit into it together, whichever layers they belong to.
Within a layer this is the rule of slots of equal size, as the mapper cut the tiles
to fit those. A fused group, whose tiles come and go by rules of its own, has a buffer
to itself: it enters the ring as one tile of all its bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import padded
from lw3dsim.base.values import Value, names_of
from lw3dsim.schedule.program import Kinds, Loads, Program, Stores
from lw3dsim.schedule.room import room_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.buffers import Buffers
    from lw3dsim.describe.clocks import Clocks

# No store to wait for, in any clip; -1 counts on to the last store of the clip before.
NONE = -2


class Link(Value, frozen=True, kw_only=True):
    """A layer or fused group of a chain: its program, and the links before it, by number, whose outputs it reads.

    ``held_bits`` is what each output tile takes in the buffer: partial sums are wider than what is stored of them.
    A group ``is_alone`` in the buffers.
    """

    program: Program
    reads: tuple[int, ...]
    held_bits: Ints
    is_alone: bool


class Chain(Program, frozen=True, kw_only=True):
    """Layers and groups behind each other, ``clips`` times over; clips take turns in the same tensors.

    ``lead`` configures a link before its first step; the very first waits for ``setup_cycles`` instead, DMA as well.
    """

    clips: int

    @property
    def stores_per_clip(self) -> int:
        """Output tiles of a clip."""
        return len(self.ofmap.closes) // self.clips


class _Offsets(Value, frozen=True, kw_only=True):
    """A link and what lies before it: steps, stores, kinds, boxes and bursts.

    ``gate`` is the store that its input tiles wait for, or NONE.
    """

    link: Link
    step: int
    store: int
    kind: int
    box: int
    burst: int
    gate: int

    @property
    def program(self) -> Program:
        """The program of the link."""
        return self.link.program


class _Tiles(Value, frozen=True, kw_only=True):
    """The tiles of a link in a buffer: bits, the event with which each goes, and what makes room for it.

    ``after`` is None where the ring says that; else the link is alone in the buffer. Events are those of a clip.
    """

    bits: Ints
    gone: Ints
    after: Ints | None


def join(links: Sequence[Link], clips: int, buffers: Buffers, clocks: Clocks) -> Chain:
    """Return the chain of ``links``, all of a clip before those of the next."""
    places = _places(links, clocks)
    kind, kinds, lead = _kinds(places)
    kind = np.tile(kind, clips)
    kind[0] = links[0].program.kind[0]
    return Chain(
        clips=clips,
        kind=kind,
        kinds=kinds,
        lead=lead,
        ifmap=_loads(places, clips, "ifmap", buffers),
        weight=_loads(places, clips, "weight", buffers),
        ofmap=_stores(places, clips, buffers),
        setup_cycles=links[0].program.setup_cycles,
        regions=tuple(region.shifted(place.burst) for place in places for region in place.program.regions),
    )


def _places(links: Sequence[Link], clocks: Clocks) -> list[_Offsets]:
    places: list[_Offsets] = []
    step = store = kind = box = burst = 0
    last_store: list[int] = []
    for link in links:
        program = link.program
        places.append(
            _Offsets(
                link=link,
                step=step,
                store=store,
                kind=kind,
                box=box,
                burst=burst,
                # A group keeps tensors where other links keep outputs, which have to leave first.
                gate=store - 1 if link.is_alone else max((last_store[i] for i in link.reads), default=NONE),
            )
        )
        step += program.steps
        store += len(program.ofmap.closes)
        kind += len(program.kinds.head) + 1
        box += len(program.box_bursts)
        burst += padded(program.end_burst, clocks.stripe_bursts)
        last_store.append(store - 1)
    return places


def _kinds(places: Sequence[_Offsets]) -> tuple[Ints, Kinds, Ints]:
    """Return the kinds of a clip's steps, their table, and cycles of configuration by kind.

    The first step of every link is of a kind of its own, the last of the link's.
    """
    of_steps, rows, leads = [], [], []
    for place in places:
        program = place.program
        kinds = len(program.kinds.head)
        kind = program.kind + place.kind
        kind[0] = place.kind + kinds
        of_steps.append(kind)
        rows.append(np.append(np.arange(kinds), program.kind[0]))
        leads.append(np.append(program.lead, program.setup_cycles + max(program.lead[program.kind[0]], 0)))
    columns = {
        name: np.concatenate([getattr(place.program.kinds, name)[row] for place, row in zip(places, rows, strict=True)])
        for name in names_of(Kinds)
    }
    return np.concatenate(of_steps), Kinds(**columns), np.concatenate(leads)


def _loads(places: Sequence[_Offsets], clips: int, name: str, buffers: Buffers) -> Loads:
    """Return the tiles of a load stream."""
    streams: list[Loads] = [getattr(place.program, name) for place in places]
    firsts, gates, tiles = [], [], []
    for place, stream in zip(places, streams, strict=True):
        firsts.append(stream.first + place.step)
        after = np.where(stream.after < 0, -1, stream.after + place.step) if place.link.is_alone else None
        tiles.append(_Tiles(bits=stream.bits, gone=stream.last + place.step, after=after))
        gates.append(np.full(len(stream.first), place.gate, dtype=np.int64))
        if name == "weight":
            gates[-1][:1] = NONE
        if _stops_at_borders(name, buffers):
            gates[-1][:] = place.store - 1
    steps, stores = _sizes(places)
    gate = _repeated(gates, clips, stores)
    return Loads(
        first=_repeated(firsts, clips, steps),
        last=_repeated([part.gone for part in tiles], clips, steps),
        box=_repeated([stream.box + place.box for place, stream in zip(places, streams, strict=True)], clips),
        bits=_repeated([part.bits for part in tiles], clips),
        after=_room(tiles, clips, steps, buffers.slots, buffers.capacity_bits[name]),
        gate=np.maximum(np.where(np.tile(np.concatenate(gates), clips) == NONE, -1, gate), -1),
        words=_repeated([stream.words for stream in streams], clips),
    )


def _room(tiles: Sequence[_Tiles], clips: int, events: int, slots: int, capacity: int) -> Ints:
    """Return, per tile of all links and clips, the event that makes room for it; a clip counts ``events``."""
    bits, gone, own, entry = [], [], [], []
    entries = 0
    for part in tiles:
        count = len(part.bits)
        if part.after is None:
            bits.append(part.bits)
            gone.append(part.gone)
            entry.append(np.arange(entries, entries + count, dtype=np.int64))
        else:
            bits.append(np.full(min(count, 1), capacity, dtype=np.int64))
            gone.append(part.gone.max(keepdims=True) if count else part.gone)
            entry.append(np.full(count, entries, dtype=np.int64))
        own.append(np.full(count, -1, dtype=np.int64) if part.after is None else part.after)
        entries += len(bits[-1])
    ring = room_after(_repeated(bits, clips), _repeated(gone, clips, events), slots, capacity)
    after = np.where(np.tile(np.concatenate(own), clips) < 0, -1, _repeated(own, clips, events))
    return np.asarray(np.maximum(ring[_repeated(entry, clips, entries)], after), dtype=np.int64)


def _stops_at_borders(name: str, buffers: Buffers) -> bool:
    """Return whether DMA must not meet the array of another layer: a buffer has one bank for both, or all are shared.

    The next layer has other banks of a shared memory, which are free when all of this one has left.
    So a layer pauses for tiles of its own alone. Nothing computes before its input is there, so stopping the input is
    enough to let the last output leave alone.
    """
    if buffers.shared_kib is not None:
        return True
    if name == "weight":
        return buffers.weight_banks == 1
    return 1 in (buffers.ifmap_banks, buffers.ofmap_banks)


def _stores(places: Sequence[_Offsets], clips: int, buffers: Buffers) -> Stores:
    streams = [(place, place.program.ofmap) for place in places]
    steps, stores = _sizes(places)
    tiles = [
        _Tiles(
            bits=place.link.held_bits,
            gone=np.arange(place.store, place.store + len(stream.closes), dtype=np.int64),
            after=np.where(stream.after < 0, -1, stream.after + place.store) if place.link.is_alone else None,
        )
        for place, stream in streams
    ]
    return Stores(
        opens=_repeated([stream.opens + place.step for place, stream in streams], clips, steps),
        closes=_repeated([stream.closes + place.step for place, stream in streams], clips, steps),
        box=_repeated([stream.box + place.box for place, stream in streams], clips),
        bits=_repeated([part.bits for part in tiles], clips),
        after=_room(tiles, clips, stores, buffers.slots, buffers.capacity_bits["ofmap"]),
        words=_repeated([stream.words for _, stream in streams], clips),
    )


def _sizes(places: Sequence[_Offsets]) -> tuple[int, int]:
    """Return the steps and the stores of a clip."""
    return sum(place.program.steps for place in places), sum(len(place.link.held_bits) for place in places)


def _repeated(links: Sequence[Ints], clips: int, size: int = 0) -> Ints:
    """Return what all ``links`` count once per clip, counting on by ``size``."""
    return (np.arange(clips, dtype=np.int64)[:, None] * size + np.concatenate(links)).ravel()
