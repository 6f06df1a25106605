"""The tables of networks, results, unit costs and comparisons: units in the headings, the telling columns named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.map.words import plural
from lw3dsim.report.terminal import Part, Table, figures, name, words
from lw3dsim.result.headlines import HEADLINES, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.account.units import UnitCost
    from lw3dsim.comparison.compare import Comparison
    from lw3dsim.report.text.network import LayerRecord, NetworkRecord
    from lw3dsim.result.executed import ExecutionResult
    from lw3dsim.result.records import Layer, Totals, View
    from lw3dsim.result.result import Result

MAX_ROWS = 40


def network_tables(record: NetworkRecord) -> list[Part]:
    """Return the tables of ``lw3dsim show``."""
    rows = [
        (
            layer.name,
            layer.kind,
            layer.kernel + (f" /{layer.groups}" if layer.groups > 1 else ""),
            layer.stride,
            layer.output_shape,
            layer.algorithm,
            f"{layer.params:,}" if layer.params else "",
            f"{layer.macs / 1e6:,.2f}" if layer.macs else "",
            f"{layer.ideal_mults / 1e6:,.2f}" if layer.macs else "",
        )
        for layer in record.layers
    ]
    table = Table(
        title=record.workload,
        columns=(
            name("layer", 16),
            *words("kind", "kernel /groups", "stride", "output CxTxHxW"),
            name("algorithm"),
            *figures("params", "MACs M", "ideal mults M"),
        ),
        rows=rows,
        importance=(
            "output CxTxHxW",
            "MACs M",
            "params",
            "kind",
            "kernel /groups",
            "ideal mults M",
            "algorithm",
            "stride",
        ),
    )
    totals = record.totals
    line = (
        f"{plural(totals.layers, 'layer')}, {totals.params / 1e6:.3f} M parameters, {totals.macs / 1e9:.3f} G MACs "
        f"({totals.conv_macs / 1e9:.3f} G in convolutions), {totals.ideal_mults / 1e9:.3f} G ideal mults"
    )
    return [table, *_notes(record.layers), line]


def result_tables(result: Result) -> list[Part]:
    """Return the tables of ``lw3dsim simulate``: the costly layers, the breakdowns, one line of totals."""
    totals = result.totals
    cycles = totals.latency_cycles
    layers = sorted(result.record.layers, key=lambda layer: -layer.latency_cycles)
    shown = {layer.name for layer in layers[:MAX_ROWS]}
    seen = [layer for layer in result.record.layers if layer.name in shown]
    table = Table(
        title=f"{result.workload} on {result.arch}",
        columns=(
            name("layer", 16),
            name("algorithm", 16),
            *words("bound by"),
            *figures("kcycles", "share", "x ideal", "util", "DRAM MB", "x floor", "energy uJ"),
        ),
        rows=[_layer_row(layer, cycles) for layer in seen],
        importance=("kcycles", "share", "bound by", "energy uJ", "util", "DRAM MB", "algorithm", "x ideal", "x floor"),
    )
    lines: list[Part] = [table, *_notes(seen)]
    hidden = len(layers) - len(shown)
    if hidden:
        rest = sum(layer.latency_cycles for layer in layers[MAX_ROWS:]) / cycles
        lines.append(f"({hidden} more layers, {rest:.1%} of the cycles; --format csv lists all)")
    lines += _idle_lines(result.record.layers)
    lines += _view_lines(result.record.views)
    lines.append(_breakdown_line("cycles", result.cycles_breakdown.parts()))
    lines.append(_breakdown_line("energy", result.energy_breakdown_pj.parts()))
    lines.append(_breakdown_line("DRAM bytes", result.dram_bytes_breakdown.parts()))
    dram = totals.dram_bytes
    lines.append(
        f"{cycles:,} cycles = {totals.latency_ms:.3f} ms ({totals.clips_per_s:.1f} clips/s), "
        f"{totals.energy_pj / 1e9:.3f} mJ ({totals.energy_low_pj / 1e9:.3g} to {totals.energy_high_pj / 1e9:.3g}), "
        f"{totals.average_power_mw:,.0f} mW (peak {totals.peak_power_mw:,.0f} mW), {_size(dram)} DRAM "
        f"({dram / totals.compulsory_bytes:.2f} x compulsory), utilization {totals.utilization:.1%}, "
        f"{totals.effective_macs_per_cycle:.1f} MACs/cycle, {totals.area_mm2:.2f} mm2"
        + (f", SQNR about {totals.sqnr_db:.0f} dB" if totals.sqnr_db is not None else "")
    )
    lines += _group_lines(result.record.layers) + _least_lines(totals, result.record.config.fusion)
    lines += clip_lines(totals)
    if (cycles_of_stream := result.record.stream_cycles_breakdown) is not None:
        lines.append(_breakdown_line("their cycles", cycles_of_stream.parts()))
    return lines


def _size(count: float) -> str:
    """Return a number of bytes in MB, or in kB where those would say little."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.2f} kB"


