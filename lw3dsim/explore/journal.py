"""A study's local file: a journal of Optuna's, one record a line, that one process writes and any number read.

Every record that we write says so (``by``); a file whose first record does not is
no journal of ours, and is never changed. Records are checked when they are read.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta
from optuna.storages.journal import BaseJournalBackend

from lw3dsim.base.forms import HEAD, SQLITE, kind_of
from lw3dsim.errors import InputError, OutputError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

BY = "lw3dsim"
KEEP = "restore the file from a copy, or take another --storage"

# The longest first line that is looked at.
FIRST = 1 << 20

Id = Annotated[int, Meta(ge=0, lt=1 << 31)]
One = Annotated[dict[str, Any], Meta(min_length=1, max_length=1)]


class _Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="op_code"):
    """An operation of Optuna's; numbers are those of ``JournalOperation``."""

    worker_id: str


class _CreateStudy(_Record, frozen=True, kw_only=True, tag=0):
    study_name: str
    directions: Annotated[list[Annotated[int, Meta(ge=1, le=2)]], Meta(min_length=1)]


class _DeleteStudy(_Record, frozen=True, kw_only=True, tag=1):
    study_id: Id


class _StudyUser(_Record, frozen=True, kw_only=True, tag=2):
    study_id: Id
    user_attr: One


class _StudySystem(_Record, frozen=True, kw_only=True, tag=3):
    study_id: Id
    system_attr: One


class _CreateTrial(_Record, frozen=True, kw_only=True, tag=4):
    study_id: Id
    # Complete, pruned or failed: a journal holds finished points alone.
    state: Annotated[int, Meta(ge=1, le=3)]
    value: float | None
    values: list[float] | None
    datetime_start: datetime
    datetime_complete: datetime
    distributions: dict[str, str]
    params: dict[str, float]
    user_attrs: dict[str, Any]
    system_attrs: dict[str, Any]
    intermediate_values: Annotated[dict[str, float], Meta(max_length=0)]


AnyRecord = _CreateStudy | _DeleteStudy | _StudyUser | _StudySystem | _CreateTrial


class Journal(BaseJournalBackend):
    """The journal file ``path``, written through ``file``.

    A record is one line, on disk when :meth:`append_logs` returns. A line that a killed process has left
    unfinished is cut off before the next is written; readers pass over it.
    """

    def __init__(self, path: Path, file: FileIO | None = None) -> None:
        self._path, self._file = path, file
        self._ends_whole = False
        self._offsets = [0]
        self._studies: list[str | None] = []
        self._settings: dict[int, int] = {}
        self._trials: dict[int, list[int]] = {}

    @property
    def line(self) -> int:
        """The number of the last line that was read."""
        return len(self._offsets) - 1

    def where(self, line: int) -> str:
        """Return ``file:line``."""
        return f"{one_line(str(self._path), 200)}:{line}"

    def line_of_trial(self, study: int, number: int) -> int:
        """Return the line of trial ``number`` of a study."""
        return self._trials[study][number]

    def line_of_settings(self, study: int) -> int:
        """Return the line of the settings of a study."""
        return self._settings.get(study, 1)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the records from ``log_number_from`` on. Raises InputError for a line that is no record."""
        number = min(log_number_from, self.line)
        with self._path.open("rb") as file:
            file.seek(self._offsets[number])
            for line in file:
                if not line.endswith(b"\n"):
                    return
                number += 1
                is_new = number == len(self._offsets)
                if is_new:
                    self._offsets.append(self._offsets[-1] + len(line))
                record = self._parsed(line, number, is_new=is_new)
                if number > log_number_from:
                    yield record

    def _parsed(self, line: bytes, number: int, *, is_new: bool) -> dict[str, Any]:
        try:
            data: dict[str, Any] = msgspec.json.decode(line, type=dict)
            record = msgspec.convert(data, AnyRecord)
            if is_new:
                self._count(record, number)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise InputError(
                f"{self.where(number)} is no record of a journal of lw3dsim ({error}); nothing was written: {KEEP}"
            ) from None
        return data

    def _count(self, record: AnyRecord, line: int) -> None:
        """Remember where what stands; raise ValueError for a record of a study that is not there."""
        if isinstance(record, _CreateStudy):
            if record.study_name in self._studies:
                raise ValueError("a study of this name is there already")
            self._trials[len(self._studies)] = []
            self._studies.append(record.study_name)
        elif record.study_id >= len(self._studies):
            raise ValueError(f"no study {record.study_id} is there yet")
        elif isinstance(record, _DeleteStudy):
            self._studies[record.study_id] = None
        elif isinstance(record, _StudyUser) and BY in record.user_attr:
            self._settings[record.study_id] = line
        elif isinstance(record, _CreateTrial):
            self._trials[record.study_id].append(line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write records at the end; what can't be written whole is cut off again."""
        if self._file is None:
            raise OutputError(f"{self._path}: was opened for reading only")
        if not self._ends_whole:
            _cut_torn_tail(self._file, self._path)
            self._ends_whole = True
        end = self._file.seek(0, os.SEEK_END)
        text = b"".join(msgspec.json.encode({"by": BY, **log}) + b"\n" for log in logs)
        try:
            while text:
                text = text[self._file.write(text) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(end)
            raise


def check_ours(path: Path) -> None:
    """Raise InputError unless ``path`` is empty or begins with a record of ours."""
    with path.open("rb") as file:
        head = file.readline(FIRST)
        if not head or _is_ours(head):
            return
        head += file.read(HEAD)
    name = one_line(str(path), 200)
    if head.startswith(SQLITE):
        raise InputError(f"{name}: is an SQLite database, and is left as it is; give it as --storage sqlite:///{name}")
    raise InputError(
        f"{name}: holds {kind_of(head[:HEAD])}, not a journal of lw3dsim, and is left as it is; take another "
        "--storage, or delete the file"
    )


def _is_ours(line: bytes) -> bool:
    try:
        record = msgspec.json.decode(line, type=dict)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return line.endswith(b"\n") and record.get("by") == BY


def _cut_torn_tail(file: FileIO, path: Path) -> None:
    """Cut off what stands behind the last complete line of a journal of ours."""
    with path.open("rb") as read:
        end = at = read.seek(0, os.SEEK_END)
        while at > 0:
            begin = max(at - (1 << 16), 0)
            read.seek(begin)
            found = read.read(at - begin).rfind(b"\n")
            if found >= 0:
                at = begin + found + 1
                break
            at = begin
    if at < end:
        file.truncate(at)
