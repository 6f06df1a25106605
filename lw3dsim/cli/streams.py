"""Standard streams as a command finds them: closed, of another encoding than UTF-8, or read by someone who has gone."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

# What a shell reports of a program that SIGPIPE (13) has ended.
READER_GONE = 128 + 13


def prepare() -> None:
    """Make the standard streams usable.

    A closed one is opened on nothing, so that no file that is opened later is taken for it: reading finds the end,
    errors are lost, and writing to standard output fails with the system's reason. What an encoding lacks is escaped.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given: those below are open by now.
            os.open(os.devnull, mode)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # open as long as the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def abandon() -> None:
    """Have what is still to be written to standard output go nowhere, so that no second error comes of it."""
    with suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
