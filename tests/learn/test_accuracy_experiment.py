"""Does the experiment on the paper's accuracy run, go on where it was, and fill its page?"""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="install lw3dsim[train] to run these tests")
pytest.importorskip("sklearn", reason="install lw3dsim[train] to run these tests")

from lw3dsim.learn.prediction import ADDED_DB

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "accuracy"


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr("lw3dsim.learn.digits.HELD_OUT", {"validation": 20, "test": 30})
    return tuple(importlib.import_module(name) for name in ("run", "agreement", "page"))


def test_it_trains_the_variants_goes_on_where_it_was_and_fills_its_page(modules, tmp_path, monkeypatch):
    run, agreement, page = modules
    run.run(run.SMOKE, tmp_path / "trainings", tmp_path)
    runs, rates = rows(tmp_path / "runs.csv"), rows(tmp_path / "rates.csv")
    assert [row["network"] for row in runs] == ["FastTRG", "FSB-C3D, norms"]
    assert len(rates) == 2 * len(runs) == len(rows(tmp_path / "curves.csv"))
    assert all(float(row["cpu_s"]) > 0 for row in runs)
    before = (tmp_path / "runs.csv").read_text()
    monkeypatch.setattr(run, "train", None)  # nothing is left to train
    run.run(run.SMOKE, tmp_path / "trainings", tmp_path)
    assert (tmp_path / "runs.csv").read_text() == before
    monkeypatch.setattr(agreement, "CLIPS", 20)
    monkeypatch.setattr(agreement, "MAPPED", 5)
    agreement.run(run.SMOKE, tmp_path / "trainings", tmp_path, agreement.ARITHMETICS[:2])
    answered = rows(tmp_path / "agreement.csv")
    assert [(row["network"], row["per"]) for row in answered[:2]] == [("FastTRG", "tap"), ("FastTRG", "tensor")]
    assert all(0 <= float(row["predicted+0"]) <= 1 for row in answered)
    assert len(answered) == len(rows(tmp_path / "estimates.csv")) == 2 * len(runs)
    for name in ("accuracy.md", "learning.md"):
        (tmp_path / name).write_text((FOLDER.parents[1] / "docs" / name).read_text())
    page.write(tmp_path, tmp_path)
    text = (tmp_path / "accuracy.md").read_text()
    assert "| FSB-C3D, norms | 64,196 | 1 |" in text
    assert "| SlowFSB | +1.8 | | | | 0 |" in text
    assert (tmp_path / "accuracy_table2.svg").read_text().count("<path d=") > 4


def test_the_page_says_what_the_results_say(modules):
    """The committed page is what its script makes of the committed results."""
    *_, page = modules
    runs, answered = page.read("runs"), page.read("agreement")
    text = (FOLDER.parents[1] / "docs" / "accuracy.md").read_text()
    assert page.against_paper(runs) in text
    assert page.predictions.networks_table(answered) in text
    assert page.predictions.bins_table(answered) in text
    learning = (FOLDER.parents[1] / "docs" / "learning.md").read_text()
    assert page.predictions.arithmetics_table(answered) in learning
    assert page.predictions.estimates_table(page.read("estimates")) in learning
    assert page.table([row for row in runs if row["table"] == "table2"]) in text


def test_what_is_added_to_the_noise_is_that_of_its_experiment(modules):
    *_, page = modules
    assert page.predictions.best_added(page.read("agreement")) == ADDED_DB


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
