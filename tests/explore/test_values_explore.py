"""Are metrics, costs, limits and bounds of a design the figures that one gets on paper?"""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from paper import machine

from lw3dsim.account.area import area_mm2, leakage_mw
from lw3dsim.account.dram import dram_energy_pj
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.dram.power import DramCounts
from lw3dsim.explore.bounds import least_of, why_not
from lw3dsim.explore.metrics import (
    EXACT_DB,
    METRICS,
    Limit,
    combined,
    cost,
    costs,
    excesses,
    is_allowed,
    measured,
    metrics_of,
    sram_kib,
)
from lw3dsim.explore.space import Space

DERIVED = {"latency_ms": 2.0, "energy_pj": 3e9, "edp_js": 6e-6, "average_power_mw": 700.0, "clips_per_s": 500.0}
FIGURES = {
    "dram_bytes": 4_500_000,
    "area_mm2": {"multipliers": 1.0, "ifmap_sram": 0.5},
    "peak_power_mw": 900.0,
    "sqnr_db": 40.0,
    # A clip has as many frames as its longest input.
    "frames": 32,
    "arch": machine("buffers.ifmap_kib=3", "buffers.weight_kib=5", "buffers.ofmap_kib=9"),
}


def metrics(**changed):
    figures = {name: changed.get(name, value) for name, value in FIGURES.items()}
    derived = {name: changed.get(name, value) for name, value in DERIVED.items()}
    return metrics_of(SimpleNamespace(derived=derived, network=SimpleNamespace(batch=1), **figures), METRICS)


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
        "frames_per_s": 16_000.0,
    })  # fmt: skip
    answered = {"agreement", "predicted_agreement", "accuracy"}
    assert METRICS.keys() - metrics().keys() == set(measured(METRICS)) == answered
    assert metrics(sqnr_db=None)["sqnr_db"] == metrics(sqnr_db=200.0)["sqnr_db"] == EXACT_DB == 120.0
    assert sram_kib(machine()) == 12.0


def test_several_workloads_are_averaged_by_weight_or_the_worst_counts():
    one, two = (
        metrics(),
        metrics(latency_ms=6.0, area_mm2={"vector": 1.0}, sqnr_db=30.0, clips_per_s=100.0, peak_power_mw=1000.0),
    )
    both = combined([one, two], [3, 1], "weighted")
    assert both["latency_ms"] == pytest.approx((3 * 2 + 6) / 4)
    assert (both["energy_mj"], both["dram_mb"]) == pytest.approx((3.0, 4.5))
    # What does not add up is that of the worst: areas and power the largest, rates and SQNR the least.
    assert (both["area_mm2"], both["peak_power_mw"], both["sqnr_db"], both["clips_per_s"]) == (1.5, 1000.0, 30.0, 100.0)
    assert both["sram_kib"] == 17.0
    assert combined([one, two], [3, 1], "worst")["latency_ms"] == 6.0
    adding = {"latency_ms", "energy_mj", "edp_mjs", "dram_mb"}
    assert {name for name, metric in METRICS.items() if metric.adds_up} == adding
    rates = {"sqnr_db", "agreement", "predicted_agreement", "accuracy", "clips_per_s", "frames_per_s"}
    assert {name for name, metric in METRICS.items() if metric.is_rate} == rates


def test_costs_are_milliseconds_and_decibels_below_exact():
    assert cost("latency_ms", 7.0) == 7.0
    assert cost("sqnr_db", 40.0) == 80.0
    assert cost("agreement", 0.75) == cost("accuracy", 0.75) == 0.25
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


# Bounds


def space_of(*limits, objectives=("latency_ms", "energy_mj")):
    return Space(
        name="x", description="", arch="x", loads=(), combine="weighted", parameters=(), objectives=objectives,
        limits=limits, reference=(), contents="", text="", path="",
    )  # fmt: skip


def least(network, *overrides, algorithm="direct", fusion="off"):
    return least_of(parse_workload(network), algorithm, machine(*overrides), is_fused=fusion != "off")


def cycles_and_bursts(*args, **options):
    """Cycles of 2 ns and bursts of 32 bytes."""
    found = least(*args, **options)
    return found["latency_ms"] * 1e6 / 2, found["dram_mb"] * 1e6 / 32


ONE_LAYER = """
name: one
inputs: {clip: {channels: 4, frames: 1, height: 4, width: 4}}
layers: [{name: a, kind: conv3d, out_channels: 3, kernel: [1, 3, 3]}]
"""


