"""The fast engine compiled: the same functions, translated to machine code by Numba.

Numba is imported, and the translation loaded or made, at the first run. The
translation is kept in the user's cache folder under a digest of the sources, so
a changed source is never run in its old form.
"""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lw3dsim.dram import in_order
from lw3dsim.engine import fast_engine, memory
from lw3dsim.engine.memory import Memory
from lw3dsim.engine.trace import Job, empty_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.engine.trace import Trace
    from lw3dsim.map.arrays import Ints

Table = TypeVar("Table", Job, Memory)

# Steps and runs that take CPython as long as loading a translation, or making one, takes.
PAYS_FOR_LOADING = 200_000
PAYS_FOR_COMPILING = 1_000_000

# What has been interpreted so far, one number.
_interpreted = [0]

# What is compiled, callees first.
_PARTS: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (
        in_order,
        ("_place", "_precharge", "_activate", "_column", "_refresh", "_entered", "_remember", "_visit", "serve"),
    ),
    (memory, ("transfer",)),
    (fast_engine, ("known", "tile_of", "place_steps", "advance")),
)


def run(job: Job, memory: Memory, trace: Trace) -> None:
    """Simulate ``job`` on arrays and fill in ``trace``; see :func:`lw3dsim.engine.fast_engine.run`."""
    state = np.array(fast_engine.initial_state(job), dtype=np.int64)
    advance(plain(job), plain(memory), trace, state, fast_engine.NEVER)


def advance(job: Job, memory: Memory, trace: Trace, state: Ints, stop: int) -> None:
    """Go on from ``state`` on what :func:`plain` returns; see :func:`lw3dsim.engine.fast_engine.advance`."""
    _compiled()(job, memory, trace, state, stop)


def plain(table: Table) -> Table:
    """Return ``table`` with its arrays contiguous and writable: other kinds would each be translated anew."""
    arrays: dict[str, Any] = {
        name: np.require(item, np.int64, ["C", "W"])
        for name, item in table._asdict().items()
        if isinstance(item, np.ndarray)
    }
    return table._replace(**arrays)


def is_loaded() -> bool:
    """Return whether the engine has been translated in this process."""
    return _compiled.cache_info().currsize > 0


def is_worthwhile(work: int) -> bool:
    """Return whether to compile for ``work`` more steps and runs, given what has been interpreted so far.

    Loading Numba and the translation takes as long as interpreting about PAYS_FOR_LOADING of them.
    """
    _interpreted[0] += work
    return _interpreted[0] > PAYS_FOR_LOADING and (is_cached() or _interpreted[0] > PAYS_FOR_COMPILING)


def load() -> None:
    """Load the translation, or make it, ahead of the first run."""
    zeros = np.zeros(2, dtype=np.int64)
    one, free = zeros[:1], zeros[:1] - 1
    fields: Any = [*[one] * 7, free, free, one, one, free, free, one, one, one, free, 0, 1]
    job = Job(*fields)
    words: Any = [zeros] * 9
    run(job, Memory(0, 1, 1, 1, 0, *words), empty_trace(job))


def translations() -> int:
    """Return for how many kinds of arguments the engine has been translated in this process."""
    kernel: Any = _compiled()
    return len(kernel.signatures)


def is_cached() -> bool:
    """Return whether a translation of today's sources is on this machine."""
    return any(_cache_folder().rglob("*.nbc"))


@cache
def _compiled() -> Callable[[Job, Memory, Trace, Ints, int], None]:
    import numba

    njit: Any = numba.njit
    if not is_cached():
        print("compiling the fast engine, once for this machine ...", file=sys.stderr, flush=True)  # noqa: T201
    # A reordering memory is not given to this engine; the name must be known all the same.
    names: dict[str, Any] = {"reorder": njit(_refused)}
    config: Any = numba.config
    is_kept = _is_writable(_cache_folder())
    folder, config.CACHE_DIR = config.CACHE_DIR, str(_cache_folder())
    try:
        for module, functions in _PARTS:
            names |= {name: value for name, value in vars(module).items() if isinstance(value, int)}
            for name in functions:
                source = getattr(module, name)
                clone = FunctionType(source.__code__, names, name)
                clone.__module__ = module.__name__
                # Nothing is allocated, so no references need counting: 15 times faster.
                names[name] = njit(
                    cache=is_kept, error_model="numpy", forceinline=name not in ("advance", "_refresh"), _nrt=False
                )(clone)
    finally:
        config.CACHE_DIR = folder
    compiled: Callable[[Job, Memory, Trace, Ints, int], None] = names["advance"]
    return compiled


def _refused(memory: Memory, box: int, start: int, is_store: int) -> tuple[int, int]:  # noqa: ARG001
    raise ValueError


def _is_writable(folder: Path) -> bool:
    """Create ``folder`` and return whether a translation can be kept there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


@cache
def _cache_folder() -> Path:
    sources = [Path(str(file)).read_bytes() for file in (__file__, *(module.__file__ for module, _ in _PARTS))]
    digest = hashlib.sha256(b"".join(sources)).hexdigest()[:16]
    base = os.environ.get("LW3DSIM_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "lw3dsim" / f"engine-{digest}"
