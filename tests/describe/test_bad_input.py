"""Is every wrong input answered by one sentence and exit code 2, and every odd but legal one by sane numbers?"""

from __future__ import annotations

import copy
import json
import os
import resource
import shlex
import stat
import subprocess
import sys
from types import SimpleNamespace

import pytest
from written import CONV, HEAD, POOL, net

from lw3dsim import simulate
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.source import parse_yaml
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.errors import InputError

SECOND = HEAD.replace("layers", "  b: {channels: 4, frames: 4, height: 8, width: 8}\nlayers")
SAMPLED = SECOND.replace("b: {", "b: {sample_of: clip, ")
BLOCK = "blocks:\n  b:\n    parameters: [n]\n    layers:\n"
BLOCK += "      - {name: x, kind: conv3d, out_channels: $n, kernel: [1, 1, 1]}\n"
ARCH = "name: mine\nclock_mhz: 500\npe: {rows: 8, cols: 1, mults_per_pe: 36}\n"
ARCH += "buffers: {ifmap_kib: 64, weight_kib: 64, ofmap_kib: 64}\n"
SMALL = ("--input", "16x32x32")


def use(more, parameter="$n"):
    """Return a workload that uses block b in line 5."""
    return net(f"name: s, block: b{more}", tail=BLOCK.replace("$n", parameter))


def conv(**changes):
    """Return a workload whose convolution, in line 5, differs from the good one; ... drops a key."""
    fields = {"name": "a", "kind": "conv3d", "out_channels": 8, "kernel": "[3, 3, 3]", "padding": "[1, 1, 1]"}
    return net(", ".join(f"{key}: {value}" for key, value in (fields | changes).items() if value is not ...))


def clip(**changes):
    """Return a workload whose input, in line 3, differs from the good one."""
    fields = {"channels": 4, "frames": 4, "height": 8, "width": 8} | changes
    text = ", ".join(f"{key}: {value}" for key, value in fields.items() if value is not ...)
    return net(CONV, head=f"name: t\ninputs:\n  clip: {{{text}}}\nlayers:\n")


def bomb(uses, last):
    """Return a workload whose blocks use each other seven deep."""
    inner = [f"{{name: x, block: b{i + 1}, {uses}}}" for i in range(6)] + [last]
    text = "".join(f"  b{i}: {{parameters: [p], layers: [{layer}]}}\n" for i, layer in enumerate(inner))
    return net("name: s, block: b0, with: {p: [1]}", tail=f"blocks:\n{text}")


def refuse(result, parts="", lines=1):
    """Assert that a run was refused by one sentence that holds ``parts``, separated by bars; return it."""
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    *before, line = result.stderr.strip("\n").splitlines()
    assert len(before) < lines, result.stderr
    assert line.startswith("Error: ")
    assert line.isprintable()
    assert not line.lower().endswith("allowed: ")
    assert not [nonsense for nonsense in ("  ", " : ") if nonsense in line]
    assert not [part for part in parts.split("|") if part not in line], line
    return line


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))


def alone(*args):
    """Run the command line in an own process that has 10 s and 3 GiB."""
    command = [sys.executable, "-m", "lw3dsim", *map(str, args)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False, preexec_fn=limit)
    return SimpleNamespace(exception=None, exit_code=run.returncode, stdout=run.stdout, stderr=run.stderr)


@pytest.fixture
def show(cli, tmp_path):
    path = tmp_path / "bad.yaml"
    return lambda text: (path.write_text(text, encoding="utf-8"), cli("show", str(path)))[1]


@pytest.fixture(scope="module")
def saved():
    return json.loads(simulate(parse_workload(net(CONV))).to_json())


