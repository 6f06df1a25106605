"""Terminal tables: few columns, aligned, units in the heading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from lw3dsim.report.headlines import HEADLINES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.report.result import Result

MAX_ROWS = 40


def print_tables(tables: Sequence[Table | str]) -> None:
    """Print tables and lines to standard output, as wide as they need where it is not a terminal."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=180)
    for table in tables:
        console.print(table)


def network_tables(record: Mapping[str, Any]) -> list[Table | str]:
    """Return the tables of ``lw3dsim show``."""
    table = _table(record["workload"], "layer", "kind", "kernel", "stride", "output CxTxHxW", "algorithm")
    for heading in ("params", "MACs (M)", "ideal mults (M)"):
        table.add_column(heading, justify="right")
    for layer in record["layers"]:
        label = layer["algorithm"] + (f" ({layer['note']})" if layer["note"] else "")
        kernel = layer["kernel"] + (f" /{layer['groups']}" if layer["groups"] > 1 else "")
        table.add_row(
            layer["name"],
            layer["kind"],
            kernel,
            layer["stride"],
            layer["output_shape"],
            label,
            f"{layer['params']:,}" if layer["params"] else "",
            f"{layer['macs'] / 1e6:,.2f}" if layer["macs"] else "",
            f"{layer['ideal_mults'] / 1e6:,.2f}" if layer["macs"] else "",
        )
    totals = record["totals"]
    line = (
        f"{totals['layers']} layers, {totals['params'] / 1e6:.3f} M parameters, {totals['macs'] / 1e9:.3f} G MACs "
        f"({totals['conv_macs'] / 1e9:.3f} G in convolutions), {totals['ideal_mults'] / 1e9:.3f} G ideal mults"
    )
    return [table, line]


def result_tables(result: Result) -> list[Table | str]:
    """Return the tables of ``lw3dsim simulate``: the costly layers, the breakdowns, one line of totals."""
    totals = result.totals
    cycles = totals["latency_cycles"]
    layers = sorted(result.data["layers"], key=lambda layer: -layer["latency_cycles"])
    shown = {layer["name"] for layer in layers[:MAX_ROWS]}
    table = _table(f"{result.workload} on {result.arch}", "layer", "algorithm", "bound by")
    for heading in ("kcycles", "share", "x ideal", "util", "DRAM MB", "x floor", "energy uJ"):
        table.add_column(heading, justify="right")
    for layer in result.data["layers"]:
        if layer["name"] in shown:
            table.add_row(*_layer_row(layer, cycles))
    hidden = len(layers) - len(shown)
    lines: list[Table | str] = [table]
    if hidden:
        rest = sum(layer["latency_cycles"] for layer in layers[MAX_ROWS:]) / cycles
        lines.append(f"({hidden} more layers, {rest:.1%} of the cycles; --format csv lists all)")
    lines += _idle_lines(result.data["layers"])
    lines.append(_breakdown_line("cycles", result.cycles_breakdown))
    lines.append(_breakdown_line("energy", result.energy_breakdown_pj))
    lines.append(_breakdown_line("DRAM bytes", result.dram_bytes_breakdown))
    dram = totals["dram_read_bytes"] + totals["dram_write_bytes"]
    lines.append(
        f"{cycles:,} cycles = {totals['latency_ms']:.3f} ms ({totals['clips_per_s']:.1f} clips/s), "
        f"{totals['energy_pj'] / 1e9:.3f} mJ, "
        f"{totals['average_power_mw']:,.0f} mW (peak {totals['peak_power_mw']:,.0f} mW), {dram / 1e6:.1f} MB DRAM "
        f"({dram / totals['compulsory_bytes']:.2f} x compulsory), utilization {totals['utilization']:.1%}, "
        f"{totals['effective_macs_per_cycle']:.1f} MACs/cycle, {totals['area_mm2']:.2f} mm2"
        + (f", SQNR about {totals['sqnr_db']:.0f} dB" if totals["sqnr_db"] is not None else "")
    )
    if "clips" in totals:
        lines += _stream_lines(totals, result.data["stream_cycles_breakdown"])
    return lines


