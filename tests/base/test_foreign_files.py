"""Is a file that lw3dsim did not write ever changed, whichever option names it? Are its own replaced?"""

from __future__ import annotations

import shutil

import pytest
from explore_helpers import NET, write_space, written_places
from foreign_files import MAKERS
from test_bad_input import refuse

from lw3dsim import compare, simulate
from lw3dsim.base import remembered
from lw3dsim.comparison.compare import Case
from lw3dsim.errors import OutputError
from lw3dsim.report.save import EXECUTION_FILES, RESULT_FILES

# What takes the name of a file to write, as a command line; NAME is put in for {}.
FILES = {
    "page of a comparison": "compare {net} --html {}",
    "mapping file": "map {net} --save {}",
    "page of a result": "report {result} --out {}",
    "points as CSV": "dse export {space} --storage {study} --out {}.csv",
    "points as Parquet": "dse export {space} --storage {study} --out {}.parquet",
    "page of a study": "dse report {space} --storage {study} --out {}",
    "proof": "dse prove {space} --storage {study} --minutes 0 --out {}",
    "proof that is gone on with": "dse prove {space} --storage {study} --resume --out {}",
    "study": "dse run {space} --resume --workers 1 --trials 2 --storage {}",
    "study that is read": "dse status {space} --storage {}",
    "SQLite study": "dse run {space} --resume --workers 1 --trials 2 --storage sqlite:///{}",
    "SQLite study that is read": "dse status {space} --storage sqlite:///{}",
}
# What takes the name of a folder, and writes these files into it.
FOLDERS = {
    **{f"{name} of a result": ("simulate {net} --out {}", name) for name in RESULT_FILES},
    **{f"{name} of an execution": ("execute {net} --out {}", name) for name in EXECUTION_FILES},
    "page beside a result": ("report {}", "report.html"),
}
# What is only read.
INPUTS = {
    "mapping": "simulate {net} --mapping {}",
    "accelerator": "simulate {net} --arch {}",
    "workload": "simulate {}",
    "result": "report {}",
    "space": "dse run {}",
    "trace": "dram --preset lpddr4-3200-x32 --trace {}",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ours")
    places = written_places(folder)
    simulate(places["net"]).report(folder / "page.html")
    return places


def words(line, path, places):
    return [word.replace("{}", str(path)).format(**places) for word in line.split()]


def snapshot(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"(none)" for path in folder.rglob("*")
    }


def put(kind, path):
    """Put a foreign file, or what else may be in the way, at ``path``."""
    beside = path.with_name("beside")
    if kind == "folder":
        path.mkdir()
    elif kind == "link to a folder":
        beside.mkdir()
        path.symlink_to(beside)
    elif kind == "link to nothing":
        path.symlink_to(beside)
    elif kind == "link to a file":
        beside.write_bytes(b"mine")
        path.symlink_to(beside)
    else:
        MAKERS[kind](path)


KINDS = [*MAKERS, "folder", "link to a folder", "link to nothing", "link to a file"]


def refused(cli, line, path, places, folder, name):
    """Ask every kind of file at ``path`` to be written over, and see that none is changed."""
    for kind in KINDS:
        folder.mkdir(parents=True)
        put(kind, path)
        before = snapshot(folder)
        result = cli(*words(line, name, places))
        said = refuse(result)
        assert "Traceback" not in said
        assert snapshot(folder) == before, (kind, said)
        shutil.rmtree(folder)


@pytest.mark.parametrize("option", FILES)
def test_no_option_changes_a_foreign_file(cli, places, tmp_path, option):
    line = FILES[option]
    suffix = next((end for end in (".csv", ".parquet") if line.endswith(end)), "")
    folder = tmp_path / "folder"
    refused(cli, line, folder / f"file{suffix}", places, folder, folder / "file")


@pytest.mark.parametrize("option", FOLDERS)
def test_no_output_folder_loses_a_foreign_file(cli, places, tmp_path, option):
    line, name = FOLDERS[option]
    folder = tmp_path / "folder"
    for kind in KINDS:
        folder.mkdir()
        put(kind, folder / name)
        if line.startswith("report"):
            shutil.copy(f"{places['result']}/result.json", folder)
        before = snapshot(folder)
        said = refuse(cli(*words(line, folder, places)))
        assert snapshot(folder) == before, (kind, said)
        shutil.rmtree(folder)


@pytest.mark.parametrize("option", INPUTS)
def test_no_input_is_changed(cli, places, tmp_path, option, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "folder"
    refused(cli, INPUTS[option], folder / "file", places, folder, folder / "file")


def test_a_refusal_says_what_is_there_and_what_to_do(cli, places, tmp_path):
    for kind, says in (
        ("sqlite", "an SQLite database"),
        ("PNG", "a PNG image"),
        ("text", "holds text"),
        ("NULs", "bin"),
    ):
        MAKERS[kind](tmp_path / kind)
        line = refuse(cli("map", places["net"], "--save", str(tmp_path / kind)), says)
        assert "give another name, or delete the file" in line
    line = refuse(cli("dse", "run", places["space"], "--storage", str(tmp_path / "sqlite")), "is an SQLite database")
    assert f"sqlite:///{tmp_path / 'sqlite'}" in line


def test_pages_written_from_python_are_held_to_the_same(places, tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    for result in (simulate(places["net"]), compare(places["net"], [Case(name="a"), Case(name="b")])):
        with pytest.raises(OutputError, match="not a page that lw3dsim wrote"):
            result.report(mine)
        result.report(tmp_path / "page.html")
        result.report(tmp_path / "page.html")
    assert mine.read_text() == "mine"


OWN = {
    "page": (
        "compare {net} --html {}/x",
        "report {result} --out {}/x",
        "dse report {space} --storage {study} --out {}/x",
    ),
    "mapping": ("map {net} --save {}/x", "map {net} --arch array_16x16 --save {}/x"),
    "CSV": ("dse export {space} --storage {study} --out {}/x.csv",) * 2,
    "Parquet": ("dse export {space} --storage {study} --out {}/x.parquet",) * 2,
    "result": ("simulate {net} --out {}/x", "simulate {net} --arch array_16x16 --out {}/x", "report {}/x"),
    "execution": ("execute {net} --out {}/x",) * 2,
}


@pytest.mark.parametrize("form", OWN)
def test_own_output_and_empty_files_are_replaced(cli, places, tmp_path, form):
    for line in OWN[form]:
        result = cli(*words(line, tmp_path, places))
        assert result.exit_code == 0, result.stderr
    names = {path.name for path in tmp_path.rglob("*")}
    assert not [name for name in names if name.startswith(".")]
    if (tmp_path / "x").is_file():
        whole = (tmp_path / "x").read_bytes()
        (tmp_path / "x").write_bytes(b"")
        assert cli(*words(OWN[form][-1], tmp_path, places)).exit_code == 0
        assert (tmp_path / "x").read_bytes() == whole


def test_own_output_of_another_form_is_kept(cli, places, tmp_path):
    assert cli("map", places["net"], "--save", str(tmp_path / "x")).exit_code == 0
    mapping = (tmp_path / "x").read_bytes()
    refuse(cli("compare", places["net"], "--html", str(tmp_path / "x")), "holds text, not a page")
    refuse(cli("dse", "run", places["space"], "--storage", str(tmp_path / "x")), "not a journal of lw3dsim")
    assert (tmp_path / "x").read_bytes() == mapping


def test_a_link_is_followed_and_stays_one(cli, places, tmp_path):
    (tmp_path / "deep").mkdir()
    target, link = tmp_path / "deep" / "map.yaml", tmp_path / "link"
    target.write_bytes(b"")
    link.symlink_to(target)
    assert cli("map", places["net"], "--save", str(link)).exit_code == 0
    assert link.is_symlink()
    assert target.read_text().startswith("# What `lw3dsim map --save` chose.")


@pytest.mark.parametrize("kind", ["text", "sqlite", "PNG", "NULs", "folder"])
def test_a_foreign_file_in_the_cache_is_left_alone(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(remembered, "cache_folder", lambda: tmp_path)
    monkeypatch.setenv("LW3DSIM_MAPPING_CACHE", "1")
    put(kind, remembered.memory_path())
    before = snapshot(tmp_path)
    remembered.remember_mappings()
    try:
        assert remembered.recall("question", str, lambda _: True) is None
        remembered.remember_mappings()
        remembered.remember("question", "answer")
    finally:
        remembered.forget_mappings()
    assert snapshot(tmp_path) == before


def test_an_empty_study_is_exported_and_known_again(cli, tmp_path):
    space = write_space(tmp_path, parameters="  pe.rows: [2, 4]\n", net=NET)
    from lw3dsim.explore.space_file import load_space
    from lw3dsim.explore.study import begun
    from lw3dsim.explore.wanted import Wanted

    with begun(load_space(space), str(tmp_path / "study"), Wanted()):
        pass
    for _ in range(2):
        for name in ("x.csv", "x.parquet"):
            storage = ("--storage", str(tmp_path / "study"))
            assert cli("dse", "export", space, *storage, "--out", str(tmp_path / name)).exit_code == 0
