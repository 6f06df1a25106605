"""Where an intermediate tensor of a fused group lies, as the stage that reads it finds it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.values import Value
from lw3dsim.machine.records import Triple  # noqa: TC001  # read where a value is made
from lw3dsim.rtl.layout import stored

if TYPE_CHECKING:
    from lw3dsim.arithmetic.place import Place
    from lw3dsim.rtl.subject import Stage
    from lw3dsim.rtl.waves import Wave


class Kept(Value, frozen=True, kw_only=True):
    """What a stage looks at for a tile: blocks of ``block`` of so many ``channels``, in each positions side by side.

    They are ``extent`` (T, H, W) positions, padding among them, from position ``low`` of the tensor on. ``tile`` is the
    size of a tile of the algorithm that makes them, ``first`` the channel that a step begins with, ``origin`` its first
    position. ``tag`` says which tile of the tensor an element is of.
    """

    tag: int
    base: int
    block: int
    channels: int
    extent: Triple
    low: Triple
    first: int = 0
    origin: Triple = (0, 0, 0)
    tile: Triple = (1, 1, 1)

    @property
    def pitch(self) -> int:
        """Elements from block to block."""
        return math.prod(self.extent) * self.block

    @property
    def elements(self) -> int:
        """Elements that it takes."""
        return -(-self.channels // self.block) * self.pitch

    def fields(self, wave: Wave) -> dict[str, int]:
        """Return what the descriptor of a wave says of where its results go."""
        _, height, width = self.extent
        t, h, w = (
            origin + begin * m - low
            for origin, begin, m, low in zip(self.origin, wave.begin, self.tile, self.low, strict=True)
        )
        return {
            "keep_tag": self.tag,
            "keep_base": self.base,
            "keep_block": self.block,
            "keep_channels": self.channels,
            "keep_first": self.first + wave.channel,
            "keep_pitch": self.pitch,
            "keep_position": (t * height + h) * width + w,
            "keep_frame": height * width,
            "keep_row": width,
        }


def kept_for(reader: Stage, place: Place, block: int, channels: int, tag: int, base: int) -> Kept:
    """Return where what ``reader`` looks at for its outputs at ``place`` lies: in so many ``channels``."""
    problem = reader.problem
    tiles = [-(-size // m) for size, m in zip(place.size, problem.algorithm.tile, strict=True)]
    t, h, w = (len(stored(problem, axis, many)) for axis, many in enumerate(tiles))
    low = [o * s - p for o, s, p in zip(place.origin, problem.stride, problem.padding, strict=True)]
    return Kept(tag=tag, base=base, block=block, channels=channels, extent=(t, h, w), low=(low[0], low[1], low[2]))
