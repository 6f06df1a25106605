"""Do results show themselves in a few lines, as text that stays text, and as figures that hold the figures?"""

from __future__ import annotations

import html
import re

import pytest
from plotly.graph_objects import Figure

import lw3dsim


@pytest.fixture(scope="module")
def result():
    return lw3dsim.simulate("c3d_small", transform="fsb_c3d", algorithm="hfa")


@pytest.fixture(scope="module")
def comparison():
    return lw3dsim.compare("c3d_small")


def test_a_result_says_in_three_lines_what_ran_what_it_costs_and_where_that_goes(result):
    what, costs, where = repr(result).splitlines()
    assert what.startswith("c3d_small + fsb_c3d on edge_base, hfa: ")
    assert f"{result.totals.latency_ms:,.4g} ms" in costs
    assert f"{result.totals.energy_pj / 1e9:,.4g} mJ" in costs
    cause, cycles = max(result.cycles_breakdown.items(), key=lambda item: item[1])
    assert f"{cycles / result.totals.latency_cycles:.0%} of the cycles: {cause}" in where
    longest = max(result.record.layers, key=lambda layer: layer.latency_cycles)
    assert f"longest: {longest.name} (" in where


def test_a_result_of_several_clips_says_what_they_cost():
    behind = lw3dsim.simulate("c3d_small", clips=3)
    (*_, said) = repr(behind).splitlines()
    assert said.startswith("3 clips without a stop between layers: ")
    assert f"{behind.totals.stream_latency_ms:.3f} ms" in said
    together = lw3dsim.simulate("c3d_small", batch=2)
    (*_, said) = repr(together).splitlines()
    assert said.startswith(f"2 clips together; of each {together.totals.clip_latency_ms:.3f} ms")
    assert said in html.unescape(together._repr_html_())


def test_a_comparison_shows_every_case_with_its_ratios(comparison):
    first, *lines = repr(comparison).splitlines()
    assert first == "c3d_small: 4 cases"
    ratios = comparison.table["latency_ms_ratio"]
    for name, line, ratio in zip(comparison.names, lines, ratios, strict=True):
        assert line.startswith(f"{name}: ")
        assert f"({ratio:.2f}x)" in line or name == comparison.names[0]


def test_a_notebook_shows_the_same_and_text_stays_text(result, comparison, tmp_path):
    assert html.escape(repr(result).splitlines()[0]) in result._repr_html_()  # the name that Jupyter asks for
    for name in comparison.names:
        assert f"<th>{html.escape(name)}</th>" in comparison._repr_html_()
    path = tmp_path / "net.yaml"
    path.write_text(
        "name: a<b>&c\ninputs: {clip: {channels: 3, frames: 2, height: 4, width: 4}}\nlayers:\n"
        "  - {name: '<img src=x>', kind: conv3d, out_channels: 4, kernel: [1, 1, 1]}\n"
    )
    try:
        shown = lw3dsim.simulate(path)._repr_html_()
    except lw3dsim.InputError:
        pytest.skip("such names are refused before")
    assert set(re.findall(r"<(\w+)", shown)) <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}


def heights(figure, axis):
    return sum(value or 0 for trace in figure.data if trace.type == "bar" for value in trace[axis])


