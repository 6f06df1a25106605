"""Results as self-contained HTML pages: figures, tables and the configuration that repeats them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lw3dsim.report.html import figures
from lw3dsim.report.html.elements import figure, number, page, table, text
from lw3dsim.result.headlines import HEADLINES, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.result.result import Result

MJ_PER_PJ = 1e-9
MB_PER_BYTE = 1e-6


def result_page(result: Result) -> str:
    """Return the self-contained HTML page of one result; the same result gives the same text."""
    arch = result.config["arch"]
    body = [
        f'<p class="soft">{"; ".join(_facts(result))}</p>',
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
        f"<p>{text(arch.get('description', ''))}</p>",
        _configuration("The full resolved configuration", result),
    ]
    return page(f"{result.workload} on {result.arch}", body)


def comparison_page(
    workload: str, names: Sequence[str], results: Sequence[Result], notes: Sequence[Sequence[str]] = ()
) -> str:
    """Return the self-contained HTML page that compares ``results``, called ``names``, with the first.

    ``notes`` are, per result, what is to be said of it as a whole.
    """
    pairs = list(zip(names, results, strict=True))
    body = [
        _case_list(names, results),
        _headline_table(names, results),
        *(f"<p>{text(name)}: {text(note)}</p>" for name, said in zip(names, notes, strict=False) for note in said),
        "<h2>Where it goes</h2>",
        *_case_figures(names, results),
        "<h2>Notes</h2>",
        *(_notes(name, result) for name, result in pairs),
        "<h2>Configuration</h2>",
        *(_configuration(name, result) for name, result in pairs),
    ]
    return page(f"{workload}: {', '.join(names)}", body)


def _dram_bytes(record: Mapping[str, Any]) -> int:
    return int(record["dram_read_bytes"] + record["dram_write_bytes"])


def _facts(result: Result) -> list[str]:
    """Say what ran, in phrases of which every result has the same number."""
    config = result.config
    arch = config["arch"]
    pe = arch["pe"]
    count = figures.multipliers(result)
    array = f"{pe['rows']}x{pe['cols']} PEs of {pe['mults_per_pe']}, {count:,} multipliers"
    inputs = (f"{name} {'x'.join(map(str, shape))}" for name, shape in config["workload"]["inputs"].items())
    facts = (
        f"{result.workload} with {', '.join(inputs)}",
        f"transforms: {', '.join(config['transforms']) or 'none'}",
        f"algorithm: {config['algorithm']}",
        f"fusion: {config.get('fusion', 'off')}",
        f"mapped for {config.get('objective', 'latency')}",
        "some mappings from a file" if "mapping" in config else "all mappings searched",
        f"{result.arch}: {array}",
        f"{arch['clock_mhz']:g} MHz",
        f"{arch['dram']['channels']} x {arch['dram']['preset']}",
        f"{config['engine']} engine",
        f"lw3dsim {result.data.get('version', '')}",
    )
    return [text(fact) for fact in facts]


def _gist(result: Result) -> str:
    """Say in a sentence or two what dominates."""
    totals = result.totals
    cycles, energy = totals["latency_cycles"], totals["energy_pj"]
    cause, caused = max(result.cycles_breakdown.items(), key=lambda item: item[1])
    group, grouped_pj = max(figures.grouped(result.energy_breakdown_pj).items(), key=lambda item: item[1])
    costly = sorted(result.data["layers"], key=lambda layer: -layer["latency_cycles"])[:3]
    shares = ", ".join(f"{text(layer['name'])} ({layer['latency_cycles'] / cycles:.1%})" for layer in costly)
    return (
        f"{caused / cycles:.0%} of the cycles go to <b>{figures.style(cause).label}</b>, "
        f"{grouped_pj / energy:.0%} of the energy to <b>{figures.style(group).label}</b>. "
        f"The longest layers are {shares}."
    )


def _tiles(result: Result) -> str:
    totals = result.totals
    energy_mj, dram = totals["energy_pj"] * MJ_PER_PJ, _dram_bytes(totals)
    per_mac = f"{totals['energy_pj'] / totals['macs']:.3g} pJ per MAC" if totals["macs"] else ""
    layers = f"{len(result.data['layers'])} layers, one after the other"
    multipliers = f"of {figures.multipliers(result):,} multipliers"
    peak = f"peak {number(totals['peak_power_mw'])} mW over {result.config['arch']['power_window_us']:g} µs"
    macs = f"{totals['macs'] / 1e9:.4g} G direct MACs"
    tiles = (
        ("Latency", totals["latency_ms"], "ms", f"{totals['latency_cycles']:,} cycles"),
        ("Throughput", totals["clips_per_s"], "clips/s", layers),
        ("Energy", energy_mj, "mJ", per_mac),
        ("Average power", totals["average_power_mw"], "mW", peak),
        ("Energy-delay product", totals["edp_js"] * 1e3, "mJ s", "per clip"),
        ("DRAM traffic", dram * MB_PER_BYTE, "MB", f"{dram / totals['compulsory_bytes']:.2f} x compulsory"),
        ("Utilization", totals["utilization"] * 100, "%", multipliers),
        ("Effective rate", totals["effective_macs_per_cycle"], "MACs/cycle", macs),
        ("Area", totals["area_mm2"], "mm²", f"{text(result.config['arch']['tech']['node_nm'])} nm"),
    )
    return f'<div class="tiles">{"".join(_tile(*tile) for tile in tiles)}</div>'


def _tile(label: str, value: float, unit: str, note: str) -> str:
    shown = f"<b>{number(value)} <small>{unit}</small></b>"
    return f'<div class="tile"><span>{label}</span>{shown}<span>{note}</span></div>'


def _overview(result: Result) -> str:
    totals = result.totals
    cycles, ideal, dram = (totals[f"{key}_cycles"] / 1e6 for key in ("latency", "ideal", "dram_bound"))
    moved, least = _dram_bytes(totals) * MB_PER_BYTE, totals["compulsory_bytes"] * MB_PER_BYTE
    bounds = f"{cycles:,.2f} M; full multipliers would take {ideal:,.2f} M (ideal), DRAM alone {dram:,.2f} M."
    area = f"{totals['area_mm2']:.4g} mm², sized for the algorithms that run here."
    energy = f"{totals['energy_pj'] * MJ_PER_PJ:,.4g} mJ for one clip."
    traffic = f"{moved:,.1f} MB; each input, weight and output of a layer once: {least:,.1f} MB (compulsory)."
    panels = (
        ("cycles_breakdown", 1e-6, "M", "Cycles by cause", bounds),
        ("area_breakdown_mm2", 1.0, "mm²", "Area by component", area),
        ("energy_breakdown_pj", MJ_PER_PJ, "mJ", "Energy by component", energy),
        ("dram_bytes_breakdown", MB_PER_BYTE, "MB", "DRAM traffic by tensor", traffic),
    )
    drawn = [
        figure(figures.share_bars(result.data[key], scale, unit), title, caption)
        for key, scale, unit, title, caption in panels
    ]
    # Two columns of about equal height: some and some bars, many and few.
    return f'<div class="pair"><div>{drawn[0]}{drawn[1]}</div><div>{drawn[2]}{drawn[3]}</div></div>'


def _costs(records: Sequence[Mapping[str, Any]]) -> tuple[figures.Series, ...]:
    """Return cycles by cause and their marks, DRAM MB by tensor and their marks, with a value per record."""
    bounds: figures.Series = {
        "full multipliers (ideal)": [record["ideal_cycles"] for record in records],
        "DRAM alone": [record["dram_bound_cycles"] for record in records],
    }
    least = {"compulsory": [record["compulsory_bytes"] * MB_PER_BYTE for record in records]}
    cycles = figures.spread([record["cycles_breakdown"] for record in records], 1)
    dram = figures.spread([record["dram_bytes_breakdown"] for record in records], MB_PER_BYTE)
    return cycles, bounds, dram, least


def _layer_figures(result: Result) -> list[str]:
    layers = result.data["layers"]
    names = [layer["name"] for layer in layers]
    cycles, bounds, dram, least = _costs(layers)
    energy = figures.spread([figures.grouped(layer["energy_breakdown_pj"]) for layer in layers], MJ_PER_PJ)
    hint = "The marks are lower bounds. Drag to zoom in, double-click to zoom out."
    moved = "What stands above the mark is moved more than once."
    return [
        figure(figures.layer_stack(names, cycles, "cycles", bounds), "Cycles by layer and cause", hint),
        figure(figures.layer_stack(names, dram, "MB", least), "DRAM traffic by layer and tensor", moved),
        figure(figures.layer_stack(names, energy, "mJ", {}), "Energy by layer"),
    ]


def _roofline_figure(result: Result) -> str:
    drawing = figures.roofline(result)
    if drawing is None:
        return ""
    caption = (
        "Layers with MACs; a point's area is its share of the cycles. MACs are those of the direct "
        "algorithm, so Winograd layers can lie above the roof of the multipliers; theirs is dotted."
    )
    return figure(drawing, "Roofline", caption)


def _layer_table(result: Result) -> str:
    words = ("layer", "algorithm", "mapping", "bound by")
    numbers = ("cycles", "share", "util", "DRAM MB", "x compulsory", "energy µJ")
    cycles = result.totals["latency_cycles"]
    longest = max(layer["latency_cycles"] for layer in result.data["layers"])
    rows = (_layer_row(layer, cycles, longest) for layer in result.data["layers"])
    return table(words, numbers, rows)


def _layer_row(layer: Mapping[str, Any], cycles: int, longest: int) -> list[str]:
    algorithm = layer["algorithm"] if layer["algorithm"] != "none" else layer["kind"]
    note = f"<br><small>{text(layer['note'])}</small>" if layer["note"] else ""
    bound = "DRAM" if layer["bound_by"] == "dram" else figures.style(layer["bound_by"]).label
    bound += f"<br><small>{text(layer['idle'])}</small>" if layer.get("idle") else ""
    own, dram = layer["latency_cycles"], _dram_bytes(layer)
    numbers = (
        f"{layer['utilization']:.1%}" if layer["macs"] else "",
        f"{dram * MB_PER_BYTE:,.2f}",
        f"{dram / layer['compulsory_bytes']:.2f}",
        f"{layer['energy_pj'] / 1e6:,.1f}",
    )
    return [
        f'<td class="text name">{text(layer["name"])}</td>',
        f'<td class="text">{text(algorithm)}{note}</td>',
        f'<td class="text"><code>{text(layer["mapping"])}</code></td>',
        f'<td class="text">{bound}</td>',
        f"<td>{own:,}</td>",
        f'<td class="share" style="--part: {own / longest:.1%}">{own / cycles:.1%}</td>',
        *(f"<td>{value}</td>" for value in numbers),
    ]


def _case_list(names: Sequence[str], results: Sequence[Result]) -> str:
    """Say what all cases share once, and of each case only what differs."""
    facts = [_facts(result) for result in results]
    shared = [column[0] for column in zip(*facts, strict=True) if len(set(column)) == 1]
    items = (
        f"<li><b>{text(name)}</b>: {'; '.join(fact for fact in own if fact not in shared) or 'as all'}</li>"
        for name, own in zip(names, facts, strict=True)
    )
    return f'<p class="soft">{"; ".join(shared)}</p><ul>{"".join(items)}</ul>'


def _headline_table(names: Sequence[str], results: Sequence[Result]) -> str:
    rows = []
    for headline in HEADLINES:
        base = headline.value(results[0].totals)
        cells = [f'<td class="text name">{headline.heading}</td>']
        for index, result in enumerate(results):
            times = ratio(headline.value(result.totals), base) if index else None
            shown = "" if times is None else f"{times:.2f}x"
            cells.append(f"<td>{headline.shown(result.totals)} <small>{shown}</small></td>")
        rows.append(cells)
    return table(("",), [f"{text(name)} <small></small>" for name in names], rows)


def _case_figures(names: Sequence[str], results: Sequence[Result]) -> list[str]:
    cycles, bounds, dram, least = _costs([{**result.totals, **result.data} for result in results])
    energy = figures.spread([result.energy_breakdown_pj for result in results], MJ_PER_PJ)
    area = figures.spread([result.data["area_breakdown_mm2"] for result in results], 1)
    counts = ("macs", "ideal_mults", "executed_mults")
    mults = figures.spread([{key: result.totals[key] for key in counts} for result in results], 1e-9)
    caption = (
        "Compulsory is every input, weight and output of every layer once; Winograd weights that are "
        "transformed offline are larger, and so is what is compulsory for them."
    )
    return [
        figure(figures.case_stack(names, cycles, "cycles", bounds), "Cycles by cause"),
        figure(figures.case_stack(names, energy, "mJ", {}), "Energy by component"),
        figure(figures.case_stack(names, dram, "MB", least), "DRAM traffic by tensor", caption),
        figure(figures.case_groups(names, mults, "billions"), "Direct MACs and multiplications"),
        figure(figures.case_stack(names, area, "mm²", {}), "Area by component"),
    ]


def _notes(name: str, result: Result) -> str:
    """List, by reason, the layers that ran direct although the algorithm asked for Winograd."""
    layers_of: dict[str, list[str]] = {}
    for layer in result.data["layers"]:
        if layer["note"]:
            layers_of.setdefault(layer["note"], []).append(layer["name"])
    title = f"<p><b>{text(name)}</b>: "
    if result.config["algorithm"] == "direct":
        return f"{title}direct was asked for.</p>"
    if not layers_of:
        return f"{title}no layer was refused a Winograd form.</p>"
    items = [
        f"<li>{text(reason)} ({len(refused)}): {text(', '.join(refused))}</li>" for reason, refused in layers_of.items()
    ]
    return f"{title}runs direct instead of a wanted Winograd form, by reason:</p><ul>{''.join(items)}</ul>"


def _configuration(title: str, result: Result) -> str:
    config = json.dumps(result.config, indent=2, ensure_ascii=False)
    return f"<details><summary>{text(title)}</summary><pre>{text(config)}</pre></details>"
