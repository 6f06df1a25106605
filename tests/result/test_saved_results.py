"""Is a saved result that contradicts itself refused, whichever figure was altered?"""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import get_args

import msgspec
import pytest

from lw3dsim import InputError, simulate
from lw3dsim.base.records import summed_fields
from lw3dsim.describe.workload import AnyLayer, Phase, ScaledNorm
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.engine.causes import CAUSES
from lw3dsim.network.objective import OBJECTIVES
from lw3dsim.network.units import MODES
from lw3dsim.result.records import Figures, RunRecord
from lw3dsim.result.saved import check, load_result
from lw3dsim.transform.algorithms import POLICIES

NETWORK = """
name: small
inputs: {clip: {channels: 4, frames: 2, height: 6, width: 6}}
layers:
  - {name: a, kind: conv3d, inputs: clip, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1]}
  - {name: b, kind: conv3d, inputs: a, out_channels: 4, kernel: [1, 1, 1]}
"""
RATES = (
    "latency_ms", "energy_pj", "edp_js", "average_power_mw", "clips_per_s", "utilization", "effective_macs_per_cycle",
)  # fmt: skip
BREAKDOWNS = ("cycles_breakdown", "dram_bytes_breakdown", "energy_breakdown_pj")


@pytest.fixture(scope="module")
def saved():
    return json.loads(simulate(parse_workload(NETWORK), arch="edge_small", clips=2).to_json())


def numbers(data):
    """The places of all figures that others follow from, or that follow from others."""
    for holder in ((), ("layers", 0), ("layers", 1)):
        figures = holder if holder else ("totals",)
        yield from ((*figures, name) for name in (*summed_fields(Figures), *RATES) if name in at(data, figures))
        yield from ((*holder, name, part) for name in BREAKDOWNS for part in at(data, holder)[name])
    yield from (("area_breakdown_mm2", part) for part in data["area_breakdown_mm2"])
    yield from (("stream_cycles_breakdown", part) for part in data["stream_cycles_breakdown"])
    yield from (("totals", name) for name in ("area_mm2", "stream_latency_cycles"))
    for layer in (0, 1):
        causes = data["layers"][layer]["energy_causes_pj"]
        yield from (("layers", layer, "energy_causes_pj", c, cause) for c in causes for cause in causes[c])
        for place, row in enumerate(data["layers"][layer]["accesses"]):
            is_counted = row["level"] == "dram" or row["level"].endswith("_sram")
            names = ("energy_pj", *(("read_bytes", "write_bytes") if is_counted else ()))
            yield from (("layers", layer, "accesses", place, name) for name in names if name in row)


def at(data, path):
    for key in path:
        data = data[key]
    return data


def test_every_figure_that_is_altered_is_noticed(saved, tmp_path, cli):
    places = list(numbers(saved))
    assert len(places) > 150
    check(msgspec.convert(saved, RunRecord))
    for path in places:
        altered = copy.deepcopy(saved)
        value = at(altered, path)
        at(altered, path[:-1])[path[-1]] = value + 1 if isinstance(value, int) else value * 1.001 + 1e-3
        with pytest.raises(ValueError, match=r"where|with macs"):
            check(msgspec.convert(altered, RunRecord))
    (tmp_path / "result.json").write_text(json.dumps(altered), encoding="utf-8")
    refused = cli("report", str(tmp_path / "result.json"), "--out", str(tmp_path / "page.html"))
    assert refused.exit_code == 2
    assert "not a result of lw3dsim (layer b: " in refused.stderr
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("value", [10**400, 1 << 63, 1e308, 5e-324], ids=["10^400", "2^63", "1e308", "5e-324"])
def test_a_figure_beyond_all_measure_is_refused_in_a_sentence(saved, tmp_path, cli, value):
    file = tmp_path / "result.json"
    for path in numbers(saved):
        altered = copy.deepcopy(saved)
        at(altered, path[:-1])[path[-1]] = value
        # Nothing but a sentence; next to nothing where nothing was is no contradiction.
        with suppress(ValueError, msgspec.ValidationError):
            check(msgspec.convert(altered, RunRecord))
    altered["layers"][0]["macs"] = value
    file.write_text(json.dumps(altered), encoding="utf-8")
    refused = cli("report", str(file), "--out", str(tmp_path / "page.html"))
    assert refused.exit_code == 2
    assert "not a result of lw3dsim" in refused.stderr


