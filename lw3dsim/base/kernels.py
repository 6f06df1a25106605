"""Kernels: functions of integers and flat words, on lists as CPython runs them, on arrays in machine code.

A kernel is declared where it stands, by :func:`kernel`, or :func:`entry` where Python calls it. It computes with
integers, tuples of them and words, calls other kernels, and allocates nothing. :class:`Kernels` calls them, and makes
the words that they take::

    work = kernels()
    work(shortlist)(task, ..., work.words(sizes), work.empty(count))
"""

from __future__ import annotations

import itertools
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast, get_args, get_type_hints

import numpy as np

from lw3dsim.base.arrays import INT64, as_arrays, as_lists
from lw3dsim.base.native import extension
from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lw3dsim.base.arrays import Ints, Table, Words

Function = TypeVar("Function", bound="Callable[..., Any]")


def kernel(function: Function) -> Function:
    """Declare a kernel, for other kernels; it stays what CPython runs."""
    return function


def entry(function: Function) -> Function:
    """Declare a kernel that Python calls, too: through :class:`Kernels`."""
    return function


def interpreted(function: Function) -> Function:
    """Declare a function that kernels name, but that only CPython runs: in machine code a call raises ValueError."""
    return function


def flat(table: NamedTuple) -> list[int]:
    """Return the integers of a ``table`` that has no words, behind each other, as :func:`read` finds them."""
    words: list[int] = []
    for value in table:
        if isinstance(value, tuple):
            words += value
        else:
            words.append(value)
    return words


def read(table: type[Table], words: Words, number: int) -> Table:
    """Return, of the tables of integers that lie in ``words`` behind each other, the one of a ``number``."""
    sizes = _sizes(table)
    at, values = number * sum(map(abs, sizes)), []
    if number < 0 or at + sum(map(abs, sizes)) > len(words):
        raise IndexError("index out of range")
    for size in sizes:
        values.append(words[at] if size < 0 else tuple(words[at : at + size]))
        at += abs(size)
    return table._make(values)


@cache
def _sizes(table: type[NamedTuple]) -> tuple[int, ...]:
    """Return the integers of each field of a table, -1 of one that is no tuple."""
    return tuple(len(get_args(of)) or -1 for of in get_type_hints(table).values())


class Kernels(Value, frozen=True):
    """What makes a callable of a kernel, and the words that it takes: its own, from values, or to be filled."""

    is_native: bool

    def __call__(self, function: Function) -> Function:
        """Return the kernel ``function``, or what was made of it."""
        if not self.is_native:
            return function
        return cast("Function", _translated(function))

    def own(self, table: Table) -> Table:
        """Return ``table``, and those within it, on words as the kernels take them; shared where they are such."""
        return as_arrays(table) if self.is_native else as_lists(table)

    def of_arrays(self, table: Table) -> Table:
        """Return a ``table`` of contiguous arrays as the kernels take it: shared, or on lists."""
        return table if self.is_native else as_lists(table)

    def words(self, values: Sequence[int] | Ints) -> Words:
        """Return words of these values."""
        if self.is_native:
            return np.array(values, INT64)
        words: list[int] = np.asarray(values, dtype=np.int64).tolist()
        return words

    def split(self, *columns: Sequence[int]) -> list[Words]:
        """Return words of each of ``columns``: of one block, which takes less time."""
        if not self.is_native:
            return [self.words(column) for column in columns]
        block = np.array([*itertools.chain.from_iterable(columns)], INT64)
        return _cut(block, map(len, columns))

    def empty(self, size: int) -> Words:
        """Return ``size`` words of 0."""
        return np.zeros(size, INT64) if self.is_native else [0] * size

    def room(self, size: int) -> Words:
        """Return ``size`` words of anything, to be filled: large ones take no memory before."""
        return np.empty(size, INT64) if self.is_native else [0] * size

    def carved(self, sizes: Sequence[int], *, is_empty: bool = False) -> list[Words]:
        """Return words of each of ``sizes``, of anything or, ``is_empty``, 0: of one block, which takes less time."""
        if not self.is_native:
            return [[0] * size for size in sizes]
        make = np.zeros if is_empty else np.empty
        return _cut(make(sum(sizes), INT64), sizes)

    def joined(self, parts: Sequence[Ints]) -> Words:
        """Return the words of arrays behind each other."""
        return np.concatenate(parts) if self.is_native else [word for part in parts for word in part.tolist()]

    def rooms(self, table: type[Table], size: int) -> Table:
        """Return a ``table`` of words alone, ``size`` of anything in each of its columns."""
        if self.is_native:
            return _columns(table, np.empty(len(table._fields) * size, INT64), size)
        return self.columns(table, size)

    def columns(self, table: type[Table], size: int) -> Table:
        """Return a ``table`` of words alone, ``size`` of 0 in each of its columns."""
        if self.is_native:
            return _columns(table, np.zeros(len(table._fields) * size, INT64), size)
        return table._make([0] * size for _ in table._fields)

    def sheet(self, table: type[Table], size: int) -> Table:
        """Return the same in one piece, which takes less time: for kernels alone, ``table._make(it)`` for others."""
        if self.is_native:
            return cast("Table", np.zeros((len(table._fields), size), INT64))
        return self.columns(table, size)

    def beginning(self, table: type[Table], sheet: Table, size: int) -> Table:
        """Return the first ``size`` words of every column of a ``sheet``, as a table for others, too."""
        if self.is_native:
            return table._make(cast("Ints", sheet)[:, :size])
        return table._make([column[:size] for column in sheet])

    def sized(self, table: type[Table], sizes: Sequence[int]) -> Table:
        """Return the same with ``sizes`` in its first column, a row for each."""
        if self.is_native:
            words = np.zeros((len(table._fields), len(sizes)), INT64)
            words[0] = sizes
            return cast("Table", words)
        return table._make([list(sizes), *([0] * len(sizes) for _ in table._fields[1:])])


def _cut(block: Ints, sizes: Iterable[int]) -> list[Words]:
    """Return the words of a ``block``, so many after so many."""
    parts: list[Words] = []
    end = 0
    for size in sizes:
        begin, end = end, end + size
        parts.append(block[begin:end])
    return parts


def _columns(table: type[Table], words: Ints, size: int) -> Table:
    """Return a table of the ``words``, column behind column: slices, which take a third of the time of rows."""
    return table._make([words[at * size : (at + 1) * size] for at in range(len(table._fields))])


@lru_cache(maxsize=1024)
def _translated(function: Callable[..., Any]) -> Callable[..., Any]:
    return extension().kernels[f"{function.__module__}.{function.__name__}"]


INTERPRETED, NATIVE = Kernels(is_native=False), Kernels(is_native=True)


def kernels() -> Kernels:
    """Return the kernels of the extension, or, where there is none, those that CPython runs."""
    return NATIVE if extension().kernels else INTERPRETED
