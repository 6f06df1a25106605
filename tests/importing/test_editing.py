"""Is a network that came from ONNX a file that a person edits, and is what they mistype said with its place?"""

import pytest

import lw3dsim


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The text of a workload file that was imported, with blocks."""
    from click.testing import CliRunner

    from lw3dsim.cli.main import main

    folder = tmp_path_factory.mktemp("imported")
    for words in (["export", "x3d_s", "--onnx", str(folder / "x.onnx")],
                  ["import", str(folder / "x.onnx"), "--out", str(folder / "x.yaml")]):  # fmt: skip
        assert CliRunner().invoke(main, words).exit_code == 0
    return (folder / "x.yaml").read_text(encoding="utf-8")


def edited(imported, *changes):
    for before, after in changes:
        assert before in imported
        imported = imported.replace(before, after)
    return imported


SMALL = ("frames: 13, height: 160, width: 160", "frames: 2, height: 32, width: 32")


def test_an_imported_file_is_edited_and_simulated(imported, tmp_path, cli_json):
    assert imported.count("\n") < 60  # 26 residual blocks, written once
    path = tmp_path / "mine.yaml"
    deep, shallow = (repeats for repeats in ("repeat: 5", "repeat: 1"))
    path.write_text(edited(imported, SMALL), encoding="utf-8")
    whole = cli_json("simulate", str(path), "--format", "json")["totals"]
    path.write_text(
        edited(imported, SMALL, (deep, shallow), ("{name: fc,", "{name: fc, weight_bits: 4,")), encoding="utf-8"
    )
    result = cli_json("simulate", str(path), "--format", "json")
    assert 0 < result["totals"]["params"] < whole["params"]
    assert result["notes"] == ["weights of 1 layer have 4 bits, as x says of each"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("inputs: [c, shortcut]", "inputs: [c, shortcat]"), ("x.yaml:19", "unknown tensor 'shortcat'")),
        (("repeat: 5", "repeat: 0"), ("repeat = 0", "expected a whole number from 1 to")),
        (("{name: fc,", "{name: fc, weight_bits: 1,"), ("weight_bits = 1", "expected a whole number from 2 to")),
        (("kind: gate", "kind: gait"), ("kind", "gait")),
        (("$c_out_channels", "$d_out_channels"), ("unknown parameter $d_out_channels", "c_out_channels")),
        (("frames: 13", "frames: none"), ("frames", "expected a whole number")),
    ],
    ids=["a name", "a repeat", "a width", "a kind", "a parameter", "a size"],
)
def test_what_is_mistyped_is_one_sentence_with_its_line(imported, change, says, tmp_path, cli):
    path = tmp_path / "x.yaml"
    path.write_text(edited(imported, change), encoding="utf-8")
    result = cli("simulate", str(path))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert all(word in result.stderr for word in says)
    with pytest.raises(lw3dsim.InputError):
        lw3dsim.load_workload(path)
