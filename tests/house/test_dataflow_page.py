"""Is the page of dataflows what its script makes of it?"""

from __future__ import annotations

from pathlib import Path

from scripts import script


def test_the_tables_of_the_page_are_what_the_script_prints():
    root = Path(__file__).resolve().parents[2]
    assert script("dataflow_tables").page() == (root / "docs" / "dataflows.md").read_text(encoding="utf-8")