# fmt: off
# Each row: what is given, and what the sentence must hold, separated by bars.
NAMES = [
    ("show ''", "''"), ("simulate c3d --arch edge_bas", "arch 'edge_bas'|did you mean 'edge_base'|edge_small"),
    ("simulate c3d --arch ''", "''"), ("show c3d --transform fbs", "transform 'fbs'|did you mean 'fsb'|slowdepth"),
    ("simulate c3d --input 16x32x32 --out ''", "''"), ("show c3d --transform fsb:alpha=nan", "above 0"),
    ("show c3d --transform fsb:middle=99999", "65536"), ("show c3d --transform fsb:middle=1//2", "64/128"),
    ("show c3d --transform fsb:alpha=0", "above 0"), (f"simulate c3d --arch {'n' * 300}", "nnn"),
    ("show c3", "workload 'c3'|did you mean 'c3d'|slowfast_r50_8x8"), ("show c3d --transform trg:layers=0", "from 1"),
    (f"report {'n' * 300}", "nnn"), ("show c3d --algorithm hf", "algorithm 'hf'|did you mean 'hfa'|winograd3d"),
    ("show c3d --transform fsb:alpa=1", "'alpa'|did you mean 'alpha'|middle"), (f"show {'n' * 300}", "nnn"),
    ("show c3d --transform slowfsb:alpha=1", "'alpha'|slowfsb"), ("show c3d --transform trg:layers=1.5", "such as 3"),
    ("simulate c3d --engine simp", "engine 'simp'|did you mean 'simpy'|fast"),
    ("show c3d --transform fsb:alpha=65", "64"), ("show c3d --transform fsb:alpha=", "0.5"),
]
OPTIONS = [
    ("simulat c3d", "'simulat'|did you mean 'simulate'|compare"), ("simulate c3d --m1 0", "--m1 0|1 to 8"),
    ("show c3d --classes 65537", "--classes 65537|1 to 65536"), ("simulate c3d --m2 9", "--m2 9|1 to 8"),
    ("show c3d --transfrom fsb", "option '--transfrom'|did you mean '--transform'|--algorithm"),
    ("simulate c3d --m1 x", "--m1|'x'|integer"),
    ("show", "WORKLOAD"),
]
SIZES = [
    "0x1x1", "1x1", "axbxc", "99999x1x1", "\uff11\uff16x9x9", "16x112x112x3", "-1x1x1", "1\nx2x3", "9" * 5000 + "x1x1",
    "",
]
LAUGHS = "a0: &a0 x\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 39))
FILES = [
    ("- a\n- b\n", "1|mapping"), ("hello\n", "1|mapping"), ("a:\n\t- b\n", "2|YAML"), ("name: &a [*a]\n", "1"),
    (use("b"), "5|block|'bb'|did you mean 'b'"), (net(CONV, tail="blocks:\n  b: {}\n"), "7|blocks.b|'layers'|missing"),
    ("", "1|empty"), (net("name: a, kind: add, inputs: [clip, b]", "name: b, kind: trg, inputs: a"), "5|a -> b -> a"),
    ("a: [1, 2\nb: }\n", "2|YAML"), (net(f"{POOL}: [2, 2, 2], padding: [2, 2, 2]"), "5|2x2x2|half|window 2x2x2"),
    (net(CONV, tail="---\na: 1\n"), "6|document"), (net(CONV, tail="parameters: {<<: {n: 4}}\n"), "6|parameters|<<"),
    ("name: " + "[" * 1000 + "]" * 1000, "1|40 levels"), (clip(framez=4), "3|inputs.clip.framez|did you mean 'frames'"),
    ("\n".join(" " * i + "a:" for i in range(1000)), "41|40 levels"), (use(", with: {n: 3}", "$m"), "10|$m|allowed: n"),
    (LAUGHS, "|aliases"), (net(CONV, head=SAMPLED.replace("clip,", "clp,")), "4|sample_of|'clp'|did you mean 'clip'"),
    (net(CONV, tail="name: z\n"), "6|name|twice"), ("1: 2\n" + net(CONV), "1|1|allowed: activation_bits, blocks"),
    ("[1, 2]: 2\n" + net(CONV), "1|key"), (net(CONV, "name: b, kind: add, inputs: [a, clip]"), "6|add|8x4x8x8|4x4x8x8"),
    (net(CONV, tail="layer: 3\n"), "6|layer|did you mean 'layers'"), (net(f"{POOL}: globl"), "5|kernel|'globl'|global"),
    (net("name: a, kind: conv3d, kernel: 1, out_channels: $n"), "5|unknown parameter $n; there are none"),
    ("'': 2\n" + net(CONV), "1|unknown key|allowed: activation_bits, blocks"),
    (use(", repeat: 0, with: {n: 3}"), "5|repeat|0|whole number from 1 to"),
    (HEAD.replace("layers:\n", ""), "1|'layers'|missing"), ("name: t\ninputs:\n  clip:\nlayers: []\n", "3|inputs.clip"),
    ("!!python/object:os.system\n" + net(CONV), "|python"), (HEAD.replace("layers:", "layers: []"), "3|clip|no layer"),
    (clip(**{"<<": "{frames: 4}"}), "3|inputs.clip|<<"), (use(", with: {n: 3, m: 4}"), "5|with|'m'|takes: n"),
    (clip(width=...), "3|inputs.clip|width"), (net(CONV, "name: a, block: b, with: {n: 3}", tail=BLOCK), "6|'a'|twice"),
    (net(CONV, head=SECOND), "3|'clip'|no layer reads"), (use(", with: {n: 0}"), "10|out_channels|0|from 1 to"),
    (net(CONV, CONV), "6|'a'|twice"), (net(CONV, tail="fsb_variant: fsb_c3\n"), "6|fsb_variant|did you mean 'fsb_c3d'"),
    (net(CONV, tail="weight_bits: 65\n"), "6|weight_bits|64"),
    (net(CONV, tail="activation_bits: 8.5\n"), "6|activation_bits|a whole number"),
    (net("name: clip, block: b, with: {n: 3}", tail=BLOCK), "5|'clip'|twice"), (use(""), "5|with|'n'|missing"),
    (net(f"{CONV}, stride: [2, 2, 2]", "name: b, kind: concat, inputs: [a, clip]"), "6|concat|8x2x4x4|4x4x8x8"),
    (net(f"{CONV}, inputs: clip", "name: z, kind: trg, inputs: b", head=SAMPLED), "4|inputs.b.channels = 4: |'clip'"),
    (net(CONV, head=HEAD.replace("la", "  b: {sample_of: clip, frame_stride: 5}\nla")), "4|frame_stride = 5: |the 4"),
    (clip(frame_stride=2), "3|inputs.clip.frame_stride = 2: |sample_of"),
    (use(", inputs: [clip, clip], with: {n: 3}"), "5|layers[0].inputs = ['clip', 'clip']: |one tensor"),
    (net("name: u, kind: upsample"), "5|neither scale nor size"),
    (net("name: u, kind: upsample, scale: 2, size: 8"), "5|scale 2x2x2 and size 8x8x8|drop one"),
    (net("name: p, kind: permute, order: [width, width, height, frames]"), "5|[width, width, height, frames]|once"),
    (net("name: r, kind: rearrange, sizes: [32, 32], order: [1, 1], shape: [4, 4, 8, 8]"), "5|[1, 1]|0 to 1 once"),
    (net(CONV, tail=BLOCK.replace("parameters", "parameterz")), "8|blocks.b.parameterz|did you mean 'parameters'"),
    (net("name: s, block: b", tail="blocks: {b: {layers: [{name: x, block: b}]}}\n"), "6|blocks.b|itself"),
]
CONVS = [  # one key of the convolution in line 5
    ("kernl", "[1, 1, 1]", "layers[0].kernl|did you mean 'kernel'"), ("inputs", "clipp", "'clipp'|did you mean 'clip'"),
    ("out_channels", ..., "layers[0]|'out_channels'|missing"), ("kernel", "[9, 9, 9]", "a|9x9x9|6x10x10"),
    ("groups", '!!int ""', "layers[0].groups"), ("name", "!!python/name:os.system a", "layers[0].name|python"),
    ("kind", ..., "layers[0]|'kind'"), ("name", ..., "layers[0]|'name'"), ("name", "''", "layers[0].name = '': |empty"),
    ("groups", 3, "groups = 3|4 input"), ("kernel", 3.0, "layers[0].kernel|3.0|[3, 3, 3]|for all"),
    ("out_channels", "$n", "out_channels|$n"),
    ("kind", "conv2d", "layers[0].kind|did you mean 'conv3d'|pool3d"), ("bias", "!!bool maybe", "layers[0].bias|maybe"),
    ("name", 5, "layers[0].name = 5: |text"), ("name", "clip", "'clip'|twice"),
    ("inputs", 3, "layers[0].inputs = 3: |tensor name"), ("inputs", "[]", "layers[0].inputs = []: |tensor name"),
    ("dilation", "[4, 1, 1]", "a|3x3x3 with dilation 4x1x1|6x10x10"),
    ("activation", "elu", "layers[0].activation|'elu'|did you mean 'relu'"),
    ("inputs", "[clip, clip]", "conv3d|one tensor"),
    ("kernel", "[3, 0, 3]", "layers[0].kernel[1]|0|from 1 to"),
    ("kernel", "[3, true, 3]", "layers[0].kernel[1]|True|a whole number"),
]
NUMBERS = {
    "0": "= 0", "x": "= 'x'",
    "-1": "= -1", "8.5": "= 8.5", ".nan": ".nan", ".inf": ".inf", "1e999": "1e999", "true": "True", "[1]": "= [1]",
    "65537": "= 65537", "1" + "0" * 30: "= 1000", "1" * 5000: "= 1111", "1.0e+999": "1.0e+999", "{a: 1}": "{'a': 1}",
}
ARCHS = [
    ("rows: 8", "rowz: 8", "3|pe.rowz|did you mean 'rows'"), ("rows: 8", "rows: 1025", "3|pe.rows|1025|from 1 to 1024"),
    ("64}", "64}\npee: 1", "5|pee|did you mean 'pe'"), ("rows: 8, ", "", "3|pe|'rows'|missing"),
    ("500", "fast", "2|clock_mhz|'fast'"), ("name: mine", "name: ''", "1|name"), ("500", ".nan", "2|clock_mhz|.nan"),
    ("64}", "64}\ndram: {preset: lpddr4}", "5|dram.preset|'lpddr4'|lpddr4-3200-x32"),
]
SETS = [
    ("pe.rows", "key.path=value"), ("pe..rows=3", "key.path=value"), ("name.x=3", "'x'|plain value"),
    ("=3", "key.path=value"), ("pe.rows=true", "True|whole number"), ("pe.rows=[1]", "[1]|whole"),
    ("clock_mhz=.nan", "finite"),
    ("pe.rows=", "whole number"), ("pe.rows=#3", "whole number"), ("pe.rows=0", "from 1 to 1"), ("pe.rows=[", "YAML"),
    ("pe={rows: 1}", "'cols'|missing"), ("pe.rowz=3", "did you mean 'rows'"), ("dram.preset=lpddr4", "lpddr4-3200-x32"),
    ("pee.rows=3", "did you mean 'pe'"), ("x" * 500 + "=1", "xxx...: unknown key"),
    ("clock_mhz=" + "9" * 400, "10000"), ("dram.bandwidth_gbps=1.0e-300", ""),
    ('pe.rows=!!int ""', ""), ("pe.rows=!!bool x", ""), ("pe.rows=&a [*a]", ""), ("clock_mhz=1e999", ""),
]
CASES = [
    (["fsb"], "name: options"), (["a: --m3 2"], "--m3|--m1"), (["a: extra"], "extra"),
    (["a\nb: --m1 0"], "--case|holds a control character"),
    ([": --m1 2"], "name: options"), (["a: --m1 0"], "--m1 0|1 to 8"), (["a:", "a: --m1 2"], "'a'|twice"),
    (['a: "--m1'], "No closing quotation"), (["a: --arch edge_bas"], "did you mean 'edge_base'"),
    (["a: --transform fbs"], "'fbs'|did you mean 'fsb'"), (["a: --set pe.rowz=1"], "pe.rowz|did you mean 'rows'"),
    (["a: --fusion on"], "fusion 'on'|auto, off"), (["a: --objective time"], "objective 'time'|latency"),
    (["a:", "b: --mapping none.yaml"], "case b|none.yaml"), (["a: --clips 2"], "--clips|--classes"),
    (["a:", "b: --dim T"], "case b: --dim 'T': expected"), (["a:", "b: --set pe.rows=0"], "case b: --set pe.rows=0"),
    (["a:", "b: --set pe.rows=8 --set pe={rows:9}"], '"b: --set|undoes'),
]
TIGHT = "buffers={ifmap_kib: 1, weight_kib: 1, ofmap_kib: 1}"
PLACES = [
    ("buffers.ifmap_kib=1", "--set buffers.ifmap_kib=1"), (TIGHT, f"--set {TIGHT}"),
    ("", "mine.yaml:4 buffers.ifmap_kib"),
]
MONSTERS = {
    "flow": "[" * 1_000_000, "closed flow": "[" * 500_000 + "]" * 500_000, "sequence": "- " * 500_000,
    "empty blocks": bomb("repeat: 1000, with: {p: $p}", ""),
    "growing values": bomb(f"with: {{p: [{', '.join(['$p'] * 30)}]}}", "{name: x, kind: conv3d, kernel: $p}"),
}
DAMAGES = [  # "" replaces the whole file
    ("", ""), ("layers", {}), ("", "[1, 2]"), ("layers", []), ("totals", ...), ("layers", ...), ("", "null"),
    ("", '{"a": 1}'), ("", "[" * 200_000), ("config.arch", ...), ("", "\0\xff" * 100), ("totals.energy_pj", 0),
    ("layers.0.cycles_breakdown", ...), ("layers.0.compulsory_bytes", 0), ("totals.compulsory_bytes", 0), ("", "hello"),
    ("totals.energy_pj", ...), ("energy_breakdown_pj", {}), ("layers.0.ideal_mults", 0), ("cycles_breakdown", {}),
]
# fmt: on


