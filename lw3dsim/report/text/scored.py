"""The table of ``lw3dsim score``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.report.terminal import Part, Table, figures, name

if TYPE_CHECKING:
    from lw3dsim.result.scored import ScoreRecord


def score_tables(record: ScoreRecord) -> list[Part]:
    """Return what became of each layer that is multiplied, and of the answers."""
    rows = [
        (
            layer.name,
            layer.algorithm,
            f"{layer.data_bits} x {layer.weight_bits}",
            f"{layer.data_shift} + {layer.weight_shift}",
            _decibels(layer.sqnr_db),
            _decibels(layer.estimated_db),
        )
        for layer in record.layers
    ]
    table = Table(
        title=f"{record.workload} on {record.arch}, {record.dtype}, shifts {record.shifts} per {record.per}",
        columns=(name("layer", 16), name("algorithm", 16), *figures("multiplier", "dropped", "SQNR dB", "estimate dB")),
        rows=rows,
        importance=("SQNR dB", "estimate dB", "multiplier", "dropped", "algorithm"),
    )
    answers = (
        f"{record.clips} clips of {record.data}: top-1 {record.top1:.3f}, in floating point {record.float_top1:.3f}; "
        f"{record.agreement:.3f} answered alike"
    )
    return [table, "dropped: most bits of transformed data + weights", answers]


def _decibels(value: float | None) -> str:
    return "exact" if value is None else f"{value:.1f}"
