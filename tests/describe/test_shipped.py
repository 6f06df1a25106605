"""Is what the build read in the shipped files what they hold?"""

from __future__ import annotations

import pytest

from lw3dsim.describe import source, yaml_nodes
from lw3dsim.describe.catalog import SHELVES, shipped_folder
from lw3dsim.describe.source import parse_yaml, read_text, write_read
from lw3dsim.describe.yaml_nodes import read_yaml

PATHS = sorted(path for name in SHELVES for path in shipped_folder(name).glob("*.yaml"))


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Ship what the build reads; return its files."""
    monkeypatch.setattr(source, "READ", tmp_path / "read")
    write_read(map(read_text, PATHS), source.READ)
    return sorted(source.READ.iterdir())


def refuse(*_):
    raise AssertionError("read anew")


@pytest.mark.usefixtures("shipped")
def test_what_was_read_before_is_what_a_text_holds(monkeypatch):
    anew = [read_yaml(read_text(path), "here.yaml") for path in PATHS]
    monkeypatch.setattr(yaml_nodes, "read_yaml", refuse)
    before = [parse_yaml(read_text(path), "here.yaml") for path in PATHS]
    assert before == anew
    assert [repr(one) for one in before] == [repr(one) for one in anew]


@pytest.mark.usefixtures("shipped")
def test_a_text_that_is_another_by_a_character_is_read_anew(monkeypatch):
    monkeypatch.setattr(yaml_nodes, "read_yaml", refuse)
    with pytest.raises(AssertionError, match="read anew"):
        parse_yaml(f"{read_text(PATHS[0])}#", "here.yaml")


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-9], lambda raw: raw.replace(b'"lines":[1,', b'"lines":['), lambda _: b""]
)
def test_what_is_damaged_is_read_anew(shipped, damage):
    texts = [read_text(path) for path in PATHS]
    anew = [read_yaml(text, "here.yaml") for text in texts]
    for file in shipped:
        file.write_bytes(damage(file.read_bytes()))
    assert [parse_yaml(text, "here.yaml") for text in texts] == anew
