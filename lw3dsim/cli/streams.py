"""Standard streams as a command finds them: closed, of another encoding than UTF-8, or read by someone who has gone."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any

# What a shell reports of a program that SIGPIPE (13) has ended.
READER_GONE = 128 + 13


class StandardOutputError(Exception):
    """Standard output can't be written, for this ``reason``: no OSError, as whoever writes a file looks for these."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Output(FileIO):
    """Standard output, whose errors can be told from those of files."""

    def write(self, data: Any) -> int:
        """Write some of ``data``, and return how many bytes; raise StandardOutputError, or BrokenPipeError."""
        try:
            # None where it would block.
            written: int | None = super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise StandardOutputError(os.strerror(error.errno or errno.EIO)) from None
        if written is None:
            raise StandardOutputError(os.strerror(errno.EAGAIN))
        return written


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
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdout = _telling(sys.stdout)


def _telling(stream: TextIOWrapper) -> TextIOWrapper:
    """Return ``stream`` on standard output as one whose errors tell that they are of it; another as it is."""
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if type(raw) is not FileIO or raw.fileno() != 1:
        return stream
    stream.flush()
    output = _Output(1, "w", closefd=False)
    is_direct = stream.write_through
    return TextIOWrapper(
        output if is_direct else BufferedWriter(output),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=is_direct,
    )


def abandon() -> None:
    """Have what is still to be written to standard output go nowhere, so that no second error comes of it."""
    with suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