def onchip_and_dram_pj(reads, cycles, logic):
    """Energy of ``reads`` bursts, of 12 bytes that are made and leave, of ``cycles`` of 2 ns, and of ``logic``."""
    # A byte of the output buffer is written for 6.4536 / 4 pJ and read for 3.3855 / 4; a DRAM clock is 0.625 ns.
    counts = DramCounts(
        reads=reads, writes=0, activates=0, precharges=0, refreshes=0, active_clocks=0, idle_clocks=cycles * 2000 // 625
    )
    dram = math.fsum(dram_energy_pj(make_clocks(machine()).dram, counts).values())
    # 24 bytes pass half a side of the chip. Control takes 860 flip-flops, 250 in each of 2 stages, 12 adders, a cycle.
    return (
        dram + 12 * (6.4536 + 3.3855) / 4 + leakage_mw(machine(), []) * 2 * cycles + logic + 5.59540 + 12.31702 * cycles
    )


def test_a_layer_takes_at_least_its_products_and_its_tensors_once():
    # 432 products on 4 multipliers. 64 bytes of input and 108 of weights are 5 whole bursts, in 25 cycles; 12 bytes of
    # output none. A product is 0.2 pJ and two accesses of 0.030258.
    found = least(ONE_LAYER)
    assert cycles_and_bursts(ONE_LAYER) == pytest.approx((108, 5))
    energy = onchip_and_dram_pj(5, 108, 432 * (0.2 + 2 * 0.030258))
    assert found["energy_mj"] == pytest.approx(energy * 1e-9)
    assert found["edp_mjs"] == pytest.approx(energy * 1e-9 * 216e-9, rel=1e-6, abs=0)
    assert found["area_mm2"] == pytest.approx(math.fsum(area_mm2(machine(), []).values()))
    assert (found["sram_kib"], found["sqnr_db"]) == (12.0, 120.0)
    # Nothing is known of power over time.
    assert (found["average_power_mw"], found["peak_power_mw"]) == (0, 0)
    assert (found["clips_per_s"], found["frames_per_s"]) == pytest.approx((1e9 / 216, 1e9 / 216))
    # A bound stays one when its sums are rounded.
    assert found["latency_ms"] < 216e-6
    assert found["dram_mb"] < 5 * 32e-6
    # Bursts of 100 ns: five of them take 250 cycles.
    assert cycles_and_bursts(ONE_LAYER, "dram.bandwidth_gbps=0.32") == pytest.approx((250, 5))
    # 5 multipliers take 87 cycles; half of the inputs and a quarter of the weights are zero: an eighth multiplies.
    assert cycles_and_bursts(ONE_LAYER, "pe.rows=1", "pe.cols=5") == pytest.approx((87, 5))
    sparse = ONE_LAYER.replace("width: 4", "width: 4, density: 0.5").replace("3]}", "3], weight_density: 0.25}")
    logic = 432 / 8 * (0.2 + 2 * 0.030258)
    assert least(sparse)["energy_mj"] == pytest.approx(onchip_and_dram_pj(5, 108, logic) * 1e-9)


def test_a_layer_takes_at_least_what_the_best_of_its_forms_does():
    # F(2x2,3x3): 192 products; 12 kernels of 16 x 12 bits are 288 bytes, 11 bursts with the input: 55 cycles,
    # where 192 products take 48. Direct moves 5 bursts and spends less.
    assert cycles_and_bursts(ONE_LAYER, algorithm="hfa") == pytest.approx((55, 5))
    assert least(ONE_LAYER, algorithm="hfa")["energy_mj"] == pytest.approx(
        onchip_and_dram_pj(5, 108, 432 * (0.2 + 2 * 0.030258)) * 1e-9
    )
    # Transformed on chip the kernels are as small as direct ones. 10 x 12 bits are multiplied; no transform is counted.
    onchip = "winograd.weight_transform=onchip"
    assert cycles_and_bursts(ONE_LAYER, onchip, algorithm="hfa") == pytest.approx((48, 5))
    multiply = 0.2 + 2.9 * (10 * 12 - 64) / 960
    access = sum(0.030258 * bits / 8 for bits in (10, 12))
    assert least(ONE_LAYER, onchip, algorithm="hfa")["energy_mj"] == pytest.approx(
        onchip_and_dram_pj(5, 48, 192 * (multiply + access)) * 1e-9
    )


POOLED = """
name: two
inputs: {clip: {channels: 4, frames: 3, height: 5, width: 4}}
layers:
  - {name: a, kind: conv3d, out_channels: 8, kernel: [1, 1, 1]}
  - {name: p, kind: pool3d, mode: max, kernel: [1, 2, 2]}
"""


def test_layers_by_themselves_take_their_bounds_one_after_the_other():
    # 3 frames of 5 x 4: 8 x 4 x 60 products are 480 cycles; 240 + 32 bytes are 8 whole bursts, 480 of output 15. The
    # pool looks at 3 x 4 x 4 pixels of 8 channels, 12 bursts, and makes 3 x 2 x 2: 96 bytes, 3. A burst is 5 cycles.
    assert cycles_and_bursts(POOLED) == pytest.approx((480 + 5 * 15, 8 + 15 + 12 + 3))
    # Of 50 cycles: DRAM is busier than the array.
    assert cycles_and_bursts(POOLED, "dram.bandwidth_gbps=0.32") == pytest.approx((50 * 38, 38))
    # Three frames of a clip in 555 cycles.
    assert least(POOLED)["frames_per_s"] == pytest.approx(3e9 / 1110)


