"""Is the page on plug-ins the package that is tested, and do the documents say of passes what their fields do?"""

from __future__ import annotations

import re
from pathlib import Path

from lw3dsim.base.plugins import Family
from lw3dsim.base.values import names_of
from lw3dsim.cli.list_command import _groups
from lw3dsim.describe.dram_standards import DramStandard, Rail
from lw3dsim.testing import __all__ as contracts
from lw3dsim.transform.fields import text_of
from lw3dsim.transform.passes import BUILTIN

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "develop" / "plugins.md").read_text(encoding="utf-8")
WORKLOADS = ROOT / "docs" / "workloads.md"
ACME = ROOT / "tests" / "data" / "acme_video"


def test_the_page_shows_the_files_of_the_package_as_they_are():
    shown = re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)```$", PAGE, re.MULTILINE | re.DOTALL)
    assert [name for name, text in shown if (ACME / name).read_text(encoding="utf-8") != text] == []
    assert {Path(name).suffix for name, _ in shown} == {".toml", ".py", ".yaml"}
    sources = {path.relative_to(ACME).as_posix() for path in ACME.rglob("*.py") if path.name != "__init__.py"}
    assert sources <= {name for name, _ in shown}


def test_the_page_names_every_group_contract_and_field():
    groups = [family.group for family in _groups().values() if isinstance(family, Family)]
    assert [group for group in groups if f"| `{group}` |" not in PAGE] == []
    assert [name for name in contracts if name not in PAGE] == []
    named = [name for kind in (DramStandard, Rail) for name in names_of(kind)]
    assert [name for name in named if f"`{name}`" not in PAGE] == []


def passes_table():
    """Return the passes with their arguments, as their classes say."""
    lines = ["| pass | what it does | arguments |", "|---|---|---|"]
    for kind in BUILTIN:
        arguments = [
            f"`{argument.name}{'=' if (default := text_of(argument.default)) else ''}{default}` {argument.about}"
            f" ({argument.allowed})"
            for argument in kind.arguments()
        ]
        lines.append(f"| `{kind.name}` | {kind.about()} | {'; '.join(arguments)} |")
    return "\n".join(lines)


def workloads_document():
    """Return the page on workloads with the table of passes made anew."""
    text, found = re.subn(
        r"(<!-- passes -->\n\n).*?(\n\n<!-- end -->)",
        lambda match: match[1] + passes_table() + match[2],
        WORKLOADS.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    assert found == 1
    return text


def test_the_table_of_passes_is_what_their_classes_say():
    assert workloads_document() == WORKLOADS.read_text(encoding="utf-8")