def test_what_a_saved_accelerator_does_not_say_is_at_its_default(saved, tmp_path, cli):
    altered, page = copy.deepcopy(saved), tmp_path / "page.html"
    del altered["config"]["arch"]["tech"]["node_nm"]
    for name, data in (("whole", saved), ("less", altered)):
        (tmp_path / name).write_text(json.dumps(data), encoding="utf-8")
        assert json.loads(load_result(tmp_path / name).to_json()) == saved
        assert cli("report", str(tmp_path / name), "--out", str(page)).exit_code == 0


# Transformed operands narrower than they need to be: a result with noise.
NARROW = {"precision.transformed_data_bits": 8}

WORDS = dict.fromkeys(("kind", "bound_by"), ("layers", 0)) | dict.fromkeys(
    ("algorithm", "engine", "fusion", "objective"), ("config",)
)


@pytest.mark.parametrize("name", WORDS)
def test_a_word_that_there_is_not_is_refused_by_its_key(saved, tmp_path, name):
    altered = copy.deepcopy(saved)
    at(altered, WORDS[name])[name] = "nonsense"
    assert name in refused(altered, tmp_path)
    # A sentence, and no pattern.
    assert "regex" not in refused(altered, tmp_path)


def test_a_folder_without_a_result_is_called_one(cli, tmp_path):
    for command in (("report",), ("plot", "--kind", "energy", "--out", str(tmp_path / "f.svg"))):
        said = cli(command[0], str(tmp_path), *command[1:])
        assert said.exit_code == 2
        assert f"{tmp_path}: is a folder without a result.json; give the folder or" in said.stderr


def refused(data, folder):
    (folder / "result.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_result(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_words_are_those_that_runs_are_made_of(cli):
    schema = json.loads(cli("schema", "result").stdout)["$defs"]
    kinds = [kind.__struct_config__.tag for kind in (*get_args(AnyLayer), Phase, ScaledNorm)]
    assert schema["Layer"]["properties"]["kind"]["enum"] == [*kinds, "fused"]
    assert schema["Layer"]["properties"]["bound_by"]["enum"] == ["dram", *CAUSES]
    config = schema["Configuration"]["properties"]
    assert [config[name]["enum"] for name in ("algorithm", "fusion", "objective")] == [
        [*POLICIES],
        [*MODES],
        [*OBJECTIVES],
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("totals", "stream_latency_ms"), 1.0),
        (("totals", "stream_clips_per_s"), 1e6),
        (("totals", "overlap_gain"), 3.0),
        (("totals", "stream_first_clip_cycles"), 1 << 40),
        (("totals", "clips"), 3),
        (("totals", "peak_power_mw"), 1e30),
        (("totals", "peak_power_mw"), 1e-30),
        (("layers", 0, "peak_power_mw"), 1e30),
        (("totals", "sqnr_db"), 40.0),
        (("layers", 0, "sqnr_db"), 1e30),
        (("layers", 0, "sqnr_db"), 40.0),
        (("config", "workload", "inputs"), {"clip": [4, 2, 6, -1]}),
        (("config", "arch", "pe", "dataflow"), "nonsense"),
        (("config", "arch", "dram", "preset"), "nonsense"),
    ],
    ids=str,
)
def test_what_can_not_be_is_refused_by_its_key(saved, tmp_path, path, value):
    altered = copy.deepcopy(saved)
    at(altered, path[:-1])[path[-1]] = value
    assert path[-1] in refused(altered, tmp_path)


@pytest.mark.parametrize("path", [(), ("totals",), ("layers", 1), ("config",), ("layers", 0, "energy_breakdown_pj")])
def test_a_key_that_there_is_not_is_refused_by_its_name(saved, tmp_path, path):
    altered = copy.deepcopy(saved)
    at(altered, path)["surplus"] = 1
    assert "unknown field `surplus`" in refused(altered, tmp_path)


@pytest.mark.parametrize(
    "path", [("workload",), ("arch",), ("layers", 0, "name"), ("layers", 1, "note"), ("config", "transforms", 0)]
)
def test_a_text_that_could_show_as_another_is_refused(saved, tmp_path, path):
    altered = copy.deepcopy(saved)
    altered["config"]["transforms"] = ["fsb"]
    at(altered, path[:-1])[path[-1]] = "a\u202eb"
    assert r"'a\u202eb' holds a control character; remove it" in refused(altered, tmp_path)


@pytest.mark.parametrize(
    "run",
    [{}, {"fusion": "auto", "objective": "edp"}, {"algorithm": "hfa", "overrides": NARROW}, {"clips": 1}],
    ids=str,
)
def test_every_result_loads_as_it_was_saved(tmp_path, run):
    result = simulate(parse_workload(NETWORK), arch="edge_small", **run)
    (tmp_path / "result.json").write_text(result.to_json(), encoding="utf-8")
    assert load_result(tmp_path).to_json() == result.to_json()
