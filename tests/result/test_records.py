"""Do JSON, schema, tables, sums and glossary of a result follow from its records?"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import msgspec
import pytest
from scripts import script
from wrong_arguments import VALUES

import lw3dsim
from lw3dsim import InputError
from lw3dsim.account.area import AreaBreakdown
from lw3dsim.account.energy import ByComponent, EnergyCauses
from lw3dsim.account.events import DramBytesBreakdown
from lw3dsim.base.records import Breakdown, Record, described, summed_fields, unit_of
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.engine.causes import CAUSES, CyclesBreakdown
from lw3dsim.result.records import Figures, Layer, RunRecord, Totals
from lw3dsim.result.result import Result

ROOT = Path(__file__).resolve().parents[2]
NETWORK = """
name: small
inputs: {clip: {channels: 4, frames: 2, height: 6, width: 6}}
layers:
  - {name: a, kind: conv3d, inputs: clip, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1]}
  - {name: b, kind: conv3d, inputs: a, out_channels: 4, kernel: [1, 1, 1]}
"""


@pytest.fixture(scope="module")
def result():
    return lw3dsim.simulate(parse_workload(NETWORK), arch="edge_small", clips=2)


class Drafted:
    """A draft of ``result`` that notes what is looked at."""

    def __init__(self, result):
        self.result, self.seen = result, []

    @property
    def record(self):
        self.seen.append("record")
        return self.result.record

    @property
    def totals(self):
        self.seen.append("totals")
        return self.result.totals


def test_figures_are_worked_out_once_somebody_looks_at_them(result):
    draft = Drafted(result)
    later = Result(record=draft)
    assert not draft.seen
    assert later.totals is result.totals
    assert draft.seen == ["totals"]  # no layer
    assert later.layers.shape == result.layers.shape
    assert later.totals is later.record.totals is result.totals
    assert draft.seen == ["totals", "record"]


def test_totals_are_the_same_before_and_after_layers_are_looked_at():
    later = lw3dsim.simulate(parse_workload(NETWORK), arch="edge_small", clips=2)
    totals = later.totals
    assert totals is later.record.totals is later.totals


def test_what_nobody_has_looked_at_is_equal_to_and_travels_as_what_it_will_be(result):
    later = lw3dsim.simulate(parse_workload(NETWORK), arch="edge_small", clips=2)
    travelled = pickle.loads(pickle.dumps(later))  # noqa: S301  # our own
    assert travelled == later == result
    assert Result(record=Drafted(result)) != result.record


def test_nothing_is_assigned_to_a_result(result):
    for name in ("record", "totals", "figures"):
        with pytest.raises(AttributeError):
            setattr(result, name, None)


def all_records(record):
    yield record
    for value in (getattr(record, name) for name in record):
        for nested in value if isinstance(value, tuple) else [value]:
            if isinstance(nested, Record):
                yield from all_records(nested)


def test_json_is_read_back_as_the_same_record(result):
    assert msgspec.json.decode(result.to_json(), type=RunRecord) == result.record
    assert json.loads(result.to_json()) == result.data


def test_what_is_written_is_what_the_schema_says(result, cli):
    schema = json.loads(cli("schema", "result").stdout)
    kinds = schema["$defs"]

    def keys(kind, data):
        properties = kinds[kind]["properties"]
        assert set(data) <= set(properties)
        assert set(kinds[kind]["required"]) <= set(data)

    keys("RunRecord", result.data)
    keys("Totals", result.data["totals"])
    for layer in result.data["layers"]:
        keys("Layer", layer)
        keys("CyclesBreakdown", layer["cycles_breakdown"])
    assert kinds["Totals"]["properties"]["latency_cycles"]["minimum"] == 1
    assert all(kinds["Layer"]["properties"][name]["description"] for name in summed_fields(Layer))


def test_figures_that_are_said_to_add_up_do(result):
    names = summed_fields(Figures)
    assert {"latency_cycles", "dram_read_bytes", "steps"} <= set(names)
    assert {"utilization", "latency_ms", "sqnr_db"}.isdisjoint(names)
    for name in names:
        assert getattr(result.totals, name) == sum(getattr(layer, name) for layer in result.record.layers)


def test_layers_that_are_alike_take_the_same_energy_and_power_unless_their_tensors_differ():
    layer = "kind: conv3d, inputs: {0}, out_channels: 8, kernel: [1, 3, 3], padding: [0, 1, 1]"
    clip = "{channels: 8, frames: 2, height: 8, width: 8}"
    text = f"name: t\ninputs: {{x: {clip}, y: {clip}}}\nlayers:\n"
    rows = [("a", "x", ""), ("b", "y", ""), ("c", "x", ", weight_density: 0.5")]
    text += "".join(f"  - {{name: {name}, {layer.format(read)}{more}}}\n" for name, read, more in rows)
    a, b, c = lw3dsim.simulate(parse_workload(text), arch="edge_small").record.layers
    assert a.energy_causes_pj == b.energy_causes_pj
    assert a.peak_power_mw == b.peak_power_mw
    assert c.latency_cycles == a.latency_cycles
    assert c.energy_breakdown_pj.multipliers < a.energy_breakdown_pj.multipliers
    assert c.energy_breakdown_pj.dram_io == a.energy_breakdown_pj.dram_io


def test_a_record_reads_by_name_what_is_there_and_nothing_else(result):
    alone = lw3dsim.simulate(parse_workload(NETWORK), arch="edge_small")
    assert result.totals["clips"] == result.totals.clips == 2
    assert "clips" not in alone.totals
    with pytest.raises(KeyError):
        alone.totals["clips"]
    for record in (alone.totals, alone.energy_breakdown_pj):
        with pytest.raises(InputError, match=f"{type(record).__name__} has no 'dram_reed'; did you mean 'dram_re"):
            record["dram_reed"]
        for make in VALUES.values():
            with pytest.raises(InputError) as refused:
                record[make()]
            assert str(refused.value).isprintable()
    for record in all_records(result.record):
        assert list(record) == list(record.as_dict()) == list(record.keys())
        assert len(record) == len(record.as_dict())
        assert all(record[name] == getattr(record, name) for name in record)


def test_a_plain_copy_can_be_changed_and_the_record_can_not(result):
    before = result.to_json()
    result.data["layers"][0].clear()
    for record in all_records(result.record):
        name = record.order()[0]
        with pytest.raises(AttributeError):
            setattr(record, name, 1)
    assert result.to_json() == before


def test_columns_are_the_figures_with_their_units(result):
    frame = result.layers
    # There is state only where layers keep it.
    spread = {"state_bytes", "energy_breakdown_pj", "energy_causes_pj", "cycles_breakdown", "dram_bytes_breakdown"}
    # The least of a space is known of fused groups.
    spread |= {"accesses", "least_dram_bytes"}
    assert [name for name in Layer.order() if name not in spread] == [c for c in frame if c in Layer.order()]
    assert frame["cycles_multiply"].tolist() == [layer.cycles_breakdown.multiply for layer in result.record.layers]
    units = frame.attrs["units"]
    assert units["energy_leakage_pj"] == "pJ"
    assert units["dram_ofmap_bytes"] == "bytes"
    assert units["cycles_fill"] == units["latency_cycles"] == "cycles"
    assert "macs" not in units


def test_units_are_those_that_names_end_with():
    for name, unit in {
        "edp_js": "J s",
        "clips_per_s": "1/s",
        "effective_macs_per_cycle": "1/cycle",
        "area_mm2": "mm2",
    }.items():
        assert unit_of(name) == unit
    assert unit_of("utilization") == ""


def test_what_is_spent_with_time_has_the_causes_of_cycles():
    assert set(CAUSES) < set(EnergyCauses.order())
    assert not EnergyCauses().as_dict()
    assert EnergyCauses(compute=2.0).as_dict() == {"compute": 2.0}


def test_every_figure_says_what_it_means():
    glossary = script("figures")
    assert (ROOT / "docs" / "figures.md").read_text(encoding="utf-8") == glossary.page()
    for kind in (Figures, Totals, Layer, CyclesBreakdown, ByComponent, DramBytesBreakdown, AreaBreakdown):
        silent = {name for name, about in described(kind).items() if not about}
        assert silent <= {
            "energy_breakdown_pj",
            "energy_causes_pj",
            "cycles_breakdown",
            "dram_bytes_breakdown",
            "accesses",
        }


def test_parts_of_a_breakdown_are_of_one_kind():
    class Parts(Breakdown[int], frozen=True, kw_only=True):
        a: int
        b: int

    parts = Parts(a=1, b=2)
    assert parts.parts() == dict(parts.items()) == {"a": 1, "b": 2}
    assert sum(parts.values()) == 3
    with pytest.raises(KeyError):
        parts["keys"]
