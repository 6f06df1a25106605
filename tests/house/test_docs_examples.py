"""Do the examples of the documents work: commands run, Python runs and is typed?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest
from test_docs import README, ROOT, blocks, run

PYTHON = ROOT / "docs" / "python.md"
START = ROOT / "docs" / "start.md"
PLUGINS = ROOT / "tests" / "data" / "acme_video"
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["files"]


def commands(document):
    lines = [line.split("  #")[0].strip() for block in blocks(document, "sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("lw3dsim ")]


@pytest.mark.parametrize("line", commands(README))
def test_commands_of_the_readme_run(line):
    assert run(line)


@pytest.mark.parametrize("code", blocks(README, "python"))
def test_python_of_the_readme_runs(code):
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102  # our own example


def test_python_of_its_own_page_runs_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {}
    for code in blocks(PYTHON, "python"):
        exec(compile(code, "python.md", "exec"), known)  # noqa: S102  # our own example
    assert {"c3d.html", "compared.html", "c3d.map.yaml", "points.csv", "small.html"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_the_package_and_the_python_of_all_documents_are_typed(tmp_path):
    """One run of mypy: of what `make lint` checks, every block of the README by itself, those of a page in a row."""
    sources = {f"readme_{i}": code for i, code in enumerate(blocks(README, "python"))}
    for page in (ROOT / "docs").rglob("*.md"):
        if page.stem != "plugins" and (code := "\n".join(blocks(page, "python"))):
            sources[f"page_{page.stem}"] = code
    assert "page_python" in sources
    for name, code in sources.items():
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    # The blocks of the page on plug-ins are the files of this package.
    files = [*PACKAGE, *(str(tmp_path / f"{name}.py") for name in sources), str(PLUGINS)]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *files],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": str(PLUGINS)},
    )
    assert checked.returncode == 0, checked.stdout


def test_the_first_steps_can_be_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = re.findall(r"Save this as `(.+?)`", START.read_text(encoding="utf-8"))
    for name, text in zip(names, blocks(START, "yaml"), strict=True):
        (tmp_path / name).write_text(text, encoding="utf-8")
    lines = commands(START)
    assert len(lines) == 14
    for line in lines:
        run(line)
    assert (tmp_path / "tiny.html").exists()