def test_an_override_that_is_no_number_says_its_value_once(cli):
    said = cli("simulate", "c3d_small", "--set", "clock_mhz=1e999").stderr
    assert said == "Error: --set clock_mhz=1e999:1: must be a finite number\n"


@pytest.mark.parametrize(("line", "parts"), NAMES, ids=[parts for _, parts in NAMES])
def test_a_wrong_name_or_parameter_is_answered_with_what_is_allowed(cli, tmp_path, monkeypatch, line, parts):
    monkeypatch.chdir(tmp_path)
    refuse(cli(*shlex.split(line)), parts)


@pytest.mark.parametrize(("line", "parts"), OPTIONS)
def test_a_wrong_option_is_answered_with_what_is_allowed(cli, line, parts):
    refuse(cli(*line.split()), parts, lines=99)


def test_a_wrong_option_costs_one_line(cli):
    refuse(cli("simulate", "c3d", "--m1", "0"), "--m1")


@pytest.mark.parametrize("size", SIZES, ids=range(len(SIZES)))
def test_a_wrong_clip_size_is_answered_with_the_form(cli, size):
    refuse(cli("show", "c3d", "--input", size), "--input|TxHxW|8192")


@pytest.mark.parametrize(("text", "parts"), FILES, ids=[parts for _, parts in FILES])
def test_a_wrong_workload_file_is_answered_with_place_and_key(show, text, parts):
    refuse(show(text), f"bad.yaml:{parts}")


