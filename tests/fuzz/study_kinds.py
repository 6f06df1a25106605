"""Studies in a journal and in SQLite: good ones, damaged ones, and files that are none; read, and gone on with."""

from __future__ import annotations

import csv
import json
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .case import Case
from .damage import damage_text, damage_tree, damaged_place, value
from .invariants import owe
from .pool import NET, POINTS, SPACE, good_files, records
from .result_kind import written
from .session import Finding, parse_json

if TYPE_CHECKING:
    from random import Random

    from .session import Session

JOURNAL, DATABASE = "study.journal", "study.db"
READING = ("status", "front", "point", "export", "report", "table")
FOREIGN = (
    b"", b"hello", b"hello\n", b"a line\nand another without an end", b'{"hello": 1}\n', b"[1, 2]\n", b"null\n",
    b"\n\n", b"\x89PNG\r\n\x1a\n" + bytes(40), b"SQLite format 3\0" + bytes(100), b"a,b\n1,2\n", b'{"op_code": 99}\n',
    b"\0" * 64, b'{"op_code":0,"worker_id":"w","study_name":"other","directions":[1]}\n', b"\xff\xfe\n",
    b"%PDF-1.4\n", b"{}\n",
)  # fmt: skip


def make_journal(rng: Random) -> Case:
    """Draw a journal and what to do with it."""
    lines = list(records())
    damaged = rng.random() < 0.9
    content: bytes | str = b"".join(lines)
    if damaged:
        pick = rng.randrange(10)
        if pick < 6:
            for _ in range(rng.choice([1, 1, 2])):
                at = rng.randrange(len(lines))
                lines[at] = _record(rng, lines[at])
            content = b"".join(lines)
        elif pick == 6:
            content = b"".join(_shuffled(rng, lines))
        elif pick == 7:
            content = damage_text(rng, b"".join(lines).decode())
        elif pick == 8:
            content = rng.choice(FOREIGN)
        else:
            content = b"".join(lines) + rng.choice(
                [b"x", b"x\n", b'{"hello": 1}\n', b'{"op_code":4', lines[-1][:50], *FOREIGN]
            )
        content = damaged_place(rng, content)
    return Case(files=_files(JOURNAL, content), plan=(_act(rng),), damaged=damaged)


def make_database(rng: Random) -> Case:
    """Draw an SQLite study and what to do with it."""
    content: bytes | str = good_files()[DATABASE]
    damaged = rng.random() < 0.9
    if damaged:
        pick = rng.randrange(8)
        if pick < 6:
            content = _altered(rng, good_files()[DATABASE])
        elif pick == 6:
            content = spoiled(rng, good_files()[DATABASE])
        else:
            content = rng.choice([*FOREIGN, good_files()[JOURNAL]])
        content = damaged_place(rng, content)
    return Case(files=_files(DATABASE, content), plan=(_act(rng),), damaged=damaged)


def _files(name: str, content: bytes | str) -> dict[str, bytes | str]:
    return {"net.yaml": NET, "space.yaml": SPACE, name: content}


def _act(rng: Random) -> str:
    return rng.choice(["resume", "begin"]) if rng.randrange(25) == 0 else rng.choice(READING)


def _record(rng: Random, line: bytes) -> bytes:
    """Return a record with something changed."""
    try:
        record = json.loads(line)
    except ValueError:  # empty, or damaged already
        return line
    attributes = record.get("user_attr")
    if rng.randrange(3) == 0 and isinstance(attributes, dict) and attributes:
        damage_tree(rng, next(iter(attributes.values())))
    elif rng.randrange(4) == 0:
        record[rng.choice(sorted(record))] = value(rng)
    else:
        damage_tree(rng, record)
    return b" ".join(written(record).split()) + b"\n"


def _shuffled(rng: Random, lines: list[bytes]) -> list[bytes]:
    act = rng.randrange(4)
    if act == 0:
        rng.shuffle(lines)
    elif act == 1:
        del lines[rng.randrange(len(lines))]
    elif act == 2:
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    else:
        lines = lines * 2
    return lines


