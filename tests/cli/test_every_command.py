"""Does every command do its work from end to end? Short: it also runs on the oldest and the newest libraries."""

from __future__ import annotations

import csv
import io
import json
import shlex
from contextlib import chdir

import click
import pytest
from click.testing import CliRunner
from explore_helpers import NET, write_space

from lw3dsim.cli.main import main

# In an order in which each finds what it reads.
LINES = """
list
list --format json
schema
schema pe.acc_depth
schema workload
schema space
schema conv3d
show --arch edge_small
show --arch edge_small --set pe.rows=4 --format json
show --arch edge_small --format csv
new workload begun
new arch my_chip
new space searched
simulate begun.yaml --transform fsb --arch my_chip.yaml
algebra --help
train --help
score --help
algebra
show net.yaml
show net.yaml --format json
import net.yaml
import net.yaml --out written.yaml
export net.yaml --onnx net.onnx
simulate net.yaml --algorithm hfa --out run
simulate net.yaml --fusion auto --format csv
simulate net.yaml --fusion auto --accesses
simulate net.yaml --accesses --format csv
simulate net.yaml --engine simpy --format json
map net.yaml --save map.yaml
simulate net.yaml --mapping map.yaml --format json
trace net.yaml --fusion auto --out trace.json
trace net.yaml --layer a --banks --out trace.json.gz
compare net.yaml --html compare.html
compare net.yaml --case "a: --m1 1" --case "b: --m1 2" --format csv
explain net.yaml
execute net.yaml --algorithm hfa --format json
rtl check --help
rtl export --arch edge_small --out core
energy
energy --format json
dram --preset lpddr4-3200-x32 --trace trace.csv
report run
plot run --kind energy --out energy.pdf
plot run --kind timeline --out timeline.svg --width double
dse run space.yaml --trials 5 --sampler nsga2 --storage a.journal
dse run space.yaml --trials 8 --storage a.journal --resume --sampler nsga2
dse run space.yaml --trials 4 --sampler qmc --storage b.journal
dse run space.yaml --trials 4 --sampler tpe --storage sqlite:///c.db
dse status space.yaml --storage a.journal
dse front space.yaml --storage sqlite:///c.db
dse front space.yaml --storage a.journal --commands
dse prove space.yaml --storage a.journal --out space.proof --minutes 0 --format json
dse prove space.yaml --storage a.journal --out space.proof --resume
dse export space.yaml --storage a.journal --out points.csv
dse export space.yaml --storage a.journal --out points.parquet
dse report space.yaml --storage a.journal --out study.html
""".strip().splitlines()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Run all lines, one after the other, in one folder; return the folder and what each line printed."""
    folder = tmp_path_factory.mktemp("commands")
    write_space(folder)
    (folder / "net.yaml").write_text(NET)
    (folder / "trace.csv").write_text("addr_hex,op\n0,R\n40,W\n80,R\n")
    runner = CliRunner()
    with chdir(folder):
        return folder, {line: runner.invoke(main, shlex.split(line)) for line in LINES}


@pytest.mark.parametrize("line", LINES)
def test_a_command_runs_from_end_to_end(outputs, line):
    _, results = outputs
    result = results[line]
    assert (result.exit_code, result.exception) == (0, None), result.output
    assert result.stdout or "--out" in line or line.startswith(("dse run", "export", "trace", "new", "plot"))
    if line.endswith("--format json"):
        assert json.loads(result.stdout)
    if line.endswith("csv") and "--format" in line:
        heading, *rows = csv.reader(io.StringIO(result.stdout))
        assert rows
        assert {len(row) for row in rows} == {len(heading)}


def test_what_commands_write_is_there(outputs):
    folder, _ = outputs
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "run/result.json",
        "run/layers.csv",
        "run/energy.csv",
        "run/accesses.csv",
        "run/report.html",
        "run/closeups.json",
        "map.yaml",
        "trace.json",
        "trace.json.gz",
    } <= written
    assert {"compare.html", "points.csv", "points.parquet", "study.html", "space.proof"} <= written
    assert {"a.journal", "b.journal", "c.db"} <= written


def commands(group, context, before=()):
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, context, (*before, name))
        else:
            yield " ".join((*before, name))


def test_every_command_is_among_them():
    for name in commands(main, click.Context(main)):
        assert any(line == name or line.startswith(f"{name} ") for line in LINES), name
