"""Sums and products of two tensors on chip, of which one lies in the order of another layer, which reads it as well.

The lanes go through it in that order; see "Shared tensors" in ``docs/microarchitecture.md``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.rtl.inner import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lw3dsim.base.arrays import Ints
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.records import Triple
    from lw3dsim.rtl.notes import Block

# What a descriptor says of runs, as `lw_places` reads it: they are rows, frames or blocks; or that there are none.
RUNS = {2: 1, 1: 2, 0: 3, 3: 4}
# Every group is in another frame.
OF_FRAMES = 5


class Elsewhere(NamedTuple):
    """Where a step finds its other operand: from channel ``first`` on, in the input buffer where it has no ``tag``."""

    block: Block
    first: int
    tag: int | None


class Part(NamedTuple):
    """Groups that one descriptor says: ``outputs`` each, from element ``offset`` of a run on, ``along`` in each run.

    Runs are of ``channels`` side by side, in ``pieces`` of these from ``first`` on; so many axes lie ``apart``.
    """

    first: int
    pieces: int
    channels: int
    apart: int
    offset: int
    along: int
    outputs: int

    def rows(self, size: Triple) -> Triple:
        """Return the groups of a piece along T, H and W, in a step of so many positions."""
        t, h, w = size
        if self.apart > 2:
            return t, h, w
        return t if self.apart > 0 else 1, h if self.apart > 1 else 1, self.along

    def steps(self, pitches: Triple, lanes: int) -> Triple:
        """Return the elements from group to group along T, H and W, in frames, rows and positions so far apart."""
        frame, row, position = pitches
        return frame, row, position if self.apart > 2 else lanes

    def groups(self, size: Triple) -> int:
        """Return how many groups there are."""
        return self.pieces * math.prod(self.rows(size))

    def begin(self, size: Triple) -> Runs:
        """Return what a descriptor says of where in a run its groups begin, and what runs are."""
        return runs_from(RUNS[self.apart], self.offset if self.apart < 3 else 0, self.channels, size)

    def outputs_of(self, flat: Ints) -> Ints:
        """Return which of the outputs (N, T, H, W) of a step its groups hold, in order."""
        here = flat[self.first : self.first + self.pieces * self.channels]
        runs = np.moveaxis(here.reshape(self.pieces, self.channels, *here.shape[1:]), 1, -1)
        sides = runs.reshape(*runs.shape[: 1 + self.apart], -1)
        return sides[..., self.offset : self.offset + self.along * self.outputs].reshape(-1)


def runs_from(kind: int, offset: int, channels: int, size: Triple) -> Runs:
    """Return runs in which groups begin so many elements behind the first, of channels side by side in positions."""
    positions, row = divmod(offset, channels)
    _, h, w = size
    return Runs(kind, row, (positions // w // h, positions // w % h, positions % w))


def parts_of(machine: Machine, lanes: int, n: int, size: Triple) -> Iterator[Part]:
    """Yield the groups of a step of n channels: of whole blocks first, the full ones, then those of what is left."""
    block = machine.block or n
    rest = n % block
    if n >= block:
        if machine.apart < 3:
            side = block * math.prod(size[machine.apart :])
            for offset, along, outputs in _cuts(side, lanes):
                yield Part(0, n // block, block, machine.apart, offset, along, outputs)
        else:
            yield from _positions(range(0, n - rest, block), block, lanes)
    if rest:
        yield from _positions(range(n - rest, n, rest), rest, lanes)


def _cuts(side: int, lanes: int) -> Iterator[tuple[int, int, int]]:
    """Yield where groups begin in a run, how many follow each other there, and their outputs: full ones, the last."""
    full = -(-side // lanes) - 1
    if full:
        yield 0, full, lanes
    yield full * lanes, 1, side - full * lanes


def _positions(firsts: range, channels: int, lanes: int) -> Iterator[Part]:
    """Yield groups of channels of one position each."""
    for offset, along, outputs in _cuts(channels, lanes):
        for one in range(along):
            for first in firsts:
                yield Part(first, 1, channels, 3, offset + one * lanes, 1, outputs)
