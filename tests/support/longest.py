"""The files of tests that take longest: they come first, so that no worker is left alone with one at the end."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

# Seconds of one core, or of waiting, the longest first; `pytest --durations=0` says which they are.
LONGEST = (
    "rtl/test_check.py",
    "house/test_docs_examples.py",
    "network/test_invariants.py",
    "house/test_plugin_package.py",
    "explore/test_proof.py",
    "house/test_kills.py",
    "engine/test_engines.py",
    "explore/test_explore_shared.py",
    "network/test_shipped_networks.py",
    "explore/test_explore_cluster.py",
    "arithmetic/test_execution.py",
    "explore/test_explore_runs.py",
)


def place(path):
    """Return where the tests of a file come: those of the same place stay in the order of their names."""
    name = path.relative_to(TESTS).as_posix()
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)
