"""Are remembered mappings those that a search finds, whoever writes, is killed or finds the file broken?"""

from __future__ import annotations

import gc
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING

import pytest

from lw3dsim import simulate
from lw3dsim.base import remembered
from lw3dsim.base.caches import forget
from lw3dsim.describe import yaml_nodes
from lw3dsim.describe.source import parse_yaml
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.network import groups, layer_candidates, recalled, runs, tries

if TYPE_CHECKING:
    from pathlib import Path

# Functions whose values are few and small, whatever is simulated.
SMALL = {"bare", "rules_of", "_without_array"}

RUN = {"workload": "c3d", "transform": "fsb_c3d", "algorithm": "hfa", "input_size": "16x32x32", "fusion": "auto"}
CLI = ("simulate", "c3d", "--transform", "fsb_c3d", "--algorithm", "hfa", "--input", "16x32x32", "--format", "json")


SMALL_NETWORK = """
name: small
inputs: {clip: {channels: 8, frames: 4, height: 12, width: 12}}
layers:
  - {name: a, kind: conv3d, inputs: clip, out_channels: 16, kernel: [3, 1, 1], padding: [1, 0, 0]}
  - {name: b, kind: conv3d, inputs: a, out_channels: 16, kernel: [1, 3, 3], padding: [0, 1, 1], groups: 16}
  - {name: c, kind: conv3d, inputs: b, out_channels: 24, kernel: [1, 1, 1]}
  - {name: d, kind: pool3d, inputs: c, mode: avg, kernel: global}
"""


def run_small(*overrides: str) -> str:
    forget()
    network = parse_workload(SMALL_NETWORK)
    return simulate(network, arch="edge_small", algorithm="auto", fusion="auto", overrides=overrides).to_json()


@cache
def searched() -> str:
    """What a run gives that remembers nothing."""
    return run_small()


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """An empty memory of this process alone."""
    monkeypatch.setattr(remembered, "cache_folder", lambda: tmp_path)
    monkeypatch.setenv("LW3DSIM_MAPPING_CACHE", "1")
    searched()
    forget()
    remembered.remember_mappings()
    yield tmp_path
    remembered.forget_mappings()
    forget()


def test_whatever_holds_arrays_can_be_forgotten():
    simulate(**RUN)
    # Of what was there before the first test nothing is told while it is set apart.
    gc.unfreeze()
    caches = [one for one in gc.get_objects() if type(one) is type(runs.bare)]
    gc.freeze()
    stages = (
        "lw3dsim.tensor.",
        "lw3dsim.machine.",
        "lw3dsim.map.",
        "lw3dsim.network.",
        "lw3dsim.schedule.",
        "lw3dsim.engine.",
        "lw3dsim.dram.",
    )
    ours = [one for one in caches if f"{one.__module__}.".startswith(stages) and one.__name__ not in SMALL]
    assert {"run_problem", "cut", "cut_group"} <= {one.__name__ for one in ours}
    assert sum(one.cache_info().currsize for one in ours) > 100
    forget()
    assert not [one.__name__ for one in ours if one.cache_info().currsize]


def refuse(*_, **__):
    raise AssertionError("searched again")


@pytest.mark.usefixtures("memory")
def test_a_second_run_searches_nothing_and_is_equal(monkeypatch):
    assert run_small() == searched()
    monkeypatch.setattr(layer_candidates, "search", refuse)
    monkeypatch.setattr(groups, "search_divided", refuse)
    assert run_small() == searched()
    with pytest.raises(AssertionError, match="searched again"):
        run_small("buffers.ifmap_kib=64")


