"""Do the tables of fields and presets say what the code has?

Write them anew: ``make tables``.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from test_docs import DRAM, ROOT, filled_in

from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.dram.timing_rules import RULES

ACCELERATORS = ROOT / "docs" / "accelerators.md"

# Rows of the tables of presets: what is shown, of which fields or properties.
ORGANISATION = {
    "bus, bits": "bus_bits",
    "devices": "devices",
    "bank groups": "bank_groups",
    "banks, all groups": "banks",
    "rows of a bank": "rows",
    "columns of a row": "columns",
    "burst, beats": "burst_length",
    "burst, bytes": "burst_bytes",
    "row, bytes": lambda s: s.columns * s.bus_bits // 8,
    "row, bursts": lambda s: s.columns // s.burst_length,
    "clock, ps": "clock_ps",
    "beats a clock": "beats_per_clock",
    "burst on the bus, clocks": "burst_clocks",
    "peak, GB/s": "peak_gbps",
    "capacity, MiB": lambda s: s.capacity_bytes >> 20,
}
TIMINGS = {
    "CL": "cl",
    "CWL": "cwl",
    "tRCD": "trcd",
    "tRP": "trp",
    "tRAS": "tras",
    "tRC = tRAS + tRP": "trc",
    "tRRD_S": "trrd_s",
    "tRRD_L": "trrd_l",
    "tFAW": "tfaw",
    "tCCD_S": "tccd_s",
    "tCCD_L": "tccd_l",
    "tWTR_S": "twtr_s",
    "tWTR_L": "twtr_l",
    "tRTP": "trtp",
    "tWR": "twr",
    "read to write, beyond the burst": "turnaround",
    "burst in its bank group": "group_clocks",
    "before tWR": "recovery_clocks",
    "tPPD": "tppd",
    "tRFC, all banks": "trfc",
    "tREFI": "trefi",
    "tRFCpb": "trfc_pb",
    "tREFIpb": "trefi_pb",
    "per-bank refresh to activate": "tpbr2act",
    "tPBR2PBR": "tpbr2pbr",
    "banks of a per-bank refresh": "banks_per_refresh",
    "activate, clocks of the command bus": "activate_clocks",
    "ACT-1 to ACT-2, at most": "taad",
    "WCK kept after a burst": "wck_postamble_clocks",
}
CURRENTS = ("volts", "idd0", "idd2n", "idd3n", "idd4r", "idd4w", "idd5ab")


def cell(value: Any) -> str:
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}" if value.denominator > 1 else str(value.numerator)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def preset_table(rows):
    presets = " | ".join(f"`{name}`" for name in DRAM_STANDARDS)
    lines = [f"| | {presets} |", "|---" + "|---:" * len(DRAM_STANDARDS) + "|"]
    for label, what in rows.items():
        values = [what(s) if callable(what) else getattr(s, what) for s in DRAM_STANDARDS.values()]
        lines.append(f"| {label} | " + " | ".join(cell(value) if value else "" for value in values) + " |")
    return "\n".join(lines)


def currents_table():
    lines = ["| preset | rail | V | IDD0 | IDD2N | IDD3N | IDD4R | IDD4W | IDD5AB |", "|---|---:" + "|---:" * 7 + "|"]
    for name, standard in DRAM_STANDARDS.items():
        for number, rail in enumerate(standard.rails, start=1):
            values = " | ".join(f"{getattr(rail, field):g}" for field in CURRENTS)
            lines.append(f"| `{name}` | {number} | {values} |")
    return "\n".join(lines)


def rules_table():
    heading = "| after | wait | in the same | rule | " + " | ".join(f"`{name}`" for name in DRAM_STANDARDS) + " |"
    lines = [heading, "|---|---|---|---" + "|---:" * len(DRAM_STANDARDS) + "|"]
    for rule in RULES:
        clocks = " | ".join(str(rule.clocks(standard) or "") for standard in DRAM_STANDARDS.values())
        lines.append(f"| {rule.previous} | {rule.then} | {rule.scope} | {rule.name} | {clocks} |")
    return "\n".join(lines)


def preset_tables():
    return {
        "rules": rules_table(),
        "organisation": preset_table(ORGANISATION),
        "timings": preset_table(TIMINGS),
        "currents": currents_table(),
    }


def kind_of(field):
    """Return what values a field takes, in words."""
    choices = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    return " or ".join(map(words_of, choices))


def words_of(kind):
    """Return what values one of several kinds of values are, in words."""
    if "enum" in kind:
        return ", ".join(f"`{value}`" for value in kind["enum"])
    words = {"integer": "whole number", "number": "number", "string": "text"}[kind["type"]]
    low, high = kind.get("minimum"), kind.get("maximum")
    if "exclusiveMaximum" in kind:
        return f"{words}, {low:,} to below {kind['exclusiveMaximum']:,}"
    return words if low is None else f"{words}, {low:,} to {high:,}"


def default_of(field):
    if "default" not in field:
        return "must be given"
    return "none" if field["default"] in (None, "") else f"`{field['default']}`"


def fields_table():
    definitions = msgspec.json.schema(Accelerator)["$defs"]
    lines = ["| field | takes | default | is |", "|---|---|---|---|"]

    def add(section, prefix):
        for name, field in definitions[section]["properties"].items():
            if "$ref" in field:
                add(field["$ref"].rsplit("/", 1)[1], f"{name}.")
                continue
            meaning = field.get("description", "for the reader").replace("|", "\\|")
            lines.append(f"| `{prefix}{name}` | {kind_of(field)} | {default_of(field)} | {meaning} |")

    add("Accelerator", "")
    return "\n".join(lines)


def accelerator_tables():
    example = (ROOT / "arch_configs" / "edge_base.yaml").read_text(encoding="utf-8").rstrip()
    return {"example": f"```yaml\n{example}\n```", "fields": fields_table()}


DOCUMENTS = {ACCELERATORS: accelerator_tables, DRAM: preset_tables}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_the_tables_are_what_the_code_has(document):
    assert filled_in(document, DOCUMENTS[document]()) == document.read_text(encoding="utf-8")


if __name__ == "__main__":
    for path, tables in DOCUMENTS.items():
        path.write_text(filled_in(path, tables()), encoding="utf-8")
