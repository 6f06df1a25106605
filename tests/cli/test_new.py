"""Can files that `lw3dsim new` writes be used as they are, and do they tell of every field?"""

from __future__ import annotations

import json
import re

import pytest
import yaml
from test_bad_input import refuse

import lw3dsim
from lw3dsim.base.values import replace
from lw3dsim.describe.beginnings import accelerator_fields, new_text
from lw3dsim.describe.catalog import shipped_folder
from lw3dsim.explore.space_file import parse_space


def test_a_new_accelerator_is_the_default_one_with_every_field_explained(tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    assert cli("new", "arch", "my-chip").exit_code == 0
    design = lw3dsim.load_arch("my-chip.yaml")
    shipped = lw3dsim.load_arch("edge_base")
    assert replace(design, name=shipped.name, description=shipped.description) == shipped
    text = (tmp_path / "my-chip.yaml").read_text()
    for field in accelerator_fields():
        assert f"{field.path.rpartition('.')[2]}: " in text
        assert field.meaning.split("; ")[0].split(":")[0].split()[0] in text
        assert len(field.meaning) > 5, field.path
    assert all(len(line) <= 112 for line in text.splitlines())


def test_a_new_workload_and_a_new_space_are_read(tmp_path):
    (tmp_path / "net.yaml").write_text(new_text("workload", "net"))
    network = lw3dsim.load_workload(tmp_path / "net.yaml", classes=3)
    assert [layer.name for layer in network.layers][1:4] == ["body.0.xy", "body.0.t", "body.0.sum"]
    assert parse_space(new_text("space", "searched")).size == 3 * 4 * 4 * 2


def test_what_is_there_stays_and_names_are_names(tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text("mine")
    refuse(cli("new", "workload", "net"), "net.yaml: is there already")
    refuse(cli("new", "arch", "a b"), "is no name")
    assert cli("new", "space", "s", "--out", "other.yaml").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.yaml", "other.yaml"]


def holds(value, schema, root):
    """Return whether a JSON Schema lets a value be: as much of the standard as these schemas use."""
    if "$ref" in schema:
        return holds(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return any(holds(value, one, root) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    kinds = {"integer": int, "number": (int, float), "string": str, "boolean": bool, "array": list, "object": dict}
    kind = schema.get("type")
    if kind == "null" or kind is None:
        return value is None or kind is None
    if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return False
    if kind == "string":
        return re.search(schema.get("pattern", ""), value) is not None
    if kind == "array":
        parts = schema.get("prefixItems", [schema.get("items", {})] * len(value))
        return len(parts) == len(value) and all(map(holds, value, parts, [root] * len(value)))
    if kind == "object":
        own, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        rest = [key for key in value if key not in own]
        fits = set(schema.get("required", ())) <= value.keys() and (others is not False or not rest)
        return (
            fits
            and all(holds(value[key], own[key], root) for key in value if key in own)
            and (others in (True, False) or all(holds(value[key], others, root) for key in rest))
        )
    return schema.get("minimum", value) <= value <= schema.get("maximum", value)


@pytest.mark.parametrize(
    ("kind", "folder"), [("workload", "workloads"), ("space", "experiments"), ("accelerator", "arch_configs")]
)
def test_all_shipped_files_are_as_their_schema_says_and_others_are_not(kind, folder, cli):
    schema = json.loads(cli("schema", kind).stdout)
    texts = [path.read_text() for path in sorted(shipped_folder(folder).glob("*.yaml"))]
    texts.append(new_text("arch" if kind == "accelerator" else kind, "begun"))
    for text in texts:
        data = yaml.safe_load(text)
        assert holds(data, schema, schema), data["name"]
        assert not holds(data | {"naem": 1}, schema, schema)
    wrong = {
        "workload": {"layers": [{"name": "a", "kind": "conv3d", "out_channels": 0, "kernel": 3}]},
        "space": {"objectives": "latency_ms"},
        "accelerator": {"pe": {"rows": 0}},
    }
    assert not holds(data | wrong[kind], schema, schema)


@pytest.mark.parametrize("path", ["conv3d.kernel", "pool3d", "workload.inputs", "input", "space.workloads"])
def test_fields_of_the_other_files_are_explained_too(path, cli):
    shown = cli("schema", path).stdout
    assert f"{path.removesuffix('.kernel')}." in shown or path in shown
    assert "may be" in shown
    refuse(cli("schema", "conv3d.kernle"), "did you mean 'conv3d.kernel'")


def test_an_unknown_field_is_answered_with_what_is_near_and_no_more(cli):
    near = refuse(cli("schema", "kernl"), "'conv3d.kernel' or 'conv_transpose3d.kernel'")
    assert len(near) < 150
    refuse(cli("schema", "acelerator"), "did you mean 'accelerator'?")
    # Where nothing is, all sections are named rather than all fields.
    far = refuse(cli("schema", "qqqq"), "there are: accelerator, workload, space, result, execution")
    assert " pe, " in far
    assert "pe.rows" not in far


@pytest.mark.parametrize("path", ["pe", "pe.acc_depth", "clock_mhz"])
def test_a_field_is_explained_in_a_table(path, cli):
    shown = cli("schema", path).stdout
    for field in accelerator_fields():
        is_asked = field.path == path or field.path.startswith(f"{path}.")
        assert (f"{field.path} " in shown) == is_asked
    refuse(cli("schema", "pe.acc_dept"), "did you mean 'pe.acc_depth'")


def test_an_accelerator_is_shown_with_its_parts_and_every_field(cli, cli_json):
    shown = cli("show", "--arch", "edge_base", "--set", "pe.rows=4").stdout
    assert "array: 4 rows, an output channel each; 1 column, tiles of their own; 36 multipliers a PE" in shown
    assert "144 multipliers at 500 MHz: 72 G products a second; 512 KiB of SRAM; DRAM 12.8 GB/s at most" in shown
    rows = {row["field"]: row for row in cli_json("show", "--arch", "edge_base", "--format", "json")["fields"]}
    assert rows.keys() == {field.path for field in accelerator_fields()}
    assert (rows["pe.rows"]["value"], rows["pe.acc_depth"]["default"], rows["name"]["value"]) == (8, 16, "edge_base")
    # What is not at its default stands first.
    lines = [line.split() for line in shown.splitlines()]
    fields = [words[0] for words in lines if words and words[0] in rows]
    assert fields.index("pe.rows") < fields.index("layer_setup_cycles")
    refuse(cli("show"), "a WORKLOAD, or --arch")
    refuse(cli("show", "c3d", "--arch", "edge_base"), "one of the two")
    refuse(cli("show", "c3d", "--set", "pe.rows=4"), "--set changes a field of an accelerator")
    refuse(cli("show", "--arch", "edge_bas"), "did you mean 'edge_base'")
    refuse(cli("show", "--arch", "edge_base", "--m1", "2"), "--m1 is of a workload")


def test_the_list_says_where_files_lie(cli, cli_json):
    folders = cli_json("list", "--format", "json")["folders"]
    for group, folder in (("workloads", "workloads"), ("archs", "arch_configs"), ("spaces", "experiments")):
        assert folders[group] == str(shipped_folder(folder))
        assert f"{group}: (files in {folders[group]})" in cli("list").stdout