def _idle_lines(layers: Sequence[Layer]) -> list[str]:
    """Say what idles in the layers that are bound by it, layers of a kind together."""
    names: dict[str, list[str]] = {}
    for layer in layers:
        if layer.bound_by.startswith("idle"):
            names.setdefault(layer.idle, []).append(layer.name)
    return [f"{', '.join(of)}: {words}" for words, of in names.items()]


def _group_lines(layers: Sequence[Layer]) -> list[str]:
    """Say what fused groups move, what is the least in the space of the mapper, and what is compulsory."""
    fused = [layer for layer in layers if layer.kind == "fused"]
    known = [(layer, layer.least_dram_bytes) for layer in fused if layer.least_dram_bytes is not None]
    if not known:
        return []
    taken, least = sum(layer.dram_bytes for layer, _ in known), sum(size for _, size in known)
    compulsory = sum(layer.compulsory_bytes for layer, _ in known)
    return [
        f"{plural(len(known), 'fused group')}: {taken:,} bytes of DRAM; in their space no mappings move fewer than "
        f"{least:,} ({taken / least:.3f} x), {compulsory:,} are compulsory ({taken / compulsory:.3f} x)"
    ]


def _least_lines(totals: Totals, fusion: str) -> list[str]:
    """Say what the network moves, what is the least over all cuts, mappings and layouts, and what is compulsory."""
    if totals.least_dram_bytes is None:
        return []
    taken, least = totals.dram_bytes, totals.least_dram_bytes
    none = "no cut into groups, mappings" if fusion == "auto" else "layer by layer no mappings"
    return [
        f"network: {taken:,} bytes of DRAM; {none} and layouts in their space move fewer than "
        f"{least:,} ({taken / least:.3f} x), {totals.compulsory_bytes:,} are compulsory "
        f"({taken / totals.compulsory_bytes:.3f} x)"
    ]


def _view_lines(views: Sequence[View], most: int = 4) -> list[str]:
    """Say which layers move nothing."""
    if not views:
        return []
    more = f" and {len(views) - most} more" if len(views) > most else ""
    named = ", ".join(view.name for view in views[:most])
    return [f"views, which move nothing: {named}{more}"]


def clip_lines(totals: Totals) -> list[str]:
    """Say what clips cost that are computed together, or behind each other; nothing where one is computed alone."""
    lines = []
    if totals.batch:
        lines.append(
            f"{totals.batch} clips together; of each {totals.clip_latency_ms:.3f} ms, "
            f"{totals.clip_energy_pj / 1e9:.3f} mJ, {_size(totals.clip_dram_bytes)} DRAM"
        )
    if totals.clips:
        what = f"{totals.clips} clips" if totals.clips > 1 else "1 clip"
        first = totals.stream_first_clip_cycles / totals.stream_latency_cycles * totals.stream_latency_ms
        lines.append(
            f"{what} without a stop between layers: {totals.stream_latency_cycles:,} cycles = "
            f"{totals.stream_latency_ms:.3f} ms, the first after {first:.3f} ms, "
            f"then {totals.stream_clips_per_s:.2f} clips/s, {totals.overlap_gain:.4f} x as fast as layer by layer "
            f"(at most {totals.overlap_gain * totals.stream_latency_cycles / totals.stream_bound_cycles:.2f} x)"
        )
    return lines


def _layer_row(layer: Layer, cycles: int) -> tuple[str, ...]:
    dram = layer.dram_bytes
    ideal = layer.ideal_cycles
    return (
        layer.name,
        layer.algorithm if layer.algorithm != "none" else layer.kind,
        layer.bound_by,
        f"{layer.latency_cycles / 1e3:,.1f}",
        f"{layer.latency_cycles / cycles:.1%}",
        f"{layer.latency_cycles / ideal:.2f}" if ideal else "",
        f"{layer.utilization:.1%}" if ideal else "",
        f"{dram / 1e6:,.2f}",
        f"{dram / layer.dram_floor_bytes:.2f}",
        f"{layer.energy_pj / 1e6:,.1f}",
    )


