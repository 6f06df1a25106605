"""The tables of ``lw3dsim explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.report.terminal import Part, Table, figures, name

if TYPE_CHECKING:
    from lw3dsim.comparison.explain import Cause, Change, Explanation
    from lw3dsim.result.records import Totals

# A change below this share is none: two mappings within it count as equal.
NOISE = 0.001

# Areas are shown to a hundredth.
LEAST_MM2 = 0.005

# Layers of a cause that are named.
NAMED = 3


def explanation_tables(explanation: Explanation) -> list[Part]:
    """Return what binds the design, then its neighbours by what they save."""
    totals, base = explanation.base.totals, explanation.base
    lines: list[Part] = [
        f"{base.workload} on {base.arch}: {totals.latency_ms:.3f} ms, {totals.energy_pj / 1e9:.3f} mJ, "
        f"{totals.area_mm2:.2f} mm2",
        verdict(explanation),
        "cycles of layers by what binds them:",
        *(_cause_line(row) for row in explanation.causes()),
    ]
    changes = [(change, change.result.totals) for change in explanation.changes if change.result is not None]
    known = [_row(totals, change, new) for change, new in changes if _matters(totals, new)]
    table = Table(
        title="One field changed",
        columns=(name("field", 20), *figures("from", "to", "latency", "energy", "area mm2", "ms per mm2")),
        rows=known,
        importance=("to", "latency", "from", "energy", "area mm2", "ms per mm2"),
    )
    lines.append(table)
    idle: dict[str, list[str]] = {}
    for change, new in changes:
        if not _matters(totals, new):
            idle.setdefault(change.path, []).append(str(change.after))
    if idle:
        lines.append("Nothing changes with " + "; ".join(f"{path} {' or '.join(to)}" for path, to in idle.items()))
    lines += [f"{each.path} = {each.after}: {each.reason}" for each in explanation.changes if each.result is None]
    return lines


def verdict(explanation: Explanation) -> str:
    """Return in a sentence what binds the design, and which step of one field shortens it most."""
    (cause, share), *others = explanation.bounds().items()
    sentence = f"{cause} binds {share:.0%} of the cycles" + (f", {others[0][0]} {others[0][1]:.0%}" if others else "")
    old, first = explanation.base.totals, explanation.changes[0] if explanation.changes else None
    if first is None or first.result is None or first.result.totals.latency_ms > (1 - NOISE) * old.latency_ms:
        return f"{sentence}; no step of one field makes it faster"
    new = first.result.totals
    saved, area = 1 - new.latency_ms / old.latency_ms, new.area_mm2 - old.area_mm2
    return f"{sentence}; {first.path} {first.before} -> {first.after} saves {saved:.1%} of the time for {area:+.2f} mm2"


def _matters(old: Totals, new: Totals) -> bool:
    """Return whether time, energy or area are others."""
    changes = [_change(new.latency_ms, old.latency_ms), _change(new.energy_pj, old.energy_pj)]
    return any(abs(change) >= NOISE for change in changes) or abs(new.area_mm2 - old.area_mm2) >= LEAST_MM2


def _change(new: float, old: float) -> float:
    return new / old - 1


def _row(old: Totals, change: Change, new: Totals) -> tuple[str, ...]:
    latency, area = _change(new.latency_ms, old.latency_ms), new.area_mm2 - old.area_mm2
    worth = f"{(old.latency_ms - new.latency_ms) / area:,.2f}" if area > LEAST_MM2 and abs(latency) >= NOISE else ""
    energy = _change(new.energy_pj, old.energy_pj)
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