@pytest.mark.parametrize(("key", "value", "parts"), CONVS, ids=[parts for *_, parts in CONVS])
def test_a_wrong_layer_is_answered_with_place_and_key(show, key, value, parts):
    refuse(show(conv(**{key: value})), f"bad.yaml:5|{parts}")


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: value[:12])
def test_a_wrong_number_is_answered_with_place_key_and_value(show, value):
    shown = NUMBERS[value]
    line = refuse(show(conv(out_channels=value)), f"bad.yaml:5|layers[0].out_channels|{shown}")
    assert len(line) < 1000
    refuse(show(clip(channels=value)), f"bad.yaml:3|inputs.clip.channels|{shown}")


@pytest.mark.parametrize("escape", ["\\n", "\\r", "\\e[31m", "\\0", "\\a"])
def test_control_characters_in_names_are_refused_in_one_line(show, escape):
    name = f'"a{escape}b"'
    refuse(show(net(CONV, tail=f"{name}: 1\n")), "bad.yaml:6")
    refuse(show(conv(name=name)), "bad.yaml:5")
    refuse(show(net(CONV, head=HEAD.replace("clip", name))), "bad.yaml:3")
    refuse(show(net(CONV, head=HEAD.replace(": t", f": {name}"))), "bad.yaml:1")


