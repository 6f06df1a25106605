"""Who has claimed a point, so that on the same machine a claim of a dead process is known at once."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

Number = Annotated[int, Meta(ge=0, lt=1 << 62)]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process: the running system and the namespace that its number belongs to, the number, and when it began.

    ``start`` is in clock ticks after the system's; a number that was given again differs in it.
    """

    host: str
    pid: Number
    start: Number


def this_process() -> Process | None:
    """Return this process; None where the system does not say enough."""
    host, start = _host(), _start(os.getpid())
    return None if host is None or start is None else Process(host=host, pid=os.getpid(), start=start)


def is_dead(process: Process) -> bool:
    """Return whether ``process`` ran on this machine, and does no longer; False where that can't be known."""
    return process.host == _host() and _start(process.pid) != process.start


@cache
def _host() -> str | None:
    """Return what names this boot of this machine, and this process's namespace of process numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return None


def _start(pid: int) -> int | None:
    """Return when process ``pid`` began; None where there is none, or it has ended and nobody has asked how."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name of the program, in brackets, may hold anything; state is the first field behind it.
    fields = text.rpartition(")")[2].split()
    return None if len(fields) < 20 or fields[0] in "ZX" else int(fields[19])
