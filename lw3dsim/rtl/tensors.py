"""Where the tensors of a fused group lie, tile by tile, as the stages that look at them find them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.arithmetic.place import Place
from lw3dsim.base.values import replace
from lw3dsim.map.group.group import KEPT
from lw3dsim.map.group.orders import leader, rings, users
from lw3dsim.rtl.inner import Kept
from lw3dsim.rtl.notes import Notes
from lw3dsim.rtl.program import Maker
from lw3dsim.rtl.rings import Looks, looks, ring_of
from lw3dsim.rtl.vectors import VectorMaker
from lw3dsim.rtl.windows import Window

if TYPE_CHECKING:
    from lw3dsim.machine.records import Triple
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.rings import Ring
    from lw3dsim.rtl.subject import GroupSubject


class GroupTensors:
    """The makers of the stages of a group, and its tensors: who looks at them, in which windows they lie."""

    def __init__(self, subject: GroupSubject, core: Core) -> None:
        self.subject, self.core, self.notes = subject, core, Notes()
        group, mapping = subject.group, subject.mapping
        self.makers = [
            (Maker if stage.problem.has_weights else VectorMaker)(stage, core, self.notes, number)
            for number, stage in enumerate(subject.stages)
        ]
        self.axes = mapping.axes(group)
        self.chunk = [chunk for run, chunk in zip(group.runs, mapping.chunks, strict=True) for _ in run]
        # The stages that look at a tensor, and of these the one in whose order it lies: none of what is only stored.
        self.users = {tensor: users(group, tensor) for tensor in range(len(group.stages))}
        leads = {tensor: leader(group, tensor) for tensor, looking in self.users.items() if looking}
        self.user = {tensor: self.users[tensor][0] if lead is None else lead for tensor, lead in leads.items()}
        self.axis = KEPT.index(mapping.kept) if mapping.kept != "none" else 0
        self.rings: dict[int, Ring] = {
            tensor: ring_of(group, self.users[tensor], tensor, self.axis, self.axes[self.axis])
            for tensor, is_ring in enumerate(rings(group, mapping))
            if is_ring
        }

    def at(self, step: int) -> tuple[int, int, int]:
        """Return the indices of a step's tile."""
        t, h, w = (int(along[step]) for along in self.subject.schedule.places.at)
        return t, h, w

    def place(self, stage: int, at: tuple[int, int, int], chunk: int, n: int) -> Place:
        """Return where a step of ``n`` channels of a stage works."""
        first, new = zip(*(self.made(stage, at, axis) for axis in range(3)), strict=True)
        begin = chunk * self.chunk[stage]
        return Place(
            group=0, n=slice(begin, begin + n), c=slice(0, self.subject.group.stages[stage].c),
            origin=(first[0], first[1], first[2]), size=(new[0], new[1], new[2]),
        )  # fmt: skip

    def made(self, stage: int, at: tuple[int, int, int], axis: int) -> tuple[int, int]:
        """Return the first position along an axis that a stage makes for a tile, and how many it makes."""
        cuts, index = self.axes[axis], at[axis]
        return int(cuts.first[stage + 1][index]), int(cuts.new[stage + 1][index])

    def in_run(self, tensor: int) -> bool:
        """Return whether a tensor is read chunk by chunk, by the stage behind it."""
        return self.user.get(tensor) == tensor and self.subject.group.stages[tensor].structure != "dense"

    def kept(self, tensor: int, at: tuple[int, int, int], n: int, tag: int, base: int) -> Kept:
        """Return where a tensor lies at a tile: ``n`` channels of it, or all that the next stage reads at once."""
        user = self.user.get(tensor, tensor - 1)
        stage, (window, low) = self.subject.stages[user], self.window(tensor, at)
        if self.in_run(tensor):
            block = min(self.makers[user].beside, n)
        elif tensor not in self.user or not stage.problem.has_weights:
            # What is added alone, or stored alone, lies in its chunks.
            block, n = self.chunk[user], stage.problem.n
        else:
            block = self.makers[user].together(slice(0, stage.problem.c))
            n = -(-stage.problem.c // block) * block
        return Kept(tag=tag, base=base, block=block, channels=n, window=window, low=low)

    def window(self, tensor: int, at: tuple[int, int, int]) -> tuple[Window, Triple]:
        """Return how what is looked at of a tensor for a tile lies, and its first position: in rings of all laps."""
        ring, seen = self.rings.get(tensor), list[Looks]()
        for axis in range(3):
            if ring and axis == self.axis:
                seen.append(Looks(ring.low, ring.low + ring.size, ring.size))
                continue
            low, behind = self.looked(tensor, at, axis)
            if tensor:
                # More may be made than is looked at: to be stored, or as a layer takes all frames.
                first, new = self.made(tensor - 1, at, axis)
                low, behind = (min(low, first), max(behind, first + new)) if new else (low, behind)
            seen.append(Looks(low, behind, behind - low))
        t, h, w = seen
        window = Window(extent=(t.extent, h.extent, w.extent), axis=self.axis if ring else None)
        return window, (t.low, h.low, w.low)

    def looked(self, tensor: int, at: tuple[int, int, int], axis: int) -> tuple[int, int]:
        """Return the first position along an axis that stages look at of a tensor, and that behind the last.

        Of what is stored alone these are the positions that are made.
        """
        each = [looks(self.subject.group.stages[one], axis, *self.made(one, at, axis)) for one in self.users[tensor]]
        if not each:
            first, new = self.made(tensor - 1, at, axis)
            return first, first + new
        here = [one for one in each if one.extent] or each
        return min(one.low for one in here), max(one.low + one.extent for one in here)

    def is_beyond(self, tensor: int, at: tuple[int, int, int], axis: int) -> bool:
        """Return whether of a tensor a tile makes more along an axis than stages look at."""
        (window, low), (first, behind) = self.window(tensor, at), self.looked(tensor, at, axis)
        is_ring = tensor in self.rings and axis == self.axis
        return not is_ring and (low[axis], window.extent[axis]) != (first, behind - first)

    def is_part(self, tensor: int, at: tuple[int, int, int], number: int) -> bool:
        """Return whether a stage looks at a part of what a tile has of a tensor, along an axis that is in its runs."""
        window, low = self.window(tensor, at)
        apart, problem = self.makers[number].stage.machine.apart, self.subject.group.stages[number]
        seen = [looks(problem, axis, *self.made(number, at, axis)) for axis in range(3)]
        return any(
            (seen[axis].low, seen[axis].extent) != (low[axis], window.extent[axis])
            for axis in range(apart, 3)
            if axis != window.axis
        )

    def seen(self, tensor: int, window: Window | None, number: int, at: tuple[int, int, int]) -> Window | None:
        """Return a window of a tensor as a step of a stage sees it: it begins with what the step looks at."""
        if window is None:
            return window
        problem, (_, low) = self.subject.group.stages[number], self.window(tensor, at)
        t, h, w = (looks(problem, axis, *self.made(number, at, axis)).low - low[axis] for axis in range(3))
        return replace(window, begin=(t, h, w))

    def held_by(self, maker: Maker, place: Place) -> dict[int, tuple[slice, int]]:
        """Return the channels that waves of a step read, see Maker.held: of a dense layer always all."""
        if maker.stage.problem.structure == "dense":
            every = slice(0, maker.stage.problem.c)
            return {0: (every, maker.together(every))}
        maker.enter(place)
        return maker.held(place)

    def chunks_of(self, number: int, at: tuple[int, int, int]) -> list[tuple[int, Place]]:
        """Return the chunks in which a stage takes its input, and where it works then: one of all where it is dense."""
        n, size = self.subject.group.stages[number].n, self.chunk[number]
        chunks = range(1) if self.subject.group.stages[number].structure == "dense" else range(-(-n // size))
        return [(chunk, self.place(number, at, chunk, min(size, n - chunk * size))) for chunk in chunks]
