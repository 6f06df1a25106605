"""Does a core in Verilog do what the simulator says, in every cycle and value?"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from core_blocks import drawn_block_group, drawn_store_group
from core_groups import drawn_group, drawn_kept_group, drawn_pool_group
from cores import MACHINES, arch_of, counted, differences, drawn_subject, of_single_banks, subject_of
from exports import exported, linted, unsynthesizable
from hypothesis import given
from hypothesis import strategies as st
from paper import conv, tiles

from lw3dsim.algebra.winograd import signed_bits
from lw3dsim.base.values import replace
from lw3dsim.cli.main import main
from lw3dsim.errors import InputError
from lw3dsim.network.pipeline import map_prepared, prepare
from lw3dsim.network.request import Options, make_request
from lw3dsim.rtl import check_core, tensors
from lw3dsim.rtl.build import Log, run, written
from lw3dsim.rtl.check import chosen, compare
from lw3dsim.rtl.covered import refusal
from lw3dsim.rtl.design import make_core
from lw3dsim.rtl.expected import expected
from lw3dsim.rtl.export import file_names, top_name
from lw3dsim.rtl.programs import make_program, unfit
from lw3dsim.rtl.subject import drawn

TINY = """
name: tiny
inputs:
  clip: {channels: 3, frames: 4, height: 8, width: 8}
layers:
  - {name: stem, kind: conv3d, inputs: [clip], out_channels: 8, kernel: [3, 3, 3], padding: [1, 1, 1], activation: relu}
  - {name: point, kind: conv3d, inputs: [stem], out_channels: 12, kernel: [1, 1, 1], bias: true}
  - {name: pool, kind: pool3d, inputs: [point], mode: max, kernel: [1, 2, 2]}
  - {name: squeeze, kind: pool3d, inputs: [pool], mode: avg, kernel: global}
  - {name: excite, kind: conv3d, inputs: [squeeze], out_channels: 12, kernel: [1, 1, 1], activation: sigmoid}
  - {name: gate, kind: gate, inputs: [pool, excite], activation: swish}
  - {name: soft, kind: softmax, inputs: [gate]}
