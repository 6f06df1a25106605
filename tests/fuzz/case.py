"""An input: files in an empty folder, and the words that its kind runs them with."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .session import Session

# What stands at a path instead of a regular file.
SPECIAL = ("folder", "fifo", "loop", "nowhere")


@dataclass(frozen=True, kw_only=True)
class Case:
    """Files by name, as bytes or one of SPECIAL, and the ``plan``: words whose meaning is the kind's."""

    files: dict[str, bytes | str]
    plan: tuple[str, ...] = ()
    damaged: bool = False
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of input: how one is drawn, and how it is given to the product."""

    make: Callable[[Random], Case]
    run: Callable[[Session, Case], None]


def random_of(kind: str, seed: int, number: int) -> Random:
    """Return the generator of one input; it depends on nothing else."""
    digest = hashlib.sha256(f"{kind}/{seed}/{number}".encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))  # noqa: S311  # inputs must be repeatable


@contextlib.contextmanager
def folder_of_its_own() -> Iterator[Path]:
    """Go into an empty folder, and come back."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="lw3dsim-fuzz-", ignore_cleanup_errors=True) as name:
        os.chdir(name)
        try:
            yield Path(name)
        finally:
            os.chdir(before)


def write_files(folder: Path, files: dict[str, bytes | str]) -> None:
    """Make the files of a case in ``folder``."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content == "folder":
            path.mkdir()
        elif content == "fifo":
            os.mkfifo(path)
        elif content == "loop":
            path.symlink_to(path.name)
        else:
            path.symlink_to("nowhere/at/all")