# What JSON has other words for than YAML, or none. Infinities and octal numbers are refused, so never remembered.
ODD = ("9" * 30, "-0.0", "1e3", "0.1", "2001-01-01", "{1: 2}", "~", "[]", "'\u00e9'", "yes")


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("value", ODD)
def test_a_description_reads_from_the_memory_as_from_its_text(value, monkeypatch):
    text = f"name: odd\nlist:\n  - {{key: {value}}}\n"
    read = parse_yaml(text, "odd.yaml")
    monkeypatch.setattr(yaml_nodes, "read_yaml", refuse)
    again = parse_yaml(text, "odd.yaml")
    assert repr(again) == repr(read)
    assert again.where(("list", 0, "key")) == "odd.yaml:3"
    with pytest.raises(AssertionError, match="searched again"):
        parse_yaml(f"{text}# another text\n", "odd.yaml")


@pytest.mark.usefixtures("memory")
def test_a_second_run_simulates_nothing_that_is_not_long(monkeypatch):
    run_small()
    for name in ("race", "simulate_schedule"):
        monkeypatch.setattr(tries, name, refuse)
    assert run_small() == searched()
    with pytest.raises(AssertionError, match="searched again"):
        run_small("dram.queue=3")


def test_long_runs_are_not_kept(memory, monkeypatch):
    monkeypatch.setattr(recalled, "MOST_STEPS", 1)
    run_small()
    reopen()
    (file,) = memory.glob("mappings-*.sqlite")
    assert not any(b"latency_cycles" in answer for answer, _ in entries(file).values())


@pytest.mark.usefixtures("memory")
def test_another_version_of_the_sources_searches_again(monkeypatch):
    run_small()
    reopen()
    monkeypatch.setattr(remembered, "_sources", lambda: "f" * 64)
    monkeypatch.setattr(layer_candidates, "search", refuse)
    with pytest.raises(AssertionError, match="searched again"):
        run_small()


@pytest.mark.parametrize("name", ["new.py", "new.csv"])
def test_sources_are_other_ones_where_code_or_a_table_is(tmp_path, monkeypatch, name):
    package = tmp_path / "package"
    (package / "base").mkdir(parents=True)
    (package / "data").mkdir()
    monkeypatch.setattr(remembered, "__file__", str(package / "base" / "remembered.py"))
    seen = set()
    for text in ("1", "2"):
        (package / "data" / name).write_text(text)
        seen.add(remembered._sources.__wrapped__())  # noqa: SLF001  # asked once a process
    assert len(seen) == 2


@pytest.fixture
def filled(memory):
    """The file of a memory that holds all answers of the small network, closed."""
    assert run_small() == searched()
    reopen()
    (file,) = memory.glob("mappings-*.sqlite")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    return file


def reopen():
    """Close the file, as the end of a process does; open it at the next question."""
    remembered.forget_mappings()
    remembered.remember_mappings()


def entries(file) -> dict[bytes, tuple[bytes, bytes]]:
    with closing(sqlite3.connect(file)) as connection:
        return {name: rest for name, *rest in connection.execute("SELECT name, answer, checksum FROM mappings")}


def write(file, name, answer, checksum):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE mappings SET answer = ?, checksum = ? WHERE name = ?", (answer, checksum, name))
        connection.commit()


def test_a_damaged_answer_is_found_anew_and_replaced(filled):
    chance, sound = random.Random(5), entries(filled)  # noqa: S311  # what to flip
    assert len(sound) > 8
    for _ in range(4):
        for name, (answer, checksum) in sound.items():
            at, bit = chance.randrange(len(answer)), 1 << chance.randrange(8)
            write(filled, name, answer[:at] + bytes([answer[at] ^ bit]) + answer[at + 1 :], checksum)
        assert run_small() == searched()
        reopen()
        assert entries(filled) == sound


@pytest.mark.parametrize("value", [None, 7, 1.5, "text", b"", b"null", b"[" * 100_000])
def test_an_answer_of_another_type_is_found_anew(filled, value):
    sound = entries(filled)
    for name in sound:
        raw = value if isinstance(value, bytes) else b""
        write(filled, name, value, remembered.checksum_of(name, raw))
    assert run_small() == searched()
    reopen()
    assert entries(filled) == sound


