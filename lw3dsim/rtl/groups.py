"""The program of a fused group: its steps in order, stage by stage, and where tiles and intermediate tensors lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.arithmetic.place import Place
from lw3dsim.base.values import replace
from lw3dsim.rtl.inner import kept_for
from lw3dsim.rtl.layers import arrivals, rooms
from lw3dsim.rtl.notes import Block, Fresh, Happening, Notes, UnfitError, check_room
from lw3dsim.rtl.pauses import pauses
from lw3dsim.rtl.program import Maker

if TYPE_CHECKING:
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.inner import Kept
    from lw3dsim.rtl.notes import CoreProgram
    from lw3dsim.rtl.subject import GroupSubject
    from lw3dsim.schedule.program import Loads

# Tiles whose age the core knows: of one that came before so many others it need not.
SLOTS = 8


class Lying(NamedTuple):
    """Words of a buffer that a tile takes, until the end of step ``last``."""

    begin: int
    end: int
    last: int


class Space:
    """The words of a buffer, in which tiles come and go."""

    def __init__(self, words: int) -> None:
        self.words = words
        self.taken: list[Lying] = []

    def place(self, words: int, after: int, last: int, *, at_top: bool) -> int:
        """Return where a tile of so many ``words`` lies that comes behind step ``after`` and stays for step ``last``.

        Raises LookupError where there is no room for it in one piece.
        """
        self.taken = [one for one in self.taken if one.last > after]
        free, begin = list[tuple[int, int]](), 0
        for one in sorted(self.taken):
            free.append((begin, one.begin))
            begin = one.end
        free.append((begin, self.words))
        fits = [(low, high) for low, high in free if high - low >= words]
        if not fits:
            raise LookupError
        low, high = fits[-1] if at_top else fits[0]
        found = high - words if at_top else low
        self.taken.append(Lying(found, found + words, last))
        return found


class GroupMaker:
    """Makes the program of a group."""

    def __init__(self, subject: GroupSubject, core: Core) -> None:
        self.subject, self.core, self.notes = subject, core, Notes()
        group, mapping = subject.group, subject.mapping
        self.makers = [Maker(stage, core, self.notes, number) for number, stage in enumerate(subject.stages)]
        self.axes = mapping.axes(group)
        self.chunk = [chunk for run, chunk in zip(group.runs, mapping.chunks, strict=True) for _ in run]
        self.user = {tensor: stage for stage, tensor in enumerate(group.sources)}
        self.spaces = {name: Space(getattr(core, f"{name}_memory")) for name in ("ifmap", "weight")}
        self.arrives = {name: arrivals(subject, getattr(subject.trace, name).ready) for name in self.spaces}
        # What is on chip: blocks of the input by chunk, kernels by stage and chunk, tensors by number.
        self.input_blocks: dict[int, dict[int, Block]] = {}
        self.held: dict[tuple[int, int], tuple[int, dict[int, int]]] = {}
        self.tensors: dict[int, Kept] = {}
        self.tags = dict.fromkeys(range(1, len(group.stages)), 0)
        self.bases, self.elements = self.lay_out()

    def at(self, step: int) -> tuple[int, int, int]:
        """Return the indices of a step's tile."""
        t, h, w = (int(along[step]) for along in self.subject.schedule.places.at)
        return t, h, w

    def place(self, stage: int, at: tuple[int, int, int], chunk: int, n: int) -> Place:
        """Return where a step of ``n`` channels of a stage works."""
        first = [int(axis.first[stage + 1][index]) for axis, index in zip(self.axes, at, strict=True)]
        new = [int(axis.new[stage + 1][index]) for axis, index in zip(self.axes, at, strict=True)]
        begin = chunk * self.chunk[stage]
        return Place(
            group=0, n=slice(begin, begin + n), c=slice(0, self.subject.group.stages[stage].c),
            origin=(first[0], first[1], first[2]), size=(new[0], new[1], new[2]),
        )  # fmt: skip

    def in_run(self, tensor: int) -> bool:
        """Return whether a tensor is read chunk by chunk, by the stage behind it."""
        return self.subject.group.stages[self.user[tensor]].structure != "dense"

    def kept(self, tensor: int, at: tuple[int, int, int], n: int, tag: int, base: int) -> Kept:
        """Return where a tensor lies at a tile: ``n`` channels of it, or all that the next stage reads at once."""
        reader = self.user[tensor]
        stage, place = self.subject.stages[reader], self.place(reader, at, 0, n)
        if self.in_run(tensor):
            maker = self.makers[reader]
            maker.enter(place)
            return kept_for(stage, place, maker.here[0].channels, n, tag, base)
        block = self.makers[reader].together(place.c)
        return kept_for(stage, place, block, -(-stage.problem.c // block) * block, tag, base)

    def lay_out(self) -> tuple[dict[int, int], int]:
        """Return where intermediate tensors begin, each with room for its largest tile, and the elements of all."""
        bases, elements = dict[int, int](), 0
        places = self.subject.schedule.places
        for tensor in self.tags:
            bases[tensor], most = elements, 0
            steps = [step for step in range(self.subject.schedule.steps) if places.stage[step] == tensor - 1]
            for size in {(self.at(step), int(places.n[step])) for step in steps}:
                most = max(most, self.kept(tensor, *size, tag=0, base=0).elements)
            elements += most
        return bases, elements

    def make(self) -> CoreProgram:
        """Return the program."""
        schedule, places = self.subject.schedule, self.subject.schedule.places
        tile_of = {
            name: {int(step): i for i, step in enumerate(loads.first)}
            for name, loads in (("ifmap", schedule.ifmap), ("weight", schedule.weight))
        }
        store_of = {int(step): i for i, step in enumerate(schedule.ofmap.opens)}
        of_ofmap = self.core.ofmap_memory // self.subject.mapping.ofmap_slots
        self.notes.happenings += pauses(self.subject.paused) + rooms(self.subject)
        tile_i = -1
        for step in range(schedule.steps):
            number, chunk, n = int(places.stage[step]), int(places.chunk[step]), int(places.n[step])
            maker, place = self.makers[number], self.place(number, self.at(step), chunk, n)
            fresh = Fresh(step in tile_of["ifmap"], step in tile_of["weight"], bool(places.waits[step]))
            if fresh.ifmap:
                tile_i = tile_of["ifmap"][step]
                self.load_input(tile_i, self.at(step), number)
            if fresh.weight:
                self.load_weights(tile_of["weight"][step], number, chunk, place)
            maker.enter(place)
            self.find(number, chunk, n, self.at(step), place)
            tile_w, maker.kernels = self.held.get((number, chunk), (-1, {}))
            store = store_of.get(step, -1)
            begin = max(store, 0) % self.subject.mapping.ofmap_slots * of_ofmap
            maker.next_word = maker.next_sums = begin
            used = tile_i if self.subject.group.sources[number] == 0 else -1
            gate = int(schedule.ofmap.after[store]) if store >= 0 else -1
            slots = max(used, 0) % SLOTS | max(tile_w, 0) % SLOTS << 3
            maker.step(
                place, (True, True), fresh, slots=slots, need_ifmap=used + 1, need_weight=tile_w + 1, need_room=gate + 1
            )
            if store >= 0:
                check_room(self.subject.name, "ofmap", maker.next_word - begin, of_ofmap)
        return self.notes.program(self.subject.cycle(self.subject.trace.finish), self.elements, SLOTS)

    def find(self, number: int, chunk: int, n: int, at: tuple[int, int, int], place: Place) -> None:
        """Say where a stage finds what it reads for a step, and where its results go."""
        maker, tensor = self.makers[number], self.subject.group.sources[number]
        if tensor == 0:
            maker.blocks = self.input_blocks[0 if maker.stage.problem.structure == "dense" else chunk]
        else:
            kept = maker.reads = self.tensors[tensor]
            firsts = {wave.channel: wave.channels for wave in maker.here}
            if maker.stage.problem.structure == "dense":
                firsts = {0: kept.block}
            maker.blocks = {
                first: Block(kept.base + first // kept.block * kept.pitch, many, kept.pitch)
                for first, many in firsts.items()
            }
        if number + 1 == len(self.makers):
            return
        made = number + 1
        is_part = self.in_run(made)
        if is_part or chunk == 0:
            self.tags[made] = self.tags[made] % 65535 + 1
        kept = self.kept(made, at, n, self.tags[made], self.bases[made])
        self.tensors[made] = kept
        maker.keeps = replace(
            kept, first=0 if is_part else place.n.start, origin=place.origin, tile=maker.stage.problem.algorithm.tile
        )

    def load_input(self, tile: int, at: tuple[int, int, int], number: int) -> None:
        """Note the words of an input tile: of all channels, chunk by chunk where the stage takes them so."""
        stage, maker = self.subject.group.stages[number], self.makers[number]
        chunks = range(1) if stage.structure == "dense" else range(-(-stage.n // self.chunk[number]))
        before = len(self.notes.happenings)
        word, self.input_blocks = 0, {}
        for chunk in chunks:
            place = self.place(number, at, chunk, min(self.chunk[number], stage.n - chunk * self.chunk[number]))
            maker.enter(place)
            word = maker.ifmap_image(place, word, self.arrives["ifmap"][tile])
            self.input_blocks[chunk] = maker.blocks
        begin = self.settle("ifmap", self.subject.schedule.ifmap, tile, word, before)
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
        try:
            begin = self.spaces[name].place(words, int(loads.after[tile]), last, at_top=at_top)
        except LookupError:
            reason = f"has {name} tiles of more words than the buffer of this core has in one piece"
            raise UnfitError(self.subject.name, reason) from None
        notes = self.notes.happenings
        notes[before:] = [one._replace(number=one.number + begin) for one in notes[before:]]
        self.subject.paused.spread(notes, before, name, tile)
        notes.append(Happening(self.arrives[name][tile], f"{name}_tile", tile % SLOTS))
        return begin
