"""Results as self-contained HTML pages: figures, tables and the configuration that repeats them."""

from __future__ import annotations

import html
import json
from string import Template
from typing import TYPE_CHECKING, Any

from plotly.io import to_html
from plotly.offline import get_plotlyjs

from lw3dsim.report import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lw3dsim.report.result import Result

MJ_PER_PJ = 1e-9
MB_PER_BYTE = 1e-6

# The policy forbids every request, so that a page is self-contained by force and not only by care.
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$style</style>
<script>$plotlyjs</script>
</head>
<body>
<main>
<h1>$title</h1>
$body
</main>
</body>
</html>
""")

STYLE = """
:root { --page: #fbfbfa; --card: #ffffff; --ink: #1f2328; --soft: #5d6570; --line: #dfe2e6; --share: #cfe3f3; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171b; --card: #1b1f24; --ink: #e4e7eb; --soft: #9aa3ae; --line: #31373f; --share: #1f4460; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 44px 0 14px; }
p { margin: 0 0 10px; max-width: 84ch; overflow-wrap: anywhere; }
.soft, figcaption span { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 12px; margin: 24px 0; }
.tile, figure, .scroll, details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.tile { padding: 11px 15px; }
.tile b { display: block; font-size: 24px; line-height: 1.3; font-weight: 600; }
.tile b small { font-size: 14px; font-weight: 400; color: var(--soft); }
.tile span { color: var(--soft); font-size: 13px; display: block; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 14px; }
figure { margin: 0 0 14px; padding: 13px 15px; min-width: 0; }
.pair figure { margin: 0; }
figcaption { margin-bottom: 6px; }
figcaption b { font-weight: 600; display: block; }
figcaption span { font-size: 13px; display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 9px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
th.text, td.text { text-align: left; }
tbody tr:last-child td { border-bottom: 0; }
td.name { font-weight: 600; white-space: normal; overflow-wrap: anywhere; min-width: 150px; }
td small { color: var(--soft); font-size: 12px; display: inline-block; min-width: 52px; }
td.share { background: linear-gradient(to left, var(--share) var(--part), transparent var(--part)); }
code, pre { font: 12px/1.45 ui-monospace, monospace; }
details { margin-bottom: 10px; padding: 9px 15px; }
summary { cursor: pointer; }
pre { overflow-x: auto; margin: 10px 0 0; }
li { margin-bottom: 5px; overflow-wrap: anywhere; }
/* plotly.js writes its colours into the figure; here they follow the page. The hover box keeps its own. */
.xtick text, .ytick text, .xtitle, .ytitle, .infolayer .legendtext { fill: var(--ink) !important; }
.bartext, .textpoint text { fill: var(--soft) !important; }
.marked .scatterlayer .points path, .marked .infolayer .legendpoints path { stroke: var(--ink) !important; }
"""


def result_page(result: Result) -> str:
    """Return the self-contained HTML page of one result; the same result gives the same text."""
    arch = result.config["arch"]
    body = [
        f'<p class="soft">{_what_ran(result)}</p>',
        f"<p>{_gist(result)}</p>",
        _tiles(result),
        "<h2>Where it goes</h2>",
        _overview(result),
        "<h2>Layer by layer</h2>",
        *_layer_figures(result),
        _roofline_figure(result),
        "<h2>Layers</h2>",
        _layer_table(result),
        "<h2>Configuration</h2>",
        f"<p>{_text(arch.get('description', ''))}</p>",
        _configuration("The full resolved configuration", result),
    ]
    return _page(f"{result.workload} on {result.arch}", body)


def comparison_page(workload: str, names: Sequence[str], results: Sequence[Result]) -> str:
    """Return the self-contained HTML page that compares ``results``, called ``names``, with the first of them."""
    pairs = list(zip(names, results, strict=True))
    body = [
        f'<p class="soft">{len(pairs)} cases, compared with the first. lw3dsim {_versions(results)}.</p>',
        "<ul>",
        *(f"<li><b>{_text(name)}</b>: {_what_ran(result)}</li>" for name, result in pairs),
        "</ul>",
        _headline_table(names, results),
        "<h2>Where it goes</h2>",
        *_case_figures(names, results),
        "<h2>Notes</h2>",
        *(_notes(name, result) for name, result in pairs),
        "<h2>Configuration</h2>",
        *(_configuration(name, result) for name, result in pairs),
    ]
    return _page(f"{workload}: {', '.join(names)}", body)


def _page(title: str, body: Iterable[str]) -> str:
    return PAGE.substitute(title=_text(title), style=STYLE, plotlyjs=get_plotlyjs(), body="\n".join(body))


def _text(value: object) -> str:
    return html.escape(str(value))


def _number(value: float) -> str:
    """Return 4 digits, and never an exponent for what is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _dram_bytes(record: Mapping[str, Any]) -> int:
    return int(record["dram_read_bytes"] + record["dram_write_bytes"])


def _versions(results: Sequence[Result]) -> str:
    return ", ".join(dict.fromkeys(_text(result.data.get("version", "")) for result in results))


def _what_ran(result: Result) -> str:
    config = result.config
    arch = config["arch"]
    pe = arch["pe"]
    inputs = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in config["workload"]["inputs"].items())
    transforms = ", ".join(config["transforms"]) or "none"
    multipliers = pe["rows"] * pe["cols"] * pe["mults_per_pe"]
    return _text(
        f"{result.workload} with {inputs}; transforms: {transforms}; algorithm: {config['algorithm']}; "
        f"{result.arch}: {pe['rows']}x{pe['cols']} PEs of {pe['mults_per_pe']} multipliers ({multipliers:,}) "
        f"at {arch['clock_mhz']:g} MHz, {arch['dram']['channels']} x {arch['dram']['preset']}; "
        f"{config['engine']} engine, version {result.data.get('version', '')}"
    )


def _gist(result: Result) -> str:
    """Say in a sentence or two what dominates."""
    totals = result.totals
    cycles, energy = totals["latency_cycles"], totals["energy_pj"]
    cause, caused = max(result.cycles_breakdown.items(), key=lambda item: item[1])
    group, grouped_pj = max(figures.grouped(result.energy_breakdown_pj).items(), key=lambda item: item[1])
    costly = sorted(result.data["layers"], key=lambda layer: -layer["latency_cycles"])[:3]
    shares = ", ".join(f"{_text(layer['name'])} ({layer['latency_cycles'] / cycles:.1%})" for layer in costly)
    return (
        f"{caused / cycles:.0%} of the cycles go to <b>{figures.style(cause).label}</b>, "
        f"{grouped_pj / energy:.0%} of the energy to <b>{_text(group)}</b>. The longest layers are {shares}."
    )


def _tiles(result: Result) -> str:
    totals = result.totals
    dram = _dram_bytes(totals)
    multipliers = totals["executed_mults"] / (totals["utilization"] * totals["latency_cycles"] or 1)
    tiles = (
        ("Latency", totals["latency_ms"], "ms", f"{totals['latency_cycles']:,} cycles"),
        (
            "Throughput",
            totals["clips_per_s"],
            "clips/s",
            f"{len(result.data['layers'])} layers, one after the other",
        ),
        (
            "Energy",
            totals["energy_pj"] * MJ_PER_PJ,
            "mJ",
            f"{totals['energy_pj'] / totals['macs']:.3g} pJ per MAC" if totals["macs"] else "",
        ),
        ("Energy-delay product", totals["edp_js"] * 1e3, "mJ s", "per clip"),
        ("DRAM traffic", dram * MB_PER_BYTE, "MB", f"{dram / totals['compulsory_bytes']:.2f} x compulsory"),
        ("Utilization", totals["utilization"] * 100, "%", f"of {multipliers:,.0f} multipliers"),
        (
            "Effective rate",
            totals["effective_macs_per_cycle"],
            "MACs/cycle",
            f"{totals['macs'] / 1e9:.4g} G direct MACs",
        ),
        ("Area", totals["area_mm2"], "mm²", f"{_text(result.config['arch']['tech']['node_nm'])} nm"),
    )
    cells = (
        f'<div class="tile"><span>{label}</span><b>{_number(value)} <small>{unit}</small></b><span>{note}</span></div>'
        for label, value, unit, note in tiles
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _figure(name: str, figure: figures.Figure, title: str, caption: str = "", *, marked: bool = False) -> str:
    """Return ``figure`` with its caption; ``marked`` figures have marks that take the colour of the text."""
    div = to_html(
        figure,
        config={"displaylogo": False, "responsive": True},
        full_html=False,
        include_plotlyjs=False,
        validate=False,
        div_id=f"figure-{name}",
    )
    kind = ' class="marked"' if marked else ""
    return f"<figure{kind}><figcaption><b>{title}</b><span>{caption}</span></figcaption>{div}</figure>"


def _overview(result: Result) -> str:
    totals = result.totals
    millions = {key: totals[key] / 1e6 for key in ("latency_cycles", "ideal_cycles", "dram_bound_cycles")}
    moved, least = _dram_bytes(totals), totals["compulsory_bytes"]
    parts = (
        _figure(
            "cycles",
            figures.share_bars(result.cycles_breakdown, 1e-6, "M"),
            "Cycles by cause",
            f"{millions['latency_cycles']:,.2f} M cycles. Full multipliers would need "
            f"{millions['ideal_cycles']:,.2f} M, DRAM alone {millions['dram_bound_cycles']:,.2f} M.",
        ),
        _figure(
            "energy",
            figures.share_bars(result.energy_breakdown_pj, MJ_PER_PJ, "mJ"),
            "Energy by component",
            f"{totals['energy_pj'] * MJ_PER_PJ:,.4g} mJ for one clip.",
        ),
        _figure(
            "dram",
            figures.share_bars(result.dram_bytes_breakdown, MB_PER_BYTE, "MB"),
            "DRAM bytes by tensor",
            f"{moved * MB_PER_BYTE:,.1f} MB moved; moving every input, weight and output of every layer once "
            f"takes {least * MB_PER_BYTE:,.1f} MB.",
        ),
        _figure(
            "area",
            figures.share_bars(result.data["area_breakdown_mm2"], 1, "mm²"),
            "Area by component",
            f"{totals['area_mm2']:.4g} mm², sized for the algorithms that run here.",
        ),
    )
    return f'<div class="pair">{"".join(parts)}</div>'


def _layer_figures(result: Result) -> list[str]:
    layers = result.data["layers"]
    names = [layer["name"] for layer in layers]
    cycles = figures.spread([layer["cycles_breakdown"] for layer in layers], 1)
    bounds: figures.Series = {
        "full multipliers (ideal)": [layer["ideal_cycles"] for layer in layers],
        "DRAM alone": [layer["dram_bound_cycles"] for layer in layers],
    }
    dram = figures.spread([layer["dram_bytes_breakdown"] for layer in layers], MB_PER_BYTE)
    least = {"compulsory": [layer["compulsory_bytes"] * MB_PER_BYTE for layer in layers]}
    energy = figures.spread([figures.grouped(layer["energy_breakdown_pj"]) for layer in layers], MJ_PER_PJ)
    return [
        _figure(
            "layer-cycles",
            figures.layer_stack(names, cycles, "cycles", bounds),
            "Cycles by layer and cause",
            "No layer can be faster than either mark. Drag to zoom in, double-click to zoom out.",
            marked=True,
        ),
        _figure(
            "layer-dram",
            figures.layer_stack(names, dram, "MB", least),
            "DRAM traffic by layer and tensor",
            "What stands above the mark was moved more than once.",
            marked=True,
        ),
        _figure("layer-energy", figures.layer_stack(names, energy, "mJ", {}), "Energy by layer"),
    ]


def _roofline_figure(result: Result) -> str:
    figure = figures.roofline(result)
    if figure is None:
        return ""
    return _figure(
        "roofline",
        figure,
        "Roofline",
        "Layers with MACs; a point's area is its share of the cycles. MACs are those of the direct algorithm, so "
        "Winograd layers can lie above the roof of the multipliers, up to the dotted roof of their algorithm.",
    )


def _table(headings: Sequence[str], text_columns: int, rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first ``text_columns`` are text; cells are HTML and bring their own ``td``."""
    head = "".join(
        f'<th class="text">{heading}</th>' if index < text_columns else f"<th>{heading}</th>"
        for index, heading in enumerate(headings)
    )
    lines = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{lines}\n</tbody></table></div>'


def _layer_table(result: Result) -> str:
    headings = (
        "layer",
        "algorithm",
        "mapping",
        "bound by",
        "cycles",
        "share",
        "util",
        "DRAM MB",
        "x compulsory",
    )
    cycles = result.totals["latency_cycles"]
    longest = max(layer["latency_cycles"] for layer in result.data["layers"])
    rows = (_layer_row(layer, cycles, longest) for layer in result.data["layers"])
    return _table((*headings, "energy µJ"), 4, rows)


def _layer_row(layer: Mapping[str, Any], cycles: int, longest: int) -> list[str]:
    algorithm = layer["algorithm"] if layer["algorithm"] != "none" else layer["kind"]
    note = f"<br><small>{_text(layer['note'])}</small>" if layer["note"] else ""
    cause = max(layer["cycles_breakdown"].items(), key=lambda item: item[1])[0]
    own, dram = layer["latency_cycles"], _dram_bytes(layer)
    numbers = (
        f"{layer['utilization']:.1%}" if layer["macs"] else "",
        f"{dram * MB_PER_BYTE:,.2f}",
        f"{dram / layer['compulsory_bytes']:.2f}",
        f"{layer['energy_pj'] / 1e6:,.1f}",
    )
    return [
        f'<td class="text name">{_text(layer["name"])}</td>',
        f'<td class="text">{_text(algorithm)}{note}</td>',
        f'<td class="text"><code>{_text(layer["mapping"])}</code></td>',
        f'<td class="text">{figures.style(cause).label}</td>',
        f"<td>{own:,}</td>",
        f'<td class="share" style="--part: {own / longest:.1%}">{own / cycles:.1%}</td>',
        *(f"<td>{number}</td>" for number in numbers),
    ]


# Heading, key, scale and form of the figures of a comparison.
HEADLINES = (
    ("latency, ms", "latency_ms", 1.0),
    ("throughput, clips/s", "clips_per_s", 1.0),
    ("energy, mJ", "energy_pj", MJ_PER_PJ),
    ("energy-delay product, mJ s", "edp_js", 1e3),
    ("DRAM traffic, MB", "dram_bytes", MB_PER_BYTE),
    ("compulsory DRAM traffic, MB", "compulsory_bytes", MB_PER_BYTE),
    ("SRAM traffic, MB", "sram_bytes", MB_PER_BYTE),
    ("utilization, %", "utilization", 100.0),
    ("effective MACs/cycle", "effective_macs_per_cycle", 1.0),
    ("direct MACs, G", "macs", 1e-9),
    ("ideal multiplications, G", "ideal_mults", 1e-9),
    ("executed multiplications, G", "executed_mults", 1e-9),
    ("parameters, M", "params", 1e-6),
    ("area, mm²", "area_mm2", 1.0),
)


def _headline_table(names: Sequence[str], results: Sequence[Result]) -> str:
    cases = [
        result.totals
        | {
            "dram_bytes": _dram_bytes(result.totals),
            "sram_bytes": result.totals["sram_read_bytes"] + result.totals["sram_write_bytes"],
        }
        for result in results
    ]
    rows = []
    for heading, key, scale in HEADLINES:
        base = cases[0][key]
        cells = [f'<td class="text name">{heading}</td>']
        for index, case in enumerate(cases):
            ratio = f"{case[key] / base:.2f}x" if index and base else ""
            cells.append(f"<td>{_number(case[key] * scale)} <small>{ratio}</small></td>")
        rows.append(cells)
    return _table(("", *(f"{_text(name)} <small></small>" for name in names)), 1, rows)


def _case_figures(names: Sequence[str], results: Sequence[Result]) -> list[str]:
    totals = [result.totals for result in results]
    cycles = figures.spread([result.cycles_breakdown for result in results], 1)
    bounds: figures.Series = {
        "full multipliers (ideal)": [total["ideal_cycles"] for total in totals],
        "DRAM alone": [total["dram_bound_cycles"] for total in totals],
    }
    dram = figures.spread([result.dram_bytes_breakdown for result in results], MB_PER_BYTE)
    least = {"compulsory": [total["compulsory_bytes"] * MB_PER_BYTE for total in totals]}
    energy = figures.spread([result.energy_breakdown_pj for result in results], MJ_PER_PJ)
    area = figures.spread([result.data["area_breakdown_mm2"] for result in results], 1)
    counts = ("macs", "ideal_mults", "executed_mults")
    mults = figures.spread([{key: total[key] for key in counts} for total in totals], 1e-9)
    return [
        _figure("cycles", figures.case_stack(names, cycles, "cycles", bounds), "Cycles by cause", marked=True),
        _figure("energy", figures.case_stack(names, energy, "mJ", {}), "Energy by component"),
        _figure(
            "dram",
            figures.case_stack(names, dram, "MB", least),
            "DRAM traffic by tensor",
            "Compulsory is every input, weight and output of every layer once; Winograd weights that are transformed "
            "offline are larger, and so is what is compulsory for them.",
            marked=True,
        ),
        _figure("mults", figures.case_groups(names, mults, "G"), "Direct MACs and multiplications"),
        _figure("area", figures.case_stack(names, area, "mm²", {}), "Area by component"),
    ]


def _notes(name: str, result: Result) -> str:
    """List, by reason, the layers that ran direct although the algorithm asked for Winograd."""
    layers_of: dict[str, list[str]] = {}
    for layer in result.data["layers"]:
        if layer["note"]:
            layers_of.setdefault(layer["note"], []).append(layer["name"])
    title = f"<p><b>{_text(name)}</b>: "
    if not layers_of:
        return f"{title}no layer ran direct where {_text(result.config['algorithm'])} asked for Winograd.</p>"
    items = (
        f"<li>{_text(reason)} ({len(layers)}): {_text(', '.join(layers))}</li>" for reason, layers in layers_of.items()
    )
    return f"{title}ran direct, and why:</p><ul>{''.join(items)}</ul>"


def _configuration(title: str, result: Result) -> str:
    text = json.dumps(result.config, indent=2, ensure_ascii=False)
    return f"<details><summary>{_text(title)}</summary><pre>{_text(text)}</pre></details>"
