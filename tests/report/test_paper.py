"""Are figures for papers written in every kind and format, as wide as a column, with letters, readable in grey?"""

from __future__ import annotations

import re
import struct
import sys
import zlib
from itertools import pairwise

import pytest
from click.testing import CliRunner
from explore_helpers import NET, write_space

import lw3dsim
from lw3dsim import dse
from lw3dsim.cli.main import main
from lw3dsim.report.html.figures import STYLES
from lw3dsim.report.paper import canvas
from lw3dsim.report.paper.canvas import HATCHES, OTHERS, leading, settings
from lw3dsim.report.paper.figures import KINDS
from lw3dsim.report.paper.roofline import IN_LEGEND, LEAST, WHOLE, roofline
from lw3dsim.report.paper.stacks import accesses, energy

FORMATS = (".svg", ".pdf", ".png", ".html")
HOSTILE = "<img src=x>$\\frac{1}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two saved runs, a study, and where they lie."""
    folder = tmp_path_factory.mktemp("figures")
    space = write_space(
        folder, parameters="  pe.rows: [2, 4, 8]\n  winograd.m2: [2, 4]\n", objectives="[latency_ms, area_mm2]"
    )
    study = dse.run(space, workers=1, storage=folder / "s.journal")
    for name, algorithm in (("base", "direct"), ("fast", "hfa")):
        run = ("simulate", folder / "net.yaml", "--algorithm", algorithm, "--out", folder / name)
        assert CliRunner().invoke(main, list(map(str, run))).exit_code == 0
    return folder, study


def plot(*args):
    return CliRunner().invoke(main, ["plot", *map(str, args)])


def check_format(path):
    data = path.read_bytes()
    if path.suffix == ".png":
        assert data.startswith(b"\x89PNG")
    elif path.suffix == ".pdf":
        assert data.startswith(b"%PDF")
        # Letters are embedded as TrueType, none as the type 3 that journals refuse.
        assert b"/FontFile2" in data
        assert b"/Type3" not in data
    else:
        text = data.decode()
        assert "<svg" in text
        assert path.suffix == ".svg" or text.startswith("<!doctype html>")
        # Letters are outlines, and nothing is fetched.
        assert "<text" not in text
        assert not re.search(r'(src|href)="(?!#)', text)


# How a drawing becomes a file is the same for all kinds.
@pytest.mark.parametrize(
    ("kind", "suffix"), [*((kind, ".svg") for kind in (*KINDS, "front")), *(("accesses", end) for end in FORMATS[1:])]
)
def test_every_kind_and_every_format_is_written(runs, tmp_path, kind, suffix):
    folder, _ = runs
    source = (folder / "space.yaml", "--storage", folder / "s.journal") if kind == "front" else (folder / "fast",)
    out = tmp_path / f"figure{suffix}"
    done = plot(*source, "--kind", kind, "--out", out)
    assert (done.exit_code, done.stdout) == (0, ""), done.output
    check_format(out)
    first = out.read_bytes()
    if kind != "accesses":
        return
    # Written anew over its own file, to the same bytes.
    assert plot(*source, "--kind", kind, "--out", out).exit_code == 0
    assert out.read_bytes() == first


@pytest.mark.parametrize(("width", "inches"), [("single", 3.5), ("double", 7.16)])
def test_figures_are_as_wide_as_columns(runs, tmp_path, width, inches):
    folder, _ = runs
    assert plot(folder / "fast", "--kind", "cycles", "--out", tmp_path / "f.png", "--width", width).exit_code == 0
    across = struct.unpack(">I", (tmp_path / "f.png").read_bytes()[16:20])[0]
    assert across == pytest.approx(inches * canvas.DPI, abs=1)
    assert plot(folder / "fast", "--kind", "cycles", "--out", tmp_path / "f.svg", "--width", width).exit_code == 0
    assert f'width="{72 * inches:g}' in (tmp_path / "f.svg").read_text()[:2000]


def test_several_runs_stand_side_by_side(runs, tmp_path):
    folder, _ = runs
    assert plot(folder / "base", folder / "fast", "--kind", "energy", "--out", tmp_path / "f.pdf").exit_code == 0
    results = [lw3dsim.load_result(folder / name) for name in ("base", "fast")]
    with settings():
        drawn = energy(["base", "fast"], [result.record for result in results], "single")
    (axes,) = drawn.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["base", "fast"]
    tops = [
        max(p.get_y() + p.get_height() for p in axes.patches if round(p.get_x() + p.get_width() / 2) == at)
        for at in (0, 1)
    ]
    assert tops == pytest.approx([result.totals.energy_pj / 1e9 for result in results])


def test_bars_hold_what_the_result_holds_and_neighbours_differ_in_grey(runs):
    folder, _ = runs
    record = lw3dsim.load_result(folder / "fast").record
    with settings():
        (axes,) = accesses(record, "single").axes
        (stack,) = energy(["fast"], [record], "double").axes
    whole = sum(patch.get_width() for patch in axes.patches)
    assert whole == pytest.approx(sum(row.energy_pj for row in record.accesses) / 1e9)
    looks = list(dict.fromkeys((patch.get_facecolor(), patch.get_hatch()) for patch in stack.patches))
    assert len(looks) > 3
    for (one, hatch), (other, beside) in pairwise(looks):
        grey = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b, _ in (one, other)]
        assert hatch != beside or abs(grey[0] - grey[1]) > 0.15