def _altered(rng: Random, content: bytes) -> bytes:
    """Return the database with cells changed, rows gone or doubled, a table dropped or added."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        path.write_bytes(content)
        connection = sqlite3.connect(path)
        for _ in range(rng.choice([1, 1, 1, 3])):
            try:
                _alter(rng, connection)
            except sqlite3.Error:
                continue
        connection.commit()
        connection.close()
        return path.read_bytes()


def _alter(rng: Random, connection: sqlite3.Connection) -> None:
    tables = [
        name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    table = rng.choice(tables)
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    rows = [row[0] for row in connection.execute(f"SELECT rowid FROM {table} ORDER BY rowid")]  # noqa: S608
    act = rng.randrange(12)
    if act == 0:
        connection.execute(f"DROP TABLE {table}")
    elif act == 1:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
    elif act == 2:
        connection.execute(f"ALTER TABLE {table} RENAME COLUMN {rng.choice(columns)} TO renamed")
    elif act == 3:
        connection.execute("CREATE TABLE theirs (a INTEGER)")
    elif rows and act < 6:
        connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (rng.choice(rows),))  # noqa: S608
    elif rows:
        column, row = rng.choice(columns), rng.choice(rows)
        (now,) = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()  # noqa: S608
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (_cell(rng, now), row))  # noqa: S608


def _cell(rng: Random, now: Any) -> Any:
    """Return another value for a cell; JSON is damaged as such."""
    if isinstance(now, str) and now[:1] in ("{", "[") and rng.randrange(4):
        # What another change left here need not be JSON.
        with suppress(json.JSONDecodeError):
            tree = json.loads(now)
            damage_tree(rng, tree)
            return written(tree).decode("utf-8", errors="replace")
    if isinstance(now, int | float) and rng.randrange(2):
        return rng.choice([now + 1, now - 1, -now, now * 1000])
    odd: list[Any] = [
        None,
        0,
        -1,
        2**62,
        1.5,
        1e308,
        float("inf"),
        "",
        "x",
        "{}",
        "[]",
        "null",
        "NaN",
        b"\0\xff",
        "COMPLETE",
        "RUNNING",
        "WAITING",
    ]
    return rng.choice(odd)


def spoiled(rng: Random, content: bytes) -> bytes:
    """Cut ``content``, or change some of its bytes."""
    raw = bytearray(content)
    act = rng.randrange(3)
    if act == 0:
        return bytes(raw[: rng.randrange(len(raw))])
    for _ in range(rng.choice([1, 4, 64])):
        raw[rng.randrange(len(raw) if act == 1 else min(len(raw), 200))] = rng.randrange(256)
    return bytes(raw)


def run_journal(session: Session, case: Case) -> None:
    """Read the journal, or go on with it: complete records stay as they were, byte by byte."""
    before = case.files[JOURNAL]
    taken = _run(session, case, JOURNAL, (JOURNAL,))
    if taken and case.plan[0] == "resume" and isinstance(before, bytes):
        whole = before[: before.rfind(b"\n") + 1]
        owe(Path(JOURNAL).read_bytes().startswith(whole), "a journal keeps its records", len(whole))


def run_database(session: Session, case: Case) -> None:
    """Read the database, or go on with the study in it."""
    _run(session, case, f"sqlite:///{DATABASE}", (DATABASE,))


def _run(session: Session, case: Case, storage: str, own: tuple[str, ...]) -> bool:
    """Do what the plan says; return whether it was granted."""
    (act,) = case.plan
    where = ("space.yaml", "--storage", storage)
    names = (*own, storage)
    if act in ("resume", "begin"):
        words = [
            "--trials",
            str(POINTS + 2),
            "--workers",
            "1",
            "--patience",
            "0.5",
            *(["--resume"] if act == "resume" else []),
        ]
        granted = session.cli("dse", "run", *where, *words, writes=own, names=names).code == 0
        if granted:
            _check_points(session, where)
    elif act in ("export", "report"):
        file = "points.csv" if act == "export" else "page.html"
        granted = session.cli("dse", act, *where, "--out", file, writes=(file,), names=names).code == 0
    else:
        words = ["front", "--point", "214b35a4441a"] if act == "point" else ["front" if act == "table" else act]
        form = "table" if act == "table" else "json"
        outcome = session.cli("dse", words[0], *where, *words[1:], "--format", form, names=(*names, "214b35a4441a"))
        granted = outcome.code == 0
        if granted and form == "json":
            parse_json(outcome.out)
    owe(case.damaged or granted or act in ("begin", "point"), "a good study is taken", session.log[-1])
    return granted


def _check_points(session: Session, where: tuple[str, ...]) -> None:
    """Check that no point of a study is there twice, and none is missing."""
    outcome = session.cli("dse", "export", *where, "--out", "all.csv", writes=("all.csv",))
    if outcome.code:
        raise Finding(f"what was run can't be exported: {outcome.sentence}")
    with Path("all.csv").open(newline="", encoding="utf-8") as file:
        points = [row["point"] for row in csv.DictReader(file)]
    owe(len(set(points)) == len(points), "no point is there twice", points)
    owe(len(points) >= POINTS + 2, "no point is missing", len(points))