def test_figures_hold_what_the_result_holds(result, comparison):
    totals = result.totals
    assert heights(result.plot.cycles(), "x") == pytest.approx(totals.latency_cycles / 1e6)
    assert heights(result.plot.cycles(by_layer=True), "y") == totals.latency_cycles
    assert heights(result.plot.energy(by_layer=True), "y") == pytest.approx(totals.energy_pj / 1e9)
    assert heights(result.plot.energy(), "x") == pytest.approx(totals.energy_pj / 1e9)
    assert heights(result.plot.dram(), "x") == pytest.approx(totals.dram_bytes / 1e6)
    assert heights(result.plot.area(), "x") == pytest.approx(totals.area_mm2)
    assert isinstance(result.plot.roofline(), Figure)
    every = [one.totals for one in comparison.results]
    assert heights(comparison.plot.energy(), "x") == pytest.approx(sum(one.energy_pj for one in every) / 1e9)
    assert heights(comparison.plot.dram(), "x") == pytest.approx(sum(one.dram_bytes for one in every) / 1e6)
    assert heights(comparison.plot.cycles(), "x") == sum(one.latency_cycles for one in every)
    assert isinstance(comparison.plot.multiplications(), Figure)
    assert heights(comparison.plot.area(), "x") == pytest.approx(sum(one.area_mm2 for one in every))
    assert "ComparisonPlots: .cycles(), .energy()" in repr(comparison.plot)


def test_what_can_not_be_drawn_is_refused_in_a_sentence(result, tmp_path):
    path = tmp_path / "pool.yaml"
    path.write_text(
        "name: pool\ninputs: {clip: {channels: 3, frames: 2, height: 4, width: 4}}\nlayers:\n"
        "  - {name: pool, kind: pool3d, mode: max, kernel: [1, 2, 2]}\n"
    )
    with pytest.raises(lw3dsim.InputError, match="pool: no layer has MACs"):
        lw3dsim.simulate(path).plot.roofline()
    cases = [lw3dsim.Case(name=name) for name in ("one", "two")]
    with pytest.raises(lw3dsim.InputError, match="one, two: no layer has MACs"):
        lw3dsim.compare(path, cases).plot.roofline()
    with pytest.raises(lw3dsim.InputError, match="by_layer"):
        result.plot.cycles(by_layer="yes")


def test_an_explanation_shows_itself_and_names_stay_text(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "name: a<b>&c\ninputs: {clip: {channels: 16, frames: 4, height: 8, width: 8}}\nlayers:\n"
        "  - {name: a, kind: conv3d, out_channels: 16, kernel: 3, padding: 1}\n"
    )
    explanation = lw3dsim.explain(path, "edge_small")
    what, said, *steps = repr(explanation).splitlines()
    assert what.startswith("a<b>&c on edge_small: ")
    assert " binds " in said
    best = explanation.rows()[0]
    assert steps[0].startswith(f"{best.field} {best.before} -> {best.after}: {best.latency_change:+.1%} time")
    assert len(steps) <= 5
    shown = explanation._repr_html_()
    assert "a&lt;b&gt;&amp;c" in shown
    assert "<b>&" not in shown
    assert explanation.table["field"].tolist() == [row.field for row in explanation.rows()]
    assert len(explanation.table) == len(explanation.changes)


def test_accesses_timelines_and_rooflines_hold_the_figures(result, comparison):
    rows = result.record.accesses
    energy = sum(row.energy_pj for row in rows) / 1e9
    assert heights(result.plot.accesses(), "x") == pytest.approx(energy)
    assert heights(result.plot.accesses(by_layer=True), "y") == pytest.approx(energy)
    every = [sum(row.energy_pj for row in one.record.accesses) for one in comparison.results]
    assert heights(comparison.plot.accesses(), "x") == pytest.approx(sum(every) / 1e9)
    points = sum(len(trace.x) for trace in comparison.plot.roofline().data if trace.mode == "markers")
    assert points == sum(layer.macs > 0 for one in comparison.results for layer in one.record.layers)
    closeup = max(result.closeups.closeups, key=lambda one: one.latency_cycles)
    whole = result.plot.timeline(closeup.name, whole=True)
    busy = sum(
        end - begin for strip in closeup.stretches[-1].strips for begin, end in zip(strip.begin, strip.end, strict=True)
    )
    assert sum(sum(trace.x) for trace in whole.data) == pytest.approx(busy)
    assert result.plot.timeline().layout.xaxis.range[0] >= 0
    with pytest.raises(lw3dsim.InputError, match="no layer whose timeline was kept"):
        result.plot.timeline("no such layer")
