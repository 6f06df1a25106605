"""Integer arrays: one element per tile, step, group or candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from lw3dsim.base.caches import kept

if TYPE_CHECKING:
    from collections.abc import Callable

Scalar = TypeVar("Scalar", bound=np.generic)

# What numpy.typing calls NDArray, without the start of that.
Array = np.ndarray[tuple[Any, ...], np.dtype[Scalar]]

Ints = Array[np.int64]
Flags = Array[np.bool_]
Floats = Array[np.float64]

INT64 = np.dtype(np.int64)

# What engines work on: lists where CPython runs them, arrays where they are compiled.
Words = Ints | list[int]

# Columns of words, and whatever belongs to them.
Table = TypeVar("Table", bound=NamedTuple)


def ceil_div(a: Ints | int, b: Ints | int) -> Ints:
    """Return ceil(a / b) of non-negative integers, element by element."""
    return np.asarray(-(-np.asarray(a, dtype=np.int64) // b), dtype=np.int64)


def padded(size: int, quantum: int) -> int:
    """Return ``size`` rounded up to a multiple of ``quantum``."""
    return -(-size // quantum) * quantum


@kept(65536)
def parts(total: int, part: int) -> Ints:
    """Return the sizes of ``total`` cut into parts of ``part``, the last one ragged."""
    starts = np.arange(0, total, part, dtype=np.int64)
    return np.minimum(part, total - starts)


def equal_parts(total: int, most: int) -> Ints:
    """Return the sizes of ``total`` cut into as few, as equal parts as ``most`` allows, the larger ones first."""
    number = -(-total // most)
    less, more = divmod(total, number)
    return np.repeat(np.array([less + 1, less], dtype=np.int64), [more, number - more])


def spread(counts: Ints) -> tuple[Ints, Ints]:
    """Return, for ``counts`` elements of every group behind each other, each one's group and place in it."""
    group = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return group, np.arange(len(group), dtype=np.int64) - (np.cumsum(counts) - counts)[group]


def with_words(table: Table, change: Callable[[Words], Words]) -> Table:
    """Return ``table`` with what ``change`` makes of all words in it, and in the tables within it."""
    return table._make([_changed(item, change) if type(item) is not int else item for item in table])


def _changed(item: Any, change: Callable[[Words], Words]) -> Any:
    if isinstance(item, np.ndarray | list):
        return change(item)
    return with_words(item, change) if hasattr(item, "_fields") else item


def as_lists(table: Table) -> Table:
    """Return ``table`` on lists, which CPython is fastest on; those that are such are shared."""
    return with_words(table, lambda words: words if isinstance(words, list) else words.tolist())


def as_arrays(table: Table) -> Table:
    """Return ``table`` on contiguous and writable arrays, as translated kernels take them; such are shared."""
    return table._make([
        item
        if type(item) is int or (type(item) is np.ndarray and item.dtype is INT64 and item.flags.carray)
        else _made_plain(item)
        for item in table
    ])  # fmt: skip


def _made_plain(item: Any) -> Any:
    if isinstance(item, np.ndarray | list):
        return np.require(item, np.int64, ["C", "W"])
    return as_arrays(item) if hasattr(item, "_fields") else item


def arrays_of(table: NamedTuple) -> dict[str, Ints]:
    """Return the columns of ``table`` by name, as arrays."""
    return {
        name: words if type(words) is np.ndarray else np.asarray(words, dtype=np.int64)
        for name, words in zip(table._fields, table, strict=True)
    }
