"""In which cycles DMA has the only port of a buffer, and for which tile: those in which a core stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import Value
from lw3dsim.engine.trace import streams
from lw3dsim.rtl.notes import Happening

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.rtl.notes import Notes
    from lw3dsim.rtl.subject import GroupSubject, Subject


class Paused(Value, frozen=True, kw_only=True, eq=False):
    """The ``cycles``, in order, in which a core pauses, and by stream and tile those in which its words pass."""

    cycles: Ints
    of_tiles: dict[str, dict[int, Ints]]

    def worked(self, cycle: int) -> int:
        """Return in how many of the cycles before ``cycle`` the core works."""
        return cycle - int(np.searchsorted(self.cycles, cycle))

    def when(self, worked: int) -> int:
        """Return the first cycle before which the core has worked in so many."""
        return worked + int(np.searchsorted(self.cycles - np.arange(len(self.cycles)), worked))

    def shifted(self, cycle: int, by: int) -> int:
        """Return the cycle so many cycles of work behind ``cycle``, or before it."""
        return self.when(max(self.worked(cycle) + by, 0))

    def spread(self, happenings: list[Happening], begin: int, name: str, tile: int) -> None:
        """Let DMA write the words of a tile, the happenings from ``begin`` on, in the cycles that it has the port."""
        cycles = self.of_tiles[name].get(tile)
        words = [i for i in range(begin, len(happenings)) if happenings[i].kind == name]
        if cycles is None or not len(cycles):
            return
        for place, i in enumerate(words):
            happenings[i] = happenings[i]._replace(cycle=int(cycles[place * len(cycles) // len(words)]))


def paused(subject: Subject | GroupSubject) -> Paused:
    """Return when the run of a layer or group pauses."""
    trace, schedule, cycle = subject.trace, subject.schedule, subject.cycle_ticks
    if subject.buffers.shared_kib is not None:
        return Paused(cycles=np.zeros(0, dtype=np.int64), of_tiles=_transfers(subject))
    names = ("ifmap", "weight", "ofmap")
    tiles = ((one.words, schedule.bursts(one)) for one in (schedule.ifmap, schedule.weight, schedule.ofmap))
    moved = [
        (transfers.grant[tile], int(bursts[tile] > 0), port, tile)
        for port, ((words, bursts), transfers) in enumerate(zip(tiles, streams(trace), strict=True))
        for tile in np.flatnonzero(words).tolist()
    ]
    of_tiles: dict[str, dict[int, Ints]] = {name: {} for name in names}
    # Pauses come in the order of grants; of those of one instant a tile of no bursts stands first, and takes none.
    for number, (_, _, port, tile) in enumerate(sorted(moved)):
        begin, end, words = (int(column[number]) for column in trace.pauses)
        length = (end - begin) // cycle
        of_tiles[names[port]][tile] = begin // cycle - 1 - (-length * np.arange(1, words + 1) // max(words, 1))
    every = [cycles for of_stream in of_tiles.values() for cycles in of_stream.values()]
    return Paused(cycles=np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *every])), of_tiles=of_tiles)


def _transfers(subject: Subject | GroupSubject) -> dict[str, dict[int, Ints]]:
    """Return the cycles in which DMA has a tile, of a shared memory, which it has a port of its own to."""
    cycle, trace = subject.cycle, subject.trace
    return {
        name: {
            tile: np.arange(cycle(grant), cycle(ready))
            for tile, (grant, ready) in enumerate(zip(moved.grant, moved.ready, strict=True))
        }
        for name, moved in (("ifmap", trace.ifmap), ("weight", trace.weight), ("ofmap", trace.ofmap))
    }


def leave(subject: Subject | GroupSubject, notes: Notes) -> None:
    """Note when DMA takes the words of stores out of a shared memory."""
    if subject.buffers.shared_kib is None:
        return
    for store, addresses in sorted(notes.leaving.items()):
        before, end = len(notes.happenings), subject.cycle(subject.trace.ofmap.ready[store])
        notes.happenings += [Happening(end, "ofmap", address) for address in addresses]
        subject.paused.spread(notes.happenings, before, "ofmap", store)


def pauses(found: Paused) -> list[Happening]:
    """Return what the bench is told of them."""
    return [Happening(at, "pause", 1) for at in found.cycles.tolist()]
