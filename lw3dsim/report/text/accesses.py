"""The table of accesses of ``lw3dsim simulate --accesses``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.report.terminal import Part, Table, figures, four_digits, words

if TYPE_CHECKING:
    from lw3dsim.account.accesses import Access
    from lw3dsim.result.result import Result


def access_tables(result: Result) -> list[Part]:
    """Return the accesses of the network at every level, by tensor and by who asks."""
    record = result.record
    reuse = {(one.level, one.tensor): one.reuse for one in record.reuse}
    rows = []
    for row in record.accesses:
        # Of a tensor that several units ask for, reuse is said once.
        times = reuse.pop((row.level, row.tensor), None)
        rows.append(_row(row, result.totals.energy_pj, times))
    table = Table(
        title=f"Accesses of {result.workload} on {result.arch}",
        columns=(
            *words("level", "tensor", "by"),
            *figures("reads M", "writes M", "read MB", "written MB", "energy uJ", "of all", "reuse"),
        ),
        rows=rows,
        importance=("tensor", "energy uJ", "by", "read MB", "written MB", "reuse", "of all", "reads M", "writes M"),
    )
    return [
        table,
        "reads and writes: bursts of DRAM, words of a buffer's port, elements in files and registers; "
        "reuse: bytes towards the array per byte towards DRAM",
    ]


def _row(row: Access, energy_pj: float, reuse: float | None) -> tuple[str, ...]:
    counts = (row.reads / 1e6, row.writes / 1e6, row.read_bytes / 1e6, row.write_bytes / 1e6)
    return (
        row.level,
        row.tensor,
        row.by,
        *(four_digits(count) if count else "" for count in counts),
        four_digits(row.energy_pj / 1e6),
        f"{row.energy_pj / energy_pj:.1%}",
        "" if reuse is None else f"{reuse:.4g}",
    )