@pytest.mark.parametrize("name", ["\u5c42\u2603", "[/x]", "[red]x", "<b>"])
def test_unusual_printable_names_are_printed_as_they_are(show, name):
    result = show(conv(name=f'"{name}"'))
    assert result.exit_code == 0, repr(result.exception)
    assert name in result.stdout


@pytest.mark.parametrize(("old", "new", "parts"), ARCHS)
def test_a_wrong_accelerator_file_is_answered_with_place_and_key(cli, tmp_path, old, new, parts):
    (tmp_path / "mine.yaml").write_text(ARCH.replace(old, new))
    refuse(cli("simulate", "c3d", "--arch", str(tmp_path / "mine.yaml")), f"mine.yaml:{parts}")


@pytest.mark.parametrize(("text", "parts"), SETS, ids=[text[:20] for text, _ in SETS])
def test_a_wrong_override_is_answered_with_the_override(cli, text, parts):
    refuse(cli("simulate", "c3d", *SMALL, "--set", text), f"--set {text[:30]}|{parts}")


def test_an_override_is_quoted_as_typed_and_within_one_line(cli):
    said = refuse(cli("simulate", "c3d", "--set", "pe.rows=0"), "--set pe.rows=0: expected")
    assert said.count("rows") == 1
    # What sets a section does not name the field, and what is read otherwise than it looks is shown as it was read.
    refuse(cli("simulate", "c3d", "--set", "pe={rows: 0, cols: 1, mults_per_pe: 4}"), "} pe.rows = 0: expected")
    refuse(cli("simulate", "c3d", "--set", "pe.rows=true"), "--set pe.rows=true (True): expected")
    refuse(cli("simulate", "c3d", "--set", "pe.rows=1\nname: x"), "--set")


