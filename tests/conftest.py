"""Shared fixtures and builders."""

from __future__ import annotations

import os

# Several workers share the cores already; set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Hundreds of short processes are started; each would compile what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Tests search.
os.environ["LW3DSIM_MAPPING_CACHE"] = "0"

import gc
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from click.testing import CliRunner
from longest import place

from lw3dsim.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result as CliResult

sys.dont_write_bytecode = False

# The suite says the same of the same code wherever it runs, and however long that takes there;
# ``--hypothesis-profile default`` draws anew each time.
ANYWHERE: dict[str, Any] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("default", **ANYWHERE)
hypothesis.settings.register_profile("same", derandomize=True, **ANYWHERE)
hypothesis.settings.load_profile("same")

# A package of a third party, whose tests run where it is installed.
collect_ignore = ["data"]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the kernels before workers start, where they are missing or their sources changed."""
    if hasattr(session.config, "workerinput") or os.environ.get("LW3DSIM_KERNELS"):
        return
    # In processes of their own: an extension that was loaded can't be loaded anew.
    asked = "from lw3dsim.base.native import extension as e; exit(bool(e().why))"
    if subprocess.run([sys.executable, "-c", asked], capture_output=True, check=False).returncode:
        subprocess.run([sys.executable, "-m", "lw3dsim.compiler"], check=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    items.sort(key=lambda item: place(item.path))


def pytest_collection_finish() -> None:
    """Set apart what is there till the end, tests and libraries: a tenth of a run went by looking through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: a test that waits leaves its core to another."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def cli() -> Callable[..., CliResult]:
    """Run the command line in this process."""

    def run(*args: str) -> CliResult:
        return CliRunner().invoke(main, list(args))

    return run


@pytest.fixture
def cli_json(cli: Callable[..., CliResult]) -> Callable[..., Any]:
    """Run the command line and parse what it prints on standard output."""

    def run(*args: str) -> Any:
        result = cli(*args)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return run
