"""A replayed trace as a record and as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lw3dsim._version import __version__
from lw3dsim.report.terminal import Part, Table, figures, name

if TYPE_CHECKING:
    from lw3dsim.dram.replay import Replay


def dram_record(result: Replay, preset: str, mapping: str, refresh: str, queue: int, trace: str) -> dict[str, Any]:
    """Return the outcome of ``lw3dsim dram`` as plain data: clocks, counts, pJ, GB/s."""
    counts, energy = result.counts, result.energy
    return {
        "preset": preset,
        "mapping": mapping,
        "channels": result.channels,
        "refresh": refresh,
        "queue": queue,
        "trace": trace,
        "version": __version__,
        "requests": result.requests,
        "request_bytes": result.request_bytes,
        "bytes": result.bytes_asked,
        "burst_bytes": result.standard.burst_bytes,
        "bursts": result.bursts,
        "bursts_per_request": result.bursts / result.requests,
        "moved_bytes": result.bytes_moved,
        "cycles": result.cycles,
        "ns": result.ns,
        "gbps": result.gbps,
        "peak_gbps": result.standard.peak_gbps * result.channels,
        "reads": counts.reads,
        "writes": counts.writes,
        "row_hits": counts.row_hits,
        "row_misses": counts.row_misses,
        "row_conflicts": counts.row_conflicts,
        "activates": counts.activates,
        "precharges": counts.precharges,
        "refreshes": counts.refreshes,
        "bank_refreshes": counts.bank_refreshes,
        "merged_reads": counts.merged_reads,
        "merged_writes": counts.merged_writes,
        "forwarded_reads": counts.forwarded_reads,
        "active_clocks": counts.active_clocks,
        "idle_clocks": counts.idle_clocks,
        "energy_pj": {
            "activate": energy.activate,
            "read": energy.read,
            "write": energy.write,
            "refresh": energy.refresh,
            "background": energy.background,
            "total": energy.total,
            "io": energy.io,
        },
        "pj_per_bit": result.pj_per_bit,
    }


def dram_tables(record: dict[str, Any]) -> list[Part]:
    """Return the tables of ``lw3dsim dram``."""
    accesses = record["reads"] + record["writes"]
    bursts = Table(
        columns=(name("bursts"), *figures("count", "share")),
        rows=[
            (kind.replace("_", " "), f"{record[kind]:,}", f"{record[kind] / accesses:.1%}")
            for kind in ("reads", "writes", "row_hits", "row_misses", "row_conflicts")
        ],
    )
    parts = Table(
        columns=(name("energy"), *figures("nJ", "pJ/bit")),
        rows=[
            (
                "io (outside the devices)" if part == "io" else part,
                f"{energy / 1e3:,.1f}",
                f"{energy / 8 / record['bytes']:.3f}",
            )
            for part, energy in record["energy_pj"].items()
        ],
    )
    refreshes = record["refreshes"] or record["bank_refreshes"]
    used = record["gbps"] / record["peak_gbps"]
    lines = [
        f"a request is {record['request_bytes']:,} bytes and touches {record['bursts_per_request']:,.4g} burst(s) of "
        f"{record['burst_bytes']}: {record['requests']:,} requests, {record['bytes']:,} bytes asked for, "
        f"{record['bursts']:,} bursts",
        f"{record['moved_bytes']:,} bytes moved in {record['cycles']:,} clocks = {record['ns'] / 1e3:,.1f} us: "
        f"{record['gbps']:.3f} of {record['peak_gbps']:.3f} GB/s ({used:.1%})",
        f"{record['activates']:,} activates, {record['precharges']:,} precharges, {refreshes:,} refreshes "
        f"({record['refresh']}); mapping {record['mapping']}, {record['channels']} channel(s)",
    ]
    return [f"{record['trace']} on {record['preset']}", "", bursts, "", parts, "", *lines]
