"""The tables of ``lw3dsim explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.report.terminal import Part, Table, figures, name

if TYPE_CHECKING:
    from lw3dsim.comparison.explain import Cause, Change, Explanation
    from lw3dsim.result.records import Totals

# A change below this share is none: two mappings within it count as equal.
NOISE = 0.001

# Layers of a cause that are named.
NAMED = 3


def explanation_tables(explanation: Explanation) -> list[Part]:
    """Return what binds the design, then its neighbours by what they save."""
    totals, base = explanation.base.totals, explanation.base
    lines: list[Part] = [
        f"{base.workload} on {base.arch}: {totals.latency_ms:.3f} ms, {totals.energy_pj / 1e9:.3f} mJ, "
        f"{totals.area_mm2:.2f} mm2",
        "cycles of layers by what binds them:",
        *(_cause_line(row) for row in explanation.causes()),
    ]
    known = [_row(totals, change, change.result.totals) for change in explanation.changes if change.result is not None]
    table = Table(
        title="One field changed",
        columns=(name("field", 20), *figures("from", "to", "latency", "energy", "area mm2", "ms per mm2")),
        rows=known,
        importance=("to", "latency", "from", "energy", "area mm2", "ms per mm2"),
    )
    lines.append(table)
    lines += [f"{each.path} = {each.after}: {each.reason}" for each in explanation.changes if each.result is None]
    return lines


def _row(old: Totals, change: Change, new: Totals) -> tuple[str, ...]:
    latency, area = new.latency_ms / old.latency_ms - 1, new.area_mm2 - old.area_mm2
    worth = f"{(old.latency_ms - new.latency_ms) / area:,.2f}" if area > 0.005 and abs(latency) >= NOISE else ""
    energy = new.energy_pj / old.energy_pj - 1
    return (
        change.path,
        str(change.before),
        str(change.after),
        _percent(latency),
        _percent(energy),
        f"{area:+.2f}",
        worth,
    )


def _cause_line(row: Cause) -> str:
    """Return a line: what binds, how much of the time, which layers, how many lanes idle and why, what helps."""
    names = row.layers
    layers = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    words = f": {row.words}" if row.words else ""
    return f"  {row.cause} {row.share:.1%}, {layers}{words}. Helps: {row.helps}"


def _percent(change: float) -> str:
    return "=" if abs(change) < NOISE else f"{change:+.1%}"