# What a tool may write that knows our checksum, and no machine can do.
IMPOSSIBLE = {
    "n": [0, -1, 25, 10**30], "c": [0, -8, 2000], "t": [0, 9], "h": [0, 13, 1 << 40], "w": [-3, 13],
    "order": ["rows_outer"], "parallel": ["channels", ["pixel"], ["channel", "channel", "channel", "channel"], []],
    "ifmap_slots": [0, 3], "weight_slots": [0, 9], "ofmap_slots": [0, 8], "kept": ["x"], "chunks": [[], [0], [99] * 9],
    "resident": [[], [True] * 9], "dram_bytes": [0, -5], "cycles": [0.0, -1.0],
    "latency_cycles": [0, -1, 10**30], "steps": [0, 1 << 20], "cycles_by_cause": [[], [["multiply", 3]]],
    "stage_events": [[]], "dram_bound_cycles": [-1], "activity": [{}], "words": ["", "AAAAAAAAAAA=", "AA==", 7],
}  # fmt: skip


def altered(answer, key, value):
    """Return the answer with ``key`` changed wherever it stands, or None where it stands nowhere."""
    data = json.loads(answer)
    places = [
        one.get("mapping", one.get("run", one)) if isinstance(one, dict) and key not in one else one
        for one in (data if isinstance(data, list) else [data])
    ]
    # What a group surely costs is a number alone.
    changed = [place for place in places if isinstance(place, dict) and key in place and place[key] != value]
    for place in changed:
        place[key] = value
    return json.dumps(data).encode() if changed else None


@pytest.mark.parametrize("key", IMPOSSIBLE)
def test_an_impossible_mapping_is_refused_even_with_its_checksum(filled, key):
    sound = entries(filled)
    for value in IMPOSSIBLE[key]:
        changes = {name: altered(answer, key, value) for name, (answer, _) in sound.items()}
        assert any(changes.values())
        for name, change in changes.items():
            if change is not None:
                write(filled, name, change, remembered.checksum_of(name, change))
        assert run_small() == searched()
        reopen()
        assert entries(filled) == sound


def test_a_mapping_that_overflows_a_buffer_is_refused(filled):
    """Each size by itself is possible; all of them at the largest are not."""
    design = ("buffers.ifmap_kib=2", "buffers.weight_kib=2", "buffers.ofmap_kib=4")

    def tight():
        forget()
        return simulate(parse_workload(SMALL_NETWORK), arch="edge_small", overrides=design).to_json()

    known = set(entries(filled))
    expected = tight()
    reopen()
    for name, (answer, _) in entries(filled).items():
        if name not in known:
            whole = json.dumps(json.loads(answer) | {"t": 1, "h": 1, "w": 1}).encode()
            for key, most in (("w", 12), ("h", 12), ("t", 4)):
                whole = altered(whole, key, most) or whole
            write(filled, name, whole, remembered.checksum_of(name, whole))
    assert tight() == expected


def test_answers_do_not_stand_for_each_other(filled):
    sound = entries(filled)
    rotated = [*list(sound.values())[1:], next(iter(sound.values()))]
    for name, (answer, checksum) in zip(sound, rotated, strict=True):
        write(filled, name, answer, checksum)
    assert run_small() == searched()


def test_a_flipped_bit_or_a_cut_anywhere_in_the_file_only_costs_the_search(filled):
    chance, whole = random.Random(9), filled.read_bytes()  # noqa: S311  # where to flip
    for i in range(12):
        damaged = bytearray(whole)
        if i % 3:
            damaged[chance.randrange(len(whole) if i % 2 else 200)] ^= 1 << chance.randrange(8)
        else:
            del damaged[chance.randrange(len(whole)) :]
        for beside in filled.parent.glob("mappings-*"):
            beside.unlink()
        filled.write_bytes(damaged)
        reopen()
        assert run_small() == searched()


