"""The tables of ``lw3dsim explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lw3dsim.report.terminal import Part, Table, figures, words

if TYPE_CHECKING:
    from lw3dsim.comparison.explain import Explanation

# A change below this share is none: two mappings within it count as equal.
NOISE = 0.001

# Layers of a cause that are named.
NAMED = 3


def explanation_tables(explanation: Explanation) -> list[Part]:
    """Return what binds the design, then its neighbours by what they save."""
    totals, base = explanation.base.totals, explanation.base
    lines: list[Part] = [
        f"{base.workload} on {base.arch}: {totals['latency_ms']:.3f} ms, {totals['energy_pj'] / 1e9:.3f} mJ, "
        f"{totals['area_mm2']:.2f} mm2",
        "cycles of layers by what binds them:",
        *(_cause_line(row) for row in explanation.causes()),
    ]
    rows = explanation.rows()
    known = []
    for row in (row for row in rows if row["latency_ms"] is not None):
        area = row["area_change_mm2"]
        saved = totals["latency_ms"] - row["latency_ms"]
        worth = f"{saved / area:,.2f}" if area > 0.005 and abs(row["latency_change"]) >= NOISE else ""
        change = (_percent(row["latency_change"]), _percent(row["energy_change"]))
        known.append((row["field"], str(row["before"]), str(row["after"]), *change, f"{area:+.2f}", worth))
    table = Table(
        title="One field changed",
        columns=(*words("field"), *figures("from", "to", "latency", "energy", "area mm2", "ms per mm2")),
        rows=known,
        importance=("to", "latency", "from", "energy", "area mm2", "ms per mm2"),
    )
    lines.append(table)
    lines += [f"{row['field']} = {row['after']}: {row['reason']}" for row in rows if row["latency_ms"] is None]
    return lines


def _cause_line(row: dict[str, Any]) -> str:
    """Return a line: what binds, how much of the time, which layers, how many lanes idle and why, what helps."""
    names = row["layers"]
    layers = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    words = f": {row['words']}" if row["words"] else ""
    return f"  {row['cause']} {row['share']:.1%}, {layers}{words}. Helps: {row['helps']}"


def _percent(change: float) -> str:
    return "=" if abs(change) < NOISE else f"{change:+.1%}"
