"""The layout of each tensor: the channel block that its producer and its consumers want, once all are mapped.

A block is judged by the bursts that all layers together move for the tensor. What
one layer wants need not be what another wants; what a layer pays for the
compromise is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.base.values import Value
from lw3dsim.tensor.layout import block_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lw3dsim.schedule.work import Side, Work


class Use(Value, frozen=True, kw_only=True):
    """A mapped layer or group that reads or writes a tensor; of its input ``moved`` are the bursts that it reads."""

    work: Work
    side: Side
    burst_bytes: int
    moved: int | None = None

    @property
    def block(self) -> int:
        """The block that the layer or group was mapped for."""
        return self.work.block(self.side)

    def bursts(self, blocks: Sequence[int]) -> dict[int, int]:
        """Return the bursts that are moved of the tensor in blocks of each size."""
        asked = tuple(blocks) if self.moved is None or self.block in blocks else (*blocks, self.block)
        once = dict(zip(asked, _moved(self.work, self.side, asked, self.burst_bytes), strict=True))
        times = 1 if self.moved is None else self.work.repeats(self.moved, once[self.block])
        return {block: times * once[block] for block in blocks}


@kept(65536)
def _moved(work: Work, side: Side, blocks: tuple[int, ...], burst_bytes: int) -> tuple[int, ...]:
    return tuple(work.boxes(side, burst_bytes).bursts_in(blocks))


def candidate_blocks(uses: Sequence[Use], channels: int, smallest: int) -> set[int]:
    """Return the blocks worth trying: ``smallest`` times powers of two, all channels, and the tiles of the users."""
    tiles = {min(use.work.tile_channels(use.side), channels) for use in uses}
    return {*block_sizes(smallest, channels), *tiles, *(use.block for use in uses)}


def wanted_block(moved: Iterable[Mapping[int, int]], present: int) -> int:
    """Return the block with the fewest bursts of all users together; ties stay with the ``present`` one.

    ``moved`` holds, per user, its bursts by block.
    """
    users = list(moved)
    totals = {block: sum([bursts[block] for bursts in users]) for block in users[0]}
    least = min(totals.values())
    return present if totals.get(present) == least else min(block for block, of in totals.items() if of == least)
