"""Is what a run tells of its time true: start-up apart, time left once it is known, within a factor of two?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim import simulate
from lw3dsim.describe.workload_file import load_workload
from lw3dsim.network.told import work_of
from lw3dsim.report.progress import LEAST_ANSWERS, Estimate, bar_line, clock


def told(sequence, total):
    """Return (time left as told, truth) after each answer of ``sequence``, pairs of time and units done."""
    estimate, end = Estimate(total), sequence[-1][0]
    pairs = []
    for number, (now, done) in enumerate(sequence):
        estimate.finish(done, now)
        if number == 0:
            estimate.begin(now)
        left = estimate.left_s(now)
        if left is not None:
            pairs.append((left, end - now))
    return pairs


# Seconds at which the layers of FSB-C3D with hFA were done, from the second on, which ended 4.3 s of start-up.
C3D_S = (
    4.35, 4.37, 4.41, 4.46, 4.47, 4.52, 4.57, 4.58, 4.59, 4.61, 4.62, 4.62, 4.62, 4.64, 4.64, 4.65, 4.67, 4.67, 4.68,
    4.69, 4.70, 4.70, 4.72, 4.73, 4.73, 4.73, 4.73, 4.74, 4.77, 4.78, 4.79,
)  # fmt: skip


@given(st.floats(0.01, 100), st.integers(10, 200), st.floats(0, 1000))
def test_steady_work_is_told_exactly_whatever_its_start_took(pace, count, start):
    for left, truth in told([(start + pace * i, i) for i in range(count + 1)], count):
        assert left == pytest.approx(truth, abs=1e-6 + 1e-6 * start)


@given(st.lists(st.floats(0.7, 1.4), min_size=20, max_size=100))
def test_work_of_about_one_pace_is_told_within_a_factor_of_two(paces):
    times = [sum(paces[:i]) for i in range(len(paces) + 1)]
    for left, truth in told([(now, i) for i, now in enumerate(times)], len(paces)):
        assert truth / 2 <= left <= 2 * truth + 1e-6


def test_nothing_is_told_before_it_is_known():
    estimate = Estimate(100)
    estimate.begin(10.0)
    for done in range(1, LEAST_ANSWERS):
        estimate.finish(done, 10.0 + done)
        assert estimate.left_s(10.0 + done) is None
    assert Estimate(10).left_s(5.0) is None


def test_work_that_waits_counts_down_and_never_to_nothing():
    estimate = Estimate(20)
    estimate.begin(0.0)
    for done in range(1, 11):
        estimate.finish(done, float(done))
    assert [estimate.left_s(now) for now in (10.0, 12.0, 100.0)] == [10.0, 8.0, 5.0]


def test_layers_of_a_recorded_run_are_told_within_a_factor_of_two():
    from lw3dsim.transform.passes import apply_transforms

    work = work_of(apply_transforms(load_workload("c3d"), "fsb_c3d"))
    done = [sum(work[: i + 1]) for i in range(len(work))][1:]
    # As on a machine that takes twenty times as long.
    pairs = told([((now - C3D_S[0]) * 20, units) for now, units in zip(C3D_S, done, strict=True)], sum(work))
    assert len(pairs) > 10
    for left, truth in pairs:
        # Of what is left of the shortest rests, a second more or less is twice as much.
        assert truth < pairs[0][1] / 4 or truth / 2 <= left <= truth * 2


def test_progress_rises_to_all_of_the_work():
    seen: list[tuple[int, int]] = []
    simulate(
        "c3d",
        transform="fsb_c3d",
        input_size="16x32x32",
        fusion="auto",
        objective="energy",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert len({total for _, total in seen}) == 1
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
def test_a_line_has_count_and_time_before_all_else(width):
    line = bar_line("tiles_and_pes", 0.5, "75/150", 65.0, ["least latency_ms 13.48", "1.0/s"], width)
    assert len(line) <= width
    assert line.find("75/150") >= 0
    assert "1:05 left" in line
    assert ("[" in line) == (width >= 40)
    assert ("tiles_and_pes" in line) == (width >= 60)
    assert ("least" in line) == (width >= 100)


def test_seconds_are_shown_as_on_a_clock():
    assert [clock(s) for s in (0, 65, 3725)] == ["0:00", "1:05", "1:02:05"]
