"""Does the explanation say what simulations of the neighbours say?"""

from __future__ import annotations

import pytest
from test_bad_input import refuse

from lw3dsim import simulate
from lw3dsim.explore.explain import explain

SMALL = ("c3d", "--input", "16x32x32", "--transform", "fsb_c3d", "--algorithm", "hfa")


def test_every_neighbour_is_the_design_with_one_field_changed(cli_json, cli):
    data = cli_json("explain", *SMALL, "--set", "pe.rows=4", "--format", "json")
    rows = {(row["field"], row["after"]): row for row in data["neighbours"]}
    assert len(rows) == len(data["neighbours"])
    options = {"transform": "fsb_c3d", "algorithm": "hfa", "input_size": "16x32x32"}
    base = simulate("c3d", overrides=["pe.rows=4"], **options).totals
    assert data["totals"] == base
    for field, value in (("pe.rows", 8), ("winograd.m2", 3), ("dram.channels", 2), ("buffers.weight_kib", 64)):
        totals = simulate("c3d", overrides=["pe.rows=4", f"{field}={value}"], **options).totals
        row = rows[field, value]
        assert row["latency_ms"] == totals["latency_ms"]
        assert row["energy_change"] == totals["energy_pj"] / base["energy_pj"] - 1
        assert row["area_change_mm2"] == totals["area_mm2"] - base["area_mm2"]
    latencies = [row["latency_ms"] for row in data["neighbours"] if row["latency_ms"]]
    assert latencies == sorted(latencies)
    assert sum(data["bound_by"].values()) == pytest.approx(1)
    assert "winograd.m1" in cli("explain", *SMALL).stdout


def test_the_tiles_of_a_direct_run_are_left_alone(cli):
    explanation = explain("c3d", input_size="16x16x16")
    assert not any(change.path.startswith("winograd") for change in explanation.changes)
    refuse(cli("explain", "c3d", "--set", "pe.rows=0"), "pe.rows")


def test_neighbours_that_are_none_are_named_with_the_reason():
    small = ["buffers.ifmap_kib=1", "buffers.slots=7"]
    explanation = explain("c3d", input_size="16x16x16", overrides=small)
    reasons = {(change.path, change.after): change.reason for change in explanation.changes if change.result is None}
    assert "expected int <= 7" in reasons["buffers.slots", 8].lower()
    assert ("buffers.ifmap_kib", 0) not in reasons
