"""What words of a buffer hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints


def of_bits(values: Ints, bits: int, word: int) -> list[int]:
    """Return ``values`` of so many bits behind each other, as words; the first lies lowest, the last is filled up."""
    mask, total = (1 << bits) - 1, 0
    for value in reversed(values.tolist()):
        total = total << bits | (value & mask)
    return [total >> at & ((1 << word) - 1) for at in range(0, max(len(values) * bits, 1), word)]