"""
DONE = ["stem", "point", "pool", "squeeze", "excite", "gate"]
SMALL = ("pe.rows=4", "pe.cols=3", "pe.mults_per_pe=4", "pe.acc_depth=4", "pe.pipeline_stages=5", "vector_lanes=4")
PORTS = tuple(f"buffers.{name}_port_bytes=8" for name in ("ifmap", "weight", "ofmap"))

# How many are drawn of layers, of fused groups, of those that keep halos in rings, of those with layers of the vector
# unit, that add what is on chip, and that keep what is stored besides till it has left.
DRAWN = {
    drawn_subject: 20,
    drawn_group: 8,
    drawn_kept_group: 2,
    drawn_pool_group: 2,
    drawn_block_group: 6,
    drawn_store_group: 4,
}


@pytest.mark.parametrize(("draw", "seed"), [(draw, seed) for draw, many in DRAWN.items() for seed in range(many)])
@pytest.mark.parametrize("name", MACHINES)
def test_a_core_is_equal_to_the_simulator(core_of, name, draw, seed):
    arch, core, bench = core_of(name)
    assert not differences(draw(name, seed, arch), core, bench)


def test_what_is_taken_too_early_is_found(core_of):
    arch, core, bench = core_of("trees")
    subject = drawn_store_group("trees", 1, arch)
    program = make_program(subject, core)
    moved = [one._replace(cycle=0) if one.kind == "leaves" else one for one in program.happenings]
    early = replace(program, happenings=sorted(moved, key=lambda one: one.cycle))
    found = compare(subject, core, early, run(bench, early)).differences
    assert found
    assert all(re.fullmatch(r"\d+ of \d+ elements of x\d, stored: .*", text) for text in found)


def test_a_ring_that_is_too_short_is_found(core_of, monkeypatch):
    arch, core, bench = core_of("trees")
    whole = tensors.ring_of
    monkeypatch.setattr(tensors, "ring_of", lambda *of: whole(*of)._replace(size=whole(*of).size - 1))
    found = [differences(drawn_kept_group("trees", seed, arch), core, bench) for seed in range(4)]
    assert any("results of x" in text for texts in found for text in texts)


@pytest.mark.parametrize("draw", [drawn_subject, drawn_group, drawn_kept_group])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", MACHINES)
def test_a_core_stands_still_where_dma_has_the_only_port_of_a_buffer(core_of, name, seed, draw):
    arch, core, bench = core_of(name)
    subject = draw(name, seed, of_single_banks(seed, arch))
    assert len(subject.paused.cycles)
    assert not differences(subject, core, bench)


def test_a_pause_that_the_core_is_not_told_of_is_found(core_of):
    arch, core, bench = core_of("trees")
    subject = drawn_subject("trees", 1, of_single_banks(1, arch))
    program = make_program(subject, core)
    told = [one for one in program.happenings if one.kind != "pause"]
    log = run(bench, replace(program, happenings=told))
    assert compare(subject, core, program, log).differences


@pytest.mark.parametrize("dilation", [(1, 2, 2), (3, 1, 2), (2, 3, 3)])
@pytest.mark.parametrize("most", [(1, 1, 1), (2, 1, 6), (7, 2, 1), (2, 7, 7), (7, 7, 2)])
def test_dilated_taps_are_found_in_tiles_of_few_frames_rows_and_columns(core_of, dilation, most):
    # As many outputs as fill what lies between taps, or fewer: then DMA leaves frames and rows out.
    arch, core, bench = core_of("trees")
    problem = conv(2, 3, (7, 7, 7), (3, 3, 3), arch, padding=(3, 3, 3), dilation=dilation)
    size = (min(made, out) for made, out in zip(most, problem.out, strict=True))
    subject = subject_of(problem, tiles(3, 2, *size), "none", arch)
    assert not differences(subject, core, bench)


def test_what_no_counters_walk_over_is_refused():
    arch = arch_of("trees")
    problem = conv(2, 3, (1, 9, 7), (1, 3, 1), arch, stride=(1, 2, 1), dilation=(1, 3, 1), padding=(0, 2, 0))
    subject = subject_of(problem, tiles(3, 2, 1, 4, 2), "none", arch)
    with pytest.raises(InputError, match="x has stride 1x2x1 and dilation 1x3x1, which leave what a round reads at"):
        make_program(subject, make_core(arch, [problem]))


def test_what_a_core_does_otherwise_is_told():
    arch = arch_of("trees")
    core = make_core(arch, [])
    problem = conv(2, 3, (2, 3, 3), (1, 1, 1), arch)
    subject = subject_of(problem, tiles(3, 2, 1, 3, 3), "none", arch)
    program = make_program(subject, core)
    nothing = Log(starts=[1], ends=[], drained=[], firsts=[], results=[], left=[], counts={})
    told = compare(subject, core, program, nothing).differences
    assert told[0] == "first product: of 1 steps, not 2"
    assert any("outputs are not written once" in text for text in told)


def command(*words):
    """Run lw3dsim."""
    return CliRunner().invoke(main, words)


def overrides(*settings):
    """The options that change an accelerator."""
    return [word for setting in settings for word in ("--set", setting)]


@pytest.fixture
def tiny(tmp_path):
    """A file of a small network."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return str(path)


