"""Does the command line keep the contract that scripts rely on?"""

from __future__ import annotations

import csv
import inspect
import io
import json
import math
import os
import re
import shlex
import subprocess
import sys
from dataclasses import asdict

import pytest

from lw3dsim import execute, explain, load_workload, map_workload, simulate
from lw3dsim.cli.main import COMMANDS, main
from lw3dsim.comparison.compare import Case
from lw3dsim.network.objective import OBJECTIVES
from lw3dsim.network.request import Options, Request
from lw3dsim.network.units import MODES

TOTALS = {
    "latency_cycles", "latency_ms", "energy_pj", "macs", "executed_mults", "ideal_mults", "params", "dram_read_bytes",
    "dram_write_bytes", "compulsory_bytes", "sram_read_bytes", "sram_write_bytes", "utilization", "area_mm2",
    "clips_per_s", "edp_js", "average_power_mw", "peak_power_mw",
}  # fmt: skip
TOP = {
    "workload", "arch", "version", "config", "totals", "energy_breakdown_pj", "cycles_breakdown",
    "dram_bytes_breakdown", "layers",
}  # fmt: skip
SMALL = ("--input", "16x32x32")


def test_help_is_instant_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv=['lw3dsim','--help']\n"
        "from lw3dsim.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy={'numpy','pandas','plotly','optuna','simpy','msgspec','yaml','rich'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    # Of the processor, as others may work on this machine too.
    times = []
    for _ in range(5):
        before = os.times()
        subprocess.run([sys.executable, "-m", "lw3dsim", "--help"], check=True, capture_output=True)
        after = os.times()
        times.append(sum(after[2:4]) - sum(before[2:4]))
    assert min(times) < 0.3


def test_a_run_in_a_pipe_begins_without_what_it_does_not_ask_for():
    code = (
        "import os, sys; sys.argv=['lw3dsim','simulate','c3d','--input','16x32x32']\n"
        "from lw3dsim.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "asked={'rich.console','pandas','lw3dsim.network.fusion','lw3dsim.network.fixed','lw3dsim.engine.stream'}\n"
        "assert not asked & sys.modules.keys(), asked & sys.modules.keys()\n"
        "assert os.environ['OPENBLAS_NUM_THREADS'] == '1'"
    )
    plain = {name: value for name, value in os.environ.items() if name not in ("OPENBLAS_NUM_THREADS", "FORCE_COLOR")}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=plain)


