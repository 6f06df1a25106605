from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import plotly.graph_objects
import pytest
from markupsafe import escape

import lw3dsim
from lw3dsim.account.dram import MOVED
from lw3dsim.account.energy import COMPONENTS
from lw3dsim.base.values import replace
from lw3dsim.comparison.compare import Case, Comparison
from lw3dsim.engine.causes import CAUSES
from lw3dsim.report.html import figures, render
from lw3dsim.report.html.comparison import comparison_page
from lw3dsim.report.html.contrast import Colour, contrast
from lw3dsim.report.html.page import result_page
from lw3dsim.report.text.tables import comparison_tables
from lw3dsim.result.records import RunRecord
from lw3dsim.result.result import Result

HOSTILE = "</script><b> & \"q'"


class Page(HTMLParser):
    """The tags, attributes and text of a page; what scripts say is kept apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.styles: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        last = self.tags[-1] if self.tags else ""
        if last == "style":
            self.styles.append(data)
        elif last != "script":
            self.texts.append(data)


def renamed(result: Result, names: dict[int, str]) -> Result:
    data = result.data
    for index, name in names.items():
        data["layers"][index]["name"] = name
    return Result(record=msgspec.convert(data, RunRecord), closeups=result.closeups)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    cases = [
        Case(name="direct"),
        Case(name="hFA <2>", transform="fsb_c3d", algorithm="hfa", arch="edge_large"),
        Case(name="3D <3>", algorithm="winograd3d"),
    ]
    return lw3dsim.compare("c3d", cases)


@pytest.fixture(scope="module")
def result() -> Result:
    return lw3dsim.simulate("c3d", transform="fsb_c3d", algorithm="hfa", arch="edge_large")


@pytest.fixture(scope="module")
def pages(comparison: Comparison, result: Result) -> list[str]:
    return [result_page(result), comparison_page(comparison)]


def test_pages_need_no_network(pages: list[str]) -> None:
    for text in pages:
        page = Page(text)
        assert "link" not in page.tags
        assert not {"src", "srcset"} & {name for name, _ in page.attributes}
        assert all(value.startswith("#") for name, value in page.attributes if name == "href")
        assert not any("://" in value for _, value in page.attributes)
        assert not any("url(" in style or "@import" in style for style in page.styles)
        assert len(text) < 600_000


def test_every_layer_is_named(result: Result, pages: list[str]) -> None:
    texts = set(Page(pages[0]).texts)
    assert {layer["name"] for layer in result.data["layers"]} <= texts


def test_a_hostile_layer_name_stays_text(result: Result) -> None:
    plain, hostile = (result_page(renamed(result, {0: name, 1: name})) for name in ("plain", HOSTILE))
    assert Page(hostile).tags == Page(plain).tags
    assert HOSTILE in Page(hostile).texts
    assert escape(HOSTILE) in hostile
    assert "</script><b>" not in hostile


def test_hostile_names_stay_text_in_comparisons(comparison: Comparison) -> None:
    names = [HOSTILE, "b", "c"]
    hostile = comparison_page(replace(comparison, workload=HOSTILE, names=names))
    plain = comparison_page(replace(comparison, workload="plain", names=["a", "b", "c"]))
    assert Page(hostile).tags == Page(plain).tags


def test_the_same_result_gives_the_same_page(result: Result, pages: list[str]) -> None:
    again = Result(record=msgspec.convert(result.data, RunRecord), closeups=result.closeups)
    assert result_page(again) == pages[0]


def test_a_comparison_names_every_case(comparison: Comparison, pages: list[str]) -> None:
    texts = [text.strip() for text in Page(pages[1]).texts]
    for name in comparison.names:
        assert name in texts


def test_a_comparison_has_the_rows_of_the_terminal(comparison: Comparison, pages: list[str]) -> None:
    table, *_ = comparison_tables("c3d", comparison)
    expected = [part for heading, *cells in table.rows[1:] for part in (heading, *" ".join(cells).split())]
    texts = [text.strip() for text in Page(pages[1]).texts if text.strip()]
    begin = texts.index(expected[0])
    assert texts[begin : begin + len(expected)] == expected


def test_a_comparison_gives_the_reasons_for_direct() -> None:
    refused = lw3dsim.compare("c3d", [Case(name="refused", algorithm="winograd3d", m2=8)])
    notes = {layer.note for layer in refused.results[0].record.layers} - {""}
    assert notes
    page = comparison_page(refused)
    assert all(escape(note) in page for note in notes)


def test_equal_and_long_names_stay_apart_on_an_axis() -> None:
    labels = figures.axis_labels(["a", "a", "x" * 90 + "1", "x" * 90 + "2"])
    assert len(set(labels)) == 4


def test_figures_are_valid_plotly(comparison: Comparison, result: Result) -> None:
    marks = {"mark": [1.0, 2.0, 3.0]}
    series = figures.spread([each.energy_breakdown_pj.parts() for each in comparison.results], 1e-9)
    for figure in (
        figures.roofline(result.record),
        figures.share_bars(result.energy_breakdown_pj, 1e-9, "mJ"),
        figures.layer_stack(comparison.names, series, "mJ", marks),
        figures.case_stack(comparison.names, series, "cycles", marks),
        figures.case_groups(comparison.names, series, "G"),
    ):
        plotly.graph_objects.Figure(figure)


def test_stacks_keep_the_whole_energy(result: Result) -> None:
    total = pytest.approx(result.totals["energy_pj"])
    assert sum(figures.grouped(result.energy_breakdown_pj).values()) == total
    assert sum(row[0] for row in figures.spread([result.energy_breakdown_pj.parts()], 1).values()) == total


def test_every_component_and_cause_has_a_style_and_every_group_of_components_too() -> None:
    assert {*COMPONENTS, *CAUSES} <= figures.STYLES.keys()
    assert {style.group for style in figures.STYLES.values()} - {""} <= figures.STYLES.keys()
    assert {key for key in COMPONENTS if figures.STYLES[key].group == "dram_transfers"} == set(MOVED)


def test_a_network_without_macs_has_no_roofline(result: Result) -> None:
    data = result.data
    data["layers"] = [layer for layer in data["layers"] if not layer["macs"]]
    data["totals"] |= {"macs": 0}
    assert "Roofline" not in result_page(Result(record=msgspec.convert(data, RunRecord)))


def test_drawings_stand_off_the_page_in_the_light_and_in_the_dark() -> None:
    style = (Path(render.__file__).parent / "templates" / "style.css").read_text()
    for (card, ink), rules in zip((render.LIGHT, render.DARK), style.split(":root {")[1:3], strict=True):
        assert f"--card: {card};" in rules.partition("}")[0]
        assert f"--ink: {ink};" in rules.partition("}")[0]
        assert contrast(Colour.of(card), Colour.of(ink)) > 10
    edges = re.findall(r"--light:(#\w{6});--dark:(#\w{6})", str(render.colours()))
    assert len(edges) == len(figures.STYLES)
    for light, dark in edges:
        assert contrast(Colour.of(light), Colour.of(render.LIGHT[0])) > 2.95
        assert contrast(Colour.of(dark), Colour.of(render.DARK[0])) > 2.95


def test_contrast_is_that_of_the_standard() -> None:
    white, black, grey = Colour.of("#ffffff"), Colour.of("#000000"), Colour.of("#767676")
    assert contrast(white, black) == pytest.approx(21)
    # The lightest grey that passes for text on white.
    assert contrast(white, grey) == pytest.approx(4.54, abs=0.01)


def test_the_page_of_slowfast_in_four_cases_is_small_and_soon_there() -> None:
    compared = lw3dsim.compare("slowfast_r50_8x8")
    begin = time.process_time()
    page = comparison_page(compared)
    assert time.process_time() - begin < 2
    assert len(page.encode()) < 1_500_000
