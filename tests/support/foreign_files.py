"""Files of other programs, to be left as they are: makers by name, each given the path to write to."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def sqlite_of(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE accounts (name TEXT, amount INTEGER)")
        connection.execute("INSERT INTO accounts VALUES ('me', 7)")
        connection.commit()


def optuna_journal(path):
    import optuna

    backend = optuna.storages.journal.JournalFileBackend(str(path))
    study = optuna.create_study(storage=optuna.storages.JournalStorage(backend), study_name="small")
    study.add_trial(optuna.trial.create_trial(value=1.0))


def optuna_database(path):
    import optuna

    study = optuna.create_study(storage=f"sqlite:///{path}", study_name="theirs")
    study.add_trial(optuna.trial.create_trial(value=1.0))


def parquet(path):
    import pandas as pd

    pd.DataFrame({"index": [1], "command": ["lw3dsim simulate c3d"]}).to_parquet(path)


MAKERS = {
    "text": lambda path: path.write_bytes(b"dear diary,\nno final newline"),
    "one line": lambda path: path.write_bytes(b"lw3dsim"),
    "blank": lambda path: path.write_bytes(b"\n"),
    "sqlite": sqlite_of,
    "JSON": lambda path: path.write_bytes(b'{"workload": "mine", "by": "me"}\n'),
    "JSON of results": lambda path: path.write_bytes(b'{"workload": "c3d", "arch": "a", "version": "1", "layers": []}'),
    "PNG": lambda path: path.write_bytes(PNG),
    "journal of Optuna": optuna_journal,
    "database of Optuna": optuna_database,
    "CSV": lambda path: path.write_bytes(b"name,kind,amount\nme,cash,7\n"),
    "page": lambda path: path.write_bytes(b"<!doctype html>\n<html><head><title>mine</title></head></html>\n"),
    "parquet": parquet,
    "NULs": lambda path: path.write_bytes(b"\0" * 5000),
    "YAML": lambda path: path.write_bytes(b"units: []\nversion: 0.1.0\n"),
}
