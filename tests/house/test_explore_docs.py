"""Does the document on exploration do what it shows?"""

from __future__ import annotations

import re
import shlex

import pytest
from explore_helpers import ROOT
from test_docs import blocks

from lw3dsim.explore.metrics import METRICS
from lw3dsim.explore.point import RUN_FIELDS
from lw3dsim.explore.samplers import SAMPLERS
from lw3dsim.explore.space_file import parse_space

DOCUMENT = ROOT / "docs" / "exploration.md"


def test_its_space_is_one_and_its_commands_run(cli, tmp_path, monkeypatch):
    (text,) = blocks(DOCUMENT, "yaml")
    assert parse_space(text).size == 32
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_space.yaml").write_text(text)
    lines = [line for block in blocks(DOCUMENT, "sh") for line in block.splitlines() if line]
    assert len(lines) == 10
    for line in lines:
        result = cli(*shlex.split(line)[1:])
        assert result.exit_code == 0, (line, result.stderr)
    assert {"points.csv", "my_space.html", "other.journal", "results"} <= {path.name for path in tmp_path.iterdir()}


def test_it_names_every_metric_sampler_and_field_of_a_run():
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in (*METRICS, *SAMPLERS, *RUN_FIELDS):
        assert f"`{name}`" in text, name
    for name, kind in SAMPLERS.items():
        assert re.search(rf"\| `{name}` \|.*\| {kind.batch} \|", text), name


@pytest.mark.parametrize("name", ["tiles_and_pes", "edge_chip", "shared_chip", "memories", "accuracy"])
def test_every_shipped_space_has_its_findings(name):
    text = DOCUMENT.read_text(encoding="utf-8")
    assert f"### {name}" in text
    assert f"<!-- {name} -->\n\n" in text
