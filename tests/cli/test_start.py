"""What a command imports: a start pays for every module, so none comes before it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# What answers are recalled, checked, laid out and accounted with; all else of these rooms finds them.
RECALLING = {
    "dram": {"power"},
    "engine": {"causes", "names"},
    "map": {"division", "fill", "floor", "layer", "layer.mapping", "layer.price", "words"},
    "possible": {"layer"},
    "schedule": {"work"},
}
FINDING = {"lw3dsim.account.tally", "lw3dsim.network.layer_candidates", "lw3dsim.network.tries"}

# What is asked for by other options, and by terminals.
OTHER = {
    "difflib", "json", "lw3dsim.importing.timeloop", "lw3dsim.network.cheapest", "lw3dsim.network.fixed",
    "lw3dsim.network.fusion", "lw3dsim.report.save", "numpy.typing", "pandas", "rich", "shutil", "yaml",
}  # fmt: skip


def imported(*arguments: str, home: os.PathLike[str] | str) -> set[str]:
    """Return the modules that a command has imported when it ends, run in a pipe with its caches in ``home``."""
    code = (
        "import sys\n"
        "from lw3dsim.cli.main import main\n"
        f"sys.argv = {['lw3dsim', *arguments]!r}\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    plain = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    plain |= {"LW3DSIM_CACHE_DIR": str(home), "LW3DSIM_MAPPING_CACHE": "1"}
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=plain)
    return set(ran.stderr.splitlines()[-1].split())


def finders(modules: set[str]) -> set[str]:
    """Return those of ``modules`` that find answers."""
    rooms = {
        module
        for room, needed in RECALLING.items()
        for module in modules
        if module.startswith(f"lw3dsim.{room}.") and module.removeprefix(f"lw3dsim.{room}.") not in needed
    }
    return rooms | modules & FINDING


@pytest.mark.parametrize("options", [(), ("--transform", "fsb_c3d", "--algorithm", "hfa")], ids=["direct", "hfa"])
def test_a_later_run_imports_nothing_that_maps_or_simulates(options, tmp_path):
    run = ("simulate", "c3d", "--input", "16x32x32", *options)
    first = imported(*run, home=tmp_path)
    assert finders(first) >= FINDING
    later = imported(*run, home=tmp_path)
    assert finders(later) == set()
    assert later & OTHER == set()


def test_a_run_of_layers_imports_nothing_of_groups(tmp_path):
    modules = imported("simulate", "c3d", "--input", "16x32x32", home=tmp_path)
    assert not {module for module in modules if module.startswith("lw3dsim.") and "group" in module}
