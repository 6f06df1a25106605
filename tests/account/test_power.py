"""Is peak power the most energy in any window, and does no energy get lost over time?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim import simulate
from lw3dsim.account.power import Profile, joined

steps = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 100)), min_size=1, max_size=12)


def profile(parts):
    lengths, energies = zip(*parts, strict=True)
    return Profile(
        time=np.concatenate(([0.0], np.cumsum(lengths))), energy=np.concatenate(([0.0], np.cumsum(energies)))
    )


@settings(max_examples=100)
@given(steps, st.integers(1, 300))
def test_the_peak_is_that_of_every_window_tried(parts, window):
    p = profile(parts)
    window = min(window, p.time[-1])
    begins = np.linspace(0, p.time[-1] - window, 500)
    tried = np.interp(begins + window, p.time, p.energy) - np.interp(begins, p.time, p.energy)
    assert p.peak_mw(window) * window / 1000 >= tried.max() - 1e-9
    assert p.peak_mw(window) * window / 1000 <= p.energy[-1] + 1e-9
    # A window that is two of the first kind behind each other.
    if 2 * window <= p.time[-1]:
        assert p.peak_mw(2 * window) <= p.peak_mw(window) * (1 + 1e-9)


def test_a_burst_is_seen_whole_by_a_window_of_its_length_and_averaged_by_a_longer_one():
    p = profile([(1000, 0), (1000, 7), (2000, 0)])  # 7 pJ in 1 ns are 7 mW
    assert p.peak_mw(500) == p.peak_mw(1000) == pytest.approx(7)
    assert p.peak_mw(2000) == pytest.approx(3.5)
    assert p.peak_mw(1e9) == pytest.approx(7 / 4)


def test_a_window_reaches_over_the_border_of_layers():
    first, second = profile([(1000, 0), (1000, 6)]), profile([(1000, 6), (1000, 0)])
    assert joined([first, second]).peak_mw(2000) == pytest.approx(6)
    assert first.peak_mw(2000) == pytest.approx(3)


@pytest.mark.parametrize("window_us", [0.5, 10, 1e6])
def test_peaks_lie_above_averages(window_us):
    result = simulate("c3d", transform="fsb_c3d", algorithm="hfa", overrides=[f"power_window_us={window_us}"])
    totals = result.totals
    assert totals["average_power_mw"] == pytest.approx(totals["energy_pj"] / (totals["latency_ms"] * 1e6))
    for figures in (totals, *result.data["layers"]):
        assert figures["peak_power_mw"] >= figures["average_power_mw"] * (1 - 1e-9)
    if window_us == 1e6:
        # No energy is lost: over all of the time the peak is the average.
        for figures in (totals, *result.data["layers"]):
            assert figures["peak_power_mw"] == pytest.approx(figures["average_power_mw"], rel=1e-9)


def test_what_partial_sums_cost_is_spent_when_they_come_and_go():
    # fc6 adds up its 8192 inputs in parts, for all of its time: no window has much more than another.
    fc6 = next(layer for layer in simulate("c3d").data["layers"] if layer["name"] == "fc6")
    assert fc6["peak_power_mw"] < 1.1 * fc6["average_power_mw"]
