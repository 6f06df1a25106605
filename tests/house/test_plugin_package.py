"""Does a package of a third party, installed beside a wheel, add what it registers, and keep its contracts?"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from contextlib import contextmanager
from pathlib import Path

import pytest
from wheels import given_away

ROOT = Path(__file__).resolve().parents[2]
ACME = ROOT / "tests" / "data" / "acme_video"
PAGE = (ROOT / "docs" / "develop" / "plugins.md").read_text(encoding="utf-8")

# Name and group of all that the package registers, as `lw3dsim list` calls them.
REGISTERED = {
    "acme_net": "workloads",
    "acme_chip": "archs",
    "narrow": "transforms",
    "acme-3200-x32": "dram_presets",
    "acme_crossed": "dataflows",
    "acme": "engines",
    "acme_space": "spaces",
}


class Installed:
    """A fresh environment with the wheels of lw3dsim and of ACME; their dependencies are those of this one."""

    def __init__(self, folder, wheel):
        self.folder = folder
        venv.create(folder / "env", with_pip=False)
        self.bin = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        # Building writes beside what it builds from.
        acme = shutil.copytree(ACME, folder / ACME.name, ignore=shutil.ignore_patterns("__pycache__"))
        self.pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder / "wheels"), str(acme))
        wheels = [str(wheel), *map(str, (folder / "wheels").glob("*.whl"))]
        assert len(wheels) == 2
        self.pip("--python", str(self.bin / "python"), "install", "--no-compile", "--no-deps", "--no-index", *wheels)
        self.outside = folder / "elsewhere"
        self.outside.mkdir()
        (self.site,) = (folder / "env").rglob("site-packages")
        # Its packages alone: what is installed there for editing is not.
        (self.site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def pip(self, *args):
        subprocess.run([sys.executable, "-m", "pip", "-q", *args], check=True, capture_output=True)

    def run(self, program, *args, code=0, **environment):
        """Run a program outside the checkout."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment
        done = subprocess.run(
            [self.bin / program, *args],
            cwd=self.outside,
            env=kept | environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def simulate(self, *args, **environment):
        return json.loads(self.run("lw3dsim", "simulate", *args, "--format", "json", **environment).stdout)


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    _, wheel = given_away(tmp_path_factory.getbasetemp())
    return Installed(tmp_path_factory.mktemp("acme"), wheel)


def test_what_it_registers_is_listed_with_its_origin(acme):
    where = acme.run("python", "-c", "import lw3dsim; print(lw3dsim.__file__)").stdout
    assert str(acme.folder) in where
    names = json.loads(acme.run("lw3dsim", "list", "--format", "json").stdout)
    assert {one["name"]: one["group"] for one in names["plugins"]} == REGISTERED
    assert {one["distribution"] for one in names["plugins"]} == {"acme-video 1.0"}
    assert all(name in names[group] for name, group in REGISTERED.items())
    listed = acme.run("lw3dsim", "list").stdout.splitlines()
    for name in REGISTERED:
        (line,) = [line for line in listed if line.split()[0] == name]
        assert line.endswith("[acme-video 1.0]")
    about = "share of the channels in between that stay; a number above 0 and up to 1 [default: 0.5]"
    assert any(line.split(maxsplit=1)[-1] == about for line in listed)


@pytest.mark.parametrize("line", re.findall(r"^lw3dsim .*", PAGE, re.MULTILINE))
def test_the_commands_of_the_page_run(acme, line):
    assert acme.run(*line.split()).stdout


def test_what_it_registers_is_used_by_name(acme):
    run = ("acme_net", "--arch", "acme_chip", "--transform", "narrow:share=0.25,fsb")
    result = acme.simulate(*run, "--engine", "acme")
    assert result["config"]["transforms"] == ["narrow:share=0.25", "fsb"]
    assert result["config"]["arch"]["dram"]["preset"] == "acme-3200-x32"
    own = acme.simulate(*run)
    assert {**own, "config": 0} == {**result, "config": 0}
    assert acme.simulate("acme_net", "--arch", "acme_chip")["totals"]["macs"] > result["totals"]["macs"]
    trace = ACME.parent / "dram_random_read.csv.gz"
    acme.run("lw3dsim", "dram", "--preset", "acme-3200-x32", "--trace", str(trace))


SPACE = """
name: mine
workloads: [{workload: c3d, transform: narrow, input: 16x16x16}]
parameters: {dram.preset: [acme-3200-x32, lpddr4-3200-x32], pe.rows: [4, 8]}
objectives: [latency_ms, energy_mj]
"""


@contextmanager
def changed(acme, module, old, new):
    """Change a line of what is installed, for a while."""
    (path,) = acme.site.glob(f"acme_video/{module}.py")
    text = path.read_text()
    assert old in text
    second = int(path.stat().st_mtime)
    try:
        path.write_text(text.replace(old, new))
        # What Python compiled is known by the second and the size of its source.
        os.utime(path, (second + 1, second + 1))
        yield
    finally:
        path.write_text(text)
        os.utime(path, (second + 2, second + 2))


def points_of(acme, space, journal, workers):
    acme.run("lw3dsim", "dse", "run", space, "--workers", workers, "--storage", journal)
    acme.run("lw3dsim", "dse", "export", space, "--out", f"{journal}.csv", "--storage", journal)
    return (acme.outside / f"{journal}.csv").read_text().splitlines()[1:]


def test_workers_of_a_study_see_it(acme):
    points = points_of(acme, "acme_space", "acme.journal", "2")
    assert len(points) == 4
    assert all(",done," in point for point in points)


def test_a_study_belongs_to_what_its_names_stood_for(acme):
    (acme.outside / "mine.yaml").write_text(SPACE)
    assert len(points_of(acme, "mine.yaml", "mine.journal", "1")) == 4
    resume = ("lw3dsim", "dse", "run", "mine.yaml", "--storage", "mine.journal", "--resume")
    acme.run(*resume)
    with changed(acme, "dram", "trp=34", "trp=35"):
        assert "was made of another space" in acme.run(*resume, code=2).stderr
    with changed(acme, "passes", "self.share *", "0.5 * self.share *"):
        assert "was made of another space" in acme.run(*resume, code=2).stderr
    acme.run(*resume)


def test_a_mapping_is_remembered_for_what_the_names_stood_for(acme):
    run = ("acme_net", "--arch", "acme_chip")
    remembers = {"LW3DSIM_MAPPING_CACHE": "1", "LW3DSIM_CACHE_DIR": str(acme.folder / "cache")}
    before = acme.simulate(*run, **remembers)
    assert list((acme.folder / "cache").rglob("mappings-*.sqlite"))
    assert acme.simulate(*run, **remembers) == before
    with changed(acme, "dram", "trp=34", "trp=1000, tras=2500, trcd=1500"):
        slow = acme.simulate(*run, **remembers)
        assert slow == acme.simulate(*run)
        assert slow["totals"]["latency_cycles"] > before["totals"]["latency_cycles"]
    assert acme.simulate(*run, **remembers) == before


def test_a_plug_in_that_is_broken_is_refused_where_it_is_asked_for_alone(acme):
    with changed(acme, "passes", "import msgspec\n", "import no_such_package\n"):
        (record,) = [
            one
            for one in json.loads(acme.run("lw3dsim", "list", "--format", "json").stdout)["plugins"]
            if one["problem"]
        ]
        assert record["name"] == "narrow"
        assert "no_such_package" in record["problem"]
        (line,) = [line for line in acme.run("lw3dsim", "list").stdout.splitlines() if "narrow" in line]
        assert "can't be used, acme_video.passes:Narrow: ModuleNotFoundError" in line
        refused = acme.run("lw3dsim", "show", "acme_net", "--transform", "narrow", code=2).stderr
        assert refused.count("\n") == 1
        for word in ("'narrow'", "acme-video 1.0", "acme_video.passes:Narrow", "no_such_package"):
            assert word in refused
        assert acme.simulate("acme_net", "--transform", "fsb")["totals"]["latency_cycles"] > 0


def test_it_keeps_its_contracts(acme):
    contracts = acme.folder / "acme_video" / "test_acme_video.py"
    run = acme.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(contracts))
    assert "passed" in run.stdout


def test_a_study_whose_plug_in_is_gone_says_so(acme):
    (acme.outside / "mine.yaml").write_text(SPACE.replace(", transform: narrow", ""))
    acme.pip("--python", str(acme.bin / "python"), "uninstall", "-y", "acme-video")
    refused = acme.run("lw3dsim", "dse", "front", "mine.yaml", "--storage", "mine.journal", code=2).stderr
    assert "unknown DRAM preset 'acme-3200-x32'" in refused
    assert refused.endswith("; or is a plug-in missing?\n")
    assert refused.count("\n") == 1
