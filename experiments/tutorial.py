"""Run the cells of docs/tutorial.ipynb and write docs/tutorial.md with what they show, and the pictures that they save.

``python experiments/tutorial.py``. Cells run as a notebook runs them: the value of the last expression is shown.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTEBOOK, PAGE = DOCS / "tutorial.ipynb", DOCS / "tutorial.md"

# Pictures that the last cell saves, and the call that shows the same in a notebook.
PICTURES = {
    "result.plot.accesses()": "accesses.svg",
    "result.plot.timeline()": "timeline.svg",
    "comparison.plot.energy()": "energy.svg",
    "study.plot.front()": "front.svg",
}


def cells() -> list[tuple[str, str]]:
    """Return kind and text of every cell."""
    data = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [(cell["cell_type"], "".join(cell["source"])) for cell in data["cells"]]


def shown(source: str, names: dict[str, Any]) -> Any:
    """Run a cell and return the value of its last expression, None where it ends otherwise."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, NOTEBOOK.name, "exec"), names)  # noqa: S102  # our own notebook
    return eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names) if last else None  # noqa: S307  # likewise


def run() -> list[tuple[str, str, Any]]:
    """Return kind and text of every cell, and what it shows, in the folder that the process is in."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [(kind, text, shown(text, names) if kind == "code" else None) for kind, text in cells()]


def page(ran: list[tuple[str, str, Any]]) -> str:
    """Return the tutorial as a document."""
    parts = []
    for kind, text, value in ran:
        if kind == "markdown":
            parts.append(text)
            continue
        parts.append(f"```py\n{text}\n```")
        if text in PICTURES:
            parts.append(f"![{text}](tutorial_{PICTURES[text]})")
        elif value is not None:
            parts.append(f"```text\n{value}\n```")
    note = "The same as a notebook: [tutorial.ipynb](tutorial.ipynb). <!-- made by experiments/tutorial.py -->"
    parts.insert(1, note)
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write the page and its pictures."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        text = page(run())
        for name in PICTURES.values():
            (DOCS / f"tutorial_{name}").write_bytes(Path(name).read_bytes())
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "120")
    main()
