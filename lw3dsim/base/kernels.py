"""Kernels: functions of integers and flat words, on lists as CPython runs them, on arrays as they are translated.

A kernel is declared where it stands, by :func:`kernel`. It computes with integers, tuples of them and words, calls
other kernels, and allocates nothing; what it calls is found by itself. Those that are called from outside are the
*entries* of a translation::

    work = kernels(tilings)
    work(shortlist)(task, ..., work.words(sizes), work.empty(count))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from lw3dsim.base.arrays import as_arrays, as_lists
from lw3dsim.base.native import Declared, Translation, declare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.base.arrays import Ints, Table, Words

Function = TypeVar("Function", bound="Callable[..., Any]")

# What is translated together, by what it is called where it is.
MAPPER = Translation("the mapper")
ENGINE = Translation("the fast engine")
CONTROLLER = Translation("the memory controller")

# What ranking a tiling takes CPython, in steps of the fast engine; and costing a step, and listing runs, in tilings.
STEPS_PER_TILING = 5
TILINGS_PER_STEP = 20
RUNS_PER_TILING = 20


@overload
def kernel(function: Function, /) -> Function: ...
@overload
def kernel(*, entry: Translation) -> Callable[[Function], Function]: ...
@overload
def kernel(*, inline: bool) -> Callable[[Function], Function]: ...
def kernel(function: Any = None, /, *, entry: Translation | None = None, inline: bool = True) -> Any:
    """Declare a kernel: an ``entry`` of a translation, or for other kernels, copied into them if ``inline``."""

    def declared(function: Function) -> Function:
        return declare(function, Declared(entry=entry, is_inlined=inline and entry is None))

    return declared if function is None else declared(function)


def interpreted(function: Function) -> Function:
    """Declare a function that kernels name, but must not call once they are translated."""
    return declare(function, Declared(is_refused=True))


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """What makes a callable of an entry, and the words that it takes: its own, from values, or to be filled."""

    is_translated: bool

    def __call__(self, entry: Function) -> Function:
        """Return ``entry``, or its translation."""
        return translated(entry) if self.is_translated else entry

    def own(self, table: Table) -> Table:
        """Return ``table``, and those within it, on words as the entries take them; shared where they are such."""
        return as_arrays(table) if self.is_translated else as_lists(table)

    def words(self, values: Sequence[int] | Ints) -> Words:
        """Return words of these values."""
        if self.is_translated:
            return np.array(values, dtype=np.int64)
        words: list[int] = np.asarray(values, dtype=np.int64).tolist()
        return words

    def empty(self, size: int) -> Words:
        """Return ``size`` words of 0."""
        return np.zeros(size, dtype=np.int64) if self.is_translated else [0] * size


def kernels(work: int, of: Translation = MAPPER, steps: int = STEPS_PER_TILING) -> Kernels:
    """Return kernels, those of the mapper by default, for so much ``work``: translated where that pays.

    A unit of it, ranking a tiling, takes CPython as long as so many ``steps`` of the fast engine.
    """
    return Kernels(is_translated=of.is_worthwhile(steps * work))


def translated(entry: Function) -> Function:
    """Return the translation of ``entry``, loaded or made at its first call."""
    declared: Declared = entry.__dict__["kernel"]
    if declared.entry is None:
        raise TypeError(f"{entry.__name__} is no entry of a translation")
    return declared.entry.of(entry)
