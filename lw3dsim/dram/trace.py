"""Address traces: CSV, plain or gzip, of ``addr_hex,op`` lines; the byte address in hex, R or W; one request a line."""

from __future__ import annotations

import gzip
import zlib
from array import array
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from lw3dsim.base.values import Value
from lw3dsim.errors import InputError, one_line

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HEADER = "addr_hex,op"
MAX_REQUESTS = 2_000_000
LONGEST_LINE = 200
_MAX_ADDRESS_DIGITS = 15  # below 2^60, so that an address is an int64 with room to spare
_HEX = frozenset("0123456789abcdefABCDEF")


class Trace(Value, frozen=True, kw_only=True):
    """Requests in order: byte ``addresses`` and whether each ``writes``; request i stands in line i + 2 of ``name``."""

    name: str
    addresses: NDArray[np.int64]
    writes: NDArray[np.bool_]

    def where(self, request: int) -> str:
        """Return ``file:line`` of a request."""
        return f"{self.name}:{request + 2}"


def read_trace(path: Path) -> Trace:
    """Return the trace in ``path``; raise InputError with file and line for anything else."""
    name = one_line(str(path), 200)
    try:
        if not path.is_file():
            raise InputError(f"{name}: is not a regular file that exists; give a trace")
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            if path.suffix.lower() == ".gz" and not packed:
                raise InputError(f"{name}: is not a gzip file, though its name ends in .gz")
            raw.seek(0)
            if not packed:
                return _parse(name, raw)
            with gzip.open(raw) as file:
                return _parse(name, file)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError(f"{name}: is a damaged gzip file; write it again") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); give a readable file") from None


def _parse(name: str, file: BinaryIO | gzip.GzipFile) -> Trace:
    if (header := (_line(file) or "").strip()) != HEADER:
        raise InputError(f"{name}:1 {_shown(header)}: the first line must be {HEADER}")
    addresses, writes = array("q"), bytearray()
    number = 1
    while text := _line(file):
        number += 1
        if len(text) > LONGEST_LINE:
            raise InputError(
                f"{name}:{number} {_shown(text)}: longer than {LONGEST_LINE} characters; one request a line"
            )
        if len(addresses) == MAX_REQUESTS:
            raise InputError(f"{name}:{number} more than {MAX_REQUESTS:,} requests; split the trace")
        address, comma, op = text.strip().partition(",")
        digits = address.removeprefix("0x")
        if not comma or not digits or not _HEX.issuperset(digits):
            raise InputError(
                f"{name}:{number} {_shown(text)}: write a byte address in hex, a comma, R or W, as in 1f40,R"
            )
        if len(digits.lstrip("0")) > _MAX_ADDRESS_DIGITS:
            raise InputError(
                f"{name}:{number} address {_shown(address)}: at most {_MAX_ADDRESS_DIGITS} hex digits are allowed"
            )
        if op not in ("R", "W"):
            raise InputError(f"{name}:{number} op {_shown(op)}: write R or W")
        addresses.append(int(digits, 16))
        writes.append(op == "W")
    if _line(file) is not None:
        raise InputError(f"{name}:{number + 1} an empty line before the end; remove it")
    if not addresses:
        raise InputError(f"{name}:{number} no request; write at least one address below the heading")
    return Trace(
        name=name,
        addresses=np.frombuffer(addresses, dtype=np.int64),
        writes=np.frombuffer(writes, dtype=np.bool_),
    )


def _line(file: BinaryIO | gzip.GzipFile) -> str | None:
    """Return the next line without its end, cut to a length that no good line has; None at the end of the file."""
    raw = file.readline(LONGEST_LINE + 2)
    return raw.decode("utf-8", errors="replace").rstrip("\r\n") if raw else None


def _shown(text: str | None) -> str:
    return repr(one_line(text, 40)) if text else "(empty)"
