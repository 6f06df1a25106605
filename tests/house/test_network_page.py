"""Is the page on the shipped networks whole, and are its tables what the script prints?"""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import script

from lw3dsim.describe.catalog import shipped_names

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables():
    return script("network_tables")


def test_every_shipped_network_is_on_the_page(tables):
    for name in shipped_names("workloads"):
        assert tables.described(name) in TEXT
        assert TEXT.count(f"\n| {name} |") == 1 + len(tables.Figures._fields)


# One of each kind, and those that are quick.
@pytest.mark.parametrize("network", ["movinet_a0", "r2plus1d_r18", "x3d_s"])
def test_the_tables_of_the_page_are_what_the_script_prints(tables, network):
    for figure in tables.Figures._fields:
        assert tables.costs(network, figure) in TEXT
