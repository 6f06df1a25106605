"""Files under way: written under a hidden name, locked while their process lives, renamed when they are whole.

Where several files are made beside each other, a process locks their folder.

A killed process leaves such a file behind, but no lock on it: whoever next writes to
the folder removes it. A file that is locked is a living process's, and any other
name is nobody's business.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = re.compile(r"\.lw3dsim-[0-9a-f]{12}\.part")


@contextmanager
def part_file(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield a new file in ``folder`` and its name, for the caller to rename; removed where that was not done.

    What killed processes left there goes.
    """
    remove_left_over(folder)
    file, path = _locked(folder)
    try:
        yield file, path
    except BaseException:
        # What could not be written would be written once more here.
        with suppress(OSError):
            file.close()
        raise
    else:
        file.close()
    finally:
        with suppress(OSError):
            path.unlink()


def _locked(folder: Path) -> tuple[BinaryIO, Path]:
    while True:
        path = folder / f".lw3dsim-{os.urandom(6).hex()}.part"
        file = path.open("xb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_kept = path.exists()
        except BlockingIOError:
            is_kept = False
        except OSError:
            # A file system without locks: nobody can tell that the file is left over, and it is left alone.
            return file, path
        if is_kept:
            return file, path
        # Someone who looked for left-over files was faster than the lock.
        file.close()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until nobody else is at work in ``folder``, and keep others waiting; who has ended is at work no more."""
    with (folder / ".lw3dsim.lock").open("ab") as file:
        with suppress(OSError):  # a file system without locks: who works alone needs none
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove_left_over(folder: Path) -> None:
    """Remove the files under way in ``folder`` that no living process has locked."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_unlocked(Path(entry.path))


def _remove_unlocked(path: Path) -> None:
    with suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
