"""Does the comparison of the samplers with the truth run, and do its tables and figures say what it found?"""

from __future__ import annotations

import subprocess
import sys

import pytest
from explore_helpers import ROOT, write_space
from scripts import script

from lw3dsim.explore.space_file import load_space
from lw3dsim.explore.study import read_study

SCRIPT = ROOT / "experiments" / "sampler_comparison.py"


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    from click.testing import CliRunner

    from lw3dsim.cli.main import main

    folder = tmp_path_factory.mktemp("comparison")
    space = write_space(folder)
    result = CliRunner().invoke(main, ["dse", "run", space, "--no-bounds", "--storage", str(folder / "study")])
    assert result.exit_code == 0, result.stderr
    return space, folder / "study"


def test_searches_in_a_complete_study_reach_the_truth(complete, tmp_path):
    space, storage = complete
    study = read_study(load_space(space), str(storage))
    comparison = script("sampler_comparison")
    for sampler in ("exhaustive", "random", "nsga2"):
        trace = comparison.search(study, sampler, 1, len(study.records))
        assert len(trace.curve) == len(study.records)
        assert list(trace.curve) == sorted(trace.curve)
        assert trace.curve[-1] == pytest.approx(1)
    half = comparison.search(study, "random", 1, 72)
    assert half.curve == comparison.search(study, "random", 1, 144).curve[:72]
    comparison.write_curves(tmp_path / "curves.csv", [half], 2)
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == 37


def test_the_script_prints_a_table_and_refuses_an_incomplete_study(complete, tmp_path):
    space, storage = complete
    arguments = [sys.executable, str(SCRIPT), space, "--storage", str(storage), "--seeds", "2", "--samplers"]
    done = subprocess.run([*arguments, "random,qmc", "--share", "0.3"], check=True, capture_output=True, text=True)
    assert done.stdout.count("| `random`") == 1
    assert "| 25% |" in done.stdout
    cut = tmp_path / "cut"
    cut.write_bytes(b"".join(storage.read_bytes().splitlines(keepends=True)[:20]))
    arguments[arguments.index("--storage") + 1] = str(cut)
    refused = subprocess.run([*arguments, "random"], check=False, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "is not complete" in refused.stderr


def test_charts_put_values_where_they_belong(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "experiments"))
    charts = script("charts")
    x, y = charts.Axis(title="a & b", low=1, high=100, is_log=True), charts.Axis(title="y", low=0, high=1)
    assert x.share(10) == pytest.approx(0.5)
    assert x.ticks() == [1, 2, 5, 10, 20, 50, 100]
    assert y.ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    series = [
        charts.Series(name="in", points=[(10, 0.5), (1000, 0.5)], colour="#123456"),
        charts.Series(name="line", points=[(1, 0), (100, 1)], colour="#654321", is_line=True),
    ]
    drawing = charts.chart("title", x, y, series)
    assert drawing.count('fill="#123456"') == 2
    assert 'stroke="#654321"' in drawing
