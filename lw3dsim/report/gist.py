"""The gist of a result, a line each: what ran, what it costs, where that goes; for a prompt and for a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from lw3dsim.report.html.figures import STYLES, grouped
from lw3dsim.report.text.explanation import verdict
from lw3dsim.report.text.tables import clip_lines
from lw3dsim.result.headlines import HEADLINES, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.comparison.explain import Explanation
    from lw3dsim.result.records import RunRecord

# The layers that are named.
LONGEST = 3

# Steps of an explanation that are shown, and what they save at least.
STEPS, LEAST = 5, 0.001

# The figures of the table of a notebook.
SHOWN = ("latency ms", "energy mJ", "EDP mJs", "DRAM MB", "utilization %", "MACs/cycle", "clips/s", "area mm2")


def result_lines(record: RunRecord) -> list[str]:
    """Return three lines, and behind them what several clips cost."""
    config, totals = record.config, record.totals
    passes = "".join(f" + {name}" for name in config.transforms)
    how = config.algorithm if config.fusion == "off" else f"{config.algorithm}, fused"
    cause, cycles = max(record.cycles_breakdown.items(), key=lambda item: item[1])
    group, energy = max(grouped(record.energy_breakdown_pj).items(), key=lambda item: item[1])
    costly = sorted(record.layers, key=lambda layer: -layer.latency_cycles)[:LONGEST]
    longest = ", ".join(f"{layer.name} ({layer.latency_cycles / totals.latency_cycles:.0%})" for layer in costly)
    time, power = cycles / totals.latency_cycles, energy / totals.energy_pj
    return [
        f"{record.workload}{passes} on {record.arch}, {how}: {totals.macs / 1e9:,.4g} G MACs",
        f"{totals.latency_ms:,.4g} ms, {totals.energy_pj / 1e9:,.4g} mJ, {totals.dram_bytes / 1e6:,.4g} MB from and to "
        f"DRAM, utilization {totals.utilization:.1%}, {totals.area_mm2:.4g} mm²",
        f"{time:.0%} of the cycles: {STYLES[cause].label}; {power:.0%} of the energy: {STYLES[group].label}; "
        f"longest: {longest}",
        *clip_lines(totals),
    ]


def comparison_lines(workload: str, names: Sequence[str], records: Sequence[RunRecord]) -> list[str]:
    """Return a line on what is compared, and one per case with its ratios to the first."""
    base = records[0].totals
    lines = [f"{workload}: {len(names)} cases"]
    for name, record in zip(names, records, strict=True):
        totals = record.totals
        times = [ratio(totals.latency_ms, base.latency_ms), ratio(totals.energy_pj, base.energy_pj)]
        latency, energy = (f" ({one:.2f}x)" if one is not None and record is not records[0] else "" for one in times)
        lines.append(f"{name}: {totals.latency_ms:,.4g} ms{latency}, {totals.energy_pj / 1e9:,.4g} mJ{energy}")
    return lines


def result_element(record: RunRecord) -> str:
    """Return the gist as HTML for a notebook: text is escaped, and nothing is fetched."""
    what, _, *below = map(_escape, result_lines(record))
    said = "".join(f"<p>{line}</p>" for line in below)
    return f"<div><p><b>{what}</b></p>{_table([''], [record])}{said}</div>"


def comparison_element(workload: str, names: Sequence[str], records: Sequence[RunRecord]) -> str:
    """Return a table of the cases as HTML for a notebook."""
    return f"<div><p><b>{_escape(workload)}</b></p>{_table(names, records)}</div>"


def explanation_lines(explanation: Explanation) -> list[str]:
    """Return what was asked, what binds, and a line for each of the steps that shorten the run most."""
    base = explanation.base
    lines = [f"{base.workload} on {base.arch}: {base.totals.latency_ms:,.4g} ms", verdict(explanation)]
    return lines + [f"{row[0]} {row[1]} -> {row[2]}: {row[3]} time, {row[4]} energy" for row in _steps(explanation)]


def explanation_element(explanation: Explanation) -> str:
    """Return the same as HTML for a notebook."""
    what, said = map(_escape, explanation_lines(explanation)[:2])
    heads = "".join(f"<th>{head}</th>" for head in ("field", "from", "to", "time", "energy", "area, mm2"))
    rows = "".join(f"<tr>{''.join(f'<td>{_escape(cell)}</td>' for cell in row)}</tr>" for row in _steps(explanation))
    return (
        f"<div><p><b>{what}</b></p><p>{said}</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _steps(explanation: Explanation) -> list[tuple[str, ...]]:
    """Return the steps that shorten the run most, by what they change."""
    rows = [row for row in explanation.rows() if row.latency_change is not None and row.latency_change < -LEAST]
    return [
        (
            row.field,
            str(row.before),
            str(row.after),
            f"{row.latency_change:+.1%}",
            f"{row.energy_change:+.1%}",
            f"{row.area_change_mm2:+.2f}",
        )
        for row in rows[:STEPS]
    ]


def _table(names: Sequence[str], records: Sequence[RunRecord]) -> str:
    shown = [headline for headline in HEADLINES if headline.heading in SHOWN]
    heads = "".join(f"<th>{_escape(headline.heading)}</th>" for headline in shown)
    rows = "".join(
        f"<tr><th>{_escape(name)}</th>{''.join(f'<td>{one.shown(record.totals)}</td>' for one in shown)}</tr>"
        for name, record in zip(names, records, strict=True)
    )
    return f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _escape(text: str) -> str:
    return html.escape(text)
