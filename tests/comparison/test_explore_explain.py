"""Does the explanation say what simulations of the neighbours say?"""

from __future__ import annotations

import pytest
from explore_helpers import NET
from test_bad_input import refuse

from lw3dsim import Result, compare, explain, simulate


@pytest.fixture
def net(tmp_path):
    """Return the file of a small network."""
    (tmp_path / "net.yaml").write_text(NET)
    return str(tmp_path / "net.yaml")


def test_every_neighbour_is_the_design_with_one_field_changed(cli_json, cli, net):
    data = cli_json("explain", net, "--algorithm", "hfa", "--set", "pe.rows=4", "--format", "json")
    rows = {(row["field"], row["after"]): row for row in data["neighbours"]}
    assert len(rows) == len(data["neighbours"])
    base = simulate(net, algorithm="hfa", overrides=["pe.rows=4"]).totals
    assert data["totals"] == base.as_dict()
    for field, value in (("pe.rows", 8), ("winograd.m2", 3), ("dram.channels", 2), ("buffers.weight_kib", 64)):
        fields = {"pe.rows": 4, field: value}
        totals = simulate(net, algorithm="hfa", overrides=[f"{key}={set_to}" for key, set_to in fields.items()]).totals
        row = rows[field, value]
        assert row["latency_ms"] == totals["latency_ms"]
        assert row["energy_change"] == totals["energy_pj"] / base["energy_pj"] - 1
        assert row["area_change_mm2"] == totals["area_mm2"] - base["area_mm2"]
    latencies = [row["latency_ms"] for row in data["neighbours"] if row["latency_ms"]]
    assert latencies == sorted(latencies)
    assert sum(data["bound_by"].values()) == pytest.approx(1)
    fused = simulate(net, algorithm="hfa", overrides=["pe.rows=4"], fusion="auto").totals
    assert rows["run.fusion", "auto"]["energy_pj"] == fused["energy_pj"]
    assert "winograd.m1" in cli("explain", net, "--algorithm", "hfa").stdout


def test_every_result_that_a_user_holds_can_write_its_page(net, tmp_path):
    explanation = explain(net)
    held = [explanation.base, *(change.result for change in explanation.changes if change.result)]
    assert all(isinstance(result, Result) for result in (*held, *compare(net).results, simulate(net)))
    held[-1].report(tmp_path / "page.html")
    assert "<html" in (tmp_path / "page.html").read_text()


def test_the_tiles_of_a_direct_run_are_left_alone(cli, net):
    explanation = explain(net)
    assert not any(change.path.startswith("winograd") for change in explanation.changes)
    refuse(cli("explain", "c3d", "--set", "pe.rows=0"), "pe.rows")


def test_neighbours_that_are_none_are_named_with_the_reason(net):
    small = ["buffers.ifmap_kib=1", "buffers.slots=7"]
    explanation = explain(net, overrides=small)
    reasons = {(change.path, change.after): change.reason for change in explanation.changes if change.result is None}
    assert reasons["buffers.slots", 8] == "buffers.slots = 8: expected a whole number from 1 to 7"
    assert ("buffers.ifmap_kib", 0) not in reasons
