"""Accesses at every level of the memories: a bar per level by tensor, and a table of who reads and writes what."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.account.accesses import LEVELS, reuses
from lw3dsim.report.html.figures import STYLES
from lw3dsim.report.html.markup import number, share_text
from lw3dsim.report.html.parts import Chart, Given, bars_of, keys_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.account.accesses import Access
    from lw3dsim.result.records import RunRecord

UJ_PER_PJ = 1e-6
MB_PER_BYTE = 1e-6


class Row(NamedTuple):
    """What one unit does at one level to one tensor, and how often the level serves it per access to the next one."""

    level: str
    tensor: str
    by: str
    numbers: list[tuple[str, float]]


class Levels(NamedTuple):
    """The accesses of the network: what is to be seen, charts, and the rows of the table."""

    said: str
    charts: list[Chart]
    rows: list[Row]


def levels_of(record: RunRecord) -> Levels:
    """Return the accesses of a run."""
    accesses = record.accesses
    return Levels(
        _said(record),
        [
            _chart("energy", "Energy of accesses by tensor, µJ.", accesses, lambda one: one.energy_pj, UJ_PER_PJ, "µJ"),
            _chart("bytes", "Read and written by tensor, MB.", accesses, lambda one: one.bytes, MB_PER_BYTE, "MB"),
        ],
        access_rows(accesses),
    )


def _said(record: RunRecord) -> str:
    best = max(record.reuse, key=lambda one: one.reuse, default=None)
    energy = {level: sum(one.energy_pj for one in record.accesses if one.level == level) for level in LEVELS}
    level = max(LEVELS, key=lambda name: energy[name])
    share = share_text(energy[level] / record.totals.energy_pj)
    said = f"{_capital(_label(level))} takes most energy of all levels, {share} of the network's."
    if best is None:
        return said
    place, tensor = _capital(_label(best.level)), _label(best.tensor)
    return f"{said} {place} reuses most: {number(best.reuse)} bytes of {tensor} for one towards DRAM."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _label(key: str) -> str:
    return "DRAM" if key == "dram" else STYLES[key].label


def _chart(
    key: str, caption: str, accesses: Sequence[Access], of: Callable[[Access], float], scale: float, unit: str
) -> Chart:
    sums: dict[str, dict[str, float]] = {level: {} for level in LEVELS}
    for one in accesses:
        tensors = sums[one.level]
        tensors[one.tensor] = tensors.get(one.tensor, 0.0) + of(one)
    whole = sum(map(of, accesses))
    given = [Given(_label(level), tensors, whole, {}) for level, tensors in sums.items() if any(tensors.values())]
    return Chart(key, key, caption, keys_of(given), bars_of(given, scale, unit), [])


def access_rows(accesses: Sequence[Access]) -> list[Row]:
    """Return the rows of a table of accesses; reuse is said once of each tensor at a level."""
    times = {(one.level, one.tensor): one.reuse for one in reuses(accesses)}
    rows = []
    for one in accesses:
        reuse = times.pop((one.level, one.tensor), None)
        shown = (one.read_bytes * MB_PER_BYTE, one.write_bytes * MB_PER_BYTE, one.energy_pj * UJ_PER_PJ, reuse or 0.0)
        numbers = [(number(value) if value else "", value) for value in shown]
        rows.append(Row(_label(one.level), _label(one.tensor), one.by, numbers))
    return rows