def test_overrides_need_make_sense_only_together(cli):
    refreshes, ddr4, lpddr5 = "dram.refresh=per-bank", "dram.preset=ddr4-2400-x64", "dram.preset=lpddr5-6400-x16"
    refuse(cli("energy", "--set", refreshes, "--set", ddr4), f"--set {refreshes}|all banks together")
    orders = ((refreshes, ddr4, lpddr5), (ddr4, refreshes, lpddr5), (lpddr5, refreshes))
    (design,) = {load_arch("edge_base", overrides=order) for order in orders}
    assert (design.dram.preset, design.dram.refresh) == ("lpddr5-6400-x16", "per-bank")


@pytest.mark.parametrize(("cases", "parts"), CASES, ids=range(len(CASES)))
def test_a_wrong_case_is_answered_with_the_case(cli, cases, parts):
    refuse(cli("compare", "c3d", *SMALL, *(option for case in cases for option in ("--case", case))), parts)


@pytest.mark.parametrize("command", ["simulate", "execute", "map", "compare"])
@pytest.mark.parametrize(("override", "place"), PLACES)
def test_a_buffer_too_small_is_answered_with_its_place_and_the_layer(cli, tmp_path, command, override, place):
    network = conv(kernel="[1, 33, 33]", padding="[0, 16, 16]").replace(": 8", ": 40")
    (tmp_path / "net.yaml").write_text(network)
    (tmp_path / "mine.yaml").write_text(ARCH if override else ARCH.replace("ifmap_kib: 64", "ifmap_kib: 1"))
    options = ["--arch", str(tmp_path / "mine.yaml"), *(["--set", override] if override else [])]
    refuse(cli(command, str(tmp_path / "net.yaml"), *options), f"{place}|layer a|1 KiB|at least")


