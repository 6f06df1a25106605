"""Rows that are alike: an example of each sort of rows, and the sort of every row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.kernels import entry, kernel, kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Flags, Ints, Words


def distinct(columns: Sequence[Ints | Flags]) -> tuple[Ints, Ints]:
    """Return one example row per distinct combination of values, as they come, and the combination of every row."""
    return distinct_rows(kernels().words(np.concatenate(columns)), len(columns[0]))


def distinct_rows(table: Words, rows: int) -> tuple[Ints, Ints]:
    """Return the same of a ``table`` of so many rows, column behind column."""
    work = kernels()
    buckets, following, example, sort = (work.empty(rows) for _ in range(4))
    found = work(sort_rows)(table, rows, rows, buckets, following, example, sort)
    return np.asarray(example[:found], dtype=np.int64), np.asarray(sort, dtype=np.int64)


@entry
def sort_rows(table: Words, room: int, rows: int, buckets: Words, following: Words, example: Words, sort: Words) -> int:
    """Tell the sorts of ``rows`` apart, as they come; fill in an ``example`` of each and the ``sort`` of every row.

    ``table`` holds column behind column, each with ``room`` for as many rows or more. Return how many sorts there are.
    ``buckets`` and ``following``, all 0, are scratch: the first sort of each bucket, and that behind each sort, plus
    one.
    """
    sorts = 0
    for row in range(rows):
        bucket = mark(table, room, row) % rows
        found = buckets[bucket] - 1
        while found >= 0 and not are_alike(table, room, row, example[found]):
            found = following[found] - 1
        if found < 0:
            found = sorts
            following[found], buckets[bucket] = buckets[bucket], found + 1
            example[found] = row
            sorts += 1
        sort[row] = found
    return sorts


@kernel
def mark(table: Words, room: int, row: int) -> int:
    """Return a number that alike rows share."""
    number = 0
    for at in range(row, len(table), room):
        number = 3 * number + table[at]
    return number


@kernel
def are_alike(table: Words, room: int, one: int, other: int) -> bool:
    """Return whether two rows have the same values."""
    for at in range(0, len(table), room):  # noqa: SIM110  # kernels have no generators
        if table[at + one] != table[at + other]:
            return False
    return True
