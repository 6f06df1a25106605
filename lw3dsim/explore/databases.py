"""What is in a database before a study is opened there: nothing that is not ours is changed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from lw3dsim.base.forms import HEAD, SQLITE, kind_of
from lw3dsim.errors import InputError, one_line

# What Optuna makes in a database; alembic_version is its version.
TABLES = frozenset(
    (
        "alembic_version", "studies", "study_directions", "study_system_attributes", "study_user_attributes",
        "trial_heartbeats", "trial_intermediate_values", "trial_params", "trial_system_attributes",
        "trial_user_attributes", "trial_values", "trials", "version_info",
    )
)  # fmt: skip
# Those that say which Optuna made them.
VERSIONS = ("alembic_version", "version_info")

ATTRIBUTE = "lw3dsim"


def with_driver(url: str) -> str:
    """Name the driver of a plain postgresql:// URL: psycopg, or the older psycopg2 where only that is installed."""
    scheme, colon, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres"):
        return url
    driver = "psycopg" if find_spec("psycopg") or not find_spec("psycopg2") else "psycopg2"
    return f"postgresql+{driver}{colon}{rest}"


def is_url(where: str) -> bool:
    """Return whether ``where`` names a database."""
    return "://" in where


def shown(where: str) -> str:
    """Return the name of a storage as it may be shown: without a password."""
    if not is_url(where):
        return one_line(where, 200)
    scheme, _, rest = where.partition("://")
    credentials, at, host = rest.rpartition("@")
    return one_line(f"{scheme}://{credentials.partition(':')[0]}{at}{host}", 200)


def check_database(url: str, *, for_writing: bool) -> None:
    """Raise InputError where ``url`` is a file that is not ours, or, for reading, where no study is there.

    Raises SQLAlchemyError where the database can't be reached.
    """
    import sqlalchemy

    parsed = sqlalchemy.make_url(with_driver(url))
    if parsed.get_backend_name() == "sqlite":
        _check_file(parsed.database or "", for_writing=for_writing)
    elif not for_writing:
        engine = sqlalchemy.create_engine(parsed)
        try:
            is_there = sqlalchemy.inspect(engine).has_table("studies")
        finally:
            engine.dispose()
        if not is_there:
            raise InputError(f"{shown(url)}: no study is there; begin one with `lw3dsim dse run`")


def _check_file(name: str, *, for_writing: bool) -> None:
    shown = one_line(name, 200)
    if name in ("", ":memory:") or name.startswith("file:"):
        raise InputError(f"--storage: {shown or 'this URL'} names no file of SQLite's; give one, as sqlite:///study.db")
    path = Path(name)
    if os.path.lexists(path) and not path.is_file():
        raise InputError(f"{shown}: is no regular file; give the name of an SQLite database, as sqlite:///study.db")
    head = b""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(HEAD)
    if head and not head.startswith(SQLITE):
        raise InputError(
            f"{shown}: holds {kind_of(head)}, not an SQLite database, and is left as it is; take another --storage, or "
            "delete the file"
        )
    tables = _tables(path) if head else set[str]()
    if tables and not _is_ours(path, tables):
        raise InputError(
            f"{shown}: is a database of another program, and is left as it is; take another --storage, or delete it"
        )
    # One that was killed while its tables were made has nothing in them yet.
    is_begun = any(_rows(path, f"SELECT 1 FROM {name} LIMIT 1") for name in sorted(tables - set(VERSIONS)))  # noqa: S608
    if is_begun and (missing := _missing(path, tables)):
        raise InputError(
            f"{shown}: {missing}, so no study there is whole; it is left as it is: restore it from a copy, or take "
            "another --storage"
        )
    if not for_writing and not is_begun:
        raise InputError(f"{shown}: no study is there; begin one with `lw3dsim dse run`")


def _missing(path: Path, tables: set[str]) -> str:
    """Return what a database with studies lacks: what Optuna made before the first, or what its rows speak of.

    Optuna would quietly make it again, under names that are taken.
    """
    for name in sorted(TABLES - tables):
        return f"the table {name} is missing"
    for name in VERSIONS:
        if not _rows(path, f"SELECT 1 FROM {name} LIMIT 1"):  # noqa: S608
            return f"the table {name} is empty"
    for table, _, parent, _ in _rows(path, "PRAGMA foreign_key_check"):
        return f"a row of {one_line(str(table))} speaks of one of {one_line(str(parent))} that is missing"
    return ""


def _tables(path: Path) -> set[str]:
    names = (str(name) for (name,) in _rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'"))
    return {name for name in names if not name.startswith("sqlite_")}


def _is_ours(path: Path, tables: set[str]) -> bool:
    """Return whether Optuna made all ``tables``, and one of the studies there, if any has a trial, is ours."""
    if not tables <= TABLES:
        return False
    if not {"trials", "study_user_attributes"} <= tables:
        # Killed while it was made.
        return True
    has_trials = _rows(path, "SELECT 1 FROM trials LIMIT 1")
    has_ours = _rows(path, f"SELECT 1 FROM study_user_attributes WHERE key = '{ATTRIBUTE}' LIMIT 1")  # noqa: S608
    return bool(has_ours or not has_trials)


def _rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """Return what a query of the database ``path`` gives. Raises InputError for one that is damaged."""
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        try:
            return connection.execute(query).fetchall()
        # Where what is damaged is named in SQLite's message, that can't be decoded.
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            why = error if isinstance(error, sqlite3.DatabaseError) else "damaged names"
            raise InputError(
                f"{one_line(str(path), 200)}: can't be read as an SQLite database ({why}), and is left as it is; "
                "restore it from a copy, or take another --storage"
            ) from None