def test_pages_that_a_failing_machine_never_wrote_only_cost_the_search(filled):
    """As no write waits for the disk, a page may be empty, or hold what another did."""
    chance, whole = random.Random(3), filled.read_bytes()  # noqa: S311  # what was written
    size = int.from_bytes(whole[16:18], "big")
    pages = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert len(pages) > 4
    for _ in range(8):
        kept = [pages[0], *(chance.choice((page, bytes(size), chance.choice(pages))) for page in pages[1:])]
        filled.write_bytes(b"".join(kept))
        reopen()
        assert run_small() == searched()


DAMAGED = {
    # A full disk leaves that.
    "nothing": lambda _: b"",
    "nothing behind the header": lambda whole: whole[:100] + bytes(len(whole) - 100),
    # SQLite puts the name of a table into its message, which then can't be decoded.
    "a table's name": lambda whole: whole.replace(b"mappingsmappings", b"mapping\xcfmappings").replace(
        b"CREATE", b"CR\xcfATE"
    ),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_file_of_ours_that_is_damaged_is_begun_anew(filled, damage):
    filled.write_bytes(damage(filled.read_bytes()))
    reopen()
    assert run_small() == searched()
    reopen()
    assert run_small() == searched()
    reopen()
    assert len(entries(filled)) > 8


def other_database(file: Path):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE mappings (name BLOB PRIMARY KEY, answer BLOB)")
        connection.execute("INSERT INTO mappings VALUES ('theirs', 'precious')")
        connection.commit()


FOREIGN = {
    "another database": other_database,
    "text": lambda file: file.write_text("notes\nwithout a final newline"),
    "an image": lambda file: file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200)),
    "a folder": lambda file: file.mkdir(),
    "a link to a file": lambda file: (
        file.with_name("elsewhere").write_text("theirs"), file.symlink_to(file.with_name("elsewhere"))
    ),
    "a link to nothing": lambda file: file.symlink_to(file.with_name("missing")),
}  # fmt: skip


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_ours_is_never_changed(memory, make, capfd):
    make(remembered.memory_path())

    def state():
        return {
            path.name: (path.is_symlink(), path.read_bytes() if path.is_file() else None) for path in memory.iterdir()
        }

    before = state()
    for _ in range(2):
        assert run_small() == searched()
        reopen()
    assert state() == before
    assert "is no mapping cache of lw3dsim" in capfd.readouterr().err


def test_a_folder_that_cannot_be_written_only_costs_the_search(memory, monkeypatch):
    in_the_way = memory / "file"
    in_the_way.write_text("theirs")
    monkeypatch.setattr(remembered, "cache_folder", lambda: in_the_way / "lw3dsim")
    assert run_small() == searched()
    assert in_the_way.read_text() == "theirs"


def test_a_file_that_cannot_be_written_only_costs_the_search(filled, monkeypatch):
    connect = sqlite3.connect

    def only_to_read(path, *rest, **more):
        return connect(path if path == ":memory:" else f"file:{path}?mode=ro", *rest, uri=True, **more)

    monkeypatch.setattr(remembered.sqlite3, "connect", only_to_read)
    whole = filled.read_bytes()
    assert run_small() == searched()
    assert filled.read_bytes() == whole


def test_processes_share_a_memory_and_survive_each_others_deaths(tmp_path):
    environment = os.environ | {"LW3DSIM_CACHE_DIR": str(tmp_path), "LW3DSIM_MAPPING_CACHE": "1"}

    def start():
        command = [sys.executable, "-m", "lw3dsim", *CLI]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    chance = random.Random(7)  # noqa: S311  # when to kill
    for _ in range(4):
        victims = [start(), start()]
        time.sleep(chance.uniform(0.4, 1.2))
        for victim in victims:
            victim.kill()
            victim.communicate()
    together = [start(), start()]
    results = [json.loads(process.communicate()[0]) for process in together]
    assert results[0] == results[1]
    expected = simulate(**{key: value for key, value in RUN.items() if key != "fusion"})
    assert results[0]["layers"] == json.loads(expected.to_json())["layers"]
