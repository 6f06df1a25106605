"""Cases of a workload side by side as a page: what is won and where, figures with ratios, layers beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.report.html.figures import grouped
from lw3dsim.report.html.markup import share_text
from lw3dsim.report.html.matched import matched
from lw3dsim.report.html.page import ALL_SHOWN, MB_PER_BYTE, MJ_PER_PJ, SMALL, configuration, facts
from lw3dsim.report.html.parts import Bar, Chart, Given, bars_of, keys_of
from lw3dsim.report.html.render import rendered
from lw3dsim.result.headlines import HEADLINES, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lw3dsim.comparison.compare import Comparison
    from lw3dsim.report.html.matched import Match
    from lw3dsim.result.records import Figures, Layer, RunRecord

# Figures of which more is better; of all others less is.
RATES = ("utilization %", "MACs/cycle", "clips/s")

# Ratios nearer to 1 than this are neither better nor worse.
EVEN = 0.005


class Cell(NamedTuple):
    """A figure of a case as text, its ratio to the first case, and whether that is ``good``, ``bad`` or neither."""

    value: str
    times: str
    verdict: str


class Headline(NamedTuple):
    """A figure of every case."""

    heading: str
    cells: list[Cell]


class Side(NamedTuple):
    """A row of a chart of layers: a name, whether it is a small one, its bar in each case and the ratios."""

    name: str
    is_small: bool
    size: float
    bars: list[Bar]
    times: list[Cell]


class Sides(NamedTuple):
    """A chart with layers side by side."""

    id: str
    caption: str
    keys: list[tuple[str, str]]
    rows: list[Side]


@dataclass(frozen=True, kw_only=True)
class CaseView:
    """A case of a comparison: what it has of its ``own``, and the layers that it ``refused`` Winograd, by reason."""

    name: str
    own: list[str]
    notes: Sequence[str]
    is_direct: bool
    refused: dict[str, list[str]]
    config: str


def comparison_page(comparison: Comparison) -> str:
    """Return the self-contained HTML page that compares cases with the first."""
    names, records = comparison.names, [result.record for result in comparison.results]
    said = [facts(record) for record in records]
    shared = [column[0] for column in zip(*said, strict=True) if len(set(column)) == 1]
    cases = [
        CaseView(
            name=name,
            own=[fact for fact in own if fact not in shared],
            notes=noted,
            is_direct=record.config.algorithm == "direct",
            refused=_refused(record),
            config=configuration(record),
        )
        for name, record, own, noted in zip(names, records, said, comparison.notes(), strict=True)
    ]
    rows = matched(records)
    sides = layer_sides(names, records, rows)
    return rendered(
        "comparison.html.j2",
        f"{comparison.workload}: {', '.join(names)}",
        verdict=_verdict(names, records, rows),
        shared=shared,
        cases=cases,
        headlines=headlines(records),
        charts=case_charts(names, records),
        sides=sides,
        small=sum(row.is_small for row in sides[0].rows),
    )


def _verdict(names: Sequence[str], records: Sequence[RunRecord], rows: Sequence[Match]) -> list[tuple[str, str]]:
    """Return what the best case wins against the first and where, in pieces: text, and what of it is stressed."""
    if len(records) == 1:
        return [("There is one case, and nothing to compare it with.", "")]
    base = records[0].totals
    best = min(range(1, len(records)), key=lambda i: records[i].totals.edp_js)
    totals = records[best].totals
    faster, less = base.latency_ms / totals.latency_ms, base.energy_pj / totals.energy_pj
    if max(abs(faster - 1), abs(less - 1)) < EVEN:
        return [("No case differs from ", ""), ("", names[0]), (" by much in time and energy.", "")]
    pieces = [("", names[best]), (": ", _times(faster, "faster", "slower", "as fast")), (" and ", "")]
    pieces += [("", _times(less, "less energy", "more energy", "the same energy")), (f", against {names[0]}", "")]
    if abs(totals.area_mm2 / base.area_mm2 - 1) > EVEN:
        pieces.append((f", on {totals.area_mm2 / base.area_mm2:.2f} x the area", ""))
    saved = [(_sum(row.cases[0], _cycles) - _sum(row.cases[best], _cycles), row.name) for row in rows]
    whole = sum(cycles for cycles, _ in saved if cycles > 0)
    most = [(cycles, name) for cycles, name in sorted(saved, reverse=True)[:3] if cycles * 20 > whole > 0]
    if most and faster > 1:
        where = ", ".join(f"{name} ({share_text(cycles / whole)})" for cycles, name in most)
        pieces.append((f". Where: {where} of the cycles that are saved", ""))
    return [*pieces, (".", "")]


def _times(value: float, better: str, worse: str, same: str) -> str:
    if abs(value - 1) < EVEN:
        return same
    return (
        f"{value:.1f}x {better}"
        if value >= 1.05
        else f"{1 / value:.1f}x {worse}"
        if value <= 1 / 1.05
        else (f"{abs(1 - 1 / value):.1%} {better if value > 1 else worse}")
    )


def headlines(records: Sequence[RunRecord]) -> list[Headline]:
    """Return the figures by which cases are compared, with ratios to the first."""
    rows = []
    for headline in HEADLINES:
        base = headline.of(records[0].totals)
        cells = [
            Cell(headline.shown(record.totals), *_judged(headline.of(record.totals), base, headline.heading, index))
            for index, record in enumerate(records)
        ]
        rows.append(Headline(headline.heading, cells))
    return rows


def _judged(value: float, base: float, heading: str, index: int) -> tuple[str, str]:
    """Return the ratio of a figure to the first case's, and whether that is better."""
    times = ratio(value, base) if index else None
    if times is None:
        return "", ""
    is_better = (times > 1) == (heading in RATES)
    return f"{times:.2f}x", "" if abs(times - 1) < EVEN else "good" if is_better else "bad"


