"""Is the page on the shipped networks whole, and are its tables what the script prints?"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from lw3dsim.describe.catalog import shipped_names

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("network_tables", ROOT / "experiments" / "network_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_shipped_network_is_on_the_page(script):
    for name in shipped_names("workloads"):
        assert script.described(name) in TEXT
        assert TEXT.count(f"\n| {name} |") == 1 + len(script.Figures._fields)


# One of each kind, and those that are quick.
@pytest.mark.parametrize("network", ["movinet_a0", "r2plus1d_r18", "x3d_s"])
def test_the_tables_of_the_page_are_what_the_script_prints(script, network):
    for figure in script.Figures._fields:
        assert script.costs(network, figure) in TEXT