def test_layers_are_checked_from_the_command_line(folder, tiny):
    done = command(
        "rtl", "check", tiny, "--arch", "edge_small", *overrides(*SMALL, *PORTS), "--build", str(folder),
        "--format", "json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["equal"]
    assert [layer["name"] for layer in result["layers"]] == DONE
    assert all(layer["core_cycles"] == layer["drained_cycles"] > 0 for layer in result["layers"])
    pooled = 12 * 4 * 4 * 4
    assert [layer["outputs"] for layer in result["layers"]] == [8 * 4 * 8 * 8, 12 * 4 * 8 * 8, pooled, 12, 12, pooled]
    assert result["refused"] == ["soft is of kind softmax: a core has no powers and no roots"]


def test_a_layer_inside_a_group_stands_for_the_group():
    prepared = prepare(make_request("slowfast_small", Options(arch="edge_small", fusion="auto", objective="energy")))
    units = map_prepared(prepared)
    groups = [unit for unit in units if len(unit.layers) > 1 and not refusal(unit, prepared.design)]
    assert groups
    assert all(chosen(units, [layer.name], prepared)[0] == [one] for one in groups for layer in one.layers)


@pytest.mark.parametrize(("activations", "weights"), [(8, 4), (8, 16), (4, 8), (16, 8)])
def test_operands_are_drawn_in_the_widths_of_the_accelerator(tiny, activations, weights):
    widths = f"precision.activation_bits={activations}", f"precision.weight_bits={weights}"
    prepared = prepare(make_request(tiny, Options(arch="edge_small", overrides=widths)))
    (unit,), _ = chosen(map_prepared(prepared), ["point"], prepared)
    subject = drawn(prepared.network, unit, prepared.design, 0, "auto")
    operands = subject.sources[0], subject.computation.weights
    assert [signed_bits(int(abs(values).max())) for values in operands] == [activations, weights]


def test_weights_of_other_widths_are_checked(folder, tiny):
    bits = overrides(*SMALL, *PORTS, "precision.weight_bits=5")
    done = command("rtl", "check", tiny, "--arch", "edge_small", *bits, "--layers", "point", "--build", str(folder))
    assert done.exit_code == 0, done.stdout + done.stderr


def test_a_layer_of_another_width_than_the_core_is_refused(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY.replace("bias: true", "bias: true, weight_bits: 6"))
    done = command("rtl", "check", str(path), "--arch", "edge_small", "--layers", "point")
    assert done.exit_code == 2
    assert "point has weights of 6 bits: those of a core have the 8 of its accelerator" in done.stderr


def test_a_layer_that_there_is_no_core_of_is_refused(tiny):
    done = command("rtl", "check", tiny, "--arch", "edge_small", "--layers", "soft")
    assert done.exit_code == 2
    assert "tiny: soft is of kind softmax" in done.stderr
    assert "--layers" in done.stderr


@pytest.mark.parametrize("command_of", [("check",), ("export", "--out", "core", "--workload")])
def test_several_clips_are_refused(tmp_path, monkeypatch, tiny, command_of):
    monkeypatch.chdir(tmp_path)
    done = command("rtl", *command_of, tiny, "--arch", "edge_small", "--batch", "2", "--layers", "point")
    assert done.exit_code == 2
    assert "tiny: point has several clips" in done.stderr
    assert not (tmp_path / "core").exists()


def test_partial_sums_of_another_width_than_the_core_are_told_of_the_layer():
    arch = arch_of("trees")
    narrow = conv(4, 3, (2, 3, 3), (1, 1, 1), arch)
    core = make_core(arch, [narrow, replace(narrow, accumulator_bits=40)])
    apart, whole = (subject_of(narrow, tiles(3, c, 1, 3, 3), "none", arch) for c in (2, 4))
    assert unfit(apart, core).startswith("keeps partial sums of 32 bits, this core of 40")
    assert unfit(whole, core) == ""


def test_a_dataflow_that_there_is_no_core_of_is_refused(tmp_path):
    out = tmp_path / "core"
    done = command("rtl", "export", "--arch", "edge_small", "--set", "pe.dataflow=weight_stationary", "--out", str(out))
    assert done.exit_code == 2
    assert "pe.dataflow = weight_stationary" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("precision.activation_bits=6", "buffers.ifmap_port_bytes = 64 does not hold a power of two of them"),
        ("buffers.ifmap_port_bytes=12", "buffers.ifmap_port_bytes = 12 does not hold a power of two of them"),
        ("precision.activation_bits=12", "precision.activation_bits = 12: a word of buffers.ifmap_port_bytes = 64"),
    ],
)
def test_activations_that_do_not_fill_a_word_are_refused(tmp_path, setting, told):
    out = tmp_path / "core"
    done = command("rtl", "export", "--arch", "edge_small", "--set", setting, "--out", str(out))
    assert done.exit_code == 2
    assert told in done.stderr
    assert not out.exists()


