"""Is a value that is nearly right refused in words of the file, at its own key, with what is allowed there?"""

import copy
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
import yaml
from fuzz.damage import Raw, parent, places, text_of
from msgspec import Meta

import lw3dsim
from lw3dsim.describe.expected import expected
from lw3dsim.describe.source import decode, parse_file

NET = """
name: net
activation_bits: 8
inputs: {x: {channels: 12, frames: 4, height: 8, width: 8}}
parameters: {classes: 3}
layers:
  - {name: a, kind: conv3d, out_channels: 12, kernel: [3, 3, 3], padding: [[2, 0], 1, 1], groups: 1, bias: true}
  - {name: b, kind: conv3d, inputs: [a], out_channels: 12, kernel: 3, padding: same, activation: relu, density: 0.5}
  - {name: p, kind: pool3d, mode: max, kernel: [1, 2, 2]}
  - {name: fc, kind: linear, out_features: $classes, weight_density: 0.5}
"""
SPACE = """
name: small
workloads: [{workload: net.yaml, algorithm: hfa, transform: fsb, input: 4x8x8, weight: 1.0}]
arch: edge_base
parameters: {pe.rows: [2, 4, 8], winograd.m2: [2, 4], winograd.weight_transform: [offline, onchip]}
objectives: [latency_ms, area_mm2]
constraints: {area_mm2: {max: 30}}
"""
# What a sentence to a user has nothing of.
INSIDE = re.compile(r"\b(int|str|bool|float|array|object|dict|NoneType|tuple)\b|got |\[\.\.\.\]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("near")
    (made / "net.yaml").write_text(NET)
    for name, how in (("layers", {}), ("groups", {"fusion": "auto", "objective": "dram_bytes", "arch": "edge_shared"})):
        lw3dsim.map_workload(made / "net.yaml", **how).save(made / f"{name}.map.yaml")
    return made


def near(value):
    """Values that somebody may write in the place of a right one."""
    if isinstance(value, bool):
        return [1, "true!", [value], Raw(f'"{value}"')]
    if isinstance(value, int | float):
        return [
            -7 * value - 1, Raw(f'"{value}"'), [value], {"a": value}, Raw(f"{value} KiB"), Raw(f"{value}kib"), "one",
            Raw(f"{value}e30"), True, Raw(f"{value};"),
        ]  # fmt: skip
    if isinstance(value, str):
        return [[value], 3, True, {"a": value}, Raw("null")]
    if isinstance(value, list):
        return [7, "x", {"a": 1}, Raw("x".join(map(str, value)) if value else "x")]
    return [[value], "x", 3, value | {"nonsense": 1}]


def misses(tree):
    for path in places(tree):
        for wrong in near(parent(tree, path)[path[-1]]):
            damaged = copy.deepcopy(tree)
            parent(damaged, path)[path[-1]] = wrong
            yield path, wrong, damaged


@pytest.mark.parametrize("kind", ["network", "accelerator", "space", "layers", "groups"])
def test_a_near_miss_is_said_in_words_of_the_file(cli, folder, monkeypatch, kind):
    monkeypatch.chdir(folder)
    shipped = Path(lw3dsim.__file__).parents[1] / "arch_configs" / "edge_base.yaml"
    tree, command = {
        "network": (yaml.safe_load(NET), ("show", "wrong.yaml")),
        "accelerator": (yaml.safe_load(shipped.read_text()), ("show", "--arch", "wrong.yaml")),
        "space": (yaml.safe_load(SPACE), ("dse", "status", "wrong.yaml")),
        "layers": (
            yaml.safe_load((folder / "layers.map.yaml").read_text()) | {"layouts": {"x": "8 packed", "a": 4}},
            ("map", "net.yaml", "--mapping", "wrong.yaml"),
        ),
        "groups": (
            yaml.safe_load((folder / "groups.map.yaml").read_text()),
            ("map", "net.yaml", "--arch", "edge_shared", "--mapping", "wrong.yaml"),
        ),
    }[kind]
    refused = 0
    for path, wrong, damaged in misses(tree):
        Path("wrong.yaml").write_text(text_of(damaged))
        files = {*Path().iterdir()}
        run = cli(*command)
        about = path, wrong.text if isinstance(wrong, Raw) else wrong, run.stderr
        assert files == {*Path().iterdir()}, about
        if run.exit_code == 0:
            continue
        refused += 1
        assert (run.exit_code, run.stdout) == (2, ""), about
        *_, sentence = run.stderr.strip().splitlines()
        if "unknown key" not in sentence:  # keys of spaces are int and float
            assert not INSIDE.search(re.sub(r"= .*?: |'[^']*'", "", sentence)), about
        if ": expected " in sentence and kind != "network":  # there what stands for a parameter is
            # The key, down to the part of a list that is wrong, or what is around it.
            place = sentence.split()[2].rstrip(":")
            keys, wanted = re.findall(r"[^.\[\]]+", place), ".".join(map(str, path)).split(".")
            assert keys[: len(wanted)] == wanted[: len(keys)], about
    assert refused > 50


@pytest.mark.parametrize(
    "said", ["8packed", "8 PACKED", "8  packed", "packed", "packed 8", "8, packed", [8], 8.0, -8, True]
)
def test_a_layout_says_what_may_stand_there(cli, folder, monkeypatch, said):
    monkeypatch.chdir(folder)
    tree = yaml.safe_load((folder / "layers.map.yaml").read_text()) | {"layouts": {"x": said}}
    Path("wrong.yaml").write_text(json.dumps(tree))
    run = cli("simulate", "net.yaml", "--mapping", "wrong.yaml")
    assert (run.exit_code, run.stdout) == (2, "")
    assert re.search(
        r"Error: wrong\.yaml:1 layouts\.x = .*: expected a whole number of channels, 1 to 65536, or", run.stderr
    )
    assert "a space and the word packed behind it: 54 packed" in run.stderr


Size = Annotated[int, Meta(ge=1, le=9)]


class Pair(msgspec.Struct, forbid_unknown_fields=True):
    x: int
    y: Literal["a", "b"] | None = None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Size, "a whole number from 1 to 9"),
        (Size | None, "a whole number from 1 to 9, or null"),
        (Annotated[float, Meta(gt=0)], "a number above 0"),
        (tuple[Size, Size], "a list of 2 whole numbers from 1 to 9"),
        (Annotated[tuple[str, ...], Meta(min_length=1)], "a list of at least 1 texts"),
        (Annotated[list[Size], Meta(max_length=3)], "a list of up to 3 whole numbers from 1 to 9"),
        (Annotated[list[Size], Meta(min_length=2, max_length=3)], "a list of 2 to 3 whole numbers from 1 to 9"),
        (Size | tuple[Size, Size], "a whole number from 1 to 9, or a list of 2 whole numbers from 1 to 9"),
        (Literal["auto"] | Size, "a whole number from 1 to 9, or the word auto"),
        (Literal["a"] | Literal["b"] | bool, "true or false, or one of a, b"),
        (int | float | str, "a number, or text"),
        (dict[str, Size], "a mapping of keys to whole numbers from 1 to 9"),
        (dict[str, tuple[Size, Size]], "a mapping of keys to values, each a list of 2 whole numbers from 1 to 9"),
        (Pair, "a mapping of keys to values: x, y"),
        (list[Pair], "a list of values, each a mapping of keys to values: x, y"),
        (Any, ""),
    ],
)
def test_a_type_is_said_in_words(kind, words):
    assert expected(kind) == words