def case_charts(names: Sequence[str], records: Sequence[RunRecord]) -> list[Chart]:
    """Return the charts with a bar per case."""

    def chart(
        key: str,
        title: str,
        of: Callable[[RunRecord], Mapping[str, float]],
        scale: float,
        unit: str,
        marks: Callable[[Figures], dict[str, float]] = lambda _: {},
    ) -> Chart:
        given = [
            Given(name, of(record), sum(of(records[0]).values()), marks(record.totals))
            for name, record in zip(names, records, strict=True)
        ]
        labels = given[0].marks
        return Chart(
            key,
            f"{title}, {unit}",
            "",
            keys_of(given),
            bars_of(given, scale, unit),
            [(str(i), label) for i, label in enumerate(labels)],
        )

    return [
        chart(
            "cycles",
            "Cycles by cause",
            lambda r: r.cycles_breakdown.parts(),
            1e-6,
            "M",
            lambda t: {"full multipliers (ideal)": t.ideal_cycles, "DRAM alone": t.dram_bound_cycles},
        ),
        chart("energy", "Energy by component", lambda r: r.energy_breakdown_pj.parts(), MJ_PER_PJ, "mJ"),
        chart(
            "dram",
            "DRAM traffic by tensor",
            lambda r: r.dram_bytes_breakdown.parts(),
            MB_PER_BYTE,
            "MB",
            lambda t: {"compulsory": t.compulsory_bytes},
        ),
        chart("area", "Area by component", lambda r: r.area_breakdown_mm2.parts(), 1.0, "mm²"),
    ]


def _cycles(layer: Layer) -> float:
    return layer.latency_cycles


def _sum(layers: Sequence[Layer], of: Callable[[Layer], float]) -> float:
    return sum(map(of, layers))


def layer_sides(names: Sequence[str], records: Sequence[RunRecord], rows: Sequence[Match]) -> list[Sides]:
    """Return the charts that have every layer of the first case beside what stands for it in the others."""
    first = records[0].totals
    wholes = first.latency_cycles, first.energy_pj, first.dram_bytes
    small = [
        len(rows) > ALL_SHOWN
        and max(
            _sum(row.cases[0], of) / whole
            for of, whole in zip(
                (_cycles, lambda one: one.energy_pj, lambda one: float(one.dram_bytes)), wholes, strict=True
            )
        )
        < SMALL
        for row in rows
    ]
    charts = (
        ("cycles", "Cycles by cause.", lambda one: one.cycles_breakdown.parts(), 1.0, "cycles", ",.0f"),
        ("energy", "mJ by groups of components.", lambda one: grouped(one.energy_breakdown_pj), MJ_PER_PJ, "mJ", ""),
        ("dram", "MB by tensor.", lambda one: one.dram_bytes_breakdown.parts(), MB_PER_BYTE, "MB", ",.2f"),
    )
    return [
        _sides(names, rows, small, key, caption, of, scale, unit, form)
        for key, caption, of, scale, unit, form in charts
    ]


def _sides(
    names: Sequence[str],
    rows: Sequence[Match],
    small: Sequence[bool],
    key: str,
    caption: str,
    of: Callable[[Layer], Mapping[str, float]],
    scale: float,
    unit: str,
    form: str,
) -> Sides:
    given = [
        Given(f"{row.name}, {name}{_became(row, layers)}", _added(layers, of), 1.0, {})
        for row in rows
        for name, layers in zip(names, row.cases, strict=True)
    ]
    bars = bars_of(given, scale, unit, form)
    count = len(names)
    sides = []
    for place, row in enumerate(rows):
        values = [sum(one.breakdown.values()) for one in given[count * place : count * (place + 1)]]
        own = bars[count * place : count * (place + 1)]
        cells = [
            Cell(bar.value, *_judged(v, values[0], key, i)) for i, (v, bar) in enumerate(zip(values, own, strict=True))
        ]
        sides.append(Side(row.name, small[place], max(bar.length for bar in own), own, cells))
    return Sides(key, caption, keys_of(given), sides)


def _became(row: Match, layers: Sequence[Layer]) -> str:
    """Return what stands for a layer in a case, where that is not a layer of its name."""
    names = [layer.name for layer in layers]
    return "" if names == [row.name] else f" ({' + '.join(names) or 'nothing'})"


def _added(layers: Sequence[Layer], of: Callable[[Layer], Mapping[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for layer in layers:
        for key, value in of(layer).items():
            sums[key] = sums.get(key, 0.0) + value
    return sums


def _refused(record: RunRecord) -> dict[str, list[str]]:
    """Return, by reason, the layers that ran direct although the algorithm asked for Winograd."""
    layers_of: dict[str, list[str]] = {}
    for layer in record.layers:
        if layer.note:
            layers_of.setdefault(layer.note, []).append(layer.name)
    return layers_of
