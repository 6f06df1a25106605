"""Is what a design is judged by the very figure of its result, though no result is made of it?"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from explore_helpers import write_space

from lw3dsim import result as results
from lw3dsim.base.caches import forget
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.metrics import EXACT_DB, METRICS, measured
from lw3dsim.explore.space_file import load_space
from lw3dsim.network import pipeline
from lw3dsim.network.request import Request

# Where designs answer clips of moving digits, these must be there.
HAS_DIGITS = find_spec("sklearn") is not None
SPACES = [path for path in sorted(Path("experiments").glob("*.yaml")) if HAS_DIGITS or path.stem != "accuracy_chip"]
PEAK = "peak_power_mw"
# Clips of their networks that take a tenth of the time.
SMALL = {"workload: c3d,": "input: 16x32x32", "workload: slowfast_r50_4x16,": "input: 64x32x32"}


def small(path, folder):
    """A shipped space, of its networks for small clips."""
    text = path.read_text()
    for load, size in SMALL.items():
        text = text.replace(load, f"{load} {size},")
    (folder / path.name).write_text(text)
    return load_space(folder / path.name)


def spread(space, count):
    """The numbers of so many designs of a space, far from each other."""
    return [int(space.size * (0.618034 * i % 1)) for i in range(1, count + 1)]


def totals_of(space, point):
    """The totals and areas that a run of a design says, of each workload."""
    evaluator = Evaluator(space)
    found = []
    for load in space.loads:
        chosen = load.at(point)
        request = Request(
            workload=evaluator.network(load, point), arch=evaluator.design(point), algorithm=chosen.algorithm,
            fusion=chosen.fusion, objective=chosen.objective,
        )  # fmt: skip
        found.append(pipeline.simulate_prepared(pipeline.prepare(request)))
    return found


def judged(result):
    totals = result.totals
    frames = max(shape[1] for shape in result.config.workload.inputs.values())
    return {
        "latency_ms": totals.latency_ms,
        "energy_mj": totals.energy_pj * 1e-9,
        "edp_mjs": totals.edp_js * 1e3,
        "dram_mb": totals.dram_bytes * 1e-6,
        "peak_power_mw": totals.peak_power_mw,
        "average_power_mw": totals.average_power_mw,
        "sqnr_db": EXACT_DB if totals.sqnr_db is None else min(totals.sqnr_db, EXACT_DB),
        "clips_per_s": totals.clips_per_s,
        "frames_per_s": totals.clips_per_s * frames,
        "area_mm2": totals.area_mm2,
    }


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_metrics_of_a_design_are_the_figures_of_its_result(path, tmp_path):
    space, states = small(path, tmp_path), []
    for number in spread(space, 20):
        point = space.point(space.canonical(space.numbered(number)))
        outcome = Evaluator(space).evaluate(point)
        states.append(outcome.state)
        if outcome.state != "done":
            continue
        of_each = [judged(result) for result in totals_of(space, point)]
        for name in set(space.metrics) - {"sram_kib", *measured(METRICS)}:
            values = [one[name] for one in of_each]
            if name == "area_mm2" and len(values) > 1:
                assert outcome.metrics[name] >= max(values) * (1 - 1e-12)
            else:
                assert outcome.metrics[name] == (min(values) if METRICS[name].is_rate else max(values)), name
        if states.count("done") == 2:
            break
    assert "done" in states


def test_power_over_time_is_known_of_a_design_only_where_it_is_asked_for(tmp_path):
    plain = load_space(write_space(tmp_path))
    limited = load_space(write_space(tmp_path, more="constraints: {peak_power_mw: {max: 1e9}}\n"))
    assert set(METRICS) - set(plain.metrics) == {PEAK, *measured(METRICS)}
    assert set(limited.metrics) == {*plain.metrics, PEAK}
    point = plain.point((0,) * len(plain.sizes))
    without, with_peak = (Evaluator(space).evaluate(point).metrics for space in (plain, limited))
    assert with_peak[PEAK] >= with_peak["average_power_mw"] * (1 - 1e-9) > 0
    assert without == {name: value for name, value in with_peak.items() if name != PEAK}


def test_no_record_is_made_of_a_design(tmp_path, monkeypatch):
    def refused(*_args, **_kwargs):
        raise AssertionError("a record")

    for name in ("Layer", "Totals", "RunRecord", "EnergyCauses"):
        monkeypatch.setattr(results.assemble, name, refused)
    space = load_space(write_space(tmp_path))
    assert Evaluator(space).evaluate(space.point((0,) * len(space.sizes))).state == "done"


def test_a_design_costs_the_same_whatever_was_evaluated_before(tmp_path):
    space = small(Path("experiments") / "tiles_and_pes.yaml", tmp_path)
    points = [space.point(space.numbered(number)) for number in spread(space, 4)]
    evaluator = Evaluator(space)
    together = [evaluator.evaluate(point).metrics for point in points]
    for point, known in zip(points, together, strict=True):
        forget()
        assert Evaluator(space).evaluate(point).metrics == known
