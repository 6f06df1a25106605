"""The kernels in machine code: an extension that is made of their sources when the package is built.

It carries a digest of these sources, and does not stand in for others. Where there is none, or none of today's
sources, CPython runs the kernels as they stand, and one sentence says so.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lw3dsim.compiler.digest import digest_of
from lw3dsim.errors import InputError, short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXTENSION = "lw3dsim.base._kernels"
# What may be asked of the environment variable LW3DSIM_KERNELS.
NATIVE, INTERPRETED = "native", "interpreted"


class Extension(NamedTuple):
    """The kernels of the extension, by module and name; none where it can't be used, and ``why``."""

    kernels: Mapping[str, Callable[..., Any]]
    why: str


@cache
def extension() -> Extension:
    """Return the extension, if it is there, is wanted and is of today's sources.

    Where it is wanted and not there, a line on standard error says that CPython runs the kernels. Raises InputError
    for an LW3DSIM_KERNELS that is neither native nor interpreted.
    """
    wanted = os.environ.get("LW3DSIM_KERNELS", NATIVE)
    if wanted == INTERPRETED:
        return Extension({}, "LW3DSIM_KERNELS is set to interpreted")
    if wanted != NATIVE:
        raise InputError(f"LW3DSIM_KERNELS = {short(wanted)}: is neither {NATIVE} nor {INTERPRETED}")
    found = find_extension(Path(__file__).resolve().parent.parent)
    if found.why:
        print(f"lw3dsim: CPython runs the kernels, some hundred times slower: {found.why}", file=sys.stderr)  # noqa: T201
    return found


def find_extension(root: Path) -> Extension:
    """Return the extension of the package in the folder ``root``; without kernels where it is of other sources."""
    try:
        made = import_module(EXTENSION)
    except ImportError as error:
        return Extension(
            {}, f"they were not compiled when the package was built ({error}); install it again with a C compiler"
        )
    try:
        is_of_these = digest_of(root, made.SOURCES.split()) == made.DIGEST
    except OSError:
        is_of_these = False
    if not is_of_these:
        return Extension({}, "their sources changed since they were compiled; install the package again")
    return Extension(vars(made), "")