def test_of_fused_layers_only_what_the_output_depends_on_is_made_and_nothing_between_moves():
    # The fifth row is not made: 8 x 4 x 48 products are 384 cycles. 192 bytes of input and 32 of weights: 7 bursts; 3
    # of the output of the pool. DRAM is busy beside the array.
    assert cycles_and_bursts(POOLED, fusion="auto") == pytest.approx((384, 7 + 3))
    assert cycles_and_bursts(POOLED, "dram.bandwidth_gbps=0.32", fusion="auto") == pytest.approx((500, 10))


@pytest.mark.parametrize(
    ("layers", "cycles", "bursts"),
    [
        # A convolution to 8 channels of 3 x 5 x 4, whole: 480 cycles. 240 + 32 bytes are 8 bursts. What reads it:
        # a linear layer to 4: 8 x 60 x 4 products are 480 cycles, 1920 bytes 60 bursts;
        (["{name: b, kind: linear, inputs: a, out_features: 4}"], 480 + 480, 8 + 60),
        # two pools, whose outputs are 96 bytes, 3 bursts, and 24;
        (
            [
                "{name: b, kind: pool3d, mode: max, inputs: a, kernel: [1, 2, 2]}",
                "{name: c, kind: pool3d, mode: max, inputs: a, kernel: [1, 5, 4]}",
            ],
            480,
            8 + 3,
        ),
        # a difference of frames in front of a pool of the first two: all three frames, of four rows; 32 bytes.
        (
            ["{name: b, kind: trg, inputs: a}", "{name: c, kind: pool3d, mode: max, inputs: b, kernel: [2, 2, 2]}"],
            384,
            7 + 1,
        ),
    ],
)
def test_what_is_stored_or_needs_all_frames_is_made_whole(layers, cycles, bursts):
    network = POOLED.split("  - {name: p")[0] + "".join(f"  - {layer}\n" for layer in layers)
    assert cycles_and_bursts(network, fusion="auto") == pytest.approx((cycles, bursts))


def test_an_input_that_several_layers_read_comes_once():
    network = """
name: three
inputs: {clip: {channels: 4, frames: 1, height: 4, width: 4}, other: {channels: 4, frames: 1, height: 4, width: 4}}
layers:
  - {name: a, kind: conv3d, inputs: clip, out_channels: 4, kernel: [1, 1, 1], bias: false}
  - {name: b, kind: conv3d, inputs: clip, out_channels: 4, kernel: [1, 1, 1], bias: false}
  - {name: c, kind: add, inputs: [a, other]}
"""
    # Weights of 16 bytes and the clip of 64 are 2 bursts; the second convolution's 16 none, its output 2. The other
    # input is 2, the sum 2. Two times 256 products.
    assert cycles_and_bursts(network, fusion="auto") == pytest.approx((128, 2 + 2 + 2 + 2))
    # One by one: both read the clip and write, 4 bursts each; the sum reads 4 and writes 2, in 30 cycles.
    assert cycles_and_bursts(network) == pytest.approx((64 + 64 + 30, 4 + 4 + 6))


def test_a_design_is_discarded_where_its_bounds_break_a_limit_or_one_that_was_simulated_is_better():
    def why(*limits, front=(), objectives=("latency_ms", "sram_kib")):
        return why_not(space_of(*limits, objectives=objectives), least(ONE_LAYER), front)

    assert (
        why(Limit(name="latency_ms", high=215e-6))
        == "latency_ms is at best 0.000216; the limit is latency_ms <= 0.000215"
    )
    assert why(Limit(name="sram_kib", high=12.0), Limit(name="latency_ms", high=217e-6)) == ""
    assert why(Limit(name="clips_per_s", low=5e6)).startswith("clips_per_s is at best 4.63e+06")
    # What takes at least so long may take longer, and clips are at most so many a second.
    assert why(Limit(name="latency_ms", low=1.0), Limit(name="clips_per_s", high=1e6)) == ""
    better = "at best latency_ms 0.000216, sram_kib 12: a design that was simulated is better"
    assert why(front=[(200e-6, 12.0)]) == better
    assert why(front=[(300e-6, 12.0), (200e-6, 11.0)]) == better
    # Better in one and worse in the other, or the same.
    assert why(front=[(200e-6, 13.0), (217e-6, 11.0)]) == ""
    assert why(front=[(12.0,)], objectives=("sram_kib",)) == ""