def test_files_that_are_not_ours_stay(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    done = command("rtl", "export", "--arch", "edge_small", "--out", str(tmp_path))
    assert done.exit_code == 2
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.usefixtures("folder")
def test_an_exported_core_is_clean(tmp_path):
    done = command("rtl", "export", "--arch", "edge_small", "--out", str(tmp_path))
    assert done.exit_code == 0, done.stderr
    page = (tmp_path / "README.md").read_text()
    assert all(path.stem in page or path.stem == "edge_small_core" for path in tmp_path.glob("*.sv"))
    assert linted(tmp_path, "edge_small_core") == ""


@pytest.mark.parametrize("name", ["temporal", "parts"])
def test_a_core_with_transforms_is_clean(core_of, name):
    _, core, bench = core_of(name)
    assert linted(bench.parent, "lw_core", core.parameters) == ""


@pytest.mark.usefixtures("folder")
def test_a_core_of_one_multiplier_a_pe_is_clean(tmp_path):
    # The quickest of the accelerators that are shipped; all of them: tests/exports_nightly.py.
    assert linted(tmp_path, exported("eyeriss_like", tmp_path)) == ""


def test_yosys_reads_an_exported_core(tmp_path):
    if shutil.which("yosys") is None:
        pytest.skip("there is no Yosys here")
    assert unsynthesizable(tmp_path, exported("edge_small", tmp_path, (*SMALL, *PORTS))) == ""


def test_a_folder_with_other_modules_is_refused(tmp_path):
    out = tmp_path / "core"
    assert command("rtl", "export", "--arch", "eyeriss_like", "--out", str(out)).exit_code == 0
    done = command("rtl", "export", "--arch", "edge_small", "--out", str(out))
    assert done.exit_code == 2
    assert "eyeriss_like_core.sv is no file of this core, and its Makefile would take it for one" in done.stderr
    assert not (out / "edge_small_core.sv").exists()
    assert command("rtl", "export", "--arch", "eyeriss_like", "--out", str(out)).exit_code == 0


def test_a_folder_with_another_core_of_the_same_name_is_refused(tmp_path):
    out = str(tmp_path / "core")
    assert command("rtl", "export", "--arch", "edge_small", "--out", out).exit_code == 0
    files = {path: path.read_bytes() for path in (tmp_path / "core").rglob("*") if path.is_file()}
    done = command("rtl", "export", "--arch", "edge_small", "--set", "pe.rows=4", "--out", out)
    assert done.exit_code == 2
    assert "edge_small_core.sv is there of another core (other parameters, other algorithms" in done.stderr
    assert all(path.read_bytes() == text for path, text in files.items())
    # The same core goes over itself, as one does that is half written.
    (tmp_path / "core" / "edge_small_core.sv").write_bytes(b"")
    assert command("rtl", "export", "--arch", "edge_small", "--out", out).exit_code == 0
    assert all(path.read_bytes() == text for path, text in files.items())


def test_a_program_that_is_run_ends_with_a_verdict(core_of, tmp_path):
    arch, core, bench = core_of("trees")
    subject = drawn_subject("trees", 1, of_single_banks(1, arch))
    lines = [*expected(subject, core, make_program(subject, core))]

    def verdict(changed):
        path = tmp_path / "program.txt"
        path.write_text(written(make_program(subject, core), changed))
        done = subprocess.run([bench, path, tmp_path / "log"], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.removeprefix(f"{path}: ")

    code, text = verdict(lines)
    assert (code, text.startswith("equal (")) == (0, True)
    for kind in ("start", "end", "drained", "result", "ifmap_words", "products"):
        number = max(i for i, line in enumerate(lines) if line.startswith(f"expect {kind} "))
        *words, last = lines[number].split()
        other = [*lines[:number], " ".join([*words, f"{int(last, 16) + 1:x}"]), *lines[number + 1 :]]
        code, text = verdict(other)
        assert (code, text.startswith(f"differs: {kind}")) == (1, True), text
    # What never comes differs, too.
    assert verdict([*lines, lines[0]])[0] == 1


def test_programs_go_with_a_core(tmp_path, tiny):
    done = command(
        "rtl", "export", "--arch", "edge_small", *overrides(*SMALL, *PORTS), "--workload", tiny, "--layers", "stem",
        "--out", str(tmp_path / "core"),
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    lines = (tmp_path / "core" / "programs" / "stem.txt").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert any(line.startswith("wave ") for line in lines)


def test_layers_are_checked_from_python(folder, tiny):
    options = Options(arch="edge_small", overrides=(*SMALL, *PORTS))
    # The core of the layers above, which is built.
    result = check_core(tiny, options, layers=DONE, folder=str(folder))
    assert result.equal
    assert [layer.name for layer in result.layers] == DONE
    for name in (["pint"], "pint"):
        with pytest.raises(InputError, match="has no layer pint"):
            check_core(tiny, options, layers=name)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--seed", "-1"), "--seed -1: expected a whole number from 0 to 4294967295"),
        (("--layers", ""), "layers: name at least one of tiny"),
        (("--layers", " , "), "layers: name at least one of tiny"),
        (("--layers", "stem,,point"), "a name between two commas is missing"),
        (("--layers", 'stem,"point'), "a double quote is not closed"),
        (("--layers", 'stem, "a, b"'), "layers: tiny has no layer a, b"),
    ],
)
def test_a_seed_and_a_choice_that_are_none_are_refused(tiny, words, told):
    done = command("rtl", "check", tiny, "--arch", "edge_small", *words)
    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("name", "module"), [("edge_small", "edge_small_core"), ("1chip", "_1chip_core"), ("pu\u00e9-2", "pu__2_core")]
)
def test_a_module_is_called_by_an_identifier(name, module):
    assert top_name(replace(arch_of("trees"), name=name)) == module


