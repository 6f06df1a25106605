"""Are the documents true: do they name what there is, are their tables what the tool prints?

Regenerate the tables after a change of numbers: ``make tables`` (two minutes, most of them for the
reordering memory, whose table no test makes again).
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scripts import script
from test_dram import PRESET, figures, reference_traces
from test_plugin_docs import WORKLOADS, workloads_document

import lw3dsim
from lw3dsim import simulate
from lw3dsim.account.dram import DRAM_COMPONENTS
from lw3dsim.account.energy import COMPONENTS
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.base.parameters import declared_by
from lw3dsim.cli.main import main, option_of
from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.dram import in_order
from lw3dsim.dram.device import idle_device
from lw3dsim.dram.replay import replay
from lw3dsim.engine.causes import CAUSES
from lw3dsim.map.mapping_file import GroupEntry, LayerEntry, StageEntry
from lw3dsim.network.request import Request
from lw3dsim.transform.passes import PASSES

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
WINOGRAD = ROOT / "docs" / "winograd.md"
ENERGY = ROOT / "docs" / "energy.md"
DRAM = ROOT / "docs" / "dram.md"
LAYOUT = ROOT / "docs" / "layout.md"
MAPPING = ROOT / "docs" / "mapping.md"
TABLE = re.compile(r"(<!-- compare c3d -->\n).*?(\n- \*\*FSB)", re.DOTALL)


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def run(line):
    result = CliRunner().invoke(main, shlex.split(line)[1:])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_the_page_for_python_names_every_public_name_and_argument_with_its_option():
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert not [name for name in lw3dsim.__all__ if name not in text and not name.startswith("__")]
    assert not [name for name in lw3dsim.dse.__all__ if f"dse.{name}" not in text and name != "Space"]
    for line in re.findall(r"^\| (`.*)\|$", text.split("## Arguments")[1].split("Integers")[0], re.MULTILINE):
        names, _, options = line.split(" |")
        for name, option in zip(re.findall(r"`(\w+)`", names), re.findall(r"`(.+?)`", options), strict=False):
            assert option_of(name) == option
    assert not [each.name for each in declared_by(Request) if f"`{each.name}`" not in text]


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
    passes = (ROOT / "docs" / "passes.md").read_text(encoding="utf-8")
    timing = (ROOT / "docs" / "timing.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in passes for name in PASSES)
    assert all(f"`{name}`" in timing for name in CAUSES)
    for document in (README, *(ROOT / "docs").rglob("*.md")):
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


def tables_of(name):
    return script(name).tables()


def test_the_winograd_tables_are_what_the_script_prints():
    assert tables_of("winograd_tradeoffs") in WINOGRAD.read_text(encoding="utf-8")


def filled_in(document, tables):
    """Return the text of a document with its tables made anew."""
    text = document.read_text(encoding="utf-8")
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        text, found = pattern.subn(lambda m, table=table: f"{m[1]}\n{table}\n{m[2]}", text)
        assert found == 1, name
    return text


def energy_document():
    return filled_in(ENERGY, tables_of("energy_tables"))


def test_the_energy_tables_are_what_the_script_prints():
    assert energy_document() == ENERGY.read_text(encoding="utf-8")


def test_the_energy_document_names_every_component():
    text = ENERGY.read_text(encoding="utf-8")
    for name in COMPONENTS:
        family = next((part for part in ("_sram", "_transform") if name.endswith(part)), None)
        assert (f"`*{family}`" if family else f"`{name}`") in text


def clocks_in_order(preset, mapping, trace):
    """Return the clock of the last beat of a trace whose requests all come at clock 0."""
    arch = load_arch("edge_base", overrides=[f"dram.preset={preset}", f"dram.mapping={mapping}"])
    dram = make_clocks(arch).dram
    bursts = trace.addresses // dram.standard.burst_bytes
    begins = np.flatnonzero(np.concatenate(([True], (np.diff(bursts) != 1) | (np.diff(trace.writes) != 0))))
    counts = np.diff(np.append(begins, len(bursts)))
    device = idle_device(dram, INTERPRETED)
    runs = zip(bursts[begins].tolist(), counts.tolist(), trace.writes[begins].tolist(), strict=True)
    return max(in_order.serve(device, first, count, 0, int(write))[1] for first, count, write in runs)


def in_order_table():
    """Return the clocks in order of the reference traces, and their ratio to FR-FCFS."""
    reordered = {(row["config"], row["trace"]): int(row["cycles_last_data"]) for row in figures("dramsim3.csv")}
    configs = (
        ("DDR4", "row-bank-col", "DDR4_2400_x64_1rank"),
        ("DDR4", "row-bank-col-bankgroup", None),
        ("LPDDR4", "row-bank-col", "LPDDR4_3200_x32_RoBaCo"),
    )
    names = [f"{family}, `{mapping}`" + ("" if family == "DDR4" else " (x32)") for family, mapping, _ in configs]
    lines = ["| trace | " + " | ".join(f"{name} | over FR-FCFS" for name in names) + " |"]
    lines.append("|---" + "|---:|---:" * len(configs) + "|")
    labels = ("sequential read", "sequential write", "4 KiB stride", "read/write blocks", "random read")
    for label, (name, trace) in zip(labels, reference_traces().items(), strict=True):
        cells = []
        for family, mapping, config in configs:
            standard, clocks = DRAM_STANDARDS[PRESET[family]], clocks_in_order(PRESET[family], mapping, trace)
            reference = reordered[config, name] if config else replay(standard, trace, mapping).cycles
            cells += [f"{clocks:,}", f"{clocks / reference:.3f}x"]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


# Figures of a result by their heading.
FIGURES = {
    "ms": lambda r: f"{r.totals['latency_ms']:.2f}",
    "mJ": lambda r: f"{r.totals['energy_pj'] / 1e9:.2f}",
    "of it DRAM": lambda r: f"{sum(r.energy_breakdown_pj[name] for name in DRAM_COMPONENTS) / 1e9:.2f}",
    "DRAM MB": lambda r: f"{(r.totals['dram_read_bytes'] + r.totals['dram_write_bytes']) / 1e6:.1f}",
    "row hits": lambda r: f"{r.totals['row_hits']:,}",
    "misses": lambda r: f"{r.totals['row_misses']:,}",
    "conflicts": lambda r: f"{r.totals['row_conflicts']:,}",
    "activates": lambda r: f"{r.totals['dram_activates']:,}",
    "extra MB": lambda r: f"{r.totals['layout_extra_bytes'] / 1e6:.1f}",
}
FSB_HFA = {"transform": "fsb_c3d", "algorithm": "hfa"}
CASES = {"baseline": {}, "FSB": {"transform": "fsb_c3d"}, "FSB+hFA": FSB_HFA}


def network_table(label, runs, headings):
    """Return a table of C3D on the base design: ``runs`` maps labels to (case, values of ``dram`` fields)."""
    lines = [
        f"| {label} | " + " | ".join(headings) + " |",
        "|---" * (label.count("|") + 1) + "|---:" * len(headings) + "|",
    ]
    for name, (case, fields) in runs.items():
        result = simulate("c3d", overrides=[f"dram.{field}" for field in fields], **case)
        lines.append(f"| {name} | " + " | ".join(FIGURES[heading](result) for heading in headings) + " |")
    return "\n".join(lines)


def models_table():
    runs = {
        f"{name} | `{model}`": (CASES[name], [f"model={model}"])
        for name in ("baseline", "FSB+hFA")
        for model in ("plain", "in_order", "fr_fcfs")
    }
    headings = ("ms", "mJ", "of it DRAM", "row hits", "misses", "conflicts", "activates")
    return network_table("C3D | `dram.model`", runs, headings)


def dram_tables():
    """Return the tables of ``docs/dram.md``, but for the slow one."""
    groups = {
        f"`{preset}` | `{mapping}`": (FSB_HFA, [f"preset={preset}", f"mapping={mapping}"])
        for preset in ("ddr4-2400-x64", "lpddr5-6400-x16")
        for mapping in ("row-bank-col", "row-bank-col-bankgroup")
    }
    channels = {
        f"{width} | {count} | `{mapping}`": (
            FSB_HFA,
            [f"preset=lpddr4-3200-{width}", f"channels={count}", f"mapping={mapping}"],
        )
        for width, count, mapping in (
            ("x32", 1, "row-bank-col"),
            ("x16", 1, "row-bank-col"),
            ("x16", 2, "row-bank-col"),
            ("x32", 2, "row-bank-col"),
            ("x32", 2, "channel-row-bank-col"),
        )
    }
    return {
        "in order": in_order_table(),
        "bank groups": network_table("`dram.preset` | `dram.mapping`", groups, ("ms", "mJ", "row hits", "conflicts")),
        "channels": network_table("LPDDR4 | `dram.channels` | `dram.mapping`", channels, ("ms", "mJ", "of it DRAM")),
    }


def layouts_table():
    runs = {
        f"{name} | `{layout}`": (case, [f"layout={layout}"])
        for name, case in CASES.items()
        for layout in ("auto", "blocked", "cthw")
    }
    return {"layouts": network_table("C3D | `dram.layout`", runs, ("ms", "mJ", "DRAM MB", "extra MB"))}


def test_the_tables_of_the_dram_are_what_the_models_give():
    assert filled_in(DRAM, dram_tables()) == DRAM.read_text(encoding="utf-8")


def test_the_table_of_layouts_is_what_they_give():
    assert filled_in(LAYOUT, layouts_table()) == LAYOUT.read_text(encoding="utf-8")


def mapping_blocks(folder):
    """Return the example of ``docs/mapping.md``: the nest, the file, and the nest of the edited file."""
    show, save, again = (line for block in blocks(MAPPING, "sh") for line in block.splitlines())
    file = folder / "mapping.yaml"
    nest, _ = run(show), run(save.replace("mapping.yaml", str(file)))
    text = file.read_text(encoding="utf-8")
    assert json.loads(run(again.replace("mapping.yaml", f"{file} --format json")))["layers"]
    (tile,) = re.findall(r"With `(tile: {.*?})`", MAPPING.read_text(encoding="utf-8"))
    file.write_text(re.sub(r"tile: {.*}", tile, text), encoding="utf-8")
    edited = run(f"{show} --mapping {file}")
    assert edited != nest
    named = {"nest": ("text", nest), "file": ("yaml", text), "edited": ("text", edited)}
    return {name: f"```{language}\n{block.rstrip()}\n```" for name, (language, block) in named.items()}


def test_the_example_of_mappings_is_what_the_tool_prints(tmp_path):
    assert filled_in(MAPPING, mapping_blocks(tmp_path)) == MAPPING.read_text(encoding="utf-8")


def test_the_page_of_mappings_names_every_key():
    text = MAPPING.read_text(encoding="utf-8")
    for kind in (LayerEntry, GroupEntry, StageEntry):
        assert all(f"`{name}`" in text or f"`{name}: " in text for name in kind.__struct_fields__)


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
    DRAM.write_text(filled_in(DRAM, {**dram_tables(), "models": models_table()}), encoding="utf-8")
    LAYOUT.write_text(filled_in(LAYOUT, layouts_table()), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        MAPPING.write_text(filled_in(MAPPING, mapping_blocks(Path(folder))), encoding="utf-8")
    ENERGY.write_text(energy_document(), encoding="utf-8")
    WORKLOADS.write_text(workloads_document(), encoding="utf-8")
    winograd = {"tables": tables_of("winograd_tradeoffs"), "points": tables_of("winograd_points")}
    WINOGRAD.write_text(filled_in(WINOGRAD, winograd), encoding="utf-8")
    table = comparison()
    text = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda m: m[1] + table + "\n" + m[2], text), encoding="utf-8")
