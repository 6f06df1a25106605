"""The files of tests that take longest: they come first, so that no worker is left alone with one at the end."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

# Seconds of one core, or of waiting, the longest first; `pytest --durations=0` says which they are.
LONGEST = (
    "rtl/test_check.py",
    "engine/test_engines.py",
    "house/test_plugin_package.py",
    "house/test_kills.py",
    "explore/test_explore_shared.py",
    "explore/test_explore_cluster.py",
    "rtl/test_clips.py",
    "arithmetic/test_execution.py",
    "contract/test_contracts.py",
    "explore/test_proof.py",
    "network/test_invariants.py",
    "network/test_shipped_networks.py",
    "house/test_docs_examples.py",
    "explore/test_explore_runs.py",
    "map/test_fused_groups.py",
    "schedule/test_unrolled_groups.py",
    "rtl/test_shared.py",
    "map/test_group_search.py",
    "schedule/test_streams.py",
    "base/test_remembered.py",
    "network/test_laid_networks.py",
    "network/test_fans.py",
    "rtl/test_stored.py",
)
# By path, as it is asked for each test anew.
PLACES = {(TESTS / name): number for number, name in enumerate(LONGEST)}


def place(path):
    """Return where the tests of a file come: those of the same place stay in the order of their names."""
    return PLACES.get(path, len(LONGEST))
