"""Do pages work in a real browser: every drawing there, figures those of the JSON, at any width, for any reader?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest
from browser import CHROMIUM, WHY_NOT, Browser

import lw3dsim
from lw3dsim import dse
from lw3dsim.report.html.comparison import comparison_page
from lw3dsim.report.html.page import result_page
from lw3dsim.result.records import RunRecord
from lw3dsim.result.result import Result

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)

AXE = Path(sys.prefix) / "axe" / "node_modules" / "axe-core" / "axe.min.js"
HOSTILE = "<img src=x onerror=alert(1)>\"'&"
WIDTHS = (360, 1400, 2560)
SPACE = """
name: browsed
arch: edge_base
workloads:
  - {workload: c3d_small, transform: fsb_c3d, algorithm: hfa}
parameters:
  pe.rows: [4, 8, 16]
  pe.cols: [1, 2]
  winograd.m1: [2, 4]
objectives: [latency_ms, energy_mj, area_mm2]
constraints: {area_mm2: {max: 9.5}}
"""

# What is written and does not lie within the window; what scrolls by itself may be wider.
CUT = """(() => {
  const bad = [];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const own = node.parentElement;
    if (!node.textContent.trim() || !own.checkVisibility()) continue;
    if (own.closest("script, .scroll, .window, pre, .unseen, select")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (box.width && (box.left < -1 || box.right > innerWidth + 1)) bad.push(node.textContent.trim());
  }
  return bad;
})()"""


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


@pytest.fixture(scope="module")
def result() -> Result:
    run = lw3dsim.simulate("c3d_small", transform="fsb_c3d", algorithm="hfa")
    data = run.data
    data["layers"][1]["name"] = HOSTILE
    return Result(record=msgspec.convert(data, RunRecord), closeups=run.closeups)


@pytest.fixture(scope="module")
def pages(result, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    pages = {name: folder / f"{name}.html" for name in ("result", "comparison", "study")}
    pages["result"].write_text(result_page(result))
    pages["comparison"].write_text(comparison_page(lw3dsim.compare("c3d_small")))
    space = folder / "space.yaml"
    space.write_text(SPACE)
    dse.run(space, storage=folder / "study.journal", workers=1, bounds=False)
    dse.report(space, pages["study"], storage=folder / "study.journal")
    return pages


def opened(browser: Browser, page: Path) -> Browser:
    """Open a page as it is shown at first, where that is not open yet."""
    browser.media()
    browser.size(1400)
    if browser.ask("location.href") != page.as_uri():
        browser.open(page)
    return browser


@pytest.mark.parametrize("name", ["result", "comparison", "study"])
def test_a_page_complains_of_nothing_asks_for_nothing_fits_any_width_and_serves_all_readers(browser, pages, name):
    opened(browser, pages[name])
    assert browser.requests == [pages[name].as_uri()]
    for width in WIDTHS:
        browser.size(width)
        assert browser.ask("document.documentElement.scrollWidth") <= width
        assert browser.ask(CUT) == []
        assert (
            browser.ask(
                "[...document.querySelectorAll('.plot, .timeline .drawing, .bars')]"
                ".filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 10).length"
            )
            == 0
        )
    browser.size(1400)
    dark, light = (_colours(browser, scheme) for scheme in ("dark", "light"))
    assert dark != light
    if AXE.exists():
        browser.ask(AXE.read_text() + ";0")
        for scheme in ("dark", "light"):
            browser.media("screen", scheme)
            found = browser.ask("axe.run(document).then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
            assert found == []
    browser.media("print")
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.ask("document.documentElement.scrollWidth") <= 1400
    assert browser.complaints == []


def _colours(browser: Browser, scheme: str) -> list[str]:
    browser.media("screen", scheme)
    return browser.ask("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core here (npm was not there, or did not find it)")
def test_axe_is_there():
    assert AXE.stat().st_size > 100_000


def test_figures_of_a_result_are_those_of_its_json(browser, pages, result):
    opened(browser, pages["result"])
    totals = json.loads(result.to_json())["totals"]
    tiles = browser.ask(
        "[...document.querySelectorAll('.tile b')].map(b => parseFloat(b.textContent.replace(/,/g, '')))"
    )
    shown = [totals["latency_ms"], totals["energy_pj"] / 1e9, totals["area_mm2"], totals["clips_per_s"]]
    assert tiles[:4] == pytest.approx(shown, rel=1e-3)
    rows = browser.ask(
        "[...document.querySelectorAll('[data-chart=cycles] .bars > li')].map(li =>"
        " [li.querySelector('.name').textContent, +li.querySelector('.of-absolute').textContent.replace(/,/g, ''),"
        " [...li.querySelectorAll('.bar i')].reduce((sum, i) => sum + parseFloat(i.style.width), 0)])"
    )
    assert [tuple(row[:2]) for row in rows] == [(one.name, one.latency_cycles) for one in result.record.layers]
    assert all(99 < width < 100.2 for _, _, width in rows)
    assert browser.ask("document.querySelectorAll('svg .dot').length") == sum(o.macs > 0 for o in result.record.layers)


def test_toggles_order_hover_zoom_sort_and_copy_work(browser, pages, result):
    opened(browser, pages["result"])
    visible = (
        "[...document.querySelectorAll('#layers .chart')].filter(c => c.checkVisibility()).map(c => c.dataset.chart)"
    )
    for button in ("lost", "energy", "dram", "cycles"):
        browser.click(f"#layers button[value={button}]")
        assert browser.ask(visible) == [button]
    before = browser.ask("document.querySelector('#layers .bars .bar').getBoundingClientRect().width")
    browser.click("#layers button[value=share]")
    assert browser.ask("document.querySelector('#layers .bars .bar').getBoundingClientRect().width") > before
    browser.click("button[value=size]")
    names = browser.ask("[...document.querySelectorAll('[data-chart=cycles] .name')].map(a => a.textContent)")
    assert names == [o.name for o in sorted(result.record.layers, key=lambda o: -o.latency_cycles)]
    browser.hover("[data-chart=cycles] .track")
    assert browser.ask("document.getElementById('tip').textContent").startswith(f"{names[0]}: ")
    browser.click("[data-chart=cycles] .name")
    assert browser.ask("document.querySelector('.look:not([hidden]) b').textContent") == names[0]
    long = browser.ask("document.querySelector('.look:not([hidden]) .view:not([hidden]) .long').clientWidth")
    browser.click(".look:not([hidden]) .view:not([hidden]) [data-zoom='2']")
    assert browser.ask(
        "document.querySelector('.look:not([hidden]) .view:not([hidden]) .long').clientWidth"
    ) == pytest.approx(2 * long, abs=2)
    browser.hover(".look:not([hidden]) .view:not([hidden]) .drawing")
    assert "cycle " in browser.ask("document.getElementById('tip').textContent")
    browser.click("#table table.sorts thead th:nth-child(5) button")
    cells = browser.ask(
        "[...document.querySelectorAll('#table table.sorts tbody td:nth-child(5)')].map(d => +d.dataset.sort)"
    )
    assert cells == sorted(cells, reverse=True)
    assert browser.ask("document.querySelectorAll('img').length") == 0
    assert browser.complaints == []


def test_layers_side_by_side_sum_to_the_cases(browser, pages):
    opened(browser, pages["comparison"])
    compared = lw3dsim.compare("c3d_small")
    sums = browser.ask(
        "[0, 1, 2, 3].map(n => [...document.querySelectorAll('[data-chart=cycles] .sides > li')].reduce((sum, li) =>"
        " sum + +li.querySelectorAll('.value')[n].textContent.replace(/,/g, ''), 0))"
    )
    assert sums == [one.totals.latency_cycles for one in compared.results]
    assert browser.ask("document.querySelector('.verdict').textContent").startswith("FSB")


def test_a_front_takes_other_axes_and_brushes_keep_designs_everywhere(browser, pages):
    opened(browser, pages["study"])
    dots = "document.querySelectorAll('#front .front').length"
    rows = browser.ask("document.querySelectorAll('#points tbody tr').length")
    assert browser.ask(dots) == rows > 1
    assert browser.ask("document.querySelectorAll('#front .stair').length") > 0
    assert browser.ask("document.querySelectorAll('#front .base, #front .limit').length") == 2
    browser.ask("(s => { s.value = '0'; s.onchange(); })(document.getElementById('x'))")
    browser.ask("(s => { s.value = '1'; s.onchange(); })(document.getElementById('y'))")
    assert browser.ask("document.querySelector('#front .axis-y').textContent") == "energy, mJ"
    box = browser.ask(
        "(b => [b.left + b.width / 2, b.top, b.height])(document.querySelector('.axis').getBoundingClientRect())"
    )
    browser.ask("document.querySelector('.axis').scrollIntoView({block: 'center'})")
    box = browser.ask(
        "(b => [b.left + b.width / 2, b.top, b.height])(document.querySelector('.axis').getBoundingClientRect())"
    )
    browser.drag((box[0], box[1] + 0.5 * box[2]), (box[0], box[1] + 0.99 * box[2]))
    kept = browser.ask("document.querySelectorAll('#points tbody tr:not(.out)').length")
    assert 0 < kept < rows
    assert browser.ask("document.querySelectorAll('#front .front:not(.out)').length") == kept
    assert browser.ask("document.getElementById('brushed').textContent").startswith(f"{kept} of {rows} designs")
    browser.ask("document.querySelector('.axis').focus()")
    for key in ("Escape", "ArrowDown"):
        browser.send("Input.dispatchKeyEvent", type="keyDown", key=key)
    assert browser.ask("document.querySelectorAll('#points tbody tr:not(.out)').length") == kept
    assert "0% to 50%" in browser.ask("document.querySelector('.axis').getAttribute('aria-valuetext')")
    browser.click("#clear")
    assert browser.ask("document.querySelectorAll('#study .out').length") == 0
    command = browser.ask("document.querySelector('[data-copy]').dataset.copy")
    assert command.startswith("lw3dsim simulate c3d_small")
    assert browser.complaints == []
