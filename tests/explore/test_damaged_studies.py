"""Is a damaged study refused in one sentence that names the place, and left as it is?

LW3DSIM_DAMAGED says how many studies are damaged, and LW3DSIM_SEED how; without them a few, the same each time.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
from contextlib import closing, contextmanager

import optuna
import pytest
import sqlalchemy
from click.testing import CliRunner
from damage import columns_of, damage_database, damaged_file, damaged_journal
from explore_helpers import exported, kept_study, write_space
from test_explore_shared import url  # noqa: F401  # a server, where there is one

from lw3dsim.cli.main import main
from lw3dsim.explore import hiring
from lw3dsim.explore.databases import TABLES, VERSIONS, with_driver
from lw3dsim.explore.evaluate import Outcome

PARAMETERS = "  pe.rows: [2, 4]\n  winograd.m1: {int: [1, 3]}\n  precision.transformed_data_bits: [null, 10]\n"
CASES = int(os.environ.get("LW3DSIM_DAMAGED", "12"))
SEED = int(os.environ.get("LW3DSIM_SEED", "1"))
OUTCOME = Outcome(state="infeasible", metrics={}, reason="not looked at", seconds=0.0)


class Here:
    """Stands for the worker processes: answers at once, that no point can be mapped."""

    def __init__(self, *_, **__):
        self.takers, self._proposals = [0], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def pending(self):
        return len(self._proposals)

    def begin(self, *, with_bounds):
        pass

    def give(self, proposals, _):
        self._proposals += proposals

    def collect(self, _):
        proposals, self._proposals = self._proposals, []
        return [(proposal, OUTCOME) for proposal in proposals]

    def news(self):
        return []


@contextmanager
def here():
    """Have runs evaluate nothing, and start nothing."""
    pool, hiring.Pool = hiring.Pool, Here
    try:
        yield
    finally:
        hiring.Pool = pool


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return made(tmp_path_factory.mktemp("study"))


def made(folder):
    """Return a space and its unfinished studies, as journals by sampler and as an SQLite database."""
    space = write_space(folder, parameters=PARAMETERS)
    kept_study(space, folder / "exhaustive", points=9)
    kept_study(space, folder / "nsga2", points=9, sampler="nsga2")
    kept_study(space, f"sqlite:///{folder}/study.db", points=9)
    return space, folder


def looked_at(space, storage, folder):
    """Let every command look at a study; return how each ended, with what it said."""
    out = ("--out", str(folder / "out.csv")), ("--out", str(folder / "out.html"))
    cli = lambda *args: CliRunner().invoke(main, ["dse", args[0], space, "--storage", storage, *args[1:]])  # noqa: E731
    with here():
        status = cli("status")
        others = [] if status.exit_code else [cli("front"), cli("export", *out[0]), cli("report", *out[1])]
        return [status, *others, cli("run", "--resume", "--workers", "1", "--patience", "0.5")]


def check(results, what):
    """Check that each ended well, or was refused in one sentence; return the sentences."""
    sentences = []
    for result in results:
        assert result.exception is None or isinstance(result.exception, SystemExit), (what, repr(result.exception))
        assert result.exit_code in (0, 2), what
        if result.exit_code == 2:
            said = result.stderr.strip().splitlines()[-1]
            assert said.startswith("Error: "), what
            assert "Traceback" not in result.stderr
            assert "doesn't say" not in said
            sentences.append(said)
    return sentences


def damage_journals(study, folder, cases):
    space, made_in = study
    generator, refused = random.Random(SEED), 0  # noqa: S311  # repeatable
    for number in range(cases):
        sampler = ("exhaustive", "nsga2")[number % 2]
        data = damaged_journal((made_in / sampler).read_bytes(), generator)
        storage = folder / "journal"
        storage.write_bytes(data)
        results = looked_at(space, str(storage), folder)
        sentences, found = check(results, data), storage.read_bytes()
        refused += results[0].exit_code == 2
        # Refused: the same to the byte. Gone on with: what was there before, but for a torn tail, and more.
        is_refused = results[0].exit_code == results[-1].exit_code == 2
        assert found == data if is_refused else found.startswith(data[: data.rfind(b"\n") + 1]), sentences
    return refused


def damage_databases(study, folder, cases):
    space, made_in = study
    generator, refused = random.Random(SEED), 0  # noqa: S311  # repeatable
    for number in range(cases):
        file = folder / "damaged.db"
        for name in folder.glob("damaged.db*"):
            name.unlink()
        shutil.copy(made_in / "study.db", file)
        if number % 5 == 4:
            file.write_bytes(damaged_file(file.read_bytes(), generator))
            what = "bytes"
        else:
            engine = sqlalchemy.create_engine(f"sqlite:///{file}")
            what = damage_database(engine, generator, columns_of(engine))
            engine.dispose()
        refused += bool(check(looked_at(space, f"sqlite:///{file}", folder), what))
    return refused


def damage_servers(study, folder, server, cases):
    """The same in PostgreSQL: every case in a copy of one database."""
    space, _ = study
    base, generator, refused = server.rpartition("/")[0], random.Random(SEED), 0  # noqa: S311  # repeatable
    admin = sqlalchemy.create_engine(with_driver(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as control:
        execute = lambda text: control.execute(sqlalchemy.text(text))  # noqa: E731
        execute("DROP DATABASE IF EXISTS whole")
        execute("CREATE DATABASE whole")
        kept_study(space, f"{base}/whole", points=9)
        for _ in range(cases):
            execute("DROP DATABASE IF EXISTS damaged WITH (FORCE)")
            execute("CREATE DATABASE damaged TEMPLATE whole")
            engine = sqlalchemy.create_engine(with_driver(f"{base}/damaged"))
            what = damage_database(engine, generator, columns_of(engine))
            engine.dispose()
            refused += bool(check(looked_at(space, f"{base}/damaged", folder), what))
    admin.dispose()
    return refused


def test_a_damaged_journal_is_refused_in_a_sentence(study, tmp_path):
    assert damage_journals(study, tmp_path, CASES) > CASES // 2


def test_a_damaged_database_is_refused_in_a_sentence(study, tmp_path):
    assert damage_databases(study, tmp_path, CASES // 2) > 0


def test_a_damaged_study_on_a_server_is_refused_in_a_sentence(study, tmp_path, url):  # noqa: F811
    assert damage_servers(study, tmp_path, url, CASES // 3) > 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"pe.rows":2.0', '"pe.rows":3.0', "pe.rows = 3 is no value of the space"),
        ('"index":0', '"index":1', "index 1 is there already"),
        ('"latency_ms":0.', '"latency_ms":"0.', "is no record"),
        ('"latency_ms"', '"latency_msx"', "metrics are not those of a point that was done"),
        ('"state":"done"', '"state":"infeasible"', "its state is COMPLETE, but the point was infeasible"),
        ('"state":"done"', '"state":"good"', "attributes are not those of a point"),
        ('"area_mm2":', '"area_mm2":-', "area_mm2 is -"),
        ('"op_code":4', '"op_code":5', "is no record of a journal of lw3dsim"),
    ],
)
def test_the_sentence_names_file_and_line(cli, study, tmp_path, old, new, says):
    space, made_in = study
    lines = (made_in / "exhaustive").read_text().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if old in line and '"op_code":4' in line)
    lines[place] = lines[place].replace(old, new, 1)
    broken = tmp_path / "journal"
    broken.write_text("".join(lines))
    said = cli("dse", "status", space, "--storage", str(broken)).stderr
    assert re.search(rf"{re.escape(str(broken))}:({place + 1}|\d+) is no ", said), said
    assert says in said


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_study_that_was_cut_off_before_its_settings_is_begun(cli, study, tmp_path, lines):
    space, made_in = study
    first = (made_in / "exhaustive").read_bytes().splitlines(keepends=True)[:lines]
    (tmp_path / "journal").write_bytes(b"".join(first) + b'{"by":"lw3')
    with here():
        assert cli("dse", "run", space, "--storage", str(tmp_path / "journal")).exit_code == 0
    assert (tmp_path / "journal").read_bytes().startswith(b"".join(first))
    assert cli("dse", "status", space, "--storage", str(tmp_path / "journal")).exit_code == 0


def test_a_study_that_was_deleted_is_begun_anew(cli, study, tmp_path):
    space, made_in = study
    record = b'{"op_code":1,"worker_id":"x","study_id":0}\n'
    (tmp_path / "journal").write_bytes((made_in / "exhaustive").read_bytes() + record)
    with here():
        assert cli("dse", "run", space, "--storage", str(tmp_path / "journal")).exit_code == 0
    assert cli("dse", "status", space, "--storage", str(tmp_path / "journal")).exit_code == 0


def test_the_version_is_compared_first(cli, study, tmp_path):
    space, made_in = study
    data = (made_in / "exhaustive").read_bytes()
    settings = re.search(rb'"user_attr":\{"lw3dsim":(\{.*?\})\}', data)[1]
    for kept in (b'{"version":"0.0.1","shape":[1,2]}', b'{"version":"9.0"}'):
        (tmp_path / "old").write_bytes(data.replace(settings, kept))
        said = cli("dse", "status", space, "--storage", str(tmp_path / "old")).stderr
        assert "was made by lw3dsim " in said
    (tmp_path / "none").write_bytes(data.replace(settings, b'{"version":7}'))
    said = cli("dse", "status", space, "--storage", str(tmp_path / "none")).stderr
    assert re.search(r"none:4: the settings of the study small are damaged", said), said


def test_the_sentence_names_storage_and_trial(cli, study, tmp_path):
    space, made_in = study
    shutil.copy(made_in / "study.db", tmp_path / "study.db")
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        connection.execute("UPDATE trial_user_attributes SET value_json = '7' WHERE trial_id = 4 AND key = 'outcome'")
        connection.commit()
    said = cli("dse", "status", space, "--storage", f"sqlite:///{tmp_path}/study.db").stderr
    assert f"sqlite:///{tmp_path}/study.db: trial 3 is no point of lw3dsim" in said


@pytest.mark.parametrize(
    ("whole", "torn"),
    [(0, b""), *((whole, torn) for whole in (1, 2, 3) for torn in (b"", b'{"by":"lw3dsim","op_code":'))],
)
def test_a_study_killed_while_it_was_begun_is_begun_again(cli, study, tmp_path, whole, torn):
    space, made_in = study
    lines = (made_in / "exhaustive").read_bytes().splitlines(keepends=True)
    storage = tmp_path / "journal"
    storage.write_bytes(b"".join(lines[:whole]) + torn)
    with here():
        run = cli("dse", "run", space, "--storage", str(storage), "--workers", "1")
    assert run.exit_code == 0, run.stderr
    assert "12 points finished" in cli("dse", "status", space, "--storage", str(storage)).stdout


def test_a_study_that_is_not_gone_on_with_stays_as_it_was(cli, study, tmp_path):
    space, made_in = study
    whole, storage = (made_in / "exhaustive").read_bytes(), tmp_path / "journal"
    # A torn tail is cut before a record is written, and only then; a point of another index is no reason to write.
    lines = whole.splitlines(keepends=True)
    other = re.sub(rb'"index":(\d+)', lambda found: b'"index":%d' % (1000 + int(found[1])), lines[-1])
    for content, more in ((whole + b'{"by":', ()), (b"".join(lines[:-1]) + other, ("--resume",))):
        storage.write_bytes(content)
        with here():
            refused = cli("dse", "run", space, "--storage", str(storage), "--workers", "1", *more)
        assert refused.exit_code == 2, refused.stderr
        assert storage.read_bytes() == content


EMPTIED = [("DELETE FROM", name, "is empty") for name in VERSIONS]
DROPPED = [("DROP TABLE", name, "is missing") for name in sorted(TABLES)]


@pytest.mark.parametrize(("act", "table", "says"), EMPTIED + DROPPED, ids=lambda word: word)
def test_what_optuna_would_quietly_make_again_is_refused_and_left(cli, study, tmp_path, act, table, says):
    space, made_in = study
    file = tmp_path / "study.db"
    shutil.copy(made_in / "study.db", file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"{act} {table}")
        connection.commit()
    before = file.read_bytes()
    for words in (("status",), ("run", "--resume")):
        result = cli("dse", words[0], space, "--storage", f"sqlite:///{file}", *words[1:])
        assert result.exit_code == 2
        assert f"study.db: the table {table} {says}" in result.stderr
        assert file.read_bytes() == before


def test_an_attribute_whose_name_is_no_text_is_damage(cli, study, tmp_path):
    space, made_in = study
    shutil.copy(made_in / "study.db", tmp_path / "study.db")
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        connection.execute("INSERT INTO trial_system_attributes VALUES (NULL, 4, X'00FF', '1')")
        connection.commit()
    said = cli("dse", "status", space, "--storage", f"sqlite:///{tmp_path}/study.db").stderr
    assert "study.db: trial 3 is no point of lw3dsim" in said


def altered(study, folder, statements):
    """Return the URL of a copy of the SQLite study in which ``statements`` were executed."""
    shutil.copy(study[1] / "study.db", folder / "study.db")
    with closing(sqlite3.connect(folder / "study.db")) as connection:
        connection.executescript(statements)
    return f"sqlite:///{folder}/study.db"


def test_a_point_whose_process_died_while_it_was_written_down_is_evaluated_again(cli, study, tmp_path):
    # Its outcome is there, its state is not; whoever goes on has failed the claim.
    where = altered(study, tmp_path, "UPDATE trials SET state = 'FAIL' WHERE trial_id = 4")
    assert "8 points finished" in cli("dse", "status", study[0], "--storage", where).stdout
    with here():
        assert cli("dse", "run", study[0], "--storage", where, "--workers", "1", "--resume").exit_code == 0
    points = [row["point"] for row in exported(cli, study[0], where, tmp_path)]
    assert len(points) == len(set(points)) == 12


WITH_TRIALS = ("trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes", "trials")
LACKS = {  # what is deleted, and what is said
    "DELETE FROM trials WHERE trial_id = 4": "a row of trial_values speaks of one of trials that is missing",
    "DELETE FROM trials": "a row of trial_values speaks of one of trials that is missing",  # numbers begin again
    "DELETE FROM studies": "speaks of one of studies that is missing",
    "".join(f"DELETE FROM {table} WHERE trial_id = 4;" for table in WITH_TRIALS): "trial 3 is missing",  # noqa: S608
}


@pytest.mark.parametrize("statements", LACKS)
def test_a_study_that_lacks_a_trial_is_refused_and_left(cli, study, tmp_path, statements):
    where = altered(study, tmp_path, statements)
    before = (tmp_path / "study.db").read_bytes()
    for words in (("status",), ("run", "--resume")):
        refused = cli("dse", words[0], study[0], "--storage", where, *words[1:])
        assert refused.exit_code == 2
        assert LACKS[statements] in refused.stderr
        assert (tmp_path / "study.db").read_bytes() == before


def test_damaged_names_of_tables_are_damage(cli, study, tmp_path):
    space, made_in = study
    whole = (made_in / "study.db").read_bytes()
    # SQLite puts the name into its message, which then can't be decoded.
    (tmp_path / "study.db").write_bytes(
        whole.replace(b"studiesstudies", b"studie\xcfstudies").replace(b"CREATE", b"CR\xcfATE")
    )
    said = cli("dse", "status", space, "--storage", f"sqlite:///{tmp_path}/study.db")
    assert said.exit_code == 2
    assert "study.db: can't be read as an SQLite database (damaged names)" in said.stderr


def test_a_study_of_another_program_is_told_from_ours_by_its_place(cli, study, tmp_path):
    space, _ = study
    file = tmp_path / "theirs.db"
    theirs = optuna.create_study(storage=f"sqlite:///{file}", study_name="small")
    theirs.set_user_attr("lw3dsim-like", 1)
    theirs.add_trial(optuna.create_trial(value=1.0))
    other = optuna.create_study(storage=f"sqlite:///{file}", study_name="ours")
    other.set_user_attr("lw3dsim", {})
    said = cli("dse", "status", space, "--storage", f"sqlite:///{file}").stderr
    assert f"sqlite:///{file}: the study small was not made by lw3dsim" in said


def test_tables_of_optuna_are_known(tmp_path):
    optuna.create_study(storage=f"sqlite:///{tmp_path}/fresh.db")
    with closing(sqlite3.connect(tmp_path / "fresh.db")) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert {name for (name,) in rows} - {"sqlite_sequence"} == TABLES
