"""What makes room for the next tile in a buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints


def release_steps(first: Ints, slots: int) -> Ints:
    """Return ``after`` of a load stream of one layer in ``slots``: the last step that uses tile j - slots."""
    after = np.full(len(first), -1, dtype=np.int64)
    after[slots:] = first[1 : max(len(first) - slots + 1, 1)] - 1
    return after


def release_stores(tiles: int, slots: int) -> Ints:
    """Return ``after`` of a store stream in ``slots``: the store of tile j - slots."""
    return np.maximum(np.arange(tiles, dtype=np.int64) - slots, -1)


def room_after(bits: Ints, gone: Ints, slots: int, capacity: int) -> Ints:
    """Return, per tile of ``bits``, the event that makes room for it; -1 where there is room from the start.

    Tiles come and go in order, tile i with the event ``gone[i]``. At most ``slots`` tiles are there together, and
    no more than fit into ``capacity`` bits.
    """
    ends = np.cumsum(bits)
    before = np.concatenate(([0], ends))
    # The least number of tiles, counted from the first, that must have gone.
    leave = np.searchsorted(before, ends - capacity)
    leave = np.maximum(leave, np.arange(len(bits)) + 1 - slots)
    return np.asarray(np.where(leave > 0, gone[np.maximum(leave, 1) - 1], -1), dtype=np.int64)
