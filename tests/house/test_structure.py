"""Does the house keep its own rules: imports run one way, each file is of a stage, files and functions stay short?"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from longest import LONGEST, TESTS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lw3dsim"

# From the ground up: a room imports itself and the rooms on the lines before its own.
ARCHITECTURE = (ROOT / "docs" / "develop" / "architecture.md").read_text(encoding="utf-8")
TOWER = ARCHITECTURE.partition("<!-- tower -->\n```text\n")[2].partition("```")[0]
FLOORS = {room: floor for floor, line in enumerate(TOWER.split("\n")) for room in line.split()}

# Where files lie that documents name; the last two are those of the package that the page on plug-ins writes.
ACME = Path("tests", "data", "acme_video")
PLACES = (".", "lw3dsim", "tests", ACME, ACME / "acme_video" / "files")

SOURCES = sorted(PACKAGE.rglob("*.py"))
# What is asked of every source is asked folder by folder: a test of each would cost more than it does.
FOLDERS = sorted({path.parent for path in SOURCES})
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES}


@cache
def room_of(module: str) -> str:
    """Return the most particular room of the tower that a module is in; nothing for the package itself."""
    inside = module.replace(".", "/").removeprefix("lw3dsim").removeprefix("/")
    return max((room for room in FLOORS if f"{inside}/".startswith(f"{room}/")), key=len, default="")


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a source as a tree; not before a test asks, as every worker reads what tests there are."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(module: str) -> frozenset[str]:
    """Return the modules that one imports: at its start, later, or for its types alone."""
    names = set()
    for node in ast.walk(tree_of(MODULES[module])):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    below = {name for name in names if not any(other.startswith(f"{name}.") for other in names)}
    return frozenset(name for name in below if name in MODULES)


IN_ROOMS = [module for module in MODULES if room_of(module)]


@pytest.mark.parametrize("own", sorted({*map(room_of, IN_ROOMS)}))
def test_imports_run_down(own):
    for module in IN_ROOMS:
        if room_of(module) == own:
            for other in imported(module):
                assert room_of(other) == own or FLOORS[room_of(other)] < FLOORS[own], (module, other)


def test_no_circle_of_modules():
    left = {module: imported(module) for module in IN_ROOMS}
    while free := [module for module, needs in left.items() if not needs & left.keys()]:
        for module in free:
            del left[module]
    assert not left


def test_the_files_of_tests_that_come_first_are_there():
    assert all((TESTS / name).is_file() for name in LONGEST)
    assert len(set(LONGEST)) == len(LONGEST)


def test_every_file_is_in_a_room_of_the_tower():
    assert {module for module in MODULES if not room_of(module)} == {"lw3dsim", "lw3dsim.__main__"}


@pytest.mark.parametrize("document", sorted((ROOT / "docs" / "develop").glob("*.md")), ids=lambda path: path.stem)
def test_files_that_developers_are_told_of_are_there(document):
    named = re.findall(r"`([\w/.]+\.(?:py|md|yaml|jsonl))`", document.read_text(encoding="utf-8"))
    for name in named:
        assert any((ROOT / folder / name).exists() for folder in PLACES), name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_files_and_functions_stay_short(folder):
    for path in folder.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 50, (path, node.name)


def test_no_two_files_of_tests_have_one_name():
    names = sorted(path.name for path in (ROOT / "tests").rglob("test_*.py") if "data" not in path.parts)
    assert names == sorted(set(names)), "pytest imports a file by its name alone"
