"""Are remembered mappings those that a search finds, whoever writes, is killed or finds the file broken?"""

from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
import time

import pytest

from lw3dsim import fusion, layers, native, remembered, simulate
from lw3dsim.caches import forget

# Functions whose values are few and small, whatever is simulated.
SMALL = {"bare", "constants"}

RUN = {"workload": "c3d", "transform": "fsb_c3d", "algorithm": "hfa", "input_size": "16x32x32", "fusion": "auto"}
CLI = ("simulate", "c3d", "--transform", "fsb_c3d", "--algorithm", "hfa", "--input", "16x32x32", "--format", "json")


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """An empty memory of this process alone."""
    monkeypatch.setattr(remembered, "cache_folder", lambda: tmp_path)
    monkeypatch.setenv("LW3DSIM_MAPPING_CACHE", "1")
    forget()
    remembered.remember_mappings()
    yield tmp_path
    remembered.forget_mappings()
    forget()


def test_whatever_holds_arrays_can_be_forgotten():
    simulate(**RUN)
    caches = [one for one in gc.get_objects() if isinstance(one, type(layers.bare))]
    stages = (
        "lw3dsim.map.",
        "lw3dsim.layers",
        "lw3dsim.fusion",
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
    first = simulate(**RUN).to_json()
    forget()
    monkeypatch.setattr(layers, "search", refuse)
    monkeypatch.setattr(fusion, "search_group", refuse)
    assert simulate(**RUN).to_json() == first
    with pytest.raises(AssertionError, match="searched again"):
        simulate(**RUN | {"overrides": ("buffers.ifmap_kib=64",)})


@pytest.mark.usefixtures("memory")
def test_another_version_of_the_sources_searches_again(monkeypatch):
    simulate(**RUN)
    remembered.forget_mappings()
    remembered.remember_mappings()
    forget()
    monkeypatch.setattr(remembered, "_sources", lambda: "f" * 64)
    monkeypatch.setattr(layers, "search", refuse)
    with pytest.raises(AssertionError, match="searched again"):
        simulate(**RUN)


@pytest.mark.parametrize("damage", ["garbage", "folder", "table"])
def test_a_broken_file_only_costs_the_search(memory, damage):
    expected = simulate(**RUN).to_json()
    remembered.forget_mappings()
    (file,) = memory.glob("mappings-*.sqlite")
    for beside in memory.glob("mappings-*.sqlite-*"):
        beside.unlink()
    if damage == "table":
        connection = remembered.sqlite3.connect(file)
        connection.execute("UPDATE mappings SET answer = 'no mapping'")
        connection.commit()
        connection.close()
    else:
        file.unlink()
        file.mkdir() if damage == "folder" else file.write_bytes(b"garbage" * 1000)
    remembered.remember_mappings()
    forget()
    assert simulate(**RUN).to_json() == expected


def test_processes_share_a_memory_and_survive_each_others_deaths(tmp_path):
    environment = os.environ | {"LW3DSIM_CACHE_DIR": str(tmp_path), "LW3DSIM_MAPPING_CACHE": "1"}
    # What is compiled need not be compiled again here.
    for folder in native.cache_folder().glob("*-*"):
        if folder.is_dir():
            (tmp_path / "lw3dsim").mkdir(exist_ok=True)
            (tmp_path / "lw3dsim" / folder.name).symlink_to(folder)

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
