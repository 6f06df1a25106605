"""Does the notebook run from its first cell to its last, and does its page show the same code?"""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
from plotly.graph_objects import Figure
from scripts import script

import lw3dsim


@pytest.fixture(scope="module")
def tutorial():
    return script("tutorial")


@pytest.fixture(scope="module")
def ran(tutorial, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder, tutorial.run()


def test_every_cell_runs_and_shows_what_a_notebook_can(ran, tutorial):
    folder, cells = ran
    shown = [(text, value) for kind, text, value in cells if kind == "code"]
    assert len(shown) > 10
    for text, value in shown:
        if text in tutorial.PICTURES:
            assert isinstance(value, Figure)
            assert json.loads(value.to_json())["data"]
        elif not isinstance(value, pd.DataFrame | pd.Series):
            assert value._repr_html_().startswith("<div>")  # the name that Jupyter asks for
            assert 1 < len(repr(value).splitlines()) < 12
    assert {*tutorial.PICTURES.values(), "c3d.html"} <= {path.name for path in folder.iterdir()}
    final = shown[-1][1]
    assert isinstance(final, lw3dsim.Result)


def test_the_notebook_is_one_that_programs_read(tutorial):
    data = json.loads(tutorial.NOTEBOOK.read_text(encoding="utf-8"))
    assert (data["nbformat"], data["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in data["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in data["cells"]:
        assert cell["cell_type"] in ("code", "markdown")
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)


def test_the_page_has_the_same_code_and_its_pictures(tutorial):
    page = tutorial.PAGE.read_text(encoding="utf-8")
    code = [text for kind, text in tutorial.cells() if kind == "code"]
    assert re.findall(r"```py\n(.*?)\n```", page, re.DOTALL) == code
    for text in (text for kind, text in tutorial.cells() if kind == "markdown"):
        assert text in page
    for name in tutorial.PICTURES.values():
        assert f"](tutorial_{name})" in page
        assert (tutorial.DOCS / f"tutorial_{name}").read_text().count("<svg") == 1
