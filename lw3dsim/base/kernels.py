"""Kernels: functions of integers and flat words, on lists as CPython runs them, on arrays in machine code.

A kernel is declared where it stands, by :func:`kernel`, or :func:`entry` where Python calls it. It computes with
integers, tuples of them and words, calls other kernels, and allocates nothing. :class:`Kernels` calls them, and makes
the words that they take::

    work = kernels()
    work(shortlist)(task, ..., work.words(sizes), work.empty(count))
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from lw3dsim.base.arrays import as_arrays, as_lists
from lw3dsim.base.native import extension
from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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

    def words(self, values: Sequence[int] | Ints) -> Words:
        """Return words of these values."""
        if self.is_native:
            return np.array(values, dtype=np.int64)
        words: list[int] = np.asarray(values, dtype=np.int64).tolist()
        return words

    def empty(self, size: int) -> Words:
        """Return ``size`` words of 0."""
        return np.zeros(size, dtype=np.int64) if self.is_native else [0] * size

    def room(self, size: int) -> Words:
        """Return ``size`` words of anything, to be filled: large ones take no memory before."""
        return np.empty(size, dtype=np.int64) if self.is_native else [0] * size

    def columns(self, table: type[Table], size: int) -> Table:
        """Return a ``table`` of words alone, ``size`` of 0 in each of its columns."""
        if self.is_native:
            return table._make(np.zeros((len(table._fields), size), dtype=np.int64))
        return table._make([0] * size for _ in table._fields)


@lru_cache(maxsize=1024)
def _translated(function: Callable[..., Any]) -> Callable[..., Any]:
    return extension().kernels[f"{function.__module__}.{function.__name__}"]


INTERPRETED, NATIVE = Kernels(is_native=False), Kernels(is_native=True)


def kernels() -> Kernels:
    """Return the kernels of the extension, or, where there is none, those that CPython runs."""
    return NATIVE if extension().kernels else INTERPRETED