def _idle_lines(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what idles in the layers that are bound by it, layers of a kind together."""
    names: dict[str, list[str]] = {}
    for layer in layers:
        if layer["bound_by"].startswith("idle"):
            names.setdefault(layer["idle"], []).append(layer["name"])
    return [f"{', '.join(of)}: {words}" for words, of in names.items()]


def _stream_lines(totals: Mapping[str, Any], cycles: Mapping[str, int]) -> list[str]:
    clips = totals["clips"]
    name = f"{clips} clips" if clips > 1 else "1 clip"
    first = totals["stream_first_clip_cycles"] / totals["stream_latency_cycles"] * totals["stream_latency_ms"]
    return [
        f"{name} without a stop between layers: {totals['stream_latency_cycles']:,} cycles = "
        f"{totals['stream_latency_ms']:.3f} ms, the first after {first:.3f} ms, "
        f"then {totals['stream_clips_per_s']:.2f} clips/s, {totals['overlap_gain']:.4f} x as fast as layer by layer "
        f"(at most {totals['overlap_gain'] * totals['stream_latency_cycles'] / totals['stream_bound_cycles']:.2f} x)",
        _breakdown_line("their cycles", cycles),
    ]


def _layer_row(layer: Mapping[str, Any], cycles: int) -> tuple[str, ...]:
    dram = layer["dram_read_bytes"] + layer["dram_write_bytes"]
    ideal = layer["ideal_cycles"]
    return (
        layer["name"],
        (layer["algorithm"] if layer["algorithm"] != "none" else layer["kind"])
        + (f" ({layer['note']})" if layer["note"] else ""),
        layer["bound_by"],
        f"{layer['latency_cycles'] / 1e3:,.1f}",
        f"{layer['latency_cycles'] / cycles:.1%}",
        f"{layer['latency_cycles'] / ideal:.2f}" if ideal else "",
        f"{layer['utilization']:.1%}" if ideal else "",
        f"{dram / 1e6:,.2f}",
        f"{dram / layer['dram_floor_bytes']:.2f}",
        f"{layer['energy_pj'] / 1e6:,.1f}",
    )


def unit_tables(name: str, rows: Sequence[Mapping[str, Any]]) -> list[Table | str]:
    """Return the tables of ``lw3dsim energy``: the unit costs, and their sources by number."""
    sources = list(dict.fromkeys(row["source"] for row in rows))
    table = _table(f"Unit costs of {name}", "component")
    table.add_column("value", justify="right")
    for heading in ("unit", "per", "source"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        place = f"[{sources.index(row['source']) + 1}]"
        table.add_row(row["component"], f"{row['value']:.4g}", row["unit"], row["per"], place)
    return [table, *(f"[{number}] {source}" for number, source in enumerate(sources, start=1))]


def execution_tables(data: Mapping[str, Any]) -> list[Table | str]:
    """Return the table of ``lw3dsim execute``: per layer, whether the executed arithmetic equals the direct one."""
    table = _table(f"{data['workload']} on {data['arch']}, {data['dtype']}, seed {data['seed']}", "layer", "algorithm")
    for heading in ("equal", "max error", "SQNR dB", "data bits", "weight bits", "sum bits"):
        table.add_column(heading, justify="right")
    for layer in data["layers"]:
        table.add_row(
            layer["name"],
            (layer["algorithm"] if layer["kind"] in ("conv3d", "linear") else layer["kind"])
            + (f" ({layer['note']})" if layer["note"] else ""),
            "yes" if layer["exact"] else "no",
            f"{layer['max_abs_error']:.3g}",
            "" if layer["sqnr_db"] is None else f"{layer['sqnr_db']:.1f}",
            *(_bits_seen(layer, name) for name in ("data", "weight", "sum")),
        )
    equal = sum(layer["exact"] for layer in data["layers"])
    seen = "bits: observed / worst case" if any("data_bits" in layer for layer in data["layers"]) else ""
    return [
        table,
        *filter(None, [seen]),
        f"{equal} of {len(data['layers'])} layers equal the direct computation exactly",
    ]


def _bits_seen(layer: Mapping[str, Any], name: str) -> str:
    return f"{layer[f'observed_{name}_bits']} / {layer[f'{name}_bits']}" if f"{name}_bits" in layer else ""


def comparison_tables(title: str, rows: Sequence[Mapping[str, Any]]) -> list[Table | str]:
    """Return the table of ``lw3dsim compare``: a row per figure, a column per case with its ratio to the first."""
    table = _table(title, "")
    for row in rows:
        table.add_column(row["case"], justify="right")
    table.add_row("accelerator", *(row["arch"] + "       " for row in rows[:1]), *(row["arch"] for row in rows[1:]))
    for headline in HEADLINES:
        values = [headline.value(row) for row in rows]
        ratios = [_ratio(value, values[0], i) for i, value in enumerate(values)]
        cells = (headline.shown(row) + ratio for row, ratio in zip(rows, ratios, strict=True))
        table.add_row(headline.heading, *cells)
    return [table]


def _ratio(value: float, base: float, index: int) -> str:
    return f"  {value / base:5.2f}x" if index and base else "       " if not index else ""


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _breakdown_line(name: str, parts: Mapping[str, float]) -> str:
    total = sum(parts.values())
    largest = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
    shares = [f"{key} {value / total:.1%}" for key, value in largest if total and value / total >= 0.0005]
    return f"{name}: {', '.join(shares)}"
