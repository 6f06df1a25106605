"""Mappings that were found before, on disk: whoever asks for the same again need not search.

An entry's name is a digest of everything that decides it: what was asked, and the
sources of this package. So nothing ever goes stale, and any number of processes may
read and write together; a kill loses at most what was about to be written. Where the
file can't be used, nothing is remembered.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

from lw3dsim.native import cache_folder

Answer = TypeVar("Answer")

# How long to wait for another process that writes.
PATIENCE_S = 2.0

# Whether to remember, and the open file; a switch of the process.
_state: dict[str, sqlite3.Connection | bool] = {"is_on": False}


def remember_mappings() -> None:
    """Remember mappings from now on, in this process, unless LW3DSIM_MAPPING_CACHE is 0."""
    _state["is_on"] = os.environ.get("LW3DSIM_MAPPING_CACHE", "1") != "0"


def forget_mappings() -> None:
    """Remember nothing from now on, in this process; the file stays."""
    connection = _state.pop("connection", None)
    if isinstance(connection, sqlite3.Connection):
        connection.close()
    _state["is_on"] = False


def recall(question: object, kind: type[Answer]) -> Answer | None:
    """Return the answer, of a ``kind`` that msgspec decodes, to a question that was asked before; None otherwise."""
    if not _state["is_on"]:
        return None
    try:
        row = _connection().execute("SELECT answer FROM mappings WHERE name = ?", (_name(question),)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=kind)
    except (sqlite3.Error, OSError, msgspec.DecodeError):
        forget_mappings()
        return None


def remember(question: object, answer: object) -> None:
    """Keep ``answer`` for whoever asks ``question`` again; a question is a value whose repr tells all of it."""
    if not _state["is_on"]:
        return
    try:
        entry = (_name(question), msgspec.json.encode(answer))
        _connection().execute("INSERT OR IGNORE INTO mappings VALUES (?, ?)", entry)
    except (sqlite3.Error, OSError):
        forget_mappings()


def _connection() -> sqlite3.Connection:
    known = _state.get("connection")
    if isinstance(known, sqlite3.Connection):
        return known
    folder = cache_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / f"mappings-{_sources()[:16]}.sqlite", PATIENCE_S, isolation_level=None)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables - {"mappings"}:
        connection.close()
        raise sqlite3.DatabaseError("the database of another program")
    # Readers and a writer do not wait for each other, and no write waits for the disk.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS mappings (name BLOB PRIMARY KEY, answer BLOB) WITHOUT ROWID")
    _state["connection"] = connection
    return connection


def _name(question: object) -> bytes:
    return hashlib.sha256(repr(question).encode()).digest()


@cache
def _sources() -> str:
    """Return a digest of this package: any change of it asks anew."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
