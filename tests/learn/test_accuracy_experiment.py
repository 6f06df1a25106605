"""Does the experiment on the paper's accuracy run, go on where it was, and fill its page?"""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="install lw3dsim[train] to run these tests")
pytest.importorskip("sklearn", reason="install lw3dsim[train] to run these tests")

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "accuracy"


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr("lw3dsim.learn.digits.HELD_OUT", {"validation": 20, "test": 30})
    return importlib.import_module("run"), importlib.import_module("page")


def test_it_trains_the_variants_goes_on_where_it_was_and_fills_its_page(modules, tmp_path, monkeypatch):
    run, page = modules
    run.run(run.SMOKE, tmp_path / "trainings", tmp_path)
    runs, rates = rows(tmp_path / "runs.csv"), rows(tmp_path / "rates.csv")
    assert [row["network"] for row in runs] == ["FastTRG", "FSB-C3D, norms"]
    assert len(rates) == 2 * len(runs) == len(rows(tmp_path / "curves.csv"))
    assert all(float(row["cpu_s"]) > 0 for row in runs)
    before = (tmp_path / "runs.csv").read_text()
    monkeypatch.setattr(run, "train", None)  # nothing is left to train
    run.run(run.SMOKE, tmp_path / "trainings", tmp_path)
    assert (tmp_path / "runs.csv").read_text() == before
    (tmp_path / "accuracy.md").write_text((FOLDER.parents[1] / "docs" / "accuracy.md").read_text())
    page.write(tmp_path, tmp_path)
    text = (tmp_path / "accuracy.md").read_text()
    assert "| FSB-C3D, norms | 64,196 | 1 |" in text
    assert "| SlowFSB | +1.8 | | | | 0 |" in text
    assert (tmp_path / "accuracy_table2.svg").read_text().count("<path d=") > 4


def test_the_page_says_what_the_results_say(modules):
    """The committed page is what its script makes of the committed results."""
    _, page = modules
    runs = page.read("runs")
    text = (FOLDER.parents[1] / "docs" / "accuracy.md").read_text()
    assert page.against_paper(runs) in text
    assert page.table([row for row in runs if row["table"] == "table2"]) in text


@pytest.mark.usefixtures("modules")
def test_every_case_is_a_network_of_twenty_classes():
    cases = importlib.import_module("cases")
    from lw3dsim.learn.source import check_classes
    from lw3dsim.transform.passes import apply_transforms

    networks = {case.name: apply_transforms(case.network((8, 16, 16)), case.transform) for case in cases.CASES}
    assert len(networks) == len(cases.CASES)
    for network in networks.values():
        check_classes(network, 20)
    assert not any(getattr(layer, "batch_norm", False) for layer in networks["FSB-C3D"].layers)
