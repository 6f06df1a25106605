"""Are layers from close by what was simulated, are they kept beside a result, and left out where they don't fit it?"""

from __future__ import annotations

import json

import pytest

import lw3dsim
from lw3dsim.closeups import STEADY, TIMELINES
from lw3dsim.report.html.matched import matched
from lw3dsim.report.html.page import result_page


@pytest.fixture(scope="module")
def result():
    return lw3dsim.simulate("c3d_small", transform="fsb_c3d", algorithm="hfa")


@pytest.fixture(scope="module")
def fused():
    return lw3dsim.simulate("c3d_small", transform="fsb_c3d", fusion="auto", objective="energy")


def test_every_layer_has_its_nest_and_the_longest_have_timelines(result):
    closeups = result.closeups.closeups
    assert [one.name for one in closeups] == [layer.name for layer in result.record.layers]
    assert all(one.nest.startswith(f"{one.name}: ") for one in closeups)
    shown = [one.latency_cycles for one in closeups if one.stretches]
    assert sorted(shown, reverse=True) == sorted((one.latency_cycles for one in closeups), reverse=True)[:TIMELINES]


@pytest.mark.parametrize("kind", ["result", "fused"])
def test_a_whole_timeline_has_the_cycles_of_the_layer(kind, request):
    seen = 0
    for closeup in request.getfixturevalue(kind).closeups.closeups:
        for stretch in closeup.stretches:
            strips = {strip.name: strip for strip in stretch.strips}
            for strip in strips.values():
                assert all(a <= b for a, b in zip(strip.begin, strip.end, strict=True))
                if not stretch.merged_cycles:
                    assert all(b <= a for a, b in zip(strip.begin[1:], strip.end, strict=False))
                    length = sum(b - a for a, b in zip(strip.begin, strip.end, strict=True))
                    assert sum(strip.busy_cycles) == pytest.approx(length, abs=0.1 * len(strip.begin) + 0.1)
                assert stretch.begin <= min(strip.begin, default=stretch.begin)
                assert max(strip.end, default=stretch.end) <= stretch.end
            steps = sum(len(strips[name].begin) for name in ("array", "vector unit") if name in strips)
            if stretch.name == "steady state":
                assert steps == STEADY == stretch.last_step - stretch.first_step + 1
                assert stretch.arrows or "+" in closeup.name
            else:
                assert (stretch.begin, stretch.end) == (0, closeup.latency_cycles)
                assert stretch.merged_cycles or steps == closeup.steps
                seen += 1
    assert seen


def test_many_slices_are_drawn_as_fewer_and_count_as_they_are(result, monkeypatch):
    import lw3dsim.closeups

    monkeypatch.setattr(lw3dsim.closeups, "SLICES", 3)
    monkeypatch.setattr(lw3dsim.closeups, "PLACES", 10)
    again = lw3dsim.simulate("c3d_small", transform="fsb_c3d", algorithm="hfa").closeups
    pairs = [
        (few, many)
        for one, other in zip(again.closeups, result.closeups.closeups, strict=True)
        for few, many in zip(one.stretches, other.stretches, strict=True)
        if few.merged_cycles
    ]
    assert pairs
    for few, many in pairs:
        for strip, whole in zip(few.strips, many.strips, strict=True):
            assert strip.busy_cycles == whole.busy_cycles
            assert len(strip.begin) <= min(len(whole.begin), 11 * len(strip.labels))


def test_closeups_lie_beside_a_result_which_is_whole_without_them(cli, result, tmp_path):
    assert (
        cli("simulate", "c3d_small", "--transform", "fsb_c3d", "--algorithm", "hfa", "--out", str(tmp_path)).exit_code
        == 0
    )
    loaded = lw3dsim.load_result(tmp_path)
    assert loaded.closeups == result.closeups
    assert '<section class="timeline"' in result_page(loaded)
    file = tmp_path / "closeups.json"
    data = json.loads(file.read_text())
    data["closeups"][0]["latency_cycles"] += 1
    other = json.dumps(data)
    drawn = next(one for one in data["closeups"] if one.get("stretches"))
    drawn["stretches"][0]["strips"][0]["label"][0] = 99
    said = "not what lw3dsim wrote"
    for text, wrong in ((json.dumps(data), said), ("{", said), ("[]", said), (other, "is of another run")):
        file.write_text(text)
        loaded = lw3dsim.load_result(tmp_path)
        assert loaded == result
        assert loaded.plot.energy().data
        with pytest.raises(lw3dsim.InputError, match=wrong):
            loaded.plot.timeline()
        refused = cli("report", str(tmp_path))
        assert refused.exit_code == 2
        assert f"closeups.json: {wrong}" in refused.stderr
        assert "delete it" in refused.stderr
    file.unlink()
    assert "hold no loop nest" in result_page(loaded)


def test_layers_of_a_block_and_of_a_group_stand_beside_what_they_replace(result, fused):
    plain = lw3dsim.simulate("c3d_small")
    rows = matched([plain.record, result.record, fused.record])
    for place, one in enumerate((plain, result, fused)):
        assert sorted(layer.name for row in rows for layer in row.cases[place]) == sorted(
            layer.name for layer in one.record.layers
        )
    for row in rows:
        if len(row.cases[0]) == 1:
            assert all(layer.name.startswith(row.name) for layer in row.cases[1])
    assert len({row.name for row in rows}) == len(rows)
    # Of the same layers, a group stands beside as many as it has.
    for row in matched([result.record, fused.record]):
        assert len(row.cases[0]) == sum(layer.name.count("+") + 1 for layer in row.cases[1])
