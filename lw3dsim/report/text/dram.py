"""A replayed trace as a record and as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from lw3dsim._version import __version__
from lw3dsim.base.records import Breakdown, Record, figure
from lw3dsim.base.values import fields_of
from lw3dsim.report.terminal import Part, Table, figures, name

if TYPE_CHECKING:
    from lw3dsim.dram.replay import Replay


class EnergyParts(Breakdown[float], frozen=True, kw_only=True):
    """Energy of a replay in pJ: by command, their total, and of the interface, which is not in it."""

    activate: float
    read: float
    write: float
    refresh: float
    background: float
    total: float
    io: float


class ReplayRecord(Record, frozen=True, kw_only=True):
    """The outcome of ``lw3dsim dram``: clocks, counts, pJ, GB/s."""

    preset: str
    mapping: str
    channels: int
    refresh: str
    queue: int
    trace: str
    version: str
    requests: int
    request_bytes: int
    bytes: Annotated[int, figure("bytes that requests asked for")]
    burst_bytes: int
    bursts: int
    bursts_per_request: float
    moved_bytes: int
    cycles: Annotated[int, figure("clocks of the DRAM")]
    ns: float
    gbps: float
    peak_gbps: float
    reads: int
    writes: int
    row_hits: int
    row_misses: int
    row_conflicts: int
    activates: int
    precharges: int
    refreshes: int
    bank_refreshes: int
    merged_reads: int
    merged_writes: int
    forwarded_reads: int
    active_clocks: Annotated[int, figure("clocks with a bank open")]
    idle_clocks: Annotated[int, figure("clocks with no bank open")]
    energy_pj: EnergyParts
    pj_per_bit: float


def dram_record(result: Replay, preset: str, mapping: str, refresh: str, queue: int, trace: str) -> ReplayRecord:
    """Return the outcome of ``lw3dsim dram``."""
    counts, energy = result.counts, result.energy
    return ReplayRecord(
        preset=preset,
        mapping=mapping,
        channels=result.channels,
        refresh=refresh,
        queue=queue,
        trace=trace,
        version=__version__,
        requests=result.requests,
        request_bytes=result.request_bytes,
        bytes=result.bytes_asked,
        burst_bytes=result.standard.burst_bytes,
        bursts=result.bursts,
        bursts_per_request=result.bursts / result.requests,
        moved_bytes=result.bytes_moved,
        cycles=result.cycles,
        ns=result.ns,
        gbps=result.gbps,
        peak_gbps=result.standard.peak_gbps * result.channels,
        **fields_of(counts),
        energy_pj=EnergyParts(
            activate=energy.activate,
            read=energy.read,
            write=energy.write,
            refresh=energy.refresh,
            background=energy.background,
            total=energy.total,
            io=energy.io,
        ),
        pj_per_bit=result.pj_per_bit,
    )


def dram_tables(record: ReplayRecord) -> list[Part]:
    """Return the tables of ``lw3dsim dram``."""
    accesses = record.reads + record.writes
    bursts = Table(
        columns=(name("bursts"), *figures("count", "share")),
        rows=[
            (kind, f"{count:,}", f"{count / accesses:.1%}")
            for kind, count in (
                ("reads", record.reads),
                ("writes", record.writes),
                ("row hits", record.row_hits),
                ("row misses", record.row_misses),
                ("row conflicts", record.row_conflicts),
            )
        ],
    )
    parts = Table(
        columns=(name("energy"), *figures("nJ", "pJ/bit")),
        rows=[
            (
                "io (outside the devices)" if part == "io" else part,
                f"{energy / 1e3:,.1f}",
                f"{energy / 8 / record.bytes:.3f}",
            )
            for part, energy in record.energy_pj.items()
        ],
    )
    refreshes = record.refreshes or record.bank_refreshes
    used = record.gbps / record.peak_gbps
    lines = [
        f"a request is {record.request_bytes:,} bytes and touches {record.bursts_per_request:,.4g} burst(s) of "
        f"{record.burst_bytes}: {record.requests:,} requests, {record.bytes:,} bytes asked for, "
        f"{record.bursts:,} bursts",
        f"{record.moved_bytes:,} bytes moved in {record.cycles:,} clocks = {record.ns / 1e3:,.1f} us: "
        f"{record.gbps:.3f} of {record.peak_gbps:.3f} GB/s ({used:.1%})",
        f"{record.activates:,} activates, {record.precharges:,} precharges, {refreshes:,} refreshes "
        f"({record.refresh}); mapping {record.mapping}, {record.channels} channel(s)",
    ]
    return [f"{record.trace} on {record.preset}", "", bursts, "", parts, "", *lines]
