"""Mappings that were found before, on disk: whoever asks for the same again need not search.

An entry's name is a digest of everything that decides it: what was asked, and the
sources of this package, its tables included. So nothing ever goes stale, and any number of processes may
read and write together; a kill loses at most what was about to be written. An answer is
believed only with its checksum, and if whoever asks finds it possible; else it is found anew and
replaced. Where the file can't be used, nothing is remembered; one that is not ours is left as it is.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import sqlite3
import sys
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from lw3dsim.base.folders import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Answer = TypeVar("Answer")

# What answers follow from besides questions.
SOURCES = (".py", ".csv")

# How long to wait for another process that writes.
PATIENCE_S = 2.0

# Says in the header of the file, at this place, that it is ours: "lw3d".
APPLICATION = 0x6C773364
HEADER_BYTES, APPLICATION_AT = 100, slice(68, 72)
MAGIC = b"SQLite format 3\0"

# What SQLite says of a file that is damaged: a missing table, a malformed page, no database.
BROKEN = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# What a damaged file makes SQLite raise; a message that names what is damaged can't be decoded.
UNUSABLE = (sqlite3.Error, OSError, UnicodeDecodeError)

# Whether to remember, and the open file; a switch of the process.
_state: dict[str, sqlite3.Connection | bool] = {"is_on": False}


def remember_mappings() -> None:
    """Remember mappings from now on, in this process, unless LW3DSIM_MAPPING_CACHE is 0."""
    _state["is_on"] = os.environ.get("LW3DSIM_MAPPING_CACHE", "1") != "0"


def is_remembering() -> bool:
    """Return whether anything is remembered, so that questions are worth asking."""
    return bool(_state["is_on"])


def forget_mappings() -> None:
    """Remember nothing from now on, in this process; the file stays."""
    connection = _state.pop("connection", None)
    if isinstance(connection, sqlite3.Connection):
        with suppress(sqlite3.Error):  # of another thread
            connection.close()
    _state["is_on"] = False


def recall(
    question: object,
    kind: type[Answer],
    is_possible: Callable[[Answer], bool],
    read: Callable[[bytes], Answer] | None = None,
) -> Answer | None:
    """Return the answer, of a ``kind`` that msgspec decodes, to a question that was asked before; None otherwise.

    None as well for one that is damaged or not ``is_possible``. ``read`` reads what was kept of one that msgspec does
    not know, and raises ValueError, or what msgspec raises.
    """
    if not _state["is_on"]:
        return None
    name = _name(question)
    try:
        row = _connection().execute("SELECT answer, checksum FROM mappings WHERE name = ?", (name,)).fetchone()
    except UNUSABLE as error:
        _give_up(error)
        return None
    if row is None or not isinstance(row[0], bytes) or row[1] != checksum_of(name, row[0]):
        return None
    try:
        answer = msgspec.json.decode(row[0], type=kind) if read is None else read(row[0])
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return answer if is_possible(answer) else None


def remember(question: object, answer: object) -> None:
    """Keep ``answer`` for whoever asks ``question`` again; a question is a value whose repr tells all of it."""
    if not _state["is_on"]:
        return
    name, text = _name(question), msgspec.json.encode(answer)
    try:
        _connection().execute("INSERT OR REPLACE INTO mappings VALUES (?, ?, ?)", (name, text, checksum_of(name, text)))
    except UNUSABLE as error:
        _give_up(error)


def _connection() -> sqlite3.Connection:
    """Return the open file; raise OSError where there is another in its place."""
    known = _state.get("connection")
    if isinstance(known, sqlite3.Connection):
        return known
    path = memory_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        _create(path)
    if not _is_ours(path):
        print(  # noqa: T201  # once a run
            f"note: {path} is no mapping cache of lw3dsim; it is left as it is, and nothing is remembered",
            file=sys.stderr,
        )
        raise FileExistsError(str(path))
    connection = sqlite3.connect(path, PATIENCE_S, isolation_level=None)
    _state["connection"] = connection
    # Who closes the file last writes into it what lies beside it: who opens it next begins at once.
    atexit.register(forget_mappings)
    connection.text_factory = bytes
    # No write waits for the disk: what a machine damages that fails, SQLite finds, or its checksum.
    connection.execute("PRAGMA synchronous = OFF")
    # Readers and a writer do not wait for each other.
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def memory_path() -> Path:
    """Return the file in which answers are kept."""
    return cache_folder() / f"mappings-{_sources()[:16]}.sqlite"


def _create(path: Path) -> None:
    """Write an empty memory; raise FileExistsError where there is anything already, a link to nothing included.

    An empty file is what a full disk left of a memory.
    """
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.execute(f"PRAGMA application_id = {APPLICATION}")
        empty.execute("CREATE TABLE mappings (name BLOB PRIMARY KEY, answer BLOB, checksum BLOB) WITHOUT ROWID")
        empty.commit()
        content = empty.serialize()
    is_empty = path.is_file() and not path.is_symlink() and path.stat().st_size == 0
    with path.open("r+b" if is_empty else "xb", buffering=0) as file:
        file.write(content)


def _is_ours(path: Path) -> bool:
    """Return whether a file says in its first bytes that it is a memory of this package."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    return header.startswith(MAGIC) and header[APPLICATION_AT] == APPLICATION.to_bytes(4, "big")


def _give_up(error: Exception) -> None:
    """Remember nothing more in this process; where our own file is damaged, the next begins a new one."""
    is_open = "connection" in _state
    forget_mappings()
    is_broken = isinstance(error, UnicodeDecodeError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN
    if is_open and is_broken:
        for end in ("", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{memory_path()}{end}").unlink()


def _name(question: object) -> bytes:
    return hashlib.sha256(repr(question).encode()).digest()


def checksum_of(name: bytes, answer: bytes) -> bytes:
    """Return what an answer is stored with: a digest of it and of the question's name."""
    return hashlib.sha256(name + answer).digest()


@cache
def _sources() -> str:
    """Return a digest of this package: any change of it asks anew."""
    digest = hashlib.sha256()
    for path in sorted(_modules(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))):  # noqa: PTH120  # fast
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # likewise
            digest.update(file.read())
    return digest.hexdigest()


def _modules(folder: str) -> Iterator[str]:
    """Yield the paths of the sources and tables in a folder and those below it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SOURCES):
                yield entry.path
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _modules(entry.path)
