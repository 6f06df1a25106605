"""Shared fixtures and builders."""

from __future__ import annotations

import os

# Several workers share the cores already; set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Hundreds of short processes are started; each would compile what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Tests search.
os.environ["LW3DSIM_MAPPING_CACHE"] = "0"

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from lw3dsim.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result as CliResult

sys.dont_write_bytecode = False

# A package of a third party, whose tests run where it is installed.
collect_ignore = ["data"]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile before workers start, where that is to be done: each would do it for itself, at the same time."""
    from lw3dsim.base.kernels import CONTROLLER, ENGINE, MAPPER

    is_worker = hasattr(session.config, "workerinput")
    if not is_worker and not (ENGINE.is_cached and MAPPER.is_cached):
        import lw3dsim.explore.warm  # noqa: F401
    if not is_worker and not CONTROLLER.is_cached:
        compile_controller()


def compile_controller() -> None:
    """Replay one burst on the compiled memory controller."""
    import numpy as np

    from lw3dsim.base.kernels import CONTROLLER
    from lw3dsim.describe.dram_standards import DRAM_STANDARDS
    from lw3dsim.dram.replay import replay
    from lw3dsim.dram.trace import Trace

    CONTROLLER.load()
    one = Trace(name="one", addresses=np.zeros(1, dtype=np.int64), writes=np.zeros(1, dtype=np.bool_))
    replay(DRAM_STANDARDS["lpddr4-3200-x16"], one)


@pytest.fixture(autouse=True, scope="session")
def _compiled_engine() -> None:
    """Load what is compiled, so that no test is told about it, and none counts it."""
    import lw3dsim.explore.warm  # noqa: F401

    compile_controller()


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