@given(st.lists(st.text(min_size=1, max_size=300), unique=True, max_size=8))
def test_programs_of_layers_with_odd_names_have_files_of_their_own(layers):
    names = file_names([*layers, "a b", "a_b", "A_b", "é" * 300, ".hid", "-rf", "../../stem"])
    assert len({name.casefold() for name in names}) == len(layers) + 7
    assert all(len(f"{name}.txt".encode()) <= 255 and name[0] not in ".-" and "/" not in name for name in names)
    assert file_names(["conv1", "res2.0.a"]) == ["conv1", "res2.0.a"]


def test_a_core_without_programs_says_what_runs_need(tmp_path):
    assert command("rtl", "export", "--arch", "edge_small", "--out", str(tmp_path)).exit_code == 0
    done = subprocess.run(["make", "-s", "run"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "export again with --workload" in done.stderr
    assert not (tmp_path / "obj").exists()


def test_a_bench_refuses_a_program_that_it_cannot_read(core_of, tmp_path):
    _, _, bench = core_of("trees")
    done = subprocess.run([bench, "programs/*.txt", tmp_path / "log"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "programs/*.txt: no program can be read here" in done.stderr


def test_equal_layers_are_counted():
    assert counted([(), ("end",), ()]) == "2 of 3 layers and groups are equal"


def test_buffers_of_one_bank_are_checked_from_the_command_line(folder, tiny):
    banks = [f"buffers.{name}_banks=1" for name in ("ifmap", "weight", "ofmap")]
    ask = (tiny, "--arch", "edge_small", *overrides(*SMALL, *PORTS, *banks), "--build", str(folder))
    done = command("rtl", "check", *ask, "--format", "json")
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["equal"]
    assert all(layer["core_cycles"] == layer["drained_cycles"] > 0 for layer in result["layers"])


# The layers above, and one beside them: their core is the same.
GAPS = f"""{TINY}  - {{name: gaps, kind: conv3d, inputs: [clip], out_channels: 3, kernel: [1, 3, 1],
     stride: [1, 3, 1], dilation: [1, 2, 1], padding: [0, 2, 0]}}
"""


def test_a_layer_that_no_counters_walk_over_is_named_beside_those_that_run(folder, tmp_path):
    path = tmp_path / "gaps.yaml"
    path.write_text(GAPS)
    ask = (str(path), "--arch", "edge_small", *overrides(*SMALL, *PORTS))
    done = command("rtl", "check", *ask, "--build", str(folder), "--format", "json")
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert [layer["name"] for layer in result["layers"]] == DONE
    assert result["refused"][-1].startswith("gaps has stride 1x3x1 and dilation 1x2x1, which leave what a round reads")
    done = command("rtl", "export", "--workload", *ask, "--out", str(tmp_path / "core"))
    assert done.exit_code == 0
    assert "no program: gaps has stride 1x3x1" in done.stderr


def test_room_is_reached_from_the_package():
    code = "import lw3dsim; lw3dsim.rtl.check_core"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.usefixtures("folder")
def test_a_build_that_can_not_be_made_is_refused_in_a_sentence(tmp_path, monkeypatch):
    asked = ("rtl", "check", "c3d_small", "--arch", "edge_small", "--layers", "fc4", "--input", "8x16x16")
    (tmp_path / "file").write_text("")
    said = command(*asked, "--build", str(tmp_path / "file" / "under"))
    assert said.exit_code == 2
    assert "cannot be written" in said.stderr
    monkeypatch.setenv("CXX", "no_such_compiler")
    said = command(*asked, "--build", str(tmp_path / "new"))
    assert said.exit_code == 2
    assert "no_such_compiler is not installed" in said.stderr
