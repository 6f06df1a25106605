"""A digest of the sources of this package, which are read again only where one of their files was touched.

What it was is noted in the cache folder, with what the system says of the files: where each is, its size, and when it
was last written, moved or put in place of another, which no tool can set back.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from lw3dsim.base.folders import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Clocks of file systems tick this often at the least: what was touched before can't have been since, in the same tick.
SETTLED_NS = 2_000_000_000

_NOTE = re.compile("([0-9a-f]{64}) ([0-9a-f]{64})\n")


@cache
def package_digest() -> str:
    """Return the digest of this package: any change of it gives another."""
    return digest_of(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), cache_folder())  # noqa: PTH120  # fast


def digest_of(package: str, folder: Path) -> str:
    """Return the digest of the Python sources below ``package``, noted in ``folder``."""
    sources = sorted(_sources(package))
    stamp = hashlib.sha256(repr(sources).encode()).hexdigest()
    note = folder / f"sources-{hashlib.sha256(os.fsencode(package)).hexdigest()[:16]}"
    noted = _read(note)
    if noted is not None and noted[1] == stamp:
        return noted[2]
    digest = hashlib.sha256()
    for path, *_ in sources:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # fast
            digest.update(file.read())
    if max(touched for *_, touched in sources) < time.time_ns() - SETTLED_NS:
        _write(note, f"{stamp} {digest.hexdigest()}\n")
    return digest.hexdigest()


def _sources(folder: str) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield path, inode, bytes, and the ns of the last write and touch of every source in a folder and below."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                at = entry.stat()
                yield entry.path, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _sources(entry.path)


def _read(note: Path) -> re.Match[str] | None:
    """Return a note's stamp and digest; None where it is none of ours, or can't be read."""
    try:
        return _NOTE.fullmatch(note.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _write(note: Path, text: str) -> None:
    """Write a note, in place of one of ours alone; where that can't be, sources are read each time."""
    from lw3dsim.parts import part_file

    if os.path.lexists(note) and _read(note) is None:
        return
    with suppress(OSError):
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with part_file(note.parent) as (file, part):
            file.write(text.encode())
            file.flush()
            part.replace(note)
