"""Where an intermediate tensor of a fused group lies, as the stage that reads it finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.values import Value
from lw3dsim.machine.records import Triple  # noqa: TC001  # read where a value is made
from lw3dsim.rtl.windows import Window  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Ints

# A place is a number of so many, to a descriptor; positions to the end where there is none.
PLACES, NO_END = 1 << 32, (1 << 16) - 1


class Runs(NamedTuple):
    """What runs groups of a vector step follow, see `lw_places`; row and position (T, H, W) that they begin with."""

    kind: int = 0
    row: int = 0
    begin: Triple = (0, 0, 0)


class Kept(Value, frozen=True, kw_only=True):
    """What a stage looks at for a tile: blocks of ``block`` of so many ``channels``, in each the positions of a window.

    Padding among them; they begin with position ``low`` of the tensor. ``tile`` is the
    size of a tile of the algorithm that makes them, ``first`` the channel that a step begins with, ``origin`` its first
    position. ``tag`` says which tile of the tensor an element is of, in rings the lap that it is of: that of the first.
    """

    tag: int
    base: int
    block: int
    channels: int
    window: Window
    low: Triple
    first: int = 0
    origin: Triple = (0, 0, 0)
    tile: Triple = (1, 1, 1)

    @property
    def pitch(self) -> int:
        """Elements from block to block."""
        return self.window.sizes(self.block)[0]

    @property
    def elements(self) -> int:
        """Elements that it takes."""
        return -(-self.channels // self.block) * self.pitch

    def places(self, channels: Ints, *positions: Ints) -> Ints:
        """Return the elements (channels, T, H, W) of channels of the step, and of these positions of the tensor."""
        (_, *pitches), axis = self.window.sizes(1), self.window.axis
        frames, rows, columns = (
            (at - low) * pitch for at, low, pitch in zip(positions, self.low, pitches, strict=True)
        )
        t, h, w = np.ix_(frames, rows, columns)
        where = t + h + w
        if axis is not None:
            outside = sum((t, h)[:axis], np.zeros((1, 1, 1), dtype=np.int64))
            where = outside + (where - outside) % self.window.sizes(1)[axis]
        ahead, among = np.divmod(channels, self.block)
        # The last block may have fewer channels.
        wide = np.minimum(self.channels - ahead * self.block, self.block)
        begin, apart = (self.base + ahead * self.pitch + among)[:, None, None, None], wide[:, None, None, None]
        return np.asarray(begin + where * apart)

    def fields(self, begin: Triple, tiles: Triple, channel: int, rows: int, runs: Runs) -> dict[str, int]:
        """Return what a descriptor says of where results go: from tiles ``begin`` and a ``channel`` of the step on.

        There are so many ``tiles`` (T, H, W); so many channels, ``rows``, lie side by side at a position. Groups begin
        where ``runs`` say.
        """
        at = [
            origin + first * m - low
            for origin, first, m, low in zip(self.origin, begin, self.tile, self.low, strict=True)
        ]
        lie, pitches, axis = self.window.place(at, 1), self.window.sizes(1)[1:], self.window.axis or 0
        number, among = divmod(self.first + channel, self.block)
        last = -(-self.channels // self.block) - 1
        said = {
            "tag": self.tag + lie.lap,
            "rows": rows,
            "among": among,
            "block": self.block,
            "to_end": self.window.extent[axis] - lie.along // pitches[axis] if lie.ring else NO_END,
            "axis": axis,
            "runs": runs.kind,
            "from_row": runs.row,
            **{f"from_{name}": first for name, first in zip("thw", runs.begin, strict=True)},
            "base": self.base + number * self.pitch + among,
            "next_block": self.pitch - self.block + 1,
            "last_block": self.base + last * self.pitch,
        }
        for name, many in (("from", runs.row), ("behind", rows)):
            blocks, said[f"{name}_among"] = divmod(many, self.block)
            said[f"{name}_step"] = blocks * self.pitch + said[f"{name}_among"]
        steps = self.steps(tiles) | {"ring": lie.ring}
        steps["position"] = lie.first + lie.along + dot(runs.begin, pitches)
        for end, wide in (("", self.block), ("_last", self.channels - last * self.block)):
            said |= {f"{name}{end}": step * wide % PLACES for name, step in steps.items()}
        return {f"keep_{name}": value for name, value in said.items()}

    def count_bits(self, tiles: Triple, rows: int) -> int:
        """Return the bits that hold what is counted of results, and one more than that."""
        return (max(*tiles, *self.window.extent, self.block, rows) + 1).bit_length()

    def steps(self, tiles: Triple) -> dict[str, int]:
        """Return how far apart positions lie, in positions: side by side, and from the first of a tile to another's."""
        frame, line, unit = self.window.sizes(1)[1:]
        t, h, w = (m * pitch for m, pitch in zip(self.tile, (frame, line, unit), strict=True))
        along_w, along_h, along_t = ((many - 1) * step for many, step in zip(reversed(tiles), (w, h, t), strict=True))
        return {
            "unit": unit, "line": line, "frame": frame,
            "step_w": w, "step_h": h - along_w, "step_t": t - along_h - along_w, "back": -along_t - along_h - along_w,
        }  # fmt: skip


def dot(one: Triple, other: Sequence[int]) -> int:
    """Return the sum of the products."""
    return sum(a * b for a, b in zip(one, other, strict=True))
