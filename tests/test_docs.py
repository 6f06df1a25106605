"""Are the documents true: their commands run, their Python runs, the table in the README is what the tool prints?

Regenerate the tables after a change of numbers: ``python tests/test_docs.py``.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lw3dsim.account.energy import COMPONENTS
from lw3dsim.cli.main import main
from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.engine.attribution import CAUSES
from lw3dsim.transform.passes import PASSES

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
WINOGRAD = ROOT / "docs" / "winograd.md"
ENERGY = ROOT / "docs" / "energy.md"
TABLE = re.compile(r"(<!-- compare c3d -->\n).*?(\n- \*\*FSB)", re.DOTALL)


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def commands():
    lines = [line.split("  #")[0].strip() for block in blocks(README, "sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("lw3dsim ")]


def run(line):
    result = CliRunner().invoke(main, shlex.split(line)[1:])
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("line", commands())
def test_commands_of_the_readme_run(line):
    assert run(line)


@pytest.mark.parametrize("code", blocks(README, "python"))
def test_python_of_the_readme_runs(code):
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102  # our own example


def comparison():
    lines = [line.rstrip() for line in run("lw3dsim compare c3d").splitlines()]
    return "```text\n" + "\n".join(lines).strip() + "\n```"


def test_the_table_of_the_readme_is_what_the_tool_prints():
    assert comparison() in README.read_text(encoding="utf-8")


def test_the_example_workload_is_one():
    (text,) = blocks(ROOT / "docs" / "workloads.md", "yaml")
    network = parse_workload(text)
    assert network.shapes["join"].channels == 24
    assert network.layers[-1].name == "fc"


def test_documents_name_every_transform_cause_and_linked_file():
    model = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    timing = (ROOT / "docs" / "timing.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in model for name in PASSES)
    assert all(f"`{name}`" in timing for name in CAUSES)
    for document in (README, *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (document.parent / link).exists(), link


def test_fields_named_in_the_machine_exist():
    text = (ROOT / "docs" / "microarchitecture.md").read_text(encoding="utf-8")
    for section, field in re.findall(r"`(pe|winograd|transforms|buffers|dram|precision)\.([a-z0-9_]+)`", text):
        names = Accelerator.__annotations__
        assert section in names
        assert field in schema_fields(section), f"{section}.{field}"


def schema_fields(section):
    import msgspec

    definitions = msgspec.json.schema(Accelerator)["$defs"]
    return definitions[section.capitalize()]["properties"]


def tables_of(script):
    spec = importlib.util.spec_from_file_location(script, ROOT / "experiments" / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[script] = module
    spec.loader.exec_module(module)
    return module.tables()


def test_the_winograd_tables_are_what_the_script_prints():
    assert tables_of("winograd_tradeoffs") in WINOGRAD.read_text(encoding="utf-8")


def energy_document():
    text = ENERGY.read_text(encoding="utf-8")
    for name, table in tables_of("energy_tables").items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        text, found = pattern.subn(lambda m, table=table: f"{m[1]}\n{table}\n{m[2]}", text)
        assert found == 1, name
    return text


def test_the_energy_tables_are_what_the_script_prints():
    assert energy_document() == ENERGY.read_text(encoding="utf-8")


def test_the_energy_document_names_every_component():
    text = ENERGY.read_text(encoding="utf-8")
    for name in COMPONENTS:
        family = next((part for part in ("_sram", "_transform") if name.endswith(part)), None)
        assert (f"`*{family}`" if family else f"`{name}`") in text


def test_the_paper_tables_come_out_as_documented():
    command = [sys.executable, str(ROOT / "experiments" / "paper_tables.py"), "--format", "json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    ratios = {(row["table"], row["row"], row["column"]): row["ratio"] for row in rows}
    assert ratios["1", "baseline", "C3D"] == pytest.approx(1, abs=0.03)
    assert ratios["1", "FSB-only", "C3D"] == pytest.approx(1, abs=0.08)
    assert ratios["1", "FSB+hFA", "C3D"] == pytest.approx(1, abs=0.02)
    assert all(abs(ratio - 1) < 0.01 for (table, *_), ratio in ratios.items() if table == "4")
    assert all(row["note"] for row in rows if abs(row["ratio"] - 1) > 0.05)


if __name__ == "__main__":
    ENERGY.write_text(energy_document(), encoding="utf-8")
    text = WINOGRAD.read_text(encoding="utf-8")
    pattern = re.compile(r"(<!-- tables -->\n).*?(\n## What)", re.DOTALL)
    tables = pattern.sub(lambda m: f"{m[1]}\n{tables_of('winograd_tradeoffs')}\n{m[2]}", text)
    WINOGRAD.write_text(tables, encoding="utf-8")
    table = comparison()
    text = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda m: m[1] + table + "\n" + m[2], text), encoding="utf-8")
