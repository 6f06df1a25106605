"""The rings of a fused group that keeps halos: those of a tensor, and what DMA writes of the input into its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.map.group.orders import users
from lw3dsim.rtl.layout import picked, stored
from lw3dsim.rtl.notes import Block, Happening

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.base.arrays import Ints
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.cutting import GroupAxis
    from lw3dsim.map.group.group import Group
    from lw3dsim.rtl.subject import GroupSubject
    from lw3dsim.rtl.windows import Window


class Looks(NamedTuple):
    """What a stage looks at along an axis for a tile: from position ``low`` on, up to ``end``.

    The core reads ``extent`` positions, those of tiles of an algorithm that are ragged too.
    """

    low: int
    end: int
    extent: int


def looks(problem: Problem, axis: int, first: int, new: int) -> Looks:
    """Return what a stage looks at along an axis for its ``new`` outputs from the ``first`` on."""
    low = first * problem.stride[axis] - problem.padding[axis]
    end = low + (new - 1) * problem.stride[axis] + problem.kernel[axis]
    if new == 0:
        return Looks(low, low, 0)
    return Looks(low, end, int(stored(problem, axis, -(-new // problem.algorithm.tile[axis]))[-1]) + 1)


class Ring(NamedTuple):
    """A tensor along the axis of kept halos: ``size`` positions are held, from the first, ``low``, in so many laps."""

    low: int
    size: int
    laps: int


def ring_of(group: Group, stages: Sequence[int], tensor: int, axis: int, cuts: GroupAxis) -> Ring:
    """Return the ring of a ``tensor`` that ``stages`` look at, cut along the ``axis`` of kept halos.

    It holds what a tile retains and what is new, and no less than is looked at for one; of one that is stored all laps
    that are made.
    """
    each = [(one, *made) for one in stages for made in zip(cuts.first[one + 1], cuts.new[one + 1], strict=True)]
    seen = [looks(group.stages[one], axis, int(first), int(new)) for one, first, new in each if new]
    low, behind = min(one.low for one in seen), max(one.low + one.extent for one in seen)
    if tensor in group.stored:
        firsts, new = cuts.first[tensor], cuts.new[tensor]
        low, behind = min(low, int(firsts[new > 0].min())), max(behind, int((firsts + new).max()))
    size = max(max(one.extent for one in seen), int((cuts.retained[tensor] + cuts.new[tensor]).max()))
    return Ring(low, size, (behind - low) // size + 1)


class Sweep(NamedTuple):
    """Tiles of the input that follow each other along the axis of kept halos.

    By number of a tile the positions along the axis that DMA writes, from the first on and up to the second; how many
    of them are on chip at most; the step behind which the first tile may come, and that which uses the last one.
    """

    written: dict[int, tuple[int, int]]
    size: int
    after: int
    last: int


def sweep_of(subject: GroupSubject, axis: int, tile: int) -> Sweep:
    """Return the sweep that begins with a tile of the input.

    The first tile brings padding in front of it, the last one that behind.
    """
    group = subject.group
    places, loads, cuts = subject.schedule.places, subject.schedule.ifmap, subject.mapping.axes(group)[axis]
    others = [at for number, at in enumerate(places.at) if number != axis]
    is_here = np.logical_and.reduce([at == at[loads.first[tile]] for at in others])
    steps = np.flatnonzero(is_here & np.isin(places.stage, users(group, 0)))
    # By stage and index along the axis the last step that reads, and what it looks at.
    until = {(int(places.stage[step]), int(places.at[axis][step])): int(step) for step in steps}
    seen = {
        (one, at): looks(group.stages[one], axis, int(cuts.first[one + 1][at]), int(cuts.new[one + 1][at]))
        for one, at in until
    }
    # What other stages add comes beside.
    comes = [group.operands[int(places.stage[first])] != "dram" for first in loads.first]
    tiles = [number for number, first in enumerate(loads.first) if is_here[first] and comes[number]]
    written, size = dict[int, tuple[int, int]](), max(one.extent for one in seen.values())
    for number in tiles:
        at = int(places.at[axis][loads.first[number]])
        begin, end = int(cuts.first[0][at]), int(cuts.first[0][at] + cuts.new[0][at])
        begin = min(one.low for one in seen.values()) if number == tiles[0] else begin
        end = max(end, *(one.end for one in seen.values())) if number == tiles[-1] else end
        written[number] = begin, end
        size = max(size, end - min(seen[one].low for one, step in until.items() if step > loads.after[number]))
    return Sweep(written, size, int(loads.after[tiles[0]]), max(until.values()))


class Part(NamedTuple):
    """Channels of the input in blocks of so many ``together``, the first from element ``base`` on."""

    base: int
    values: Tensor
    together: int


class InputRings:
    """The rings of the input in a sweep.

    A word that DMA writes may hold what is of other tiles, which it spares. ``positions`` (T, H, W) are those that a
    step looks at; along the axis of the rings they are of no account. They begin with position ``low`` there, and in
    the buffer with word ``begin``. What is beyond the border of the input is ``outside``.
    """

    def __init__(self, sweep: Sweep, positions: Sequence[Ints], window: Window, low: int, outside: int) -> None:
        self.sweep, self.positions, self.window, self.low, self.outside = sweep, positions, window, low, outside
        self.parts: list[Part] = []
        self.elements = 0
        self.begin = 0

    def hold(self, source: Tensor, together: int) -> Block:
        """Return where channels (C, T, H, W) of the input lie, in blocks, behind those that are held so far."""
        base, size = self.elements, self.window.sizes(together)[0]
        self.parts.append(Part(base, source.astype(np.int64), together))
        self.elements += -(-len(source) // together) * size
        return Block(base, together, size, self.window)

    def write(self, tile: int, at: int, bits: int, word: int) -> list[Happening]:
        """Return the words that DMA has written of a tile by cycle ``at``: of ``word`` bits, elements of ``bits``."""
        begin, end = self.sweep.written[tile]
        positions, new = list(self.positions), dict[int, int]()
        positions[self.window.axis or 0] = np.arange(begin, end)
        for base, source, together in self.parts:
            values, size = np.moveaxis(picked(source, positions, self.outside), 0, -1), self.window.sizes(together)[0]
            where = self._where(begin - self.low, values.shape[:3], together) + base
            for first in range(0, values.shape[-1], together):
                block = values[..., first : first + together]
                places = where[..., : block.shape[-1]].reshape(-1) + first // together * size
                new.update(zip(places.tolist(), block.reshape(-1).tolist(), strict=True))
        each = word // bits
        return [
            Happening(at, "ifmap", number, *_with_spared([new.get(number * each + i) for i in range(each)], bits))
            for number in sorted({place // each for place in new})
        ]

    def _where(self, begin: int, many: Sequence[int], together: int) -> Ints:
        """Return the places (T, H, W, channels) of so many positions in a block, from position ``begin`` on."""
        axis, sizes = self.window.axis or 0, self.window.sizes(together)
        steps = [np.arange(count) * pitch for count, pitch in zip([*many, together], [*sizes[1:], 1], strict=True)]
        steps[axis] = steps[axis] + begin * sizes[axis + 1]
        shaped = [one.reshape([-1 if axis == number else 1 for axis in range(4)]) for number, one in enumerate(steps)]
        outside = sum(shaped[:axis], np.zeros((1,) * 4, dtype=np.int64))
        return outside + sum(shaped[axis:], np.zeros((1,) * 4, dtype=np.int64)) % sizes[axis]


def _with_spared(elements: Sequence[int | None], bits: int) -> tuple[int, int]:
    """Return a word of ``elements`` of so many bits, and which bits of it are of none."""
    word = spared = 0
    for element in reversed(elements):
        word = word << bits | ((element or 0) & ((1 << bits) - 1))
        spared = spared << bits | (0 if element is not None else (1 << bits) - 1)
    return word, spared
