"""Pauses of the array: DMA has the only port of a buffer, and goes first. Plain integer code.

The words of a tile pass one in a cycle, evenly from the first beat of its transfer to the last, those of one tile
behind those of another. In such a cycle everything but DMA stands still: the array *works* in all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.kernels import entry, kernel, kernels

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints, Words
    from lw3dsim.engine.trace import Pauses, Trace


@kernel
def pass_words(
    pauses: Pauses, number: int, cycle: int, words: int, start: int, free: int, ready: int, is_store: int
) -> tuple[int, int]:
    """Note pause ``number``, in which the ``words`` of a tile pass whose transfer is granted at ``start``.

    Without it the next would be granted at ``free``, and the tile be there at ``ready``; return both as they are: DMA
    passes a word in a cycle, and a tile is there when all have passed.
    """
    first, last = (start, free) if is_store else (ready - free + start, ready)
    begin = -(-first // cycle) * cycle
    if number > 0:
        begin = max(begin, pauses.end[number - 1])
    end = max(begin + words * cycle, -(-last // cycle) * cycle) if words else begin
    pauses.begin[number], pauses.end[number], pauses.words[number] = begin, end, words
    if words:
        free, ready = max(free, start + words * cycle), max(ready, end)
    return free, ready


@kernel
def worked(pauses: Pauses, many: int, cycle: int, since: int, ticks: int) -> int:
    """Return when the array has worked for ``ticks``, whole cycles, from ``since`` on, by the first ``many`` pauses."""
    if many == 0:
        return since + ticks
    at, left, number = -(-since // cycle) * cycle, ticks // cycle, many
    while number > 0 and pauses.end[number - 1] > at:
        number -= 1
    while number < many and left > 0:
        begin, end, words = pauses.begin[number], pauses.end[number], pauses.words[number]
        if at < begin:
            ahead = min(left, (begin - at) // cycle)
            at, left = at + ahead * cycle, left - ahead
        if left > 0 and at < end:
            length, passed = (end - begin) // cycle, (at - begin) // cycle
            # Of the first i cycles of a pause floor(i words / length) are DMA's.
            done = passed - passed * words // length
            if left <= length - words - done:
                return begin + ((done + left - 1) * length // (length - words) + 1) * cycle
            at, left = end, left - (length - words - done)
        number += 1
    return at + left * cycle


@entry
def worked_each(pauses: Pauses, cycle: int, since: Words, ticks: Words, found: Words) -> None:
    """Fill in ``found``: what :func:`worked` says of all pauses and each of the other two."""
    for i in range(len(found)):
        found[i] = worked(pauses, len(pauses.begin), cycle, since[i], ticks[i])


def when_worked(trace: Trace, cycle: int, since: Ints, ticks: Ints) -> Ints:
    """Return when the array has worked for ``ticks``, whole cycles, from each time ``since`` on."""
    work = kernels()
    found = work.empty(len(since))
    work(worked_each)(work.own(trace.pauses), cycle, work.words(since), work.words(ticks), found)
    return np.asarray(found, dtype=np.int64)