def test_a_roofline_has_points_as_large_as_their_share_and_words_in_front_of_them(runs):
    record = lw3dsim.load_result(runs[0] / "fast").record
    with settings():
        (axes,) = roofline(record, "single").axes
    points = axes.collections
    sizes = sorted(size for group in points for size in group.get_sizes())
    shares = sorted(layer.latency_cycles / record.totals.latency_cycles for layer in record.layers if layer.macs)
    assert sizes == pytest.approx([LEAST + WHOLE * share for share in shares])
    # In the legend no kind is larger than another, nor than a point of a tenth of the time.
    legend = {tuple(handle.get_sizes()) for handle in axes.get_legend().legend_handles}
    assert legend == {(IN_LEGEND,)}
    assert LEAST < IN_LEGEND < LEAST + 0.1 * WHOLE
    assert min(text.get_zorder() for text in axes.texts) > max(group.get_zorder() for group in points)


def test_of_many_parts_the_small_are_one():
    series = {str(i): [float(i), 1.0] for i in range(12)}
    kept = leading(series, 7)
    assert len(kept) == 8
    assert [sum(values) for values in zip(*kept.values(), strict=True)] == [66.0, 12.0]
    assert kept[OTHERS] == [10.0, 5.0]
    assert len(HATCHES) > 7
    assert OTHERS not in STYLES


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_name_is_text(tmp_path, kind):
    (tmp_path / "net.yaml").write_text(NET.replace("name: a,", f"name: '{HOSTILE}',"))
    result = lw3dsim.simulate(tmp_path / "net.yaml")
    out = result.plot.save(kind, tmp_path / "f.html", width="double")
    text = out.read_text()
    assert "<img" not in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    assert all(
        "--" not in comment and ">" not in comment[:1] for comment in re.findall(r"<!--(.*?)-->", text, re.DOTALL)
    )
    check_format(out)
    # Of Plotly's the text is escaped: it reads markup.
    assert "<img" not in getattr(result.plot, kind)().to_json()


def refusal(*args):
    done = plot(*args)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_what_can_not_be_drawn_is_refused_in_a_sentence(runs, tmp_path):
    folder, study = runs
    out = ("--out", tmp_path / "f.svg")
    assert "end with one of .svg, .pdf, .png, .html" in refusal(folder / "fast", "--kind", "energy", "--out", "f.gif")
    assert "shows one run, and 2 were given" in refusal(folder / "fast", folder / "base", "--kind", "roofline", *out)
    assert "a layer is named for a timeline" in refusal(folder / "fast", "--kind", "energy", "--layer", "a", *out)
    assert "no layer whose timeline was kept" in refusal(folder / "fast", "--kind", "timeline", "--layer", "c", *out)
    assert "--storage is for --kind front" in refusal(folder / "fast", "--kind", "energy", "--storage", "x", *out)
    assert "of one study" in refusal("a", "b", "--kind", "front", *out)
    for run in (folder / "fast", folder / "fast" / "result.json"):
        assert "is a run, of which there are energy, cycles," in refusal(run, "--kind", "front", *out)
    (tmp_path / "f.svg").write_text("<svg>mine</svg>")
    assert "f.svg" in refusal(folder / "fast", "--kind", "energy", *out)
    assert (tmp_path / "f.svg").read_text() == "<svg>mine</svg>"
    with pytest.raises(lw3dsim.InputError, match="kind"):
        study.plot.save("energy", tmp_path / "g.svg")
    with pytest.raises(lw3dsim.InputError, match=r"y = 2: expected one of "):
        study.plot.front(y=2)
    several = lw3dsim.compare("c3d_small", [lw3dsim.Case(name="a"), lw3dsim.Case(name="b", algorithm="hfa")])
    with pytest.raises(lw3dsim.InputError, match=r"'enrgy'; did you mean 'energy'\? Allowed: cycles, energy$"):
        several.plot.save("enrgy", tmp_path / "g.svg")
    with pytest.raises(lw3dsim.InputError, match="width"):
        study.plot.save("front", tmp_path / "g.svg", width="triple")
    bare = lw3dsim.api.Result(record=lw3dsim.load_result(folder / "fast").record)
    with pytest.raises(lw3dsim.InputError, match="no timeline was kept"):
        bare.plot.save("timeline", tmp_path / "g.svg")


def test_without_matplotlib_the_extra_is_named(runs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = refusal(runs[0] / "fast", "--kind", "energy", "--out", tmp_path / "f.svg")
    assert "pip install 'lw3dsim[figures]'" in said
    assert not list(tmp_path.iterdir())


def test_the_letters_of_a_name_that_the_font_lacks_do_not_stop_a_figure(tmp_path):
    (tmp_path / "net.yaml").write_text(NET.replace("name: a,", "name: '畳み込み',"), encoding="utf-8")
    out = lw3dsim.simulate(tmp_path / "net.yaml").plot.save("energy", tmp_path / "f.png")
    # A PNG that is whole: its last chunk ends it.
    assert out.read_bytes()[-8:-4] == b"IEND"
    assert zlib.crc32(b"IEND") == struct.unpack(">I", out.read_bytes()[-4:])[0]
