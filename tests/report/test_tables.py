"""Are the tables whole: every number and id that is shown is the one of the JSON, in any width and in a pipe?"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import pty
import re
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.cli.main import main
from lw3dsim.comparison.compare import Comparison
from lw3dsim.report.terminal import Table, View, figures, laid_out, name, shortened, words
from lw3dsim.result.headlines import HEADLINES, ratio
from lw3dsim.result.records import Totals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WIDTHS = (60, 80, 100, 120, 200, None)
SMALL = ("--input", "16x32x32")
FUSED = ("simulate", "c3d", *SMALL, "--transform", "fsb_c3d", "--algorithm", "hfa", "--fusion", "auto")


class Shown:
    """A table of ``count`` rows read back from its text: headings and cells are told apart by two spaces."""

    def __init__(self, lines: list[str], first: str, count: int) -> None:
        at = next(i for i, line in enumerate(lines) if re.match(rf"{re.escape(first)}(  |$)", line.strip()))
        self.headings = re.split(r"  +", lines[at].strip())
        self.rows = lines[at + 1 : at + 1 + count]

    def column(self, heading: str) -> list[str]:
        """The last cells, for a column of numbers: counted from the right, where no cell is empty."""
        place = self.headings.index(heading) - len(self.headings)
        return [re.split(r"  +", row.strip())[place] for row in self.rows]


@pytest.fixture
def at_width(monkeypatch: pytest.MonkeyPatch, cli: Callable[..., object]) -> Callable[..., list[str]]:
    """Run a command as on a terminal of a width, or in a pipe, and return its lines."""

    def run(width: int | None, *arguments: str) -> list[str]:
        monkeypatch.setattr("lw3dsim.report.terminal.terminal_width", lambda: width)
        result = cli(*arguments)
        assert result.exit_code == 0, result.output  # type: ignore[attr-defined]
        return [line.rstrip() for line in result.stdout.splitlines()]  # type: ignore[attr-defined]

    return run


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    """A network of one pointwise layer, which FSB and hFA leave as it is."""
    file = tmp_path / "net.yaml"
    file.write_text(
        "name: net\ninputs: {clip: {channels: 8, frames: 4, height: 8, width: 8}}\nlayers:\n"
        "  - {name: space, kind: conv3d, out_channels: 8, kernel: [1, 1, 1]}\n",
        encoding="utf-8",
    )
    return file


def number(text: str) -> float:
    return float(text.replace(",", "").rstrip("%x"))


def is_shown(text: str, value: float) -> bool:
    """Whether ``value`` rounds to the number that is shown, at the digits that are shown."""
    digits = text.rstrip("%x")
    places = len(digits.partition(".")[2])
    shown = number(text)
    if "e" in digits:
        return shown == pytest.approx(value, rel=1e-3)
    return abs(shown - value) <= 0.5001 * 10**-places


FIGURES = {
    "kcycles": lambda layer, _: layer["latency_cycles"] / 1e3,
    "share": lambda layer, totals: 100 * layer["latency_cycles"] / totals["latency_cycles"],
    "energy uJ": lambda layer, _: layer["energy_pj"] / 1e6,
    "DRAM MB": lambda layer, _: (layer["dram_read_bytes"] + layer["dram_write_bytes"]) / 1e6,
    "x floor": lambda layer, _: (layer["dram_read_bytes"] + layer["dram_write_bytes"]) / layer["dram_floor_bytes"],
}


@pytest.fixture(scope="module")
def simulated() -> dict[str, object]:
    from click.testing import CliRunner

    return json.loads(CliRunner().invoke(main, [*FUSED, "--format", "json"]).stdout)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_of_a_layer_is_the_one_of_the_json(at_width, simulated, width):
    lines = at_width(width, *FUSED)
    table = Shown(lines, "layer", len(simulated["layers"]))
    seen = [heading for heading in FIGURES if heading in table.headings]
    assert {"kcycles", "share"} <= set(seen)
    for heading in seen:
        for text, layer in zip(table.column(heading), simulated["layers"], strict=True):
            assert is_shown(text, FIGURES[heading](layer, simulated["totals"]))
    # A name in a sentence is not broken, however long.
    assert not any(width and len(line) > width and " " in line for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_left_out_is_said_and_is_there_otherwise(at_width, width):
    lines = at_width(width, *FUSED)
    whole = Shown(at_width(None, *FUSED), "layer", 1).headings
    text = " ".join(lines)
    said = re.search(r"\(left out in (\d+) columns: (.*?); --wide", text)
    left = said[2].split(", ") if said else []
    assert sorted([*Shown(lines, "layer", 1).headings, *left]) == sorted(whole)
    assert Shown(at_width(width, *FUSED, "--wide"), "layer", 1).headings == whole
    if left:
        assert Shown(at_width(width, *FUSED, "--columns", left[0]), "layer", 1).headings == ["layer", left[0]]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_of_a_case_is_the_one_of_the_json(at_width, cli_json, width):
    cases = [word for m in "234" for word in ("--case", f"tile of {m}: --algorithm hfa --m1 {m}")]
    command = ("compare", "c3d", *SMALL, "--case", "direct:", *cases)
    data = cli_json(*command, "--format", "json")["cases"]
    lines = at_width(width, *command)
    for headline in HEADLINES:
        found = [line for line in lines if line.startswith(headline.heading + "  ")]
        texts = [text for line in found for text in line[len(headline.heading) :].split()]
        numbers = [text for text in texts if not text.endswith("x")]
        assert len(numbers) == len(data)
        for text, case in zip(numbers, data, strict=True):
            assert is_shown(text, headline.of(msgspec.convert(case["result"]["totals"], Totals)) * headline.scale)
        of_first = [
            ratio(
                headline.of(msgspec.convert(case["result"]["totals"], Totals)),
                headline.of(msgspec.convert(data[0]["result"]["totals"], Totals)),
            )
            for case in data[1:]
        ]
        assert [text for text in texts if text.endswith("x")] == [
            f"{value:.2f}x" for value in of_first if value is not None
        ]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_of_a_network_is_the_one_of_the_json(at_width, cli_json, width):
    command = ("show", "slowfast_r50_8x8", "--algorithm", "hfa")
    layers = cli_json(*command, "--format", "json")["layers"]
    table = Shown(at_width(width, *command), "layer", len(layers))
    shapes = "\n".join(table.rows)
    assert all(layer["output_shape"] in shapes for layer in layers)
    for row, layer in zip(table.rows, layers, strict=True):
        if layer["params"] and "params" in table.headings:
            assert f"{layer['params']:,}" in row.split()


@pytest.mark.parametrize("width", WIDTHS)
def test_every_change_of_a_field_is_the_one_of_the_json(at_width, cli_json, small_file, width):
    command = ("explain", str(small_file))
    rows = cli_json(*command, "--format", "json")["neighbours"]
    known = [row for row in rows if row["latency_ms"] is not None and is_other(row)]
    idle = [row for row in rows if row["latency_ms"] is not None and not is_other(row)]
    assert known
    assert idle
    table = Shown(at_width(width, *command), "field", len(known))
    for line, row in zip(table.rows, known, strict=True):
        # Names of dataflows are long: a narrow terminal shortens fields, and leaves out what was before.
        shown = dict(zip(table.headings, line.split(), strict=False))
        start, _, end = shown["field"].partition("…")
        assert row["field"].startswith(start)
        assert row["field"].endswith(end)
        assert shown["to"] == str(row["after"])
        assert shown.get("from", str(row["before"])) == str(row["before"])
        assert shown["latency"] == "=" or is_shown(shown["latency"], 100 * row["latency_change"])
    text = " ".join(" ".join(at_width(width, *command)).split())
    named = text[text.index("Nothing changes with ") :]
    for row in idle:
        assert f"{row['field']} " in named
        assert str(row["after"]) in named


def is_other(row):
    """Whether a neighbour differs in what the table shows."""
    return max(map(abs, (row["latency_change"], row["energy_change"]))) >= 1e-3 or abs(row["area_change_mm2"]) >= 5e-3


@pytest.mark.parametrize("width", WIDTHS)
def test_every_unit_cost_is_the_one_of_the_json(at_width, cli_json, width):
    rows = cli_json("energy", "--format", "json")["unit_costs"]
    table = Shown(at_width(width, "energy"), "component", len(rows))
    assert {"value", "unit"} <= set(table.headings)
    for line, row in zip(table.rows, rows, strict=True):
        assert number(re.split(r"  +", line.strip())[1]) == pytest.approx(row["value"], rel=5e-4)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_replayed_trace_and_an_algorithm_are_whole(at_width, cli_json, tmp_path, width):
    trace = tmp_path / "trace.csv"
    with gzip.open("tests/data/dram_random_read.csv.gz", "rt") as whole:
        trace.write_text("".join(itertools.islice(whole, 3000)))
    command = ("dram", "--preset", "ddr4-2400-x64", "--trace", str(trace))
    data = cli_json(*command, "--format", "json")
    text = "\n".join(at_width(width, *command))
    assert all(f"{data[key]:,}" in text for key in ("reads", "row_hits", "row_conflicts", "bytes", "cycles"))
    assert all(f"{energy / 1e3:,.1f}" in text for energy in data["energy_pj"].values())
    costs = cli_json("algebra", "--dims", "2", "--format", "json")
    rows = Shown(at_width(width, "algebra", "--dims", "2"), "transform", 3).rows
    for row, part in zip(rows, ("data", "weight", "output"), strict=True):
        assert row.split() == [part, *(str(costs[f"{part}_{key}"]) for key in ("ops", "ops_plain", "depth", "bits"))]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_mapping_is_whole(at_width, cli_json, monkeypatch, width):
    monkeypatch.setattr("lw3dsim.report.terminal.terminal_width", lambda: width)
    units = cli_json("map", "c3d", *SMALL, "--format", "json")["units"]
    text = "\n".join(at_width(width, "map", "c3d", *SMALL))
    assert all(f"{unit['latency_cycles']:,} cycles in" in text for unit in units)


@pytest.mark.parametrize(
    "command", [("compare", "--html"), ("simulate", "--out"), ("execute", "--out")], ids=lambda words: words[0]
)
def test_a_column_that_is_nowhere_is_refused_before_anything_is_written(cli, small_file, tmp_path, command):
    name, option = command
    before = sorted(tmp_path.rglob("*"))
    refused = cli(name, str(small_file), option, str(tmp_path / "new"), "--columns", "nowhere")
    assert refused.exit_code == 2
    assert "--columns 'nowhere': no column has this heading" in refused.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("columns", "term"), [*((columns, "xterm") for columns in ("", "20", "0", "-3", "many")), ("20", "dumb"), ("", "")]
)
def test_odd_terminals_and_widths_show_every_row(columns, term):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 20))
    environment = {**os.environ, "COLUMNS": columns, "TERM": term}
    command = [sys.executable, "-m", "lw3dsim", "show", "c3d"]
    process = subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=environment)
    os.close(theirs)
    text = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:
            break
        if not more:
            break
        text += more
    os.close(ours)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert b"4096x1x1x1" in text
    piped = subprocess.run(command, capture_output=True, env=environment, check=True).stdout
    assert b"ideal mults M" in piped


LABELS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)


@given(LABELS, st.integers(3, 50))
def test_a_name_is_cut_in_its_middle_and_no_number_with_it(text, width):
    from rich.cells import cell_len

    cut = shortened(text, width)
    assert cell_len(cut) <= max(width, cell_len("…"))
    if cut != text:
        head, _, tail = cut.partition("…")
        assert text.startswith(head)
        assert text.endswith(tail)
        assert not (head and head[-1].isdigit() and text[len(head)].isdigit())
        assert not (tail and tail[0].isdigit() and text[len(text) - len(tail) - 1].isdigit())


@given(st.lists(st.tuples(LABELS, st.integers(0, 10**12)), min_size=1, max_size=8, unique=True), st.integers(1, 80))
def test_no_width_cuts_a_number_or_makes_names_alike(rows, width):
    cells = [(text, f"{value:,}", f"{value}") for text, value in rows]
    table = Table(columns=(name("layer"), *figures("count"), *words("id")), rows=cells)
    lines = [line.text for line in laid_out(table, View(width=width))][1 : 1 + len(rows)]
    assert all(cell[1] in line for cell, line in zip(cells, lines, strict=True))
    assert len(set(lines)) == len(rows)


def test_columns_are_left_out_in_the_order_that_the_table_names():
    table = Table(
        columns=(*words("a"), *figures("bbbb", "cccc", "dddd")),
        rows=[("x", "1", "2", "3")],
        importance=("cccc", "dddd", "bbbb"),
    )
    headings = [laid_out(table, View(width=width))[0].text.split() for width in (40, 18, 13, 7, 1)]
    assert headings == [
        ["a", "bbbb", "cccc", "dddd"],
        ["a", "cccc", "dddd"],
        ["a", "cccc", "dddd"],
        ["a", "cccc"],
        ["a", "cccc"],
    ]


def test_a_wrong_column_and_a_column_of_no_table_are_refused(cli):
    assert "allowed: " in cli("show", "c3d", "--columns", "nope").stderr
    refused = cli("show", "c3d", "--columns", "params", "--format", "csv")
    assert refused.exit_code == 2
    assert "--columns is for the table" in refused.stderr
    # What names the cases has no heading to ask for.
    assert "allowed: baseline" in cli("compare", "c3d_small", "--columns", "nope", "--case", "baseline:").stderr


@pytest.mark.parametrize("command", ["list", "dse status tiles_and_pes", "dse prove tiles_and_pes"])
def test_what_prints_sentences_offers_no_columns(cli, command):
    refused = cli(*command.split(), "--columns", "name")
    assert refused.exit_code == 2
    assert "unknown option '--columns'" in refused.stderr


def test_ratios_to_zero_are_empty_everywhere(monkeypatch):
    assert ratio(3.0, 0) is None
    assert ratio(None, 3.0) is None
    rows = [{"case": "a", "arch": "x", "macs": 0}, {"case": "b", "arch": "x", "macs": 5}]
    comparison = Comparison(workload="w", names=("a", "b"), results=(), unchanged=())
    monkeypatch.setattr(Comparison, "rows", lambda _: rows)
    assert comparison.table["macs_ratio"].isna().all()
    assert "inf" not in comparison.table.to_csv()


def test_a_comparison_says_what_changes_nothing(cli, cli_json, small_file, tmp_path):
    page = tmp_path / "page.html"
    command = (
        "compare",
        str(small_file),
        "--html",
        str(page),
        "--case",
        "base:",
        "--case",
        "fast: --transform fsb --algorithm hfa",
    )
    notes = ["transform fsb changes no layer", "no layer can run hfa here, all run direct"]
    data = cli_json(*command, "--format", "json")
    (first, fast) = [case["notes"] for case in data["cases"]]
    assert first == []
    assert [note.startswith(start) for note, start in zip(fast, notes, strict=True)] == [True, True]
    shown = cli(*command).stdout
    assert all(f"fast: {note}" in shown for note in notes)
    assert all(note in page.read_text(encoding="utf-8") for note in notes)


def test_each_accelerator_that_is_named_is_a_case(cli, cli_json):
    archs = ("--arch", "edge_base", "--arch", "edge_small")
    small = ("compare", "c3d", *SMALL, "--format", "json")
    alone = cli_json(*small, *archs)["cases"]
    assert [(case["name"], case["result"]["arch"]) for case in alone] == [("edge_base",) * 2, ("edge_small",) * 2]
    crossed = cli_json(*small, *archs, "--case", "a:", "--case", "b: --arch edge_large")["cases"]
    assert [case["name"] for case in crossed] == ["a on edge_base", "a on edge_small", "b"]
    assert [case["result"]["arch"] for case in crossed] == ["edge_base", "edge_small", "edge_large"]
    assert "given twice" in cli(*small, "--arch", "edge_base", "--arch", "edge_base").stderr


def test_what_a_small_network_moves_is_no_zero(cli, cli_json, small_file):
    moved = sum(cli_json("simulate", str(small_file), "--format", "json")["dram_bytes_breakdown"].values())
    assert 0 < moved < 1e5
    assert f"{moved / 1e3:.2f} kB DRAM" in cli("simulate", str(small_file)).stdout
