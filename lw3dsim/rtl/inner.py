"""Where an intermediate tensor of a fused group lies, as the stage that reads it finds it."""

from __future__ import annotations

from lw3dsim.base.values import Value
from lw3dsim.machine.records import Triple  # noqa: TC001  # read where a value is made
from lw3dsim.rtl.windows import Window  # noqa: TC001


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

    def fields(self, begin: Triple, channel: int, rows: int) -> dict[str, int]:
        """Return what a descriptor says of where results go: from tiles ``begin`` and a ``channel`` of the step on.

        So many channels, ``rows``, lie side by side at a position.
        """
        _, frame, row, _ = self.window.sizes(1)
        at = [
            origin + first * m - low
            for origin, first, m, low in zip(self.origin, begin, self.tile, self.low, strict=True)
        ]
        lie = self.window.place(at, 1)
        return {
            "keep_tag": self.tag + lie.lap,
            "keep_base": self.base,
            "keep_block": self.block,
            "keep_channels": self.channels,
            "keep_first": self.first + channel,
            "keep_pitch": self.pitch,
            "keep_position": lie.first,
            "keep_along": lie.along,
            "keep_ring": lie.ring,
            "keep_axis": self.window.axis or 0,
            "keep_frame": frame,
            "keep_row": row,
            "keep_rows": rows,
        }
