"""Do small runs of all kinds give what they gave? ``golden.py`` says what moved figures ask for."""

from __future__ import annotations

import pytest
from golden import cases, figures

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["kind"])
def test_figures_are_what_they_were(case, tmp_path):
    assert figures(case, tmp_path) == case["figures"]