def test_a_run_looks_through_its_objects_neither_on_its_way_nor_at_its_end():
    code = (
        "import gc, sys; sys.argv=['lw3dsim','simulate','c3d','--input','16x32x32']\n"
        "from lw3dsim.__main__ import run\n"
        "looks = []\n"
        "gc.callbacks.append(lambda phase, _: looks.append(phase))\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "gc.collect(0)\n"
        "assert looks == ['start', 'stop'], looks\n"
        "assert gc.get_freeze_count() > 10_000"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_an_interrupt_before_or_behind_a_command_is_one_word():
    code = (
        "import sys\n"
        "from lw3dsim.__main__ import run\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'lw3dsim.cli.main': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "run()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Aborted!\n")


def test_threads_of_blas_stay_as_asked_and_are_left_to_what_multiplies(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    main.get_command(None, "simulate")
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    main.get_command(None, "execute")
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_headings_are_bold_where_a_terminal_is_asked_for_and_the_text_is_the_same():
    command = [sys.executable, "-m", "lw3dsim", "show", "c3d"]
    plain = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR")}
    piped, styled = (
        subprocess.run(command, check=True, capture_output=True, text=True, env=plain | more).stdout
        for more in ({}, {"FORCE_COLOR": "1", "TERM": "xterm"})
    )
    assert "\x1b[1m" not in piped
    assert "\x1b[1m" in styled
    assert re.sub(r"\x1b\[[0-9;]*m", "", styled) == piped


def test_each_command_begins_as_the_list_of_commands_says():
    for name, about in COMMANDS.items():
        command = main.get_command(None, name)
        assert command.name == name
        assert command.help.splitlines()[0] == about


def test_options_offer_the_words_that_are_known():
    words = {"fusion": MODES, "objective": OBJECTIVES}
    shown = {option.name: option.metavar for option in main.get_command(None, "simulate").params}
    assert {name: shown[name] for name in words} == {name: f"[{'|'.join(each)}]" for name, each in words.items()}


@pytest.mark.parametrize("function", [simulate, execute, explain, map_workload, Case])
def test_what_is_not_said_means_the_same_everywhere(function):
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    asked = asdict(Options())
    assert defaults.items() >= {name: asked[name] for name in asked if name in defaults}.items()
    assert (
        asdict(Request(workload="c3d")).items()
        >= (asdict(Options()) | {"transform": (), "overrides": (), "dims": ()}).items()
    )


def test_list_names_everything(cli_json):
    names = cli_json("list", "--format", "json")
    assert {"c3d", "c3d_paper", "slowfast_r50_4x16", "slowfast_r50_8x8"} <= set(names["workloads"])
    assert {"edge_small", "edge_base", "edge_large", "edge_direct", "winograd3d"} <= set(names["archs"])
    variants = {"fsb", "trg", "slowdepth", "slowfsb", "fasttrg", "fastdepth", "fast3d", "fsb_c3d"}
    assert variants | {"depthwise_pointwise", "merge_bottlenecks"} == set(names["transforms"])
    assert names["algorithms"] == ["direct", "hfa", "winograd3d", "nested", "auto"]


def test_show_gives_layers_and_totals(cli, cli_json):
    record = cli_json("show", "c3d_paper", "--transform", "fsb_c3d", "--algorithm", "hfa", "--format", "json")
    assert record["totals"]["macs"] == sum(layer["macs"] for layer in record["layers"])
    assert record["layers"][1]["algorithm"] == "direct"
    rows = list(csv.DictReader(io.StringIO(cli("show", "c3d", "--format", "csv").stdout)))
    assert len(rows) == 16
    assert "38.497 G in convolutions" in cli("show", "c3d").stdout


def test_simulate_prints_json_alone(cli):
    result = cli("simulate", "c3d", *SMALL, "--transform", "fsb", "--algorithm", "hfa", "--format", "json")
    data = json.loads(result.stdout)
    assert data.keys() >= TOP
    assert data["totals"].keys() >= TOTALS
    assert set(data["dram_bytes_breakdown"]) == {"ifmap", "weight", "ofmap"}
    for layer in data["layers"]:
        assert layer.keys() >= {"name", "kind", "algorithm", "mapping", "energy_breakdown_pj", "cycles_breakdown"}
        assert layer.keys() >= TOTALS - {"area_mm2"}


def test_python_and_command_line_say_the_same(cli_json):
    shown = cli_json(
        "simulate",
        "c3d",
        *SMALL,
        "--m1",
        "2",
        "--m2",
        "2",
        "--algorithm",
        "hfa",
        "--set",
        "pe.rows=4",
        "--format",
        "json",
    )
    result = simulate("c3d", algorithm="hfa", m1=2, m2=2, input_size="16x32x32", overrides=["pe.rows=4"])
    assert json.loads(result.to_json()) == shown
    assert result.config.arch.pe.rows == 4
    assert result.config.arch.winograd.m1 == 2
    frame = result.layers
    assert list(frame["name"]) == [layer["name"] for layer in shown["layers"]]
    assert frame["latency_cycles"].sum() == result.totals["latency_cycles"]


def test_simulate_takes_files(cli_json, tmp_path):
    workload, arch = tmp_path / "net.yaml", tmp_path / "chip.yaml"
    workload.write_text(
        "name: net\ninputs: {x: {channels: 3, frames: 4, height: 8, width: 8}}\n"
        "layers:\n  - {name: a, kind: conv3d, out_channels: 5, kernel: [3, 3, 3], padding: [1, 1, 1]}\n"
    )
    arch.write_text(
        "name: chip\nclock_mhz: 100\npe: {rows: 2, cols: 2, mults_per_pe: 4}\n"
        "buffers: {ifmap_kib: 8, weight_kib: 8, ofmap_kib: 8}\n"
    )
    data = cli_json("simulate", str(workload), "--arch", str(arch), "--format", "json")
    assert (data["workload"], data["arch"]) == ("net", "chip")
    assert data["totals"]["macs"] == 5 * 3 * 27 * 4 * 64


def test_out_writes_a_result_that_report_reads(cli, tmp_path):
    folder = tmp_path / "run"
    saved = cli("simulate", "c3d", *SMALL, "--out", str(folder), "--format", "json")
    assert {path.name for path in folder.iterdir()} == {
        "result.json",
        "layers.csv",
        "energy.csv",
        "accesses.csv",
        "closeups.json",
        "report.html",
    }
    assert (folder / "result.json").read_text() == saved.stdout
    page = (folder / "report.html").read_text()
    (folder / "report.html").unlink()
    assert cli("report", str(folder)).exit_code == 0
    assert (folder / "report.html").read_text() == page
    other = tmp_path / "page.html"
    assert cli("report", str(folder / "result.json"), "--out", str(other)).exit_code == 0
    assert other.read_text() == page


def test_out_writes_energy_by_cause_that_sums_to_the_total(cli, tmp_path):
    saved = cli("simulate", "c3d", *SMALL, "--out", str(tmp_path), "--format", "json")
    with (tmp_path / "energy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    total = json.loads(saved.stdout)["totals"]["energy_pj"]
    assert math.fsum(float(row["energy_pj"]) for row in rows) == pytest.approx(total, rel=1e-12)


def test_energy_prints_unit_costs_with_sources(cli, cli_json):
    data = cli_json("energy", "--arch", "edge_small", "--set", "tech.node_nm=32", "--format", "json")
    assert (data["arch"], data["node_nm"]) == ("edge_small", 32)
    assert all(row["source"] for row in data["unit_costs"])
    table = cli("energy").stdout
    assert "CACTI 7" in table
    assert "Horowitz" in table
    assert "tech.node_nm" in cli("energy", "--set", "tech.node_nm=40").stderr


def test_compare_shows_both_arithmetic_families(cli_json):
    cases = ["--case", "horowitz:", "--case", "aladdin: --set tech.arithmetic=aladdin"]
    data = cli_json("compare", "c3d", *SMALL, *cases, "--format", "json")
    first, second = (case["result"] for case in data["cases"])
    assert first["totals"]["latency_cycles"] == second["totals"]["latency_cycles"]
    multipliers = [result["energy_breakdown_pj"]["multipliers"] for result in (first, second)]
    assert multipliers[1] / multipliers[0] == pytest.approx(4.56, rel=1e-3)


def test_compare_runs_the_four_cases_and_ratios_to_the_first(cli, cli_json, tmp_path):
    page = tmp_path / "compare.html"
    data = cli_json("compare", "c3d", *SMALL, "--html", str(page), "--format", "json")
    assert [case["name"] for case in data["cases"]] == ["baseline", "FSB", "FSB+hFA", "3D Winograd"]
    assert data["cases"][0]["ratios"]["latency_cycles"] == 1
    base, fsb = (data["cases"][i]["result"]["totals"]["energy_pj"] for i in (0, 1))
    assert data["cases"][1]["ratios"]["energy_pj"] == fsb / base
    assert 20_000 < page.stat().st_size < 400_000
    table = cli("compare", "c3d", *SMALL).stdout
    assert "FSB+hFA" in table
    assert "x" in table


def test_compare_takes_cases_with_their_own_options(cli_json):
    data = cli_json(
        "compare", "c3d", *SMALL, "--set", "pe.rows=4", "--format", "json",
        "--case", "a: --arch edge_small", "--case", "b: --algorithm hfa --m2 2 --set pe.cols=2 --input 16x16x16",
    )  # fmt: skip
    first, second = (case["result"]["config"] for case in data["cases"])
    assert first["arch"]["name"] == "edge_small"
    assert first["arch"]["pe"]["rows"] == second["arch"]["pe"]["rows"] == 4
    assert second["arch"]["pe"]["cols"] == 2
    assert second["arch"]["winograd"]["m2"] == 2
    assert second["workload"]["inputs"]["clip"] == [3, 16, 16, 16]


def test_compare_gives_no_ratio_to_what_the_first_case_does_not_state(cli_json):
    bytes_only = "least: --fusion auto --objective dram_bytes_only"
    data = cli_json("compare", "c3d", *SMALL, "--format", "json", "--case", "plain:", "--case", bytes_only)
    first, second = data["cases"]
    assert "least_dram_bytes" not in first["ratios"]
    assert second["ratios"]["least_dram_bytes"] is None
    assert second["ratios"]["dram_bytes"] < 1


def test_a_case_is_what_simulate_gives_with_its_options(cli, cli_json, tmp_path):
    file = tmp_path / "a mapping.yaml"
    common = ("--transform", "fsb_c3d", "--algorithm", "hfa")
    fused = (*common, "--fusion", "auto", "--objective", "energy")
    assert cli("map", "c3d", *SMALL, *fused, "--save", str(file)).exit_code == 0
    cases = {"apart": common, "fused": fused, "read": (*common, "--mapping", str(file))}
    given = [word for name, case in cases.items() for word in ("--case", f"{name}: {shlex.join(case)}")]
    compared = cli_json("compare", "c3d", *SMALL, *given, "--format", "json")["cases"]
    assert [case["name"] for case in compared] == list(cases)
    for case in compared:
        alone = cli_json("simulate", "c3d", *SMALL, *cases[case["name"]], "--format", "json")
        assert case["result"] == alone
        assert (
            case["ratios"]["energy_pj"] == alone["totals"]["energy_pj"] / compared[0]["result"]["totals"]["energy_pj"]
        )
    apart, joint, again = (case["result"] for case in compared)
    assert joint["totals"]["energy_pj"] < apart["totals"]["energy_pj"]
    assert {layer["kind"] for layer in joint["layers"]} > {"fused"}
    assert again["layers"] == joint["layers"]


def test_a_case_whose_mapping_file_runs_direct_is_not_said_to_be_unable(cli, tmp_path):
    file = tmp_path / "direct.yaml"
    assert cli("map", "c3d", *SMALL, "--save", str(file)).exit_code == 0
    can_not = "no layer can run hfa here, all run direct"
    for case, is_said in ((f"--mapping {file}", False), ("--set pe.acc_depth=1 --set pe.mults_per_pe=1", True)):
        shown = cli("compare", "c3d", *SMALL, "--case", f"a: --algorithm hfa {case}")
        assert shown.exit_code == 0, shown.stderr
        assert (can_not in shown.stdout) == is_said


def test_a_pass_that_changes_nothing_is_said(cli):
    result = cli("show", "c3d", "--transform", "slowfsb")
    assert result.exit_code == 0
    assert "slowfsb changes no layer of c3d" in result.stderr


def test_a_loaded_workload_runs_like_its_name():
    network = load_workload("c3d", input_size="16x32x32")
    assert simulate(network).to_json() == simulate("c3d", input_size="16x32x32").to_json()


@pytest.mark.parametrize("algorithm", ["direct", "hfa", "winograd3d", "nested", "auto"])
def test_every_algorithm_runs(cli_json, algorithm):
    data = cli_json("simulate", "c3d", *SMALL, "--algorithm", algorithm, "--format", "json")
    kinds = {layer["algorithm"].split()[0] for layer in data["layers"]}
    if algorithm in ("winograd3d", "nested"):
        assert algorithm in kinds


def test_algebra_prints_matrices_counts_and_widths(cli, cli_json):
    record = cli_json("algebra", "--m", "4", "--r", "3", "--dims", "2", "--bits", "8", "--format", "json")
    expected = {"mults": 36, "direct_macs": 144, "data_ops": 144, "weight_ops": 72, "output_ops": 100}
    assert expected.items() <= record.items()
    assert (record["data_bits"], record["weight_bits"]) == (15, 14)
    assert record["BT"][0] == ["4", "0", "-5", "0", "1", "0"]
    assert "F(4x4, 3x3)" in cli("algebra", "--dims", "2").stdout
    assert cli("algebra", "--m", "9", "--r", "3").exit_code == 2
