"""Can files that `lw3dsim new` writes be used as they are, and do they tell of every field?"""

from __future__ import annotations

import pytest
from test_bad_input import refuse

import lw3dsim
from lw3dsim.base.values import replace
from lw3dsim.describe.beginnings import accelerator_fields, new_text
from lw3dsim.explore.space_file import parse_space


def test_a_new_accelerator_is_the_default_one_with_every_field_explained(tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    assert cli("new", "arch", "my-chip").exit_code == 0
    design = lw3dsim.load_arch("my-chip.yaml")
    shipped = lw3dsim.load_arch("edge_base")
    assert replace(design, name=shipped.name, description=shipped.description) == shipped
    text = (tmp_path / "my-chip.yaml").read_text()
    for field in accelerator_fields():
        assert f"{field.path.rpartition('.')[2]}: " in text
        assert field.meaning.split("; ")[0].split(":")[0].split()[0] in text
        assert len(field.meaning) > 5, field.path
    assert all(len(line) <= 112 for line in text.splitlines())


def test_a_new_workload_and_a_new_space_are_read(tmp_path):
    (tmp_path / "net.yaml").write_text(new_text("workload", "net"))
    network = lw3dsim.load_workload(tmp_path / "net.yaml", classes=3)
    assert [layer.name for layer in network.layers][1:4] == ["body.0.xy", "body.0.t", "body.0.sum"]
    assert parse_space(new_text("space", "searched")).size == 3 * 4 * 4 * 2


def test_what_is_there_stays_and_names_are_names(tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text("mine")
    refuse(cli("new", "workload", "net"), "net.yaml: is there already")
    refuse(cli("new", "arch", "a b"), "is no name")
    assert cli("new", "space", "s", "--out", "other.yaml").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.yaml", "other.yaml"]


@pytest.mark.parametrize("path", ["pe", "pe.acc_depth", "clock_mhz"])
def test_a_field_is_explained_in_a_table(path, cli):
    shown = cli("schema", path).stdout
    for field in accelerator_fields():
        is_asked = field.path == path or field.path.startswith(f"{path}.")
        assert (f"{field.path} " in shown) == is_asked
    refuse(cli("schema", "pe.acc_dept"), "did you mean 'pe.acc_depth'")