def unit_tables(arch: str, rows: Sequence[UnitCost]) -> list[Part]:
    """Return the tables of ``lw3dsim energy``: the unit costs, and their sources by number."""
    sources = list(dict.fromkeys(row.source for row in rows))
    table = Table(
        title=f"Unit costs of {arch}",
        columns=(name("component", 16), *figures("value"), *words("unit"), name("per", 14), *words("source")),
        rows=[
            (
                row.component,
                _unit_cost(row.value),
                row.unit,
                row.per,
                f"[{sources.index(row.source) + 1}]",
            )
            for row in rows
        ],
        importance=("value", "unit", "per", "source"),
    )
    return [table, *(f"[{number}] {source}" for number, source in enumerate(sources, start=1))]


def _unit_cost(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def execution_tables(result: ExecutionResult) -> list[Part]:
    """Return the table of ``lw3dsim execute``: per layer, whether the executed arithmetic equals the direct one."""
    rows = [
        (
            layer.name,
            (layer.algorithm if layer.kind in ("conv3d", "linear") else layer.kind)
            + (f" ({layer.note})" if layer.note else ""),
            "yes" if layer.exact else "no",
            f"{layer.max_abs_error:.3g}",
            "" if layer.sqnr_db is None else f"{layer.sqnr_db:.1f}",
            _bits_seen(layer.observed_data_bits, layer.data_bits),
            _bits_seen(layer.observed_weight_bits, layer.weight_bits),
            _bits_seen(layer.observed_sum_bits, layer.sum_bits),
        )
        for layer in result.layers
    ]
    table = Table(
        title=f"{result.workload} on {result.arch}, {result.dtype}, seed {result.seed}",
        columns=(
            name("layer", 16),
            name("algorithm", 16),
            *words("equal"),
            *figures("max error", "SQNR dB", "data bits", "weight bits", "sum bits"),
        ),
        rows=rows,
        importance=("equal", "max error", "SQNR dB", "sum bits", "data bits", "weight bits", "algorithm"),
    )
    equal = sum(layer.exact for layer in result.layers)
    seen = "bits: observed / worst case" if any(layer.sum_bits for layer in result.layers) else ""
    return [
        table,
        *filter(None, [seen, _origins(result)]),
        f"{equal} of {len(result.layers)} layers equal the direct computation exactly",
    ]


def _origins(result: ExecutionResult) -> str:
    """Return where weights are from, unless all are drawn."""
    origins = [layer.weights for layer in result.layers if layer.weights]
    drawn = sum("random" in origin for origin in origins)
    ours = sorted(set(origins) - {"random"})
    if not ours:
        return ""
    whose = "of the network's own file" if "file" in ours[0] else "as given"
    return f"weights {whose}" + (f", but drawn in {drawn} of {len(origins)} layers that have any" if drawn else "")


def _bits_seen(observed: int, worst: int) -> str:
    return f"{observed} / {worst}" if worst else ""


def comparison_tables(title: str, comparison: Comparison) -> list[Part]:
    """Return the table of ``lw3dsim compare``: a row per figure, a column per case with its ratio to the first.

    Below it are the notes on the cases.
    """
    results = comparison.results
    totals = [result.totals for result in results]
    cells = [[headline.shown(each) for each in totals] for headline in HEADLINES]
    ratios = [[_times(headline.of(each), headline.of(totals[0])) for each in totals] for headline in HEADLINES]
    room = max(len(text) for line in ratios for text in line[1:]) if len(results) > 1 else 0
    lines = [["accelerator", *(result.arch for result in results)]]
    for headline, line, of_first in zip(HEADLINES, cells, ratios, strict=True):
        others = (f"{cell}  {text:>{room}}" for cell, text in zip(line[1:], of_first[1:], strict=True))
        lines.append([headline.heading, line[0], *others])
    columns = (*words(""), *figures(*comparison.names))
    return [Table(title=title, columns=columns, rows=lines, is_split=True), *comparison.notes_by_case()]


def _times(value: float, base: float) -> str:
    times = ratio(value, base)
    return "" if times is None else f"{times:.2f}x"


def _notes(layers: Sequence[Layer] | Sequence[LayerRecord], most: int = 4) -> list[str]:
    """Return what is noted of layers, each note once, with the layers that it is for."""
    noted: dict[str, list[str]] = {}
    for layer in layers:
        if layer.note:
            noted.setdefault(layer.note, []).append(layer.name)
    lines = []
    for note, names in noted.items():
        more = f" and {len(names) - most} more" if len(names) > most else ""
        lines.append(f"note: {note}: {', '.join(names[:most])}{more}")
    return lines


def _breakdown_line(what: str, parts: Mapping[str, float]) -> str:
    total = sum(parts.values())
    largest = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
    shares = [f"{key} {value / total:.1%}" for key, value in largest if total and value / total >= 0.0005]
    return f"{what}: {', '.join(shares)}"
