"""Are metrics, costs, limits and bounds of a design the figures that one gets on paper?"""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from paper import machine

from lw3dsim.explore.metrics import (
    EXACT_DB,
    METRICS,
    Limit,
    combined,
    cost,
    costs,
    excesses,
    is_allowed,
    metrics_of,
    sram_kib,
)

TOTALS = {
    "latency_ms": 2.0,
    "energy_pj": 3e9,
    "edp_js": 6e-6,
    "dram_read_bytes": 4_000_000,
    "dram_write_bytes": 500_000,
    "area_mm2": 1.5,
    "peak_power_mw": 900.0,
    "average_power_mw": 700.0,
    "sqnr_db": 40.0,
    "clips_per_s": 500.0,
}


def metrics(**changed):
    inputs = {"slow": [3, 4, 8, 8], "fast": [3, 32, 8, 8]}
    result = SimpleNamespace(totals=TOTALS | changed, config={"workload": {"inputs": inputs}})
    return metrics_of(result, machine("buffers.ifmap_kib=3", "buffers.weight_kib=5", "buffers.ofmap_kib=9"))


def test_metrics_are_the_totals_in_their_units():
    assert metrics() == pytest.approx({
        "latency_ms": 2.0,
        "energy_mj": 3.0,
        "edp_mjs": 0.006,
        "dram_mb": 4.5,
        "area_mm2": 1.5,
        "sram_kib": 17.0,
        "peak_power_mw": 900.0,
        "average_power_mw": 700.0,
        "sqnr_db": 40.0,
        "clips_per_s": 500.0,
        # A clip has as many frames as its longest input.
        "frames_per_s": 16_000.0,
    })  # fmt: skip
    assert metrics().keys() == METRICS.keys()
    assert metrics(sqnr_db=None)["sqnr_db"] == metrics(sqnr_db=200.0)["sqnr_db"] == EXACT_DB == 120.0
    assert sram_kib(machine()) == 12.0


def test_several_workloads_are_averaged_by_weight_or_the_worst_counts():
    one, two = metrics(), metrics(latency_ms=6.0, area_mm2=1.0, sqnr_db=30.0, clips_per_s=100.0, peak_power_mw=1000.0)
    both = combined([one, two], [3, 1], "weighted")
    assert both["latency_ms"] == pytest.approx((3 * 2 + 6) / 4)
    assert (both["energy_mj"], both["dram_mb"]) == pytest.approx((3.0, 4.5))
    # What does not add up is that of the worst: areas and power the largest, rates and SQNR the least.
    assert (both["area_mm2"], both["peak_power_mw"], both["sqnr_db"], both["clips_per_s"]) == (1.5, 1000.0, 30.0, 100.0)
    assert both["sram_kib"] == 17.0
    assert combined([one, two], [3, 1], "worst")["latency_ms"] == 6.0
    adding = {"latency_ms", "energy_mj", "edp_mjs", "dram_mb"}
    assert {name for name, metric in METRICS.items() if metric.adds_up} == adding
    assert {name for name, metric in METRICS.items() if metric.is_rate} == {"sqnr_db", "clips_per_s", "frames_per_s"}


def test_costs_are_milliseconds_and_decibels_below_exact():
    assert cost("latency_ms", 7.0) == 7.0
    assert cost("sqnr_db", 40.0) == 80.0
    assert cost("clips_per_s", 500.0) == 2.0
    assert cost("frames_per_s", 16_000.0) == 0.0625
    assert costs(metrics(), ("clips_per_s", "energy_mj")) == (2.0, pytest.approx(3.0))


def test_a_limit_is_broken_by_its_share():
    high, low = Limit(name="area_mm2", high=2.0), Limit(name="sqnr_db", low=40.0)
    assert (high.excess(3.0), high.excess(2.0), high.excess(1.0)) == (0.5, 0.0, -0.5)
    assert (low.excess(30.0), low.excess(40.0), low.excess(60.0)) == (0.25, 0.0, -0.5)
    both = Limit(name="peak_power_mw", low=100.0, high=200.0)
    assert (both.excess(50.0), both.excess(150.0), both.excess(300.0)) == (0.5, -0.25, 0.5)
    # Of a limit of 0 the excess is the value, of a negative one it is relative to its size.
    assert Limit(name="x", high=0.0).excess(0.3) == 0.3
    assert Limit(name="x", low=0.0).excess(-0.3) == 0.3
    assert Limit(name="x", high=-2.0).excess(-1.0) == 0.5
    assert Limit(name="x", low=-2.0).excess(-3.0) == 0.5
    assert Limit(name="x").excess(1.0) == -math.inf
    assert str(both) == "peak_power_mw >= 100 and <= 200"
    assert (str(high), str(low)) == ("area_mm2 <= 2", "sqnr_db >= 40")


def test_a_design_is_allowed_when_all_limits_hold_and_what_is_not_known_breaks_none():
    limits = [Limit(name="area_mm2", high=1.5), Limit(name="energy_mj", high=2.0), Limit(name="sqnr_db", low=50.0)]
    assert excesses({"area_mm2": 1.5, "energy_mj": 3.0}, limits) == {"area_mm2": 0.0, "energy_mj": 0.5}
    assert is_allowed({"area_mm2": 1.5}, limits)
    assert not is_allowed({"area_mm2": 1.5, "energy_mj": 3.0}, limits)
    assert is_allowed({"area_mm2": 1.5, "energy_mj": 2.0, "sqnr_db": 50.0}, limits)
