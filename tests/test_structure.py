"""Does the house keep its own rules: imports run one way, each file is of a stage, files and functions stay short?"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lw3dsim"

# A stage imports itself and what stands before it.
ORDER = (
    "errors", "arguments", "caches", "parts", "native", "remembered", "algebra", "describe", "technology", "transform",
    "map", "schedule", "dram", "engine", "arithmetic", "account", "report", "possible", "layers", "objective", "fusion",
    "layouts", "fixed", "request", "pipeline", "execution", "mapped", "explore", "dse", "cli",
)  # fmt: skip
SOURCES = sorted(PACKAGE.rglob("*.py"))


def stage_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_stages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lw3dsim."):
            names.add(node.module.split(".")[1])
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lw3dsim.")}
    return names


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if stage_of(p) in ORDER], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_run_one_way(path):
    allowed = ORDER[: ORDER.index(stage_of(path)) + 1]
    assert imported_stages(path) <= set(allowed)


def test_every_file_belongs_to_a_stage():
    assert {stage_of(path) for path in SOURCES} == {*ORDER, "__init__", "__main__"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_short(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno <= 60, node.name
