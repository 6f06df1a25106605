"""The fast engine translated to machine code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lw3dsim.base.kernels import translated
from lw3dsim.engine import fast_engine
from lw3dsim.engine.memory import Memory
from lw3dsim.engine.trace import Job

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.engine.trace import Trace

Table = TypeVar("Table", Job, Memory)


def run(job: Job, memory: Memory, trace: Trace) -> None:
    """Simulate ``job`` on arrays and fill in ``trace``; see :func:`lw3dsim.engine.fast_engine.run`."""
    state = np.array(fast_engine.initial_state(job), dtype=np.int64)
    advance(plain(job), plain(memory), trace, state, fast_engine.NEVER)


def advance(job: Job, memory: Memory, trace: Trace, state: Ints, stop: int) -> None:
    """Go on from ``state`` on what :func:`plain` returns; see :func:`lw3dsim.engine.fast_engine.advance`."""
    translated(fast_engine.advance)(job, memory, trace, state, stop)


def plain(table: Table) -> Table:
    """Return ``table`` with its arrays contiguous and writable: other kinds would each be translated anew."""
    arrays: dict[str, Any] = {
        name: np.require(item, np.int64, ["C", "W"])
        for name, item in table._asdict().items()
        if isinstance(item, np.ndarray) and not _is_plain(item)
    }
    return table._replace(**arrays)


def _is_plain(array: Ints) -> bool:
    return array.flags.carray and array.dtype == np.int64
