"""Opening the storage of a study: a local journal file, or a database given by its URL."""

from __future__ import annotations

import contextlib
import fcntl
import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import JournalStorage, RDBStorage

from lw3dsim.errors import InputError, OutputError, one_line
from lw3dsim.explore.databases import check_database, is_url, shown, with_driver
from lw3dsim.explore.journal import KEEP, Journal, check_ours
from lw3dsim.parts import remove_left_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO

    from optuna.storages import BaseStorage

DEFAULT_FOLDER = "results/dse"
# Processes that make the tables of a database at the same time are refused by it, but for one, for each table at most.
TRIES = 20
REMEDY = "give a database URL, such as postgresql://user@host/name, or a file name"


def default_file(name: str) -> str:
    """Return the journal file of the space called ``name``."""
    return f"{DEFAULT_FOLDER}/{name}.journal"


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A storage that is open: ``where`` names it, ``journal`` is its file unless it is a database."""

    storage: BaseStorage
    where: str
    journal: Journal | None = None

    def place(self, study: int, number: int | None = None) -> str:
        """Return where trial ``number`` of a study stands, or the settings of the study: a line, or a trial."""
        if self.journal is None:
            return shown(self.where) if number is None else f"{shown(self.where)}: trial {number}"
        if number is None:
            return self.journal.where(self.journal.line_of_settings(study))
        return self.journal.where(self.journal.line_of_trial(study, number))


@contextmanager
def opened(where: str, *, for_writing: bool) -> Iterator[Opened]:
    """Open the storage ``where``, and turn its errors into one sentence while it is open.

    A file is made if need be where it is opened ``for_writing``, and locked against other
    writers. What is there and not ours is left as it is. Raises InputError and OutputError.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if is_url(where):
        with _database_errors(where):
            check_database(where, for_writing=for_writing)
            with database(where) as storage:
                yield Opened(storage=storage, where=where)
        return
    path = Path(where)
    with _file_errors(where):
        if path.is_dir():
            raise InputError(f"{one_line(where, 200)}: is a folder; {REMEDY}")
        if os.path.lexists(path) and not path.is_file():
            raise InputError(f"{one_line(where, 200)}: is no regular file; {REMEDY}")
        if for_writing:
            with _locked(path) as file:
                check_ours(path)
                journal = Journal(path, file)
                yield Opened(storage=_replayed(where, journal), where=where, journal=journal)
        elif path.is_file():
            check_ours(path)
            journal = Journal(path)
            yield Opened(storage=_replayed(where, journal), where=where, journal=journal)
        else:
            raise InputError(f"{one_line(where, 200)}: no study is there; begin one with `lw3dsim dse run`")


@contextmanager
def database(url: str) -> Iterator[BaseStorage]:
    """Connect to the database ``url`` and close the connections at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with readable(lambda: shown(url)):
            backend = _connected(with_driver(url))
    try:
        yield optuna.storages.get_storage(backend)
    finally:
        backend.remove_session()
        backend.engine.dispose()


def _connected(url: str) -> RDBStorage:
    """Connect to a database, which makes its tables where it has none; again, where others make them just now."""
    from sqlalchemy.exc import IntegrityError, ProgrammingError

    for _ in range(TRIES - 1):
        with contextlib.suppress(IntegrityError, ProgrammingError):
            return _Database(url)
    return _Database(url)


class _Database(RDBStorage):
    """A database whose connections are closed where it can't be begun."""

    def __init__(self, url: str) -> None:
        try:
            super().__init__(url)
        except BaseException:
            # There is no engine yet where its driver is missing.
            if engine := getattr(self, "engine", None):
                engine.dispose()
            raise


def _replayed(where: str, journal: Journal) -> JournalStorage:
    with readable(lambda: journal.where(journal.line) if journal.line else one_line(where, 200)):
        return JournalStorage(journal)


@contextmanager
def readable(place: Callable[[], str]) -> Iterator[None]:
    """Turn what Optuna raises on damaged records, which may be anything, into an InputError that names the place."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (InputError, OutputError, OSError, ImportError, SQLAlchemyError, OptunaError, KeyboardInterrupt):
        raise
    except Exception as error:  # a record of the right form may hold anything
        raise InputError(
            f"{place()}: holds no readable study ({type(error).__name__}: {_first_line(error)}); nothing was written: "
            f"{KEEP}"
        ) from None


@contextmanager
def _locked(path: Path) -> Iterator[FileIO]:
    """Open ``path`` for appending, as its only writer; one that was made here and is still empty goes again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left_over(path.parent)
    was_there = path.exists()
    # Unbuffered: what is written is in the file, or the write has failed.
    with path.open("ab", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{one_line(str(path), 200)}: another process is running this study; let it end, or share a "
                "postgresql:// storage"
            ) from None
        try:
            yield file
        finally:
            if not was_there and not os.fstat(file.fileno()).st_size:
                path.unlink(missing_ok=True)


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

    name = shown(where)
    try:
        yield
    except (ArgumentError, NoSuchModuleError):
        raise InputError(f"--storage {name}: is no database URL; {REMEDY}") from None
    except ImportError as error:
        raise InputError(
            f"--storage {name} needs a driver that is not installed ({_first_line(error)}); for PostgreSQL run "
            "`pip install 'lw3dsim[postgresql]'`"
        ) from None
    except (SQLAlchemyError, OptunaError) as error:
        cause = error.__cause__ or error
        raise OutputError(
            f"--storage {name}: cannot be reached ({_first_line(getattr(cause, 'orig', None) or cause)}); what was "
            "finished before is kept: mend it, then run again with --resume"
        ) from None


def _first_line(error: object) -> str:
    return one_line((str(error).strip().splitlines() or [type(error).__name__])[0], 160)
