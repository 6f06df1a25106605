"""The program of a fused group: its steps in order, stage by stage, and where tiles and intermediate tensors lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.map.group.orders import leader
from lw3dsim.rtl.layers import arrivals, rooms, turns
from lw3dsim.rtl.layout import blocks_of, picked
from lw3dsim.rtl.memories import memories
from lw3dsim.rtl.notes import Block, Fresh, Happening, Leaving, UnfitError, check_room
from lw3dsim.rtl.orders import Elsewhere
from lw3dsim.rtl.pauses import leave, pauses
from lw3dsim.rtl.rings import InputRings, sweep_of
from lw3dsim.rtl.space import Space, words_of
from lw3dsim.rtl.tensors import GroupTensors
from lw3dsim.rtl.vectors import VectorMaker
from lw3dsim.rtl.windows import Window
from lw3dsim.rtl.words import of_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.arithmetic.place import Place
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.notes import CoreProgram
    from lw3dsim.rtl.subject import GroupSubject
    from lw3dsim.schedule.program import Loads

# Tiles whose age the core knows: DMA does not say that more have come till the first of them is in use.
SLOTS = 8
# Tags of elements of intermediate tensors, which begin anew behind the last.
TAGS = 65535


class GroupMaker(GroupTensors):
    """Makes the program of a group."""

    def __init__(self, subject: GroupSubject, core: Core) -> None:
        super().__init__(subject, core)
        group = subject.group
        self.memories = memories(core, subject.buffers)
        self.spaces = {name: Space(self.memories[name]) for name in ("ifmap", "weight")}
        self.arrives = {name: arrivals(subject, getattr(subject.trace, name).ready) for name in self.spaces}
        # What is on chip: blocks of the input by chunk, kernels by stage and chunk.
        self.input_blocks: dict[int, dict[int, Block]] = {}
        self.held: dict[tuple[int, int], tuple[int, dict[int, int]]] = {}
        # By tensor the tag of what is written of it, of rings that of their first lap.
        self.tags = dict.fromkeys(range(1, len(group.stages)), 0)
        self.tagged: dict[int, tuple[tuple[int, int, int], int]] = {}
        self.sweep: tuple[int, ...] = ()
        self.input: InputRings | None = None
        self.sweeps = 0
        # By stage the input tile that it uses, and where chunks of what it adds lie.
        self.used: dict[int, int] = {}
        self.others: dict[int, dict[int, Block]] = {}
        # The tile whose input is on chip, where it comes tile by tile.
        self.loaded: tuple[int, int, int] | None = None
        # Where tensors begin, and how far chunks of those lie apart that stay.
        self.bases, self.pitches = dict[int, int](), dict[int, int]()
        self.elements = self.lay_out()

    def lay_out(self) -> int:
        """Give intermediate tensors room for their largest tile, in rings for all chunks; return all elements."""
        elements, places = 0, self.subject.schedule.places
        for tensor in self.tags:
            steps = [step for step in range(self.subject.schedule.steps) if places.stage[step] == tensor - 1]
            sizes = {(self.at(step), int(places.n[step])) for step in steps}
            most = max(self.kept(tensor, *size, tag=0, base=0).elements for size in sizes)
            chunks = max(int(places.chunk[step]) for step in steps) + 1
            stays = tensor in self.rings and self.in_run(tensor)
            self.bases[tensor], self.pitches[tensor] = elements, most if stays else 0
            elements += most * (chunks if stays else 1)
        return elements

    def make(self) -> CoreProgram:
        """Return the program."""
        schedule, places = self.subject.schedule, self.subject.schedule.places
        tile_of = {
            name: {int(step): i for i, step in enumerate(loads.first)}
            for name, loads in (("ifmap", schedule.ifmap), ("weight", schedule.weight))
        }
        store_of = {int(step): i for i, step in enumerate(schedule.ofmap.opens)}
        ofmap = self.memories["ofmap"]
        of_ofmap = ofmap.words // self.subject.mapping.ofmap_slots
        numbers, outputs = turns(self.subject), 0
        self.notes.happenings += pauses(self.subject.paused) + rooms(self.subject)
        for step in range(schedule.steps):
            number, chunk, n = int(places.stage[step]), int(places.chunk[step]), int(places.n[step])
            self.enter(self.at(step))
            maker, place = self.makers[number], self.place(number, self.at(step), chunk, n)
            fresh = Fresh(step in tile_of["ifmap"], step in tile_of["weight"], bool(places.waits[step]))
            if fresh.ifmap:
                self.used[number] = tile_of["ifmap"][step]
                self.load(self.used[number], self.at(step), number, chunk)
            if fresh.weight:
                self.load_weights(tile_of["weight"][step], number, chunk, place)
            maker.enter(place)
            self.find(number, chunk, n, self.at(step), place)
            tile_w, maker.kernels = self.held.get((number, chunk), (-1, {}))
            store = store_of.get(step, -1)
            begin = ofmap.begin + outputs % self.subject.mapping.ofmap_slots * of_ofmap
            maker.next_word = maker.next_sums = begin
            used = self.used.get(number, -1)
            if step == used + tile_w + 2 == 0:
                raise UnfitError(self.subject.name, "begins with a step that needs no tile")
            gate = int(schedule.ofmap.after[store]) if store >= 0 else -1
            slots = max(used, 0) % SLOTS | max(tile_w, 0) % SLOTS << 3
            results = len(self.notes.results)
            maker.step(
                place, (True, True), fresh, slots=slots, need_ifmap=used + 1, need_weight=tile_w + 1,
                need_room=numbers.get(gate, 0),
            )  # fmt: skip
            if store >= 0 and number + 1 < len(self.makers):
                self.leave_besides(store, number, self.at(step))
            elif store >= 0:
                outputs += 1
                check_room(self.subject.name, "ofmap", maker.next_word - begin, of_ofmap)
                self.notes.leave(store, results)
        leave(self.subject, self.notes)
        return self.notes.program(self.subject.cycle(self.subject.trace.finish), self.elements, SLOTS)

    def leave_besides(self, store: int, number: int, at: tuple[int, int, int]) -> None:
        """Note what DMA takes with a store of what a stage makes for a tile."""
        problem, tensor = self.subject.group.stages[number], number + 1
        cycle = self.subject.cycle(self.subject.trace.ofmap.ready[store])
        own = [axis.stored(tensor) for axis in self.axes]
        along = [(int(one.first[i]), int(one.needed[i])) for one, i in zip(own, at, strict=True)]
        at_all = np.arange(problem.n), *(np.arange(first, first + many) for first, many in along)
        # The next stage is dense: the tensor is there in all channels.
        places = self.kept(tensor, at, problem.n, 0, self.bases[tensor]).places(*at_all).reshape(-1)
        outputs = np.ravel_multi_index(np.ix_(*at_all), (problem.n, *problem.out)).reshape(-1)
        order = np.argsort(places)
        for word in words_of(places[order], self.core.results):
            leaving = Leaving(number, int(places[order][word[0]]), outputs[order][word])
            self.notes.besides.append((cycle, leaving))

    def enter(self, at: tuple[int, int, int]) -> None:
        """Look at a tile: where the axis of kept halos begins anew, rings begin with a lap of another tag."""
        sweep = tuple(index for axis, index in enumerate(at) if axis != self.axis)
        if self.rings and sweep != self.sweep:
            for tensor in self.tags.keys() & self.rings.keys():
                behind = self.tags[tensor] + self.rings[tensor].laps + 2
                self.tags[tensor] = behind if behind + self.rings[tensor].laps < TAGS else 1
            self.sweep, self.input = sweep, None

    def tag(self, tensor: int, at: tuple[int, int, int], chunk: int) -> int:
        """Return the tag of a tensor at a tile: of rings that of their first lap, else one of the tile or chunk."""
        of_tile = at, chunk if self.in_run(tensor) else 0
        if tensor not in self.rings and self.tagged.get(tensor) != of_tile:
            self.tagged[tensor], self.tags[tensor] = of_tile, self.tags[tensor] % TAGS + 1
        return self.tags[tensor]

    def find(self, number: int, chunk: int, n: int, at: tuple[int, int, int], place: Place) -> None:
        """Say where a stage finds what it reads for a step, and where its results go."""
        maker, tensor = self.makers[number], self.subject.group.sources[number]
        if tensor == 0:
            if (self.input is None) if 0 in self.rings else (self.loaded != at):
                raise UnfitError(
                    self.subject.name, "has a tile that looks at padding alone: the core reads what DMA wrote"
                )
            maker.blocks = {
                first: block._replace(window=self.seen(0, block.window, number, at))
                for first, block in self.input_blocks[0 if maker.stage.problem.structure == "dense" else chunk].items()
            }
        else:
            base = self.bases[tensor] + chunk * self.pitches[tensor]
            kept = maker.reads = self.kept(tensor, at, n, self.tag(tensor, at, chunk), base)
            window = self.seen(tensor, kept.window, number, at)
            self.check_store(tensor, number, at)
            if isinstance(maker, VectorMaker):
                maker.other = self.others.get(number, {}).get(chunk)
                maker.elsewhere = self.elsewhere(number, chunk, at, place)
            maker.blocks = {
                first: Block(kept.base + first // kept.block * kept.pitch, many, kept.pitch, window)
                for first, (_, many) in maker.held(place).items()
            }
        if number + 1 == len(self.makers):
            return
        made = number + 1
        is_part = self.in_run(made)
        kept = self.kept(made, at, n, self.tag(made, at, chunk), self.bases[made] + chunk * self.pitches[made])
        maker.keeps = replace(
            kept, first=0 if is_part else place.n.start, origin=place.origin, tile=maker.stage.problem.algorithm.tile
        )

    def check_store(self, tensor: int, number: int, at: tuple[int, int, int]) -> None:
        """Refuse a stage that goes through a tensor in one run of which more is made than is looked at."""
        maker = self.makers[number]
        if isinstance(maker, VectorMaker) and maker.stage.problem.beside == "position":
            return
        if any(self.is_beyond(tensor, at, axis) for axis in range(maker.stage.machine.apart, 3) if axis > 0):
            raise UnfitError(
                self.subject.name, f"makes more of what {maker.stage.name} reads than any layer of it looks at"
            )

    def check_adds(self, tensor: int, number: int, at: tuple[int, int, int]) -> None:
        """Refuse a stage that adds what others add too, and none reads, in another order than these."""
        if leader(self.subject.group, tensor) is not None:
            return
        if self.is_part(tensor, at, number) or len({self.chunk[stage] for stage in self.users[tensor]}) > 1:
            raise UnfitError(
                self.subject.name,
                "adds a tensor twice, in chunks of two sizes or once a part of it: the core has it in one order",
            )

    def elsewhere(self, number: int, chunk: int, at: tuple[int, int, int], place: Place) -> Elsewhere | None:
        """Return where a stage finds the tensor on chip that it adds."""
        tensor = self.subject.group.adds[number]
        if tensor < 0:
            return None
        if tensor == 0:
            if self.input is None if 0 in self.rings else self.loaded != at:
                raise UnfitError(self.subject.name, "adds an input that has not come")
            block = self.input_blocks[0][0]
            return Elsewhere(block._replace(window=self.seen(0, block.window, number, at)), place.n.start, None)
        self.check_store(tensor, number, at)
        kept = self.kept(tensor, at, 0, self.tag(tensor, at, 0), self.bases[tensor])
        window = self.seen(tensor, kept.window, number, at)
        self.check_adds(tensor, number, at)
        if self.subject.group.stages[self.user[tensor]].has_weights:
            return Elsewhere(Block(kept.base, kept.block, kept.pitch, window), place.n.start, kept.tag)
        begin, wide = kept.base + chunk * kept.pitch, place.n.stop - place.n.start
        return Elsewhere(Block(begin, wide, kept.pitch, window), 0, kept.tag)

    def load(self, tile: int, at: tuple[int, int, int], number: int, chunk: int) -> None:
        """Note the words of a tile that a stage is the first to use: of the input, or of what it adds in a chunk."""
        operand = self.subject.operands[number]
        if operand is not None:
            chunks = self.chunks_of(number, at)
            here = chunks[chunk : chunk + 1] if self.subject.mapping.sliced else chunks
            self.load_operand(tile, number, operand, here)
        elif 0 in self.rings:
            self.load_rings(tile, at, self.user[0])
        elif len(self.users[0]) > 1:
            self.load_shared(tile, at)
        else:
            self.load_input(tile, at, number)

    def load_operand(self, tile: int, number: int, operand: Tensor, chunks: Sequence[tuple[int, Place]]) -> None:
        """Note the words of a tile that a stage adds, in order, of these ``chunks``."""
        bits, word, size, before = self.core.activation, self.core.ifmap_word, 0, len(self.notes.happenings)
        self.others[number] = {}
        for chunk, place in chunks:
            t, h, w = (slice(first, first + new) for first, new in zip(place.origin, place.size, strict=True))
            values = np.moveaxis(operand[place.n, t, h, w], 0, -1).reshape(-1).astype(np.int64)
            self.others[number][chunk] = Block(size * (word // bits), len(values), 0)
            for held in of_bits(values, bits, word):
                self.notes.happenings.append(Happening(self.arrives["ifmap"][tile], "ifmap", size, held))
                size += 1
        begin = self.settle("ifmap", self.subject.schedule.ifmap, tile, size, before)
        blocks = self.others[number].items()
        self.others[number] = {chunk: one._replace(base=one.base + begin * (word // bits)) for chunk, one in blocks}

    def load_rings(self, tile: int, at: tuple[int, int, int], number: int) -> None:
        """Note the words of an input tile that goes to rings; the first finds room for them."""
        before, bits, word = len(self.notes.happenings), self.core.activation, self.core.ifmap_word
        if self.input is None:
            self.input = self.open_rings(tile, at, number)
        self.notes.happenings += self.input.write(tile, self.arrives["ifmap"][tile], bits, word)
        self.arrive("ifmap", tile, before, self.input.begin)

    def open_rings(self, tile: int, at: tuple[int, int, int], number: int) -> InputRings:
        """Return rings for input tiles from one on, of all channels, chunk by chunk where the stage takes them so."""
        maker, axis, (seen, low) = self.makers[number], self.axis, self.window(0, at)
        sweep, each = sweep_of(self.subject, axis, tile), self.core.ifmap_word // self.core.activation
        positions = [np.arange(begin, begin + many) for begin, many in zip(low, seen.extent, strict=True)]
        t, h, w = (sweep.size if d == axis else many for d, many in enumerate(seen.extent))
        window = Window(extent=(t, h, w), axis=axis, grain=2 * each)
        outside = self.core.least if maker.stage.computation.reduction == "max" else 0
        made = InputRings(sweep, positions, window, self.rings[0].low, outside)
        for chunk, here in self.chunks_of(number, at):
            self.input_blocks[chunk] = {
                first: made.hold(maker.stage.sources[0][channels], together)
                for first, (channels, together) in self.held_by(maker, here).items()
            }
        self.sweeps += 1
        made.begin = self.room("ifmap", made.elements // each, sweep.after, sweep.last, at_top=self.sweeps % 2 == 1)
        self.shift(made.begin)
        return made

    def load_input(self, tile: int, at: tuple[int, int, int], number: int) -> None:
        """Note the words of an input tile: of all channels, chunk by chunk where the stage takes them so."""
        maker, before = self.makers[number], len(self.notes.happenings)
        word, self.input_blocks, self.loaded = 0, {}, at
        for chunk, place in self.chunks_of(number, at):
            maker.enter(place)
            word = maker.ifmap_image(place, word, self.arrives["ifmap"][tile])
            self.input_blocks[chunk] = maker.blocks
        self.shift(self.settle("ifmap", self.subject.schedule.ifmap, tile, word, before))

    def load_shared(self, tile: int, at: tuple[int, int, int]) -> None:
        """Note the words of an input tile that several stages look at, in the order of the first, which is dense."""
        maker, word, (window, low) = self.makers[self.user[0]], 0, self.window(0, at)
        before, arrives, core = len(self.notes.happenings), self.arrives["ifmap"][tile], self.core
        source = maker.stage.sources[0].astype(np.int64)
        positions = [np.arange(begin, begin + many) for begin, many in zip(low, window.extent, strict=True)]
        together = maker.together(slice(0, len(source)))
        blocks = [
            of_bits(one, core.activation, core.ifmap_word) for one in blocks_of(picked(source, positions), together)
        ]
        for word, held in enumerate(held for block in blocks for held in block):
            self.notes.happenings.append(Happening(arrives, "ifmap", word, held))
        pitch = len(blocks[0]) * (core.ifmap_word // core.activation)
        self.input_blocks, self.loaded = {0: {0: Block(0, together, pitch, window)}}, at
        self.shift(self.settle("ifmap", self.subject.schedule.ifmap, tile, word + 1, before))

    def shift(self, begin: int) -> None:
        """Move the blocks of the input, which lie from the begin of the buffer on, so many words."""
        each = self.core.ifmap_word // self.core.activation
        self.input_blocks = {
            chunk: {first: one._replace(base=one.base + begin * each) for first, one in blocks.items()}
            for chunk, blocks in self.input_blocks.items()
        }

    def load_weights(self, tile: int, number: int, chunk: int, place: Place) -> None:
        """Note the words of a weight tile."""
        maker, before = self.makers[number], len(self.notes.happenings)
        maker.enter(place)
        words = maker.weight_image(place, 0, self.arrives["weight"][tile])
        begin = self.settle("weight", self.subject.schedule.weight, tile, words, before)
        self.held[number, chunk] = tile, {first: at + begin for first, at in maker.kernels.items()}

    def settle(self, name: str, loads: Loads, tile: int, words: int, before: int) -> int:
        """Find a place for a tile, whose words are the happenings behind ``before``, and move it there."""
        first, last = int(loads.first[tile]), int(loads.last[tile])
        # What stays for more than a step, or every other input tile, lies at the top.
        at_top = last > first if name == "weight" else tile % 2 == 1
        begin = self.room(name, words, int(loads.after[tile]), last, at_top=at_top)
        self.arrive(name, tile, before, begin)
        return begin

    def room(self, name: str, words: int, after: int, last: int, *, at_top: bool) -> int:
        """Return where there is room for so many words of a buffer; see Space."""
        try:
            return self.spaces[name].place(words, after, last, at_top=at_top)
        except LookupError:
            reason = f"has {name} tiles of more words than the buffer of this core has in one piece"
            raise UnfitError(self.subject.name, reason) from None

    def arrive(self, name: str, tile: int, before: int, begin: int) -> None:
        """Move the words of a tile, the happenings behind ``before``, to where it lies, and let it arrive."""
        notes = self.notes.happenings
        notes[before:] = [one._replace(number=one.number + begin) for one in notes[before:]]
        self.subject.paused.spread(notes, before, name, tile)
        notes.append(Happening(self.told(name, tile), f"{name}_tile", tile % SLOTS))

    def told(self, name: str, tile: int) -> int:
        """Return when DMA says that a tile has come: when it has, and the one so many before it is in use."""
        subject, arrives = self.subject, self.arrives[name][tile]
        if tile < SLOTS:
            return arrives
        used = subject.trace.start[int(getattr(subject.schedule, name).first[tile - SLOTS])]
        return max(arrives, subject.paused.shifted(subject.cycle(used), -subject.ahead))
