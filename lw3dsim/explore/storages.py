"""Opening the storage of a study: a local journal file, or a database given by its URL."""

from __future__ import annotations

import fcntl
import os
import warnings
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import optuna
from optuna.exceptions import OptunaError
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import BaseJournalBackend

from lw3dsim.errors import InputError, OutputError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from typing import Any

    from optuna.storages import BaseStorage

DEFAULT_FOLDER = "results/dse"
REMEDY = "give a database URL, such as postgresql://user@host/name, or a file name"


def default_file(name: str) -> str:
    """Return the journal file of the space called ``name``."""
    return f"{DEFAULT_FOLDER}/{name}.journal"


def is_url(where: str) -> bool:
    """Return whether ``where`` names a database."""
    return "://" in where


class Journal(BaseJournalBackend):
    """A journal file that one process writes, and any number read.

    A record is one line, on disk when :meth:`append_logs` returns. A line that a killed process has left
    unfinished is cut off before the next is written; readers pass over it.
    """

    def __init__(self, path: Path, file: FileIO | None = None) -> None:
        self._path, self._file = path, file
        self._offsets = [0]

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the records from ``log_number_from`` on. Raises InputError for a line that is no record."""
        number = min(log_number_from, len(self._offsets) - 1)
        with self._path.open("rb") as file:
            file.seek(self._offsets[number])
            for line in file:
                if not line.endswith(b"\n"):
                    return
                if number + 1 == len(self._offsets):
                    self._offsets.append(self._offsets[number] + len(line))
                number += 1
                if number > log_number_from:
                    yield self._parsed(line, number)

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            return msgspec.json.decode(line, type=dict)
        except msgspec.MsgspecError as error:
            raise InputError(
                f"{one_line(str(self._path), 200)}:{number} is no record of a journal ({error}); nothing was written: "
                "restore the file from a copy, or take another --storage"
            ) from None

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write records at the end; what can't be written whole is cut off again."""
        if self._file is None:
            raise OutputError(f"{self._path}: was opened for reading only")
        end = self._file.seek(0, os.SEEK_END)
        text = b"".join(msgspec.json.encode(log) + b"\n" for log in logs)
        try:
            while text:
                text = text[self._file.write(text) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(end)
            raise


def _mended(path: Path, file: FileIO) -> Journal:
    """Return the journal in ``file`` after cutting off a line that was left unfinished."""
    journal = Journal(path, file)
    complete = sum(len(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n"))
    file.truncate(complete)
    return journal


@contextmanager
def opened(where: str, *, for_writing: bool) -> Iterator[BaseStorage]:
    """Open the storage ``where``, and turn its errors into one sentence while it is open.

    A file is made if need be where it is opened ``for_writing``, and locked against other
    writers. Raises InputError and OutputError.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if is_url(where):
        with _database_errors(where), database(where) as storage:
            yield storage
        return
    path = Path(where)
    with _file_errors(where):
        if path.is_dir():
            raise InputError(f"{one_line(where, 200)}: is a folder; {REMEDY}")
        if for_writing:
            with _locked(path) as file:
                yield _replayed(where, _mended(path, file))
        elif path.is_file():
            yield _replayed(where, Journal(path))
        else:
            raise InputError(f"{one_line(where, 200)}: no study is there; begin one with `lw3dsim dse run`")


@contextmanager
def database(url: str) -> Iterator[BaseStorage]:
    """Connect to the database ``url`` and close the connections at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend = RDBStorage(_with_driver(url))
    try:
        yield optuna.storages.get_storage(backend)
    finally:
        backend.remove_session()
        backend.engine.dispose()


def _replayed(where: str, journal: Journal) -> JournalStorage:
    try:
        return JournalStorage(journal)
    except InputError:
        raise
    except Exception as error:  # a record of the right form may hold anything
        raise InputError(
            f"{one_line(where, 200)}: holds no readable study ({type(error).__name__}: {_first_line(error)}); nothing "
            "was written: restore the file from a copy, or take another --storage"
        ) from None


@contextmanager
def _locked(path: Path) -> Iterator[FileIO]:
    """Open ``path`` for appending, as its only writer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unbuffered: what is written is in the file, or the write has failed.
    with path.open("ab", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{one_line(str(path), 200)}: another process is running this study; let it end, or share a "
                "postgresql:// storage"
            ) from None
        yield file


@contextmanager
def _file_errors(where: str) -> Iterator[None]:
    try:
        yield
    except (InputError, OutputError):
        raise
    except OSError as error:
        name = one_line(where, 200)
        raise OutputError(
            f"{name}: cannot be used ({error.strerror}); what was finished before is kept: mend it, then run again "
            "with --resume"
        ) from None


@contextmanager
def _database_errors(where: str) -> Iterator[None]:
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    name = _without_password(where)
    try:
        yield
    except (ArgumentError, NoSuchModuleError):
        raise InputError(f"--storage {name}: is no database URL; {REMEDY}") from None
    except ImportError as error:
        raise InputError(
            f"--storage {name} needs a driver that is not installed ({_first_line(error)}); for PostgreSQL run "
            "`pip install psycopg[binary]`"
        ) from None
    except (SQLAlchemyError, OptunaError) as error:
        cause = error.__cause__ or error
        raise OutputError(
            f"--storage {name}: cannot be reached ({_first_line(getattr(cause, 'orig', None) or cause)}); what was "
            "finished before is kept: mend it, then run again with --resume"
        ) from None


def _with_driver(url: str) -> str:
    """Name the driver of a plain postgresql:// URL: psycopg, or the older psycopg2 where only that is installed."""
    scheme, colon, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres"):
        return url
    driver = "psycopg" if find_spec("psycopg") or not find_spec("psycopg2") else "psycopg2"
    return f"postgresql+{driver}{colon}{rest}"


def _first_line(error: object) -> str:
    return one_line((str(error).strip().splitlines() or [type(error).__name__])[0], 160)


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    return one_line(f"{scheme}://{credentials.partition(':')[0]}{at}{host}", 200)


def shown(where: str) -> str:
    """Return the name of a storage as it may be shown: without a password."""
    return _without_password(where) if is_url(where) else where