class Tree(msgspec.Struct, forbid_unknown_fields=True):
    sizes: dict[str, tuple[Size, Size]] = {}
    parts: list[dict[str, Pair]] = []
    either: Size | list[Size] = 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sizes: {a: [1, 2], b: [1, 10]}", "t:1 sizes.b[1] = 10: expected a whole number from 1 to 9"),
        ("sizes:\n  a: [1, 2]\n  b: [1]\n", "t:3 sizes.b = [1]: expected a list of 2 whole numbers from 1 to 9"),
        (
            "parts: [{p: {x: 1}}, {q: {x: '1'}}]",
            "t:1 parts[1].q.x = '1': expected a whole number; write the number",
        ),
        ("parts: [{p: {x: 1, y: c}}]", "t:1 parts[0].p.y = 'c': not allowed; allowed: a, b"),
        ("parts: [{p: {x: 1, z: 1}}]", "t:1 parts[0].p.z: unknown key; allowed: x, y"),
        ("parts: [{p: {}}]", "t:1 parts[0].p: the key 'x' is missing; add it"),
        ("either: [1, 12]", "t:1 either[1] = 12: expected a whole number from 1 to 9"),
        ("either: 12", "t:1 either = 12: expected a whole number from 1 to 9, or a list of whole numbers from 1 to 9"),
        (f"either: {10**400}", "expected a whole number from 1 to 9, or a list"),
    ],
)
def test_what_is_wrong_is_found_in_whatever_holds_it(text, says):
    document = parse_file(text, "t")
    with pytest.raises(lw3dsim.InputError) as refused:
        decode(document, Tree, document.data)
    assert says in str(refused.value)
