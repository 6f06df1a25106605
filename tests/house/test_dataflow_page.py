"""Is the page of dataflows what its script makes of it?"""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_the_tables_of_the_page_are_what_the_script_prints():
    root = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location("dataflow_tables", root / "experiments" / "dataflow_tables.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.page() == (root / "docs" / "dataflows.md").read_text(encoding="utf-8")