NESTS = {  # the outer end, the inner end
    "flow sequences": ("[", "]"), "flow mappings": ("{a: ", "}"), "block sequences": ("- ", ""),
    "a flow in a block": ("[", "]\n- b"), "keys": ("[", "]: b"), "keys of a flow": ("{[", "]: b}"),
    "unclosed": ("[", ""), "unclosed and unopened": ("{", "]"), "sequences in lines": ("[\n", "]\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", NESTS)
@pytest.mark.parametrize("levels", [43, 200, 999, 1000, 1001, 20_000])
def test_deep_nesting_is_refused_in_the_same_words_in_every_form_and_depth(name, levels):
    opening, closing = NESTS[name]
    text = f"b: 1\na:\n  {opening * levels}c{closing * levels}\n"
    with pytest.raises(InputError, match=r"^net.yaml:\d+ nested deeper than 40 levels; flatten it$"):
        parse_yaml(text, "net.yaml")


def test_forty_levels_are_read_and_brackets_in_text_are_no_levels():
    depth, data = 0, parse_yaml("[" * 40 + "a" + "]" * 40, "net.yaml").data
    while isinstance(data, list):
        depth, data = depth + 1, data[0]
    assert depth == 40
    with pytest.raises(InputError, match="40 levels"):
        parse_yaml("[" * 41 + "a" + "]" * 41, "net.yaml")
    assert parse_yaml("a: '" + "[" * 2000 + "'", "net.yaml").data == {"a": "[" * 2000}
    with pytest.raises(InputError, match=r"net\.yaml:1 not valid YAML"):
        parse_yaml("a: ['" + "[" * 2000 + "', b: }", "net.yaml")


def test_files_that_are_no_text_are_refused(cli, tmp_path):
    kinds = {bytes(10**8): "larger|1024 KiB", b"\x80\xff": "UTF-8", b"name: a\0b\n": ":1|YAML"}
    for raw, parts in kinds.items():
        (tmp_path / "raw.yaml").write_bytes(raw)
        refuse(cli("show", str(tmp_path / "raw.yaml")), f"raw.yaml|{parts}")
    refuse(cli("show", str(tmp_path)), "folder")
    refuse(cli("simulate", "c3d", "--arch", str(tmp_path)), "folder")


@pytest.mark.parametrize("name", MONSTERS)
def test_a_monstrous_file_neither_crashes_nor_hangs(tmp_path, name):
    (tmp_path / "monster.yaml").write_text(MONSTERS[name])
    refuse(alone("show", tmp_path / "monster.yaml"), "monster.yaml:")


@pytest.mark.parametrize("command", ["show", "simulate c3d --arch", "report"])
def test_an_endless_or_silent_file_is_refused_at_once(tmp_path, command):
    os.mkfifo(tmp_path / "fifo.yaml")
    refuse(alone(*command.split(), tmp_path / "fifo.yaml"), "fifo.yaml")
    refuse(alone(*command.split(), "/dev/zero"), "/dev/zero")


@pytest.mark.parametrize(("path", "value"), DAMAGES, ids=[f"{path} {value!s:.9}" for path, value in DAMAGES])
def test_a_damaged_or_foreign_result_is_refused_with_the_piece(cli, tmp_path, saved, path, value):
    data = part = copy.deepcopy(saved)
    *above, last = path.split(".")
    for key in above:
        part = part[int(key) if key.isdigit() else key]
    part[last] = value
    if value is ...:
        del part[last]
    raw = json.dumps(data) if path else value
    (tmp_path / "result.json").write_text(raw, encoding="latin-1")
    refuse(cli("report", str(tmp_path)), f"result.json|{last}|simulate --out")
    assert not (tmp_path / "report.html").exists()


def test_an_unwritable_output_is_refused(cli, tmp_path, saved):
    (tmp_path / "result.json").write_text(json.dumps(saved))
    for target in (str(tmp_path / "result.json" / "x"), "/proc/x"):
        refuse(cli("simulate", "c3d", "--out", target), f"{target}|writable")
        refuse(cli("compare", "c3d", "--html", target), f"{target}|writable")
        refuse(cli("report", str(tmp_path), "--out", target), f"{target}|writable")


@pytest.mark.parametrize("bad", ["--arch nosuch", "--set pe.rows=0", "--algorithm nosuch", "--transform fbs"])
def test_a_refused_run_leaves_no_folder(cli, tmp_path, bad):
    refuse(cli("simulate", "c3d", "--out", str(tmp_path / "new"), *bad.split()))
    assert not (tmp_path / "new").exists()


def test_an_output_that_can_be_written_only_in_part_is_not_written(cli, tmp_path):
    (tmp_path / "result.json").mkdir()
    refuse(cli("simulate", "c3d", *SMALL, "--out", str(tmp_path)), "result.json")
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_page_does_not_replace_a_fifo_or_device(tmp_path, saved):
    os.mkfifo(tmp_path / "page")
    (tmp_path / "result.json").write_text(json.dumps(saved))
    refuse(alone("report", tmp_path, "--out", tmp_path / "page"), "page")
    assert stat.S_ISFIFO((tmp_path / "page").stat().st_mode)
